//! `unmasq`: who is really behind a shared address.
//!
//! This crate is the command line and nothing else: it reads what was typed, calls
//! [`unmasq_node`], and prints. Data goes to standard output, talk to standard error.

mod cli;
mod config;
mod demo;
mod exit;
mod import;
mod inspect;
mod lookup;
mod progress;
mod report;
mod serve;
mod store;
mod style;
mod table;
mod trace;
mod wrap;

use clap::Parser;
use cli::{Cli, Command};
use exit::Exit;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.color.write_global();
    let done = match cli.command {
        Command::Trace(args) => trace::run(&args),
        Command::Lookup(args) => lookup::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Store(command) => store::run(&command),
        Command::Serve(args) => serve::run(&args),
        Command::Config(command) => serve::config(&command),
        Command::Inspect(args) => inspect::run(&args),
        Command::Demo(args) => demo::run(&args),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) if exit::is_broken_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            report::error(&error);
            Exit::Failed.into()
        }
    }
}
