//! Envoy's JSON: which keys there are, and what they are called, is the operator's choice. Read are the
//! names that Envoy Gateway and Istio give them.

use super::Said;
use crate::{
    Unreadable,
    field::fault,
    json::{Object, scalar},
};

pub(super) fn said(line: &str) -> Result<Said, Unreadable> {
    let object = Object::parse(line).ok_or(Unreadable::because("it is not one JSON object"))?;
    let written = |names: &[&'static str]| names.iter().find(|name| object.has(name)).copied();
    let text = |names: &[&'static str]| {
        let value = object.raw(written(names)?)?;
        scalar(value).map(std::borrow::Cow::into_owned).filter(|text| text != "-")
    };
    let needed = |name: &'static str| text(&[name]).ok_or_else(|| fault(name, "is not logged"));
    let start = needed("start_time")?;
    if !object.has("response_flags") && !object.has("response_code_details") {
        return Err(Unreadable::because("not a line of Envoy's access log: it has no `response_flags`"));
    }
    // Without this key nobody can tell an answer of Envoy's own from a backend's.
    let upstream = object.raw("upstream_host").ok_or_else(|| fault("upstream_host", "is not logged"))?;
    let upstream = scalar(upstream).map(std::borrow::Cow::into_owned).filter(|text| text != "-");
    let forwarded =
        written(&["x-forwarded-for", "x_forwarded_for"]).map(|name| text(&[name]).unwrap_or_default());
    Ok(Said {
        start,
        duration: needed("duration")?,
        method: text(&["method", ":method"]),
        path: text(&["x-envoy-origin-path", "x-envoy-original-path", "path", ":path"]),
        protocol: text(&["protocol"]),
        code: text(&["response_code"]).unwrap_or_else(|| "-".to_owned()),
        flags: text(&["response_flags"]),
        details: text(&["response_code_details"]),
        bytes_sent: text(&["bytes_sent"]),
        forwarded_for: forwarded,
        agent: text(&["user-agent", "user_agent"]),
        authority: text(&[":authority", "authority"]),
        upstream,
        upstream_local: text(&["upstream_local_address"]),
        attempts: text(&["upstream_request_attempt_count"]),
        local: text(&["downstream_local_address"]),
        remote: text(&["downstream_remote_address"]),
        direct_remote: text(&["downstream_direct_remote_address"]),
        connection: text(&["connection_id"]),
    })
}
