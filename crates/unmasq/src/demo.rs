//! `unmasq demo`: the recorded attack that ships with the program, traced.
//!
//! Nothing is prepared: the files are unpacked, read and traced as any others would be, and what is
//! printed is read back from the traced alerts.

use crate::{
    cli::DemoArgs,
    exit::Exit,
    progress::Bars,
    report,
    style::{BOLD, DIM, GOOD, paint},
    table::{Align, Table},
    wrap::wrap,
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
};
use unmasq_node::{
    Knowledge, Sources, Summary,
    batch::{AlertsArg, Batch, Options},
};

/// The recording: real kernel NATs and a real Suricata in network namespaces; see corpus/lab-basic.
const FILES: [(&str, &[u8]); 9] = [
    ("eve.json", include_bytes!("../../../corpus/lab-basic/eve.json")),
    (INVENTORY, include_bytes!("../../../corpus/lab-basic/inventory.json")),
    ("gw-a.conntrack.log", include_bytes!("../../../corpus/lab-basic/gw-a.conntrack.log")),
    ("gw-b.conntrack-kts.log", include_bytes!("../../../corpus/lab-basic/gw-b.conntrack-kts.log")),
    ("node-1.conntrack.log", include_bytes!("../../../corpus/lab-basic/node-1.conntrack.log")),
    ("haproxy.log", include_bytes!("../../../corpus/lab-basic/haproxy.log")),
    ("nginx.log", include_bytes!("../../../corpus/lab-basic/nginx.log")),
    ("nginx.jsonl", include_bytes!("../../../corpus/lab-basic/nginx.jsonl")),
    ("process.jsonl", include_bytes!("../../../corpus/lab-basic/process.jsonl")),
];

const INVENTORY: &str = "inventory.json";

/// The recording's inventory without the logs that the demo does not bring.
fn of_these_files(inventory: &[u8]) -> Result<Vec<u8>> {
    let mut inventory: Value = serde_json::from_slice(inventory).context("the inventory is no JSON")?;
    let brought = |log: &Value| FILES.iter().any(|(name, _)| log["file"] == *name);
    for kind in ["gateways", "load_balancers"] {
        for gateway in inventory[kind].as_array_mut().into_iter().flatten() {
            if let Some(logs) = gateway["logs"].as_array_mut() {
                logs.retain(brought);
            }
        }
    }
    Ok(serde_json::to_vec_pretty(&inventory)?)
}

pub(crate) fn run(args: &DemoArgs) -> Result<Exit> {
    let scratch = tempfile::tempdir().context("cannot make a folder for the demo's files")?;
    let folder = args.keep.as_deref().unwrap_or(scratch.path());
    fs::create_dir_all(folder).with_context(|| format!("cannot make folder `{}`", folder.display()))?;
    for (name, bytes) in FILES {
        let path = folder.join(name);
        let bytes = if name == INVENTORY { &of_these_files(bytes)? } else { bytes };
        fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let (knowledge, summary, traced) = trace(folder)?;
    let story = Story::read(&traced);
    let shown = args.keep.clone().unwrap_or_else(|| PathBuf::from("lab"));
    let text = story.text(&knowledge, &summary) + &next_steps(&shown, args.keep.is_some());
    anstream::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

fn trace(folder: &Path) -> Result<(Knowledge, Summary, Vec<u8>)> {
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let sources = Sources {
        inventory: Some(folder.join("inventory.json")),
        processes: vec![path("process.jsonl")],
        ..Sources::default()
    };
    let bars = Bars::default();
    let alerts = [AlertsArg { format: None, path: path("eve.json") }];
    let batch = Batch::new(&alerts, Options { only_alerts: true, ..Options::default() })?;
    let knowledge = batch.learn(&sources, &bars)?;
    let mut traced = Vec::new();
    let summary = batch.trace(&knowledge, &mut traced, &bars)?;
    fs::write(folder.join("traced.json"), &traced).context("cannot write the traced alerts")?;
    Ok((knowledge, summary, traced))
}

/// What the traced alerts tell.
#[derive(Default)]
struct Story {
    /// How many alerts name each shared address, and which machines were behind it.
    shared: BTreeMap<String, (u64, BTreeSet<Actor>)>,
    /// What each machine or container did.
    actors: BTreeMap<Actor, Deeds>,
    /// The first alert that was traced through more than one gateway, and its end.
    example: Option<(Value, Value)>,
}

/// Machine and container.
type Actor = (String, String);

#[derive(Default)]
struct Deeds {
    alerts: u64,
    processes: BTreeMap<String, u64>,
    signatures: BTreeMap<String, u64>,
}

impl Story {
    fn read(traced: &[u8]) -> Self {
        let mut story = Self::default();
        for line in traced.split(|byte| *byte == b'\n') {
            let Ok(alert) = serde_json::from_slice::<Value>(line) else { continue };
            for end in ["src", "dest"] {
                story.end(&alert, &alert["trace"][end]);
            }
        }
        story
    }

    fn end(&mut self, alert: &Value, end: &Value) {
        if end["status"] != "traced" {
            return;
        }
        let actor = (text(&end["asset"]["name"]), text(&end["container"]["name"]));
        let shared = self.shared.entry(text(&end["outside"]["ip"])).or_default();
        shared.0 += 1;
        shared.1.insert(actor.clone());
        let deeds = self.actors.entry(actor).or_default();
        deeds.alerts += 1;
        if let Value::String(process) = &end["process"]["name"] {
            *deeds.processes.entry(process.clone()).or_default() += 1;
        }
        *deeds.signatures.entry(signature(alert)).or_default() += 1;
        if self.example.is_none() && end["hops"].as_array().is_some_and(|hops| hops.len() > 1) {
            self.example = Some((alert.clone(), end.clone()));
        }
    }

    fn text(&self, knowledge: &Knowledge, summary: &Summary) -> String {
        let mut text = format!(
            "{}\nA real Suricata listened outside of two NAT gateways while an attack ran. It wrote {} alerts.\n",
            paint(BOLD, "A recorded attack"),
            summary.alerts
        );
        if let Some((alert, end)) = &self.example {
            text += &self.question(alert, end);
            text += &answer(alert, end);
        }
        let logs = knowledge.sources.iter().filter(|source| source.gateway.is_some()).count();
        text += &format!(
            "\n{}\nThe same for every alert, from {logs} gateway logs and what agents on the hosts saw:\n\n{}",
            paint(BOLD, "All of them"),
            self.actors_table()
        );
        text + &open_ends(summary)
    }

    /// Why an alert by itself is not enough.
    fn question(&self, alert: &Value, end: &Value) -> String {
        let ip = text(&end["outside"]["ip"]);
        let (alerts, behind) = &self.shared[&ip];
        format!(
            "This is one of them:\n\n  {}  {}  {}\n\n{ip} is no machine. It is what a NAT gateway makes of \
             everything behind it: {alerts} of the\nalerts show this address, and {} machines and containers \
             sent them. Which one was it?\n",
            time(alert),
            flow(alert),
            signature(alert),
            behind.len(),
        )
    }

    fn actors_table(&self) -> String {
        use Align::{Left, Right};
        let mut table = Table::new([
            ("machine", Left),
            ("container", Left),
            ("alerts", Right),
            ("processes", Left),
            ("what the alerts say most", Left),
        ]);
        let mut actors: Vec<_> = self.actors.iter().collect();
        actors.sort_by_key(|(actor, deeds)| (Reverse(deeds.alerts), *actor));
        for ((machine, container), deeds) in actors {
            let says = by_count(&deeds.signatures).first().map(ToString::to_string).unwrap_or_default();
            let processes = by_count(&deeds.processes).join(", ");
            table.row([machine.clone(), container.clone(), deeds.alerts.to_string(), processes, says]);
        }
        table.render()
    }
}

/// The names, the most frequent first.
fn by_count(counts: &BTreeMap<String, u64>) -> Vec<&str> {
    let mut names: Vec<_> = counts.iter().map(|(name, count)| (Reverse(*count), name.as_str())).collect();
    names.sort_unstable();
    names.into_iter().map(|(_, name)| name).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn time(alert: &Value) -> String {
    text(&alert["timestamp"]).get(11..19).unwrap_or_default().to_owned()
}

fn flow(alert: &Value) -> String {
    let end =
        |side: &str| format!("{}:{}", text(&alert[format!("{side}_ip")]), alert[format!("{side}_port")]);
    format!("{} → {}", end("src"), end("dest"))
}

/// What an alert is called; the recording's own rules all begin with the same word.
fn signature(alert: &Value) -> String {
    text(&alert["alert"]["signature"]).trim_start_matches("LAB ").to_owned()
}

/// One alert's way from the outside to the inside, with the line that proves each step.
fn answer(alert: &Value, end: &Value) -> String {
    let mut lines =
        format!("\n{}\n  the sensor saw   {}\n", paint(BOLD, "What unmasq makes of it"), flow(alert));
    for hop in end["hops"].as_array().into_iter().flatten() {
        let inside = &hop["inside"];
        let endpoint = format!("{}:{} in {}", text(&inside["ip"]), inside["port"], text(&inside["realm"]));
        lines += &format!("  {:<16} it was {endpoint}\n", format!("behind {}", text(&hop["gateway"])));
        if let Some(proof) = hop["evidence"].as_array().and_then(|proofs| proofs.first()) {
            let (source, record) = (text(&proof["source"]), text(&proof["record"]));
            let proof = format!("proof: {source} line {}: {record}", proof["line"]);
            lines += &paint(DIM, format!("  {:<16} {}\n", "", wrap(&proof, 19, 19)));
        }
    }
    let process = &end["process"];
    lines += &format!(
        "  {} process {} (pid {}) in container {} on {}\n",
        paint(GOOD, "so it was       "),
        text(&process["name"]),
        process["pid"],
        text(&end["container"]["name"]),
        text(&end["asset"]["name"]),
    );
    lines + &format!("  {:<16} {}\n", "how sure", sure(&end["certainty"]))
}

fn sure(certainty: &Value) -> &'static str {
    match certainty.as_str() {
        Some("certain") => "certain: nothing that may still arrive can change it",
        Some("provisional") => "provisional: a record that is still due could change it",
        _ => "likely: all of it fits, but nobody vouches that these logs are complete",
    }
}

fn open_ends(summary: &Summary) -> String {
    format!(
        "\n{}\nA wrong name is worse than none, so these stay open:\n{}",
        paint(BOLD, "What it does not claim to know"),
        report::reasons(summary)
    )
}

fn next_steps(folder: &Path, kept: bool) -> String {
    let folder = quoted(&folder.to_string_lossy());
    let go =
        if kept { format!("cd {folder}") } else { format!("unmasq demo --keep {folder} && cd {folder}") };
    format!(
        "\n{}\n  {go}\n  unmasq trace --alerts eve.json --inventory inventory.json --processes process.jsonl -o \
         traced.json\n  unmasq lookup 203.0.113.10 --from 10:58 --to 10:59 --zone UTC --inventory inventory.json\n",
        paint(BOLD, "Try it yourself")
    )
}

/// As a shell reads it.
fn quoted(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if path.bytes().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}
