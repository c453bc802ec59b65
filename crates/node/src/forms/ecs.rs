//! Documents of the Elastic Common Schema 9.4.0: <https://www.elastic.co/docs/reference/ecs>.
//!
//! | theirs | ours |
//! | --- | --- |
//! | `event.id` | the alert's id: it is the same for all revisions |
//! | `event.original` | the alert as it came |
//! | `source`, `destination` | `ip` and `port` of the machine if one remains, with the shared address in `nat`; else as the alert shows them |
//! | `host`, `cloud`, `container`, `orchestrator`, `process` | the source's machine, or the destination's where that is the one that is known |
//! | `rule`, `event.severity`, `observer` | what the detector says |
//! | `related.ip` | every address |
//! | `unmasq.trace` | the whole trace |
//!
//! At both ends `nat` has the address that the world sees.

use super::{
    Answer,
    detector::Detector,
    named::{End, sentence},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use unmasq_model::{Alert, LogTime};

const VERSION: &str = "9.4.0";

pub(super) fn document(answer: &Answer<'_>) -> Value {
    let trace = answer.parsed();
    let detector = Detector::of(answer);
    let said = answer.said.and_then(|said| LogTime::from_unix_us(said.as_unix_us()));
    let at = answer.alert.and_then(|alert| alert.at.to().finite()).or(said);
    let [src, dest] = End::of(&trace, answer.alert);
    let (source, destination) = (side(&src), side(&dest));
    let machine = [src, dest].into_iter().find(|end| end.asset().is_some());
    let mut document = json!({
        // The one field that every document must have.
        "@timestamp": at.or(LogTime::from_unix_us(0)),
        "ecs": { "version": VERSION },
        "message": sentence(&trace),
        "event": {
            "kind": "alert",
            "category": ["intrusion_detection", "network"],
            "type": ["info"],
            "module": "unmasq",
            "dataset": "unmasq.trace",
            "id": trace["alert_id"],
            "created": said,
            "severity": detector.severity.as_u64(),
            "original": answer.text(),
        },
        "related": { "ip": addresses([&source, &destination]) },
        "source": source,
        "destination": destination,
        "rule": {
            "id": detector.rule,
            "name": answer.alert.and_then(|alert| alert.context.signature.as_deref()),
            "category": detector.category,
        },
        "observer": { "type": "ids", "product": detector.product, "name": detector.sensor },
    });
    let more = document.as_object_mut().expect("it is an object");
    more.extend(answer.alert.into_iter().flat_map(conversation));
    more.extend(machine.iter().flat_map(found));
    more.insert("unmasq".into(), json!({ "trace": trace }));
    document
}

/// One end: the machine with the shared address beside it, or what the alert shows.
fn side(end: &End<'_>) -> Value {
    let endpoint =
        |place: &Value| json!({ "ip": place["ip"], "port": place["port"], "address": place["ip"] });
    match end.machine() {
        Some(inside) => {
            let mut side = endpoint(inside);
            side["nat"] = json!({ "ip": end.at("/outside/ip"), "port": end.at("/outside/port") });
            side
        }
        None => {
            end.shown.map_or(Value::Null, |shown| endpoint(&json!({ "ip": shown.ip, "port": shown.port })))
        }
    }
}

fn addresses(sides: [&Value; 2]) -> BTreeSet<&str> {
    sides.into_iter().flat_map(|side| [&side["ip"], &side["nat"]["ip"]]).filter_map(Value::as_str).collect()
}

type Members = Vec<(String, Value)>;

fn members<const N: usize>(members: [(&str, Value); N]) -> Members {
    members.map(|(name, value)| (name.to_owned(), value)).into()
}

fn conversation(alert: &Alert) -> Members {
    let http = alert.context.http.as_ref();
    members([
        (
            "network",
            json!({ "transport": alert.protocol.to_string(), "iana_number": alert.protocol.number().to_string() }),
        ),
        ("url", json!({ "domain": http.map(|http| &http.host), "original": http.map(|http| &http.url) })),
        (
            "http",
            json!({
                "request": { "method": http.map(|http| &http.method) },
                "response": { "status_code": http.and_then(|http| http.status) },
            }),
        ),
        ("user_agent", json!({ "original": http.map(|http| &http.agent) })),
        ("tls", json!({ "client": { "server_name": alert.context.tls_sni } })),
    ])
}

/// The machine, and what ran on it.
fn found(end: &End<'_>) -> Members {
    let asset = end.at("/asset");
    let container = end.at("/container");
    let process = end.process().unwrap_or(&Value::Null);
    members([
        ("host", json!({ "id": asset["id"], "name": asset["name"], "ip": [end.ip()] })),
        (
            "cloud",
            json!({
                "account": { "id": asset["account"] },
                "region": asset["region"],
                "instance": { "id": asset["id"], "name": asset["name"] },
            }),
        ),
        (
            "container",
            json!({ "id": container["id"], "name": container["name"], "image": { "name": container["image"] } }),
        ),
        (
            "orchestrator",
            json!({
                "namespace": container["namespace"],
                "resource": { "name": container["pod"], "type": container["pod"].as_str().map(|_| "pod") },
            }),
        ),
        (
            "process",
            json!({
                "pid": process["pid"],
                "name": process["name"],
                "command_line": process["command"],
                "start": process["started"],
                "parent": { "name": process["parent"] },
                "user": { "name": process["user"] },
            }),
        ),
    ])
}
