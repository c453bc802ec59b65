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

mod clock;
mod line;

use super::{Definition, FormatTraits};
use crate::{Decoder, Event, EventKind, Fact, Record, Unreadable};
use jiff::tz::TimeZone;
use line::Line;
use std::time::Duration;
use unmasq_model::{Endpoint, Role, Translation};

/// Each line says by itself whether it carries kernel times, so both ways of asking for it are one
/// format. The kernel's log is complete unless its socket overflowed.
pub(super) const TEXT: Definition = Definition {
    name: "conntrack-text",
    aliases: &["conntrack-text-ktimestamp"],
    traits: FormatTraits::NAT,
    decoder: |hints| Ok(Box::new(ConntrackText::new(hints.zone.clone()))),
};

/// A `NEW` line's time is up to 25 ms after the packet that made the entry (99 of 100 within 3 ms):
/// the event crosses a socket and a scheduler before it gets its time. The same holds for `UPDATE`.
pub(super) const EVENT_LAG: Duration = Duration::from_millis(25);

/// A `DESTROY` line comes when the kernel's collector passes by, not when the entry timed out: seen
/// up to 51 s late, and the collector visits a quiet table about once a minute. Twice that is safe.
pub(super) const DESTROY_LAG: Duration = Duration::from_secs(120);

/// Reads `conntrack -E` lines.
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
        let line = Line::parse(frame)?;
        let local = |text: Option<&str>| text.map(|text| clock::local(text, self.zone.as_ref())).transpose();
        let event = Event {
            kind: line.kind,
            at: line.at,
            lag: if line.kind == EventKind::Destroy { DESTROY_LAG } else { EVENT_LAG },
            entry: line.entry,
            timeout: line.timeout,
            state: line.state,
            lasted: line.lasted,
            started: local(line.started)?,
            stopped: local(line.stopped)?,
        };
        if std::mem::replace(&mut self.ids, line.entry.is_some()) && line.entry.is_none() {
            return Err(CUT_BEFORE_ID);
        }
        let record = |t| Record {
            gateway: None,
            inside_realm: None,
            translation: t,
            request: None,
            fact: Fact::Event(event.clone()),
        };
        out.extend(translations(&line).into_iter().flatten().map(record));
        Ok(())
    }
}

/// What the entry says about its client's side and about its server's.
fn translations(line: &Line<'_>) -> [Option<Translation>; 2] {
    let (a, b) = (line.original, line.reply);
    let protocol = Some(line.protocol);
    let client = (b.dst_or_id() != a.src_or_id()).then(|| Translation {
        protocol,
        role: Role::Client,
        outside: b.dst_or_id().into(),
        remote: Some(b.src),
        inside: Some(a.src_or_id()),
        inside_remote: Some(a.dst),
    });
    // An ICMP id belongs to who asked, so a reply by another id is no other server.
    let server = (b.src != a.dst).then(|| Translation {
        protocol,
        role: Role::Server,
        outside: a.dst_or_id().into(),
        remote: Some(a.src),
        inside: Some(b.src_or_id()),
        inside_remote: Some(b.dst),
    });
    if client.is_some() || server.is_some() {
        return [client, server];
    }
    let itself = |role, outside: Endpoint, remote| {
        let (outside, remote) = (outside.into(), Some(remote));
        Some(Translation { protocol, role, outside, remote, inside: None, inside_remote: None })
    };
    [itself(Role::Client, a.src_or_id(), a.dst), itself(Role::Server, a.dst_or_id(), a.src)]
}

#[cfg(test)]
mod tests;
