//! Whichever side is held in memory, the answers are the same.

use std::path::{Path, PathBuf};
use unmasq_node::{
    SessionsArg, Silent, Sources,
    batch::{AlertsArg, Batch, EvidenceDetail, Hold, Options, OutputForm},
};

pub(crate) fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus").join(name)
}

/// What a run writes, and how much of it is alerts.
pub(crate) fn traced(sources: &Sources, alerts: &str, options: Options) -> (Vec<u8>, u64) {
    let alerts = [AlertsArg { format: None, path: alerts.to_owned() }];
    let batch = Batch::new(&alerts, options).unwrap();
    let knowledge = batch.learn(sources, &Silent).unwrap();
    let mut out = Vec::new();
    let summary = batch.trace(&knowledge, &mut out, &Silent).unwrap();
    (out, summary.alerts)
}

fn holds_make_no_difference(sources: &Sources, alerts: &str) {
    for output in [OutputForm::Alerts, OutputForm::Csv] {
        for evidence in [EvidenceDetail::Full, EvidenceDetail::Ref] {
            let run =
                |hold| traced(sources, alerts, Options { output, evidence, hold, ..Options::default() });
            let (held, counted) = run(Hold::Alerts);
            assert!(counted > 0, "{alerts} has no alerts");
            assert!((held, counted) == run(Hold::Sessions), "{alerts}, {output:?}, {evidence:?}");
        }
    }
}

#[test]
fn in_the_lab_with_all_its_logs() {
    let folder = corpus("lab-basic");
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let known = Sources {
        inventory: Some(folder.join("inventory.json")),
        processes: vec![path("process.jsonl")],
        ..Sources::default()
    };
    holds_make_no_difference(&known, &path("eve.json"));
    let logs = ["gw-a.conntrack.log", "gw-b.conntrack-kts.log", "node-1.conntrack.log", "haproxy.log"];
    let unknown = Sources {
        sessions: logs.map(|log| SessionsArg::from(path(log).as_str())).into(),
        zone: Some(jiff::tz::TimeZone::UTC),
        ..Sources::default()
    };
    holds_make_no_difference(&unknown, &path("eve.json"));
}

#[test]
fn on_the_site_of_two_accounts() {
    let folder = corpus("alibaba-site");
    let alerts = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path());
    let alerts = alerts.filter(|path| path.file_name().unwrap().to_string_lossy().contains("alert"));
    let known = Sources { inventory: Some(folder.join("inventory.toml")), ..Sources::default() };
    for path in alerts {
        holds_make_no_difference(&known, &path.to_string_lossy());
    }
}

#[test]
fn alerts_that_come_during_the_run_are_left_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("eve.json");
    let known = corpus("lab-basic");
    std::fs::copy(known.join("eve.json"), &path).unwrap();
    let sources = Sources { inventory: Some(known.join("inventory.json")), ..Sources::default() };
    let alerts = [AlertsArg { format: None, path: path.to_string_lossy().into_owned() }];
    let batch = Batch::new(&alerts, Options { hold: Hold::Alerts, ..Options::default() }).unwrap();
    let knowledge = batch.learn(&sources, &Silent).unwrap();
    let traced = |batch: &Batch| {
        let mut out = Vec::new();
        batch.trace(&knowledge, &mut out, &Silent).unwrap();
        out
    };
    let before = traced(&batch);
    let more = std::fs::read_to_string(&path).unwrap().repeat(2);
    std::fs::write(&path, more).unwrap();
    // What they may ask was not kept, so it must not be said that there was nothing.
    assert!(traced(&batch) == before, "an alert was answered for which nothing was kept");
}
