//! An import that is killed again and again: what it has stored is there, and nothing is there twice.

use crate::run::{Workplace, kills};
use serde_json::Value;
use std::{
    fs::File,
    io::{BufWriter, Write},
    process::Child,
    time::{Duration, Instant},
};
use unmasq_testkit::{
    rng::Rng,
    workload::{self, Plan, Shape},
};

/// So many records, in so many logs.
const RECORDS: u64 = 24_000;
const LOGS: usize = 6;

/// Six logs, each with its part of some traffic, and alerts about it.
fn traffic() -> Workplace {
    let place = Workplace::new();
    let plan = Plan { seed: 5, records: RECORDS };
    let mut files: Vec<BufWriter<File>> = (0..LOGS)
        .map(|log| BufWriter::new(File::create(place.path(&format!("nat-{log}.jsonl"))).unwrap()))
        .collect();
    for (number, record) in workload::records(&plan).enumerate() {
        let mut line = Vec::new();
        workload::Writer::new(&mut line, Shape::Json).unwrap().write(&record).unwrap();
        files[number * LOGS / usize::try_from(RECORDS).unwrap()].write_all(&line).unwrap();
    }
    let mut alerts = BufWriter::new(File::create(place.path("eve.json")).unwrap());
    for alert in workload::alerts(&plan, 500) {
        workload::write_alert(&mut alerts, &alert).unwrap();
    }
    place
}

const IMPORT: [&str; 6] = ["import", "--store", "past", "--lot", "1500", "nat-*.jsonl"];

fn start(place: &Workplace) -> Child {
    place.start(&IMPORT)
}

/// How many records the store says that it has.
fn acknowledged(place: &Workplace) -> u64 {
    let ran = place.run("store stats past --json");
    if ran.exit != 0 {
        assert!(ran.err.contains("there is no store"), "{}", ran.err);
        return 0;
    }
    let stats: Value = serde_json::from_str(&ran.out).unwrap();
    let logs = stats["logs"].as_array().unwrap();
    logs.iter().map(|log| log["records"].as_u64().unwrap()).sum()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it must be killed while it runs, however long that is")]
fn an_import_that_is_killed_at_any_moment_goes_on() {
    let place = traffic();
    let begun = Instant::now();
    let whole = start(&place).wait_with_output().unwrap();
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
    let most = u64::try_from(begun.elapsed().as_micros() * 11 / 10).unwrap();
    let answers = place.run("trace --store past --alerts eve.json --quiet --evidence ref").well().out;
    let from_logs =
        place.run("trace --sessions nat-*.jsonl --alerts eve.json --quiet --evidence ref").well().out;
    assert!(answers == from_logs, "the store answers otherwise than the logs");

    let mut rng = Rng::new(7);
    let (mut finished, mut killed) = (0, 0);
    while killed < kills(12) {
        std::fs::remove_dir_all(place.path("past")).unwrap();
        let mut known = 0;
        loop {
            let mut child = start(&place);
            // Each goes on where the one before was; merging comes last and gets its share.
            let within = Duration::from_micros(rng.next_u64() % most);
            std::thread::sleep(within);
            let ended = child.try_wait().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
            let now = acknowledged(&place);
            assert!(now >= known, "{known} records were stored, and {now} are left");
            known = now;
            if ended.is_some() {
                break;
            }
            killed += 1;
        }
        finished += 1;
        assert_eq!(known, RECORDS);
        place.run("store verify past").well();
        let after = place.run("trace --store past --alerts eve.json --quiet --evidence ref").well().out;
        assert!(after == answers, "after being killed the store answers otherwise");
    }
    println!("killed {killed} times, finished {finished} times");
}
