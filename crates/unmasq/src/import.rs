//! `unmasq import`.

use crate::{
    cli::ImportArgs,
    exit::Exit,
    progress::Bars,
    report,
    style::{DIM, paint},
    table::{Align, Table},
};
use anyhow::{Result, bail};
use unmasq_node::{
    Sources,
    import::{Imported, import},
};

pub(crate) fn run(args: &ImportArgs) -> Result<Exit> {
    if args.inventory.is_none() && args.sessions.is_empty() {
        bail!("nothing to import: name session logs, or an --inventory that does");
    }
    if args.sessions.iter().filter(|sessions| sessions.path == "-").count() > 1 {
        bail!("standard input can be read only once: give the others as files");
    }
    let sources = Sources {
        inventory: args.inventory.clone(),
        sessions: args.sessions.clone(),
        zone: args.tz.clone(),
        ..Sources::default()
    };
    let imported = import(&args.store, &sources, usize::try_from(args.lot)?, &Bars::default())?;
    if !args.quiet {
        report::tell(&text(&imported));
    }
    let lost = imported.unread.iter().any(|unread| unread.is_loss);
    Ok(if lost { Exit::Incomplete } else { Exit::Done })
}

fn text(imported: &Imported) -> String {
    use Align::{Left, Right};
    let mut table = Table::new([
        ("imported", Left),
        ("as", Left),
        ("of", Left),
        ("lines", Right),
        ("records", Right),
        ("new", Right),
        ("", Left),
    ]);
    for log in &imported.logs {
        let report = &log.report;
        let known = match (log.unchanged, report.files) {
            (0, _) => String::new(),
            (known, files) if known == files => "in the store already".to_owned(),
            (known, files) => format!("{known} of {files} files in the store already"),
        };
        table.row([
            if report.files > 1 {
                format!("{} ({} files)", report.name, report.files)
            } else {
                report.name.to_string()
            },
            report.format.clone(),
            report.gateway.as_ref().map_or_else(String::new, ToString::to_string),
            report.lines.to_string(),
            report.records.to_string(),
            log.stored.to_string(),
            known,
        ]);
    }
    let mut text = table.render();
    let merged = imported.merged;
    if merged.files > 0 {
        text += &paint(
            DIM,
            format!("\n  {} files merged into {}: {} sessions\n", merged.files, merged.into, merged.rows),
        );
    }
    for log in &imported.logs {
        text += &report::skipped(&log.report.skips, "skipped");
    }
    text + &report::unread(&imported.warnings, imported.unread.iter())
}
