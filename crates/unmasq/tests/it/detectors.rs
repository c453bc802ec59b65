//! Alerts of every detector about the same flows, traced through one small conntrack log: nobody says
//! which form they are in, and the answers are the same.

use crate::run::{Workplace, corpus, traces, without_traces};
use serde_json::Value;
use std::{
    fs::{self, File},
    time::{Duration, SystemTime},
};

/// The corpus case of a form, and what its alerts name, in order: who is behind the masked end, or the
/// reason why nobody is.
const CASES: [(&str, &[&str]); 4] = [
    ("zeek-tsv", &["src 10.0.0.14:51648", "src 10.0.0.14:60556", "src 10.0.0.14", "src fd00:10::b"]),
    (
        "zeek-json",
        &[
            "src 10.0.0.14:51648",
            "src 10.0.0.14:60556",
            "src 10.0.0.14",
            "src 10.0.0.14:51648",
            "src unreadable",
            "src unreadable",
        ],
    ),
    (
        "snort3-json",
        &[
            "src 10.0.0.14:51648",
            "dest 10.0.0.14:51648",
            "src 10.0.0.14:60556",
            "src 10.0.0.14",
            "src fd00:10::b",
            "src unreadable",
            "src unreadable",
            "src unreadable",
        ],
    ),
    (
        "ocsf-finding",
        &[
            "src 10.0.0.14:51648",
            "dest 10.0.0.14:51648",
            "src 10.0.0.14:60556",
            "src unreadable",
            "src unreadable",
            "src unreadable",
            "src unreadable",
        ],
    ),
];

/// The alerts of a case, as `alerts`, beside the gateway's log, as `gw.log`.
fn place(form: &str, case: &str) -> Workplace {
    let place = Workplace::new();
    let input = fs::read_dir(corpus(form).join(case)).unwrap().map(|file| file.unwrap().path());
    let input = input.into_iter().find(|path| path.file_stem().unwrap() == "input").unwrap();
    place.write("alerts", fs::read(input).unwrap());
    place.write("gw.log", fs::read(corpus("conntrack-text").join("lab-snat/input.log")).unwrap());
    written_a_day_later(&place, "alerts");
    place
}

/// As if a file were written the day after the recording: that says the year of times without one.
fn written_a_day_later(place: &Workplace, file: &str) {
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_395_600);
    File::options().write(true).open(place.path(file)).unwrap().set_modified(written).unwrap();
}

const TRACE: &str = "trace --alerts alerts --sessions gw.log --tz Asia/Shanghai";

fn told(trace: &Value) -> String {
    let masked = |end: &&str| trace[end]["status"] != "not-masked";
    let end = ["src", "dest"].into_iter().find(masked).unwrap();
    let answer = &trace[end];
    let inside = &answer["inside"];
    match (&answer["status"], inside["ip"].as_str()) {
        (status, Some(ip)) if status == "traced" && ip.contains(':') => format!("{end} {ip}"),
        // The record knows the query id of an echo, the alert does not.
        (status, Some(ip)) if status == "traced" && answer["outside"]["port"].is_null() => {
            format!("{end} {ip}")
        }
        (status, Some(ip)) if status == "traced" => format!("{end} {ip}:{}", inside["port"]),
        _ => format!("{end} {}", answer["reason"].as_str().unwrap_or("no reason")),
    }
}

#[test]
fn every_detector_leads_to_the_same_machines() {
    for (form, expected) in CASES {
        let place = place(form, "lab-snat");
        let ran = place.run(TRACE).well().says(&format!("alerts as {form}"));
        let told: Vec<String> = traces(&ran.out).iter().map(told).collect();
        assert_eq!(told, expected, "{form}");
        let named = place.run(&TRACE.replace("--alerts alerts", &format!("--alerts {form}:alerts"))).well();
        assert_eq!(named.out, ran.out, "{form}");
    }
}

#[test]
fn alerts_of_every_detector_come_out_as_they_went_in() {
    for (form, _) in CASES.into_iter().filter(|(form, _)| *form != "zeek-tsv") {
        let place = place(form, "lab-snat");
        place.run(&format!("{TRACE} -o out")).well();
        assert_eq!(without_traces(&place.bytes("out")), place.bytes("alerts"), "{form}");
        written_a_day_later(&place, "out");
        let again = TRACE.replace("--alerts alerts", &format!("--alerts {form}:out"));
        place.run(&format!("{again} -o again")).well();
        assert_eq!(place.bytes("again"), place.bytes("out"), "{form}");
    }
}

/// The lines of a traced table with the alerts taken out of their envelopes.
fn opened(traced: &str) -> String {
    let open = |line: &str| {
        let envelope = serde_json::from_str::<Value>(line).unwrap_or_default();
        envelope["alert"].as_str().unwrap_or(line).to_owned()
    };
    traced.lines().map(|line| open(line) + "\n").collect()
}

#[test]
fn a_line_of_columns_stands_beside_its_trace() {
    for case in ["lab-snat", "changing-headers", "hostile"] {
        let place = place("zeek-tsv", case);
        place.run(&format!("{TRACE} -o out")).well();
        let out = place.read("out");
        assert_eq!(opened(&out), place.read("alerts"), "{case}");
        assert!(out.lines().any(|line| line.starts_with("#fields")), "headers pass through");
        let only = place.run(&format!("{TRACE} --only-alerts")).well().out;
        let objects: Vec<&str> = out.lines().filter(|line| line.starts_with("{\"alert\":\"")).collect();
        assert_eq!(only.lines().collect::<Vec<_>>(), objects, "and only they are left out");
        let ids: Vec<Value> = traces(&only).iter().map(|trace| trace["alert_id"].clone()).collect();
        place.run(&format!("{} -o again", TRACE.replace("--alerts alerts", "--alerts out"))).well();
        assert_eq!(place.read("again"), out, "{case}: tracing what was traced gives the same bytes");
        assert_eq!(ids.len(), objects.len());
    }
}

#[test]
fn bytes_and_line_ends_of_a_table_survive() {
    let place = place("zeek-tsv", "lab-snat");
    let mut table =
        place.read("alerts").replace("\thttp\t", "\t\"h\\x09\u{1}\t").replace('\n', "\r\n").into_bytes();
    table.splice(0..0, *b"\xef\xbb\xbf");
    let at = table.windows(5).position(|window| window == b"\tdns\t").unwrap();
    table[at + 1] = 0xff;
    place.write("alerts", &table);
    place.run(&format!("{TRACE} -o out")).well().says("4 alerts");
    let out = place.bytes("out");
    assert!(out.starts_with(b"\xef\xbb\xbf#separator"));
    let field = b"\\t\xffns\\t";
    assert!(out.windows(field.len()).any(|window| window == field));
    assert_eq!(
        out.split(|byte| *byte == b'\n')
            .filter(|line| line.ends_with(b"\"}}}\r") || line.ends_with(b"}}\r"))
            .count(),
        4
    );
    place.run(&format!("{TRACE} --field alert")).exits(1).says("--field");
}

#[test]
fn a_zone_is_never_assumed_for_alerts_either() {
    let place = place("snort3-json", "lab-snat");
    place.write("out", "what was there before");
    let ran = place.run("trace --alerts alerts --sessions gw.log -o out").exits(1);
    ran.says("`alerts`, line 1, has times without a zone").says("--tz Asia/Shanghai");
    assert_eq!(place.read("out"), "what was there before");
}

#[test]
fn a_finding_inside_a_network_is_traced_from_there() {
    let place = Workplace::with_lab();
    place.write("findings", fs::read(corpus("aws-guardduty").join("lab/input.jsonl")).unwrap());
    let line = "trace --alerts findings --inventory inventory.json --processes process.jsonl";
    let ran = place.run(line).well().says("findings as aws-guardduty");
    let traces = traces(&ran.out);
    assert_eq!(traces.len(), 9);
    // A machine's own address: nothing is masked, and the inventory knows whose it is.
    assert_eq!((&traces[0]["status"], &traces[0]["src"]["owner"]), (&"not-masked".into(), &"ours".into()));
    assert_eq!(traces[0]["src"]["asset"]["name"], "app-1");
    // The address of a node: behind it stands a container.
    assert_eq!(
        (&traces[1]["src"]["status"], &traces[1]["src"]["outside"]["realm"]),
        (&"traced".into(), &"vpc-a".into())
    );
    assert_eq!(traces[1]["src"]["container"]["name"], "jobs");
    assert_eq!(traces[1]["src"]["process"]["name"], "hydra");
    assert_eq!(traces[2]["dest"]["asset"]["name"], "app-1");
    // A network that the inventory does not know is not one to look in.
    assert_eq!(traces[3]["src"]["asset"], Value::Null);
    assert!(traces[4..].iter().all(|trace| trace["src"]["reason"] == "unreadable"));
    let said = place.run(&format!("{line} --realm vpc-a")).well();
    assert_eq!(crate::run::traces(&said.out)[3]["src"]["asset"]["name"], "app-1", "unless somebody says so");
}
