//! A translator: one table, and the one law that makes tracing possible at all.
//!
//! Invariant: at no moment do two live entries have one translated tuple. What a log makes of the
//! table is another file's business.

use super::plan::{FOREVER, GatewayPlan, Us};
use std::net::IpAddr;
use unmasq_model::{Endpoint, Protocol, Role, Translation};

/// What a packet means to a translator's state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Opens a connection.
    Open,
    /// Belongs to an established one.
    Data,
    /// Closes it.
    Close,
    /// Has no connection: a datagram or an echo.
    Datagram,
}

/// What a translator truly does with a flow: everything about it is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Mapping {
    /// The transport protocol.
    pub protocol: Protocol,
    /// What our side was.
    pub role: Role,
    /// Our endpoint as the world sees it.
    pub outside: Endpoint,
    /// The peer.
    pub remote: Endpoint,
    /// Who belongs to us; `None` for what the gateway kept for itself.
    pub inside: Option<Endpoint>,
    /// The peer as the inside sees it.
    pub inside_remote: Option<Endpoint>,
}

impl From<Mapping> for Translation {
    fn from(mapping: Mapping) -> Self {
        let Mapping { protocol, role, outside, remote, inside, inside_remote } = mapping;
        let (protocol, outside, remote) = (Some(protocol), outside.into(), Some(remote));
        Self { protocol, role, outside, remote, inside, inside_remote }
    }
}

/// One translation as it truly was.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What was translated into what.
    pub translation: Mapping,
    /// Each packet: when, what it meant, and how long the entry would then outlive it.
    pub packets: Vec<(Us, Kind, Us)>,
    /// The first moment at which the tuple was free again.
    pub stop: Us,
    /// Whether it was ended before its time.
    pub cut_short: bool,
}

impl Entry {
    /// When its first packet passed.
    #[must_use]
    pub fn start(&self) -> Us {
        self.packets[0].0
    }

    fn live(&self, at: Us) -> bool {
        at < self.stop
    }

    fn closing(&self) -> bool {
        self.packets.last().is_some_and(|(_, kind, _)| *kind == Kind::Close)
    }

    fn end_before(&mut self, at: Us) {
        self.stop = at;
        self.cut_short = true;
    }

    fn extend(&mut self, at: Us, kind: Kind, timeout: Us) {
        self.packets.push((at, kind, timeout));
        self.stop = at + timeout;
    }
}

/// A gateway's table, with everything that was ever in it.
#[derive(Clone, Debug)]
pub struct Nat {
    plan: GatewayPlan,
    /// In order of start.
    pub entries: Vec<Entry>,
}

impl Nat {
    /// An empty table.
    #[must_use]
    pub fn new(plan: GatewayPlan) -> Self {
        Self { plan, entries: Vec::new() }
    }

    /// A packet from `inside` to `remote`: the outside endpoint that it gets, or `None` if it is dropped.
    pub fn outward(
        &mut self,
        at: Us,
        protocol: Protocol,
        inside: Endpoint,
        remote: Endpoint,
        kind: Kind,
    ) -> Option<Endpoint> {
        let timeout = self.timeout(kind);
        if let Some(place) = self.entry_of(at, protocol, inside, remote) {
            let entry = &mut self.entries[place];
            if kind == Kind::Open && entry.closing() {
                // A new connection over a closed one: the old entry goes, and its port with it.
                entry.end_before(at);
            } else if !self.holds(self.entries[place].translation.outside.ip, at) {
                return None;
            } else {
                self.entries[place].extend(at, kind, timeout);
                return Some(self.entries[place].translation.outside);
            }
        }
        let outside = self.allocate(at, protocol, inside, remote)?;
        let translation = Mapping {
            protocol,
            role: Role::Client,
            outside,
            remote,
            inside: Some(inside),
            inside_remote: Some(remote),
        };
        self.begin(translation, at, kind, timeout);
        Some(outside)
    }

    /// A packet of the gateway's own from `outside` to `remote`: false if a translation has that tuple.
    pub fn own(
        &mut self,
        at: Us,
        protocol: Protocol,
        outside: Endpoint,
        remote: Endpoint,
        kind: Kind,
    ) -> bool {
        let timeout = self.timeout(kind);
        if let Some(place) = self.holder(at, protocol, outside, remote) {
            let entry = &mut self.entries[place];
            let own = entry.translation.inside.is_none();
            if own {
                entry.extend(at, kind, timeout);
            }
            return own;
        }
        let role = Role::Client;
        let translation = Mapping { protocol, role, outside, remote, inside: None, inside_remote: None };
        self.begin(translation, at, kind, timeout);
        true
    }

    /// A packet from `remote` to `outside`: who gets it. `None` in the entry is the gateway itself;
    /// no entry at all means that the gateway was not there.
    pub fn inward(
        &mut self,
        at: Us,
        protocol: Protocol,
        outside: Endpoint,
        remote: Endpoint,
        kind: Kind,
    ) -> Option<Option<Endpoint>> {
        if !self.holds(outside.ip, at) {
            return None;
        }
        let timeout = self.timeout(kind);
        if let Some(place) = self.holder(at, protocol, outside, remote) {
            self.entries[place].extend(at, kind, timeout);
            return Some(self.entries[place].translation.inside);
        }
        let rule = self.plan.rules.iter().find(|r| r.outside == outside && r.from <= at && at <= r.to);
        let inside = rule.map(|rule| rule.inside);
        let inside_remote = inside.map(|_| remote);
        self.begin(
            Mapping { protocol, role: Role::Server, outside, remote, inside, inside_remote },
            at,
            kind,
            timeout,
        );
        Some(inside)
    }

    /// Whether a socket has a live entry towards `remote`.
    #[must_use]
    pub fn knows(&self, at: Us, protocol: Protocol, inside: Endpoint, remote: Endpoint) -> bool {
        self.entry_of(at, protocol, inside, remote).is_some()
    }

    /// Whether any entry ever had this outside endpoint and peer.
    #[must_use]
    pub fn ever(&self, outside: Endpoint, remote: Endpoint) -> bool {
        self.entries.iter().any(|e| e.translation.outside == outside && e.translation.remote == remote)
    }

    fn entry_of(&self, at: Us, protocol: Protocol, inside: Endpoint, remote: Endpoint) -> Option<usize> {
        self.entries.iter().rposition(|e| {
            let t = &e.translation;
            t.protocol == protocol && t.inside == Some(inside) && t.remote == remote && e.live(at)
        })
    }

    fn begin(&mut self, translation: Mapping, at: Us, kind: Kind, timeout: Us) {
        let packets = vec![(at, kind, timeout)];
        self.entries.push(Entry { translation, packets, stop: at + timeout, cut_short: false });
    }

    fn timeout(&self, kind: Kind) -> Us {
        let timeouts = &self.plan.timeouts;
        match kind {
            Kind::Open => timeouts.opening,
            Kind::Data => timeouts.established,
            Kind::Close => timeouts.closing,
            Kind::Datagram => timeouts.datagram,
        }
    }

    /// Whether it translates to an outside address at `at`.
    #[must_use]
    pub fn holds(&self, ip: IpAddr, at: Us) -> bool {
        self.plan
            .holds
            .iter()
            .any(|(held, from, to)| *held == ip && *from <= at && (at < *to || *to == FOREVER))
    }

    /// The live entry of a translated tuple: there is never a second.
    fn holder(&self, at: Us, protocol: Protocol, outside: Endpoint, remote: Endpoint) -> Option<usize> {
        self.entries.iter().position(|e| {
            let t = &e.translation;
            t.protocol == protocol && t.outside == outside && t.remote == remote && e.live(at)
        })
    }

    /// A free outside endpoint: the one that the socket has elsewhere, else the same port, else any.
    fn allocate(
        &mut self,
        at: Us,
        protocol: Protocol,
        inside: Endpoint,
        remote: Endpoint,
    ) -> Option<Endpoint> {
        let ip = self.plan.holds.iter().map(|(ip, _, _)| *ip).find(|ip| self.holds(*ip, at))?;
        let mapped = self.entries.iter().rev().find(|e| {
            let t = &e.translation;
            t.protocol == protocol && t.inside == Some(inside) && t.outside.ip == ip && e.live(at)
        });
        let mapped =
            mapped.filter(|_| self.plan.endpoint_independent).and_then(|e| e.translation.outside.port);
        let kept = inside.port.filter(|port| self.plan.ports.contains(port));
        let wanted: Vec<u16> = match mapped {
            Some(port) => vec![port],
            None => kept.into_iter().chain(self.plan.ports.iter().copied()).collect(),
        };
        let free = |nat: &Self, port: u16| {
            let outside = Endpoint::new(ip, Some(port));
            nat.holder(at, protocol, outside, remote).is_none().then_some(outside)
        };
        if let Some(outside) = wanted.iter().find_map(|&port| free(self, port)) {
            return Some(outside);
        }
        if !self.plan.drops_early {
            return None;
        }
        let closing = wanted.iter().find_map(|&port| {
            let outside = Endpoint::new(ip, Some(port));
            let place = self.holder(at, protocol, outside, remote)?;
            self.entries[place].closing().then_some((place, outside))
        });
        let (place, outside) = closing?;
        self.entries[place].end_before(at);
        Some(outside)
    }
}
