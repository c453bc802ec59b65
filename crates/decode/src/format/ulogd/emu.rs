//! ulogd2's input NFCT through PRINTFLOW and an output that writes as syslog does (LOGEMU, SYSLOG).
//!
//! ```text
//! Nov 22 10:57:52 gw-a [NEW] ORIG: SRC=10.0.0.14 DST=198.51.100.66 PROTO=TCP SPT=51648 DPT=80 PKTS=0 BYTES=0 , REPLY: SRC=198.51.100.66 DST=203.0.113.10 PROTO=TCP SPT=80 DPT=20038 PKTS=0 BYTES=0
//! ```
//!
//! The poorest of the forms: local time in whole seconds without a year, no conntrack id, no ICMP id
//! (and `TYPE` is the code and `CODE` the type), and a `[DESTROY]` that comes when the kernel's collector
//! came by, with nothing of when the entry ended. A syslog daemon may have put an ISO 8601 time in front.

use super::{
    super::{
        Definition,
        conntrack::{
            clock::{lag, ticked},
            entry::{CUT, Entry, Parts, QueryIds, TWICE, address, number, set},
        },
    },
    TRAITS,
};
use crate::{Decoder, Event, EventKind, Fact, Hints, Record, Unreadable, field, syslog::Syslog};
use unmasq_model::Protocol;

/// See above; its times need a zone, and the year in which the file was written.
pub(in crate::format) const EMU: Definition = Definition {
    name: "ulogd-emu",
    aliases: &[],
    traits: TRAITS,
    decoder: |hints| Ok(Box::new(UlogdEmu { hints: hints.clone() })),
};

const NOT_TEXT: Unreadable = Unreadable::because("not text");
const NOT_A_FLOW: Unreadable = Unreadable::because("not a line of ulogd's PRINTFLOW");
const NO_TIME: Unreadable = Unreadable::because("it does not begin with a time as syslog writes it");

/// Reads the lines of one file.
#[derive(Clone)]
struct UlogdEmu {
    hints: Hints,
}

impl Decoder for UlogdEmu {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        let text = str::from_utf8(frame).map_err(|_| NOT_TEXT)?;
        let (head, flow) = text.split_once("ORIG: ").ok_or(NOT_A_FLOW)?;
        let (original, reply) = flow.split_once(", REPLY: ").ok_or(CUT)?;
        let head = head.trim_ascii_end();
        let (kind, head) = kind(head).ok_or(NOT_A_FLOW)?;
        let (protocol, original) = tuple(original)?;
        let (of_reply, reply) = tuple(reply)?;
        if protocol != of_reply {
            return Err(TWICE);
        }
        let entry = Entry::of(protocol, [original, reply], QueryIds::IfKnown)?;
        let written = Syslog::innermost(head).time.ok_or(NO_TIME)?.span(&self.hints)?;
        let event = Event::new(kind, ticked(written), lag(kind));
        out.extend(entry.records(&Fact::Event(event)));
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

/// `[NEW]` at the end of what stands before the tuples, and what stands before it.
fn kind(head: &str) -> Option<(EventKind, &str)> {
    let kinds =
        [("[NEW]", EventKind::New), ("[UPDATE]", EventKind::Update), ("[DESTROY]", EventKind::Destroy)];
    kinds.into_iter().find_map(|(word, kind)| Some((kind, head.strip_suffix(word)?)))
}

/// `SRC=10.0.0.14 DST=198.51.100.66 PROTO=TCP SPT=51648 DPT=80 PKTS=0 BYTES=0`.
///
/// The counters stand last: without them the line was cut, and its last number (a port!) may have lost
/// digits.
fn tuple(text: &str) -> Result<(Protocol, Parts), Unreadable> {
    let (mut protocol, mut parts, mut bytes) = (None, Parts::default(), None);
    for word in text.split_ascii_whitespace() {
        let (key, value) = word.split_once('=').ok_or(NOT_A_FLOW)?;
        match key {
            "SRC" => set(&mut parts.src, address(value)?)?,
            "DST" => set(&mut parts.dst, address(value)?)?,
            "PROTO" => set(&mut protocol, field::protocol("PROTO", value)?)?,
            "SPT" => set(&mut parts.sport, number(value)?)?,
            "DPT" => set(&mut parts.dport, number(value)?)?,
            "BYTES" => set(&mut bytes, ())?,
            _ => {}
        }
    }
    bytes.ok_or(CUT)?;
    Ok((protocol.ok_or(CUT)?, parts))
}
