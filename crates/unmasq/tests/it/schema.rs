//! `docs/trace.schema.json` and what the program writes are the same contract.

use crate::run::{Workplace, traces};
use jsonschema::Validator;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use unmasq_model::{Certainty, GatewayKind, Reason, Role, Status};

const SCHEMA: &str = include_str!("../../../../docs/trace.schema.json");

fn validator() -> Validator {
    jsonschema::draft202012::new(&serde_json::from_str(SCHEMA).unwrap()).unwrap()
}

/// Checks every trace of `traced`, and says what there was: `status` and `status: reason` of each end.
fn checked(traced: &str) -> BTreeSet<String> {
    let validator = validator();
    let traces = traces(traced);
    assert!(!traces.is_empty());
    let mut seen = BTreeSet::new();
    for trace in traces {
        let broken: Vec<String> =
            validator.iter_errors(&trace).map(|error| format!("{}: {error}", error.instance_path)).collect();
        assert!(broken.is_empty(), "{broken:#?}\n{trace:#}");
        for end in [&trace["src"], &trace["dest"]] {
            let status = end["status"].as_str().unwrap();
            seen.insert(end["reason"].as_str().map_or(status.into(), |reason| format!("{status}: {reason}")));
        }
    }
    seen
}

fn has(seen: &BTreeSet<String>, wanted: &[&str]) {
    for wanted in wanted {
        assert!(seen.contains(*wanted), "no `{wanted}` in {seen:?}");
    }
}

#[test]
fn the_lab_keeps_the_contract() {
    let place = Workplace::with_lab();
    let lab = "trace --alerts eve.json --only-alerts --inventory inventory.json";
    let full = place.run(&format!("{lab} --processes process.jsonl")).well().out;
    let gateway = "untraced: gateway-not-connected";
    has(&checked(&full), &["traced", "ambiguous: no-ports", "untraced: ended-at-gateway", "not-masked"]);
    let brief = place.run(&format!("{lab} --evidence ref")).well().out;
    assert!(!brief.contains("\"record\":"));
    checked(&brief);
    let logs = "--sessions gw-a.conntrack.log --sessions gw-b.conntrack-kts.log";
    has(
        &checked(&place.run(&format!("{lab} {logs}")).well().out),
        &["partial: gateway-not-connected", gateway],
    );
    has(
        &checked(&place.run(&format!("{lab} {logs} --clock-bound 20s")).well().out),
        &["ambiguous: clock-bound"],
    );
    let undeclared = "trace --alerts eve.json --only-alerts --tz UTC --sessions gw-a.conntrack.log";
    has(&checked(&place.run(undeclared).well().out), &["traced", "untraced: unknown-address"]);
}

#[test]
fn the_alibaba_site_keeps_the_contract() {
    let place = Workplace::with_alibaba();
    let site = place.run("trace --alerts ndr-alerts.jsonl --inventory inventory.toml").well().out;
    has(&checked(&site), &["traced", "untraced: not-logged", "untraced: ended-at-gateway"]);
    let bare = place.run("trace --alerts ndr-alerts.jsonl --sessions nat-session.jsonl").well().out;
    has(&checked(&bare), &["untraced: alias-unknown"]);
}

const RULE: &str = r#"
[[gateways]]
id = "gw"
outside = { addresses = ["203.0.113.7"] }
dnat = [{ proto = "tcp", public = "203.0.113.7:22", private = "10.0.0.4:22", from = "2026-01-01T00:00:00Z" }]
"#;

#[test]
fn a_rule_as_evidence_keeps_the_contract() {
    let place = Workplace::new();
    place.write("inventory.toml", RULE);
    place.write(
        "eve.json",
        r#"{"timestamp":"2026-11-22T10:58:01.5+0000","event_type":"alert","src_ip":"192.0.2.66","src_port":4133,"dest_ip":"203.0.113.7","dest_port":22,"proto":"TCP","flow":{"src_ip":"192.0.2.66","src_port":4133,"dest_ip":"203.0.113.7","dest_port":22},"alert":{"signature":"x"}}"#,
    );
    let traced = place.run("trace --alerts eve.json --inventory inventory.toml").well().out;
    has(&checked(&traced), &["traced"]);
    let proof = &traces(&traced)[0]["dest"]["hops"][0];
    assert_eq!(proof["session"], Value::Null);
    assert_eq!(
        proof["evidence"],
        json!([{"inventory": "inventory.toml", "path": "gateways[0].dnat[0]",
                "valid": {"from": "2026-01-01T00:00:00Z", "to": null}}])
    );
}

#[test]
fn an_alert_without_an_address_keeps_the_contract() {
    let place = Workplace::with_lab();
    place.write(
        "eve.json",
        "{\"timestamp\":\"2026-11-22T10:58:01.5+0000\",\"event_type\":\"alert\",\"alert\":{}}\n",
    );
    let ran = place.run("trace --alerts eve.json --inventory inventory.json").well();
    has(&checked(&ran.out), &["untraced: unreadable"]);
    ran.says("eve.json:1");
}

/// A traced alert of the lab whose source went through two gateways.
fn sample() -> Value {
    let place = Workplace::with_lab();
    let lab = "trace --alerts eve.json --inventory inventory.json --processes process.jsonl";
    let traces = traces(&place.run(lab).well().out);
    traces
        .into_iter()
        .find(|trace| trace["src"]["hops"].as_array().is_some_and(|hops| hops.len() == 2))
        .unwrap()
}

#[test]
fn what_is_not_the_contract_is_refused() {
    let (validator, sample) = (validator(), sample());
    assert!(validator.is_valid(&sample));
    let changes = [
        ("/version", json!(2)),
        ("/status", json!("done")),
        ("/final", json!("true")),
        ("/revision", json!(0)),
        ("/waited_ms", json!(-1)),
        ("/expected_by", json!("2026-11-22 10:57:52")),
        ("/src/status", json!("untraced")),
        ("/src/status", json!("not-masked")),
        ("/src/reason", json!("clock-bound")),
        ("/src/reason", json!("because")),
        ("/src/certainty", Value::Null),
        ("/src/inside", Value::Null),
        ("/src/inside/port", json!(65536)),
        ("/src/inside/ip", json!("app-1")),
        ("/src/inside/realm", Value::Null),
        ("/src/asset/kind", json!("machine")),
        ("/src/asset/held/from", json!(1_795_345_072)),
        ("/src/process/status", json!("no-record")),
        ("/src/process/pid", Value::Null),
        ("/src/container/id", Value::Null),
        ("/src/hops", json!([])),
        ("/src/hops/0/kind", json!("router")),
        ("/src/hops/0/outside", Value::Null),
        ("/src/hops/0/evidence", json!([])),
        ("/src/hops/0/evidence/0/line", json!(0)),
        ("/src/hops/0/evidence/0", json!({"source": "gw-a.conntrack.log"})),
        ("/src/candidates_total", json!(1)),
        ("/dest/owner", json!("nobody")),
        ("/dest/asset", sample["src"]["asset"].clone()),
        ("/dest", Value::Null),
    ];
    for (at, value) in changes {
        let mut changed = sample.clone();
        let member = changed.pointer_mut(at).map(|member| *member = value.clone());
        if member.is_none() {
            let (table, name) = at.rsplit_once('/').unwrap();
            changed.pointer_mut(table).unwrap()[name] = value.clone();
        }
        assert!(!validator.is_valid(&changed), "{at} = {value}");
    }
}

/// Every way to a table in `value`.
fn tables(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            found.push(at.to_owned());
            members.iter().for_each(|(name, value)| tables(value, &format!("{at}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(ix, item)| tables(item, &format!("{at}/{ix}"), found));
        }
        _ => {}
    }
}

#[test]
fn every_table_has_these_members_and_no_other() {
    let (validator, sample) = (validator(), sample());
    let mut found = Vec::new();
    tables(&sample, "", &mut found);
    assert!(found.len() > 12);
    for at in found {
        let mut more = sample.clone();
        more.pointer_mut(&at).unwrap()["more"] = json!(1);
        assert!(!validator.is_valid(&more), "{at}/more is accepted");
        let names: Vec<String> = sample.pointer(&at).unwrap().as_object().unwrap().keys().cloned().collect();
        for name in names.iter().filter(|name| *name != "record") {
            let mut less = sample.clone();
            less.pointer_mut(&at).unwrap().as_object_mut().unwrap().remove(name);
            assert!(!validator.is_valid(&less), "{at}/{name} is not required");
        }
    }
}

/// The words that the model knows, by what it says about one that it does not.
fn words<T: DeserializeOwned>() -> BTreeSet<String> {
    let error = serde_json::from_str::<T>("\"?\"").err().unwrap().to_string();
    let (_, expected) = error.split_once("expected").unwrap();
    expected.split('`').skip(1).step_by(2).map(Into::into).collect()
}

#[test]
fn the_schema_lists_the_words_of_the_model() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let listed = |at: &str| -> BTreeSet<String> {
        let list = schema.pointer(at).unwrap().as_array().unwrap();
        list.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed("/$defs/reason/enum"), words::<Reason>());
    assert_eq!(listed("/$defs/status/enum"), words::<Status>());
    assert_eq!(listed("/$defs/certainty/enum"), words::<Certainty>());
    assert_eq!(listed("/$defs/role/enum"), words::<Role>());
    assert_eq!(listed("/$defs/hop/properties/kind/enum"), words::<GatewayKind>());
}
