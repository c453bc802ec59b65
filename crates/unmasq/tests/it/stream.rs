//! Large logs that are streamed past the alerts: places, tables and pipes.

use crate::run::{Workplace, gzip, traces};
use serde_json::Value;
use std::fmt::Write;

const LAB: &str = "trace --alerts eve.json --inventory inventory.json --processes process.jsonl";

/// A log of a NAT with enough lines for many chunks; one session a second, each of ten seconds.
fn nat_log(lines: u32) -> String {
    (0..lines).fold(String::new(), |mut log, n| {
        let _ = writeln!(
            log,
            r#"{{"instance":"ngw-{}","vpc_id":"vpc-a","protocol":"6","pri_ip":"10.0.{}.{}","pri_port":"{}","pub_ip":"198.51.100.77","pub_port":"443","nat_ip":"203.0.113.7","nat_port":"{}","start_time":"{}","end_time":"{}"}}"#,
            n % 3,
            n / 250 % 250,
            1 + n % 250,
            40_000 + n % 20_000,
            1_024 + n % 60_000,
            1_773_475_200 + n,
            1_773_475_210 + n,
        );
        log
    })
}

/// An alert about the session of each of these lines, from 0.
fn alerts(lines: &[u32]) -> String {
    lines.iter().fold(String::new(), |mut alerts, n| {
        let at = 1_773_475_205 + i64::from(*n);
        let at = jiff::Timestamp::from_second(at).unwrap();
        let _ = writeln!(
            alerts,
            r#"{{"timestamp":"{at:.6}","flow_id":{n},"event_type":"alert","src_ip":"203.0.113.7","src_port":{},"dest_ip":"198.51.100.77","dest_port":443,"proto":"TCP","alert":{{"signature":"x"}}}}"#,
            1_024 + n % 60_000,
        );
        alerts
    })
}

const ASKED: [u32; 6] = [0, 1, 999, 5_000, 11_111, 19_999];

#[test]
fn every_line_of_a_large_log_is_cited_by_its_number() {
    let place = Workplace::new();
    let log = nat_log(20_000);
    place.write("nat.jsonl", &log);
    place.write("nat.jsonl.gz", gzip(log.as_bytes()));
    place.write("eve.json", alerts(&ASKED));
    for name in ["nat.jsonl", "nat.jsonl.gz"] {
        let ran = place.run(&format!("trace --alerts eve.json --sessions {name}")).well();
        let traces = traces(&ran.out);
        assert_eq!(traces.len(), ASKED.len());
        for (trace, n) in traces.iter().zip(ASKED) {
            let proof = &trace["src"]["hops"][0]["evidence"][0];
            assert_eq!(proof["line"], n + 1, "{trace}");
            assert_eq!(proof["record"].as_str(), log.lines().nth(n as usize));
            let inside = format!("10.0.{}.{}", n / 250 % 250, 1 + n % 250);
            assert_eq!(trace["src"]["inside"]["ip"], Value::from(inside));
        }
        // Of 20,000 records only those that an alert may ask for are held.
        assert!(ran.err.contains(" 20000 "), "{}", ran.err);
    }
}

#[test]
fn a_log_may_come_through_a_pipe() {
    let place = Workplace::new();
    let log = nat_log(20_000);
    place.write("nat.jsonl", &log);
    place.write("eve.json", alerts(&ASKED));
    let named = |out: &str| -> Vec<Value> {
        traces(out).into_iter().map(|mut trace| trace["src"]["inside"].take()).collect()
    };
    let filed = place.run("trace --alerts eve.json --sessions nat.jsonl").well();
    let piped = place.run_with_input("trace --alerts eve.json --sessions -", log.as_bytes()).well();
    assert_eq!(named(&piped.out), named(&filed.out));
    let both =
        place.run_with_input("trace --alerts - --sessions nat.jsonl", alerts(&ASKED).as_bytes()).well();
    assert_eq!(named(&both.out), named(&filed.out));
}

#[test]
fn a_pipe_that_must_be_read_twice_is_remembered_or_told() {
    let place = Workplace::with_lab();
    let log = ["gw-a.conntrack.log", "node-1.conntrack.log"].map(|name| place.read(name)).concat();
    place.write("both.log", &log);
    let named = |out: &str| -> Vec<Value> {
        traces(out).into_iter().map(|mut trace| trace["src"]["inside"].take()).collect()
    };
    // Without an inventory both stages are in one realm and one log: what the first names, the second hides.
    let trace = "trace --alerts eve.json --sessions conntrack-text:";
    let filed = place.run(&format!("{trace}both.log")).well();
    let short = place.run_with_input(&format!("{trace}-"), log.as_bytes()).well();
    assert_eq!(named(&short.out), named(&filed.out));
    // A pipe that is longer than what is remembered.
    let long = log + &"\n".repeat(17 * 1024 * 1024);
    let ran = place.run_with_input(&format!("{trace}-"), long.as_bytes());
    ran.exits(3).says("so long a pipe cannot be read again").says("give it as a file");
}

#[test]
fn columns_may_change_within_a_table() {
    let place = Workplace::new();
    let rows = |from: u32, to: u32, turned: bool| {
        (from..to).fold(String::new(), |mut rows, n| {
            let inside = format!("10.0.{}.{}", n / 250 % 250, 1 + n % 250);
            let (a, b) =
                (format!("6,{inside},40000"), format!("198.51.100.77,443,203.0.113.7,{}", 1_024 + n));
            let (start, end) = (1_773_475_200 + n, 1_773_475_210 + n);
            let _ = if turned {
                writeln!(rows, "{end},{start},{b},{a}")
            } else {
                writeln!(rows, "{a},{b},{start},{end}")
            };
            rows
        })
    };
    let table = [
        "protocol,pri_ip,pri_port,pub_ip,pub_port,nat_ip,nat_port,start_time,end_time\n".to_owned(),
        rows(0, 12_000, false),
        "end_time,start_time,pub_ip,pub_port,nat_ip,nat_port,protocol,pri_ip,pri_port\n".to_owned(),
        rows(12_000, 20_000, true),
    ];
    place.write("nat.csv", table.concat());
    place.write("eve.json", alerts(&ASKED));
    let ran = place.run("trace --alerts eve.json --sessions alibaba-nat-csv:nat.csv").well();
    for (trace, n) in traces(&ran.out).iter().zip(ASKED) {
        let inside = format!("10.0.{}.{}", n / 250 % 250, 1 + n % 250);
        assert_eq!(trace["src"]["inside"]["ip"], Value::from(inside), "{trace}");
        let headers = 1 + u32::from(n >= 12_000);
        assert_eq!(trace["src"]["hops"][0]["evidence"][0]["line"], n + 1 + headers);
    }
}

#[test]
fn answers_come_as_a_table_too() {
    let place = Workplace::with_lab();
    let lines = place.run(LAB).well();
    place.run(&format!("{LAB} -o csv:traced.csv")).well();
    let table = place.read("traced.csv");
    assert_eq!(place.run(&format!("{LAB} -o csv")).well().out, table);
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|column| column == name).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let alerts: Vec<Value> = lines.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut rows = rows.iter();
    for alert in alerts.iter().filter(|alert| alert["trace"].is_object()) {
        let masked = ["src", "dest"].into_iter().filter(|end| alert["trace"][end]["outside"].is_object());
        let masked: Vec<&str> = masked.collect();
        if masked.is_empty() {
            let row = rows.next().unwrap();
            assert_eq!((&row[at("end")], &row[at("status")]), ("", "not-masked"));
        }
        for name in masked {
            let (row, end) = (rows.next().unwrap(), &alert["trace"][name]);
            let text = |value: &Value| match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(&row[at("flow_id")], text(&alert["flow_id"]));
            assert_eq!(&row[at("alert_id")], text(&alert["trace"]["alert_id"]));
            assert_eq!(&row[at("end")], name);
            assert_eq!(&row[at("status")], text(&end["status"]));
            assert_eq!(&row[at("instance")], text(&end["asset"]["id"]));
            let inside = if end["status"] == "traced" { &end["inside"] } else { &Value::Null };
            assert_eq!(&row[at("inside_ip")], text(&inside["ip"]));
            assert_eq!(&row[at("inside_port")], text(&inside["port"]));
            assert_eq!(&row[at("pid")], text(&end["process"]["pid"]));
        }
    }
    assert!(rows.next().is_none());
}
