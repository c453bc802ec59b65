//! Sessions: one translation held by a NAT over an interval.

use crate::{Endpoint, GatewayIx, LogIx, Protocol, Realm, Role, Span};
use std::sync::Arc;

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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Translation {
    /// The transport protocol.
    pub protocol: Protocol,
    /// What our side was: a client behind a source NAT, or a server behind a destination NAT.
    pub role: Role,
    /// Our endpoint as the world sees it.
    pub outside: Endpoint,
    /// The peer as the outside leg sees it.
    pub remote: Endpoint,
    /// The endpoint that belongs to us; `None` if the flow ended at the gateway itself.
    pub inside: Option<Endpoint>,
    /// The peer as the inside leg sees it.
    pub inside_remote: Option<Endpoint>,
}

/// A line of a log that proves something.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Evidence {
    /// Which log.
    pub log: LogIx,
    /// Which file of it; a log may have been rotated into several.
    pub file: u32,
    /// Which line, from 1.
    pub line: u64,
    /// The line itself, cut at 4 KiB.
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

    /// Whether its tuple tells flows apart, so that it has one holder at a time. Without a port or
    /// query id, several hosts may share it.
    #[must_use]
    pub fn is_exclusive(&self) -> bool {
        self.translation.outside.port.is_some()
    }
}
