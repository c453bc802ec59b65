//! `unmasq trace`: the alerts come out as they went in, whatever is typed in whichever order.

use crate::run::{Ran, Workplace, traces, without_traces};
use proptest::prelude::*;
use serde_json::Value;

const LAB: &str = "trace --alerts eve.json --inventory inventory.json --processes process.jsonl";

#[test]
fn every_line_comes_out_as_it_went_in_with_the_trace_beside_it() {
    let place = Workplace::with_lab();
    place.run(&format!("{LAB} -o traced.json")).well();
    let traced = place.read("traced.json");
    assert_eq!(without_traces(traced.as_bytes()), place.bytes("eve.json"));
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
    place.run(&format!("{} -o traced.json", LAB.replace("eve.json", "traced.json"))).well();
    assert_eq!(first, place.read("traced.json"), "a file may be traced onto itself");
}

#[test]
fn standard_input_and_output_serve_as_well_as_files() {
    let place = Workplace::with_lab();
    place.run(&format!("{LAB} -o traced.json")).well();
    let piped = place.run_with_input(&LAB.replace("eve.json", "-"), place.read("eve.json").as_bytes()).well();
    assert_eq!(piped.out, place.read("traced.json"));
}

#[test]
fn the_order_on_the_command_line_does_not_matter() {
    let place = Workplace::with_lab();
    let logs = ["gw-a.conntrack.log", "gw-b.conntrack-kts.log", "node-1.conntrack.log"];
    let traced = |order: [usize; 3], more: &str| {
        let logs = order.map(|at| format!("--sessions {}", logs[at])).join(" ");
        place.run(&format!("trace --alerts eve.json {logs} --tz UTC {more}")).well().out
    };
    for more in ["", "--inventory inventory.json --processes process.jsonl"] {
        let first = traced([0, 1, 2], more);
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(traced(order, more), first, "{order:?} {more}");
        }
    }
    let lines: Vec<String> = place.read("eve.json").lines().map(|line| format!("{line}\n")).collect();
    place.write("a.json", lines[..900].concat());
    place.write("b.json", lines[900..].concat());
    let both = |alerts: &str| place.run(&LAB.replace("--alerts eve.json", alerts)).well().out;
    assert_eq!(both("--alerts b.json --alerts a.json"), both("--alerts a.json --alerts b.json"));
    assert_eq!(both("--alerts b.json --alerts a.json"), place.run(LAB).well().out);
}

/// One alert of the Alibaba samples, by its number.
fn alert(place: &Workplace, number: usize) -> String {
    place.read("ndr-alerts.jsonl").lines().nth(number).unwrap().to_owned()
}

const SITE: &str = "trace --inventory inventory.toml --alerts";

#[test]
fn line_ends_and_byte_order_marks_stay_as_they_are() {
    let place = Workplace::with_alibaba();
    let text = place.read("ndr-alerts.jsonl");
    for (name, bytes) in [
        ("crlf.jsonl", text.replace('\n', "\r\n")),
        ("unended.jsonl", text.trim_end().to_owned()),
        ("marked.jsonl", format!("\u{feff}{text}")),
        ("blank.jsonl", text.replace('\n', "\n\n  \n")),
    ] {
        place.write(name, &bytes);
        place.run(&format!("{SITE} {name} -o out")).well();
        assert_eq!(without_traces(&place.bytes("out")), bytes.as_bytes(), "{name}");
        assert_eq!(traces(&place.read("out")).len(), 11, "{name}");
    }
}

#[test]
fn a_file_without_a_last_newline_does_not_run_into_the_next() {
    let place = Workplace::with_alibaba();
    place.write("x/1.jsonl", alert(&place, 0));
    place.write("x/2.jsonl", alert(&place, 1) + "\n");
    place.write("x/3.jsonl", alert(&place, 2));
    let out = place.run(&format!("{SITE} x")).well().out;
    assert_eq!(out.lines().count(), 3);
    assert_eq!(traces(&out).len(), 3);
    assert!(!out.ends_with('\n'));
}

#[test]
fn only_alerts_leaves_the_rest_out_and_nothing_else() {
    let place = Workplace::with_lab();
    let all = place.run(LAB).well().out;
    let only = place.run(&format!("{LAB} --only-alerts")).well().out;
    let alerts: String =
        all.split_inclusive('\n').filter(|line| line.contains("\"event_type\":\"alert\"")).collect();
    assert_eq!(only, alerts);
    assert_eq!(only.lines().count(), 199);
}

#[test]
fn a_foreign_member_is_never_overwritten() {
    let place = Workplace::with_alibaba();
    let foreign = alert(&place, 1).replace('}', ",\"trace\":{\"spans\":3}}");
    place.write("alerts.jsonl", format!("{}\n{foreign}\n", alert(&place, 0)));
    place.write("out.jsonl", "what was there before");
    let ran = place.run(&format!("{SITE} alerts.jsonl -o out.jsonl")).exits(1);
    ran.says("alerts.jsonl").says("line 2").says("--field");
    assert_eq!(place.read("out.jsonl"), "what was there before");
    let left: Vec<_> =
        std::fs::read_dir(place.path(".")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".unmasq")), "{left:?}");
    let out = place.run(&format!("{SITE} alerts.jsonl --field unmasq")).well().out;
    let second: Value = serde_json::from_str(out.lines().nth(1).unwrap()).unwrap();
    assert_eq!(second["trace"]["spans"], 3);
    assert_eq!(second["unmasq"]["src"]["status"], "traced");
}

#[test]
fn evidence_can_be_left_to_where_it_is() {
    let place = Workplace::with_alibaba();
    let full = place.run(&format!("{SITE} ndr-alerts.jsonl")).well().out;
    let brief = place.run(&format!("{SITE} ndr-alerts.jsonl --evidence ref")).well().out;
    let proof = |out: &str| traces(out)[0]["src"]["hops"][0]["evidence"][0].clone();
    assert_eq!(proof(&brief), serde_json::json!({"source": "nat-session.csv", "line": 2}));
    let record = place.read("nat-session.csv").lines().nth(1).unwrap().to_owned();
    assert_eq!(proof(&full)["record"], record);
}

#[test]
fn the_summary_counts_every_line_once() {
    let place = Workplace::with_lab();
    let Ran { err, .. } = place.run(LAB).well();
    insta::assert_snapshot!("summary_of_the_lab", err);
    assert_eq!(place.run(&format!("{LAB} --quiet")).well().err, "");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_line_is_ever_lost(
        lines in prop::collection::vec(
            prop_oneof![
                3 => (0..11_usize).prop_map(Err),
                1 => prop::collection::vec(any::<u8>().prop_filter("one line", |byte| *byte != b'\n'), 0..60).prop_map(Ok),
                1 => "[\\[{\"a-c:,\\]} ]{0,30}".prop_map(|text| Ok(text.into_bytes())),
                1 => "\\{\"event_type\":\"(alert|dns)\",\"src_ip\":[\"0-9.a-f:]{1,9}\\}".prop_map(|text| Ok(text.into_bytes())),
            ],
            0..12,
        ),
        cut in 0..4_usize,
        ended in any::<bool>(),
    ) {
        let place = Workplace::with_alibaba();
        // What a file begins with may say that it is compressed or of another encoding.
        let mut bytes = b"\n".to_vec();
        for line in &lines {
            match line {
                Ok(junk) => bytes.extend_from_slice(junk),
                Err(number) => bytes.extend_from_slice(alert(&place, *number).as_bytes()),
            }
            bytes.push(b'\n');
        }
        if !ended {
            bytes.truncate(bytes.len().saturating_sub(cut + 1).max(1));
        }
        place.write("alerts.jsonl", &bytes);
        let ran = place.run("trace --inventory inventory.toml --alerts suricata-eve:alerts.jsonl -o eve.out");
        prop_assert_eq!(ran.exit, 0, "{}", ran.err);
        prop_assert_eq!(&without_traces(&place.bytes("eve.out")), &bytes);
        let ran = place.run("trace --inventory inventory.toml --alerts alibaba-ndr:alerts.jsonl -o ndr.out");
        prop_assert_eq!(ran.exit, 0, "{}", ran.err);
        prop_assert_eq!(&without_traces(&place.bytes("ndr.out")), &bytes);
    }
}
