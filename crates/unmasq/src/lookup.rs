//! `unmasq lookup`.

use crate::{
    cli::LookupArgs,
    exit::Exit,
    progress::Bars,
    report,
    style::{BOLD, DIM, GOOD, WARN, paint},
    table::{Align, Table},
};
use anyhow::{Result, anyhow, bail};
use std::io::Write;
use unmasq_model::{LogTime, Span};
use unmasq_node::{
    Knowledge,
    lookup::{Fact, HolderRow, Lookup, LookupAnswer, WhenError, lookup, when},
};

pub(crate) fn run(args: &LookupArgs) -> Result<Exit> {
    if args.known.is_empty() {
        bail!("nothing to look it up in: give --store, or --inventory, --sessions, or both");
    }
    let mut knowledge = Knowledge::of(&args.known.sources(), &Bars::default())?;
    let asked = Lookup {
        outside: args.endpoint,
        remote: args.remote,
        protocol: args.proto,
        during: during(args, &knowledge)?,
        realm: None,
    };
    let answer = lookup(&mut knowledge, &asked)?;
    if args.json {
        let json = serde_json::to_string_pretty(&answer)? + "\n";
        std::io::stdout().write_all(json.as_bytes())?;
    } else {
        anstream::stdout().write_all(text(&answer).as_bytes())?;
    }
    let trouble = report::unread(&knowledge.warnings, knowledge.unread.iter());
    report::tell(&trouble);
    Ok(if knowledge.unread.iter().any(|unread| unread.is_loss) { Exit::Incomplete } else { Exit::Done })
}

fn during(args: &LookupArgs, knowledge: &Knowledge) -> Result<Span> {
    let latest = knowledge.site.logs.iter().filter_map(|log| log.coverage.until.finite()).max();
    // Never --tz: the logs' zone may not be that of whoever wrote the mail.
    let zone = args.zone.as_ref();
    let resolve = |text: &str| {
        when(text, zone, latest).map_err(|error| match error {
            WhenError::NoZone(_) => anyhow!("{error}: add --zone, such as --zone Asia/Shanghai"),
            error => error.into(),
        })
    };
    match (&args.at, &args.from, &args.to) {
        (Some(at), _, _) => resolve(at),
        (None, Some(from), Some(to)) => {
            let (from, to) = (resolve(from)?, resolve(to)?);
            match Span::new(from.from(), to.to()) {
                Ok(span) => Ok(span),
                Err(_) => bail!("--to ({}) is before --from ({})", to.to(), from.from()),
            }
        }
        _ => bail!("say when: --at TIME, or --from TIME --to TIME"),
    }
}

fn text(answer: &LookupAnswer) -> String {
    let span = Span::between(answer.from, answer.to);
    let mut text = format!("{} {span}\n\n", paint(BOLD, answer.outside.endpoint()));
    match (answer.holders.as_slice(), answer.reason) {
        ([], Some(reason)) => {
            text += &format!(
                "  {} {reason}\n  {} {}\n",
                paint(WARN, "nobody is named:"),
                paint(GOOD, "hint:"),
                reason.remedy()
            );
        }
        (holders, _) => text += &holders_table(holders),
    }
    if answer.unlisted > 0 {
        text += &format!(
            "  {} {} more were there; ask for a shorter time, or with a port and a peer\n",
            paint(WARN, "not listed:"),
            answer.unlisted
        );
    }
    if !answer.is_final {
        text += &format!("  {} records that may change this are still due\n", paint(WARN, "not final:"));
    }
    text += &coverage(answer);
    text += &narrowing(answer);
    text
}

fn holders_table(holders: &[HolderRow]) -> String {
    use Align::{Left, Right};
    let mut table = Table::new([
        ("", Right),
        ("who", Left),
        ("inside", Left),
        ("process", Left),
        ("sessions", Right),
        ("certainty", Left),
        ("first", Left),
        ("last", Left),
        ("via", Left),
    ]);
    for (place, row) in (1..).zip(holders) {
        let via: Vec<&str> = row.via.iter().map(|gateway| gateway.as_str()).collect();
        let process = row.process.as_ref().and_then(|process| {
            Some(format!("{} ({})", process.name.as_deref().unwrap_or("pid"), process.pid?))
        });
        table.row([
            place.to_string(),
            who(row),
            format!("{} {}", row.inside.realm, row.inside.endpoint()),
            process.unwrap_or_default(),
            row.sessions.to_string(),
            certainty(row),
            moment(row.first),
            moment(row.last),
            via.join(" → "),
        ]);
    }
    table.render()
}

fn who(row: &HolderRow) -> String {
    let asset = row.asset.as_ref().map(|asset| asset.name.as_deref().unwrap_or(asset.id.as_str()).to_owned());
    let container = row.container.as_ref().map(|c| c.name.as_deref().unwrap_or(c.id.as_str()).to_owned());
    let name = match (asset, container) {
        (Some(asset), Some(container)) => format!("{container} on {asset}"),
        (Some(asset), None) => asset,
        (None, _) => "unknown to the inventory".to_owned(),
    };
    if row.partial > 0 { format!("{name} (or something behind it)") } else { name }
}

/// How sure the sessions that name it alone are, and how many do not.
fn certainty(row: &HolderRow) -> String {
    match row.certainty {
        None => "one of several".to_owned(),
        Some(certainty) if row.ambiguous == 0 => certainty.to_string(),
        Some(certainty) => format!("{certainty} ({} one of several)", row.ambiguous),
    }
}

fn moment(at: LogTime) -> String {
    at.finite().map_or_else(|| "?".to_owned(), |at| at.to_string())
}

fn coverage(answer: &LookupAnswer) -> String {
    let mut text = String::new();
    for row in &answer.gateways {
        let gaps: Vec<String> =
            row.gaps.iter().map(|gap| Span::between(gap.from, gap.to).to_string()).collect();
        let state = match (row.connected, gaps.as_slice()) {
            (false, _) => paint(WARN, "no log of it could be read"),
            (true, []) => paint(DIM, "its log covers all of that time"),
            (true, gaps) => paint(WARN, format!("its log does not cover {}", gaps.join(", "))),
        };
        text += &format!("  {}: {state}\n", row.gateway);
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn narrowing(answer: &LookupAnswer) -> String {
    let Some(best) = answer.would_narrow.first() else { return String::new() };
    let fact = |fact| match fact {
        Fact::Port => "the port",
        Fact::Remote => "the peer (address and port)",
        Fact::Time => "the exact time",
        Fact::Protocol => "the protocol",
    };
    let left = match best.holders_at_most {
        1 => "would leave one".to_owned(),
        left => format!("would leave at most {left}"),
    };
    let others: Vec<String> = answer.would_narrow[1..]
        .iter()
        .map(|narrowing| format!("{} at most {}", fact(narrowing.fact), narrowing.holders_at_most))
        .collect();
    let others =
        if others.is_empty() { String::new() } else { paint(DIM, format!(" ({})", others.join(", "))) };
    format!("\n  {} {} {left}{others}\n", paint(GOOD, "one more fact:"), fact(best.fact))
}
