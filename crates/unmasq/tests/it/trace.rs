//! `unmasq trace` on the recorded lab.

use crate::run::Workplace;
use serde_json::Value;

const LAB: &str = "trace --alerts eve.json --inventory inventory.json --processes process.jsonl";

/// The lines of a traced file with the trace cut out again.
fn without_traces(traced: &str) -> String {
    let bare = |line: &str| match line.rfind(",\"trace\":{\"version\":1,") {
        Some(at) => format!("{}}}\n", &line[..at]),
        None => format!("{line}\n"),
    };
    traced.lines().map(bare).collect()
}

#[test]
fn every_line_comes_out_as_it_went_in_with_the_trace_beside_it() {
    let place = Workplace::with_lab();
    place.run(&format!("{LAB} -o traced.json")).well();
    let traced = place.read("traced.json");
    assert_eq!(without_traces(&traced), place.read("eve.json"));
    let alerts = traced.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let (alerts, others): (Vec<_>, Vec<_>) = alerts.partition(|line| line["event_type"] == "alert");
    assert!(alerts.iter().all(|alert| alert["trace"]["version"] == 1));
    assert!(others.iter().all(|other| other.get("trace").is_none()));
}

#[test]
fn tracing_what_was_traced_gives_the_same_bytes() {
    let place = Workplace::with_lab();
    place.run(&format!("{LAB} -o traced.json")).well();
    let first = place.read("traced.json");
    place.run(&format!("{} -o again.json", LAB.replace("eve.json", "traced.json"))).well();
    assert_eq!(first, place.read("again.json"));
}

#[test]
fn standard_input_and_output_serve_as_well_as_files() {
    let place = Workplace::with_lab();
    place.run(&format!("{LAB} -o traced.json")).well();
    let piped = place.run_with_input(&LAB.replace("eve.json", "-"), place.read("eve.json").as_bytes()).well();
    assert_eq!(piped.out, place.read("traced.json"));
}

#[test]
fn a_zone_less_log_names_the_flag_that_helps() {
    let place = Workplace::with_lab();
    let ran = place.run("trace --alerts eve.json --sessions gw-b.conntrack-kts.log -o traced.json");
    assert_eq!(ran.exit, 1);
    assert!(ran.err.contains("--tz"), "{}", ran.err);
    place.run("trace --alerts eve.json --sessions gw-b.conntrack-kts.log --tz UTC -o traced.json").well();
    place.write("empty.log", "");
    let ran = place
        .run("trace --alerts eve.json --sessions gw-a.conntrack.log --sessions empty.log -o traced.json");
    assert_eq!(ran.exit, 3, "{}", ran.err);
}
