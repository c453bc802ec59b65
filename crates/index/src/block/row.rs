//! One session in 64 bytes.

use foldhash::fast::FixedState;
use std::{
    hash::BuildHasher,
    net::{IpAddr, Ipv4Addr},
};
use unmasq_model::{
    Endpoint, GatewayIx, LogIx, LogTime, Outside, Ports, Protocol, Realm, Role, SessionsQuestion, Span,
    Translation,
};

/// A session of which one record tells everything, and which is not cited: IPv4, one port each, a client
/// of ours, a peer that both sides see alike, both edges known, and nothing proven.
///
/// Ordered by outside, peer and inside, then by time; copies stand side by side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Row {
    /// Address, port and protocol.
    pub(crate) outside: u64,
    pub(crate) remote: u64,
    pub(crate) inside: u64,
    pub(crate) gateway: u32,
    pub(crate) log: u16,
    /// Which of the realms, from 1; 0 is the gateway's own.
    pub(crate) realm: u16,
    /// The earliest moment of the start, and how many microseconds later it may have been.
    pub(crate) start: i64,
    pub(crate) start_open: u32,
    /// The latest moment of the end, and how many microseconds earlier it may have been.
    pub(crate) end_open: u32,
    pub(crate) end: i64,
    /// The file of the log, and the line in it.
    pub(crate) place: u64,
}

const LINE_BITS: u32 = 48;

/// Where a record is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    /// The gateway that it is of.
    pub gateway: GatewayIx,
    /// Which log.
    pub log: LogIx,
    /// Which file of it.
    pub file: u32,
    /// Which line of that.
    pub line: u64,
    /// The realm that it names, by its place in a list, from 0.
    pub realm: Option<u32>,
}

impl Row {
    /// A row for a session with these facts; `None` if it takes more than a row can hold.
    #[must_use]
    pub fn of(translation: &Translation, start: Span, end: Span, written: &Written) -> Option<Self> {
        let Translation { protocol, role, outside, remote, inside, inside_remote } = *translation;
        let Outside { ip: Some(IpAddr::V4(outside)), ports: Ports::One(port) } = outside else { return None };
        if role != Role::Client || inside_remote != remote {
            return None;
        }
        let row = Self {
            outside: u64::from(protocol?.number()) | joined(outside, port) << 8,
            remote: key_of(remote?)?,
            inside: key_of(inside?)?,
            gateway: written.gateway.0,
            log: u16::try_from(written.log.0).ok()?,
            realm: written.realm.map_or(Some(0), |realm| u16::try_from(realm).ok()?.checked_add(1))?,
            start: start.from().finite()?.as_unix_us(),
            start_open: open(start)?,
            end: end.to().finite()?.as_unix_us(),
            end_open: open(end)?,
            place: 0,
        };
        row.at(written.file, written.line)
    }

    /// The same, written elsewhere in its log.
    #[must_use]
    pub fn at(self, file: u32, line: u64) -> Option<Self> {
        let file = u64::from(u16::try_from(file).ok()?);
        (line >> LINE_BITS == 0).then_some(Self { place: file << LINE_BITS | line, ..self })
    }

    /// The same, of another gateway and with its realm at another place.
    #[must_use]
    pub fn renamed(self, gateway: GatewayIx, realm: impl FnOnce(u32) -> u32) -> Option<Self> {
        let realm = match self.realm {
            0 => 0,
            own => u16::try_from(realm(u32::from(own) - 1)).ok()?.checked_add(1)?,
        };
        Some(Self { gateway: gateway.0, realm, ..self })
    }

    /// The same, in another log.
    #[must_use]
    pub fn of_log(self, log: LogIx) -> Option<Self> {
        Some(Self { log: u16::try_from(log.0).ok()?, ..self })
    }

    /// Where it is written: the log, the file of it, and the line of that.
    #[must_use]
    pub fn place(&self) -> (LogIx, u32, u64) {
        let file = u32::try_from(self.place >> LINE_BITS).unwrap_or(u32::MAX);
        (LogIx(self.log.into()), file, self.place & ((1 << LINE_BITS) - 1))
    }

    /// The gateway that it is of.
    #[must_use]
    pub fn gateway(&self) -> GatewayIx {
        GatewayIx(self.gateway)
    }

    fn outside(&self) -> u64 {
        self.outside >> 8
    }

    pub(crate) fn outside_ip(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::try_from(self.outside() >> 16).unwrap_or_default())
    }

    pub(super) fn outside_key(&self) -> u32 {
        mixed(self.outside())
    }

    pub(super) fn peer_key(&self) -> u32 {
        mixed(self.remote ^ u64::from(port_of(self.outside())) << 48)
    }

    pub(super) fn inside(&self) -> Option<IpAddr> {
        Some(endpoint(self.inside).ip)
    }

    pub(super) fn realm<'r>(&self, realms: &'r [Realm]) -> Option<&'r Realm> {
        realms.get(usize::from(self.realm).checked_sub(1)?)
    }

    /// Which of the realms it names, from 0.
    #[must_use]
    pub fn realm_place(&self) -> Option<u32> {
        self.realm.checked_sub(1).map(u32::from)
    }

    /// When its first packet passed.
    #[must_use]
    pub fn start(&self) -> Span {
        span(self.start, self.start + i64::from(self.start_open))
    }

    /// When its last packet passed.
    #[must_use]
    pub fn end(&self) -> Span {
        span(self.end - i64::from(self.end_open), self.end)
    }

    pub(crate) fn reach(&self) -> Span {
        span(self.start, self.end)
    }

    /// Something of its first and of its last bytes: who has read them has it near.
    pub(super) fn edges(&self) -> u64 {
        self.outside ^ u64::from(self.realm)
    }

    /// Whether both tell the same, each at its place.
    pub(crate) fn is_copy_of(&self, other: &Self) -> bool {
        *self == Self { place: self.place, ..*other }
    }

    /// Whether it answers a question, whenever it was: just as its session does, which need not be made for that.
    #[inline]
    pub(crate) fn answers(&self, asked: &SessionsQuestion) -> bool {
        let (ip, port) = asked.outside;
        asked.gateway.is_none_or(|gateway| gateway == self.gateway())
            && ip.is_none_or(|ip| ip == IpAddr::V4(self.outside_ip()))
            && port.is_none_or(|port| port == port_of(self.outside()))
            && asked.protocol.is_none_or(|protocol| protocol.number() == self.outside.to_le_bytes()[0])
            && asked.remote.is_none_or(|remote| endpoint(self.remote).answers(remote))
    }

    /// What was translated into what.
    #[must_use]
    pub fn translation(&self) -> Translation {
        let outside = endpoint(self.outside() << 1 | 1);
        let protocol = self.outside.to_le_bytes()[0];
        Translation::of_source_nat(
            Protocol::from_number(protocol),
            outside,
            endpoint(self.inside),
            endpoint(self.remote),
        )
    }
}

/// The key of an outside address and port; others may share it.
pub(super) fn key_of_outside(ip: Ipv4Addr, port: u16) -> u32 {
    mixed(joined(ip, port))
}

/// The key of a peer with our port; others may share it.
pub(super) fn key_of_peer(remote: Endpoint, port: u16) -> Option<u32> {
    Some(mixed(key_of(remote)? ^ u64::from(port) << 48))
}

fn joined(ip: Ipv4Addr, port: u16) -> u64 {
    u64::from(u32::from(ip)) << 16 | u64::from(port)
}

/// Spreads what it is made of evenly over all values.
fn mixed(key: u64) -> u32 {
    let hash = FixedState::with_seed(0).hash_one(key);
    u32::try_from(hash >> 32).unwrap_or_default()
}

/// An IPv4 endpoint: the address, the port, and whether there is one.
fn key_of(endpoint: Endpoint) -> Option<u64> {
    let IpAddr::V4(ip) = endpoint.ip else { return None };
    let port = endpoint.port.unwrap_or_default();
    Some(joined(ip, port) << 1 | u64::from(endpoint.port.is_some()))
}

fn endpoint(key: u64) -> Endpoint {
    let ip = u32::try_from(key >> 17 & u64::from(u32::MAX)).unwrap_or_default();
    let port = (key & 1 == 1).then(|| port_of(key >> 1));
    Endpoint { ip: Ipv4Addr::from(ip).into(), port }
}

fn port_of(key: u64) -> u16 {
    u16::try_from(key & u64::from(u16::MAX)).unwrap_or_default()
}

/// How many microseconds a span lasts, if few.
fn open(span: Span) -> Option<u32> {
    let length = span.to().finite()?.as_unix_us().checked_sub(span.from().finite()?.as_unix_us())?;
    u32::try_from(length).ok()
}

fn span(from: i64, to: i64) -> Span {
    // Both were real instants when the row was made.
    let at = |us| LogTime::from_unix_us(us).unwrap_or(LogTime::BEGINNING);
    Span::between(at(from), at(to))
}
