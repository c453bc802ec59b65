//! `conntrack -E` event text, as `conntrack -E -o timestamp,id,extended[,ktimestamp]` writes it.
//!
//! ```text
//! [1795345072.309137]        [NEW] ipv4     2 tcp      6 120 SYN_SENT src=10.0.0.14 dst=198.51.100.66 sport=51648 dport=80 [UNREPLIED] src=198.51.100.66 dst=203.0.113.10 sport=80 dport=20038 id=191355002
//! ```
//!
//! An entry is two tuples: A, the first packet as it came (`src` opened the flow), and B, the reply
//! as it is expected. The gateway translated where B is not A turned around:
//!
//! | where | means | outside | remote | inside | inside remote |
//! | --- | --- | --- | --- | --- | --- |
//! | B.dst ≠ A.src | source NAT, our side is the client | B.dst | B.src | A.src | A.dst |
//! | B.src ≠ A.dst | destination NAT, our side is the server | A.dst | A.src | B.src | B.dst |
//! | neither | it began at, or ended on, the gateway itself | A.src, A.dst | A.dst, A.src | – | – |
//!
//! Both may hold at once (a hairpin): two records. An untranslated entry is two records as well, one
//! for either end, since the line does not tell which address is the gateway's.
//!
//! Quirks: an ICMP line has three `id=`, of which the first two belong to the tuples and stand for
//! our port (RFC 5508); `DESTROY` may or may not carry a state and a time-out; the protocol's number
//! is surer than its name (`unknown 47`); `[start=…]` and `[stop=…]` are local, whole seconds. See
//! <https://conntrack-tools.netfilter.org/manual.html>.

pub(super) mod clock;
mod dump;
pub(super) mod entry;
mod line;
mod xml;

use super::{Definition, FormatTraits};
use crate::{Decoder, Event, Fact, Record, Unreadable};
pub(super) use clock::{DESTROY_LAG, EVENT_LAG};
pub(super) use dump::DUMP;
pub(crate) use entry::known_state;
use jiff::tz::TimeZone;
use line::Line;
use memchr::memmem;
use unmasq_model::Span;
pub(super) use xml::XML;

/// Each line says by itself whether it carries kernel times, so both ways of asking for it are one
/// format. The kernel's log is complete unless its socket overflowed.
pub(super) const TEXT: Definition = Definition {
    name: "conntrack-text",
    aliases: &["conntrack-text-ktimestamp"],
    traits: FormatTraits::NAT,
    decoder: |hints| Ok(Box::new(ConntrackText::new(hints.zone.clone()))),
};

/// Reads `conntrack -E` lines.
#[derive(Clone)]
struct ConntrackText {
    zone: Option<TimeZone>,
    /// Whether the line before carried the entry's id; see [`CUT_BEFORE_ID`].
    ids: bool,
}

/// An id stands last on every line or on none. Where the line before had one and this has none,
/// the line was cut, and its last number (a port!) may have lost digits: it must not be believed.
/// Only one line is given up where a log goes on without ids on purpose.
const CUT_BEFORE_ID: Unreadable = Unreadable::because("cut short: the line before it ends in an id");

impl ConntrackText {
    /// `zone` is what `[start=…]` and `[stop=…]` are meant in.
    const fn new(zone: Option<TimeZone>) -> Self {
        Self { zone, ids: false }
    }
}

impl Decoder for ConntrackText {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        let Line { at, kind, body } = Line::parse(frame)?;
        let local = |text: Option<&str>| text.map(|text| clock::local(text, self.zone.as_ref())).transpose();
        let event = Event {
            entry: body.id,
            timeout: body.timeout,
            state: body.state,
            lasted: body.lasted,
            started: local(body.started)?,
            stopped: local(body.stopped)?,
            ..Event::new(kind, Span::at(at), clock::lag(kind))
        };
        if std::mem::replace(&mut self.ids, body.id.is_some()) && body.id.is_none() {
            return Err(CUT_BEFORE_ID);
        }
        out.extend(body.entry.records(&Fact::Event(event)));
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }

    fn turns(&self, lines: &[u8]) -> bool {
        if self.ids {
            lines.split(|&byte| byte == b'\n').any(lacks_id)
        } else {
            memmem::find(lines, b"id=").is_some()
        }
    }
}

/// Whether a line, if it can be read, may be one without an id. An ICMP id follows a code.
fn lacks_id(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let mut words = line.rsplit(u8::is_ascii_whitespace);
    let ends_in_id = words.next().is_some_and(|word| word.starts_with(b"id="));
    let mut of_entry = || words.next().is_some_and(|word| !word.starts_with(b"code="));
    !(line.is_empty() || (ends_in_id && of_entry()))
}

#[cfg(test)]
mod tests;
