//! One end's answer held against the truth.

use serde_json::Value;
use std::net::IpAddr;

/// What one answer is worth.
pub(super) enum Verdict {
    /// Everything that it should name is named.
    Right,
    /// Everything but the process.
    WithoutProcess,
    /// The truth is among the candidates.
    Ambiguous,
    /// Nothing false is named, and not everything that is true: `status: reason`.
    Open(String),
    /// Something false is named.
    Wrong(String),
}

/// The answer for the end of `alert` that is the flow's `client` or `server`.
///
/// An alert's source and destination follow its packet; `public` follows the flow.
pub(super) fn end_of<'a>(alert: &'a Value, public: &Value, end: &str) -> &'a Value {
    let is = |side: &str, port: &str| {
        let same_ip = address(&alert[side]) == address(&public["client_ip"]);
        let (said, true_port) = (&alert[port], &public["client_port"]);
        same_ip && (said.is_null() || true_port.is_null() || said == true_port)
    };
    let client = if is("src_ip", "src_port") { "src" } else { "dest" };
    let server = if client == "src" { "dest" } else { "src" };
    &alert["trace"][if end == "client" { client } else { server }]
}

/// What `said`, an end's answer, is worth where `truth` is so.
pub(super) fn verdict(said: &Value, truth: &Value, protocol: &Value) -> Verdict {
    let open = || Verdict::Open(format!("{}: {}", text(&said["status"]), text(&said["reason"])));
    let ported = protocol == "TCP" || protocol == "UDP";
    match said["status"].as_str() {
        Some("traced" | "partial") if truth["kind"] == "edge" => {
            Verdict::Wrong(format!("said {}, but it ended at {}", said["inside"], text(&truth["at"])))
        }
        Some("untraced") if truth["kind"] == "edge" && said["reason"] == "ended-at-gateway" => Verdict::Right,
        Some("untraced") if said["reason"] == "ended-at-gateway" => {
            Verdict::Wrong(format!("said that it ended at the gateway, but it was {}", described(truth)))
        }
        Some("traced") => traced(said, truth, ported),
        // Only the machine is claimed: what is inside it is what could not be resolved.
        Some("partial") if !said["asset"].is_null() && said["asset"]["id"] != truth["instance"] => {
            Verdict::Wrong(format!("said {}, but it was {}", said["asset"]["id"], described(truth)))
        }
        Some("ambiguous") => {
            let listed = said["candidates"].as_array().map(Vec::as_slice).unwrap_or_default();
            match listed.iter().any(|candidate| is_there(candidate, truth, ported)) {
                true => Verdict::Ambiguous,
                false => Verdict::Wrong(format!("none of the candidates is {}", described(truth))),
            }
        }
        Some("partial" | "untraced") => open(),
        _ => Verdict::Wrong(format!("said that nothing masks it, but it was {}", described(truth))),
    }
}

fn traced(said: &Value, truth: &Value, ported: bool) -> Verdict {
    let wrong = |what: &str, said: &Value| {
        Verdict::Wrong(format!("said {what} {said}, but it was {}", described(truth)))
    };
    if !is_there(said, truth, ported) {
        return wrong("endpoint", &said["inside"]);
    }
    if said["container"]["id"] != truth["container"] {
        return wrong("container", &said["container"]["id"]);
    }
    if !attempts_agree(said, truth) {
        return wrong("attempts", &said["attempts"]);
    }
    let process = &said["process"];
    match process["status"].as_str() {
        Some("named") if process["pid"] != truth["pid"] => wrong("pid", &process["pid"]),
        Some("named") => Verdict::Right,
        Some("no-agent") if truth["agent"] == false => Verdict::Right,
        _ => Verdict::WithoutProcess,
    }
}

/// Whether an answer or a candidate is the true endpoint on the true instance.
fn is_there(said: &Value, truth: &Value, ported: bool) -> bool {
    let same_port = said["inside"]["port"] == truth["port"] || !ported;
    let same_address = address(&said["inside"]["ip"]) == address(&truth["ip"]);
    same_port && same_address && said["asset"]["id"] == truth["instance"]
}

/// Whether every backend that received the request is listed, where more than one did. A log may only
/// count a try, without a name for it.
fn attempts_agree(said: &Value, truth: &Value) -> bool {
    let list = |value: &Value| value["attempts"].as_array().cloned().unwrap_or_default();
    let mut received = list(truth);
    received.dedup_by(|next, one| next["ip"] == one["ip"] && next["port"] == one["port"]);
    let told = list(said);
    if received.len() < 2 {
        return told.is_empty();
    }
    told.len() == received.len()
        && told.iter().zip(&received).all(|(told, truth)| {
            told["known"] == false
                || (told["asset"]["id"] == truth["instance"] && told["inside"]["port"] == truth["port"])
        })
}

fn described(truth: &Value) -> String {
    format!(
        "{}:{} on {}, container {}, pid {}",
        text(&truth["ip"]),
        truth["port"],
        text(&truth["instance"]),
        truth["container"],
        truth["pid"]
    )
}

/// Compared as addresses: a sensor may write them longer than needed.
fn address(value: &Value) -> Option<IpAddr> {
    value.as_str()?.parse().ok()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}
