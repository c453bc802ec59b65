//! Which sessions the traces of many alerts may ask for.
//!
//! A batch that holds its alerts streams logs of any size past them: what no trace can ask for need not
//! be kept. A sieve knows by what keys and times [`trace`](crate::trace()) asks, and nothing of what
//! it concludes; it may keep too much, never too little.
//!
//! Sketch: an alert is one key of 16 bytes, and one for each of its ends. Almost every record of a log concerns no
//! alert and is told so by one word of a table. Where that is larger than a core's cache, to wait for the word
//! takes longer than all else; so many records are asked about together, and wait together.

mod keys;

use crate::balance;
use foldhash::fast::FixedState;
pub(crate) use keys::{Bits, key_of, key_of_ip, seconds};
use keys::{Keys, key_of_flow, key_of_plain_flow};
use std::{
    collections::{BTreeMap, HashSet},
    iter,
    net::{IpAddr, SocketAddrV4},
    time::Duration,
};
use unmasq_model::{
    End, Endpoint, Outside, PerEnd, Ports, Protocol, Question, Request, RequestsQuestion, SessionsQuestion,
    Site, Span, Translation, is_public,
};

/// How far around an alert records may matter, over all logs that will be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Margins {
    /// The widest clock bound.
    pub clock_bound: Duration,
    /// How far apart records of one session may be, as [`Site::asked_about`] asks.
    pub silence: Duration,
    /// Whether any of them is a balancer's.
    pub balancers: bool,
}

/// What traces may ask for, while it is gathered: alerts first, later what their traces asked.
#[derive(Clone, Debug)]
pub struct Wants {
    margins: Margins,
    /// By which other names logs know an outside address.
    aliases: BTreeMap<IpAddr, Vec<IpAddr>>,
    /// Translated five-tuples, whichever end is ours.
    flows: Keys,
    /// Five-tuples without our address: a log may know it by another name.
    renamed: Keys,
    /// The same where our address is public, so that no other public one can stand for it.
    renamed_public: Keys,
    /// Our addresses, where a port or the peer is not known.
    hosts: Keys,
    /// Every address, at any time: for records that lack a part of the key.
    addresses: HashSet<u64, FixedState>,
    /// Addresses of a balancer's clients.
    clients: Keys,
    /// When anything that a balancer carried for a client without an address may be asked for, …
    moments: Keys,
    /// … and when for whatever client.
    all_clients: Keys,
}

/// Tells which records traces may ask for.
#[derive(Debug)]
pub struct Sieve(Option<Wants>);

/// What a sieve looks at of a plain session of a source NAT that left the peer as it was.
#[derive(Clone, Copy, Debug)]
pub struct Plain {
    /// Between ports of which protocol it is.
    pub protocol: Protocol,
    /// Our endpoint as the world saw it.
    pub outside: SocketAddrV4,
    /// Our endpoint.
    pub inside: SocketAddrV4,
    /// The peer.
    pub remote: SocketAddrV4,
    /// When its packets passed.
    pub reach: Span,
}

impl Plain {
    fn flow(&self) -> u64 {
        key_of_plain_flow(self.protocol, self.outside, self.remote)
    }

    fn may_stand_for_public(&self) -> bool {
        may_stand_for_public((*self.outside.ip()).into(), Some((*self.inside.ip()).into()))
    }
}

impl Wants {
    /// Nothing, at this site.
    #[must_use]
    pub fn nothing(site: &Site, margins: Margins) -> Self {
        let mut aliases: BTreeMap<IpAddr, Vec<IpAddr>> = BTreeMap::new();
        for alias in site.gateways.iter().flat_map(|gateway| &gateway.aliases) {
            let known = aliases.entry(alias.outside).or_default();
            if !known.contains(&alias.logged) {
                known.push(alias.logged);
            }
        }
        Self {
            margins,
            aliases,
            flows: Keys::default(),
            renamed: Keys::default(),
            renamed_public: Keys::default(),
            hosts: Keys::default(),
            addresses: HashSet::with_hasher(FixedState::with_seed(1)),
            clients: Keys::default(),
            moments: Keys::default(),
            all_clients: Keys::default(),
        }
    }

    /// Adds everything that the trace of an alert may ask about its own two ends.
    pub fn add(&mut self, protocol: Protocol, ends: PerEnd<Endpoint>, at: Span) {
        let seen = at.widened(self.margins.clock_bound);
        let during = seen.widened(self.margins.silence);
        let is_flow = self.flow(protocol, ends.src, ends.dest, during);
        for end in End::BOTH {
            let (ours, remote) = (ends[end], ends[end.other()]);
            if is_flow {
                self.addresses.insert(keys::key_of_ip(ours.ip));
            } else {
                self.host(ours.ip, during);
            }
            for ip in self.aliases.get(&ours.ip).cloned().unwrap_or_default() {
                self.asked(protocol, Endpoint { ip, ..ours }, Some(remote), during);
            }
            if let (true, Some(port), Some(_)) = (protocol.has_ports(), ours.port, remote.port) {
                let keys = if is_public(ours.ip) { &mut self.renamed_public } else { &mut self.renamed };
                keys.add(key_of(protocol, port, remote), seen);
            }
            self.requests(Some(remote), seen.widened(balance::IDLE));
        }
    }

    /// Adds what a trace asked that was not known.
    pub fn ask(&mut self, question: &Question) {
        match question {
            Question::Sessions(SessionsQuestion { protocol, outside, remote, during, .. }) => {
                match (outside, protocol, remote) {
                    ((Some(ip), port), Some(protocol), _) => {
                        self.asked(*protocol, Endpoint { ip: *ip, port: *port }, *remote, *during);
                    }
                    ((None, Some(port)), Some(protocol), Some(remote)) if remote.port.is_some() => {
                        self.renamed.add(key_of(*protocol, *port, *remote), *during);
                    }
                    _ => {
                        let hosts = [outside.0, remote.map(|remote| remote.ip)];
                        hosts.into_iter().flatten().for_each(|ip| self.host(ip, *during));
                    }
                }
            }
            Question::Requests(RequestsQuestion { client, during, .. }) => self.requests(*client, *during),
            // Logs of sessions do not answer these.
            Question::Holders(_) | Question::Sockets(_) => {}
        }
    }

    /// Adds what another gathered.
    pub fn append(&mut self, other: Self) {
        self.flows.append(other.flows);
        self.renamed.append(other.renamed);
        self.renamed_public.append(other.renamed_public);
        self.hosts.append(other.hosts);
        self.addresses.extend(other.addresses);
        self.clients.append(other.clients);
        self.moments.append(other.moments);
        self.all_clients.append(other.all_clients);
    }

    fn asked(&mut self, protocol: Protocol, ours: Endpoint, remote: Option<Endpoint>, during: Span) {
        if remote.is_some_and(|remote| self.flow(protocol, ours, remote, during)) {
            self.addresses.insert(keys::key_of_ip(ours.ip));
        } else {
            self.host(ours.ip, during);
        }
    }

    /// Adds a whole five-tuple; `false` if it is none.
    fn flow(&mut self, protocol: Protocol, one: Endpoint, other: Endpoint, during: Span) -> bool {
        let is_whole = protocol.has_ports() && one.port.is_some() && other.port.is_some();
        if is_whole {
            self.flows.add(key_of_flow(protocol, one, other), during);
        }
        is_whole
    }

    fn host(&mut self, ip: IpAddr, during: Span) {
        self.hosts.add(keys::key_of_ip(ip), during);
        self.addresses.insert(keys::key_of_ip(ip));
    }

    fn requests(&mut self, client: Option<Endpoint>, during: Span) {
        if !self.margins.balancers {
            return;
        }
        match client {
            Some(client) => self.clients.add(keys::key_of_ip(client.ip), during),
            None => self.all_clients.add(0, during),
        }
        self.moments.add(0, during);
    }
}

impl Sieve {
    /// One that keeps everything.
    #[must_use]
    pub const fn open() -> Self {
        Self(None)
    }

    /// Whether it keeps everything.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Whether it keeps all that answers a question.
    #[must_use]
    pub fn covers(&self, question: &Question) -> bool {
        let Some(wants) = &self.0 else { return true };
        match question {
            Question::Sessions(SessionsQuestion { protocol, outside, remote, during, .. }) => {
                match (outside, protocol, remote.filter(|remote| remote.port.is_some())) {
                    ((Some(ip), Some(port)), Some(protocol), Some(remote)) if protocol.has_ports() => {
                        let ours = Endpoint::new(*ip, Some(*port));
                        wants.flows.cover(key_of_flow(*protocol, ours, remote), *during)
                    }
                    ((None, Some(port)), Some(protocol), Some(remote)) => {
                        let key = key_of(*protocol, *port, remote);
                        wants.renamed.cover(key, *during) || wants.renamed_public.cover(key, *during)
                    }
                    ((Some(ip), _), ..) => wants.hosts.cover(keys::key_of_ip(*ip), *during),
                    ((None, _), ..) => {
                        remote.is_none_or(|remote| wants.hosts.cover(keys::key_of_ip(remote.ip), *during))
                    }
                }
            }
            Question::Requests(RequestsQuestion { client, during, .. }) => match client {
                _ if !wants.margins.balancers => true,
                Some(client) => wants.clients.cover(keys::key_of_ip(client.ip), *during),
                None => wants.all_clients.cover(0, *during),
            },
            Question::Holders(_) | Question::Sockets(_) => true,
        }
    }

    /// What it keeps, so that more can be added; nothing in particular if it keeps everything.
    #[must_use]
    pub fn into_wants(self) -> Option<Wants> {
        self.0
    }

    /// One that keeps what is wanted.
    #[must_use]
    pub fn of(mut wants: Wants) -> Self {
        let Wants { flows, renamed, renamed_public, hosts, clients, moments, all_clients, .. } = &mut wants;
        for keys in [flows, renamed, renamed_public, hosts, clients, moments, all_clients] {
            keys.seal();
        }
        Self(Some(wants))
    }

    /// Whether a trace may ask for a record of this translation.
    ///
    /// `reach` is the span in which its packets passed, where every record of its log tells when its session
    /// began and ended; `None` where any record of the same translation may bound another.
    #[must_use]
    pub fn keeps(&self, translation: &Translation, request: Option<&Request>, reach: Option<Span>) -> bool {
        let Some(wants) = &self.0 else { return true };
        let reach = reach.unwrap_or(Span::ALWAYS);
        match request {
            Some(request) => wants.request(translation, request, reach),
            None => wants.translation(translation, reach),
        }
    }

    /// Says the same of many plain sessions together: gives the place of each that is kept to `kept`, in order.
    ///
    /// Nearly all records of a large log end here, so this looks at no more than it must.
    pub fn sift(&self, sessions: &[Plain], mut kept: impl FnMut(usize)) {
        let Some(wants) = &self.0 else { return (0..sessions.len()).for_each(kept) };
        const TOGETHER: usize = u64::BITS as usize;
        for (from, sessions) in (0..).step_by(TOGETHER).zip(sessions.chunks(TOGETHER)) {
            // Nothing here depends on what was found before, so that all wait for memory at once.
            let may_be = |(at, plain)| u64::from(wants.may_keep(plain)) << at;
            let may_be = (0_u32..).zip(sessions).map(may_be).fold(0, |all, bit| all | bit);
            wants.flows.bring_near(places(may_be).map(|at| sessions[at].flow()));
            places(may_be).filter(|at| wants.plain(&sessions[*at])).for_each(|at| kept(from + at));
        }
    }

    /// Whether a trace may ask for a record of any of these addresses, at whatever time: where some records
    /// of a session do not say what was translated, all that may explain them must be there.
    #[must_use]
    pub fn keeps_addresses(&self, translation: &Translation) -> bool {
        let Some(wants) = &self.0 else { return true };
        let Translation { outside, inside, remote, .. } = *translation;
        let told = [outside.ip, inside.map(|inside| inside.ip), remote.map(|remote| remote.ip)];
        told.into_iter().flatten().any(|ip| wants.addresses.contains(&keys::key_of_ip(ip)))
    }
}

impl Wants {
    fn translation(&self, translation: &Translation, reach: Span) -> bool {
        let Translation { protocol, outside, remote, inside, .. } = *translation;
        match (protocol, outside, remote.filter(|remote| remote.port.is_some())) {
            (Some(protocol), Outside { ip: Some(ip), ports: Ports::One(port) }, Some(remote)) => {
                let inside = inside.map(|inside| inside.ip);
                self.tuple(protocol, Endpoint::new(ip, Some(port)), remote, inside, reach)
            }
            // It answers for more than one key.
            _ => outside.ip.is_none_or(|ip| self.addresses.contains(&keys::key_of_ip(ip))),
        }
    }

    /// Whether a plain session may be kept; of three in a hundred that are not, this says so as well.
    #[inline]
    fn may_keep(&self, plain: &Plain) -> bool {
        // What there is nothing of need not be sought.
        let of_host =
            !self.hosts.is_empty() && self.hosts.may_have(keys::key_of_ip((*plain.outside.ip()).into()));
        let of_renamed = !self.renamed.is_empty();
        let of_public = !self.renamed_public.is_empty() && plain.may_stand_for_public();
        let renamed = (of_renamed || of_public) && {
            let key = key_of(plain.protocol, plain.outside.port(), endpoint(plain.remote));
            (of_renamed && self.renamed.may_have(key)) | (of_public && self.renamed_public.may_have(key))
        };
        of_host | renamed | self.flows.may_have(plain.flow())
    }

    /// Whether it is kept.
    fn plain(&self, plain: &Plain) -> bool {
        let Plain { protocol, outside, inside, remote, reach } = *plain;
        self.tuple(protocol, endpoint(outside), endpoint(remote), Some(endpoint(inside).ip), reach)
    }

    fn tuple(
        &self,
        protocol: Protocol,
        outside: Endpoint,
        remote: Endpoint,
        inside: Option<IpAddr>,
        reach: Span,
    ) -> bool {
        let renamed = || key_of(protocol, outside.port.unwrap_or_default(), remote);
        self.flows.touch(key_of_flow(protocol, outside, remote), reach)
            || self.hosts.touch(keys::key_of_ip(outside.ip), reach)
            || self.renamed.touch(renamed(), reach)
            || (may_stand_for_public(outside.ip, inside) && self.renamed_public.touch(renamed(), reach))
    }

    fn request(&self, translation: &Translation, request: &Request, reach: Span) -> bool {
        self.all_clients.touch(0, reach)
            || match translation.remote.filter(|_| !request.client_claimed) {
                Some(client) => self.clients.touch(keys::key_of_ip(client.ip), reach),
                None => self.moments.touch(0, reach),
            }
    }
}

/// Which bits are set.
fn places(bits: u64) -> impl Iterator<Item = usize> + Clone {
    let rest = iter::successors(Some(bits), |bits| Some(bits & bits.wrapping_sub(1)));
    rest.take_while(|bits| *bits != 0).map(|bits| bits.trailing_zeros() as usize)
}

/// Whether a log may call a public address of ours by this one.
#[inline]
fn may_stand_for_public(outside: IpAddr, inside: Option<IpAddr>) -> bool {
    !is_public(outside) || inside.is_some_and(is_public)
}

#[inline]
fn endpoint(at: SocketAddrV4) -> Endpoint {
    Endpoint { ip: (*at.ip()).into(), port: Some(at.port()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unmasq_model::LogTime;

    fn socket() -> impl Strategy<Value = SocketAddrV4> {
        let ip = prop::sample::select(vec![[198, 51, 100, 1], [203, 0, 113, 1], [10, 0, 0, 1]]);
        (ip, 1..4_u16).prop_map(|(ip, port)| SocketAddrV4::new(ip.into(), port))
    }

    proptest! {
        #[test]
        fn plain_sessions_are_kept_as_any_others(
            alerts in prop::collection::vec((socket(), socket(), 0..100_i64, prop::bool::weighted(0.1)), 0..4),
            sessions in prop::collection::vec(([socket(), socket(), socket()], 0..100_i64, 0..20_i64), 0..150),
        ) {
            let span = |from, length| {
                let at = |seconds| LogTime::from_unix_seconds(1_000_000 + seconds).unwrap();
                Span::between(at(from), at(from + length))
            };
            let margins = Margins {
                clock_bound: Duration::from_secs(1),
                silence: Duration::from_secs(5),
                balancers: false,
            };
            let mut wants = Wants::nothing(&Site::undeclared(), margins);
            for (src, dest, at, without_ports) in alerts {
                let protocol = if without_ports { Protocol::ICMP } else { Protocol::TCP };
                let ends = PerEnd { src: endpoint(src), dest: endpoint(dest) };
                wants.add(protocol, ends, span(at, 0));
            }
            let sieve = Sieve::of(wants);
            let plain = |([outside, inside, remote], from, length): ([_; 3], _, _)| {
                Plain { protocol: Protocol::TCP, outside, inside, remote, reach: span(from, length) }
            };
            let sessions: Vec<Plain> = sessions.into_iter().map(plain).collect();
            let keeps = |plain: &Plain| {
                let [outside, inside, remote] = [plain.outside, plain.inside, plain.remote].map(endpoint);
                let translation = Translation::of_source_nat(plain.protocol, outside, inside, remote);
                sieve.keeps(&translation, None, Some(plain.reach))
            };
            let any = (0..).zip(&sessions).filter(|(_, plain)| keeps(plain)).map(|(place, _)| place);
            let mut kept = Vec::new();
            sieve.sift(&sessions, |place| kept.push(place));
            prop_assert_eq!(kept, any.collect::<Vec<_>>());
        }
    }
}
