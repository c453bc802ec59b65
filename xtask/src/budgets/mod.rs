//! `cargo xtask budgets`: how many instructions an item of each hot loop takes, beside how many it may take.
//!
//! Times differ from run to run and machine to machine; counts do not. So a few percent that a change costs are
//! seen when they come, and by whoever made them, and not when there are many of them.

mod count;
mod surroundings;
mod table;
mod verdict;

use anyhow::{Context, Result, ensure};
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

/// What makes a count the budget.
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
            println!("{now:>10.1}  {name}");
        }
        println!("written to {}", path.display());
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

/// Prints every loop; fails if one is not within its budget.
fn report(counted: &[Counted]) -> Result<()> {
    const HEADER: &str = "instructions per item";
    let width = counted.iter().map(|one| one.name.len()).fold(HEADER.len(), usize::max);
    println!("{HEADER:<width$}  {:>10}  {:>10}", "budget", "now");
    counted.iter().for_each(|one| println!("{one:<width$}"));
    let complaints: String = [
        (Verdict::Above, "More than 3 % above: make it cheaper, or say in the commit why this is its price."),
        (Verdict::Below, "More than 3 % below: lower the budget, lest the loop grow back unseen."),
        (Verdict::Unknown, "Without a budget:"),
        (Verdict::Gone, "A budget without a loop:"),
    ]
    .into_iter()
    .map(|(verdict, what)| complaint(counted, verdict, what))
    .collect();
    ensure!(
        complaints.is_empty(),
        "the budgets do not hold\n{complaints}Accept what was counted with `{UPDATE}`"
    );
    Ok(())
}

/// What is said of all loops of a verdict; nothing if there are none.
fn complaint(counted: &[Counted], verdict: Verdict, what: &str) -> String {
    let named = counted.iter().filter(|one| one.verdict() == verdict);
    let lines: String = named.map(|one| format!("  {}\n", one.complaint())).collect();
    if lines.is_empty() { lines } else { format!("{what}\n{lines}") }
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("budgets.toml")
}
