//! Records: what one line of a session log says, before it becomes a session.

use std::{sync::Arc, time::Duration};
use unmasq_model::{GatewayName, LogTime, Realm, Request, Span, Translation};

/// Reads frames of one log format.
pub trait Decoder: Send {
    /// Appends what `frame` says to `out`: nothing, one record, or one for each side of a flow that
    /// was translated on both.
    ///
    /// # Errors
    /// When the frame says nothing that can be understood; `out` is then as it was.
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable>;
}

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unreadable {
    /// It carries a time without a zone, and nobody said which zone is meant: the whole file cannot
    /// be read until somebody does.
    #[error("its times carry no zone")]
    NeedsZone,
    /// A short sentence, without the frame's own bytes.
    #[error("{0}")]
    Because(std::borrow::Cow<'static, str>),
}

impl Unreadable {
    /// For a fixed sentence.
    #[must_use]
    pub const fn because(why: &'static str) -> Self {
        Self::Because(std::borrow::Cow::Borrowed(why))
    }
}

/// One decoded record of a session log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Record {
    /// The gateway that the record itself names; else its log's.
    pub gateway: Option<GatewayName>,
    /// The realm of the inside pair that the record itself names; else its gateway's.
    pub inside_realm: Option<Realm>,
    /// What was translated into what.
    pub translation: Translation,
    /// What a balancer carried; `None` for a NAT.
    pub request: Option<Arc<Request>>,
    /// When, and how much of the session this tells.
    pub fact: Fact,
}

/// How much of a session one record tells.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fact {
    /// One moment in the life of a translation entry; several make a session.
    Event(Event),
    /// The whole session. Edges carry the format's own resolution and lag.
    Whole {
        /// When its first packet passed.
        start: Span,
        /// When its last packet passed.
        end: Span,
        /// What this record by itself excludes rivals from; see [`unmasq_model::Session::proven`].
        proven: Option<Span>,
    },
}

/// One moment in the life of a translation entry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Event {
    /// What happened to the entry.
    pub kind: EventKind,
    /// When the line was written; the end of the second, where it tells no more than a second.
    pub at: LogTime,
    /// How long before `at` it may have happened: the exporter's lag, and what its clock leaves open.
    pub lag: Duration,
    /// The exporter's id for the entry; not unique over time.
    pub entry: Option<u64>,
    /// How long the entry lives without another packet, from `at` on.
    pub timeout: Option<Duration>,
    /// The connection's state, as the exporter words it.
    pub state: Option<&'static str>,
    /// How long the entry had lived, in whole seconds cut off.
    pub lasted: Option<Duration>,
    /// When the exporter says that the entry began.
    pub started: Option<Span>,
    /// When the exporter says that the entry ended.
    pub stopped: Option<Span>,
}

impl Event {
    /// Of a line that was written during `written`, at most `lag` after the fact.
    pub(crate) fn new(kind: EventKind, written: Span, lag: Duration) -> Self {
        let open = written.to().as_unix_us().abs_diff(written.from().as_unix_us());
        Self {
            kind,
            at: written.to(),
            lag: lag + Duration::from_micros(open),
            entry: None,
            timeout: None,
            state: None,
            lasted: None,
            started: None,
            stopped: None,
        }
    }
}

/// What happened to an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EventKind {
    /// It was made.
    New,
    /// It changed: a sign of life.
    Update,
    /// It is gone.
    Destroy,
}

/// A record in its place: whose it is and where it is written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sighting {
    /// The gateway that the record is about.
    pub gateway: unmasq_model::GatewayIx,
    /// Where it is written.
    pub evidence: unmasq_model::Evidence,
    /// What it says.
    pub record: Record,
}
