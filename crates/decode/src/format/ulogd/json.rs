//! ulogd2's input NFCT through its output JSON.
//!
//! ```text
//! {"timestamp": "2026-11-22T10:59:16", "dvc": "Netfilter", "orig.ip.protocol": 6, "orig.l4.sport": 44588, "orig.l4.dport": 80, "reply.ip.protocol": 6, "reply.l4.sport": 80, "reply.l4.dport": 20042, "ct.mark": 0, "ct.id": 1960821598, "ct.event": 4, "flow.start.sec": 1795345114, "flow.start.usec": 765650, "flow.end.sec": 1795345117, "flow.end.usec": 768092, "src_ip": "10.0.0.14", "dest_ip": "198.51.100.80", "reply.ip.saddr.str": "198.51.100.80", "reply.ip.daddr.str": "203.0.113.10"}
//! ```
//!
//! There are two forms, and a line alone does not say of which it is:
//!
//! * By event (`hash_enable=0`): `ct.event` is 1 (NEW) or 4 (DESTROY). NEW's `flow.start` is ulogd's own
//!   clock when it heard of the entry. DESTROY has a `flow.start` only if the kernel noted one, and then
//!   its `flow.end` is the kernel's too; without, `flow.end` is when ulogd heard of it.
//! * By flow (`hash_enable=1`): one line when the session is over, again 4. `flow.start` is ulogd's
//!   clock when it first heard of the entry, and if messages were lost it may be that of an older entry
//!   between the same endpoints: the line bounds a session and proves none.
//!
//! A log in which a NEW was seen is of the first form; until then a DESTROY is read as of the second.
//! `timestamp` (local, without a zone in most releases) is needed only where nothing else is there.
//! There are no ICMP ids. See <https://git.netfilter.org/ulogd2/tree/input/flow/ulogd_inpflow_NFCT.c>.

use super::{
    super::{
        Definition,
        conntrack::{
            clock::{EVENT_LAG, lag, ticked},
            entry::{Entry, Parts, QueryIds, TWICE, address},
        },
    },
    TRAITS,
};
use crate::{
    Decoder, Event, EventKind, Fact, Record, Unreadable,
    field::{self, civil_time, number, required, zoned_time},
    json::{Object, text_of},
};
use jiff::tz::TimeZone;
use memchr::{memchr, memmem};
use std::borrow::Cow;
use unmasq_model::{LogTime, Span};

/// Both forms; see above.
pub(in crate::format) const JSON: Definition = Definition {
    name: "ulogd-json",
    aliases: &["ulogd-json-flow"],
    traits: TRAITS,
    decoder: |hints| Ok(Box::new(UlogdJson { zone: hints.zone.clone(), by_event: false })),
};

const NOT_JSON: Unreadable = Unreadable::because("not a JSON object");
const NO_EVENT: Unreadable =
    Unreadable::because("no `ct.event`: not of ulogd's input NFCT, so it shows no translation");
const NO_TIME: Unreadable =
    Unreadable::because("it carries neither `flow.start` nor `flow.end`, nor a `timestamp` with a zone");
const NUMBERS: Unreadable =
    Unreadable::because("its addresses are numbers; put IP2STR into ulogd's stack before JSON");

/// The member that says what happened; 1 is NEW.
const EVENT: &str = "ct.event";

/// Reads the lines of one file.
#[derive(Clone)]
struct UlogdJson {
    zone: Option<TimeZone>,
    /// Whether a NEW was seen: then the log is by event.
    by_event: bool,
}

impl Decoder for UlogdJson {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        let text = text_of(frame);
        let object = Object::parse(&text).ok_or(NOT_JSON)?;
        let kind = match object.scalar("ct.event").as_deref() {
            Some("1") => EventKind::New,
            Some("2") => EventKind::Update,
            Some("4") => EventKind::Destroy,
            _ => return Err(NO_EVENT),
        };
        let entry = entry(&object)?;
        let fact = self.fact(&object, kind)?;
        self.by_event |= kind == EventKind::New;
        out.extend(entry.records(&fact));
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }

    fn turns(&self, lines: &[u8]) -> bool {
        // With an escape in it, any name may be this one.
        let may_be_new = |at: usize| {
            let rest = &lines[at + EVENT.len()..];
            rest.iter().find(|byte| !b"\" :\t\r\n".contains(byte)) == Some(&b'1')
        };
        let escaped = || memchr(b'\\', lines).is_some();
        !self.by_event && (memmem::find_iter(lines, EVENT).any(may_be_new) || escaped())
    }
}

impl UlogdJson {
    fn fact(&self, object: &Object<'_>, kind: EventKind) -> Result<Fact, Unreadable> {
        let start = moment(object, "flow.start.sec", "flow.start.usec")?;
        let end = moment(object, "flow.end.sec", "flow.end.usec")?;
        let id =
            object.scalar("ct.id").map(|id| number(&id).ok_or_else(|| field::fault("ct.id", "is no id")));
        let entry = id.transpose()?;
        let event = |written| Event { entry, ..Event::new(kind, written, lag(kind)) };
        Ok(match (kind, start, end) {
            // The kernel's own times, both. The line was written somewhat later, and not before its NEW.
            // A start after the end is of a clock that was set back, and says nothing.
            (EventKind::Destroy, Some(start), Some(end)) if self.by_event && start <= end => {
                Fact::Event(Event {
                    started: Some(Span::at(start)),
                    stopped: Some(Span::at(end)),
                    ..event(Span::at(end.max(start.plus(EVENT_LAG))))
                })
            }
            (EventKind::Destroy, Some(_), Some(end)) if self.by_event => {
                Fact::Event(Event { stopped: Some(Span::at(end)), ..event(Span::at(end)) })
            }
            (EventKind::Destroy, Some(start), end) => {
                let over = end.or_else(|| self.timestamp(object).map(Span::to));
                whole(start, over.unwrap_or(LogTime::FOREVER))
            }
            (EventKind::New, Some(at), _) | (_, None, Some(at)) | (EventKind::Update, Some(_), Some(at)) => {
                Fact::Event(event(Span::at(at)))
            }
            (EventKind::Update, Some(_), None) | (_, None, None) => {
                let written = self.timestamp(object).ok_or(NO_TIME)?;
                Fact::Event(event(ticked(written)))
            }
        })
    }

    /// When the line was written, if its zone is known.
    fn timestamp(&self, object: &Object<'_>) -> Option<Span> {
        let text = object.scalar("timestamp")?;
        zoned_time(&text).or_else(|| civil_time(&text, self.zone.as_ref())?.ok())
    }
}

/// A session of which one line tells when ulogd first heard of it, and by when it was over.
fn whole(start: LogTime, over: LogTime) -> Fact {
    let start = Span::between(start.minus(EVENT_LAG), start);
    Fact::Whole { start, end: Span::between(start.from(), over.max(start.from())), proven: None }
}

fn entry(object: &Object<'_>) -> Result<Entry, Unreadable> {
    let protocol = required("orig.ip.protocol", object.scalar("orig.ip.protocol"))?;
    let protocol = field::protocol("orig.ip.protocol", &protocol)?;
    let tuples = [
        Parts {
            src: Some(ip(object, "orig.ip.saddr.str", "src_ip")?),
            dst: Some(ip(object, "orig.ip.daddr.str", "dest_ip")?),
            sport: port(object, "orig.l4.sport", "src_port")?,
            dport: port(object, "orig.l4.dport", "dest_port")?,
            id: None,
        },
        Parts {
            src: Some(ip(object, "reply.ip.saddr.str", "reply.ip.saddr")?),
            dst: Some(ip(object, "reply.ip.daddr.str", "reply.ip.daddr")?),
            sport: port(object, "reply.l4.sport", "reply.l4.sport")?,
            dport: port(object, "reply.l4.dport", "reply.l4.dport")?,
            id: None,
        },
    ];
    Entry::of(protocol, tuples, QueryIds::IfKnown)
}

/// The address under one of its two names: ulogd has a second one for many keys.
fn ip(object: &Object<'_>, name: &str, other: &str) -> Result<std::net::IpAddr, Unreadable> {
    let text = either(object, name, other)?;
    let text = match text {
        None if object.has(name.trim_end_matches(".str")) => return Err(NUMBERS),
        text => required(name, text)?,
    };
    if text.bytes().all(|b| b.is_ascii_digit()) { Err(NUMBERS) } else { address(&text) }
}

fn port(object: &Object<'_>, name: &str, other: &str) -> Result<Option<u16>, Unreadable> {
    either(object, name, other)?.map(|text| field::port(name, &text)).transpose()
}

fn either<'a>(object: &Object<'a>, name: &str, other: &str) -> Result<Option<Cow<'a, str>>, Unreadable> {
    match (object.scalar(name), object.scalar(other)) {
        (Some(one), Some(two)) if one != two => Err(TWICE),
        (one, two) => Ok(one.or(two)),
    }
}

/// Seconds and microseconds since 1970 in two members; 0 is none.
fn moment(object: &Object<'_>, seconds: &str, micros: &str) -> Result<Option<LogTime>, Unreadable> {
    let Some(whole) = object.scalar(seconds) else { return Ok(None) };
    let rest = required(micros, object.scalar(micros))?;
    let read = || {
        let (whole, rest) = (number::<i64>(&whole)?, number::<i64>(&rest).filter(|us| *us < 1_000_000)?);
        LogTime::from_unix_us(whole.checked_mul(1_000_000)?.checked_add(rest)?)
    };
    let at = read().ok_or_else(|| field::fault(seconds, "is not a time"))?;
    Ok((at.as_unix_us() >= 1_000_000).then_some(at))
}

#[cfg(test)]
mod tests;
