//! `unmasq lookup`: the question of an abuse mail.

use crate::run::Workplace;
use serde_json::Value;

const LAB: &str = "--inventory inventory.json --processes process.jsonl";

fn answer(place: &Workplace, question: &str) -> Value {
    serde_json::from_str(&place.run(&format!("lookup {question} {LAB} --json")).well().out).unwrap()
}

/// The first alert in the lab: a beacon of app-1, by its full key.
const EXACT: &str =
    "203.0.113.10:20038 --remote 198.51.100.66:80 --proto tcp --at 2026-11-22T10:57:52.310113Z";

#[test]
fn a_full_key_names_one() {
    let place = Workplace::with_lab();
    insta::assert_snapshot!("lookup_exact", place.run(&format!("lookup {EXACT} {LAB}")).well().out);
    let json = place.run(&format!("lookup {EXACT} {LAB} --json")).well().out;
    insta::assert_snapshot!("lookup_exact_json", json);
    let answer: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(answer["holders"][0]["asset"]["name"], "app-1");
    assert_eq!(answer["holders"][0]["process"]["pid"], 18771);
}

#[test]
fn minutes_without_a_port_rank_all_who_were_there() {
    let place = Workplace::with_lab();
    let question = "203.0.113.10 --from 10:58 --to 10:59 --zone UTC";
    insta::assert_snapshot!("lookup_minutes", place.run(&format!("lookup {question} {LAB}")).well().out);
    let answer = answer(&place, question);
    let holders = answer["holders"].as_array().unwrap();
    let counts: Vec<u64> = holders.iter().map(|row| row["sessions"].as_u64().unwrap()).collect();
    assert!(counts.is_sorted_by(|a, b| a >= b), "{counts:?}");
    let mut places: Vec<String> = holders
        .iter()
        .map(|row| format!("{} {} {}", row["inside"]["realm"], row["inside"]["ip"], row["asset"]["id"]))
        .collect();
    let all = places.len();
    places.sort();
    places.dedup();
    assert_eq!(places.len(), all, "each is listed once");
    let gap = &answer["gateways"][0]["gaps"][0];
    assert!(gap["from"].as_str().unwrap().starts_with("2026-11-22T10:59:16"), "{gap}");
    assert!(!answer["would_narrow"].as_array().unwrap().is_empty());
}

#[test]
fn a_time_may_be_written_in_many_ways() {
    let place = Workplace::with_lab();
    let first = answer(&place, "203.0.113.20 --at 2026-11-22T10:58:10Z");
    for at in
        ["2026-11-22T18:58:10+08:00", "2026-11-22T18:58:10 --zone Asia/Shanghai", "11:58:10 --zone +01:00"]
    {
        assert_eq!(answer(&place, &format!("203.0.113.20 --at {at}")), first, "{at}");
    }
    assert!(first["holders"].as_array().unwrap().len() > 1);
    let wide = answer(&place, "203.0.113.20 --at 10:58 --zone UTC");
    assert_eq!(
        (&wide["from"], &wide["to"]),
        (&"2026-11-22T10:58:00Z".into(), &"2026-11-22T10:58:59.999999Z".into())
    );
    place.run(&format!("lookup 203.0.113.20 --at 10:58 {LAB}")).exits(1).says("--zone");
    place.run(&format!("lookup 203.0.113.20 --at noon {LAB}")).exits(1).says("`noon` is not a time");
    let turned = "lookup 203.0.113.20 --from 10:59 --to 10:58 --zone UTC";
    place.run(&format!("{turned} {LAB}")).exits(1).says("is before --from");
}

#[test]
fn a_port_leaves_fewer() {
    let place = Workplace::with_lab();
    let count = |question: &str| {
        answer(&place, &format!("{question} --from 10:57 --to 10:59 --zone UTC"))["holders"]
            .as_array()
            .unwrap()
            .len()
    };
    let all = count("203.0.113.10");
    let with_port = count("203.0.113.10:20005");
    let with_peer = count("203.0.113.10:20005 --remote 198.51.100.22:22");
    assert!(all > with_port && with_port >= with_peer && with_peer >= 1, "{all} {with_port} {with_peer}");
}

#[test]
fn nobody_is_named_for_a_reason() {
    let place = Workplace::with_lab();
    let reason = |question: &str| {
        let answer = answer(&place, question);
        assert_eq!(answer["holders"], serde_json::json!([]), "{question}");
        answer["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason("203.0.113.99 --at 2026-11-22T10:58:00Z"), "unknown-address");
    assert_eq!(reason("203.0.113.100:80 --at 2026-11-22T10:58:00Z"), "gateway-not-connected");
    assert_eq!(reason("203.0.113.10 --at 2026-11-20T10:58:00Z"), "before-collection");
    assert_eq!(reason("203.0.113.10 --at 2026-11-24T10:58:00Z"), "after-coverage");
    assert_eq!(reason("203.0.113.10:9 --at 2026-11-22T10:58:00Z"), "not-logged");
    let text = place.run(&format!("lookup 203.0.113.10 --at 2026-11-20T10:58:00Z {LAB}")).well().out;
    assert!(text.contains("nobody is named") && text.contains("hint:"), "{text}");
}

#[test]
fn an_address_is_read_in_each_of_its_forms() {
    let place = Workplace::with_lab();
    let at = "--at 2026-11-22T10:58:13Z";
    let names = |endpoint: &str| answer(&place, &format!("{endpoint} {at}"))["holders"].clone();
    assert_eq!(names("2001:db8:113::20"), names("[2001:db8:113::20]"));
    assert_eq!(names("2001:0db8:0113:0:0:0:0:0020"), names("2001:db8:113::20"));
    for wrong in ["203.0.113.10:", "203.0.113.10:x", "host:80", "203.0.113.10:70000"] {
        place.run(&format!("lookup {wrong} {at} {LAB}")).exits(2).says("an endpoint looks like");
    }
}

#[test]
fn a_reader_who_leaves_is_no_failure() {
    let place = Workplace::with_lab();
    let line = format!("lookup 203.0.113.10 --from 10:58 --to 10:59 --zone UTC {LAB} --json");
    let mut child = place.start(&line.split(' ').collect::<Vec<_>>());
    drop(child.stdout.take());
    let ran = crate::run::Ran::of(child).well();
    assert!(!ran.err.contains("panicked"), "{}", ran.err);
}

#[test]
fn more_holders_than_are_listed_are_counted() {
    let place = Workplace::new();
    let record = |turn: u64| {
        let start = 1_773_475_200 + turn * 30;
        format!(
            "{{\"instance\":\"ngw\",\"protocol\":\"6\",\"pri_ip\":\"10.20.1.{turn}\",\"pri_port\":\"4000\",\"pub_ip\":\"198.51.100.77\",\"pub_port\":\"443\",\"nat_ip\":\"203.0.113.9\",\"nat_port\":\"2000\",\"start_time\":\"{start}\",\"end_time\":\"{}\"}}\n",
            start + 10
        )
    };
    place.write("nat.jsonl", (1..=40).map(record).collect::<String>());
    let line =
        "lookup 203.0.113.9 --from 2026-03-14T08:00:00Z --to 2026-03-14T08:30:00Z --sessions nat.jsonl";
    let answer: Value = serde_json::from_str(&place.run(&format!("{line} --json")).well().out).unwrap();
    let listed = answer["holders"].as_array().unwrap().len();
    assert_eq!((listed, &answer["unlisted"]), (32, &8.into()));
    assert!(place.run(line).well().out.contains("not listed: 8 more"));
}
