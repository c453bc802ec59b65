//! `unmasq demo`: the recorded attack that ships with the program, traced.
//!
//! Nothing is prepared: the files are unpacked, read and traced as any others would be, and what is
//! printed is read back from the traced alerts.

use crate::{
    cli::DemoArgs,
    exit::Exit,
    progress::Bars,
    style::{BOLD, DIM, GOOD, paint},
    table::{Align, Table},
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};
use unmasq_node::{
    Knowledge, Sources, Summary,
    batch::{AlertsArg, EvidenceDetail, Options, trace_alerts},
};

/// The recording: real kernel NATs and a real Suricata in network namespaces; see corpus/lab-basic.
const FILES: [(&str, &[u8]); 6] = [
    ("eve.json", include_bytes!("../../../corpus/lab-basic/eve.json")),
    ("inventory.json", include_bytes!("../../../corpus/lab-basic/inventory.json")),
    ("gw-a.conntrack.log", include_bytes!("../../../corpus/lab-basic/gw-a.conntrack.log")),
    ("gw-b.conntrack-kts.log", include_bytes!("../../../corpus/lab-basic/gw-b.conntrack-kts.log")),
    ("node-1.conntrack.log", include_bytes!("../../../corpus/lab-basic/node-1.conntrack.log")),
    ("process.jsonl", include_bytes!("../../../corpus/lab-basic/process.jsonl")),
];

pub(crate) fn run(args: &DemoArgs) -> Result<Exit> {
    let scratch = tempfile::tempdir().context("cannot make a folder for the demo's files")?;
    let folder = args.keep.as_deref().unwrap_or(scratch.path());
    fs::create_dir_all(folder).with_context(|| format!("cannot make folder `{}`", folder.display()))?;
    for (name, bytes) in FILES {
        let path = folder.join(name);
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
    let knowledge = Knowledge::learn(&sources, &bars)?;
    let alerts = [AlertsArg { format: None, path: path("eve.json") }];
    let options = Options { field: "trace".into(), only_alerts: true, evidence: EvidenceDetail::Full };
    let mut traced = Vec::new();
    let summary = trace_alerts(&knowledge, &alerts, &options, &mut traced, &bars)?;
    fs::write(folder.join("traced.json"), &traced).context("cannot write the traced alerts")?;
    Ok((knowledge, summary, traced))
}

/// What the traced alerts tell.
#[derive(Default)]
struct Story {
    /// How many alerts name each shared address, and how many machines were behind it.
    shared: BTreeMap<String, (u64, BTreeMap<String, ()>)>,
    /// What each process did.
    actors: BTreeMap<Actor, Deeds>,
    /// An alert that was traced through more than one gateway.
    example: Option<Value>,
}

/// Machine, container, process.
type Actor = (String, String, String);

#[derive(Default)]
struct Deeds {
    alerts: u64,
    first: String,
    last: String,
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
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let machine = text(&end["asset"]["name"]);
        let shared = self.shared.entry(text(&end["outside"]["ip"])).or_default();
        shared.0 += 1;
        shared.1.insert(machine.clone(), ());
        let process = match (&end["process"]["name"], &end["process"]["pid"]) {
            (Value::String(name), Value::Number(pid)) => format!("{name} ({pid})"),
            _ => String::new(),
        };
        let actor = (machine, text(&end["container"]["name"]), process);
        let deeds = self.actors.entry(actor).or_default();
        let time = text(&alert["timestamp"]).get(11..19).unwrap_or_default().to_owned();
        deeds.alerts += 1;
        if deeds.first.is_empty() || time < deeds.first {
            deeds.first.clone_from(&time);
        }
        deeds.last = deeds.last.clone().max(time);
        let signature = text(&alert["alert"]["signature"]);
        *deeds.signatures.entry(signature.trim_start_matches("LAB ").to_owned()).or_default() += 1;
        if self.example.is_none() && end["hops"].as_array().is_some_and(|hops| hops.len() > 1) {
            self.example = Some(alert.clone());
        }
    }

    fn text(&self, knowledge: &Knowledge, summary: &Summary) -> String {
        let mut text = format!(
            "{}\nSuricata listened outside of two NAT gateways while an attack ran, and wrote {} alerts.\nAll it \
             could name was an address that many machines share:\n\n",
            paint(BOLD, "A recorded attack"),
            summary.alerts
        );
        for (ip, (alerts, machines)) in &self.shared {
            text += &format!("  {ip:<18} {alerts:>3} alerts   {:>2} machines behind it\n", machines.len());
        }
        let logs = knowledge.sources.iter().filter(|source| source.gateway.is_some()).count();
        text += &format!(
            "\n{}\nWith {logs} gateway logs and the host agents' socket records, unmasq names who it was:\n\n{}",
            paint(BOLD, "What is behind them"),
            self.actors_table()
        );
        if let Some(alert) = &self.example {
            text += &example(alert);
        }
        text + &open_ends(summary)
    }

    fn actors_table(&self) -> String {
        use Align::{Left, Right};
        let mut table = Table::new([
            ("machine", Left),
            ("container", Left),
            ("process", Left),
            ("alerts", Right),
            ("first", Left),
            ("last", Left),
            ("what the alerts say", Left),
        ]);
        let mut actors: Vec<_> = self.actors.iter().collect();
        actors.sort_by_key(|(actor, deeds)| (&deeds.first, *actor));
        for ((machine, container, process), deeds) in actors {
            let mut signatures: Vec<_> = deeds.signatures.iter().collect();
            signatures.sort_by_key(|(text, count)| (std::cmp::Reverse(**count), *text));
            let more = match signatures.len() {
                0 | 1 => String::new(),
                many => format!(" (+{} more)", many - 1),
            };
            let [machine, container, process] = [machine, container, process].map(ToString::to_string);
            let (first, last) = (deeds.first.clone(), deeds.last.clone());
            let says = signatures.first().map(|(text, _)| format!("{text}{more}")).unwrap_or_default();
            table.row([machine, container, process, deeds.alerts.to_string(), first, last, says]);
        }
        table.render()
    }
}

fn example(alert: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let end = match &alert["trace"]["src"]["status"] {
        Value::String(status) if status == "traced" => &alert["trace"]["src"],
        _ => &alert["trace"]["dest"],
    };
    let mut lines = format!(
        "\n{}\n  the sensor saw   {}:{} → {}:{}   {}\n",
        paint(BOLD, "One of them, step by step"),
        text(&alert["src_ip"]),
        alert["src_port"],
        text(&alert["dest_ip"]),
        alert["dest_port"],
        text(&alert["alert"]["signature"]),
    );
    for hop in end["hops"].as_array().into_iter().flatten() {
        let inside = &hop["inside"];
        let endpoint = format!("{}:{} in {}", text(&inside["ip"]), inside["port"], text(&inside["realm"]));
        lines += &format!("  {:<16} it was {endpoint}\n", format!("through {}", text(&hop["gateway"])));
        if let Some(proof) = hop["evidence"].as_array().and_then(|proofs| proofs.first()) {
            let record = text(&proof["record"]);
            let record: String =
                record.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(110).collect();
            lines +=
                &paint(DIM, format!("  {:<16} {}:{} {record}…\n", "", text(&proof["source"]), proof["line"]));
        }
    }
    let process = &end["process"];
    lines += &format!(
        "  {:<16} {} on {}, process {} (pid {}), {}\n",
        paint(GOOD, "so it was       "),
        text(&end["container"]["name"]),
        text(&end["asset"]["name"]),
        text(&process["name"]),
        process["pid"],
        text(&end["certainty"]),
    );
    lines
}

fn open_ends(summary: &Summary) -> String {
    let mut lines = format!("\n{}\n", paint(BOLD, "What it does not claim to know"));
    for ((status, reason), count) in &summary.reasons {
        lines += &format!("  {count:>3} ends {status}, {reason}: {}\n", reason.remedy());
    }
    lines
}

fn next_steps(folder: &Path, kept: bool) -> String {
    let folder = folder.display();
    let keep = if kept { String::new() } else { format!("  unmasq demo --keep {folder}\n") };
    format!(
        "\n{}\n{keep}  unmasq trace --alerts {folder}/eve.json --inventory {folder}/inventory.json --processes \
         {folder}/process.jsonl -o traced.json\n  unmasq lookup 203.0.113.10 --from 10:58 --to 10:59 --zone UTC \
         --inventory {folder}/inventory.json\n",
        paint(BOLD, "Try it yourself")
    )
}
