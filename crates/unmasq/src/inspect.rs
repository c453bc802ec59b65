//! `unmasq inspect`.

use crate::{
    cli::InspectArgs,
    exit::Exit,
    progress::Bars,
    style::{BOLD, DIM, GOOD, WARN, paint},
};
use anyhow::Result;
use std::io::Write;
use unmasq_io::inventory;
use unmasq_node::{
    NodeError,
    inspect::{Example, InspectOptions, Inspection, Kind, Zone, inspect},
};

pub(crate) fn run(args: &InspectArgs) -> Result<Exit> {
    let read_as = args.read_as.as_ref();
    let options = InspectOptions {
        format: read_as.and_then(|arg| arg.format),
        layout: read_as.and_then(|arg| arg.layout.clone()),
        zone: args.tz.clone(),
        inventory: args
            .inventory
            .as_deref()
            .map(inventory::load)
            .transpose()
            .map_err(NodeError::Inventory)?,
    };
    let mut found = Vec::new();
    for path in &args.paths {
        found.extend(inspect(path, &options, &Bars::default())?);
    }
    if args.json {
        let json = serde_json::to_string_pretty(&found)? + "\n";
        std::io::stdout().write_all(json.as_bytes())?;
    } else {
        let texts: Vec<String> = found.iter().map(text).collect();
        anstream::stdout().write_all(texts.join("\n").as_bytes())?;
    }
    let serves = |inspection: &Inspection| !matches!(inspection.kind, Kind::Unknown | Kind::Unfit);
    Ok(if found.iter().all(serves) { Exit::Done } else { Exit::Incomplete })
}

fn text(inspection: &Inspection) -> String {
    let mut text = format!("{}\n", paint(BOLD, &inspection.file));
    let mut row =
        |name: &str, value: String| text += &format!("  {} {value}\n", paint(DIM, format!("{name:<12}")));
    row("it is", what(inspection));
    if !inspection.others.is_empty() {
        let others: Vec<String> =
            inspection.others.iter().map(|(name, percent)| format!("{name} ({percent} %)")).collect();
        row("or less so", others.join(", "));
    }
    if inspection.lines > 0 {
        let unread: u64 = inspection.unreadable.iter().map(|trouble| trouble.lines).sum();
        row("lines", format!("{}, {} records, {unread} not readable", inspection.lines, inspection.records));
    }
    if let (Some(from), Some(to)) = (inspection.from, inspection.to) {
        let unit = inspection.resolution.unwrap_or("?");
        row("times", format!("{from} … {to}, written to {unit}{}", zone(inspection.zone)));
    }
    inspection.examples.iter().for_each(|example| text += &example_text(example));
    if !inspection.unreadable.is_empty() {
        text += &format!("\n  {}\n", paint(WARN, "not readable"));
    }
    for trouble in &inspection.unreadable {
        text += &format!("    {} lines, first line {}: {}\n", trouble.lines, trouble.first, trouble.why);
    }
    if !inspection.advice.is_empty() {
        text += "\n";
    }
    for advice in &inspection.advice {
        text += &format!("  {} {advice}\n", paint(GOOD, "hint:"));
    }
    text
}

fn what(inspection: &Inspection) -> String {
    let format = inspection.format.as_deref().unwrap_or_default();
    let fit = inspection.fit.map_or_else(String::new, |fit| format!(": {fit} % of its first lines fit"));
    match inspection.kind {
        Kind::Sessions => format!("a session log, {}{fit}", paint(GOOD, format)),
        Kind::Alerts => format!("alerts, {}{fit}", paint(GOOD, format)),
        Kind::Processes => format!("process records, {}{fit}", paint(GOOD, format)),
        Kind::Unfit => paint(WARN, format),
        Kind::Unknown => paint(WARN, "nothing that is known"),
    }
}

fn zone(zone: Zone) -> String {
    match zone {
        Zone::Told => String::new(),
        Zone::Given => ", in the zone that was given".into(),
        Zone::Missing => paint(WARN, ", without a zone (shown as if it were UTC)"),
    }
}

fn example_text(example: &Example) -> String {
    let mut text = format!("\n  {} {}\n", paint(DIM, format!("line {}:", example.line)), example.text);
    for (number, record) in (1..).zip(&example.records) {
        if example.records.len() > 1 {
            text += &format!("    {}\n", paint(DIM, format!("record {number} of {}", example.records.len())));
        }
        for (name, value) in record {
            text += &format!("    {} {value}\n", paint(DIM, format!("{name:<14}")));
        }
    }
    text
}
