//! One line of text, of an event or of a dump, taken apart but not yet understood.

use super::{
    clock,
    entry::{CUT, Entry, Parts, QueryIds, TWICE, address, number, set, state},
};
use crate::{EventKind, Unreadable};
use memchr::memchr;
use std::time::Duration;
use unmasq_model::{LogTime, Protocol};

/// What an event line says.
pub(super) struct Line<'a> {
    pub(super) at: LogTime,
    pub(super) kind: EventKind,
    pub(super) body: Body<'a>,
}

/// What every line says of its entry, with a time before it or without.
pub(super) struct Body<'a> {
    pub(super) entry: Entry,
    pub(super) timeout: Option<Duration>,
    pub(super) state: Option<&'static str>,
    pub(super) id: Option<u64>,
    pub(super) lasted: Option<Duration>,
    /// `Sun Nov 22 10:58:07 2026`, as it stands.
    pub(super) started: Option<&'a str>,
    pub(super) stopped: Option<&'a str>,
    /// How many hold the entry; a dump writes it after the tuples, an event does not.
    pub(super) uses: Option<u32>,
}

const NOT_TEXT: Unreadable = Unreadable::because("not text");
const NOT_AN_EVENT: Unreadable = Unreadable::because("not a conntrack event line");
const NOT_AN_ENTRY: Unreadable = Unreadable::because("not an entry as conntrack writes it");
const A_DUMP: Unreadable = Unreadable::because(
    "a line of conntrack -L: a dump has no times; read it as conntrack-dump, or log events with conntrack -E",
);
const AN_EVENT: Unreadable = Unreadable::because("a line of conntrack -E: read it as conntrack-text");
const NO_TIME: Unreadable = Unreadable::because("it carries no time; run conntrack with -o timestamp");
const STRANGE: Unreadable = Unreadable::because("a word in it belongs to no conntrack line");

impl<'a> Line<'a> {
    /// Takes an event line apart.
    ///
    /// # Errors
    /// When it is no whole event line with a time. Fields that we have no use for may say anything.
    pub(super) fn parse(frame: &'a [u8]) -> Result<Self, Unreadable> {
        let text = str::from_utf8(frame).map_err(|_| NOT_TEXT)?;
        let mut words = Words(text);
        let (at, kind) = stamp_and_kind(text, &mut words)?;
        Ok(Self { at, kind, body: Body::of(words)? })
    }
}

impl<'a> Body<'a> {
    /// Takes a line of a dump apart.
    ///
    /// # Errors
    /// When it is no whole line of a dump. Fields that we have no use for may say anything.
    pub(super) fn parse(frame: &'a [u8]) -> Result<Self, Unreadable> {
        let text = str::from_utf8(frame).map_err(|_| NOT_TEXT)?;
        if text.trim_ascii_start().starts_with('[') {
            return Err(AN_EVENT);
        }
        let body = Self::of(Words(text))?;
        // It stands last, or before the id: a line without it was cut, and its last number (a port!)
        // may have lost digits.
        body.uses.is_some().then_some(body).ok_or(CUT)
    }

    /// Takes apart what follows the time and the event.
    fn of(mut words: Words<'a>) -> Result<Self, Unreadable> {
        let mut word = words.next();
        if let Some("ipv4" | "ipv6") = word {
            words.next();
            word = words.next();
        }
        // The name, which may be `unknown`; the number is what counts.
        if word.is_none_or(|name| name.contains(['=', '['])) {
            return Err(NOT_AN_ENTRY);
        }
        let protocol = words.next().and_then(|number| number.parse().ok()).map(Protocol::from_number);
        let mut line = Unfinished::new(protocol.ok_or(NOT_AN_ENTRY)?);
        let mut before = "";
        for word in words {
            before = line.take(word, before)?;
        }
        line.finish()
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

/// A line of which the words so far have been read.
struct Unfinished<'a> {
    protocol: Protocol,
    timeout: Option<Duration>,
    state: Option<&'static str>,
    /// The tuples begun so far are the first `begun` of `tuples`.
    tuples: [Parts; 2],
    begun: usize,
    id: Option<u64>,
    lasted: Option<Duration>,
    started: Option<&'a str>,
    stopped: Option<&'a str>,
    uses: Option<u32>,
}

impl<'a> Unfinished<'a> {
    fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            timeout: None,
            state: None,
            tuples: [Parts::default(); 2],
            begun: 0,
            id: None,
            lasted: None,
            started: None,
            stopped: None,
            uses: None,
        }
    }

    /// Reads one word; gives back its key, which the next word may need.
    fn take(&mut self, word: &'a str, before: &str) -> Result<&'a str, Unreadable> {
        if let Some(mark) = word.strip_prefix('[') {
            self.take_mark(mark.strip_suffix(']').ok_or(CUT)?)?;
            return Ok("");
        }
        // Keys are short.
        let equals = word.bytes().position(|byte| byte == b'=');
        let Some((key, value)) = equals.map(|at| (&word[..at], &word[at + 1..])) else {
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
            "id" => set(&mut self.id, number(value)?)?,
            "use" => set(&mut self.uses, number(value)?)?,
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

    fn finish(self) -> Result<Body<'a>, Unreadable> {
        Ok(Body {
            entry: Entry::of(self.protocol, self.tuples, QueryIds::Always)?,
            timeout: self.timeout,
            state: self.state,
            id: self.id,
            lasted: self.lasted.filter(not_wrapped),
            started: self.started,
            stopped: self.stopped,
            uses: self.uses,
        })
    }
}

/// The kernel's two clock readings are subtracted: a clock set back makes the difference wrap, and
/// then it says nothing.
pub(super) fn not_wrapped(lasted: &Duration) -> bool {
    lasted.as_secs() <= u32::MAX.into()
}

/// The words of a line; what stands in square brackets is one word.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_ascii_start();
        let bytes = rest.as_bytes();
        let end = if bytes.first() == Some(&b'[') {
            memchr(b']', bytes).map(|close| close + 1)
        } else {
            bytes.iter().position(u8::is_ascii_whitespace)
        };
        let end = end.unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.0 = rest;
        (!word.is_empty()).then_some(word)
    }
}
