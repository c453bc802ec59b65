//! Alerts in, the same alerts out, with what stands behind their shared addresses.
//!
//! The smaller side is held and the larger one streamed past it: alerts that lie in files are read
//! first, for what they may ask; the logs then pass a [sieve](unmasq_engine::Sieve) that keeps only
//! that; and the alerts are read again, traced and written. Where the alerts come from a pipe, or are
//! more than the logs, everything that the logs say is held instead. The answers are the same.

mod ask;
mod csv;
mod inputs;
mod read;
mod render;
mod trace;

pub(crate) use inputs::told;
pub(crate) use render::detailed;
pub(crate) use trace::realm_of;

use crate::{Knowledge, NodeError, Progress, Summary, Unread, forms::Form, plan::Sources};
use jiff::tz::TimeZone;
use std::io::Write;
use unmasq_decode::alert::AlertFormat;
use unmasq_io::source::Found;

/// Alerts as somebody typed them: `PATH` or `FORMAT:PATH`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertsArg {
    /// The format, if it was said.
    pub format: Option<AlertFormat>,
    /// The path, folder or pattern, or `-`.
    pub path: String,
}

/// How the answers are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// In what form.
    pub output: OutputForm,
    /// The name of the member that is added to each alert.
    pub field: String,
    /// Whether lines that are not alerts are left out.
    pub only_alerts: bool,
    /// How much of the evidence is written.
    pub evidence: EvidenceDetail,
    /// For alerts whose times carry no zone.
    pub zone: Option<TimeZone>,
    /// What is held while the other is streamed.
    pub hold: Hold,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            output: OutputForm::default(),
            field: "trace".to_owned(),
            only_alerts: false,
            evidence: EvidenceDetail::default(),
            zone: None,
            hold: Hold::default(),
        }
    }
}

/// In what form the answers are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OutputForm {
    /// The alerts themselves, each with its trace beside it.
    #[default]
    Alerts,
    /// A table: a row for each shared address of an alert.
    Csv,
    /// Each answer in the words of a schema.
    Told(Form),
}

/// How much of the evidence is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EvidenceDetail {
    /// Where it is, and the record itself.
    #[default]
    Full,
    /// Where it is.
    Ref,
}

/// What is held in memory while the other side is streamed past it; no answer depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Hold {
    /// Whichever is smaller, as its files lie on disk.
    #[default]
    Smaller,
    /// What the alerts may ask. They are read twice, so none may come from a pipe.
    Alerts,
    /// Everything that the logs say.
    Sessions,
}

/// Alerts that will be traced.
#[derive(Debug)]
pub struct Batch {
    inputs: Vec<(Found, Option<AlertFormat>)>,
    options: Options,
    unread: Vec<Unread>,
}

impl Batch {
    /// The alerts that `args` name.
    ///
    /// # Errors
    /// When there are none, or one file was given in two formats.
    pub fn new(args: &[AlertsArg], options: Options) -> Result<Self, NodeError> {
        let mut unread = Vec::new();
        let inputs = inputs::expanded(args, &mut unread)?;
        Ok(Self { inputs, options, unread })
    }

    /// Learns from `sources` all that these alerts may ask for.
    ///
    /// # Errors
    /// As [`Knowledge::learn`], and when alerts cannot be read at all, as for [`trace`](Self::trace).
    pub fn learn(&self, sources: &Sources, progress: &dyn Progress) -> Result<Knowledge, NodeError> {
        ask::learn(self, sources, progress)
    }

    /// Traces every alert and writes all lines to `out`, in order of file name, then of line.
    ///
    /// # Errors
    /// When no alerts can be read at all, a file's format cannot be told, an alert has a foreign member
    /// with the trace's name, its times need a zone that nobody gave, or `out` cannot be written.
    pub fn trace(
        &self,
        knowledge: &Knowledge,
        out: &mut (dyn Write + Send),
        progress: &dyn Progress,
    ) -> Result<Summary, NodeError> {
        trace::all(self, knowledge, out, progress)
    }

    /// How many bytes the alerts are, if all of them lie in files.
    fn bytes(&self) -> Option<u64> {
        self.inputs.iter().map(|(found, _)| found.bytes).sum()
    }
}
