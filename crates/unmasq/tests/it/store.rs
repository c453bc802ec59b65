//! Stores: what was imported is remembered, once, and asked as the logs are.

use crate::run::{Ran, Workplace, gzip};
use serde_json::Value;
use std::fs;

const WHOLE: &str = "everything is as it was written";
const LAB: &str = "--processes process.jsonl --alerts eve.json --quiet";

/// A place with a store of everything that the lab's gateways logged.
fn remembered() -> Workplace {
    let place = Workplace::with_whole_lab();
    place.run("import --store past --inventory inventory.json").well();
    place
}

/// It went well, and printed this.
fn printed(ran: Ran, text: &str) {
    let ran = ran.well();
    assert!(ran.out.contains(text), "`{text}` is not in:\n{}", ran.out);
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

/// Where the messages of an IPFIX file end (RFC 7011, 3.1: the third and fourth byte say how long one is).
fn ends(ipfix: &[u8]) -> Vec<usize> {
    let mut ends = vec![0];
    while let Some(length) = ipfix.get(ends[ends.len() - 1] + 2..).and_then(|rest| rest.first_chunk()) {
        ends.push(ends[ends.len() - 1] + usize::from(u16::from_be_bytes(*length)));
    }
    ends
}

#[test]
fn a_binary_log_that_has_grown_is_read_on() {
    let place = Workplace::with_whole_lab();
    let whole = place.bytes("gw-a.nat.ipfix");
    let ends = ends(&whole);
    let all = ends.len() - 1;
    let import = "import --store past --inventory inventory.json ipfix-nat:nat.ipfix";
    let trace = format!("--evidence ref {LAB}");
    let mut records = Vec::new();
    for messages in [all / 3, all / 2, all] {
        // The last message is half written at first.
        let cut = if messages < all { (ends[messages] + ends[messages + 1]) / 2 } else { whole.len() };
        place.write("nat.ipfix", &whole[..cut]);
        place.run(import);
        let log = &stats(&place)["logs"][0];
        assert_eq!((&log["name"], &log["files"]), (&"nat.ipfix".into(), &1.into()));
        records.push(log["records"].as_u64().unwrap());
        let fresh = place.run("import --store fresh --inventory inventory.json ipfix-nat:nat.ipfix");
        assert!([0, 3].contains(&fresh.exit), "{}", fresh.err);
        let at_once: Value = serde_json::from_str(&place.run("store stats fresh --json").well().out).unwrap();
        assert_eq!(log["records"], at_once["logs"][0]["records"], "after {messages} of {all} messages");
        fs::remove_dir_all(place.path("fresh")).unwrap();
    }
    assert!(records.is_sorted_by(|before, after| before < after), "{records:?}");
    place.run(import).well().says("in the store already");
    let from_logs = place
        .run(&format!("trace --inventory inventory.json --sessions ipfix-nat:nat.ipfix {trace}"))
        .well()
        .out;
    assert!(place.run(&format!("trace --store past {trace}")).well().out == from_logs, "the answers differ");
}

#[test]
fn templates_are_learned_from_files_that_are_in_the_store_already() {
    let place = Workplace::with_whole_lab();
    let whole = place.bytes("gw-a.nat.ipfix");
    let half = ends(&whole)[ends(&whole).len() / 2];
    let import = "import --inventory inventory.json ipfix-nat:nat.ipfix*";
    place.write("nat.ipfix", &whole);
    place.run(&format!("{import} --store once")).well();
    let once: Value = serde_json::from_str(&place.run("store stats once --json").well().out).unwrap();
    place.write("nat.ipfix", &whole[..half]);
    place.run(&format!("{import} --store past")).well();
    // Rotated since: the templates are in the older file only.
    place.write("nat.ipfix.1", &whole[..half]);
    place.write("nat.ipfix", &whole[half..]);
    place.run(&format!("{import} --store past")).well().says("1 of 2 files in the store already");
    let log = &stats(&place)["logs"][0];
    assert_eq!((&log["records"], &log["skipped"]), (&once["logs"][0]["records"], &0.into()));
    place.run(&format!("{import} --store past")).well().says("in the store already");
    assert_eq!(&stats(&place)["logs"][0], log);
}

/// Messages without their sets of templates (RFC 7011, 3.3: a set says which it is, and how long).
fn without_templates(messages: &[u8]) -> Vec<u8> {
    let number = |at: usize| usize::from(u16::from_be_bytes([messages[at], messages[at + 1]]));
    let mut kept = Vec::new();
    for ends in ends(messages).windows(2) {
        let start = kept.len();
        kept.extend_from_slice(&messages[ends[0]..ends[0] + 16]);
        let mut set = ends[0] + 16;
        while set < ends[1] {
            let next = set + number(set + 2);
            if number(set) != 2 {
                kept.extend_from_slice(&messages[set..next]);
            }
            set = next;
        }
        let length = u16::try_from(kept.len() - start).unwrap();
        kept[start + 2..start + 4].copy_from_slice(&length.to_be_bytes());
    }
    kept
}

#[test]
fn what_waits_for_its_template_is_stored_once_when_that_comes() {
    let place = Workplace::with_whole_lab();
    let whole = place.bytes("gw-a.nat.ipfix");
    let import = "import --store past --inventory inventory.json ipfix-nat:nat.ipfix*";
    let records = |place: &Workplace| stats(place)["logs"][0]["records"].as_u64().unwrap();
    place.write("nat.ipfix", &whole);
    place.run(import).well();
    let all = records(&place);
    fs::remove_dir_all(place.path("past")).unwrap();
    // Rotated, and the file that has the templates comes last.
    let half = ends(&whole)[ends(&whole).len() / 2];
    let newer = without_templates(&whole[half..]);
    for cut in [newer.len() / 2, newer.len()] {
        place.write("nat.ipfix", &newer[..cut]);
        place.run(import).exits(3);
        assert_eq!(records(&place), 0);
    }
    place.write("nat.ipfix.1", &whole[..half]);
    for _ in 0..2 {
        place.run(import).well();
        assert_eq!(records(&place), all);
    }
}

#[test]
fn what_waits_in_vain_keeps_nothing_else_from_being_stored_once() {
    let place = Workplace::with_whole_lab();
    let whole = place.bytes("gw-a.nat.ipfix");
    let import = "import --store past --inventory inventory.json ipfix-nat:nat.ipfix";
    // A message of version 10 with data of template 999, and one whose set is cut.
    let stranger = [0, 10, 0, 28, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 3, 231, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8];
    let faulty = [0, 10, 0, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9, 1, 0, 0, 99];
    let (before, after) = whole.split_at(ends(&whole)[2]);
    let mixed = [before, &stranger, &faulty, after].concat();
    place.write("nat.ipfix", &mixed);
    place.run(import);
    let all = stats(&place)["logs"][0]["records"].clone();
    fs::remove_dir_all(place.path("past")).unwrap();
    for cut in [mixed.len() / 2, mixed.len(), mixed.len()] {
        place.write("nat.ipfix", &mixed[..cut]);
        place.run(import);
    }
    assert_eq!(stats(&place)["logs"][0]["records"], all);
    place.run("store verify past").well();
}

#[test]
fn a_store_whose_inventory_is_damaged_is_not_written_on() {
    let place = Workplace::with_alibaba();
    place.run("import --store past --inventory inventory.toml").well();
    let kept = fs::read_dir(place.path("past/inventory")).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&kept).unwrap();
    fs::write(&kept, &whole[1..]).unwrap();
    place.run("import --store past nat-session.csv").exits(1).says("is damaged");
    fs::remove_file(&kept).unwrap();
    place.run("import --store past nat-session.csv").exits(1).says("cannot read");
    // Another may be given in its place.
    place.run("import --store past --inventory inventory.toml").well();
    place.run("store verify past").well();
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
fn events_go_when_they_are_old_and_nobody_else_is_named_for_them() {
    let place = Workplace::with_whole_lab();
    place.run("import --store past --inventory inventory.json").exits(0);
    let trace = format!("trace --store past --evidence ref {LAB}");
    let named = |place: &Workplace| -> Vec<[Value; 2]> {
        let traces = crate::run::traces(&place.run(&trace).well().out);
        let inside =
            |end: &Value| if end["status"] == "traced" { end["inside"].clone() } else { Value::Null };
        traces.iter().map(|trace| [&trace["src"], &trace["dest"]].map(inside)).collect()
    };
    let others = |place: &Workplace| stats(place)["others"].as_u64().unwrap();
    let (had, all) = (others(&place), named(&place));
    // An hour after the middle of what the lab recorded: so much more is kept than is said.
    let expire = "store expire past --before 2026-11-22T11:58:31Z";
    assert!(place.run(expire).well().out.contains("older records left out"));
    let left = others(&place);
    assert!(left < had, "{left} of {had}");
    assert!(place.run(expire).well().out.contains("nothing is that old"));
    assert_eq!(others(&place), left);
    place.run("store verify past").well();
    let (mut same, mut nobody) = (0, 0);
    for (before, after) in all.iter().zip(&named(&place)).flat_map(|(before, after)| before.iter().zip(after))
    {
        if after.is_null() {
            nobody += usize::from(!before.is_null());
        } else {
            assert_eq!(before, after, "another is named");
            same += 1;
        }
    }
    assert!(same > 0 && nobody > 0, "{same} {nobody}");
}

/// The names of the files in a folder, in order.
fn names(place: &Workplace, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(place.path(folder)).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn other_programs_see_each_session_once() {
    let place = Workplace::with_alibaba();
    let whole = place.bytes("nat-session.jsonl");
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    place.write("nat.jsonl", lines[..5].concat());
    place.run("import --store past --inventory inventory.toml nat.jsonl").well();
    place.write("nat.jsonl", &whole);
    place.run("import --store past nat.jsonl").well();
    let trace = "trace --store past --alerts ndr-alerts.jsonl --quiet";
    let answers = place.run(trace).well().out;
    let hours = names(&place, "past/hours");
    assert_eq!(hours.len(), stats(&place)["hours"].as_array().unwrap().len(), "{hours:?}");
    assert!(names(&place, "past/groups").is_empty());
    let aside = names(&place, "past/dropped");
    assert!(!aside.is_empty());

    // Killed before it was set aside: whoever writes next does it.
    let back = aside.iter().find(|name| name.starts_with("20")).unwrap();
    fs::rename(place.path(&format!("past/dropped/{back}")), place.path(&format!("past/hours/{back}")))
        .unwrap();
    printed(place.run("store verify past"), WHOLE);
    place.run("store compact past").well();
    assert_eq!((names(&place, "past/hours"), names(&place, "past/dropped")), (hours, aside));

    // The newest manifest is lost, and the one before it names files that were set aside.
    let manifests = names(&place, "past").into_iter().filter(|name| name.starts_with("manifest-"));
    let newest = manifests.max().unwrap()[.."manifest-0000000000".len()].to_owned();
    for end in [".json", ".copy.json"] {
        fs::remove_file(place.path(&format!("past/{newest}{end}"))).unwrap();
    }
    assert!(place.run(trace).well().out == answers, "the answers differ");
    place.run("store verify past").well();
    place.run("store compact past").well();
    assert!(place.run(trace).well().out == answers, "the answers differ");
    printed(place.run("store verify past"), WHOLE);
    assert!(names(&place, "past/groups").is_empty());
}

#[test]
fn a_log_can_be_forgotten_and_imported_again() {
    let place = Workplace::with_alibaba();
    place.run("import --store past --inventory inventory.toml").well();
    let trace = "trace --store past --alerts ndr-alerts.jsonl --quiet --evidence ref";
    let (before, answers) = (stats(&place), place.run(trace).well().out);
    let logs = |stats: &Value| -> Vec<String> {
        stats["logs"].as_array().unwrap().iter().map(|log| log["name"].as_str().unwrap().to_owned()).collect()
    };
    for (log, told) in [
        ("nat-session.csv", "11 sessions and 0 other records forgotten"),
        ("clb-access.jsonl", "0 sessions and 4 other records forgotten"),
    ] {
        printed(place.run(&format!("store forget past --log {log}")), told);
        let after = stats(&place);
        let left: Vec<String> = logs(&before).into_iter().filter(|name| name != log).collect();
        assert_eq!(logs(&after), left);
        printed(place.run(&format!("store forget past --log {log}")), "no log of that name");
        assert_eq!(stats(&place), after);
        printed(place.run("store verify past"), WHOLE);
        // As if it had never been there.
        let rest: Vec<&str> = left.iter().map(String::as_str).collect();
        place.run(&format!("import --store other --inventory inventory.toml {}", rest.join(" "))).well();
        let other = place.run(&trace.replace("past", "other")).well().out;
        assert!(place.run(trace).well().out == other, "without {log} the answers differ");
        fs::remove_dir_all(place.path("other")).unwrap();
        place.run("import --store past --inventory inventory.toml").well();
        assert_eq!(logs(&stats(&place)), logs(&before));
        assert!(place.run(trace).well().out == answers, "with {log} again the answers differ");
    }
    place.run("store forget nowhere --log nat-session.csv").exits(1).says("there is no store");
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
