//! One event line, taken apart but not yet understood.

use super::clock;
use crate::{EventKind, Unreadable};
use std::{net::IpAddr, time::Duration};
use unmasq_model::{Endpoint, LogTime, Protocol};

/// What an event line says.
pub(super) struct Line<'a> {
    pub(super) at: LogTime,
    pub(super) kind: EventKind,
    pub(super) protocol: Protocol,
    pub(super) timeout: Option<Duration>,
    pub(super) state: Option<&'static str>,
    pub(super) original: Tuple,
    pub(super) reply: Tuple,
    pub(super) entry: Option<u64>,
    pub(super) lasted: Option<Duration>,
    /// `Sun Nov 22 10:58:07 2026`, as it stands.
    pub(super) started: Option<&'a str>,
    pub(super) stopped: Option<&'a str>,
}

/// One direction of an entry.
#[derive(Clone, Copy)]
pub(super) struct Tuple {
    pub(super) src: Endpoint,
    pub(super) dst: Endpoint,
    /// The ICMP query id.
    id: Option<u16>,
}

impl Tuple {
    /// The source; an ICMP id stands for its port.
    pub(super) fn src_or_id(self) -> Endpoint {
        Endpoint { port: self.src.port.or(self.id), ..self.src }
    }

    /// The destination; an ICMP id stands for its port.
    pub(super) fn dst_or_id(self) -> Endpoint {
        Endpoint { port: self.dst.port.or(self.id), ..self.dst }
    }
}

const NOT_TEXT: Unreadable = Unreadable::because("not text");
const NOT_AN_EVENT: Unreadable = Unreadable::because("not a conntrack event line");
const A_DUMP: Unreadable =
    Unreadable::because("a line of conntrack -L: a dump has no times; log events with conntrack -E");
const NO_TIME: Unreadable = Unreadable::because("it carries no time; run conntrack with -o timestamp");
const CUT: Unreadable = Unreadable::because("cut short: one of its two tuples is not whole");
const TWICE: Unreadable = Unreadable::because("a field stands in it twice, as if two lines had run together");
const NO_ADDRESS: Unreadable = Unreadable::because("an address in it is none");
const NO_NUMBER: Unreadable = Unreadable::because("a number in it is none, or is too large");
const STRANGE: Unreadable = Unreadable::because("a word in it belongs to no conntrack event");

/// The kernel's names of TCP, SCTP and DCCP states; see [`state`].
const STATES: [&str; 29] = [
    "NONE",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
    "LISTEN",
    "CLOSED",
    "COOKIE_WAIT",
    "COOKIE_ECHOED",
    "SHUTDOWN_SENT",
    "SHUTDOWN_RECD",
    "SHUTDOWN_ACK_SENT",
    "HEARTBEAT_SENT",
    "HEARTBEAT_ACKED",
    "REQUEST",
    "RESPOND",
    "PARTOPEN",
    "OPEN",
    "CLOSEREQ",
    "CLOSING",
    "TIMEWAIT",
    "IGNORE",
    "INVALID",
    "MAX",
];

impl<'a> Line<'a> {
    /// Takes a line apart.
    ///
    /// # Errors
    /// When it is no whole event line with a time. Fields that we have no use for may say anything.
    pub(super) fn parse(frame: &'a [u8]) -> Result<Self, Unreadable> {
        let text = str::from_utf8(frame).map_err(|_| NOT_TEXT)?;
        let mut words = Words(text);
        let (at, kind) = stamp_and_kind(text, &mut words)?;
        let mut word = words.next();
        if let Some("ipv4" | "ipv6") = word {
            words.next();
            word = words.next();
        }
        // The name, which may be `unknown`; the number is what counts.
        if word.is_none_or(|name| name.contains(['=', '['])) {
            return Err(NOT_AN_EVENT);
        }
        let protocol = words.next().and_then(|number| number.parse().ok()).map(Protocol::from_number);
        let mut line = Unfinished::new(protocol.ok_or(NOT_AN_EVENT)?);
        let mut before = "";
        for word in words {
            before = line.take(word, before)?;
        }
        line.finish(at, kind)
    }
}

/// `[1795345072.309137]        [NEW]`: when it was written, and what happened.
fn stamp_and_kind(text: &str, words: &mut Words<'_>) -> Result<(LogTime, EventKind), Unreadable> {
    let first = words.next().ok_or(NOT_AN_EVENT)?;
    if event_kind(first).is_some() {
        return Err(NO_TIME);
    }
    let stamp = first.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let kind = stamp.and_then(|_| words.next()).and_then(event_kind);
    match (stamp, kind) {
        (Some(stamp), Some(kind)) => Ok((clock::stamp(stamp)?, kind)),
        _ if text.contains(" src=") && text.contains(" dst=") && !first.contains('[') => Err(A_DUMP),
        _ => Err(NOT_AN_EVENT),
    }
}

fn event_kind(word: &str) -> Option<EventKind> {
    match word {
        "[NEW]" => Some(EventKind::New),
        "[UPDATE]" => Some(EventKind::Update),
        "[DESTROY]" => Some(EventKind::Destroy),
        _ => None,
    }
}

/// A state as the exporter words it. A word from a later kernel is a state that is none of ours.
fn state(word: &str) -> Option<&'static str> {
    let shaped = word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    shaped.then(|| STATES.into_iter().find(|known| *known == word).unwrap_or("OTHER"))
}

/// A line of which the words so far have been read.
struct Unfinished<'a> {
    protocol: Protocol,
    timeout: Option<Duration>,
    state: Option<&'static str>,
    /// The tuples begun so far are the first `begun` of `tuples`.
    tuples: [Parts; 2],
    begun: usize,
    entry: Option<u64>,
    lasted: Option<Duration>,
    started: Option<&'a str>,
    stopped: Option<&'a str>,
}

/// The fields of a tuple that have been seen.
#[derive(Clone, Copy, Default)]
struct Parts {
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    sport: Option<u16>,
    dport: Option<u16>,
    id: Option<u16>,
}

impl<'a> Unfinished<'a> {
    fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            timeout: None,
            state: None,
            tuples: [Parts::default(); 2],
            begun: 0,
            entry: None,
            lasted: None,
            started: None,
            stopped: None,
        }
    }

    /// Reads one word; gives back its key, which the next word may need.
    fn take(&mut self, word: &'a str, before: &str) -> Result<&'a str, Unreadable> {
        if let Some(mark) = word.strip_prefix('[') {
            self.take_mark(mark.strip_suffix(']').ok_or(CUT)?)?;
            return Ok("");
        }
        let Some((key, value)) = word.split_once('=') else {
            self.take_bare(word)?;
            return Ok("");
        };
        if key == "src" {
            self.begun += 1;
        }
        let tuple = self.begun.checked_sub(1).ok_or(STRANGE)?;
        let tuple = self.tuples.get_mut(tuple).ok_or(TWICE)?;
        match key {
            "src" => set(&mut tuple.src, address(value)?)?,
            "dst" => set(&mut tuple.dst, address(value)?)?,
            "sport" => set(&mut tuple.sport, number(value)?)?,
            "dport" => set(&mut tuple.dport, number(value)?)?,
            "id" if before == "code" => set(&mut tuple.id, number(value)?)?,
            "id" => set(&mut self.entry, number(value)?)?,
            "delta-time" => set(&mut self.lasted, Duration::from_secs(number(value)?))?,
            _ => {}
        }
        Ok(key)
    }

    /// `[ASSURED]` and its like, or a time in brackets.
    fn take_mark(&mut self, mark: &'a str) -> Result<(), Unreadable> {
        match mark.split_once('=') {
            Some(("start", time)) => set(&mut self.started, time),
            Some(("stop", time)) => set(&mut self.stopped, time),
            None if matches!(mark, "NEW" | "UPDATE" | "DESTROY") => Err(TWICE),
            None if mark.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') => Ok(()),
            _ => Err(STRANGE),
        }
    }

    /// What stands between the protocol and the first tuple: the time-out, the state.
    fn take_bare(&mut self, word: &str) -> Result<(), Unreadable> {
        if self.begun > 0 {
            Err(STRANGE)
        } else if word.bytes().all(|b| b.is_ascii_digit()) {
            // The kernel's own type; what is larger is no time-out.
            set(&mut self.timeout, Duration::from_secs(number::<u32>(word)?.into()))
        } else {
            set(&mut self.state, state(word).ok_or(STRANGE)?)
        }
    }

    fn finish(self, at: LogTime, kind: EventKind) -> Result<Line<'a>, Unreadable> {
        let [original, reply] = self.tuples;
        Ok(Line {
            at,
            kind,
            protocol: self.protocol,
            timeout: self.timeout,
            state: self.state,
            original: original.whole(self.protocol)?,
            reply: reply.whole(self.protocol)?,
            entry: self.entry,
            // The kernel subtracts two clock readings: a clock set back makes the difference wrap,
            // and then it says nothing.
            lasted: self.lasted.filter(|lasted| lasted.as_secs() <= u32::MAX.into()),
            started: self.started,
            stopped: self.stopped,
        })
    }
}

impl Parts {
    /// The tuple, if the line carried all of it.
    fn whole(self, protocol: Protocol) -> Result<Tuple, Unreadable> {
        let ports = if protocol.has_ports() {
            (Some(self.sport.ok_or(CUT)?), Some(self.dport.ok_or(CUT)?))
        } else {
            (None, None)
        };
        let id = if protocol.is_icmp() { Some(self.id.ok_or(CUT)?) } else { None };
        Ok(Tuple {
            src: Endpoint::new(self.src.ok_or(CUT)?, ports.0),
            dst: Endpoint::new(self.dst.ok_or(CUT)?, ports.1),
            id,
        })
    }
}

fn set<T>(field: &mut Option<T>, value: T) -> Result<(), Unreadable> {
    if field.replace(value).is_some() { Err(TWICE) } else { Ok(()) }
}

fn address(text: &str) -> Result<IpAddr, Unreadable> {
    text.parse().map_err(|_| NO_ADDRESS)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, Unreadable> {
    // `parse` would also take a sign.
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        text.parse().map_err(|_| NO_NUMBER)
    } else {
        Err(NO_NUMBER)
    }
}

/// The words of a line; what stands in square brackets is one word.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_ascii_start();
        let end = if rest.starts_with('[') {
            rest.find(']').map_or(rest.len(), |close| close + 1)
        } else {
            rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len())
        };
        let (word, rest) = rest.split_at(end);
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }
}
