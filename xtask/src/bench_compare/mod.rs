//! `cargo xtask bench-compare`: unmasq beside the engines that one might join alerts and logs with instead.
//!
//! All do the same work on the same files, one after the other, each as a whole process from its start to
//! its last byte: reading the log, reading the alerts, joining, writing who was behind each. Their answers
//! are held against the truth, for a fast wrong answer is none.

mod contender;
mod data;
mod measure;
mod score;
mod table;

pub(crate) use data::{Wanted, made, write_sessions};
pub(crate) use measure::{cpu_of, memory_kib, now};

use anyhow::{Context, Result, bail};
use contender::{Answers, Contender, Task};
use data::Data;
use measure::Usage;
use score::{Score, Truths};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};
use unmasq_testkit::workload::Shape;

/// What to measure, and whom.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many records the session log has
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    sessions: u64,
    /// How many alerts are traced
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    alerts: usize,
    /// How the log is written: json, sls (every value a text, as the log service exports it) or csv
    #[arg(long, default_value = "json")]
    shape: Shape,
    /// The seed of the workload
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often each is run; the table has the medians
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The Python that has the peers' packages
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// Which peers to run, of those whose package is there
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "duckdb,polars,chdb")]
    peers: Vec<String>,
    /// Run these only: `unmasq`, or peers
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Where the workload is kept and used again [default: bench/SESSIONS in the target folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The release binary [default: release/unmasq in the target folder]
    #[arg(long, value_name = "PATH")]
    unmasq: Option<PathBuf>,
    /// Let unmasq write whole traced alerts instead of a table of answers
    #[arg(long)]
    eve: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let answers = if arguments.eve { Answers::Traced } else { Answers::Table };
    let contenders = contenders(arguments, answers)?;
    if !measure::sees_memory() {
        eprintln!("there is no /proc here: CPU time and memory are not measured");
    }
    let wanted = Wanted {
        seed: arguments.seed,
        sessions: arguments.sessions,
        alerts: arguments.alerts,
        shape: arguments.shape,
    };
    let folder = match &arguments.data {
        Some(folder) => folder.clone(),
        None => target_folder().join("bench").join(arguments.sessions.to_string()),
    };
    let data = data::made(&folder, &wanted)?;
    let truths = Truths::read(&data.truth)?;
    let results = measured(contenders, &data, arguments, &truths)?;
    println!(
        "{} sessions ({}), {} alerts: {} were somebody's, {} may be several's; medians of {}\n",
        arguments.sessions,
        arguments.shape.name(),
        arguments.alerts,
        truths.held(),
        truths.several(),
        arguments.runs
    );
    print!("{}", table::table(&results));
    Ok(())
}

/// What one run cost, and what its answers were worth.
struct Measured {
    usage: Usage,
    score: Score,
}

/// Those who were asked for and are there, unmasq first. Who is not there is named.
fn contenders(arguments: &Arguments, answers: Answers) -> Result<Vec<Contender>> {
    if let Some(name) = arguments.peers.iter().find(|name| !contender::PEERS.contains(&name.as_str())) {
        bail!("there is no peer `{name}`: there are {}", contender::PEERS.join(", "));
    }
    let is_wanted = |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    for name in arguments.only.iter().filter(|name| *name != contender::OURS) {
        anyhow::ensure!(
            arguments.peers.contains(name),
            "`--only {name}` is neither unmasq nor one of --peers"
        );
    }
    let mut contenders = Vec::new();
    if is_wanted(contender::OURS) {
        let binary = arguments.unmasq.clone().unwrap_or_else(|| target_folder().join("release/unmasq"));
        contenders.push(Contender::ours(binary, answers)?);
    }
    for name in arguments.peers.iter().filter(|name| is_wanted(name)) {
        match Contender::peer(name, &arguments.python) {
            Ok(peer) => contenders.push(peer),
            Err(why) => eprintln!("{name} is left out: {why}"),
        }
    }
    anyhow::ensure!(!contenders.is_empty(), "nobody is left to be measured");
    Ok(contenders)
}

/// Runs all, one after the other, and that as often as was asked: so a slow moment of the machine hits all of
/// them alike. A peer that fails is out; if we fail, that is the result.
fn measured(
    contenders: Vec<Contender>,
    data: &Data,
    arguments: &Arguments,
    truths: &Truths,
) -> Result<Vec<(Contender, Vec<Measured>)>> {
    let mut results: Vec<(Contender, Vec<Measured>)> =
        contenders.into_iter().map(|contender| (contender, Vec::new())).collect();
    for run in 1..=arguments.runs {
        let mut kept = Vec::new();
        for (contender, mut measured) in results {
            let name = contender.name();
            match measured_once(&contender, data, arguments.shape, truths) {
                Ok(one) => {
                    let seconds = one.usage.wall.as_secs_f64();
                    eprintln!("run {run} of {}: {name} took {seconds:.2} s", arguments.runs);
                    measured.push(one);
                    kept.push((contender, measured));
                }
                Err(error) if contender.is_ours() => return Err(error),
                Err(error) => eprintln!("{name} is left out, for it failed: {error:#}"),
            }
        }
        results = kept;
    }
    Ok(results)
}

fn measured_once(contender: &Contender, data: &Data, shape: Shape, truths: &Truths) -> Result<Measured> {
    let scratch = data.folder.join("scratch");
    // What a run that was broken off left behind.
    if scratch.exists() {
        fs::remove_dir_all(&scratch).with_context(|| format!("cannot clear {}", scratch.display()))?;
    }
    fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
    for input in [&data.sessions, &data.alerts] {
        warm(input)?;
    }
    let task = Task { sessions: &data.sessions, alerts: &data.alerts, shape, scratch: &scratch };
    let usage = measure::run(contender.command(&task))?;
    let given = contender.answers(&task)?;
    fs::remove_dir_all(&scratch).with_context(|| format!("cannot clear {}", scratch.display()))?;
    Ok(Measured { usage, score: truths.score(&given) })
}

/// Reads a file once, so that everybody finds it in the page cache and none waits for the disk.
fn warm(path: &Path) -> Result<()> {
    let mut file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut piece = vec![0; 1 << 20];
    while file.read(&mut piece)? > 0 {}
    Ok(())
}

/// Where cargo builds: as the environment says, else in the repository.
pub(crate) fn target_folder() -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository.join("target"), PathBuf::from)
}
