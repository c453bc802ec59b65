//! `unmasq store`.

use crate::{
    cli::{ExpireArgs, ForgetArgs, StoreArgs, StoreCommand},
    exit::Exit,
    progress::Bars,
    report,
    style::{DIM, GOOD, WARN, paint},
    table::{Align, Table},
};
use anyhow::Result;
use std::io::Write;
use unmasq_model::SourceName;
use unmasq_node::history::{self, Expired, Forgotten, Merged, Stats, Verified};

pub(crate) fn run(command: &StoreCommand) -> Result<Exit> {
    match command {
        StoreCommand::Stats(args) => {
            let stats = history::stats(&args.store)?;
            say(args, &stats, stats_text)?;
            Ok(Exit::Done)
        }
        StoreCommand::Verify(args) => {
            let verified = history::verify(&args.store, &Bars::default())?;
            say(args, &verified, verified_text)?;
            let lost = verified.findings.iter().any(|finding| finding.is_loss);
            Ok(if lost { Exit::Incomplete } else { Exit::Done })
        }
        StoreCommand::Compact(args) => {
            say(args, &history::compact(&args.store, &Bars::default())?, merged_text)?;
            Ok(Exit::Done)
        }
        StoreCommand::Expire(ExpireArgs { store, before }) => {
            say(store, &history::expire(&store.store, *before, &Bars::default())?, expired_text)?;
            Ok(Exit::Done)
        }
        StoreCommand::Forget(ForgetArgs { store, log }) => {
            let log = SourceName::from(log.as_str());
            say(store, &history::forget(&store.store, &log, &Bars::default())?, forgotten_text)?;
            Ok(Exit::Done)
        }
    }
}

/// Prints what was found, as JSON or for a person.
fn say<T: serde::Serialize>(args: &StoreArgs, found: &T, text: fn(&T) -> String) -> Result<()> {
    if args.json {
        let json = serde_json::to_string_pretty(found)? + "\n";
        std::io::stdout().write_all(json.as_bytes())?;
    } else {
        anstream::stdout().write_all(text(found).as_bytes())?;
    }
    Ok(())
}

fn stats_text(stats: &Stats) -> String {
    use Align::{Left, Right};
    let mut logs = Table::new([
        ("log", Left),
        ("as", Left),
        ("of", Left),
        ("files", Right),
        ("records", Right),
        ("unreadable", Right),
    ]);
    for log in &stats.logs {
        logs.row([
            log.name.to_string(),
            log.format.clone(),
            log.gateway.to_string(),
            log.files.to_string(),
            log.records.to_string(),
            log.skipped.to_string(),
        ]);
    }
    let mut hours = Table::new([("hour", Left), ("sessions", Right), ("size", Right), ("by gateway", Left)]);
    for hour in &stats.hours {
        let gateways: Vec<String> =
            hour.gateways.iter().map(|(gateway, sessions)| format!("{gateway} {sessions}")).collect();
        hours.row([hour.name(), hour.sessions.to_string(), size(hour.bytes), gateways.join(", ")]);
    }
    let mut text = logs.render() + "\n" + &hours.render();
    text += &format!(
        "\n  {} in {} files; {} records that are no plain sessions\n",
        size(stats.bytes),
        stats.files,
        stats.others
    );
    if stats.unmerged > 0 {
        let hint = "`unmasq store compact` merges them";
        text += &format!("  {} files wait to be merged ({} {hint})\n", stats.unmerged, paint(GOOD, "hint:"));
    }
    if stats.dropped > 0 {
        text += &paint(DIM, format!("  {} files were replaced, and go with a later import\n", stats.dropped));
    }
    text
}

fn verified_text(verified: &Verified) -> String {
    let mut text =
        format!("  {} files, {}, {} rows read\n", verified.files, size(verified.bytes), verified.rows);
    for finding in &verified.findings {
        let word = if finding.is_loss { paint(WARN, "damaged:") } else { paint(DIM, "note:") };
        text += &format!("  {word} {}: {}\n", finding.path.display(), finding.what);
    }
    if verified.findings.is_empty() {
        text += &format!("  {}\n", paint(GOOD, "everything is as it was written"));
    }
    text
}

fn merged_text(merged: &Merged) -> String {
    match merged.files {
        0 => "  nothing to merge\n".to_owned(),
        files => format!("  {files} files merged into {}: {} sessions\n", merged.into, merged.rows),
    }
}

fn expired_text(expired: &Expired) -> String {
    let mut text = String::new();
    if expired.files > 0 {
        let hint = report::dim("the space is free when nobody can be reading them, with a later import");
        let (files, rows, bytes) = (expired.files, expired.rows, size(expired.bytes));
        text += &format!("  {files} files dropped: {rows} rows, {bytes}; {hint}\n");
    }
    if expired.left_out > 0 {
        text += &format!("  {} older records left out of others\n", expired.left_out);
    }
    if text.is_empty() { "  nothing is that old\n".to_owned() } else { text }
}

fn forgotten_text(forgotten: &Forgotten) -> String {
    let Forgotten { was_known, sessions, others, files, left } = forgotten;
    let left = match left.as_slice() {
        [] => "no log is left".to_owned(),
        left => format!("left: {}", left.iter().map(SourceName::as_str).collect::<Vec<_>>().join(", ")),
    };
    if !was_known {
        return format!("  no log of that name is in the store; {left}\n");
    }
    format!("  {sessions} sessions and {others} other records forgotten ({files} files changed); {left}\n")
}

/// A size as people read it.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut unit = None;
    let (mut whole, mut tenths) = (bytes, 0);
    for name in UNITS {
        if whole < 1024 {
            break;
        }
        (whole, tenths, unit) = (whole / 1024, whole % 1024 * 10 / 1024, Some(name));
    }
    match unit {
        None => format!("{bytes} B"),
        Some(unit) => format!("{whole}.{tenths} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_one_digit_behind_the_point() {
        let sizes = [0, 1023, 1024, 1536, 10 * 1024 * 1024, 1 << 40].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "10.0 MiB", "1.0 TiB"]);
    }
}
