//! What can be typed.

use crate::exit;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use std::{path::PathBuf, time::Duration};
use unmasq_decode::{Format, alert::AlertFormat};
use unmasq_model::{Endpoint, LogTime, Protocol, Realm};
use unmasq_node::{SessionsArg, Sources, batch::OutputForm, forms::Form, lookup::endpoint};

/// Who is really behind a shared address.
///
/// Behind a NAT gateway, hundreds of machines share one public address, and a detector outside sees
/// only that. unmasq joins its alerts with the gateway's session log and names the real machine,
/// container and process, with the line of the log that proves it. Where the proof is not there it
/// says so and why, rather than name the wrong one. It reads files and writes files; it never touches
/// the traffic.
///
/// New here? `unmasq demo` shows it on a recorded attack.
#[derive(Parser, Debug)]
#[command(version, after_help = exit::HELP, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// When to use colour: auto (on a terminal), always or never; NO_COLOR is honoured
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        display_order = 998
    )]
    pub(crate) color: Color,
}

/// When to use colour.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub(crate) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    pub(crate) fn write_global(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Name the machines behind the alerts in a file
    ///
    /// Each alert comes out as it came in, with one more member that says who was behind its addresses,
    /// how sure that is and what proves it. A summary goes to standard error.
    ///
    ///   unmasq trace --alerts eve.json --sessions conntrack.log -o traced.json
    ///
    ///   unmasq trace --alerts eve.json --inventory site.toml --processes sockets.jsonl -o traced.json
    #[command(verbatim_doc_comment)]
    Trace(TraceArgs),
    /// Name who was behind one address, as an abuse mail asks it
    ///
    /// The more of the address, port, peer and time is known, the fewer remain. All who remain are
    /// listed, with how often each was there, what the logs do not cover, and what to ask for next.
    ///
    ///   unmasq lookup 203.0.113.7:40112 --at 2026-11-22T10:31:07Z --sessions conntrack.log
    ///
    ///   unmasq lookup 203.0.113.7 --from 10:30 --to 10:33 --zone Asia/Shanghai --inventory site.toml
    #[command(verbatim_doc_comment)]
    Lookup(LookupArgs),
    /// Keep what session logs say, for months, and look it up in a moment
    ///
    /// Any logs, in any order, again and again: what is in the store is passed over, a log that has grown
    /// is read on, and what was broken off goes on where it was. The inventory is kept with them.
    ///
    ///   unmasq import --store history --inventory site.toml logs/*.gz
    ///
    ///   unmasq trace --store history --alerts last-year.json -o traced.json
    #[command(verbatim_doc_comment)]
    Import(ImportArgs),
    /// See what is in a store, check it, merge its files, drop what is old
    #[command(subcommand)]
    Store(StoreCommand),
    /// Follow logs and alerts as they are written; answer within the wait, amend when proof comes later
    ///
    /// Everything that is kept lies in one folder: kill it at any moment and start it again, and it goes on.
    ///
    ///   unmasq config example > unmasq.toml
    ///
    ///   unmasq serve --config unmasq.toml
    #[command(verbatim_doc_comment)]
    Serve(ServeArgs),
    /// Look at the configuration of a service
    #[command(subcommand)]
    Config(ConfigCommand),
    /// See which format a file is in, how each field is read, and whether it can serve at all
    ///
    /// For session logs, alerts and process records; three of its lines are shown with everything that
    /// is read from them. For a log that cannot name anybody it says why, and what to log instead.
    ///
    ///   unmasq inspect conntrack.log
    ///
    ///   unmasq inspect --as 'nginx[$remote_addr:$remote_port [$time_local] …]' access.log --tz UTC
    #[command(verbatim_doc_comment)]
    Inspect(InspectArgs),
    /// See it work on a recorded attack, in a second
    ///
    /// The recording ships with the program: a real Suricata outside of real Linux NATs, and the logs of
    /// those. Its files go to a temporary folder, unless --keep names one that stays.
    Demo(DemoArgs),
}

/// Where knowledge comes from; the same for every command.
#[derive(Args, Debug)]
#[command(next_help_heading = "What is known")]
pub(crate) struct SourceArgs {
    /// The site: gateways, addresses, machines and their logs (JSON or TOML; see docs/inventory.md)
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    /// A store that session logs were imported into, in place of the logs: a folder or s3://BUCKET/PREFIX; its
    /// inventory is used unless another is given
    #[arg(long, value_name = "STORE", conflicts_with_all = ["sessions", "tz"])]
    pub(crate) store: Option<PathBuf>,
    /// A session log: a file, a folder, a pattern or `-`; FORMAT:PATH says its format
    ///
    /// Without this, the logs that the inventory names are read. Plain, gzip and zstd files are read
    /// as they are; the files of a rotated log are put together.
    #[arg(long, value_name = "[FORMAT:]PATH", value_parser = sessions, long_help = sessions_help())]
    sessions: Vec<SessionsArg>,
    /// Process records of host agents, to name the process too (see docs/formats.md)
    #[arg(long, value_name = "PATH")]
    processes: Vec<String>,
    /// The zone of times that carry none, such as Asia/Shanghai or +08:00
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    tz: Option<TimeZone>,
    /// How far a gateway's clock may be from the sensor's, where the inventory does not say; the
    /// closer, the fewer answers are ambiguous [default: 500ms]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    clock_bound: Option<Duration>,
    /// The realm in which the sensor listens [default: public, or what the inventory says]
    #[arg(long, value_name = "REALM")]
    realm: Option<String>,
}

impl SourceArgs {
    pub(crate) fn sources(&self) -> Sources {
        Sources {
            inventory: self.inventory.clone(),
            store: self.store.clone(),
            sessions: self.sessions.clone(),
            heard: Vec::new(),
            processes: self.processes.clone(),
            zone: self.tz.clone(),
            clock_bound: self.clock_bound,
            sensor_realm: self.realm.as_deref().map(Realm::from),
        }
    }

    /// The zone of times that carry none.
    pub(crate) fn zone(&self) -> Option<&TimeZone> {
        self.tz.as_ref()
    }

    /// How often standard input is asked for.
    pub(crate) fn stdin_uses(&self) -> usize {
        let sessions = self.sessions.iter().filter(|sessions| sessions.path == "-").count();
        sessions + self.processes.iter().filter(|path| *path == "-").count()
    }

    /// Whether nothing at all was given to know from.
    pub(crate) fn is_empty(&self) -> bool {
        self.inventory.is_none() && self.sessions.is_empty() && self.store.is_none()
    }
}

#[derive(Args, Debug)]
pub(crate) struct TraceArgs {
    /// The alerts: a file, a folder, a pattern or `-` for standard input; FORMAT:PATH says their format
    #[arg(long, value_name = "[FORMAT:]PATH", required = true, long_help = alerts_help())]
    pub(crate) alerts: Vec<String>,
    /// How to read alerts of another JSON form: a TOML map of their fields (see docs/formats.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) field_map: Option<PathBuf>,
    /// Where the traced alerts go; `-` is standard output. A file is replaced only if all went well
    ///
    /// csv:FILE makes a table of them, and csv alone writes it to standard output: a row for each shared
    /// address, with the machine behind it (columns: see docs/user-guide.md). ocsf:FILE and ecs:FILE write each answer
    /// in the words of these schemas (see docs/sinks.md).
    #[arg(long, short, value_name = "[FORM:]FILE", default_value = "-", value_parser = output)]
    pub(crate) output: Output,
    /// Leave out lines that are not alerts
    #[arg(long)]
    pub(crate) only_alerts: bool,
    /// What the member that is added to each alert is called
    #[arg(long, value_name = "NAME", default_value = "trace")]
    pub(crate) field: String,
    /// How much of the evidence is written: `full`, the log's lines themselves; `ref`, only where they are
    #[arg(long, value_name = "HOW", default_value = "full", hide_possible_values = true)]
    pub(crate) evidence: Evidence,
    /// Do not print the summary
    #[arg(long, short)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) known: SourceArgs,
}

/// Where answers go, and in what form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Output {
    pub(crate) form: OutputForm,
    pub(crate) path: PathBuf,
}

/// `FILE`, `FORM:FILE` or `FORM`.
#[expect(clippy::unnecessary_wraps, reason = "clap wants a parser that may fail")]
fn output(text: &str) -> Result<Output, String> {
    let form = |name: &str| match name {
        "csv" => Some(OutputForm::Csv),
        "ocsf" => Some(OutputForm::Told(Form::Ocsf)),
        "ecs" => Some(OutputForm::Told(Form::Ecs)),
        _ => None,
    };
    let (name, path) = text.split_once(':').unwrap_or((text, "-"));
    let (form, path) = form(name).map_or((OutputForm::Alerts, text), |form| (form, path));
    Ok(Output { form, path: path.into() })
}

/// How much of the evidence is written.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub(crate) enum Evidence {
    /// Source, line and the record itself
    Full,
    /// Source and line
    Ref,
}

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("when").args(["at", "from"]).required(true)))]
pub(crate) struct LookupArgs {
    #[arg(
        value_name = "ADDRESS[:PORT]",
        value_parser = endpoint,
        help = "The address as the world saw it, with the port if that is known: 203.0.113.7:40112, 203.0.113.7 or \
                [2001:db8::7]:40112"
    )]
    pub(crate) endpoint: Endpoint,
    /// Whom it spoke with, and the port if that is known
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = endpoint)]
    pub(crate) remote: Option<Endpoint>,
    /// The protocol: tcp, udp, icmp or a number
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) proto: Option<Protocol>,
    /// When: 2026-11-22T10:31:07.120Z, or with --zone "2026-11-22 10:31" or 10:31
    ///
    /// A time without seconds means that whole minute; one without a date, the last day in the logs.
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "to"])]
    pub(crate) at: Option<String>,
    /// From when, if only a span of time is known
    #[arg(long, value_name = "TIME", requires = "to")]
    pub(crate) from: Option<String>,
    /// Until when; a time without seconds means to the end of that minute
    #[arg(long, value_name = "TIME", requires = "from")]
    pub(crate) to: Option<String>,
    /// The zone of --at, --from and --to, if they carry none
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub(crate) zone: Option<TimeZone>,
    /// Print the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) known: SourceArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// The store: a folder or s3://BUCKET/PREFIX, made if there is none
    ///
    /// Of a bucket, the endpoint, the region and the keys are in the environment: AWS_ENDPOINT_URL, AWS_REGION,
    /// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY.
    #[arg(long, value_name = "STORE")]
    pub(crate) store: PathBuf,
    /// The site: gateways, addresses, machines and their logs (JSON or TOML; see docs/inventory.md)
    ///
    /// A copy is kept in the store. Without logs on the command line, those that it names are imported.
    #[arg(long, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    #[arg(value_name = "[FORMAT:]PATH", value_parser = sessions, help = "Session logs", long_help = sessions_help())]
    pub(crate) sessions: Vec<SessionsArg>,
    /// The zone of times that carry none, such as Asia/Shanghai or +08:00
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub(crate) tz: Option<TimeZone>,
    /// How many sessions are stored at a time: after a crash no more than these are read again
    #[arg(long, value_name = "SESSIONS", default_value_t = 1 << 20, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    pub(crate) lot: u32,
    /// Do not print the summary
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// The configuration (see `unmasq config example`)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Write answers to standard output too
    #[arg(long)]
    pub(crate) stdout: bool,
}

/// What can be done with a configuration.
#[derive(Subcommand, Debug)]
pub(crate) enum ConfigCommand {
    /// Say whether it makes sense, and whether what it names is there
    Check(ConfigArgs),
    /// Print one with everything that can be configured, and what it means
    Example,
    /// Draw a secret for whoever asks the service, and print what the configuration wants of it
    ///
    /// The secret goes to standard error, once; only its hash is kept.
    ///
    ///   unmasq config token >> unmasq.toml
    #[command(verbatim_doc_comment)]
    Token,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    /// The configuration
    #[arg(value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// What can be done with a store.
#[derive(Subcommand, Debug)]
pub(crate) enum StoreCommand {
    /// What is in it: its logs, and sessions and bytes for each hour and gateway
    Stats(StoreArgs),
    /// Read all of it and compare it with what was written
    Verify(StoreArgs),
    /// Merge what was imported into one sorted file for each hour
    Compact(StoreArgs),
    /// Drop whole hours of sessions that ended before a moment
    Expire(ExpireArgs),
    /// Drop one log, such as one that was imported with the wrong format, zone or gateway; then import it again
    Forget(ForgetArgs),
}

#[derive(Args, Debug)]
pub(crate) struct StoreArgs {
    /// The store: a folder or s3://BUCKET/PREFIX
    #[arg(value_name = "STORE")]
    pub(crate) store: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ForgetArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// The log, as `unmasq store stats` calls it
    #[arg(long, value_name = "NAME")]
    pub(crate) log: String,
}

#[derive(Args, Debug)]
pub(crate) struct ExpireArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// What ended before this goes: 2026-08-22T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) before: LogTime,
}

#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    /// The file, a folder, a pattern or `-`
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,
    /// Read it as this session log format, with the writer's own format string in brackets if it has one
    #[arg(long = "as", value_name = "FORMAT[STRING]", value_parser = format_as)]
    pub(crate) read_as: Option<SessionsArg>,
    /// The site, for what it says about the file: its zone, its format string, the names in it
    #[arg(long, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    /// The zone of times that carry none, such as Asia/Shanghai or +08:00
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub(crate) tz: Option<TimeZone>,
    /// Print the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Leave the recorded files in this folder, to try other commands on them
    #[arg(long, value_name = "FOLDER")]
    pub(crate) keep: Option<PathBuf>,
}

fn sessions(text: &str) -> Result<SessionsArg, String> {
    let arg = SessionsArg::from(text);
    // `conntrak:log` is a slip, `C:\log` or `a:b.log` is a file.
    match text.split_once(':') {
        Some((format, path))
            if arg.format.is_none() && !std::path::Path::new(text).exists() && !path.is_empty() =>
        {
            if let Some((name, _)) = text.split_once('[').filter(|(name, _)| name.parse::<Format>().is_ok()) {
                return Err(format!(
                    "the format string does not end: write it as '{name}[STRING]:PATH', in single quotes"
                ));
            }
            Err(format!(
                "`{format}` is not a format that can be read; there are {}",
                format_names().join(", ")
            ))
        }
        _ => Ok(arg),
    }
}

/// `FORMAT` or `FORMAT[STRING]`: what stands before the colon of `--sessions`.
fn format_as(text: &str) -> Result<SessionsArg, String> {
    let arg = SessionsArg::from(format!("{text}:").as_str());
    match arg.format {
        Some(_) => Ok(arg),
        None => Err(format!("it is not a format that can be read; there are {}", format_names().join(", "))),
    }
}

fn format_names() -> Vec<&'static str> {
    Format::ALL.iter().map(|format| format.name()).collect()
}

fn alerts_help() -> String {
    let names: Vec<&str> = AlertFormat::PRESETS.iter().map(AlertFormat::name).collect();
    format!(
        "The alerts: a file, a folder, a pattern or `-` for standard input; FORMAT:PATH says their format\n\n\
         Formats: {}, and flat with --field-map",
        names.join(", ")
    )
}

fn sessions_help() -> String {
    format!(
        "A session log: a file, a folder, a pattern or `-` for standard input; FORMAT:PATH says its format\n\n\
         Without this, the logs that the inventory names are read. Plain, gzip and zstd files are read as they \
         are; the files of a rotated log are put together.\n\n\
         Formats: {}",
        format_names().join(", ")
    )
}

fn zone(text: &str) -> Result<TimeZone, String> {
    unmasq_io::zone(text).map_err(|error| error.to_string())
}

fn duration(text: &str) -> Result<Duration, String> {
    unmasq_io::duration(text).map_err(|error| error.to_string())
}
