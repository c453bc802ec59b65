//! Records: what one line of a session log says, before it becomes a session.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{borrow::Cow, net::SocketAddrV4, ops::Range, sync::Arc, time::Duration};
use unmasq_model::{Endpoint, GatewayName, LogTime, Protocol, Realm, Request, Span, Translation};

/// Reads frames of one log format.
pub trait Decoder: Send {
    /// Appends what `frame` says to `out`: nothing, one record, or one for each side of a flow that
    /// was translated on both.
    ///
    /// # Errors
    /// When the frame says nothing that can be understood; `out` is then as it was.
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable>;

    /// What `frame` says, if that is one [`Brief`]; `None` says nothing, and the frame is to be decoded. Asked
    /// again, with nothing decoded in between, it says the same.
    ///
    /// A format of which nearly every line is one spares those who want few of its records most of the
    /// work.
    fn brief(&mut self, _frame: &[u8]) -> Option<Brief<'_>> {
        None
    }

    /// The same with places: what the frame at `position` says, and where and how that is written.
    ///
    /// A line is its record's place and text. A format whose frames hold several records, or that must
    /// keep some until they can be understood, says its own; it may lose part of a frame.
    fn read_at(&mut self, position: u64, frame: &[u8], out: &mut Said) {
        let mut records = Vec::new();
        match self.decode(frame, &mut records) {
            Ok(()) if records.is_empty() => {}
            Ok(()) => {
                let text = cite(frame);
                let place = |record| Cited { position, text: Arc::clone(&text), record };
                out.records.extend(records.into_iter().map(place));
            }
            Err(why) => out.unreadable.push((position, why)),
        }
    }

    /// At the end of a file: says what was kept in vain, and forgets it.
    fn finish(&mut self, _out: &mut Said) {}

    /// Another decoder that reads every later frame as this one would, so that several can share a
    /// file; `None` where one must read all of it in order.
    fn fork(&self) -> Option<Box<dyn Decoder>> {
        None
    }

    /// Whether one of these lines may change what those after it mean (a header row, for example).
    ///
    /// Such lines are given to the decoder that others are [forked](Self::fork) from, in their place;
    /// all others may be given to any fork, in any order. A wrong `true` costs time, never an answer.
    fn turns(&self, _lines: &[u8]) -> bool {
        false
    }
}

/// What a decoder made of some frames.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Said {
    /// The records, in order.
    pub records: Vec<Cited>,
    /// What could not be read, with its position.
    pub unreadable: Vec<(u64, Unreadable)>,
    /// From where to where that stands of it which may be read once something comes that it needs.
    pub waiting: Vec<Range<u64>>,
}

/// A record with its place in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cited {
    /// The line, from 1; in a binary file the offset of the record's first byte, before compression.
    pub position: u64,
    /// The line itself, or a binary record in readable form; at most 4 KiB.
    pub text: Arc<str>,
    /// What it says.
    pub record: Record,
}

/// A record that is cited is cut at this length; see the contract's `evidence`.
const CITED_BYTES: usize = 4096;

/// A line as it is cited: as text, and not all of it if it is long.
#[must_use]
pub fn cite(line: &[u8]) -> Arc<str> {
    let text = String::from_utf8_lossy(line);
    text[..text.floor_char_boundary(CITED_BYTES)].into()
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
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
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

/// A whole session of a client behind an IPv4 source NAT that left its peer as it was, between ports. It
/// owns nothing: to look at one and drop it costs no more than to read it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Brief<'a> {
    /// The gateway that the record itself names; else its log's.
    pub gateway: Option<&'a GatewayName>,
    /// The realm of the inside pair that the record itself names; else its gateway's.
    pub inside_realm: Option<&'a Realm>,
    /// The transport protocol, which has ports.
    pub protocol: Protocol,
    /// The client as the world sees it.
    pub outside: SocketAddrV4,
    /// The client itself.
    pub inside: SocketAddrV4,
    /// The peer, as both legs see it.
    pub remote: SocketAddrV4,
    /// When its first packet passed.
    pub start: Span,
    /// When its last packet passed.
    pub end: Span,
}

impl From<Brief<'_>> for Record {
    fn from(brief: Brief<'_>) -> Self {
        let [outside, inside, remote] = [brief.outside, brief.inside, brief.remote]
            .map(|at| Endpoint { ip: (*at.ip()).into(), port: Some(at.port()) });
        Self {
            gateway: brief.gateway.cloned(),
            inside_realm: brief.inside_realm.cloned(),
            translation: Translation::of_source_nat(brief.protocol, outside, inside, remote),
            request: None,
            fact: Fact::Whole { start: brief.start, end: brief.end, proven: None },
        }
    }
}

/// How much of a session one record tells.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// A connection's state, of those that are known; see the format.
pub type StateName = &'static str;

/// One moment in the life of a translation entry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Event {
    /// What happened to the entry.
    pub kind: EventKind,
    /// When the line was written; the end of the second, where it tells no more than a second.
    #[serde(with = "exact")]
    pub at: LogTime,
    /// How long before `at` it may have happened: the exporter's lag, and what its clock leaves open.
    pub lag: Duration,
    /// The exporter's id for the entry; not unique over time.
    pub entry: Option<u64>,
    /// How long the entry lives without another packet, from `at` on.
    pub timeout: Option<Duration>,
    /// The connection's state, as the exporter words it.
    #[serde(with = "state")]
    pub state: Option<StateName>,
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// A moment as microseconds since the Unix epoch, an infinity too.
mod exact {
    use super::{Deserialize, Deserializer, Error, LogTime, Serializer};

    pub(super) fn serialize<S: Serializer>(at: &LogTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(at.as_unix_us())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LogTime, D::Error> {
        LogTime::from_edge(i64::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("it is no time"))
    }
}

/// A state by its word; one that no exporter has is every other one.
mod state {
    use super::{Cow, Deserialize, Deserializer, Serialize, Serializer};
    use crate::format::known_state;

    pub(super) fn serialize<S: Serializer>(
        state: &Option<&'static str>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        state.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<&'static str>, D::Error> {
        let state = Option::<Cow<'de, str>>::deserialize(deserializer)?;
        Ok(state.map(|state| known_state(&state)))
    }
}
