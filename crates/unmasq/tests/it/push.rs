//! Batches that are handed over, as a shipper of logs hands them over.

use crate::{
    run::{Workplace, traces},
    served::{Answer, Served},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::{collections::BTreeMap, io::Write, thread, time::Duration};
use unmasq_testkit::answers::as_in_a_batch;

const CONFIG: &str = r#"
data = "data"
inventory = "site.json"
processes = ["process.jsonl"]
[[push]]
name = "gw-a.conntrack.log"
format = "conntrack-text"
[[push]]
name = "eve"
kind = "alerts"
format = "suricata-eve"
batch_bytes = 1000000
[[sinks]]
file = "traced.json"
[answers]
wait = "1s"
stand = "100ms"
[limits]
poll = "20ms"
[log]
form = "json"
[http]
listen = "127.0.0.1:0"
"#;

struct Site {
    served: Served,
    /// A token that may only hand over.
    writer: String,
    viewer: String,
    config: String,
}

impl Site {
    fn new() -> Self {
        let place = Workplace::with_lab();
        let mut config = CONFIG.to_owned();
        let mut secret = |role: &str| {
            let drawn = place.run("config token").well();
            config += &drawn.out.replace("role = \"viewer\"", &format!("role = \"{role}\""));
            drawn.err.lines().next().unwrap().to_owned()
        };
        let (writer, viewer) = (secret("writer"), secret("viewer"));
        // The log of one gateway is handed over, and none of the others is there.
        let mut inventory: Value = serde_json::from_str(&place.read("inventory.json")).unwrap();
        for kind in ["gateways", "load_balancers"] {
            for owner in inventory[kind].as_array_mut().unwrap() {
                owner.as_object_mut().unwrap().remove("logs");
            }
        }
        inventory["gateways"][0]["logs"] =
            json!([{"file": "gw-a.conntrack.log", "format": "conntrack-text"}]);
        place.write("site.json", inventory.to_string());
        let hidden = place.read("gw-a.conntrack.log");
        place.write("sent/gw-a.conntrack.log", hidden);
        std::fs::remove_file(place.path("gw-a.conntrack.log")).unwrap();
        Self { served: Served::start_with(place, &config).ready(), writer, viewer, config }
    }

    fn push(&self, place: &str, id: &str, body: &[u8], more: &str) -> Answer {
        self.push_as(&self.writer, place, id, body, more)
    }

    fn push_as(&self, secret: &str, place: &str, id: &str, body: &[u8], more: &str) -> Answer {
        let mut request = format!(
            "POST /v1/push/{place} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             authorization: Bearer {secret}\r\nidempotency-key: {id}\r\ncontent-length: {}\r\n{more}\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.served.send(request)
    }

    fn told(&self) -> BTreeMap<String, Value> {
        let text = std::fs::read_to_string(self.served.place.path("traced.json")).unwrap_or_default();
        let traces = traces(&text).into_iter().map(as_in_a_batch);
        traces.map(|trace| (trace["alert_id"].as_str().unwrap().to_owned(), trace)).collect()
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// What is said in a batch over the same files, in which the log is called as it is where it was spooled.
fn expected(place: &Workplace) -> BTreeMap<String, Value> {
    place.write("gw-a.conntrack.log", place.bytes("sent/gw-a.conntrack.log"));
    let line =
        "trace --alerts eve.json --inventory site.json --processes process.jsonl --quiet --evidence ref";
    let traces = traces(&place.run(line).well().out).into_iter().map(as_in_a_batch);
    traces.map(|trace| (trace["alert_id"].as_str().unwrap().to_owned(), trace)).collect()
}

/// Who is named, without where in which file that is proven.
fn named(traces: &BTreeMap<String, Value>) -> BTreeMap<&String, [(&Value, &Value, &Value); 2]> {
    traces
        .iter()
        .map(|(id, trace)| {
            let of = |end: &str| (&trace[end]["status"], &trace[end]["inside"], &trace[end]["asset"]);
            (id, [of("src"), of("dest")])
        })
        .collect()
}

#[test]
fn what_is_handed_over_counts_once_however_often_it_is_sent() {
    let site = Site::new();
    let log = site.served.place.bytes("sent/gw-a.conntrack.log");
    let eve = site.served.place.bytes("eve.json");
    let lines: Vec<&[u8]> = eve.split_inclusive(|byte| *byte == b'\n').collect();
    let (first, second) = lines.split_at(lines.len() / 2);
    let taken = site.push("eve", "1", &gzip(&first.concat()), "content-encoding: gzip\r\n").json();
    assert_eq!(taken, json!({"lines": first.len(), "repeated": false}));
    let again = site.push("eve", "1", &gzip(&first.concat()), "content-encoding: gzip\r\n").json();
    assert_eq!(again, json!({"lines": 0, "repeated": true}));
    // Another batch under the same id is no mistake of ours, and must not be lost.
    site.push("eve", "1", b"{}\n", "").problem(409);
    let packed = zstd::encode_all(&second.concat()[..], 0).unwrap();
    site.push("eve", "2", &packed, "content-encoding: zstd\r\n").json();
    let half = log.len() / 2;
    let half = half + log[half..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for (id, part) in [("1", &log[..half]), ("2", &log[half..]), ("1", &log[..half])] {
        site.push("gw-a.conntrack.log", id, part, "").json();
    }
    // Also by another process.
    let Site { served, writer, viewer, config } = site;
    let site = Site { served: Served::start_with(served.stop(), &config).ready(), writer, viewer, config };
    assert_eq!(site.push("eve", "2", &second.concat(), "").json()["repeated"], true);
    assert_eq!(site.push("gw-a.conntrack.log", "2", &log[half..], "").json()["repeated"], true);
    assert_eq!(site.served.count("unmasq_batches_repeated_total"), 2);
    let expected = expected(&site.served.place);
    for tries in 0.. {
        let told = site.told();
        if named(&told) == named(&expected) {
            break;
        }
        assert!(tries < 300, "{:?}\n{:?}", named(&told), named(&expected));
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_leaves_nothing() {
    let site = Site::new();
    let (alert, eve) = (b"{\"event_type\":\"alert\"}\n", "eve");
    site.push("nowhere", "1", alert, "").problem(404);
    site.push(eve, "", alert, "").problem(400);
    site.push(eve, &"x".repeat(201), alert, "").problem(400);
    site.push(eve, "1", alert, "content-encoding: br\r\n").problem(415);
    site.push(eve, "1", alert, "content-encoding: gzip\r\n").problem(400);
    site.push(eve, "1", &gzip(&vec![b' '; 1_000_001]), "content-encoding: gzip\r\n").problem(413);
    site.push(eve, "1", &vec![b' '; 1_000_001], "").problem(413);
    // Who may read does not write, and who may write does not read.
    site.push_as(&site.viewer, eve, "1", alert, "").problem(403);
    site.push_as("unmasq_0", eve, "1", alert, "").problem(401);
    site.served.get_with("/v1/alerts", &format!("authorization: Bearer {}\r\n", site.writer)).problem(403);
    assert_eq!(site.served.count("unmasq_batches_taken_total"), 0);
    // None of that has used up the id.
    assert_eq!(site.push(eve, "1", b"no alert\n{}", "").json(), json!({"lines": 2, "repeated": false}));
    let count = |name: &str| site.served.count(&format!("unmasq_{name}_total"));
    assert_eq!(count("alert_lines"), 2);
    let parts = ["alerts_stored", "alerts_repeated", "lines_not_alerts", "alert_lines_unreadable"];
    assert_eq!(parts.iter().map(|name| count(name)).sum::<u64>(), 2);
    assert_eq!(site.push(eve, "2", b"", "").json()["lines"], 0);
}
