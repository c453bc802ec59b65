//! What the desk is told, and what it replies.

use crate::import::stored::StoredLot;
use std::{path::PathBuf, sync::mpsc::SyncSender};
use unmasq_decode::alert::Fingerprint;
use unmasq_model::{Alert, Arrival, GatewayName, LogTime, SourceName};
use unmasq_work::{BatchId, Position, SwitchClass};

/// What the desk is told.
pub(super) enum Message {
    /// Alerts came.
    Alerts(Arrived),
    /// Lots were stored; the manifest of that number has them.
    Lots { lots: Vec<StoredLot>, number: u64, read: Arrival },
    /// All session logs that lay there at the start were read.
    CaughtUp,
    /// An alert source has read what lay there at the start.
    Looked,
    /// Files of spools were read up to there: all alerts before it were told earlier.
    Read(Vec<(PathBuf, u64)>),
    /// Something is asked of the service, in somebody's name.
    Asked { asked: Asked, who: String, reply: SyncSender<Result<Done, Refused>> },
    /// A batch was handed over: alerts to be stored, or so many lines that were spooled.
    Batch { id: BatchId, arrived: Option<Arrived>, lines: u64, reply: SyncSender<Result<Done, Refused>> },
    /// A sink has everything up to there.
    Delivered { sink: String, sequence: u64 },
}

/// Alerts of one source, and how far it was read then.
pub(super) struct Arrived {
    pub(super) source: SourceName,
    pub(super) format: &'static str,
    pub(super) alerts: Vec<ArrivedAlert>,
    pub(super) position: Option<Position>,
    /// When it was read.
    pub(super) read: Arrival,
}

/// An alert that is not stored yet.
pub(super) struct ArrivedAlert {
    pub(super) name: Fingerprint,
    pub(super) facts: Option<Box<Alert>>,
    pub(super) raw: Vec<u8>,
}

/// What is asked of a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// That a gateway's switch is turned, from now on.
    Switch {
        /// Which gateway.
        gateway: GatewayName,
        /// Which of its switches.
        class: SwitchClass,
        /// Whether it is to be on.
        on: bool,
    },
    /// That the alerts that came from one moment to before another are traced as if nothing was ever switched off.
    Backfill {
        /// From when on.
        from: Arrival,
        /// Until when.
        to: Arrival,
    },
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Done {
    /// The switch is so from that moment on, in log time.
    Switched(LogTime),
    /// So many alerts are traced again.
    Backfilled(u64),
    /// A batch was taken.
    Pushed {
        /// How many lines it has that hold anything.
        lines: u64,
        /// It was taken before: nothing was done.
        repeated: bool,
    },
}

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// No gateway is called so.
    #[error("no gateway `{0}` is declared, and none was seen in a log")]
    Unknown(GatewayName),
    /// No place is called so.
    #[error("batches are handed over at no place `{0}`: [[push]] in the configuration names them")]
    NoPlace(String),
    /// A batch of that id was taken, and it was another.
    #[error("another batch was taken under the id `{0}`: each needs an id of its own")]
    AnotherBatch(String),
    /// A switch would promise what cannot be kept.
    #[error(
        "no log of gateway `{0}` is read, so that nothing can be traced through it: name its log under [[sessions]] or \
         in the inventory, and switch it on when the log is there"
    )]
    NotConnected(GatewayName),
    /// Not now.
    #[error("{0}")]
    NotNow(&'static str),
    /// It could not be written down; then it was not done.
    #[error("it could not be stored; the log of the service says why")]
    Failed,
}
