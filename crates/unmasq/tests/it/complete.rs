//! What an inventory declares complete is believed only as far as it could be read.

use crate::run::Workplace;
use serde_json::Value;

const OUTSIDE: &str = "203.0.113.10:20001";

/// A log in which host 11 leaves a port and host 12 takes it a moment later.
fn log() -> Vec<String> {
    let line = |at: &str, event: &str, last: u8, id: u8| {
        format!(
            "[17953450{at}]\t{event} ipv4     2 tcp      6 src=10.0.0.{last} dst=198.51.100.9 sport=40000 dport=443 \
             src=198.51.100.9 dst=203.0.113.10 sport=443 dport=20001 id={id}\n"
        )
    };
    vec![
        line("60.000000", "    [NEW]", 11, 1),
        line("65.000000", "[DESTROY]", 11, 1),
        line("65.200000", "    [NEW]", 12, 2),
        line("69.000000", "[DESTROY]", 12, 2),
        line("90.000000", "    [NEW]", 13, 3),
    ]
}

/// The source's end of an alert at 65.3 s, and what the run said.
fn traced(log: &str) -> (Value, String) {
    let place = Workplace::new();
    place.write("gw.log", log);
    place.write(
        "inventory.json",
        r#"{"gateways":[{"id":"gw","kind":"nat","vpc":"v","inside":{"network":"v"},
            "outside":{"network":"public","addresses":["203.0.113.10"]},
            "logs":[{"format":"conntrack-text","file":"gw.log","since":1795345000,"until":1795345200,"complete":true}]}]}"#,
    );
    let (ip, port) = OUTSIDE.split_once(':').unwrap();
    place.write(
        "eve.json",
        format!(
            r#"{{"timestamp":"2026-11-22T10:57:45.300000+0000","event_type":"alert","src_ip":"{ip}","src_port":{port},"dest_ip":"198.51.100.9","dest_port":443,"proto":"TCP"}}"#
        ),
    );
    let ran = place.run("trace --alerts eve.json --inventory inventory.json");
    let alert: Value = serde_json::from_str(&ran.out).unwrap();
    (alert["trace"]["src"].clone(), ran.err)
}

#[test]
fn both_holders_are_seen_where_all_could_be_read() {
    let (src, _) = traced(&log().concat());
    assert_eq!((&src["status"], &src["candidates_total"]), (&"ambiguous".into(), &2.into()));
}

#[test]
fn a_log_with_unreadable_lines_is_not_complete() {
    let mut lines = log();
    lines[2].replace_range(60.., "\n");
    lines[3].replace_range(60.., "\n");
    let (src, err) = traced(&lines.concat());
    assert_ne!(src["certainty"], "certain", "{src}");
    assert!(err.contains("not taken as complete"), "{err}");
}

#[test]
fn one_absurd_time_does_not_stretch_what_a_log_covers() {
    let mut lines: Vec<String> = std::iter::repeat_n(log(), 60).flatten().collect();
    lines.push(log()[4].replace("1795345090", "253402200000"));
    let (src, err) = traced(&lines.concat());
    assert_eq!(src["status"], "ambiguous");
    assert!(err.contains("months from all others"), "{err}");
}
