//! The service, as it is run: files are written to it, and it is killed.

use crate::run::{Workplace, kills, traces};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write,
    process::Child,
    thread,
    time::{Duration, Instant},
};
use unmasq_testkit::{
    answers::as_in_a_batch,
    rng::Rng,
    workload::{self, Plan, Shape},
};

const CONFIG: &str = r#"
data = "data"
inventory = "live/inventory.json"
processes = ["process.jsonl"]
[[alerts]]
path = "live/eve.json*"
[[sinks]]
file = "traced.json"
[answers]
wait = "1s"
stand = "100ms"
[limits]
poll = "20ms"
lot = 300
[http]
listen = "127.0.0.1:0"
"#;

/// The lab, of which nothing was written yet.
struct Live {
    place: Workplace,
    /// The session logs, in order of name.
    logs: Vec<String>,
}

impl Live {
    fn new() -> Self {
        let place = Workplace::with_lab();
        place.write("unmasq.toml", CONFIG);
        place.write("live/inventory.json", place.bytes("inventory.json"));
        let inventory: Value = serde_json::from_str(&place.read("inventory.json")).unwrap();
        let of = |kind: &str| inventory[kind].as_array().cloned().unwrap_or_default();
        let owners = ["gateways", "load_balancers"].into_iter().flat_map(of);
        let logs = owners.flat_map(|owner| owner["logs"].as_array().cloned().unwrap_or_default());
        let mut logs: Vec<String> = logs.map(|log| log["file"].as_str().unwrap().to_owned()).collect();
        logs.sort();
        Self { place, logs }
    }

    fn start(&self) -> Child {
        self.place.start(&["serve", "--config", "unmasq.toml"])
    }

    /// Writes one part of as many of a file to where the service follows it.
    fn write(&self, name: &str, (part, parts): (usize, usize)) {
        let bytes = self.place.bytes(name);
        let (from, to) = (bytes.len() * part / parts, bytes.len() * (part + 1) / parts);
        self.append(name, &bytes[from..to]);
    }

    /// The same, up to the ends of lines.
    fn write_lines(&self, name: &str, (part, parts): (usize, usize)) {
        let text = self.place.bytes(name);
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let (from, to) = (lines.len() * part / parts, lines.len() * (part + 1) / parts);
        self.append(name, &lines[from..to].concat());
    }

    fn append(&self, name: &str, bytes: &[u8]) {
        let path = self.place.path(&format!("live/{name}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(bytes).unwrap();
    }

    /// The last answer for each alert that anybody was told, without what a batch does not have.
    fn answers(&self) -> BTreeMap<String, Value> {
        let told = fs::read_to_string(self.place.path("traced.json")).unwrap_or_default();
        let mut answers = BTreeMap::new();
        let mut revisions: BTreeMap<(String, u64), Value> = BTreeMap::new();
        for trace in traces(&told) {
            let (id, revision) =
                (trace["alert_id"].as_str().unwrap().to_owned(), trace["revision"].as_u64().unwrap());
            let is_first = revision == 1 || revisions.contains_key(&(id.clone(), revision - 1));
            assert!(is_first, "revision {revision} of {id} comes before the one before it");
            assert_eq!(trace["late"], revision > 1);
            let known = revisions.entry((id.clone(), revision)).or_insert_with(|| trace.clone());
            assert_eq!(*known, trace, "a revision that is told again is the same");
            answers.insert(id, as_in_a_batch(trace));
        }
        answers
    }

    /// What a batch says, from the same logs.
    fn expected(&self, from: &str) -> BTreeMap<String, Value> {
        let line = format!("trace --alerts live/eve.json --processes process.jsonl --quiet {from}");
        let traced = self.place.run(&line).well().out;
        let traces = traces(&traced).into_iter().map(as_in_a_batch);
        traces.map(|trace| (trace["alert_id"].as_str().unwrap().to_owned(), trace)).collect()
    }

    /// Waits until the answers are those that a batch gives.
    #[expect(clippy::disallowed_methods, reason = "it waits for another process")]
    fn wait_for(&self, expected: &BTreeMap<String, Value>) {
        let begun = Instant::now();
        loop {
            let answers = self.answers();
            if answers == *expected {
                return;
            }
            if begun.elapsed() > Duration::from_secs(60) {
                let wrong = expected.iter().find(|(id, answer)| answers.get(*id) != Some(*answer));
                let (id, answer) = wrong.unwrap();
                panic!(
                    "{} of {} told; expected {answer}\n told {:?}",
                    answers.len(),
                    expected.len(),
                    answers.get(id)
                );
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

pub(crate) fn stop(mut child: Child) {
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let status = child.wait().unwrap();
    assert!(status.success(), "it ends well when it is asked to: {status}");
}

#[test]
fn what_is_written_bit_by_bit_ends_as_a_batch_does() {
    let live = Live::new();
    let child = live.start();
    const PARTS: usize = 7;
    for part in 0..PARTS {
        live.write("eve.json", (part, PARTS));
        // The logs come later than the alerts about them, each at its own pace.
        for (late, log) in live.logs.iter().enumerate() {
            if let Some(part) = part.checked_sub(late % 3) {
                live.write(log, (part, PARTS));
            }
        }
        thread::sleep(Duration::from_millis(300));
    }
    for (late, log) in live.logs.iter().enumerate() {
        (PARTS - late % 3..PARTS).for_each(|part| live.write(log, (part, PARTS)));
    }
    live.wait_for(&live.expected("--inventory live/inventory.json"));
    stop(child);
    live.wait_for(&live.expected("--store data/sessions"));
}

#[test]
fn rotated_logs_are_read_once() {
    let live = Live::new();
    let child = live.start();
    const PARTS: usize = 4;
    for part in 0..PARTS {
        live.write_lines("eve.json", (part, PARTS));
        live.logs.iter().for_each(|log| live.write(log, (part, PARTS)));
        thread::sleep(Duration::from_millis(200));
        if part == 1 {
            // As logrotate does it; whoever writes goes on in a new file.
            fs::rename(live.place.path("live/eve.json"), live.place.path("live/eve.json.1")).unwrap();
        }
        if part == 2 {
            let packed = crate::run::gzip(&live.place.bytes("live/eve.json.1"));
            live.place.write("live/eve.json.1.gz", packed);
            fs::remove_file(live.place.path("live/eve.json.1")).unwrap();
        }
    }
    // A batch reads all of it as one.
    fs::write(live.place.path("all.json"), live.place.bytes("eve.json")).unwrap();
    let line = "trace --alerts all.json --processes process.jsonl --quiet --inventory live/inventory.json";
    let traced = traces(&live.place.run(line).well().out).into_iter().map(as_in_a_batch);
    let expected = traced.map(|trace| (trace["alert_id"].as_str().unwrap().to_owned(), trace)).collect();
    live.wait_for(&expected);
    stop(child);
}

#[test]
fn whoever_is_killed_at_any_moment_goes_on() {
    let live = Live::new();
    let mut rng = Rng::new(11);
    let parts = kills(8);
    for part in 0..parts {
        let mut child = live.start();
        live.write("eve.json", (part, parts));
        thread::sleep(Duration::from_micros(rng.next_u64() % 150_000));
        live.logs.iter().for_each(|log| live.write(log, (part, parts)));
        thread::sleep(Duration::from_micros(rng.next_u64() % 300_000));
        child.kill().unwrap();
        child.wait().unwrap();
        live.answers();
    }
    let child = live.start();
    live.wait_for(&live.expected("--inventory live/inventory.json"));
    stop(child);
    live.place.run("store verify data/sessions").well();
    let answers = live.answers();
    assert!(answers.values().any(|trace| trace["status"] == "traced"));
}

#[test]
fn a_sink_that_is_down_is_told_everything_later() {
    let live = Live::new();
    live.place.write("unmasq.toml", CONFIG.replace("traced.json", "later/traced.json"));
    let child = live.start();
    live.write("eve.json", (0, 1));
    live.logs.iter().for_each(|log| live.write(log, (0, 1)));
    thread::sleep(Duration::from_millis(1500));
    assert!(live.answers().is_empty());
    fs::create_dir(live.place.path("later")).unwrap();
    // Where the others look.
    fs::hard_link(told(&live, "later/traced.json"), live.place.path("traced.json")).unwrap();
    live.wait_for(&live.expected("--inventory live/inventory.json"));
    stop(child);
}

#[test]
fn the_last_alert_of_a_file_needs_no_end_of_line() {
    let live = Live::new();
    live.place.write("unmasq.toml", CONFIG.replace("live/eve.json*", "live/end.json"));
    live.logs.iter().for_each(|log| live.write(log, (0, 1)));
    let eve = live.place.read("eve.json");
    let alerts: Vec<&str> =
        eve.lines().filter(|line| line.contains("\"event_type\":\"alert\"")).take(2).collect();
    live.place.write("live/end.json", alerts.join("\n"));
    let child = live.start();
    told(&live, "traced.json");
    let begun = live.answers().len();
    let later = (0..200).map(|_| thread::sleep(Duration::from_millis(50))).map(|()| live.answers().len());
    assert!(begun <= 2 && later.into_iter().any(|answers| answers == 2));
    stop(child);
    let traced = live.place.read("traced.json");
    assert!(traced.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "each stands on a line");
}

/// Waits until there is something in a file.
#[expect(clippy::disallowed_methods, reason = "it waits for another process")]
fn told(live: &Live, name: &str) -> std::path::PathBuf {
    let (begun, path) = (Instant::now(), live.place.path(name));
    while fs::metadata(&path).map_or(0, |facts| facts.len()) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "nothing is in {name}");
        thread::sleep(Duration::from_millis(20));
    }
    path
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it waits for another process")]
fn old_sessions_are_dropped_while_it_runs() {
    let live = Live::new();
    let mut lines = String::new();
    for (number, record) in workload::records(&Plan { seed: 5, records: 200 }).enumerate() {
        let mut line = Vec::new();
        workload::Writer::new(&mut line, Shape::Json).unwrap().write(&record).unwrap();
        let mut line: Value = serde_json::from_slice(&line).unwrap();
        // Every second one is ten days later.
        for member in ["start_time", "end_time"].into_iter().filter(|_| number % 2 == 1) {
            line[member] = (line[member].as_i64().unwrap() + 10 * 24 * 3600).into();
        }
        lines += &format!("{line}\n");
    }
    live.place.write("nat/sessions.jsonl", lines);
    let sessions = "[[sessions]]\npath = \"nat\"\nformat = \"alibaba-nat\"\n[limits]\nkeep_sessions = \"2d\"";
    live.place.write("unmasq.toml", CONFIG.replace("[limits]", sessions).replace("inventory = ", "#"));
    let child = live.start();
    let rows = || {
        let ran = live.place.run("store stats data/sessions --json");
        let stats: Value = serde_json::from_str(&ran.out).unwrap_or_default();
        let hours = stats["hours"].as_array().cloned().unwrap_or_default();
        hours.iter().map(|hour| hour["sessions"].as_u64().unwrap()).sum::<u64>()
    };
    let begun = Instant::now();
    while !(100..150).contains(&rows()) {
        assert!(begun.elapsed() < Duration::from_secs(30), "there are {} left", rows());
        thread::sleep(Duration::from_millis(100));
    }
    stop(child);
    live.place.run("store verify data/sessions").well();
}

#[test]
fn what_an_exporter_repeats_changes_nothing_that_a_batch_would_not_say() {
    let live = Live::new();
    let child = live.start();
    live.write("eve.json", (0, 1));
    for _ in 0..2 {
        live.logs.iter().for_each(|log| live.write(log, (0, 1)));
        thread::sleep(Duration::from_millis(400));
    }
    live.wait_for(&live.expected("--inventory live/inventory.json"));
    stop(child);
}

#[test]
fn a_full_disk_loses_nothing() {
    let live = Live::new();
    live.write("eve.json", (0, 1));
    live.logs.iter().for_each(|log| live.write(log, (0, 1)));
    // No file of it may grow beyond so many blocks of 512 bytes, as if there were no more room.
    for blocks in [8, 40, 200, 900] {
        let line = format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec {} serve --config unmasq.toml",
            env!("CARGO_BIN_EXE_unmasq")
        );
        let mut child = live.place.command("sh").args(["-c", &line]).spawn().unwrap();
        thread::sleep(Duration::from_millis(500));
        child.kill().unwrap();
        child.wait().unwrap();
        live.answers();
    }
    let child = live.start();
    live.wait_for(&live.expected("--inventory live/inventory.json"));
    stop(child);
    live.place.run("store verify data/sessions").well();
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    let live = Live::new();
    live.place
        .run("config check unmasq.toml")
        .exits(3)
        .says("gw-a.conntrack.log` does not exist")
        .says("eve.json");
    live.place.write("unmasq.toml", format!("{CONFIG}\n[htp]\n"));
    live.place.run("config check unmasq.toml").exits(1).says("unknown field `htp`");
    live.place.run("serve --config nothing.toml").exits(1).says("cannot read the configuration");
    let example = live.place.run("config example").well().out;
    assert!(example.contains("[[sinks]]"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it waits for another process")]
fn answers_of_alerts_that_are_not_in_memory_are_amended_too() {
    let live = Live::new();
    live.place.write("unmasq.toml", CONFIG.replace("[limits]", "[limits]\nopen_alerts = 5"));
    let alerts =
        live.place.read("eve.json").lines().filter(|line| line.contains("\"event_type\":\"alert\"")).count();
    let mut child = live.start();
    live.write("eve.json", (0, 1));
    let begun = Instant::now();
    while live.answers().len() < alerts {
        assert!(begun.elapsed() < Duration::from_secs(30), "{} of {alerts} answered", live.answers().len());
        thread::sleep(Duration::from_millis(50));
    }
    // Everything comes late, some of it before it is killed, and some after.
    live.logs.iter().for_each(|log| live.write(log, (0, 2)));
    thread::sleep(Duration::from_millis(700));
    child.kill().unwrap();
    child.wait().unwrap();
    let child = live.start();
    thread::sleep(Duration::from_millis(700));
    live.logs.iter().for_each(|log| live.write(log, (1, 2)));
    live.wait_for(&live.expected("--inventory live/inventory.json"));
    stop(child);
}
