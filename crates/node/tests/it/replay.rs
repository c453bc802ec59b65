//! The recorded lab, live: each line is written when it would have come, on a clock that runs faster.
//!
//! `UNMASQ_REPLAY_SPEED=15 cargo test -p unmasq-node --test it -- replay --nocapture` prints how much is traced when, with
//! little of the machine's own delay in it.

use crate::hold::{corpus, traced};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use unmasq_model::Arrival;
use unmasq_node::{
    Sources,
    batch::{self, AlertsArg, EvidenceDetail},
    serve::{Clock, Counters, Options, Patience, serve},
};
use unmasq_testkit::{answers::as_in_a_batch, rng::Rng};
use unmasq_work::Reader;

/// So many seconds of the recording are one; `UNMASQ_REPLAY_SPEED` says another number.
fn speed() -> u32 {
    std::env::var("UNMASQ_REPLAY_SPEED").ok().and_then(|speed| speed.parse().ok()).unwrap_or(150)
}

const SECOND: i64 = 1_000_000;
/// The day of the recording.
const DAY_US: i64 = 1_795_305_600 * SECOND;

/// When a log's lines come: those of a window together, up to so many seconds after its end.
#[derive(Clone, Copy)]
struct Delay {
    called: &'static str,
    window_s: i64,
    delivery_s: i64,
}

/// A line that is written to a file at a moment.
type Line = (Arrival, String, Vec<u8>);

/// When a line was written, by what it says itself.
fn moment(line: &str) -> Option<i64> {
    let clock = |text: &str| {
        let mut parts = text.get(..8)?.split(':').map(|part| part.parse::<i64>());
        let (h, m, s) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
        Some(DAY_US + ((h * 60 + m) * 60 + s) * SECOND)
    };
    let after = |mark: &str| line.find(mark).and_then(|at| line.get(at + mark.len()..));
    if let Some(stamp) = line.find("17953").and_then(|at| line.get(at..at + 10)) {
        return stamp.parse::<i64>().ok().map(|seconds| seconds * SECOND);
    }
    after("22/Nov/2026:").or_else(|| after("2026-11-22T")).and_then(clock)
}

/// The recording, in order of when each line comes.
fn lines(folder: &Path, logs: &[String], delay: Delay) -> Vec<Line> {
    let mut rng = Rng::new(3);
    let mut all = Vec::new();
    for log in logs.iter().map(String::as_str).chain(["eve.json"]) {
        let bytes = fs::read(folder.join(log)).unwrap();
        let mut last = DAY_US;
        let mut late = (i64::MIN, 0);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            last = moment(&String::from_utf8_lossy(line)).unwrap_or(last).max(last);
            let comes = if log == "eve.json" || delay.window_s == 0 {
                last + SECOND
            } else {
                let window = last.div_euclid(delay.window_s * SECOND);
                if window != late.0 {
                    late = (window, rng.between(0, delay.delivery_s));
                }
                ((window + 1) * delay.window_s + late.1) * SECOND
            };
            all.push((Arrival::from_unix_us(comes), log.to_owned(), line.to_vec()));
        }
    }
    all.sort_by_key(|(comes, ..)| *comes);
    all
}

/// The site with one log of each gateway, and what those logs are called.
fn site(from: &Path, to: &Path) -> Vec<String> {
    const READ: [&str; 6] = [
        "gw-a.conntrack.log",
        "gw-b.conntrack-kts.log",
        "node-1.conntrack.log",
        "haproxy.log",
        "nginx.log",
        "nginx.jsonl",
    ];
    let mut inventory: Value =
        serde_json::from_slice(&fs::read(from.join("inventory.json")).unwrap()).unwrap();
    for kind in ["gateways", "load_balancers"] {
        for owner in inventory[kind].as_array_mut().unwrap() {
            let logs = owner["logs"].as_array_mut().unwrap();
            logs.retain(|log| READ.contains(&log["file"].as_str().unwrap()));
        }
    }
    fs::write(to.join("inventory.json"), serde_json::to_vec(&inventory).unwrap()).unwrap();
    READ.map(str::to_owned).into()
}

/// All revisions of each alert.
fn said(work: &Reader) -> BTreeMap<String, Vec<Value>> {
    let mut said: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for revision in work.said_after(0, 100_000).unwrap() {
        said.entry(revision.id.to_string()).or_default().push(serde_json::from_str(&revision.body).unwrap());
    }
    said
}

fn is_traced(trace: &Value) -> bool {
    ["src", "dest"].iter().any(|end| trace[*end]["status"] == "traced")
}

#[test]
fn answers_come_within_the_wait_and_end_as_a_batch_gives_them() {
    let recording = corpus("lab-basic");
    for delay in [
        Delay { called: "kernel logs as they are written", window_s: 0, delivery_s: 0 },
        Delay { called: "windows of 1 min, delivered within 30 s", window_s: 60, delivery_s: 30 },
        Delay { called: "windows of 10 min, delivered within 5 min", window_s: 600, delivery_s: 300 },
    ] {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        let logs = site(&recording, folder);
        let lines = lines(&recording, &logs, delay);
        let mut options = Options::new(folder.join("data"));
        options.sources = Sources {
            inventory: Some(folder.join("inventory.json")),
            processes: vec![recording.join("process.jsonl").to_string_lossy().into_owned()],
            ..Sources::default()
        };
        let alerts = folder.join("eve.json").to_string_lossy().into_owned();
        options.alerts = vec![AlertsArg { format: None, path: alerts.clone() }];
        options.patience = Patience::default();
        let clock = Clock::fast(lines[0].0, speed());
        let (stop, counters) = (Arc::new(AtomicBool::new(false)), Arc::new(Counters::default()));
        let service = {
            let (options, stop, counters) = (options.clone(), Arc::clone(&stop), Arc::clone(&counters));
            thread::spawn(move || serve(&options, clock, &counters, &Arc::default(), &stop).unwrap())
        };
        for (comes, file, bytes) in &lines {
            thread::sleep(clock.real(comes.since(clock.now())));
            let mut file = OpenOptions::new().create(true).append(true).open(folder.join(file)).unwrap();
            file.write_all(bytes).unwrap();
        }
        let batch = batch::Options { evidence: EvidenceDetail::Full, ..batch::Options::default() };
        let (expected, _) = traced(&options.sources, &alerts, batch);
        let expected: BTreeMap<String, Value> = expected
            .split(|byte| *byte == b'\n')
            .filter_map(|line| Some(serde_json::from_slice::<Value>(line).ok()?.get("trace")?.clone()))
            .map(|trace| (trace["alert_id"].as_str().unwrap().to_owned(), as_in_a_batch(trace)))
            .collect();
        let work = Reader::open(&folder.join("data/work.sqlite")).unwrap();
        let last = |said: &BTreeMap<String, Vec<Value>>| -> BTreeMap<String, Value> {
            let last = |(id, said): (&String, &Vec<Value>)| {
                (id.clone(), as_in_a_batch(said.last().unwrap().clone()))
            };
            said.iter().map(last).collect()
        };
        for tries in 0.. {
            let now = last(&said(&work));
            if now == expected {
                break;
            }
            assert!(tries < 300, "{}: it does not end as a batch", delay.called);
            thread::sleep(Duration::from_millis(100));
        }
        stop.store(true, Ordering::Release);
        service.join().unwrap();
        let said = said(&work);
        let first = |said: &&Vec<Value>| said[0]["waited_ms"].as_u64().unwrap();
        let mut firsts: Vec<u64> = said.values().map(|said| first(&said)).collect();
        firsts.sort_unstable();
        let (longest, half) = (firsts[firsts.len() - 1], firsts[firsts.len() / 2]);
        // A second of ours is minutes there: the machine may be busy for a moment, or for long, and this is not optimised.
        assert!(half < 90_000 + u64::from(speed()) * 3_000, "{}: {half} ms", delay.called);
        assert!(longest < 90_000 + u64::from(speed()) * 15_000, "{}: {longest} ms", delay.called);
        let at = |ms: u64| {
            let until = |said: &&Vec<Value>| {
                let told = said.iter().take_while(|trace| trace["waited_ms"].as_u64().unwrap() <= ms);
                told.last().is_some_and(is_traced)
            };
            said.values().filter(until).count()
        };
        let promised = said.values().flatten().filter(|trace| !trace["expected_by"].is_null());
        let promised: Vec<&Value> = promised.collect();
        assert!(promised.iter().all(|trace| trace["final"] == false), "what is final expects nothing");
        // How many there are depends on how busy the machine is: what is due already when an answer is said, it does not say.
        println!("{}: {} answers say when records are due", delay.called, promised.len());
        println!(
            "{}: of {} alerts {} traced 5 s after they came, {} after 91 s, {} in the end; {} amended; first answers after {half} ms (half of them), {longest} ms (all)",
            delay.called,
            said.len(),
            at(5_000),
            at(91_000),
            said.values().filter(|said| is_traced(said.last().unwrap())).count(),
            said.values().filter(|said| said.len() > 1).count(),
        );
    }
}
