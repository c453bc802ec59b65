//! What a run came to, for a person: on standard error.

use crate::{
    style::{BAD, BOLD, DIM, GOOD, WARN, paint},
    table::{Align, Table},
    wrap::wrap,
};
use std::{collections::BTreeSet, io::Write};
use unmasq_model::{Certainty, LogTime, Reason, Span, Status};
use unmasq_node::{Knowledge, NodeError, Skips, SourceReport, Summary, Unread};

/// An error: what happened, to which thing, why, and what to try.
pub(crate) fn error(error: &anyhow::Error) {
    let mut text = format!("{} {error}\n", paint(BAD, "error:"));
    for cause in error.chain().skip(1) {
        text += &format!("  {} {cause}\n", paint(DIM, "cause:"));
    }
    if let Some(hint) =
        error.chain().find_map(|cause| cause.downcast_ref::<NodeError>()).and_then(NodeError::hint)
    {
        text += &format!("  {} {hint}\n", paint(GOOD, "hint:"));
    }
    tell(&text);
}

/// What matters less than what stands beside it.
pub(crate) fn dim(text: &str) -> String {
    paint(DIM, text)
}

/// Says something to whoever reads standard error; if that is gone there is nobody to tell.
pub(crate) fn tell(text: &str) {
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// The summary of `unmasq trace`.
pub(crate) fn trace(knowledge: &Knowledge, summary: &Summary) {
    let mut text = String::new();
    text += &read(knowledge);
    text += &answers(summary);
    text += &per_gateway(summary);
    text += &reasons(summary);
    text += &trouble(knowledge, summary);
    tell(&text);
}

/// What was read: every source with its format.
pub(crate) fn read(knowledge: &Knowledge) -> String {
    use Align::{Left, Right};
    if knowledge.sources.is_empty() {
        return String::new();
    }
    let mut table = Table::new([
        ("read", Left),
        ("as", Left),
        ("of", Left),
        ("lines", Right),
        ("records", Right),
        ("sessions", Right),
        ("from", Left),
        ("to", Left),
    ]);
    for source in &knowledge.sources {
        let SourceReport { name, gateway, format, how, files, lines, records, sessions, told, .. } = source;
        let edge = |of: fn(Span) -> LogTime| told.map_or_else(String::new, |told| seconds(of(told)));
        table.row([
            if *files > 1 { format!("{name} ({files} files)") } else { name.to_string() },
            if how.ends_with("fit") { format!("{format} ({how})") } else { format.clone() },
            gateway.as_ref().map_or_else(|| "hosts".to_owned(), ToString::to_string),
            // A store knows records, and of no lines.
            if *lines == 0 && *records > 0 { String::new() } else { lines.to_string() },
            records.to_string(),
            if gateway.is_some() { sessions.to_string() } else { String::new() },
            edge(Span::from),
            edge(Span::to),
        ]);
    }
    table.render()
}

fn seconds(at: LogTime) -> String {
    let text = at.to_string();
    match text.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => text,
    }
}

fn answers(summary: &Summary) -> String {
    let count = |status| summary.status.get(&status).copied().unwrap_or(0);
    let part = |style, status, word: &str| match count(status) {
        0 => paint(DIM, format!("0 {word}")),
        count => paint(style, format!("{count} {word}")),
    };
    let mut text = format!(
        "\n{} {}, {}, {}, {}, {}\n",
        paint(BOLD, format!("{} alerts:", summary.alerts)),
        part(GOOD, Status::Traced, "traced"),
        part(WARN, Status::Partial, "partial"),
        part(WARN, Status::Ambiguous, "ambiguous"),
        part(BAD, Status::Untraced, "untraced"),
        part(DIM, Status::NotMasked, "not masked"),
    );
    let sure: Vec<String> = [Certainty::Certain, Certainty::Likely, Certainty::Provisional]
        .into_iter()
        .filter_map(|certainty| summary.certainty.get(&certainty).map(|count| format!("{count} {certainty}")))
        .collect();
    if !sure.is_empty() {
        text += &format!("  ends that are named: {}\n", sure.join(", "));
    }
    if summary.not_final > 0 {
        text += &format!("  {} answers may change when later logs come\n", summary.not_final);
    }
    let read_as: Vec<String> =
        summary.inputs.iter().map(|(file, form)| format!("{file} as {form}")).collect();
    if !read_as.is_empty() {
        text += &format!("  read from {}\n", read_as.join(", "));
    }
    text += &format!(
        "  {} lines = {} alerts + {} other lines + {} that could not be read\n",
        summary.lines,
        summary.alerts,
        summary.not_alerts,
        summary.skips.lines()
    );
    text
}

fn per_gateway(summary: &Summary) -> String {
    use Align::{Left, Right};
    if summary.gateways.is_empty() {
        return String::new();
    }
    let mut table = Table::new([
        ("ends behind", Left),
        ("traced", Right),
        ("partial", Right),
        ("ambiguous", Right),
        ("untraced", Right),
    ]);
    for (gateway, count) in &summary.gateways {
        table.row([
            gateway.to_string(),
            count.traced.to_string(),
            count.partial.to_string(),
            count.ambiguous.to_string(),
            count.untraced.to_string(),
        ]);
    }
    format!("\n{}", table.render())
}

/// The ends that are not traced, why, and what helps.
pub(crate) fn reasons(summary: &Summary) -> String {
    if summary.reasons.is_empty() {
        return String::new();
    }
    let mut table = Table::new([
        ("ends", Align::Right),
        ("", Align::Left),
        ("because", Align::Left),
        ("what helps", Align::Left),
    ]);
    for ((status, reason), count) in &summary.reasons {
        table.row([count.to_string(), status.to_string(), reason.to_string(), reason.remedy().to_owned()]);
    }
    format!("\n{}", table.render())
}

/// What could not be read, where and why.
pub(crate) fn trouble(knowledge: &Knowledge, summary: &Summary) -> String {
    let mut text = String::new();
    for source in &knowledge.sources {
        text += &skipped(&source.skips, "skipped");
    }
    text += &skipped(&summary.skips, "passed on unread");
    text += &skipped(&summary.unusable, "alerts that cannot be traced");
    text += &unread(&knowledge.warnings, knowledge.unread.iter().chain(&summary.unread));
    if summary.reasons.keys().any(|(_, reason)| *reason == Reason::UnknownAddress) && !knowledge.site.declared
    {
        text += &format!(
            "  {} without an inventory only the logs say which addresses are ours\n",
            paint(DIM, "note:")
        );
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

/// Inputs that could not be read, and slips in the inventory.
pub(crate) fn unread<'u>(warnings: &[String], unread: impl Iterator<Item = &'u Unread>) -> String {
    let mut text = String::new();
    for warning in warnings {
        text += &format!("  {} inventory: {warning}\n", paint(WARN, "warning:"));
    }
    let mut told = BTreeSet::new();
    for unread in unread.filter(|unread| told.insert(&unread.what)) {
        let word = if unread.is_loss { paint(WARN, "warning:") } else { paint(DIM, "note:") };
        text += &format!("  {word} {}\n", wrap(&unread.what, 11, 4));
        if let Some(hint) = &unread.hint {
            text += &format!("    {} {hint}\n", paint(GOOD, "hint:"));
        }
    }
    text
}

pub(crate) fn skipped(skips: &Skips, word: &str) -> String {
    let mut text = String::new();
    for (why, skip) in skips.by_reason() {
        let (file, line) = &skip.first;
        let lines = if skip.lines == 1 { "line" } else { "lines" };
        let first = if skip.lines == 1 { "" } else { "first " };
        text += &format!(
            "  {} {} {lines} {word}: {why} ({first}{file}:{line})\n",
            paint(WARN, "warning:"),
            skip.lines
        );
    }
    text
}
