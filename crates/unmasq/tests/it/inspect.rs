//! `unmasq inspect`.

use crate::run::Workplace;
use serde_json::Value;

fn inspected(place: &Workplace, line: &str) -> Value {
    let ran = place.run(line);
    let all: Value = serde_json::from_str(&ran.out).unwrap();
    all[0].clone()
}

#[test]
fn a_session_log_is_shown_with_its_fields() {
    let place = Workplace::with_lab();
    let shown = place.run("inspect gw-b.conntrack-kts.log --tz UTC").well().out;
    insta::assert_snapshot!(shown);
    let told = inspected(&place, "inspect gw-b.conntrack-kts.log --json");
    assert_eq!((&told["kind"], &told["format"]), (&"sessions".into(), &"conntrack-text".into()));
    assert_eq!(told["zone"], "missing");
    assert_eq!(told["examples"].as_array().unwrap().len(), 3);
    // The inventory knows the zone.
    let told = inspected(&place, "inspect gw-b.conntrack-kts.log --inventory inventory.json --json");
    assert_eq!(told["zone"], "given");
}

#[test]
fn alerts_and_process_records_are_known_too() {
    let place = Workplace::with_lab();
    assert_eq!(inspected(&place, "inspect eve.json --json")["kind"], "alerts");
    assert_eq!(inspected(&place, "inspect process.jsonl --json")["kind"], "processes");
}

#[test]
fn what_cannot_serve_is_said_and_what_to_log_instead() {
    let place = Workplace::new();
    let line = "Jun  8 14:34:33 gw kernel: [1.2] IN=eth0 OUT=eth1 SRC=10.0.0.5 DST=198.51.100.7 LEN=40 PROTO=TCP SPT=8 DPT=9\n";
    place.write("kern.log", line.repeat(3));
    let ran = place.run("inspect kern.log");
    assert_eq!(ran.exit, 3, "{}", ran.err);
    assert!(ran.out.contains("never the translation") && ran.out.contains("conntrack -E"), "{}", ran.out);
    place.write("noise", b"\x00\x01\x02\n\xff\xfe\n");
    let told = inspected(&place, "inspect noise --json");
    assert_eq!(told["kind"], "unknown");
    place.write("empty", b"");
    assert!(place.run("inspect empty").out.contains("it is empty"));
    assert!(place.run("inspect nowhere").err.contains("nowhere"));
}

#[test]
fn what_cannot_be_read_is_counted_by_reason() {
    let place = Workplace::with_lab();
    let log = place.read("gw-b.conntrack-kts.log") + "garbage\nmore garbage\n";
    place.write("damaged.log", log);
    let told = inspected(&place, "inspect damaged.log --tz UTC --json");
    let lines: u64 =
        told["unreadable"].as_array().unwrap().iter().map(|row| row["lines"].as_u64().unwrap()).sum();
    assert_eq!(lines, 2, "{told}");
}
