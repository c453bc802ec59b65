//! The way from a shared address to what is behind it: gateway after gateway.

use crate::{
    SiteMap,
    absence::{Absence, Rule},
    balance::{self, Shown},
    crossing::{Candidate, Crossing, Leg, cross, distinct, take_hidden, translators_settled},
    known::Inquiry,
};
use std::{fmt, sync::Arc};
use unmasq_model::{
    Certainty, Endpoint, LogTime, Realm, Reason, Role, Span, Try,
    trace::{Held, Hop, Place, Proof, SessionSpan},
};

/// More gateways in a row than any site has.
const HOPS_MAX: usize = 8;

/// More lines than anybody reads; a session in this many windows is proven by the first of them.
const EVIDENCE_LISTED: usize = 32;

/// One way from the outside to an inside endpoint.
#[derive(Clone)]
pub(crate) struct Way {
    /// The gateways crossed, from the outside to the inside.
    pub(crate) hops: Vec<Hop>,
    /// Where it ends.
    pub(crate) place: Place,
    /// The peer as the last leg sees it.
    pub(crate) remote: Option<Endpoint>,
    /// How it ends.
    pub(crate) stop: Stop,
    /// As sure as its weakest hop.
    pub(crate) certainty: Certainty,
    /// What our end was in the flow.
    pub(crate) role: Role,
    /// When the innermost session was there, by the sensor's clock.
    pub(crate) reach: Span,
    /// Why there was a choice on the way, if there was.
    pub(crate) split: Option<Reason>,
    /// Whether every record that could tell of another way should have arrived.
    pub(crate) settled: bool,
    /// The backends that a balancer on the way tried with the request, if one did, and the realm they are in.
    pub(crate) tries: Option<(Realm, Vec<Try>)>,
    /// Whether several ports of one place were put together: it was one of them.
    pub(crate) ports_differ: bool,
    /// Why this way remains, for a person.
    pub(crate) why: Why,
}

/// Why a way remains; put into words only where several do.
#[derive(Clone, Debug)]
pub(crate) enum Why {
    /// A session from when to when, and where in it the alert lies.
    Session { start: LogTime, end: LogTime, place: &'static str },
    /// A rule by this name says so.
    Rule { path: Arc<str>, of: Endpoint },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { path, of } => write!(f, "the rule {path} says so of {of}"),
            Self::Session { start, end, place } => {
                f.write_str("its session was there ")?;
                match (start.finite(), end.finite()) {
                    (Some(start), Some(end)) => write!(f, "from {start} to {end}"),
                    (Some(start), None) => write!(f, "from {start} on; nobody saw it end"),
                    (None, Some(end)) => write!(f, "until {end}; nobody saw it begin"),
                    (None, None) => f.write_str("at some time; nobody saw it begin or end"),
                }?;
                write!(f, "; {place}")
            }
        }
    }
}

/// How a way ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// At an address that is not shared.
    Arrived,
    /// At the gateway itself: nothing is behind.
    Ended,
    /// At a shared address that could not be resolved.
    Stuck(Reason),
}

/// Where the ways from a shared address lead.
pub(crate) enum Ways<'k> {
    /// It is not shared.
    Unmasked,
    /// These remain.
    Remain(Vec<Way>),
    /// Nothing is known; `matched` are sessions that match in all but the outside address.
    Nothing { reason: Reason, matched: Vec<Candidate<'k>> },
}

/// Where the ways lead that begin at balancers whose addresses nobody declared, if `leg` is about
/// something that they carried. `None`: ask first.
pub(crate) fn undeclared<'k>(leg: &Leg<'_>, inquiry: &Inquiry<'_, '_, 'k>) -> Option<Ways<'k>> {
    let site = inquiry.site();
    let gateways = balance::undeclared(site, leg);
    if gateways.is_empty() {
        return Some(Ways::Unmasked);
    }
    let found: Vec<Option<Shown<'_>>> =
        gateways.iter().map(|&gateway| balance::touching(leg, gateway, inquiry)).collect();
    let found: Vec<Shown<'_>> = found.into_iter().collect::<Option<_>>()?;
    let tied = found.into_iter().filter(|shown| shown.stays.iter().any(|stay| balance::ties(leg, stay)));
    let mut stays: Vec<_> = tied.flat_map(|shown| shown.stays).collect();
    let hidden = take_hidden(leg, inquiry, &mut stays);
    let candidates = distinct(site, leg, stays);
    if hidden.iter().any(|stay| !candidates.iter().any(|candidate| candidate.is_of(site, stay))) {
        return Some(Ways::Nothing { reason: Reason::SwitchedOff, matched: Vec::new() });
    }
    if candidates.is_empty() {
        return Some(Ways::Unmasked);
    }
    if site.declared {
        return Some(Ways::Nothing { reason: Reason::AliasUnknown, matched: candidates.into_vec() });
    }
    let settled =
        gateways.iter().all(|&gateway| site.is_settled(gateway, balance::told_of(site, gateway, leg)));
    let split = (candidates.len() > 1).then_some(Reason::SameRequest);
    let steps = candidates.iter().map(|candidate| Way::by_session(site, leg, candidate, split, settled));
    all_onward(leg, steps, inquiry, &mut Vec::new())
}

/// Follows `leg` inwards. `None`: ask first.
pub(crate) fn ways<'k>(leg: &Leg<'_>, inquiry: &Inquiry<'_, '_, 'k>) -> Option<Ways<'k>> {
    follow(leg, inquiry, &mut Vec::new())
}

fn follow<'k>(leg: &Leg<'_>, inquiry: &Inquiry<'_, '_, 'k>, trail: &mut Vec<Place>) -> Option<Ways<'k>> {
    let site = inquiry.site();
    match cross(leg, inquiry)? {
        Crossing::Unmasked => Some(Ways::Unmasked),
        Crossing::Absent(Absence::Nothing { reason, matched }) => Some(Ways::Nothing { reason, matched }),
        Crossing::Absent(Absence::Rules(rules)) => {
            let steps = rules.iter().map(|rule| Way::by_rule(site, leg, rule, rules.len()));
            all_onward(leg, steps, inquiry, trail)
        }
        Crossing::Remain { ref candidates, split, settled } => {
            let steps =
                candidates.iter().map(|candidate| Way::by_session(site, leg, candidate, split, settled));
            all_onward(leg, steps, inquiry, trail)
        }
    }
}

/// Follows every step before giving up, so that all questions are asked at once.
fn all_onward<'k>(
    leg: &Leg<'_>,
    steps: impl Iterator<Item = Way>,
    inquiry: &Inquiry<'_, '_, 'k>,
    trail: &mut Vec<Place>,
) -> Option<Ways<'k>> {
    let (mut ways, mut waiting) = (Vec::with_capacity(steps.size_hint().0), false);
    for mut way in steps {
        match onward(leg, &mut way, inquiry, trail) {
            None => waiting = true,
            Some(inner) if inner.is_empty() => ways.push(way),
            Some(inner) => ways.extend(inner.into_iter().map(|inner| joined(&way, inner))),
        }
    }
    (!waiting).then_some(Ways::Remain(ways))
}

impl Way {
    /// Over one gateway, before asking what lies further inside.
    fn by_session(
        site: &SiteMap,
        leg: &Leg<'_>,
        candidate: &Candidate<'_>,
        split: Option<Reason>,
        settled: bool,
    ) -> Self {
        let outside = Place::new(
            leg.realm.clone(),
            Endpoint { ip: leg.ours.ip, port: candidate.outside.port().or(leg.ours.port) },
        );
        let inside = candidate.inside.map(|inside| Place::new(candidate.realm.clone(), inside));
        let peer = |at: Endpoint| Place::new(peer_realm(leg, &candidate.realm, at).clone(), at);
        let (mut start, mut end) = (LogTime::FOREVER, LogTime::BEGINNING);
        for record in candidate.stays.iter().flat_map(|stay| &stay.records) {
            (start, end) = (start.min(record.start.to()), end.max(record.end.to()));
        }
        let gateway = site.gateway(candidate.gateway);
        let hop = Hop {
            gateway: gateway.name.clone(),
            kind: gateway.kind,
            account: gateway.account.clone(),
            region: gateway.region.clone(),
            outside: outside.clone(),
            remote: candidate.remote.or(leg.remote).map(|at| Place::new(leg.peer_realm.clone(), at)),
            inside: inside.clone(),
            inside_remote: candidate.inside_remote.map(peer),
            session: Some(SessionSpan { start, end }),
            evidence: evidence(site, candidate),
        };
        let stop = match (&inside, candidate.tries) {
            (Some(_), _) => Stop::Arrived,
            // It was not translated: it ended at the gateway, which may be a machine of ours that spoke.
            (None, []) => {
                if gateway.instance.is_some() {
                    Stop::Arrived
                } else {
                    Stop::Ended
                }
            }
            // There was a server, but nothing says where.
            (None, _) => Stop::Stuck(Reason::NoInnerRecord),
        };
        Self {
            hops: vec![hop],
            stop,
            tries: (!candidate.tries.is_empty()).then(|| (candidate.realm.clone(), candidate.tries.to_vec())),
            place: inside.unwrap_or(outside),
            remote: candidate.inside_remote,
            certainty: candidate.certainty,
            role: candidate.role,
            reach: candidate.stays.iter().map(|stay| stay.reach()).reduce(Span::hull).unwrap_or(leg.at),
            split,
            settled,
            ports_differ: false,
            why: why(candidate, leg, start, end),
        }
    }

    /// The same by a rule.
    fn by_rule(site: &SiteMap, leg: &Leg<'_>, rule: &Rule<'_>, rules: usize) -> Self {
        let facts = site.gateway(rule.gateway);
        let place = Place::new(facts.inside_realm.clone(), rule.inside);
        let peer = leg.remote.map(|remote| Place::new(leg.peer_realm.clone(), remote));
        let valid = Held { from: rule.held.from(), to: rule.held.to() };
        let hop = Hop {
            gateway: facts.name.clone(),
            kind: facts.kind,
            account: facts.account.clone(),
            region: facts.region.clone(),
            outside: Place::new(leg.realm.clone(), leg.ours),
            remote: peer.clone(),
            inside: Some(place.clone()),
            inside_remote: peer,
            session: None,
            evidence: vec![Proof::Rule {
                inventory: rule.inventory.clone(),
                path: Arc::clone(rule.path),
                valid,
            }],
        };
        Self {
            hops: vec![hop],
            place,
            remote: leg.remote,
            stop: Stop::Arrived,
            tries: None,
            certainty: rule.certainty,
            role: rule.role,
            reach: leg.at,
            split: (rules > 1).then_some(Reason::ClockBound),
            // A record that is still due would speak louder than the rule.
            settled: translators_settled(site, leg),
            ports_differ: false,
            why: Why::Rule { path: Arc::clone(rule.path), of: leg.ours },
        }
    }
}

/// Asks again from the inside endpoint of a way over one gateway, in its realm. Where that leads; nowhere,
/// if the way ends there. `None`: ask first.
fn onward<'k>(
    leg: &Leg<'_>,
    way: &mut Way,
    inquiry: &Inquiry<'_, '_, 'k>,
    trail: &mut Vec<Place>,
) -> Option<Vec<Way>> {
    let nowhere = Some(Vec::new());
    if way.hops.last().is_none_or(|hop| hop.inside.is_none()) {
        return nowhere;
    }
    // What is not shared ends the way here, without asking; nearly always that is so.
    let shared = inquiry.site().is_shared(&way.place.realm, way.place.ip, leg.at);
    if !shared && trail.is_empty() && way.place.endpoint() != leg.ours {
        return nowhere;
    }
    if trail.contains(&way.place) || (way.place.realm == *leg.realm && way.place.endpoint() == leg.ours) {
        way.stop = Stop::Stuck(Reason::Loop);
        return nowhere;
    }
    if trail.len() + 1 >= HOPS_MAX {
        way.stop = Stop::Stuck(Reason::TooDeep);
        return nowhere;
    }
    let inner = Leg {
        realm: &way.place.realm,
        peer_realm: way.remote.map_or(leg.peer_realm, |at| peer_realm(leg, &way.place.realm, at)),
        ours: way.place.endpoint(),
        remote: way.remote,
        opened_by_us: match way.role {
            Role::Client => Some(true),
            Role::Server => Some(false),
            Role::Unknown => leg.opened_by_us,
        },
        ..*leg
    };
    trail.push(way.place.clone());
    let further = follow(&inner, inquiry, trail);
    trail.pop();
    match further? {
        Ways::Remain(inner) => return Some(inner),
        Ways::Unmasked => {}
        Ways::Nothing { reason: reason @ (Reason::GatewayNotConnected | Reason::SwitchedOff), .. } => {
            way.stop = Stop::Stuck(reason);
        }
        Ways::Nothing { reason, .. } => {
            way.stop = Stop::Stuck(Reason::NoInnerRecord);
            way.settled &= reason != Reason::AfterCoverage;
        }
    }
    nowhere
}

/// The realm that the peer of the inside leg is meant in: unless the gateway translated it too, it is
/// the peer that the outside leg shows.
fn peer_realm<'r>(leg: &Leg<'r>, inside: &'r Realm, peer: Endpoint) -> &'r Realm {
    if leg.remote.is_none_or(|remote| remote.ip == peer.ip) { leg.peer_realm } else { inside }
}

fn joined(outer: &Way, inner: Way) -> Way {
    let mut hops = outer.hops.clone();
    hops.extend(inner.hops);
    Way {
        hops,
        certainty: outer.certainty.min(inner.certainty),
        role: outer.role,
        split: outer.split.or(inner.split),
        settled: outer.settled && inner.settled,
        ports_differ: inner.ports_differ,
        tries: inner.tries.or_else(|| outer.tries.clone()),
        why: if outer.split.is_some() { outer.why.clone() } else { inner.why },
        ..inner
    }
}

impl Way {
    /// Takes in another way to the same place: both prove it.
    pub(crate) fn absorb(&mut self, other: &Self) {
        let told = |place: &Place| place.port.is_some();
        self.ports_differ |= other.ports_differ
            || (told(&self.place) && told(&other.place) && self.place.port != other.place.port);
        let differ = self.ports_differ;
        // A log that tells no port agrees with one that does; two ports are none.
        let common = |a: &mut Option<u16>, b: Option<u16>| {
            *a = match (*a, b) {
                _ if differ => None,
                (Some(one), Some(other)) => Some(one).filter(|_| one == other),
                (one, other) => one.or(other),
            };
        };
        common(&mut self.place.port, other.place.port);
        // Where one may lead further than the other, no more than the weaker is known.
        if self.stop == other.stop {
            self.certainty = self.certainty.max(other.certainty);
        } else {
            self.certainty = self.certainty.min(other.certainty);
            self.stop = if matches!(self.stop, Stop::Stuck(_)) { self.stop } else { other.stop };
        }
        self.settled &= other.settled;
        let count = |way: &Self| way.tries.as_ref().map_or(0, |(_, tries)| tries.len());
        if count(other) > count(self) {
            self.tries.clone_from(&other.tries);
        }
        // A process is sought by the peer: no more of it than both saw.
        self.remote = match (self.remote, other.remote) {
            (Some(one), Some(other)) if one == other => Some(one),
            (Some(one), Some(other)) if one.ip == other.ip => Some(Endpoint { port: None, ..one }),
            _ => None,
        };
        self.reach = self.reach.hull(other.reach);
        for (hop, more) in self.hops.iter_mut().zip(&other.hops).take_while(|(a, b)| is_one_step(a, b)) {
            common(&mut hop.outside.port, more.outside.port);
            if let (Some(inside), Some(more)) = (&mut hop.inside, &more.inside) {
                common(&mut inside.port, more.port);
            }
            if let (Some(session), Some(more)) = (&mut hop.session, &more.session) {
                session.start = session.start.min(more.start);
                session.end = session.end.max(more.end);
            }
        }
        self.cite(other);
    }

    /// Takes in what else proves it as far as both go.
    pub(crate) fn cite(&mut self, other: &Self) {
        for (hop, more) in self.hops.iter_mut().zip(&other.hops).take_while(|(a, b)| is_one_step(a, b)) {
            hop.evidence.extend(more.evidence.iter().cloned());
            hop.evidence.sort();
            hop.evidence.dedup();
            hop.evidence.truncate(EVIDENCE_LISTED);
        }
    }
}

/// Whether two ways lead over one address to one host. Where gateways share the address, each log's word
/// for it counts, whichever of them is named.
fn is_one_step(one: &Hop, other: &Hop) -> bool {
    let same = |a: &Place, b: &Place| a.ip == b.ip && a.realm == b.realm;
    let inside = match (&one.inside, &other.inside) {
        (Some(one), Some(other)) => same(one, other),
        (one, other) => one.is_none() && other.is_none(),
    };
    inside && same(&one.outside, &other.outside)
}

/// Every line that shows the session, ordered by source.
fn evidence(site: &SiteMap, candidate: &Candidate<'_>) -> Vec<Proof> {
    let mut proofs = Vec::with_capacity(candidate.stays.len());
    for record in candidate.stays.iter().flat_map(|stay| &stay.records) {
        for line in &record.evidence {
            proofs.push(Proof::Record {
                source: site.log(line.log).files[line.file as usize].clone(),
                line: line.line,
                record: Some(line.record.clone()),
            });
        }
    }
    proofs.sort();
    proofs.dedup();
    proofs.truncate(EVIDENCE_LISTED);
    proofs
}

fn why(candidate: &Candidate<'_>, leg: &Leg<'_>, start: LogTime, end: LogTime) -> Why {
    let inside = Span::new(start, end).is_ok_and(|session| session.contains(leg.at));
    let bridged = candidate.stays.iter().all(|stay| stay.is_gap(leg.at));
    let place = match (bridged, inside) {
        (true, _) => "the alert lies in a silence between its records",
        (false, true) => "the alert lies within it",
        (false, false) => "the alert lies within the clock bound of it",
    };
    Why::Session { start, end, place }
}
