//! `cargo xtask bench-serve`: the service under load, and how long what matters takes then.
//!
//! A log grows by so many sessions a second while many alerts are open. Beside that, probes: an alert waits for its
//! record, which then comes; and an alert comes whose record is there. Both are timed from the write to the answer in
//! the sink's file, so with both looks at files, both syncs and the sink's.

mod feed;
mod probe;
mod service;

use crate::bench_compare::{Wanted, made, now, target_folder};
use anyhow::{Context, Result};
use feed::Feed;
use probe::{Probes, Times};
use service::{Service, took_between};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};
use tempfile::TempDir;
use unmasq_testkit::workload::Shape;

/// How much, for how long.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// So many sessions are written in a second
    #[arg(long, value_name = "N", default_value_t = 1_200_000)]
    rate: u64,
    /// For so long
    #[arg(long, value_name = "N", default_value_t = 600)]
    seconds: u64,
    /// So many alerts are there at the start
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    open: usize,
    /// So many probes are begun in a second
    #[arg(long, value_name = "N", default_value_t = 10)]
    probes: u64,
    /// The service's `poll`, if not the usual one
    #[arg(long, value_name = "TIME")]
    poll: Option<String>,
    /// The workload's log, which is written over and over, has so many sessions
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    sessions: u64,
    /// Where the workload is kept and used again [default: bench/SESSIONS in the target folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The release binary [default: release/unmasq in the target folder]
    #[arg(long, value_name = "PATH")]
    unmasq: Option<PathBuf>,
}

/// The log grows so often in a second.
const STEPS: u64 = 50;
/// How things stand is said so often.
const SAID: Duration = Duration::from_secs(10);

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let kept = arguments.data.clone();
    let kept = kept.unwrap_or_else(|| target_folder().join("bench").join(arguments.sessions.to_string()));
    let shape = Shape::Json;
    let wanted = Wanted { seed: 1, sessions: arguments.sessions, alerts: arguments.open, shape };
    let data = made(&kept, &wanted)?;
    let binary = arguments.unmasq.clone().unwrap_or_else(|| target_folder().join("release/unmasq"));
    let folder = tempfile::tempdir_in(&kept).context("cannot make a folder for the service")?;
    let folder = folder.path();
    fs::create_dir(folder.join("alerts")).context("cannot make a folder for the service")?;
    let logs = in_memory(folder)?;
    fs::copy(&data.alerts, folder.join("alerts/open.jsonl")).context("cannot copy the alerts")?;
    let (times, logs) = (Times::default(), logs.path());
    let (mut feed, mut probes) = (Feed::new(&data.sessions, logs)?, Probes::new(folder, logs, &times)?);
    // The time of the alerts passes first: while it does, each is traced again and again.
    eprintln!("{} sessions and {} alerts lie there at the start", arguments.sessions, arguments.open);
    while feed.written <= arguments.sessions {
        feed.write(arguments.sessions / 20 + 1)?;
    }
    // A gateway that nobody heard of would be asked about by every alert.
    probes.make_known(feed.latest)?;
    let mut service = Service::start(&binary, folder, logs, arguments.poll.as_deref())?;
    let started = now();
    service.is_ready()?;
    println!("all of that is read and answered after {:.1} s", started.elapsed().as_secs_f64());
    let (is_over, answers) = (AtomicBool::new(false), folder.join("answers.json"));
    thread::scope(|scope| {
        let listener = scope.spawn(|| times.follow(&answers, &is_over));
        let fed = fed(arguments, &mut feed, &mut probes, &mut service, folder);
        is_over.store(true, Ordering::Relaxed);
        listener.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).and(fed)
    })?;
    let (records, alerts, unanswered) = times.take();
    println!("a record is written -> the answer of its alert has it: {}", quantiles(&records));
    println!("an alert is written -> its answer: {}", quantiles(&alerts));
    println!("not answered, those of the last moment among them: {unanswered}");
    Ok(())
}

/// A folder for the session logs, in memory if there is one: a disk that has to take in hundreds of megabytes a second of
/// what others write lets whoever syncs something else on it wait for seconds.
fn in_memory(folder: &Path) -> Result<TempDir> {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir_in(folder))
        .context("cannot make a folder for the session logs")
}

/// Half of them took at most the first, ninety-nine of a hundred the second.
fn quantiles(sorted: &[Duration]) -> String {
    let at = |share: usize| sorted.get((sorted.len() * share / 100).min(sorted.len().saturating_sub(1)));
    let ms = |share| {
        at(share).map_or_else(|| "-".to_owned(), |time| format!("{:.1} ms", time.as_secs_f64() * 1e3))
    };
    format!("p50 {}, p90 {}, p99 {}, highest {} ({})", ms(50), ms(90), ms(99), ms(100), sorted.len())
}

/// Up to which bounds half of them were, and more; the last is all of them.
fn bounds(cumulated: &[(String, u64)]) -> String {
    let all = cumulated.last().map_or(0, |(_, count)| *count);
    let of = |share: u64| cumulated.iter().find(|(_, count)| count * 100 >= all * share);
    let said = |share| of(share).map_or_else(|| "-".to_owned(), |(bound, _)| format!("{bound} s"));
    format!("50 % in {}, 90 % in {}, 99 % in {}, all in {} ({all})", said(50), said(90), said(99), said(100))
}

/// All that lies in a folder, and in those below.
fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?.flatten()
    {
        // A file may be gone by now.
        let Ok(about) = entry.metadata() else { continue };
        bytes += if about.is_dir() { folder_bytes(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}

/// Feeds the service, and prints what came of it.
fn fed(
    arguments: &Arguments,
    feed: &mut Feed<'_>,
    probes: &mut Probes,
    service: &mut Service,
    folder: &Path,
) -> Result<()> {
    let (begun, before, counted_before) = (now(), service.costs().1, service.counted()?);
    let (mut begun_probes, mut said) = (0_u64, begun);
    let first = feed.written;
    let (mut peak, mut backlog) = (0, Vec::new());
    while begun.elapsed() < Duration::from_secs(arguments.seconds) {
        let step = begun.elapsed().as_micros() * u128::from(STEPS) / 1_000_000 + 1;
        let wanted = u64::try_from(step)? * arguments.rate / STEPS;
        let lacking = (first + wanted).saturating_sub(feed.written);
        feed.write(lacking.min(arguments.rate / STEPS * 4))?;
        probes.go_on()?;
        if u128::from(begun_probes) < begun.elapsed().as_micros() * u128::from(arguments.probes) / 1_000_000 {
            begun_probes += 1;
            probes.begin(feed.latest)?;
        }
        if said.elapsed() >= SAID {
            said = now();
            let counted = service.counted()?;
            let of = |name: &str| counted.get(name).copied().unwrap_or_default();
            let behind = feed.written.saturating_sub(of("unmasq_log_lines_total"));
            peak = peak.max(service.costs().0.unwrap_or_default());
            backlog.push(behind);
            eprintln!(
                "{:4} s: {} sessions written, {behind} not read; {} lots, {} merges, {} alerts open, {} to be traced, \
                 {} MiB",
                begun.elapsed().as_secs(),
                feed.written,
                of("unmasq_lots_stored_total"),
                of("unmasq_merges_total"),
                of("unmasq_alerts_open"),
                of("unmasq_alerts_to_trace"),
                peak / 1024,
            );
        }
        let next = Duration::from_micros(u64::try_from(step)? * (1_000_000 / STEPS));
        thread::sleep(next.saturating_sub(begun.elapsed()));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = service.costs().1.zip(before).map(|(after, before)| (after - before).as_secs_f64());
    let size = folder_bytes(&folder.join("data"))?;
    let counted = service.counted()?;
    let took = |name: &str| took_between(&counted_before, &counted, name);
    println!("logs are looked at -> a lot is held against all alerts: {}", bounds(&took("record_seconds")));
    // Those whose record is still to be written wait for seconds.
    let mut answers = took("first_answer_seconds");
    let all = answers.last().map_or(0, |(_, count)| *count);
    answers.retain(|(bound, _)| bound.starts_with("0."));
    let longer = all - answers.last().map_or(0, |(_, count)| *count);
    println!(
        "an alert is read -> its first answer is stored: {}; {longer} took longer, as do those that wait for their record",
        bounds(&answers)
    );
    let written = feed.written - first;
    println!("{written} sessions in {seconds:.0} s");
    println!("not read: {backlog:?}");
    if let Some(cpu) = cpu {
        println!(
            "processor: {:.2} cores; memory: {} MiB; on disk: {} MiB",
            cpu / seconds,
            peak / 1024,
            size >> 20
        );
    }
    Ok(())
}
