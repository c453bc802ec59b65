//! Detection Finding (class 2004) of OCSF 1.8.0: <https://schema.ocsf.io/1.8.0/classes/detection_finding>.
//!
//! | theirs | ours |
//! | --- | --- |
//! | `finding_info.uid` | the alert's id: it is the same for all revisions |
//! | `metadata.uid` | the alert's id and the revision: one event |
//! | `activity_id` | 1 (Create) for the first revision, 2 (Update) for later ones |
//! | `time` | the end of the alert's time; without one, when this was said |
//! | `status_code`, `status_detail` | what became of the alert, and why not better |
//! | `evidences[0]` | the flow as the alert shows it, with shared addresses |
//! | `evidences[1..]`, `resources` | an instance (also a container and a process) for each end that leads to one |
//! | `raw_data` | the alert as it came |
//! | `unmapped.unmasq.trace` | the whole trace |
//!
//! Profiles are not used: that of clouds requires the name of a provider, which the trace does not have. So the account is
//! `resources[].owner.account`, and the region `evidences[].device.region`.

use super::{
    Answer,
    detector::{Detector, SEVERITIES},
    named::{End, sentence},
};
use serde_json::{Value, json};
use std::net::IpAddr;
use unmasq_model::{Alert, Endpoint, LogTime};

const VERSION: &str = "1.8.0";

pub(super) fn finding(answer: &Answer<'_>) -> Value {
    let trace = answer.parsed();
    let detector = Detector::of(answer);
    let (activity, activity_name) = if trace["revision"] == 1 { (1, "Create") } else { (2, "Update") };
    let said = answer.said.map(|said| said.as_unix_us().div_euclid(1_000));
    let (from, to) = answer.alert.map_or((None, None), |alert| (ms(alert.at.from()), ms(alert.at.to())));
    let (id, ends) = (&trace["alert_id"], End::of(&trace, answer.alert));
    let title = answer.alert.and_then(|alert| alert.context.signature.as_deref());
    let severity = usize::try_from(detector.severity_id).unwrap_or_default();
    let text = answer.text();
    json!({
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "type_uid": 200_400 + activity,
        "type_name": format!("Detection Finding: {activity_name}"),
        // Both are required, also of an alert that says no time.
        "time": to.or(said).unwrap_or_default(),
        "severity_id": detector.severity_id,
        "severity": SEVERITIES.get(severity),
        "status_id": 1,
        "status": "New",
        "status_code": trace["status"],
        "status_detail": reasons(&ends),
        "is_alert": true,
        "message": sentence(&trace),
        "metadata": {
            "version": VERSION,
            "uid": format!("{}:{}", id.as_str().unwrap_or_default(), trace["revision"]),
            "original_event_uid": id,
            "product": { "name": "unmasq", "vendor_name": "unmasq", "version": env!("CARGO_PKG_VERSION") },
            "log_name": "unmasq",
            "log_format": answer.format,
            "processed_time": said,
        },
        "finding_info": {
            "uid": id,
            "title": title.unwrap_or("Alert"),
            "first_seen_time": from,
            "last_seen_time": to,
            "modified_time": said.filter(|_| activity == 2),
            "product": detector.product.map(|name| json!({ "name": name })),
            "analytic": rule(&detector, title),
        },
        "evidences": evidences(answer.alert, &ends),
        "resources": ends.iter().filter_map(resource).collect::<Vec<_>>(),
        "observables": observables(answer.alert, &ends),
        "raw_data_size": text.len(),
        "raw_data": text,
        "unmapped": { "unmasq": { "trace": trace } },
    })
}

/// Their times are whole milliseconds since 1970.
fn ms(at: LogTime) -> Option<i64> {
    at.finite().map(|at| at.as_unix_us().div_euclid(1_000))
}

fn reasons(ends: &[End<'_>]) -> Option<String> {
    let reasons: Vec<&str> = ends.iter().filter_map(|end| end.at("/reason").as_str()).collect();
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

/// `type_id` 1 is a rule.
fn rule(detector: &Detector, title: Option<&str>) -> Option<Value> {
    let known = !detector.rule.is_null();
    known.then(|| json!({ "type_id": 1, "type": "Rule", "uid": detector.rule, "name": title, "category": detector.category }))
}

fn evidences(alert: Option<&Alert>, ends: &[End<'_>]) -> Vec<Value> {
    alert.map(flow).into_iter().chain(ends.iter().filter_map(machine)).collect()
}

fn flow(alert: &Alert) -> Value {
    let endpoint = |end: &Endpoint| json!({ "ip": end.ip, "port": end.port });
    let http = alert.context.http.as_ref();
    let request = http.filter(|http| http.shows_a_request()).map(|http| {
        json!({
            "http_method": http.method,
            // A URL needs its path or the whole.
            "url": http.url.as_deref().map(|url| url.split_once('?').unwrap_or((url, ""))).map(|(path, query)| json!({
                "hostname": http.host,
                "path": path,
                "query_string": Some(query).filter(|query| !query.is_empty()),
            })),
            "user_agent": http.agent,
        })
    });
    json!({
        "src_endpoint": endpoint(&alert.ends.src),
        "dst_endpoint": endpoint(&alert.ends.dest),
        // Required, and nothing here says it of the network: 0 is unknown.
        "connection_info": {
            "direction_id": 0,
            "protocol_num": alert.protocol.number(),
            "protocol_name": alert.protocol.to_string(),
        },
        "http_request": request,
        "http_response": http.and_then(|http| http.status).map(|code| json!({ "code": code })),
    })
}

/// The machine at one end.
fn machine(end: &End<'_>) -> Option<Value> {
    let asset = end.asset()?;
    Some(json!({
        "name": end.called,
        "device": {
            "type_id": 0,
            "type": "Unknown",
            "uid": asset["id"],
            "instance_uid": asset["id"],
            "name": asset["name"],
            "hostname": asset["name"],
            "ip": end.ip(),
            "region": asset["region"],
        },
        "container": Some(end.at("/container")).filter(|found| found.is_object()).map(|container| json!({
            "uid": container["id"],
            "name": container["name"],
            "image": container["image"].as_str().map(|image| json!({ "uid": image, "name": image })),
        })),
        // A process needs its number.
        "process": end.process().filter(|process| process["pid"].is_u64()).map(|process| json!({
            "pid": process["pid"],
            "name": process["name"],
            "cmd_line": process["command"],
            "created_time": process["started"].as_str().and_then(|at| at.parse().ok()).and_then(ms),
            "user": process["user"].as_str().map(|name| json!({ "name": name })),
        })),
    }))
}

/// `role_id` 2 is whoever began it, 1 whom it was for, 4 has to do with it.
fn resource(end: &End<'_>) -> Option<Value> {
    let asset = end.asset()?;
    let (role_id, role) = match end.at("/role").as_str() {
        Some("client") => (2, "Actor"),
        Some("server") => (1, "Target"),
        _ => (4, "Related"),
    };
    Some(json!({
        "uid": asset["id"],
        "name": asset["name"],
        "type": asset["kind"],
        "ip": end.ip(),
        "role_id": role_id,
        "role": role,
        "owner": asset["account"].as_str().map(|account| json!({ "account": { "uid": account } })),
    }))
}

/// Addresses to look for: those that the alert shows, and those behind them. `type_id` 2 is an IP address.
fn observables(alert: Option<&Alert>, ends: &[End<'_>]) -> Vec<Value> {
    let observable =
        |name: &str, ip: Value| json!({ "name": name, "type_id": 2, "type": "IP Address", "value": ip });
    let shown = alert.into_iter().flat_map(|alert| {
        let ip = |ip: IpAddr| Value::from(ip.to_string());
        [
            observable("evidences[0].src_endpoint.ip", ip(alert.ends.src.ip)),
            observable("evidences[0].dst_endpoint.ip", ip(alert.ends.dest.ip)),
        ]
    });
    let inside = ends.iter().filter(|end| end.asset().is_some()).map(End::ip).filter(Value::is_string);
    shown.chain(inside.map(|ip| observable("resources[].ip", ip))).collect()
}
