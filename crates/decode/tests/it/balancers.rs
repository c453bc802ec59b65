//! Holds what the lab's balancers logged to what really happened: `truth.jsonl` says for each alert which
//! servers received its request, over which connection of the balancer and when.

use crate::corpus::{Case, repository};
use serde::Deserialize;
use std::fs;
use unmasq_decode::{Fact, Format, Hints, Record};
use unmasq_model::{Endpoint, LogTime, Span};

#[derive(Deserialize)]
struct Truth {
    public: Public,
    timestamp: LogTime,
    server: Server,
}

#[derive(Deserialize)]
struct Public {
    client_ip: std::net::IpAddr,
    client_port: Option<u16>,
    server_port: Option<u16>,
}

#[derive(Deserialize)]
struct Server {
    #[serde(default)]
    via: Vec<String>,
    #[serde(default)]
    attempts: Vec<Attempt>,
}

#[derive(Deserialize)]
struct Attempt {
    ip: std::net::IpAddr,
    port: u16,
    peer_ip: std::net::IpAddr,
    peer_port: u16,
    ts: serde_json::Number,
}

impl Attempt {
    fn server(&self) -> Endpoint {
        Endpoint::new(self.ip, Some(self.port))
    }

    fn at(&self) -> LogTime {
        let text = self.ts.to_string();
        let (seconds, fraction) = text.split_once('.').unwrap_or((&text, ""));
        LogTime::from_unix_us(format!("{seconds}{fraction:0<6}").parse().unwrap()).unwrap()
    }
}

/// What the truth says of the requests that went through one balancer.
fn truths(balancer: &str) -> Vec<Truth> {
    let text = fs::read_to_string(repository().join("corpus/lab-basic/truth.jsonl")).unwrap();
    let truths = text.lines().map(|line| serde_json::from_str::<Truth>(line).unwrap());
    truths
        .filter(|t| t.server.via.iter().any(|via| via == balancer) && !t.server.attempts.is_empty())
        .collect()
}

fn records(format: Format, file: &str, hints: &Hints) -> Vec<Record> {
    let log = fs::read(repository().join("corpus/lab-basic").join(file)).unwrap();
    let mut decoder = format.decoder(hints).unwrap();
    let mut records = Vec::new();
    for line in log.split(|&byte| byte == b'\n') {
        decoder.decode(line, &mut records).unwrap();
    }
    records
}

fn hints_of(format: Format, case: &str) -> Hints {
    let cases = crate::corpus::cases();
    let is_it = |found: &&Case| found.format == format && found.folder.ends_with(case);
    cases.iter().find(is_it).unwrap().hints.clone()
}

fn reach(record: &Record) -> Span {
    match record.fact {
        Fact::Whole { start, end, .. } => Span::between(start.from(), end.to()),
        Fact::Event(_) => panic!("a balancer's record is whole"),
    }
}

/// The records that tell of what one truth tells: same client, same port, all moments within.
fn of<'r>(records: &'r [Record], truth: &Truth) -> Vec<&'r Record> {
    let client = Endpoint::new(truth.public.client_ip, truth.public.client_port);
    let last = truth.server.attempts.last().unwrap();
    let moments = || truth.server.attempts.iter().map(Attempt::at);
    let is_it = |record: &&Record| {
        record.translation.remote == Some(client)
            && record.translation.outside.answers(None, truth.public.server_port)
            && record.translation.inside == Some(last.server())
            && moments().all(|at| reach(record).touches(Span::at(at)))
    };
    records.iter().filter(is_it).collect()
}

/// Whether a record tells of every attempt: the last by name, those before by name or by count.
fn tells_all(record: &Record, truth: &Truth) -> bool {
    let tries = &record.request.as_ref().unwrap().tries;
    let attempts = &truth.server.attempts;
    tries.len() == attempts.len()
        && tries.iter().zip(attempts).all(|(tried, attempt)| {
            let peer = Endpoint::new(attempt.peer_ip, Some(attempt.peer_port));
            tried.backend.is_none_or(|backend| backend == attempt.server())
                && tried.from.is_none_or(|from| from == peer)
        })
}

fn hold_to_truth(balancer: &str, records: &[Record], count: usize) {
    let truths = truths(balancer);
    assert_eq!(truths.len(), count);
    for truth in &truths {
        let found = of(records, truth);
        assert!(
            found.iter().any(|record| tells_all(record, truth)),
            "{balancer} {}: {found:#?}",
            truth.timestamp
        );
    }
}

#[test]
fn haproxy_names_every_server_that_answered_and_its_own_port() {
    let records = records(Format::Haproxy, "haproxy.log", &hints_of(Format::Haproxy, "lab"));
    assert_eq!(records.len(), 95);
    hold_to_truth("lb-a", &records, 30);
}

#[test]
fn nginx_names_every_server_that_it_tried() {
    let text = records(Format::Nginx, "nginx.log", &hints_of(Format::Nginx, "lab"));
    let json = records(Format::NginxJson, "nginx.jsonl", &Hints::default());
    assert_eq!((text.len(), json.len()), (76, 76));
    hold_to_truth("lb-b", &text, 23);
    hold_to_truth("lb-b", &json, 23);
    for (text, json) in text.iter().zip(&json) {
        let mut expected = text.clone();
        let mut request = text.request.as_deref().unwrap().clone();
        // The JSON log has no size.
        request.body_bytes = None;
        expected.request = Some(request.into());
        assert_eq!(expected, *json);
    }
}
