//! `cargo xtask budgets`: how many instructions an item of each hot loop takes, beside how many it may take.
//!
//! Times differ from run to run and machine to machine; counts do not. So a few percent that a change costs are
//! seen when they come, and by whoever made them, and not when there are many of them.

mod count;
mod surroundings;
mod table;
mod verdict;

use anyhow::{Context, Result, bail, ensure};
use count::Program;
use std::path::{Path, PathBuf};
use surroundings::Surroundings;
use table::Table;
use verdict::{Counted, Verdict, judged};

/// Whether to hold the loops to their budgets, or the budgets to the loops.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Make what is counted now the budgets.
    #[arg(long)]
    update: bool,
}

/// What lowers a budget, or accepts a price.
const UPDATE: &str = "cargo xtask budgets --update";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let path = path();
    let here = match Surroundings::here() {
        Ok(here) => here,
        Err(why) if arguments.update => return Err(why),
        Err(why) => {
            eprintln!("budgets: skipped, {why:#}");
            return Ok(());
        }
    };
    if arguments.update {
        let instructions = count_all()?;
        Table::of(here, &instructions).write(&path)?;
        for (name, now) in &instructions {
            println!("{name:<width$}  {now:>10.1}", width = width(&instructions));
        }
        println!("\nwritten to {}", path.display());
        return Ok(());
    }
    let table = Table::read(&path)?;
    let differences = table.counted_with.differences(&here);
    if !differences.is_empty() {
        eprintln!("budgets: skipped, they are those of another machine: {}", differences.join("; "));
        return Ok(());
    }
    report(&judged(&table.instructions, &count_all()?))
}

/// Every loop with the instructions that an item of it takes.
fn count_all() -> Result<Vec<(String, f64)>> {
    let program = Program::built()?;
    let names = program.loops()?;
    ensure!(!names.is_empty(), "the program has no loops");
    names
        .into_iter()
        .map(|name| {
            let now = program.instructions_per_item(&name).with_context(|| format!("cannot count {name}"))?;
            Ok((name, now))
        })
        .collect()
}

/// Prints every loop; fails if one is not within its budget, or far below it.
fn report(counted: &[Counted]) -> Result<()> {
    let width = counted.iter().map(|one| one.name.len()).max().unwrap_or(0);
    println!("{:<width$}  {:>10}  {:>10}", "instructions per item", "budget", "now", width = width.max(21));
    for one in counted {
        println!("{one:<width$}", width = width.max(21));
    }
    let named = |verdict: Verdict| {
        let lines = counted.iter().filter(|one| one.verdict() == verdict).map(|one| format!("\n  {one}"));
        lines.collect::<String>()
    };
    let complaints = [
        (
            Verdict::Above,
            "above the budget: make it cheaper; or, if that is its price, say why in the commit",
        ),
        (Verdict::Below, "far below the budget, so lower it, lest it grow back unseen"),
        (Verdict::Unknown, "without a budget"),
        (Verdict::Gone, "a budget without a loop"),
    ];
    let complaints = complaints.into_iter().map(|(verdict, what)| (what, named(verdict)));
    let complaints: Vec<_> = complaints.filter(|(_, named)| !named.is_empty()).collect();
    if complaints.is_empty() {
        return Ok(());
    }
    let said: Vec<_> = complaints.into_iter().map(|(what, named)| format!("{what}:{named}")).collect();
    bail!("{}\n`{UPDATE}` makes what was counted the budget", said.join("\n"))
}

fn width(instructions: &[(String, f64)]) -> usize {
    instructions.iter().map(|(name, _)| name.len()).max().unwrap_or(0)
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("budgets.toml")
}
