//! Chores: `cargo xtask --help` lists them.

mod lab;
mod sim;
#[cfg(test)]
mod tidy;

use clap::{Parser, Subcommand};

/// Chores of the unmasq repository.
#[derive(Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Trace the recorded lab and hold the answers against its truth.
    Lab(lab::Arguments),
    /// Run small worlds from seeds and check every law in them.
    Sim(sim::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Lab(arguments) => lab::run(&arguments),
        Chore::Sim(arguments) => sim::run(&arguments),
    }
}
