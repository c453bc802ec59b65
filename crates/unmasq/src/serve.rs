//! `unmasq serve` and `unmasq config`.

use crate::{
    cli::{ConfigCommand, ServeArgs},
    config::{Config, EXAMPLE, LogForm},
    exit::Exit,
    report,
};
use anyhow::{Context, Result};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
use unmasq_io::sink::Place;
use unmasq_node::serve::{Clock, Control, Counters, SinkArg, serve};
use unmasq_web::{State, Token};

pub(crate) fn run(args: &ServeArgs) -> Result<Exit> {
    let config = Config::read(&args.config)?;
    let mut options = config.options()?;
    if args.stdout {
        options.sinks.push(SinkArg::new(Place::Stdout));
    }
    log(&config);
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The second one ends it at once.
        flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))
            .context("cannot listen to signals")?;
        flag::register(signal, Arc::clone(&stop)).context("cannot listen to signals")?;
    }
    let (counters, control) = (Arc::new(Counters::default()), Arc::new(Control::default()));
    tracing::info!(data = %options.data.display(), "unmasq serves");
    let (tokens, tls) = (config.http.tokens()?, config.http.tls()?);
    let listener = unmasq_web::listen(config.http.listen)?;
    let state = State {
        data: options.data.clone(),
        counters: Arc::clone(&counters),
        control: Arc::clone(&control),
        tokens,
        tls,
        version: env!("CARGO_PKG_VERSION"),
    };
    thread::scope(|scope| {
        let web = scope.spawn(|| {
            let _end = EndOfAll(&stop);
            unmasq_web::serve(listener, state, &stop)
        });
        let served = {
            let _end = EndOfAll(&stop);
            serve(&options, Clock::System, &counters, &control, &stop)
        };
        let web = web.join().map_err(|_| anyhow::anyhow!("what answers over HTTP has died"))?;
        served.map_err(anyhow::Error::from).and_then(|()| Ok(web?))
    })?;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// One part's end, however it comes, is that of the other too.
struct EndOfAll<'a>(&'a AtomicBool);

impl Drop for EndOfAll<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

pub(crate) fn config(command: &ConfigCommand) -> Result<Exit> {
    match command {
        ConfigCommand::Check(args) => {
            let config = Config::read(&args.config)?;
            let options = config.options()?;
            config.http.tokens()?;
            config.http.tls()?;
            let problems = unmasq_node::serve::check(&options)?;
            for problem in &problems {
                report::tell(&format!("{problem}\n"));
            }
            let sinks = options.sinks.len();
            let text = format!(
                "{}: fine; {} alert sources, {} of sessions, {sinks} sinks\n",
                args.config.display(),
                options.alerts.len(),
                if options.sources.sessions.is_empty() {
                    "those of the inventory".to_owned()
                } else {
                    options.sources.sessions.len().to_string()
                },
            );
            report::tell(&text);
            Ok(if problems.is_empty() { Exit::Done } else { Exit::Incomplete })
        }
        ConfigCommand::Token => token(),
        ConfigCommand::Example => {
            io::stdout().lock().write_all(EXAMPLE.as_bytes())?;
            Ok(Exit::Done)
        }
    }
}

/// Draws a secret. What the configuration wants goes to standard output, the secret itself to standard error: so
/// it is in no file by accident.
fn token() -> Result<Exit> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = format!("unmasq_{digits}");
    let hash = Token::sha256_of(&secret);
    let text = format!(
        "\n[[http.tokens]]\nname = \"viewer-{}\"\nrole = \"viewer\"\nsha256 = \"{hash}\"\n",
        &hash[..6]
    );
    io::stdout().lock().write_all(text.as_bytes())?;
    report::tell(&format!("{secret}\n{}\n", report::dim("this is shown once: give it to whoever is to ask")));
    Ok(Exit::Done)
}

/// Logs to standard error: data alone goes to standard output.
fn log(config: &Config) {
    let logs = tracing_subscriber::fmt()
        .with_max_level(config.log.level.filter())
        .with_target(false)
        .with_writer(io::stderr)
        .with_ansi(anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never);
    // Somebody who has set one already keeps it.
    let _ = match config.log.form {
        LogForm::Human => logs.try_init(),
        LogForm::Json => logs.json().flatten_event(true).try_init(),
    };
}
