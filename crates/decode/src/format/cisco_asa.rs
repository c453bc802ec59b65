//! Cisco ASA's and FTD's syslog messages about connections and translations.
//!
//! ```text
//! Mar 01 2026 10:00:00 fw1 : %ASA-6-302013: Built outbound TCP connection 81 for outside:203.0.113.9/443 (203.0.113.9/443) to inside:10.2.0.7/40111 (198.51.100.8/52210)
//! Mar 01 2026 10:00:12 fw1 : %ASA-6-302014: Teardown TCP connection 81 for outside:203.0.113.9/443 to inside:10.2.0.7/40111 duration 0:00:12 bytes 3980 TCP FINs
//! Mar 01 2026 10:00:00 fw1 : %ASA-6-305011: Built dynamic TCP translation from inside:10.2.0.7/40111 to outside:198.51.100.8/52210
//! ```
//!
//! | message | is |
//! | --- | --- |
//! | 302013, 302015 | a connection is built; each party's real endpoint, then the translated one in parentheses |
//! | 302014, 302016 | it is torn down; only the real endpoints, the id, and how long it took |
//! | 302020, 302021 | the same for ICMP: `gaddr` is translated, `laddr` real, `faddr` the peer |
//! | 305011, 305012 | a port is given to a host and taken back, towards whichever peer |
//!
//! The first party of a connection is the one on the less trusted interface, whoever opened it: the
//! opener is the second party of an `outbound` connection and the first of an `inbound` one. An endpoint
//! in parentheses is what the *other* party's side sees, so that the packet on the less trusted side has
//! the first party's real and the second's translated endpoint.
//!
//! Quirks: a user may follow each party, `(LOCAL\name)`; with `names` configured hosts stand in place of
//! addresses, which cannot be read; IPv6 addresses have no brackets; hours of a duration may exceed 24.
//! A connection to or from the `identity` interface is the firewall's own.
//! <https://www.cisco.com/c/en/us/td/docs/security/asa/syslog/asa-syslog.html>

use super::{Definition, FormatTraits, Tells};
use crate::{
    Decoder, Event, EventKind, Hints, Record, Unreadable, field,
    flow::{self, Flow, Leg},
    json::{is_blank, text_of},
    syslog::Syslog,
};
use std::time::Duration;
use unmasq_model::{Endpoint, Outside, Ports, Protocol, Role, Translation};

/// The text form, with whichever header.
pub(super) const SYSLOG: Definition = Definition {
    name: "cisco-asa",
    aliases: &["cisco-ftd"],
    traits: FormatTraits { delay: Duration::from_secs(5), tells: Tells::Connection, ..FormatTraits::NAT },
    decoder: |hints| Ok(Box::new(Messages { hints: hints.clone() })),
};

/// Reads one message a line.
#[derive(Clone)]
struct Messages {
    hints: Hints,
}

const OTHER: Unreadable = Unreadable::because("no message of an ASA or FTD");
const NO_TIME: Unreadable = Unreadable::because("it carries no time: configure `logging timestamp`");
const CUT: Unreadable = Unreadable::because("cut short, or not in the form that this message has");
const TWICE: Unreadable =
    Unreadable::because("where its parties begin and end cannot be told: a user's name looks like one");

/// How long a message may wait in the device's queue before it gets its time.
const LAG: Duration = Duration::from_secs(1);

impl Decoder for Messages {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let line = text_of(frame);
        let (header, body) = header_and_body(&line)?;
        let Some(fact) = Said::read(body)? else { return Ok(()) };
        let written = header.time.ok_or(NO_TIME)?.span(&self.hints)?;
        let event = Event { entry: fact.entry, lasted: fact.lasted, ..Event::new(fact.kind, written, LAG) };
        out.extend(fact.about.into_iter().map(|translation| flow::record(translation, event.clone())));
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

/// The header, and the text of the message after its number.
fn header_and_body(line: &str) -> Result<(Syslog<'_>, &str), Unreadable> {
    // ASDM's viewer exports `6|Nov 28 2014 12:59:03|302021: …`.
    let bare = line.trim_ascii_start();
    let digit = bare.starts_with(|c: char| c.is_ascii_digit());
    let bare = bare.get(1..).and_then(|rest| rest.strip_prefix('|')).filter(|_| digit).unwrap_or(bare);
    let header = Syslog::innermost(bare);
    // What others typed may look like a message, but only after the first number.
    let numbered = ["%ASA-", "%FTD-", "%PIX-", "%FWSM-"].iter().filter_map(|tag| bare.find(tag)).min();
    if let Some(at) = numbered {
        let (_, body) = bare[at..].split_once(": ").ok_or(CUT)?;
        return Ok((header, body));
    }
    // Without the percent sign, or only the number, as viewers and relays leave it.
    let read = |header: &Syslog<'_>| header.app.is_some_and(is_number);
    let (named, body) = if read(&header) {
        (true, header.message)
    } else {
        let inner = Syslog::tagged(header.message.trim_start_matches('|'));
        (read(&inner), inner.message)
    };
    if named || is_about_us(body) { Ok((header, body)) } else { Err(OTHER) }
}

/// `302013`, `ASA-6-302013`
fn is_number(app: &str) -> bool {
    let number = app
        .strip_prefix("ASA-")
        .or_else(|| app.strip_prefix("FTD-"))
        .map_or(app, |app| app.get(2..).unwrap_or_default());
    number.len() == 6 && field::number::<u32>(number).is_some()
}

fn is_about_us(body: &str) -> bool {
    let word = |text: &str| {
        ["dynamic ", "inbound ", "outbound ", "TCP ", "UDP ", "ICMP "].iter().any(|w| text.starts_with(w))
    };
    ["Built ", "Teardown "].iter().any(|verb| body.strip_prefix(verb).is_some_and(word))
}

/// What a message says, but for the time.
struct Said {
    kind: EventKind,
    about: Vec<Translation>,
    entry: Option<u64>,
    lasted: Option<Duration>,
}

impl Said {
    /// `None` for a message that tells of no session, or of one that was not translated.
    fn read(body: &str) -> Result<Option<Self>, Unreadable> {
        let (kind, rest) = match body.split_once(' ') {
            Some(("Built", rest)) => (EventKind::New, rest),
            Some(("Teardown", rest)) => (EventKind::Destroy, rest),
            _ => return Ok(None),
        };
        let (direction, what) = match rest.split_once(' ') {
            Some(("inbound", what)) => (Some(Direction::Inbound), what),
            Some(("outbound", what)) => (Some(Direction::Outbound), what),
            _ => (None, rest),
        };
        let Some((protocol, subject)) = what.split_once(' ') else { return Ok(None) };
        if protocol == "dynamic" {
            return translation(kind, subject);
        }
        let Some(about) = subject.strip_prefix("connection ") else { return Ok(None) };
        match (protocol.parse::<Protocol>(), kind) {
            (Ok(protocol), _) if protocol.is_icmp() => icmp(kind, direction, about),
            (Ok(protocol), EventKind::New) => built(protocol, direction.ok_or(CUT)?, about),
            (Ok(protocol), _) => teardown(protocol, about),
            (Err(_), _) => Ok(None),
        }
    }
}

/// Which party opened a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Inbound,
    Outbound,
}

/// `81 for outside:203.0.113.9/443 (…) to inside:10.2.0.7/40111 (…)`
fn built(protocol: Protocol, direction: Direction, about: &str) -> Result<Option<Said>, Unreadable> {
    let (id, parties) = about.split_once(" for ").ok_or(CUT)?;
    let (foreign, local) = at_the_only(" to ", parties)?;
    let (foreign, local) = (Party::read(foreign)?, Party::read(local)?);
    let (foreign_seen, local_seen) = (foreign.seen_as.ok_or(CUT)?, local.seen_as.ok_or(CUT)?);
    let (came, left) = match direction {
        Direction::Outbound => {
            (Leg { src: local.real, dst: foreign_seen }, Leg { src: local_seen, dst: foreign.real })
        }
        Direction::Inbound => {
            (Leg { src: foreign.real, dst: local_seen }, Leg { src: foreign_seen, dst: local.real })
        }
    };
    let flow = Flow { protocol, came, left };
    let mut about: Vec<_> = flow.translations().collect();
    if about.is_empty() && (foreign.is_itself() || local.is_itself()) {
        about.extend(flow.of_itself());
    }
    let entry = Some(field::number(id).ok_or(CUT)?);
    Ok(Some(Said { kind: EventKind::New, about, entry, lasted: None }))
}

/// `81 for outside:203.0.113.9/443 to inside:10.2.0.7/40111 duration 0:00:12 bytes 3980 TCP FINs`
fn teardown(protocol: Protocol, about: &str) -> Result<Option<Said>, Unreadable> {
    let (id, parties) = about.split_once(" for ").ok_or(CUT)?;
    let (foreign, rest) = at_the_only(" to ", parties)?;
    let (local, rest) = at_the_only(" duration ", rest)?;
    let (foreign, local) = (Party::read(foreign)?, Party::read(local)?);
    // Its beginning says the rest: which side was translated, and into what.
    let unnamed = Translation {
        protocol: Some(protocol),
        role: Role::Client,
        outside: Outside { ip: None, ports: Ports::Any },
        remote: Some(foreign.real),
        inside: Some(local.real),
        inside_remote: None,
    };
    Ok(Some(Said {
        kind: EventKind::Destroy,
        about: vec![unnamed],
        entry: Some(field::number(id).ok_or(CUT)?),
        lasted: Some(duration(rest)?),
    }))
}

/// `for faddr 203.0.113.9/0 gaddr 198.51.100.8/7 laddr 10.2.0.7/7 type 8 code 0`
fn icmp(kind: EventKind, direction: Option<Direction>, about: &str) -> Result<Option<Said>, Unreadable> {
    let after = |name: &str| {
        let (_, rest) = at_the_only(name, about)?;
        endpoint(rest.split([' ', '(']).next().unwrap_or_default())
    };
    let [foreign, seen, real] = ["faddr ", "gaddr ", "laddr "].map(after);
    let (foreign, seen, real) = (foreign?, seen?, real?);
    // The query id is its opener's; it stands at that party, and the other has 0.
    let asked = foreign.port.filter(|id| *id != 0);
    let direction = direction.unwrap_or(match asked {
        Some(_) => Direction::Inbound,
        None => Direction::Outbound,
    });
    let ours = |end: Endpoint| Endpoint {
        port: if direction == Direction::Inbound { foreign.port } else { end.port },
        ..end
    };
    let (seen, real) = (ours(seen), ours(real));
    let foreign = Endpoint { port: None, ..foreign };
    let translation = Translation {
        protocol: Some(field::in_family(Protocol::ICMP, real.ip)),
        role: if direction == Direction::Inbound { Role::Server } else { Role::Client },
        outside: seen.into(),
        remote: Some(foreign),
        inside: Some(real),
        inside_remote: Some(foreign),
    };
    let about = if seen == real { Vec::new() } else { vec![translation] };
    Ok(Some(Said { kind, about, entry: None, lasted: None }))
}

/// `TCP translation from inside:10.2.0.7/40111 to outside:198.51.100.8/52210[ duration 0:00:30]`
fn translation(kind: EventKind, subject: &str) -> Result<Option<Said>, Unreadable> {
    let Some((protocol, parties)) = subject.split_once(" translation from ") else { return Ok(None) };
    let protocol = field::protocol("protocol", protocol)?;
    let (real, rest) = at_the_only(" to ", parties)?;
    let (seen, lasted) = match rest.split_once(" duration ") {
        Some((seen, lasted)) => (seen, Some(duration(lasted)?)),
        None => (rest, None),
    };
    let (real, seen) = (Party::read(real)?.real, Party::read(seen)?.real);
    let binding = flow::binding(field::in_family(protocol, real.ip), real, seen);
    Ok(Some(Said { kind, about: vec![binding], entry: None, lasted }))
}

/// What stands before and after a word that a message has once. A user who follows a party chose the own
/// name: where the word stands twice, one of them may be part of it.
fn at_the_only<'a>(word: &str, text: &'a str) -> Result<(&'a str, &'a str), Unreadable> {
    let (before, after) = text.split_once(word).ok_or(CUT)?;
    if after.contains(word) { Err(TWICE) } else { Ok((before, after)) }
}

/// One party of a connection.
struct Party<'a> {
    interface: &'a str,
    real: Endpoint,
    /// What the other party's side sees.
    seen_as: Option<Endpoint>,
}

impl<'a> Party<'a> {
    /// `outside:203.0.113.9/443 (203.0.113.9/443)(LOCAL\name)`
    fn read(text: &'a str) -> Result<Self, Unreadable> {
        let (interface, rest) = text.split_once(':').ok_or(CUT)?;
        let (real, rest) = rest.split_at(rest.find([' ', '(']).unwrap_or(rest.len()));
        let seen_as = rest.trim_ascii_start().strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let seen_as = seen_as.map(|(seen, _)| seen).filter(|seen| seen.contains('/'));
        Ok(Self { interface, real: endpoint(real)?, seen_as: seen_as.map(endpoint).transpose()? })
    }

    /// Whether it is the firewall.
    fn is_itself(&self) -> bool {
        matches!(self.interface, "identity" | "NP Identity Ifc")
    }
}

/// `203.0.113.9/443`
fn endpoint(text: &str) -> Result<Endpoint, Unreadable> {
    let (ip, port) = text.rsplit_once('/').ok_or(CUT)?;
    Ok(Endpoint::new(field::address("address", ip)?, Some(field::port("port", port)?)))
}

/// `0:00:12`, or `51:06:07`, and whatever follows.
fn duration(text: &str) -> Result<Duration, Unreadable> {
    let clock = text.split(' ').next().unwrap_or_default();
    let mut parts = clock.split(':').map(|part| field::number::<u32>(part).filter(|_| !part.is_empty()));
    let (Some(Some(hours)), Some(Some(minutes)), Some(Some(seconds)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(CUT);
    };
    Ok(Duration::from_secs(u64::from(hours) * 3600 + u64::from(minutes) * 60 + u64::from(seconds)))
}
