//! Holds what is read of every case of alerts to its `expected.jsonl`.
//!
//! One line per alert, then one per line that cannot be read, then how many lines were something else.
//! `UNMASQ_ACCEPT=1 cargo test` writes the files anew; the difference belongs in the commit.

use crate::{
    corpus::{Case, alert_cases, cases},
    golden::first_difference,
};
use serde_json::{Value, json};
use std::fs;
use unmasq_decode::{
    Carrier,
    alert::{self, AlertFacts, AlertFormat, Reading, UnusableAlert},
    detect,
};
use unmasq_model::{Context, Endpoint, Span};

#[test]
fn every_case_of_alerts_reads_as_expected() {
    let accept = std::env::var_os("UNMASQ_ACCEPT").is_some();
    let mut wrong = Vec::new();
    for case in alert_cases() {
        let expected = case.folder.join("expected.jsonl");
        let told = told(&case);
        if accept {
            fs::write(&expected, &told).unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        if told != expected {
            wrong.push(format!("{}\n{}", case.name(), first_difference(&expected, &told)));
        }
        assert!(case.folder.join("README.md").exists(), "{} has no README.md", case.name());
    }
    assert!(wrong.is_empty(), "{}\nIf this is meant: UNMASQ_ACCEPT=1", wrong.join("\n"));
}

#[test]
fn every_case_of_alerts_is_detected_as_its_form_and_no_session_log_is() {
    for case in alert_cases() {
        let guesses = alert::detect(&case.input);
        assert_eq!(guesses.len(), 1, "{}: {guesses:?}", case.name());
        assert_eq!(guesses[0].format, case.format, "{}", case.name());
        assert_eq!(detect(&case.input), [], "{}", case.name());
    }
    for case in cases() {
        assert_eq!(alert::detect(&case.input), [], "{}", case.name());
    }
}

#[test]
fn what_was_traced_reads_as_it_did() {
    const TRACE: &str = r#"{"version":1,"alert_id":"x"}"#;
    for case in alert_cases() {
        let carrier = case.format.carrier();
        let (mut first, mut again) =
            (case.format.reader(case.hints.clone()), case.format.reader(case.hints.clone()));
        for line in case.lines() {
            let reading = first.read(line);
            let traced = match &reading {
                Reading::Alert(_) | Reading::Unusable(_) => carrier.put(line, "trace", TRACE).unwrap(),
                Reading::NotAnAlert | Reading::Unreadable(_) => line.to_vec(),
            };
            assert_eq!(again.read(&carrier.alert_of(&traced, "trace")), reading);
            if carrier == Carrier::Envelope {
                assert_eq!(carrier.put(&traced, "trace", TRACE), carrier.put(line, "trace", TRACE));
            }
        }
    }
}

fn told(case: &Case<AlertFormat>) -> String {
    let mut reader = case.format.reader(case.hints.clone());
    let (mut alerts, mut unreadable, mut others) = (String::new(), String::new(), 0);
    for (line, number) in case.lines().zip(1..) {
        match reader.read(line) {
            Reading::Alert(facts) => alerts += &(alert_line(number, &facts).to_string() + "\n"),
            Reading::Unusable(lost) => alerts += &(unusable_line(number, &lost).to_string() + "\n"),
            Reading::Unreadable(why) => {
                unreadable += &(json!({"line": number, "unreadable": why.to_string()}).to_string() + "\n");
            }
            Reading::NotAnAlert => others += 1,
        }
    }
    alerts + &unreadable + &json!({"others": others}).to_string() + "\n"
}

fn alert_line(line: i32, facts: &AlertFacts) -> Value {
    json!({
        "line": line,
        "own_id": facts.identity.own_id,
        "sensor": facts.identity.sensor,
        "realm": facts.realm,
        "at": edges(facts.at),
        "request_lag_ms": u64::try_from(facts.request_lag.as_millis()).unwrap(),
        "protocol": facts.protocol,
        "src": facts.ends.src.to_string(),
        "dest": facts.ends.dest.to_string(),
        "opened_by": facts.opened_by,
        "flow_start": facts.flow_start,
        "class": facts.class,
        "context": context(&facts.context),
    })
}

fn unusable_line(line: i32, lost: &UnusableAlert) -> Value {
    json!({
        "line": line,
        "unusable": lost.why.to_string(),
        "own_id": lost.identity.own_id,
        "at": lost.at.map(edges),
        "src": lost.ends.src.map(told_endpoint),
        "dest": lost.ends.dest.map(told_endpoint),
        "class": lost.class,
    })
}

fn told_endpoint(endpoint: Endpoint) -> String {
    endpoint.to_string()
}

fn context(context: &Context) -> Value {
    let http = context.http.as_ref().map(|http| {
        json!({"host": http.host, "method": http.method, "url": http.url, "agent": http.agent,
            "status": http.status, "position": http.position})
    });
    json!({"signature": context.signature, "http": http, "tls_sni": context.tls_sni, "ssh_client": context.ssh_client})
}

fn edges(span: Span) -> Value {
    json!([span.from(), span.to()])
}
