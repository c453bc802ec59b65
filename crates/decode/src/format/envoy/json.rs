//! Envoy's JSON: which keys there are, and what they are called, is the operator's choice. Read are the
//! names that Envoy Gateway and Istio give them.

use super::Said;
use crate::{
    Unreadable,
    field::fault,
    json::{Members, scalar},
};
use std::borrow::Cow;

/// The members that are read. Of several names for one thing, the first that is there counts.
const NAMES: [&str; 26] = [
    "start_time",
    "duration",
    "method",
    ":method",
    "x-envoy-origin-path",
    "x-envoy-original-path",
    "path",
    ":path",
    "protocol",
    "response_code",
    "response_flags",
    "response_code_details",
    "bytes_sent",
    "x-forwarded-for",
    "x_forwarded_for",
    "user-agent",
    "user_agent",
    ":authority",
    "authority",
    "upstream_host",
    "upstream_local_address",
    "upstream_request_attempt_count",
    "downstream_local_address",
    "downstream_remote_address",
    "downstream_direct_remote_address",
    "connection_id",
];

/// Reads lines.
#[derive(Clone)]
pub(super) struct Reader(Members<{ NAMES.len() }>);

impl Reader {
    pub(super) fn new() -> Self {
        Self(Members::new(NAMES))
    }

    pub(super) fn said<'a>(&mut self, line: &'a str) -> Result<Said<'a>, Unreadable> {
        let found = self.0.read(line).ok_or(Unreadable::because("it is not one JSON object"))?;
        let [
            start,
            duration,
            method,
            colon_method,
            origin_path,
            original_path,
            path,
            colon_path,
            protocol,
            code,
            flags,
            details,
            bytes_sent,
            forwarded,
            forwarded_too,
            agent,
            agent_too,
            colon_authority,
            authority,
            upstream,
            upstream_local,
            attempts,
            local,
            remote,
            direct_remote,
            connection,
        ] = found;
        let needed = |name: &str, value: Option<&'a str>| {
            value.and_then(told).ok_or_else(|| fault(name, "is not logged"))
        };
        let start = needed("start_time", start)?;
        if flags.is_none() && details.is_none() {
            return Err(Unreadable::because("not a line of Envoy's access log: it has no `response_flags`"));
        }
        // Without this key nobody can tell an answer of Envoy's own from a backend's; one that is written
        // twice is none.
        let upstream = upstream.filter(|value| !value.is_empty());
        let upstream = upstream.ok_or_else(|| fault("upstream_host", "is not logged"))?;
        Ok(Said {
            start,
            duration: needed("duration", duration)?,
            method: method.or(colon_method).and_then(told),
            path: origin_path.or(original_path).or(path).or(colon_path).and_then(told),
            protocol: protocol.and_then(told),
            code: code.and_then(told).unwrap_or(Cow::Borrowed("-")),
            flags: flags.and_then(told),
            details: details.and_then(told),
            bytes_sent: bytes_sent.and_then(told),
            forwarded_for: forwarded.or(forwarded_too).map(|list| told(list).unwrap_or_default()),
            agent: agent.or(agent_too).and_then(told),
            authority: colon_authority.or(authority).and_then(told),
            upstream: told(upstream),
            upstream_local: upstream_local.and_then(told),
            attempts: attempts.and_then(told),
            local: local.and_then(told),
            remote: remote.and_then(told),
            direct_remote: direct_remote.and_then(told),
            connection: connection.and_then(told),
        })
    }
}

/// What a value says; a dash stands for nothing.
fn told(value: &str) -> Option<Cow<'_, str>> {
    scalar(value).filter(|text| text != "-")
}
