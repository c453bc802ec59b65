//! Sinks of the service, as it is run: receivers that are away, refuse, and come back.

use crate::{
    run::{Workplace, free_port, traces, wait},
    served::Served,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
};
use unmasq_testkit::receiver::{Receiver, Reply, Script};

const CONFIG: &str = r#"
data = "data"
inventory = "inventory.json"
processes = ["process.jsonl"]
[[alerts]]
path = "eve.json"
[answers]
wait = "1s"
stand = "100ms"
[limits]
poll = "20ms"
[log]
form = "json"
level = "debug"
[http]
listen = "127.0.0.1:0"
[[sinks]]
file = "traced.json"
"#;

const TOKEN: &str = "n0b0dy-sees-this";

/// A sink's count.
fn count(served: &Served, name: &str, sink: &str) -> u64 {
    served.count(&format!("unmasq_sink_{name}{{sink=\"{sink}\"}}"))
}

/// What the file was told, each answer by its alert and its revision.
fn answers(lines: &str) -> Vec<(String, u64)> {
    traces(lines).iter().map(key).collect()
}

fn key(trace: &Value) -> (String, u64) {
    (trace["alert_id"].as_str().unwrap().to_owned(), trace["revision"].as_u64().unwrap())
}

/// Of each alert the revisions, in the order in which they came first.
fn revisions(told: &[(String, u64)]) -> BTreeMap<String, Vec<u64>> {
    let (mut seen, mut revisions) = (BTreeSet::new(), BTreeMap::<String, Vec<u64>>::new());
    for (id, revision) in told {
        if seen.insert((id, revision)) {
            revisions.entry(id.clone()).or_default().push(*revision);
        }
    }
    revisions
}

#[test]
fn whoever_is_away_misses_nothing() {
    let script = Arc::new(Script::default());
    let port = free_port();
    let place = Workplace::with_lab();
    place.write("token", TOKEN);
    let sink = format!(
        "[[sinks]]\nname = \"siem\"\nwebhook = \"http://127.0.0.1:{port}/in\"\nform = \"ocsf\"\n\
         token = \"file:token\"\nbatch = 40\ntimeout = \"500ms\"\n"
    );
    let config = format!("{CONFIG}{sink}");
    // Nobody is there.
    let served = Served::start_with(place, &config).ready();
    wait("two failures", || count(&served, "failures_total", "siem") >= 2);
    assert_eq!(count(&served, "told_total", "siem"), 0);
    assert!(count(&served, "behind", "siem") > 0 && count(&served, "told_total", "file:traced.json") > 0);
    // It comes, breaks off, and is answered wrongly; and the service is started again in between.
    script.then([Reply::HangUp, Reply::Take, Reply::TakeAndHangUp, Reply::status(503), Reply::Take]);
    let receiver = Receiver::start(port, &script).unwrap();
    wait("some", || script.lines().len() >= 40);
    let log = served.log();
    let place = served.stop();
    let served = Served::start_with(place, &config).ready();
    let told = || script.lines().join("\n");
    let findings =
        || -> Vec<Value> { told().lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    let file = || fs::read_to_string(served.place.path("traced.json")).unwrap();
    let of_findings = || -> Vec<(String, u64)> {
        findings().iter().map(|finding| key(&finding["unmapped"]["unmasq"]["trace"])).collect()
    };
    wait("all of it", || revisions(&of_findings()) == revisions(&answers(&file())));
    wait("nothing left", || count(&served, "behind", "siem") == 0);
    for (id, revisions) in revisions(&of_findings()) {
        assert!(revisions.is_sorted() && revisions[0] == 1, "{id}: {revisions:?}");
    }
    // What was told twice is the same, and its key too.
    let mut events: BTreeMap<String, Value> = BTreeMap::new();
    for finding in findings() {
        let activity = if finding["unmapped"]["unmasq"]["trace"]["revision"] == 1 { 1 } else { 2 };
        assert_eq!(finding["activity_id"], activity);
        let uid = finding["metadata"]["uid"].as_str().unwrap().to_owned();
        assert_eq!(events.entry(uid).or_insert_with(|| finding.clone()), &finding);
    }
    let log = log + &served.log();
    assert!(log.contains("cannot tell the sink `siem`") && !log.contains(TOKEN), "{log}");
    assert!(script.requests()[0].head.contains(TOKEN));
    drop(receiver);
    served.stop();
}

#[test]
fn what_is_refused_is_said_and_kept() {
    let script = Arc::new(Script::default());
    script.then([Reply::Answer(400, String::new(), format!("no such index; you are {TOKEN}"))]);
    let receiver = Receiver::start(0, &script).unwrap();
    let sink = format!(
        "[[sinks]]\nname = \"siem\"\nwebhook = \"http://{}/in\"\nform = \"ecs\"\ntoken = \"{TOKEN}\"\n",
        receiver.address
    );
    let served = Served::start_with(Workplace::with_lab(), &format!("{CONFIG}{sink}")).ready();
    wait("a failure", || count(&served, "failures_total", "siem") == 1);
    let log = || served.log();
    wait("its log", || log().contains("the answer was 400: no such index; you are ***"));
    assert!(!log().contains(TOKEN));
    assert!(count(&served, "behind", "siem") > 0);
    // Whoever is to stop does not wait for the next try; the next process makes it at once.
    let config = served.place.read("unmasq.toml");
    let place = served.stop();
    let served = Served::start_with(place, &config).ready();
    wait("all of it", || {
        let file = fs::read_to_string(served.place.path("traced.json")).unwrap();
        script.lines().len() == file.lines().count()
    });
    served.stop();
}

#[test]
fn syslog_that_is_told_can_be_listened_to() {
    // One service tells another one, which reads the alerts and finds the traces beside them.
    let port = free_port();
    let listen = CONFIG.replace("[[alerts]]\npath = \"eve.json\"\n", "").to_owned()
        + &format!(
            "[[listen]]\nname = \"told.json\"\nsyslog = \"tcp://127.0.0.1:{port}\"\nkind = \"alerts\"\nformat = \"suricata-eve\"\n"
        );
    let other = Served::start_with(Workplace::with_lab(), &listen);
    let sink = format!("[[sinks]]\nsyslog = \"tcp://127.0.0.1:{port}\"\n");
    let served = Served::start_with(Workplace::with_lab(), &format!("{CONFIG}{sink}")).ready();
    let name = format!("syslog:tcp://127.0.0.1:{port}");
    let file = || fs::read_to_string(served.place.path("traced.json")).unwrap_or_default();
    wait("all of it", || {
        let told = count(&served, "told_total", &name);
        told > 0 && told == file().lines().count() as u64
    });
    assert_eq!(count(&served, "failures_total", &name), 0);
    wait("the other one", || other.count("unmasq_alert_lines_total") >= file().lines().count() as u64);
    let spool = other.place.path("data/spool/told.json");
    let mut lines = String::new();
    for file in fs::read_dir(spool).unwrap() {
        lines += &fs::read_to_string(file.unwrap().path()).unwrap();
    }
    let kept: Vec<&str> = lines.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(kept, file().lines().collect::<Vec<_>>(), "byte for byte, in order");
    served.stop();
    other.stop();
}
