//! A translation entry of the kernel, whoever writes it down: two tuples, and what they say about the
//! client's side and about the server's.

use crate::{Fact, Record, Unreadable, field::plain};
use std::net::IpAddr;
use unmasq_model::{Endpoint, Protocol, Role, Translation};

pub(in crate::format) const CUT: Unreadable =
    Unreadable::because("cut short: one of its two tuples is not whole");
pub(in crate::format) const TWICE: Unreadable =
    Unreadable::because("a field stands in it twice, as if two lines had run together");
const NO_ADDRESS: Unreadable = Unreadable::because("an address in it is none");
const NO_NUMBER: Unreadable = Unreadable::because("a number in it is none, or is too large");

/// What was translated into what: the first packet as it came, and the reply as it is expected.
pub(in crate::format) struct Entry {
    pub(in crate::format) protocol: Protocol,
    pub(in crate::format) original: Tuple,
    pub(in crate::format) reply: Tuple,
}

/// One direction of an entry.
#[derive(Clone, Copy)]
pub(in crate::format) struct Tuple {
    src: Endpoint,
    dst: Endpoint,
    /// The ICMP query id.
    id: Option<u16>,
}

impl Tuple {
    /// The source; an ICMP id stands for its port.
    fn src_or_id(self) -> Endpoint {
        Endpoint { port: self.src.port.or(self.id), ..self.src }
    }

    /// The destination; an ICMP id stands for its port.
    fn dst_or_id(self) -> Endpoint {
        Endpoint { port: self.dst.port.or(self.id), ..self.dst }
    }
}

/// Whether a writer names the query ids of ICMP, which stand for our ports.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::format) enum QueryIds {
    /// A line without one was cut.
    Always,
    /// Many leave them out; then nothing tells two hosts that ping one target apart.
    IfKnown,
}

/// The fields of a tuple that have been seen.
#[derive(Clone, Copy, Default)]
pub(in crate::format) struct Parts {
    pub(in crate::format) src: Option<IpAddr>,
    pub(in crate::format) dst: Option<IpAddr>,
    pub(in crate::format) sport: Option<u16>,
    pub(in crate::format) dport: Option<u16>,
    pub(in crate::format) id: Option<u16>,
}

impl Parts {
    /// The tuple, if the record carried all of it.
    fn whole(self, protocol: Protocol, ids: QueryIds) -> Result<Tuple, Unreadable> {
        let ports = if protocol.has_ports() {
            (Some(self.sport.ok_or(CUT)?), Some(self.dport.ok_or(CUT)?))
        } else {
            (None, None)
        };
        let id = match (protocol.is_icmp(), ids) {
            (true, QueryIds::Always) => Some(self.id.ok_or(CUT)?),
            (true, QueryIds::IfKnown) => self.id,
            (false, _) => None,
        };
        Ok(Tuple {
            src: Endpoint::new(self.src.ok_or(CUT)?, ports.0),
            dst: Endpoint::new(self.dst.ok_or(CUT)?, ports.1),
            id,
        })
    }
}

impl Entry {
    /// The entry of these two tuples.
    ///
    /// # Errors
    /// When one of them is not whole.
    pub(in crate::format) fn of(
        protocol: Protocol,
        [original, reply]: [Parts; 2],
        ids: QueryIds,
    ) -> Result<Self, Unreadable> {
        let (original, reply) = (original.whole(protocol, ids)?, reply.whole(protocol, ids)?);
        if original.id.is_some() != reply.id.is_some() {
            return Err(CUT);
        }
        Ok(Self { protocol, original, reply })
    }

    /// Whether its tuples tell it from every other entry: by ports, or by ICMP's query id.
    pub(super) fn is_exclusive(&self) -> bool {
        self.original.src_or_id().port.is_some()
    }

    /// One record for each side that it tells of.
    pub(in crate::format) fn records(&self, fact: &Fact) -> impl Iterator<Item = Record> {
        self.translations().into_iter().flatten().map(|translation| Record {
            gateway: None,
            inside_realm: None,
            translation,
            request: None,
            fact: fact.clone(),
        })
    }

    /// What the entry says about its client's side and about its server's.
    fn translations(&self) -> [Option<Translation>; 2] {
        let (a, b) = (self.original, self.reply);
        let protocol = Some(self.protocol);
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
}

/// Keeps a field that may stand there once.
pub(in crate::format) fn set<T>(field: &mut Option<T>, value: T) -> Result<(), Unreadable> {
    if field.replace(value).is_some() { Err(TWICE) } else { Ok(()) }
}

pub(in crate::format) fn address(text: &str) -> Result<IpAddr, Unreadable> {
    plain::address(text.as_bytes()).map_or_else(|| text.parse().map_err(|_| NO_ADDRESS), Ok)
}

pub(in crate::format) fn number<T: std::str::FromStr>(text: &str) -> Result<T, Unreadable> {
    // `parse` would also take a sign.
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        text.parse().map_err(|_| NO_NUMBER)
    } else {
        Err(NO_NUMBER)
    }
}

/// A state as the exporter words it. A word from a later kernel is a state that is none of ours.
pub(super) fn state(word: &str) -> Option<&'static str> {
    let shaped = word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    shaped.then(|| known_state(word))
}

/// One of the states that are known, or the word for all others.
pub(crate) fn known_state(word: &str) -> &'static str {
    STATES.into_iter().find(|known| *known == word).unwrap_or("OTHER")
}

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
