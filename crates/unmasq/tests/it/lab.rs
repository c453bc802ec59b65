//! The recorded lab, held against its truth.

use crate::run::Workplace;
use serde_json::Value;
use unmasq_testkit::lab::{Score, score};

fn scored(clock_bound: &str) -> Score {
    let place = Workplace::with_lab();
    let lab = "trace --alerts eve.json --inventory inventory.json --processes process.jsonl";
    let traced = place.run(&format!("{lab} --quiet --clock-bound {clock_bound}")).well().out;
    score(&traced, &place.read("truth.jsonl")).unwrap()
}

#[test]
fn nobody_innocent_is_named_and_nearly_everybody_else_is() {
    for bound in ["50ms", "500ms", "1s", "2s"] {
        let score = scored(bound);
        assert_eq!(score.wrong().count(), 0, "at {bound}:\n{score}");
        let clients = &score.clients;
        assert_eq!(clients.ends, 139);
        assert!(clients.right >= 133, "at {bound}:\n{score}");
        assert_eq!(clients.right + clients.ambiguous, clients.ends, "at {bound}:\n{score}");
    }
}

#[test]
fn whoever_was_called_is_named_with_all_who_received_it() {
    for bound in ["50ms", "500ms", "2s"] {
        let score = scored(bound);
        assert_eq!((score.servers.ends, score.servers.right), (9, 9), "at {bound}:\n{score}");
        assert_eq!((score.balanced.ends, score.balanced.right), (53, 53), "at {bound}:\n{score}");
        assert_eq!((score.edges.ends, score.edges.right), (2, 2), "at {bound}:\n{score}");
    }
}

/// NAT events do not say when the last packet passed, and their file has no ICMP.
#[test]
fn a_gateway_that_logs_nat_events_names_nobody_else() {
    let place = Workplace::with_whole_lab();
    let mut inventory: Value = serde_json::from_str(&place.read("inventory.json")).unwrap();
    for gateway in inventory["gateways"].as_array_mut().unwrap() {
        let form = if gateway["id"] == "gw-a" { "ipfix-nat" } else { "conntrack-text" };
        let read = |log: &Value| log["format"].as_str().is_some_and(|format| format.starts_with(form));
        gateway["logs"].as_array_mut().unwrap().retain(read);
    }
    place.write("inventory.json", serde_json::to_vec_pretty(&inventory).unwrap());
    let lab = "trace --alerts eve.json --inventory inventory.json --processes process.jsonl";
    let traced = place.run(&format!("{lab} --quiet --clock-bound 50ms")).well().out;
    let score = score(&traced, &place.read("truth.jsonl")).unwrap();
    assert_eq!(score.wrong().count(), 0, "{score}");
    assert!(score.clients.right >= 110, "{score}");
    assert_eq!((score.servers.right, score.servers.ends), (9, 9), "{score}");
}
