//! Answers in the words of schemas that others read.

use crate::run::Workplace;
use serde_json::Value;
use std::collections::BTreeSet;

const TRACE: &str =
    "trace --alerts eve.json --inventory inventory.json --processes process.jsonl --quiet --evidence ref";

/// The answers of the lab, in that form.
fn told(form: &str) -> Vec<Value> {
    let place = Workplace::with_lab();
    let out = place.run(&format!("{TRACE} --output {form}")).well().out;
    let told: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), 199, "one for each alert, and nothing else");
    told
}

fn trace<'a>(form: &str, document: &'a Value) -> &'a Value {
    let unmasq = if form == "ocsf" { &document["unmapped"]["unmasq"] } else { &document["unmasq"] };
    &unmasq["trace"]
}

#[test]
fn every_form_has_the_same_traces_whole() {
    let place = Workplace::with_lab();
    let eve = place.run(&format!("{TRACE} --only-alerts")).well().out;
    let alerts: Vec<Value> = eve.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for form in ["ocsf", "ecs"] {
        for (document, alert) in told(form).iter().zip(&alerts) {
            assert_eq!(trace(form, document), &alert["trace"]);
            let raw = if form == "ocsf" { &document["raw_data"] } else { &document["event"]["original"] };
            let mut raw: Value = serde_json::from_str(raw.as_str().unwrap()).unwrap();
            raw["trace"] = alert["trace"].clone();
            assert_eq!(&raw, alert);
        }
    }
}

#[test]
fn a_traced_alert_in_the_words_of_others() {
    for form in ["ocsf", "ecs"] {
        let all = told(form);
        let process = |document: &&Value| trace(form, document)["src"]["process"]["status"] == "named";
        let mut one = all.iter().find(process).unwrap().clone();
        // They are the contract's, and have tests of their own.
        match form {
            "ocsf" => one["unmapped"]["unmasq"]["trace"] = "…".into(),
            _ => one["unmasq"]["trace"] = "…".into(),
        }
        insta::assert_snapshot!(format!("told_{form}"), serde_json::to_string_pretty(&one).unwrap());
    }
}

/// What OCSF 1.8.0 requires of a Detection Finding, and of the objects that we fill.
const REQUIRED: [(&str, &[&str]); 11] = [
    (
        "",
        &[
            "activity_id",
            "category_uid",
            "class_uid",
            "finding_info",
            "metadata",
            "severity_id",
            "time",
            "type_uid",
        ],
    ),
    ("metadata", &["product", "version"]),
    ("metadata.product", &["name"]),
    ("finding_info", &["uid"]),
    ("finding_info.analytic", &["type_id"]),
    ("evidences.device", &["type_id"]),
    ("evidences.connection_info", &["direction_id"]),
    ("evidences.http_response", &["code"]),
    ("evidences.process", &["pid"]),
    ("evidences.container", &["uid"]),
    ("observables", &["type_id"]),
];

#[test]
fn a_finding_has_what_its_schema_requires() {
    fn check(path: &str, value: &Value, seen: &mut BTreeSet<String>) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| check(path, value, seen)),
            Value::Object(members) => {
                seen.insert(path.to_owned());
                let required =
                    REQUIRED.iter().find(|(of, _)| *of == path).map_or(&[][..], |(_, names)| names);
                for name in required {
                    assert!(members.contains_key(*name), "{path} has no {name}: {value}");
                }
                for (name, value) in members.iter().filter(|(name, _)| *name != "unmapped") {
                    check(format!("{path}.{name}").trim_start_matches('.'), value, seen);
                }
            }
            Value::Null => panic!("{path} is null"),
            _ => {}
        }
    }
    let mut seen = BTreeSet::new();
    for finding in told("ocsf") {
        check("", &finding, &mut seen);
        assert_eq!(finding["type_uid"], 200_401, "class_uid * 100 + activity_id");
        assert!(finding["time"].as_i64().unwrap() > 1_795_305_600_000, "milliseconds");
        assert_eq!(finding["finding_info"]["uid"], finding["metadata"]["original_event_uid"]);
    }
    for (path, _) in REQUIRED {
        assert!(seen.contains(path), "nothing tests {path}");
    }
}

#[test]
fn what_we_tell_as_a_finding_is_one_that_we_read() {
    let place = Workplace::with_lab();
    let well = |line: &str| place.run(line).well();
    well(&format!("{TRACE} --output ocsf:findings.json"));
    let again = TRACE.replace("eve.json", "ocsf-finding:findings.json");
    let out = well(&format!("{again} --output ocsf")).out;
    let ends = |finding: &Value| {
        [&finding["evidences"][0]["src_endpoint"], &finding["evidences"][0]["dst_endpoint"]].map(Value::clone)
    };
    let mut count = 0;
    for (first, second) in place.read("findings.json").lines().zip(out.lines()) {
        let [first, second]: [Value; 2] = [first, second].map(|line| serde_json::from_str(line).unwrap());
        assert_eq!(ends(&first), ends(&second));
        assert_eq!(second["severity_id"], first["severity_id"]);
        count += 1;
    }
    assert_eq!(count, 199);
}
