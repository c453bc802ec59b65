//! `unmasq trace` on the logs of two Alibaba Cloud NAT gateways whose private addresses overlap.

use crate::run::{Workplace, traces};
use serde_json::Value;
use std::{collections::BTreeMap, fs};

/// How the logs may come: as the inventory names them, or one of the two exports, or both.
const SOURCES: [(&str, &[&str]); 4] = [
    ("--sessions nat-session.jsonl", &["nat-session.jsonl"]),
    ("--sessions nat-session.csv", &["nat-session.csv"]),
    ("", &["nat-session.csv", "nat-session.jsonl"]),
    (
        "--sessions alibaba-nat-csv:nat-session.csv --sessions alibaba-nat:nat-session.jsonl",
        &["nat-session.csv", "nat-session.jsonl"],
    ),
];

fn traced(place: &Workplace, sources: &str) -> BTreeMap<String, Value> {
    let line = format!("trace --alerts ndr-alerts.jsonl --inventory inventory.toml {sources}");
    let traces = traces(&place.run(&line).well().out);
    traces.into_iter().map(|trace| (trace["alert_id"].as_str().unwrap().to_owned(), trace)).collect()
}

fn expected(place: &Workplace) -> BTreeMap<String, Value> {
    let lines = place.read("expected-traces.jsonl");
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| (line["alert_id"].as_str().unwrap().to_owned(), line)).collect()
}

#[test]
fn every_alert_behind_nat_has_its_private_endpoint() {
    let place = Workplace::with_alibaba();
    let expected = expected(&place);
    for (sources, files) in SOURCES {
        let traced = traced(&place, sources);
        for id in ["a1", "a2", "a3", "a4", "a5", "a10"] {
            let (end, right) = (&traced[id]["src"], &expected[id]);
            assert_eq!(end["status"], "traced", "{id} with {sources}: {end}");
            let inside = format!("{}:{}", end["inside"]["ip"].as_str().unwrap(), end["inside"]["port"]);
            assert_eq!(inside, right["private"], "{id} with {sources}");
            assert_eq!(end["asset"]["id"], right["asset"], "{id} with {sources}");
            let pod = end["container"]["pod"]
                .as_str()
                .map(|pod| format!("{}/{pod}", end["container"]["namespace"].as_str().unwrap()));
            assert_eq!(pod.as_deref(), right["pod"].as_str(), "{id} with {sources}");
            let proofs = end["hops"][0]["evidence"].as_array().unwrap();
            for file in files {
                assert!(proofs.iter().any(|proof| proof["source"] == *file), "{id} does not cite {file}");
            }
            assert!(proofs.iter().all(|proof| files.iter().any(|file| proof["source"] == *file)));
        }
    }
}

#[test]
fn the_same_private_address_belongs_to_the_account_whose_gateway_it_was() {
    let place = Workplace::with_alibaba();
    for (sources, _) in SOURCES {
        let traced = traced(&place, sources);
        let who = |id: &str| {
            let (hop, asset) = (&traced[id]["src"]["hops"][0], &traced[id]["src"]["asset"]);
            [
                &hop["gateway"],
                &hop["account"],
                &asset["account"],
                &asset["realm"],
                &asset["id"],
                &asset["region"],
            ]
            .map(|text| text.as_str().unwrap().to_owned())
        };
        let prod = ["ngw-demo-prod", "1000000000000001", "1000000000000001", "vpc-demo-prod", "i-demo-web01"];
        let dev = ["ngw-demo-dev", "1000000000000002", "1000000000000002", "vpc-demo-dev", "i-demo-dev01"];
        assert_eq!(who("a3")[..5], prod, "with {sources}");
        assert_eq!(who("a4")[..5], dev, "with {sources}");
        assert_eq!(who("a4")[5], "cn-hangzhou");
    }
}

#[test]
fn every_alert_behind_a_balancer_has_its_backend() {
    let place = Workplace::with_alibaba();
    let (expected, traced) = (expected(&place), traced(&place, ""));
    for id in ["a6", "a8", "a9"] {
        let (end, right) = (&traced[id]["dest"], &expected[id]);
        assert_eq!(end["status"], "traced", "{id}: {end}");
        let inside = format!("{}:{}", end["inside"]["ip"].as_str().unwrap(), end["inside"]["port"]);
        assert_eq!(
            (inside.as_str(), &end["asset"]["id"]),
            (right["private"].as_str().unwrap(), &right["asset"]),
            "{id}"
        );
    }
    // It was tried elsewhere first; the pod answered.
    let attempts = traced["a6"]["dest"]["attempts"].as_array().unwrap();
    let tried: Vec<_> = attempts.iter().map(|tried| (&tried["asset"]["id"], &tried["status"])).collect();
    assert_eq!(serde_json::json!(tried), serde_json::json!([["i-demo-web02", 502], ["i-demo-node01", 200]]));
    assert_eq!(traced["a6"]["dest"]["container"]["pod"], "shop-web-7c9d-abcde");
    // A client out of a header can never be certain.
    assert_ne!(traced["a8"]["dest"]["certainty"], "certain");
    assert_eq!(traced["a7"]["dest"]["reason"], "ended-at-gateway");
}

#[test]
fn what_no_log_has_is_untraced_for_its_reason() {
    let place = Workplace::with_alibaba();
    for (sources, _) in SOURCES {
        let traced = traced(&place, sources);
        assert_eq!(traced.len(), 11);
        let reason = |id: &str, end: &str| {
            let end = &traced[id][end];
            format!("{}: {}", end["status"].as_str().unwrap(), end["reason"].as_str().unwrap_or_default())
        };
        assert_eq!(reason("a11", "src"), "untraced: not-logged", "with {sources}");
        if !sources.is_empty() {
            for id in ["a6", "a7", "a8", "a9"] {
                assert_eq!(reason(id, "dest"), "untraced: gateway-not-connected", "{id} with {sources}");
            }
        }
    }
}

#[test]
fn both_exports_give_the_answers_of_either() {
    let place = Workplace::with_alibaba();
    let answers = |sources: &str| {
        let mut traced = traced(&place, sources);
        for trace in traced.values_mut() {
            for end in ["src", "dest"] {
                for hop in trace[end]["hops"].as_array_mut().into_iter().flatten() {
                    hop.as_object_mut().unwrap().remove("evidence");
                }
            }
        }
        traced
    };
    // The inventory names the balancers' logs too.
    let [json, csv, _, both] = SOURCES.map(|(sources, _)| answers(sources));
    assert!(json == csv && json == both, "the exports give different answers");
}

#[test]
fn the_alerts_come_out_as_they_went_in() {
    let place = Workplace::with_alibaba();
    place.run("trace --alerts ndr-alerts.jsonl --inventory inventory.toml -o traced.jsonl").well();
    let bare = crate::run::without_traces(&place.bytes("traced.jsonl"));
    assert_eq!(bare, fs::read(place.path("ndr-alerts.jsonl")).unwrap());
}
