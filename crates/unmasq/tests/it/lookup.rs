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
    assert!(gap["from"].as_str().unwrap().starts_with("2026-11-22T10:59:15"), "{gap}");
    assert!(!answer["would_narrow"].as_array().unwrap().is_empty());
    assert_eq!(answer["final"], false, "the log ends before the asked minute does");
}

#[test]
fn a_row_is_as_sure_as_the_least_sure_session_that_names_it_alone() {
    let place = Workplace::with_lab();
    let answer = answer(&place, "203.0.113.10 --from 10:58 --to 10:59 --zone UTC");
    let mut mixed = 0;
    for row in answer["holders"].as_array().unwrap() {
        let count = |name: &str| row[name].as_u64().unwrap();
        let alone = count("traced") + count("partial");
        assert_eq!(count("sessions"), alone + count("ambiguous"), "{row}");
        assert_eq!(row["certainty"].is_null(), alone == 0, "{row}");
        mixed += usize::from(alone > 0 && count("ambiguous") > 0);
    }
    assert!(mixed > 0);
}

#[test]
fn one_of_several_is_not_called_traced() {
    let place = Workplace::new();
    let record = |host: u8| {
        format!(
            "{{\"instance\":\"ngw\",\"protocol\":\"6\",\"pri_ip\":\"10.20.1.{host}\",\"pri_port\":\"4000\",\"pub_ip\":\"198.51.100.77\",\"pub_port\":\"443\",\"nat_ip\":\"203.0.113.9\",\"nat_port\":\"2000\",\"start_time\":\"1773475200\",\"end_time\":\"1773475230\"}}\n"
        )
    };
    place.write("nat.jsonl", record(1) + &record(2));
    let line = "lookup 203.0.113.9:2000 --at 2026-03-14T08:00:10Z --sessions nat.jsonl";
    let answer: Value = serde_json::from_str(&place.run(&format!("{line} --json")).well().out).unwrap();
    for row in answer["holders"].as_array().unwrap() {
        assert_eq!(
            (&row["certainty"], &row["traced"], &row["ambiguous"]),
            (&Value::Null, &0.into(), &1.into())
        );
    }
    assert!(place.run(line).well().out.contains("one of several"));
}

#[test]
fn what_may_still_arrive_is_neither_covered_nor_final() {
    let place = Workplace::with_alibaba();
    let line = "lookup 203.0.113.9 --at 2026-03-14T08:04:00Z --sessions nat.jsonl";
    // The log tells until 08:05; what is of its last quarter of an hour may still come.
    let record = |start: u64| {
        format!(
            "{{\"instance\":\"ngw\",\"protocol\":\"6\",\"pri_ip\":\"10.20.1.1\",\"pri_port\":\"4000\",\"pub_ip\":\"198.51.100.77\",\"pub_port\":\"443\",\"nat_ip\":\"203.0.113.9\",\"nat_port\":\"2000\",\"start_time\":\"{start}\",\"end_time\":\"{}\"}}\n",
            start + 120
        )
    };
    place.write("nat.jsonl", record(1_773_471_600) + &record(1_773_475_380));
    let ran = place.run(&format!("{line} --json")).well();
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["final"], false);
    assert_eq!(answer["gateways"][0]["gaps"][0]["from"], "2026-03-14T08:04:00Z");
    assert!(place.run(line).well().out.contains("not final:"));
    let early: Value =
        serde_json::from_str(&place.run(&format!("{} --json", line.replace("08:04", "07:01"))).well().out)
            .unwrap();
    assert_eq!((&early["final"], &early["gateways"][0]["gaps"]), (&true.into(), &serde_json::json!([])));
}

#[test]
fn the_reason_is_the_one_that_a_trace_gives() {
    let place = Workplace::with_lab();
    let traced = place.run(&format!("trace --alerts eve.json --only-alerts {LAB}")).well().out;
    let mut seen = std::collections::BTreeSet::new();
    for line in traced.lines() {
        let alert: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| alert[name].to_string().trim_matches('"').to_owned();
        let protocol = text("proto").to_lowercase();
        if protocol.contains("icmp") {
            continue;
        }
        let at = text("timestamp").replace("+0000", "Z");
        for (ours, peer) in [("src", "dest"), ("dest", "src")] {
            let end = &alert["trace"][ours];
            let reason = end["reason"].as_str().filter(|_| end["status"] == "untraced");
            let Some(reason) = reason.filter(|reason| seen.insert((*reason).to_owned())) else { continue };
            let endpoint =
                |end: &str| format!("{}:{}", text(&format!("{end}_ip")), text(&format!("{end}_port")));
            let question =
                format!("{} --remote {} --proto {protocol} --at {at}", endpoint(ours), endpoint(peer));
            let answer = answer(&place, &question);
            assert_eq!(answer["reason"], reason, "{question}");
            assert_eq!(answer["holders"], serde_json::json!([]), "{question}");
        }
    }
    assert!(seen.contains("ended-at-gateway"), "{seen:?}");
}

#[test]
fn a_declared_rule_names_whom_no_log_does() {
    let place = Workplace::new();
    place.write(
        "site.toml",
        "[[gateways]]\nid = 'gw'\noutside = { addresses = ['203.0.113.7'] }\n\
         dnat = [{ proto = 'tcp', public = '203.0.113.7:22', private = '10.0.0.4:22' }]\n",
    );
    let line = "--at 2026-11-22T10:58:01Z --inventory site.toml --json";
    let answer = |question: &str| -> Value {
        serde_json::from_str(&place.run(&format!("lookup {question} {line}")).well().out).unwrap()
    };
    for question in ["203.0.113.7:22", "203.0.113.7:22 --proto tcp --remote 192.0.2.66:4133"] {
        let row = &answer(question)["holders"][0];
        assert_eq!((&row["inside"]["ip"], &row["certainty"]), (&"10.0.0.4".into(), &"likely".into()));
    }
    assert_eq!(answer("203.0.113.7:22 --proto udp")["reason"], "gateway-not-connected");
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
    let without = "203.0.113.100:80 --at 2026-11-22T10:58:00Z --sessions gw-a.conntrack.log";
    assert_eq!(reason(without), "gateway-not-connected");
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
