//! What the exit code says; `unmasq --help` and docs/user-guide.md list the same.

use std::{io, process::ExitCode};

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Everything that was asked for was done. Lines that could not be read do not change that: they
    /// were passed on, counted and reported.
    Done,
    /// It could not be done.
    Failed,
    /// It was done, but an input that was named is missing, empty or broke off.
    Incomplete,
}

/// For `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done (lines that could not be read were passed on and counted)
  1  failed: the message says what happened and what to try
  2  the command line makes no sense
  3  done, but an input is missing, empty or broke off";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Incomplete => 3,
        })
    }
}

/// Whether whoever read our output has gone: not a failure of ours.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
