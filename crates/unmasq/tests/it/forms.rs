//! The lab's gateways logged in several forms at once. Each alone gives the answers of the others, as
//! far as it carries what is needed; none ever gives another name.

use crate::run::Workplace;
use serde_json::Value;
use std::{
    fmt::Write,
    fs::File,
    time::{Duration, SystemTime},
};
use unmasq_testkit::lab::{Score, score};

/// One form of each gateway's log.
const FINEST: [&str; 3] = ["gw-a.conntrack.log", "gw-b.conntrack-kts.log", "node-1.conntrack.log"];

/// The others of `gw-a`, and then the other of `gw-b`.
const OF_GW_A: [&str; 3] = ["gw-a.conntrack.xml", "gw-a.ulogd.jsonl", COARSE];
const COARSE: &str = "gw-a.ulogd-emu.log";
const OF_GW_B: &str = "gw-b.ulogd-flow.jsonl";

const DUMPS: [&str; 3] = ["gw-a.conntrack-dump.log", "gw-b.conntrack-dump.log", "node-1.conntrack-dump.log"];

/// The lab, and every answer that was given in it.
struct Lab {
    place: Workplace,
    truth: String,
}

struct Answers {
    score: Score,
    traced: Vec<Value>,
}

impl Lab {
    fn new() -> Self {
        let place = Workplace::with_whole_lab();
        // A log without years is of the year in which its file was written.
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_345_200);
        File::options().write(true).open(place.path(COARSE)).unwrap().set_modified(written).unwrap();
        let truth = place.read("truth.jsonl");
        Self { place, truth }
    }

    /// Traced with these logs; with all that the inventory names if there are none.
    fn traced(&self, logs: &[&str], bound: &str) -> Answers {
        let mut line = format!(
            "trace --alerts eve.json --inventory inventory.json --processes process.jsonl --quiet --clock-bound {bound}"
        );
        for log in logs {
            let _ = write!(line, " --sessions {log}");
        }
        let out = self.place.run(&line).well().out;
        let score = score(&out, &self.truth).unwrap();
        let traced = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Answers { score, traced }
    }
}

impl Answers {
    fn ends(&self) -> impl Iterator<Item = &Value> {
        self.traced.iter().flat_map(|alert| [&alert["trace"]["src"], &alert["trace"]["dest"]])
    }

    fn never_contradicts(&self, other: &Self) -> bool {
        self.ends().zip(other.ends()).all(|(one, other)| {
            let named = |end: &Value| end["status"] == "traced";
            !named(one) || !named(other) || same_name(one, other)
        })
    }

    fn named(&self) -> usize {
        self.score.clients.right + self.score.clients.without_process
    }
}

/// Whether two answers name the same; a form without ICMP ids has no port for them.
fn same_name(one: &Value, other: &Value) -> bool {
    let (port, other_port) = (&one["inside"]["port"], &other["inside"]["port"]);
    ["/inside/ip", "/inside/realm", "/asset/id", "/container/id"]
        .iter()
        .all(|at| one.pointer(at) == other.pointer(at))
        && (port == other_port || port.is_null() || other_port.is_null())
}

#[test]
fn each_form_alone_names_the_same() {
    let lab = Lab::new();
    let [text, kernel_times, node] = FINEST;
    let mut sites: Vec<(&str, [&str; 3])> = OF_GW_A.map(|form| (form, [form, kernel_times, node])).into();
    sites.push((OF_GW_B, [text, OF_GW_B, node]));
    for bound in ["50ms", "500ms", "1s"] {
        let finest = lab.traced(&FINEST, bound);
        for (form, logs) in &sites {
            let answers = lab.traced(logs, bound);
            assert_eq!(answers.score.wrong().count(), 0, "{form} at {bound}:\n{}", answers.score);
            assert!(answers.never_contradicts(&finest), "{form} at {bound} gives another name");
            // Whole seconds, and nothing that tells of an end, leave more open.
            let least = if *form == COARSE { 115 } else { finest.named() };
            assert!(answers.named() >= least, "{form} at {bound}:\n{}", answers.score);
        }
    }
}

#[test]
fn all_forms_together_name_as_many_as_the_best_alone() {
    let lab = Lab::new();
    for bound in ["50ms", "500ms", "1s", "2s"] {
        let (finest, all) = (lab.traced(&FINEST, bound), lab.traced(&[], bound));
        assert_eq!(all.score.wrong().count(), 0, "all at {bound}:\n{}", all.score);
        assert!(all.never_contradicts(&finest), "all at {bound} give another name");
        assert!(all.named() >= finest.named(), "all at {bound}:\n{}", all.score);
        // Of all that is masked, behind NAT and behind balancers.
        let named = all.named() + all.score.servers.right + all.score.balanced.right;
        assert!(named >= 194, "all at {bound}:\n{}", all.score);
    }
}

#[test]
fn dumps_alone_name_nobody_innocent() {
    let lab = Lab::new();
    for bound in ["50ms", "500ms", "1s"] {
        let (finest, dumps) = (lab.traced(&FINEST, bound), lab.traced(&DUMPS, bound));
        assert_eq!(dumps.score.wrong().count(), 0, "dumps at {bound}:\n{}", dumps.score);
        assert!(dumps.never_contradicts(&finest), "dumps at {bound} give another name");
    }
}
