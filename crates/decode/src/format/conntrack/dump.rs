//! A dump of the kernel's table: `conntrack -L -o id,extended`, or `/proc/net/nf_conntrack`.
//!
//! ```text
//! ipv4     2 tcp      6 431954 ESTABLISHED src=10.0.0.14 dst=198.51.100.66 sport=32938 dport=4444 packets=3 bytes=183 src=198.51.100.66 dst=203.0.113.20 sport=4444 dport=30030 packets=2 bytes=112 [ASSURED] mark=0 delta-time=45 use=1 id=3042436851
//! ```
//!
//! The same words as an event line, without a time: somebody must say when it was taken. It shows a
//! window of a session: from when the entry surely was there, which `delta-time` (its age) or `[start=…]`
//! tells, to when the dump was taken. Outside it somebody else may have held the tuple, and a dump does not
//! say who, so nothing outside is claimed. The remaining time-out tells nothing: the next packet winds it
//! up again, an entry may be killed before it, and how long the last packet is gone could be said only by
//! whoever knew the time-out that was configured.

use super::{
    super::{Definition, FormatTraits},
    clock,
    line::Body,
};
use crate::{Decoder, Fact, Hints, Record, Unreadable};
use jiff::tz::TimeZone;
use std::time::Duration;
use unmasq_model::{LogTime, Span};

/// What began and ended between two dumps is in neither, so absence proves nothing.
pub(in crate::format) const DUMP: Definition = Definition {
    name: "conntrack-dump",
    aliases: &["nf-conntrack"],
    traits: FormatTraits { best_effort: true, ..FormatTraits::NAT },
    decoder: |hints| Ok(Box::new(ConntrackDump::new(hints))),
};

/// An age in whole seconds: both its ends were cut off before they were subtracted.
const CUT_OFF: Duration = Duration::from_secs(1);

const NOT_TAKEN: Unreadable =
    Unreadable::because("a dump has no times: say in the inventory when it was `taken`");

/// Reads the lines of one dump.
#[derive(Clone)]
struct ConntrackDump {
    taken: Option<LogTime>,
    zone: Option<TimeZone>,
}

impl ConntrackDump {
    fn new(hints: &Hints) -> Self {
        Self { taken: hints.taken, zone: hints.zone.clone() }
    }

    /// By when the entry surely was there.
    fn made_by(&self, body: &Body<'_>, taken: LogTime) -> LogTime {
        // Without a zone the age says the same, only less exactly.
        let stated = body.started.and_then(|text| clock::local(text, self.zone.as_ref()).ok());
        let aged = || body.lasted.map(|age| taken.minus(age).plus(CUT_OFF));
        stated.map(Span::to).or_else(aged).map_or(taken, |made| made.min(taken))
    }
}

impl Decoder for ConntrackDump {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        let body = Body::parse(frame)?;
        let taken = self.taken.ok_or(NOT_TAKEN)?;
        let window = Span::between(self.made_by(&body, taken), taken);
        let (start, end) = (Span::at(window.from()), Span::at(window.to()));
        // One entry was there all the while, so nobody else was.
        let proven = Some(window).filter(|_| body.entry.is_exclusive());
        out.extend(body.entry.records(&Fact::Whole { start, end, proven }));
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}
