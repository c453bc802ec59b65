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

mod fields;

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
    field::{self, civil_time, number, zoned_time},
    json::text_of,
};
use fields::{Field, Fields, Reader};
use jiff::tz::TimeZone;
use memchr::{memchr, memmem};
use std::{borrow::Cow, net::IpAddr};
use unmasq_model::{LogTime, Span};

/// Both forms; see above.
pub(in crate::format) const JSON: Definition = Definition {
    name: "ulogd-json",
    aliases: &["ulogd-json-flow"],
    traits: TRAITS,
    decoder: |hints| Ok(Box::new(UlogdJson::new(hints.zone.clone()))),
};

const NOT_JSON: Unreadable = Unreadable::because("not a JSON object");
const NO_EVENT: Unreadable =
    Unreadable::because("no `ct.event`: not of ulogd's input NFCT, so it shows no translation");
const NO_TIME: Unreadable =
    Unreadable::because("it carries neither `flow.start` nor `flow.end`, nor a `timestamp` with a zone");
const NUMBERS: Unreadable =
    Unreadable::because("its addresses are numbers; put IP2STR into ulogd's stack before JSON");

/// Reads the lines of one file.
#[derive(Clone)]
struct UlogdJson {
    zone: Option<TimeZone>,
    reader: Reader,
    /// Whether a NEW was seen: then the log is by event.
    by_event: bool,
}

impl Decoder for UlogdJson {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        let text = text_of(frame);
        let fields = self.reader.read(&text).ok_or(NOT_JSON)?;
        let kind = match fields.get(Field::Event).as_deref() {
            Some("1") => EventKind::New,
            Some("2") => EventKind::Update,
            Some("4") => EventKind::Destroy,
            _ => return Err(NO_EVENT),
        };
        let entry = entry(&fields)?;
        let fact = self.fact(&fields, kind)?;
        self.by_event |= kind == EventKind::New;
        out.extend(entry.records(&fact));
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }

    fn turns(&self, lines: &[u8]) -> bool {
        // 1 is NEW. With an escape in it, any name may be this one.
        let event = Field::Event.name();
        let may_be_new = |at: usize| {
            let rest = &lines[at + event.len()..];
            rest.iter().find(|byte| !b"\" :\t\r\n".contains(byte)) == Some(&b'1')
        };
        let escaped = || memchr(b'\\', lines).is_some();
        !self.by_event && (memmem::find_iter(lines, event).any(may_be_new) || escaped())
    }
}

impl UlogdJson {
    fn new(zone: Option<TimeZone>) -> Self {
        Self { zone, reader: Reader::new(), by_event: false }
    }

    fn fact(&self, fields: &Fields<'_>, kind: EventKind) -> Result<Fact, Unreadable> {
        let start = moment(fields, Field::StartSec, Field::StartUsec)?;
        let end = moment(fields, Field::EndSec, Field::EndUsec)?;
        let id = fields.get(Field::Id).map(|id| number(&id).ok_or_else(|| Field::Id.fault("is no id")));
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
                let over = end.or_else(|| self.timestamp(fields).map(Span::to));
                whole(start, over.unwrap_or(LogTime::FOREVER))
            }
            (EventKind::New, Some(at), _) | (_, None, Some(at)) | (EventKind::Update, Some(_), Some(at)) => {
                Fact::Event(event(Span::at(at)))
            }
            (EventKind::Update, Some(_), None) | (_, None, None) => {
                let written = self.timestamp(fields).ok_or(NO_TIME)?;
                Fact::Event(event(ticked(written)))
            }
        })
    }

    /// When the line was written, if its zone is known.
    fn timestamp(&self, fields: &Fields<'_>) -> Option<Span> {
        let text = fields.get(Field::Timestamp)?;
        zoned_time(&text).or_else(|| civil_time(&text, self.zone.as_ref())?.ok())
    }
}

/// A session of which one line tells when ulogd first heard of it, and by when it was over.
fn whole(start: LogTime, over: LogTime) -> Fact {
    let start = Span::between(start.minus(EVENT_LAG), start);
    Fact::Whole { start, end: Span::between(start.from(), over.max(start.from())), proven: None }
}

fn entry(fields: &Fields<'_>) -> Result<Entry, Unreadable> {
    let protocol = field::protocol(Field::Protocol.name(), &fields.required(Field::Protocol)?)?;
    let tuples = [
        Parts {
            src: Some(ip(fields, Field::OrigSaddrStr, Field::SrcIp, Field::OrigSaddr)?),
            dst: Some(ip(fields, Field::OrigDaddrStr, Field::DestIp, Field::OrigDaddr)?),
            sport: port(fields, Field::OrigSport, Field::SrcPort)?,
            dport: port(fields, Field::OrigDport, Field::DestPort)?,
            id: None,
        },
        Parts {
            src: Some(ip(fields, Field::ReplySaddrStr, Field::ReplySaddr, Field::ReplySaddr)?),
            dst: Some(ip(fields, Field::ReplyDaddrStr, Field::ReplyDaddr, Field::ReplyDaddr)?),
            sport: port(fields, Field::ReplySport, Field::ReplySport)?,
            dport: port(fields, Field::ReplyDport, Field::ReplyDport)?,
            id: None,
        },
    ];
    Entry::of(protocol, tuples, QueryIds::IfKnown)
}

/// The address under one of its two names: ulogd has a second one for many keys. As a number it is under
/// the third.
fn ip(fields: &Fields<'_>, name: Field, other: Field, as_number: Field) -> Result<IpAddr, Unreadable> {
    let text = match either(fields, name, other)? {
        None if fields.has(as_number) => return Err(NUMBERS),
        text => field::required(name.name(), text)?,
    };
    if text.bytes().all(|b| b.is_ascii_digit()) { Err(NUMBERS) } else { address(&text) }
}

fn port(fields: &Fields<'_>, name: Field, other: Field) -> Result<Option<u16>, Unreadable> {
    either(fields, name, other)?.map(|text| field::port(name.name(), &text)).transpose()
}

fn either<'a>(fields: &Fields<'a>, name: Field, other: Field) -> Result<Option<Cow<'a, str>>, Unreadable> {
    match (fields.get(name), fields.get(other)) {
        (Some(one), Some(two)) if one != two => Err(TWICE),
        (one, two) => Ok(one.or(two)),
    }
}

/// Seconds and microseconds since 1970 in two members; 0 is none.
fn moment(fields: &Fields<'_>, seconds: Field, micros: Field) -> Result<Option<LogTime>, Unreadable> {
    let Some(whole) = fields.get(seconds) else { return Ok(None) };
    let rest = fields.required(micros)?;
    let read = || {
        let (whole, rest) = (number::<i64>(&whole)?, number::<i64>(&rest).filter(|us| *us < 1_000_000)?);
        LogTime::from_unix_us(whole.checked_mul(1_000_000)?.checked_add(rest)?)
    };
    let at = read().ok_or_else(|| seconds.fault("is not a time"))?;
    Ok((at.as_unix_us() >= 1_000_000).then_some(at))
}

#[cfg(test)]
mod tests;
