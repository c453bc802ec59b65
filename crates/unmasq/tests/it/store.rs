//! Stores: what was imported is remembered, once, and asked as the logs are.

use crate::run::{Workplace, gzip};
use serde_json::Value;
use std::fs;

const LAB: &str = "--processes process.jsonl --alerts eve.json --quiet";

/// A place with a store of everything that the lab's gateways logged.
fn remembered() -> Workplace {
    let place = Workplace::with_whole_lab();
    place.run("import --store past --inventory inventory.json").well();
    place
}

fn stats(place: &Workplace) -> Value {
    serde_json::from_str(&place.run("store stats past --json").well().out).unwrap()
}

#[test]
fn what_is_remembered_gives_the_same_answers() {
    let place = remembered();
    let from_logs = place.run(&format!("trace --inventory inventory.json {LAB}")).well().out;
    fs::remove_file(place.path("gw-a.conntrack.log")).unwrap();
    let from_store = place.run(&format!("trace --store past {LAB}")).well().out;
    assert!(from_logs == from_store, "the answers differ");
}

#[test]
fn a_look_up_in_a_store_is_one_in_the_logs() {
    let place = remembered();
    for question in [
        "203.0.113.10:20038 --remote 198.51.100.66:80 --proto tcp --at 2026-11-22T10:57:52.310113Z",
        "203.0.113.10 --from 10:58 --to 10:59 --zone UTC",
        "203.0.113.10:20038 --at 2026-11-22T10:57:52Z",
        "203.0.113.20:80 --from 10:57 --to 10:59 --zone UTC",
        "203.0.113.30 --from 10:57 --to 10:59 --zone UTC",
        "198.51.100.66:80 --at 2026-11-22T10:58:00Z",
    ] {
        let lookup = format!("lookup {question} --processes process.jsonl");
        let from_logs = place.run(&format!("{lookup} --inventory inventory.json")).well().out;
        assert_eq!(place.run(&format!("{lookup} --store past")).well().out, from_logs);
    }
}

#[test]
fn plain_sessions_are_remembered_hour_by_hour() {
    let place = Workplace::with_alibaba();
    place.run("import --store past --inventory inventory.toml").well();
    let trace = "trace --alerts ndr-alerts.jsonl --quiet --evidence ref";
    let from_logs = place.run(&format!("{trace} --inventory inventory.toml")).well().out;
    let from_store = place.run(&format!("{trace} --store past")).well().out;
    assert!(from_store == from_logs, "the answers differ");
    let stats = stats(&place);
    assert!(!stats["hours"].as_array().unwrap().is_empty(), "{stats:#}");
    assert_eq!(stats["unmerged"], 0, "{stats:#}");
    assert!(place.path("past/hours").read_dir().unwrap().count() > 0);
}

#[test]
fn importing_again_doubles_nothing() {
    let place = remembered();
    let before = (stats(&place), place.run(&format!("trace --store past {LAB}")).well().out);
    let again = place.run("import --store past --inventory inventory.json").well();
    again.says("in the store already");
    assert_eq!(stats(&place), before.0);
    // Under another name, and packed.
    let log = place.bytes("gw-a.conntrack.log");
    place.write("older/gw-a.conntrack.log.1.gz", gzip(&log));
    place.run("import --store past --inventory inventory.json older/gw-a.conntrack.log.1.gz").well();
    let after = (stats(&place), place.run(&format!("trace --store past {LAB}")).well().out);
    assert_eq!(after.0, before.0);
    assert!(after.1 == before.1, "the answers differ");
}

#[test]
fn a_log_that_has_grown_is_read_on() {
    let place = Workplace::with_lab();
    let whole = place.bytes("gw-a.conntrack.log");
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for (imported, part) in [500, 1_000, lines.len()].into_iter().enumerate() {
        // The last line is half written at first.
        let mut now = lines[..part].concat();
        if part < lines.len() {
            now.extend_from_slice(&lines[part][..lines[part].len() / 2]);
        }
        place.write("gw-a.conntrack.log", now);
        let ran = place.run("import --store past --inventory inventory.json").well();
        if part < lines.len() {
            ran.says("its last line is not ended");
        }
        let log = &stats(&place)["logs"][0];
        assert_eq!(log["name"], "gw-a.conntrack.log");
        assert_eq!((&log["files"], &log["records"]), (&1.into(), &part.into()), "import {imported}");
    }
    let from_logs = place.run(&format!("trace --inventory inventory.json {LAB}")).well().out;
    assert!(place.run(&format!("trace --store past {LAB}")).well().out == from_logs, "the answers differ");
}

#[test]
fn files_may_come_in_any_order() {
    let place = Workplace::with_lab();
    let whole = place.bytes("gw-a.conntrack.log");
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let halves = lines.split_at(lines.len() / 2);
    place.write("gw-a.conntrack.log.1", halves.0.concat());
    place.write("gw-a.conntrack.log", halves.1.concat());
    let from_logs = place
        .run(&format!("trace --inventory inventory.json --sessions gw-a.conntrack.log --sessions gw-a.conntrack.log.1 --evidence ref {LAB}"))
        .well()
        .out;
    place.run("import --store past --inventory inventory.json gw-a.conntrack.log").well();
    place.run("import --store past gw-a.conntrack.log.1").exits(0);
    let status = |traced: &str| -> Vec<String> {
        crate::run::traces(traced).iter().map(|trace| trace["status"].to_string()).collect()
    };
    let from_store = place.run(&format!("trace --store past --evidence ref {LAB}")).well().out;
    assert!(status(&from_store) == status(&from_logs), "the answers differ");
}

#[test]
fn what_is_old_goes_and_is_not_called_absent() {
    let place = Workplace::with_alibaba();
    place.run("import --store past --inventory inventory.toml").well();
    let hours = stats(&place)["hours"].as_array().unwrap().len();
    place.run("store expire past --before 2000-01-01T00:00:00Z").well();
    assert_eq!(stats(&place)["hours"].as_array().unwrap().len(), hours);
    place.run("store expire past --before 2100-01-01T00:00:00Z").well();
    assert_eq!(stats(&place)["hours"].as_array().unwrap().len(), 0);
    let traced = place.run("trace --store past --alerts ndr-alerts.jsonl --quiet --evidence ref").well().out;
    assert!(!traced.contains("no-session"), "absence is claimed");
    place.run("store verify past").well();
}

#[test]
fn a_store_that_is_none_is_said_to_be_none() {
    let place = Workplace::with_lab();
    place.run("store stats nowhere").exits(1).says("there is no store in `nowhere`");
    place.run(&format!("trace --store nowhere {LAB}")).exits(1).says("unmasq import");
    place.run("import --store past nothing-there.log").exits(3);
    place.run("import --store past").exits(1).says("nothing to import");
}

#[test]
fn two_do_not_write_at_once() {
    let place = remembered();
    let lock = fs::File::options().write(true).open(place.path("past/writer.lock")).unwrap();
    lock.lock().unwrap();
    place.run("import --store past --inventory inventory.json").exits(1).says("another process is writing");
    place.run(&format!("trace --store past {LAB}")).well();
}
