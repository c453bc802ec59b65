//! `cargo xtask workload`: the benchmarks' session log to a pipe, of any length.

use crate::bench_compare::write_sessions;
use anyhow::{Context, Result};
use std::io::{self, BufWriter};
use unmasq_testkit::workload::{Plan, Shape};

/// Which log.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many records; more need more time, and memory only for those that are under way
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    sessions: u64,
    /// How it is written: json, sls (every value a text, as the log service exports it) or csv
    #[arg(long, default_value = "json")]
    shape: Shape,
    /// Another seed gives another log of the same kind
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let plan = Plan { seed: arguments.seed, records: arguments.sessions };
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    match write_sessions(&plan, arguments.shape, &mut out) {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}

/// Whoever read has enough: `head` does that.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.map(io::Error::kind).any(|kind| kind == io::ErrorKind::BrokenPipe)
}
