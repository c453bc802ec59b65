//! A score that cannot see a wrong answer proves nothing.

use serde_json::{Value, json};
use unmasq_testkit::lab::{Counts, LabError, Score, score};

fn truth() -> Value {
    json!({
        "alert_line": 1, "timestamp": "t", "proto": "TCP",
        "public": {"client_ip": "2001:db8::10", "client_port": 20038, "server_ip": "198.51.100.66", "server_port": 80},
        "client": {"kind": "private", "instance": "i-1", "container": "c-1", "ip": "10.0.0.14", "port": 51648,
                   "via": ["gw-a"], "pid": 7, "agent": true},
        "server": {"kind": "external", "via": []}
    })
}

fn right() -> Value {
    json!({
        "status": "traced", "reason": null, "inside": {"ip": "10.0.0.14", "port": 51648}, "asset": {"id": "i-1"},
        "container": {"id": "c-1"}, "process": {"status": "named", "pid": 7}
    })
}

/// The alert's packet went from the client, whose address the sensor writes in full.
fn scored(answer: &Value, truth: &Value) -> Score {
    let alert = json!({
        "timestamp": "t", "src_ip": "2001:0db8:0:0:0:0:0:10", "src_port": 20038, "dest_ip": "198.51.100.66",
        "dest_port": 80, "trace": {"src": answer, "dest": {"status": "not-masked"}}
    });
    score(&alert.to_string(), &truth.to_string()).unwrap()
}

fn changed(at: &str, value: Value) -> Value {
    let mut answer = right();
    *answer.pointer_mut(at).unwrap() = value;
    answer
}

#[test]
fn one_false_name_is_wrong() {
    assert_eq!(scored(&right(), &truth()).clients, Counts { ends: 1, right: 1, ..Counts::default() });
    for (at, value) in [
        ("/inside/ip", json!("10.0.0.15")),
        ("/inside/port", json!(51649)),
        ("/asset/id", json!("i-2")),
        ("/container/id", json!("c-2")),
        ("/container", Value::Null),
        ("/process/pid", json!(8)),
        ("/status", json!("not-masked")),
    ] {
        let score = scored(&changed(at, value), &truth());
        assert_eq!((score.clients.right, score.clients.wrong.len()), (0, 1), "{at}");
        assert!(score.to_string().contains("wrong: eve.json:1: "), "{score}");
    }
}

#[test]
fn not_knowing_is_open_unless_the_truth_is_left_out() {
    let without = scored(&changed("/process", json!({"status": "no-record"})), &truth());
    assert_eq!(without.clients.without_process, 1);
    let listed = |id| {
        let candidate = json!({"inside": {"ip": "10.0.0.14", "port": 51648}, "asset": {"id": id}});
        scored(&json!({"status": "ambiguous", "reason": "clock-bound", "candidates": [candidate]}), &truth())
            .clients
    };
    assert_eq!((listed("i-1").ambiguous, listed("i-1").wrong.len()), (1, 0));
    assert_eq!((listed("i-2").ambiguous, listed("i-2").wrong.len()), (0, 1));
    let open = scored(&json!({"status": "untraced", "reason": "not-logged"}), &truth());
    assert_eq!(open.clients.open["untraced: not-logged"], 1);
    let ended = scored(&json!({"status": "untraced", "reason": "ended-at-gateway"}), &truth());
    assert_eq!(ended.clients.wrong.len(), 1, "somebody was behind it");
}

#[test]
fn what_ended_at_the_gateway_has_nobody_behind_it() {
    let mut truth = truth();
    truth["client"] = json!({"kind": "edge", "at": "gw-b", "via": ["gw-b"]});
    assert_eq!(scored(&right(), &truth).edges.wrong.len(), 1);
    let ended = scored(&json!({"status": "untraced", "reason": "ended-at-gateway"}), &truth);
    assert_eq!(ended.edges, Counts { ends: 1, right: 1, ..Counts::default() });
}

#[test]
fn another_file_is_refused() {
    let truth = truth().to_string();
    assert_eq!(score("{}\n", &truth), Err(LabError::OtherAlert { line: 1 }));
    assert_eq!(score("", &truth), Err(LabError::NotJson { file: "traced alerts", line: 1 }));
    assert_eq!(score("{}", "?"), Err(LabError::NotJson { file: "truth", line: 1 }));
}
