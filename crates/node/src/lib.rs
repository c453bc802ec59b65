//! Runs around the engine: files in, traces out.
//!
//! A [`Batch`](batch::Batch) of alerts learns from the inventory, the session logs and the process records
//! what its alerts may ask, and traces them; [`lookup`](lookup::lookup) answers for one endpoint from all that
//! the logs say. [`Knowledge`] is what was learned. Nothing here decides what a trace is.
//!
//! Invariant: an alert's bytes are written out exactly as they were read, with the trace beside them.
//! Invariant: inputs are read in order of name, so that the order in which they are given cannot matter.

pub mod batch;
mod clock;
mod coverage;
mod delays;
pub mod forms;
pub mod history;
pub mod import;
mod ingest;
mod inputs;
pub mod inspect;
mod knowledge;
mod lines;
pub mod lookup;
mod mask;
mod messages;
mod met;
mod ordered;
mod past;
mod plan;
mod processes;
mod progress;
mod reading;
mod recent;
pub mod serve;
mod shown;
mod skips;
mod summary;

pub use knowledge::{Knowledge, SourceReport, Unread};
pub use plan::{SessionsArg, Sources};
pub use progress::{Progress, Silent};
pub use recent::Window;
pub use skips::{Skip, Skips};
pub use summary::{GatewayCount, Summary};

use unmasq_io::{
    inventory::InventoryError,
    source::{ExpandError, ReadError},
};

/// Why a run could not be done.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// An input that was named is not there.
    #[error("cannot read what `{asked}` names")]
    Expand {
        /// What was asked for.
        asked: String,
        /// Why.
        source: ExpandError,
    },
    /// The inventory cannot be used.
    #[error("cannot use the inventory")]
    Inventory(#[source] InventoryError),
    /// A file cannot be read.
    #[error("cannot read it")]
    Read(#[source] ReadError),
    /// Nobody can tell what is in a file.
    #[error("cannot tell which format `{file}` is in{}", listed(.candidates))]
    UnknownFormat {
        /// The file.
        file: String,
        /// Formats that some of its lines fit, with the share in percent.
        candidates: Vec<String>,
        /// What to try.
        hint: String,
    },
    /// One file was given twice, each time in another format.
    #[error("`{file}` was given both as {} and as {}", .formats[0], .formats[1])]
    TwoFormats {
        /// The file.
        file: String,
        /// The formats, in order of name.
        formats: [String; 2],
    },
    /// A log's format string cannot be used.
    #[error("cannot read `{file}`")]
    BadLayout {
        /// The log.
        file: String,
        /// Which part, and why.
        #[source]
        why: unmasq_decode::BadLayout,
    },
    /// The times of a log, or of alerts, carry no zone.
    #[error("`{file}`, line {line}, has times without a zone")]
    NeedsZone {
        /// The file.
        file: String,
        /// The first such line.
        line: u64,
    },
    /// An alert has a member with the trace's name that is not ours.
    #[error("`{file}`, line {line}, already has a member `{field}` that is not a trace of ours")]
    ForeignField {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The member's name.
        field: String,
    },
    /// The store could not be used.
    #[error("cannot use the store")]
    Store(#[source] unmasq_store::StoreError),
    /// What is to be listened to cannot be.
    #[error("cannot receive syslog")]
    Listen(#[source] unmasq_io::listen::ListenError),
    /// A folder could not be made.
    #[error("cannot make the folder `{}`", .path.display())]
    Folder {
        /// The folder.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The work file could not be used.
    #[error("cannot use the work file")]
    Work(#[source] unmasq_work::WorkError),
    /// The answers could not be written.
    #[error("cannot write the traced alerts")]
    Write(#[source] std::io::Error),
}

fn listed(candidates: &[String]) -> String {
    if candidates.is_empty() { String::new() } else { format!(": it may be {}", candidates.join(" or ")) }
}

impl NodeError {
    /// Whether a store that was named is not there, or not yet.
    #[must_use]
    pub fn is_no_store(&self) -> bool {
        matches!(self, Self::Store(unmasq_store::StoreError::NoStore { .. }))
    }

    /// What to try, if anything helps in general.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Expand { source, .. } => Some(source.hint()),
            Self::Read(source) => Some(source.hint()),
            Self::UnknownFormat { hint, .. } => Some(hint.clone()),
            Self::BadLayout { .. } => Some(
                "write the format string as the product's own configuration has it: `log_format` in the inventory, or --sessions 'FORMAT[STRING]:FILE'".into(),
            ),
            Self::NeedsZone { .. } => Some(
                "say which zone is meant: --tz Asia/Shanghai, or, of a session log, \"tz\" in the inventory"
                    .into(),
            ),
            Self::TwoFormats { .. } => Some("give it once, in the format that it is in".into()),
            Self::ForeignField { .. } => Some("choose another name for ours, such as --field unmasq".into()),
            Self::Store(source) => Some(source.hint()),
            Self::Work(source) => Some(source.hint()),
            Self::Inventory(_) | Self::Write(_) | Self::Folder { .. } | Self::Listen(_) => None,
        }
    }
}
