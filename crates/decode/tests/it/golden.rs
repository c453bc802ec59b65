//! Holds what comes out of every case of the corpus to its `expected.jsonl`.
//!
//! One line per session, in order, and then one per frame that cannot be read. After a change that is
//! meant, `UNMASQ_ACCEPT=1 cargo test` writes the files anew; the difference belongs in the commit.

use crate::corpus::{Case, cases};
use serde::Serialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs};
use unmasq_decode::{Cited, Said, Sighting, assemble, detect};
use unmasq_model::{
    Endpoint, Evidence, GatewayIx, GatewayName, LogIx, LogTime, Protocol, Realm, Request, Role, Session,
    Span, Try,
};

#[test]
fn every_case_reads_as_expected() {
    let accept = std::env::var_os("UNMASQ_ACCEPT").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let expected = case.folder.join("expected.jsonl");
        let told = Reading::of(&case).told();
        if accept {
            fs::write(&expected, &told).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        if told != expected {
            wrong.push(format!("{}\n{}", case.name(), first_difference(&expected, &told)));
        }
    }
    assert!(wrong.is_empty(), "{}\nIf this is meant: UNMASQ_ACCEPT=1", wrong.join("\n"));
}

#[test]
fn every_case_is_detected_as_its_format() {
    for case in cases() {
        let best = detect(&case.input).first().map(|guess| guess.format);
        // Nobody can tell a format string of one's own by its lines, but nobody may mistake it either.
        let told = case.hints.layout.is_none() || best.is_some();
        assert_eq!(best, told.then_some(case.format), "{}", case.name());
    }
}

#[test]
fn every_case_says_what_it_is_about() {
    for case in cases() {
        assert!(case.folder.join("README.md").exists(), "{} has no README.md", case.name());
    }
}

/// What was read of one case.
struct Reading {
    /// The gateways that records name themselves, by index from 1; 0 is the log's own.
    gateways: Vec<GatewayName>,
    sessions: Vec<Session>,
    unreadable: Vec<UnreadableLine>,
}

impl Reading {
    fn of(case: &Case) -> Self {
        let mut decoder = case.format.decoder(&case.hints).unwrap();
        let mut gateways: Vec<GatewayName> = Vec::new();
        let (mut sightings, mut unreadable) = (Vec::new(), Vec::new());
        let mut said = Said::default();
        for (position, frame) in case.format.traits().framing.frames(&case.input) {
            if !frame.is_empty() {
                decoder.read_at(position, frame, &mut said);
            }
        }
        decoder.finish(&mut said);
        unreadable.extend(
            said.unreadable
                .iter()
                .map(|(line, why)| UnreadableLine { line: *line, unreadable: why.to_string() }),
        );
        for Cited { position, text, record } in said.records {
            let gateway = record.gateway.as_ref().map_or(0, |name| index_of(&mut gateways, name) + 1);
            let gateway = GatewayIx(u32::try_from(gateway).unwrap());
            let evidence = Evidence { log: LogIx(0), file: 0, line: position, record: text };
            sightings.push(Sighting { gateway, evidence, record });
        }
        Self { gateways, sessions: assemble(sightings), unreadable }
    }

    fn told(&self) -> String {
        let sessions = self.sessions.iter().map(|session| line(&self.session_line(session)));
        let unreadable = self.unreadable.iter().map(line);
        sessions.chain(unreadable).collect()
    }

    fn session_line<'a>(&'a self, session: &'a Session) -> SessionLine<'a> {
        let t = session.translation;
        let named = usize::try_from(session.gateway.0).unwrap().checked_sub(1);
        SessionLine {
            gateway: named.map(|ix| &self.gateways[ix]),
            protocol: t.protocol,
            role: t.role,
            outside: t.outside.to_string(),
            remote: t.remote.map(told_endpoint),
            inside: t.inside.map(told_endpoint),
            inside_remote: t.inside_remote.map(told_endpoint),
            inside_realm: session.inside_realm.as_ref(),
            request: session.request.as_deref().map(told_request),
            start: edges(session.start),
            end: edges(session.end),
            proven: session.proven.map(edges),
            lines: session.evidence.iter().map(|evidence| evidence.line).collect(),
        }
    }
}

/// A session in our words; an edge that nobody knows is `null`.
#[derive(Serialize)]
struct SessionLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<&'a GatewayName>,
    protocol: Option<Protocol>,
    role: Role,
    outside: String,
    remote: Option<String>,
    inside: Option<String>,
    inside_remote: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inside_realm: Option<&'a Realm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<BTreeMap<&'static str, Value>>,
    start: [LogTime; 2],
    end: [LogTime; 2],
    proven: Option<[LogTime; 2]>,
    lines: Vec<u64>,
}

#[derive(Serialize)]
struct UnreadableLine {
    line: u64,
    unreadable: String,
}

/// What is known of a request; what is not is left out.
fn told_request(request: &Request) -> BTreeMap<&'static str, Value> {
    let Request { layer, client_claimed, host, method, path, agent, .. } = request;
    let Request { status, body_bytes, position, connection, tries, .. } = request;
    let tries: Vec<_> = tries.iter().map(told_try).collect();
    let all = [
        ("layer", json!(format!("{layer:?}"))),
        ("client_claimed", json!(client_claimed.then_some(true))),
        ("host", json!(host.as_deref())),
        ("method", json!(method.as_deref())),
        ("path", json!(path.as_deref())),
        ("agent", json!(agent.as_deref())),
        ("status", json!(status)),
        ("body_bytes", json!(body_bytes)),
        ("position", json!(position)),
        ("connection", json!(connection)),
        ("tries", json!(tries)),
    ];
    all.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

fn told_try(tried: &Try) -> BTreeMap<&'static str, Value> {
    let Try { backend, server, from, status, outcome } = tried;
    let all = [
        ("backend", json!(backend.map(told_endpoint))),
        ("server", json!(server.as_deref())),
        ("from", json!(from.map(told_endpoint))),
        ("status", json!(status)),
        ("outcome", json!(outcome.as_deref())),
    ];
    all.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

fn told_endpoint(endpoint: Endpoint) -> String {
    endpoint.to_string()
}

fn edges(span: Span) -> [LogTime; 2] {
    [span.from(), span.to()]
}

fn line(line: &impl Serialize) -> String {
    serde_json::to_string(line).unwrap() + "\n"
}

fn index_of(names: &mut Vec<GatewayName>, name: &GatewayName) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.clone());
        names.len() - 1
    })
}

pub(crate) fn first_difference(expected: &str, told: &str) -> String {
    let (mut one, mut other) = (expected.lines(), told.lines());
    for number in 1_u32.. {
        match (one.next(), other.next()) {
            (None, None) => break,
            (one, other) if one == other => {}
            (one, other) => {
                let or_end = |line: Option<&str>| line.unwrap_or("(end)").to_owned();
                return format!("  line {number}\n  expected {}\n  told     {}", or_end(one), or_end(other));
            }
        }
    }
    "  they differ in line ends".to_owned()
}
