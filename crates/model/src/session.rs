//! Sessions: one translation held by a NAT, or one request or connection carried by a balancer, over
//! an interval.

use crate::{Endpoint, GatewayIx, LogIx, Protocol, Realm, Request, Role, Span};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, sync::Arc};

/// What a gateway did to one flow, as one record tells it.
///
/// Times are the exporter's own, not yet widened by its clock bound; formats' lags and resolutions
/// are already in the edges. RFC 4787 names the endpoints.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Session {
    /// Whose translation it was.
    pub gateway: GatewayIx,
    /// What was translated into what.
    pub translation: Translation,
    /// What a balancer carried; `None` for a NAT.
    pub request: Option<Arc<Request>>,
    /// The realm of the inside pair, where the record itself names one; else the gateway's.
    pub inside_realm: Option<Realm>,
    /// When its first packet passed: it began no earlier than `start.from()`, no later than `start.to()`.
    pub start: Span,
    /// When its last packet was possible; `end.to()` is [`crate::LogTime::FOREVER`] if nobody saw it end.
    pub end: Span,
    /// Over which span this record by itself excludes every other holder of the translated tuple.
    ///
    /// `None` where one record may hide several uses (capture windows), or where lost lines could
    /// have joined two uses into one.
    pub proven: Option<Span>,
    /// Where it is written, in order of source and line.
    pub evidence: Vec<Evidence>,
}

/// The four endpoints of a translation: RFC 4787's external and internal side of one flow.
///
/// What a record leaves out is open: it answers for every value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Translation {
    /// The transport protocol; `None` is every one (a port block).
    pub protocol: Option<Protocol>,
    /// What our side was: a client behind a source NAT, or a server behind a destination NAT.
    pub role: Role,
    /// Our side as the world sees it.
    pub outside: Outside,
    /// The peer as the outside leg sees it; `None` is every one (a binding, a port block).
    pub remote: Option<Endpoint>,
    /// The endpoint that belongs to us; `None` if the flow ended at the gateway itself.
    pub inside: Option<Endpoint>,
    /// The peer as the inside leg sees it.
    pub inside_remote: Option<Endpoint>,
}

impl Translation {
    /// That of a client behind a source NAT which left the peer as it was.
    #[must_use]
    #[inline]
    pub fn of_source_nat(protocol: Protocol, outside: Endpoint, inside: Endpoint, remote: Endpoint) -> Self {
        Self {
            protocol: Some(protocol),
            role: Role::Client,
            outside: outside.into(),
            remote: Some(remote),
            inside: Some(inside),
            inside_remote: Some(remote),
        }
    }
}

/// What of the outside a record names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Outside {
    /// The address; `None` if the log leaves it out, as many balancers' logs do.
    pub ip: Option<IpAddr>,
    /// The port or ports.
    pub ports: Ports,
}

/// Which ports of an outside address a record is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ports {
    /// Whichever it was: the protocol has none, or the log leaves it out.
    Any,
    /// This one. The query id of ICMP stands here too.
    One(u16),
    /// A block given to one host, first and last port included (RFC 6888's bulk allocation).
    Block(u16, u16),
}

impl Outside {
    /// Whether this may be `ip` and `port`, as far as both know.
    #[must_use]
    pub fn answers(self, ip: Option<IpAddr>, port: Option<u16>) -> bool {
        (ip.is_none() || self.ip.is_none() || self.ip == ip) && port.is_none_or(|port| self.ports.hold(port))
    }

    /// The one port that it is about, if it is one.
    #[must_use]
    pub fn port(self) -> Option<u16> {
        match self.ports {
            Ports::One(port) => Some(port),
            Ports::Any | Ports::Block(..) => None,
        }
    }
}

impl From<Endpoint> for Outside {
    fn from(endpoint: Endpoint) -> Self {
        Self { ip: Some(endpoint.ip), ports: endpoint.port.map_or(Ports::Any, Ports::One) }
    }
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ip, self.ports) {
            (Some(ip), Ports::Any) => ip.fmt(f),
            (Some(ip), Ports::One(port)) => Endpoint { ip, port: Some(port) }.fmt(f),
            (Some(ip), Ports::Block(first, last)) => write!(f, "{ip} ports {first}-{last}"),
            (None, Ports::Any) => f.write_str("any address"),
            (None, Ports::One(port)) => write!(f, "port {port}"),
            (None, Ports::Block(first, last)) => write!(f, "ports {first}-{last}"),
        }
    }
}

impl Ports {
    /// Whether `port` may be among them.
    #[must_use]
    pub const fn hold(self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::One(one) => one == port,
            Self::Block(first, last) => first <= port && port <= last,
        }
    }
}

/// A line of a log that proves something.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Evidence {
    /// Which log.
    pub log: LogIx,
    /// Which file of it; a log may have been rotated into several.
    pub file: u32,
    /// Which line, from 1; in a binary log the offset of the record's first byte, before compression.
    pub line: u64,
    /// The line itself, or a binary record in readable form, cut at 4 KiB.
    pub record: Arc<str>,
}

impl Session {
    /// From the earliest to the latest moment that one of its packets could have passed.
    #[must_use]
    pub fn reach(&self) -> Span {
        Span::between(self.start.from(), self.end.to())
    }

    /// The log that shows it; every session has at least one line of evidence.
    #[must_use]
    pub fn log(&self) -> Option<LogIx> {
        self.evidence.first().map(|evidence| evidence.log)
    }

    /// Whether it has the same gateway and the same translated tuple.
    #[must_use]
    pub fn same_tuple(&self, other: &Self) -> bool {
        let key = |s: &Self| (s.gateway, s.translation.protocol, s.translation.outside, s.translation.remote);
        key(self) == key(other)
    }

    /// Whether its tuple has one holder at a time: a NAT's whole five-tuple, or a block of ports.
    ///
    /// Without a port or query id several hosts may share it, without a peer a port may be in use
    /// towards others too, and a balancer's client may have several requests under way.
    #[must_use]
    pub fn is_exclusive(&self) -> bool {
        let Translation { outside, remote, .. } = self.translation;
        let whole = match outside.ports {
            Ports::Any => false,
            Ports::One(_) => remote.is_some(),
            Ports::Block(..) => true,
        };
        whole && outside.ip.is_some() && self.request.is_none()
    }
}
