//! Chores: `cargo xtask --help` lists them.

mod bench_compare;
mod bench_serve;
mod budgets;
mod lab;
mod shell;
mod sim;
#[cfg(test)]
mod tidy;
mod workload;

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
    /// Measure unmasq beside the engines that one might use instead.
    BenchCompare(bench_compare::Arguments),
    /// Measure the service under load.
    BenchServe(bench_serve::Arguments),
    /// Hold the hot loops to the instructions that they may take.
    Budgets(budgets::Arguments),
    /// Trace the recorded lab and hold the answers against its truth.
    Lab(lab::Arguments),
    /// Run small worlds from seeds and check every law in them.
    Sim(sim::Arguments),
    /// Write the benchmarks' session log to standard output.
    Workload(workload::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::BenchCompare(arguments) => bench_compare::run(&arguments),
        Chore::BenchServe(arguments) => bench_serve::run(&arguments),
        Chore::Budgets(arguments) => budgets::run(&arguments),
        Chore::Lab(arguments) => lab::run(&arguments),
        Chore::Sim(arguments) => sim::run(&arguments),
        Chore::Workload(arguments) => workload::run(&arguments),
    }
}
