//! One gateway crossed: who may have translated a shared address, which insides remain, how sure.

use crate::{
    SiteMap,
    absence::{self, Absence},
    agree,
    balance::{self, Shown},
    known::Inquiry,
    stay::{Stay, stays},
};
use smallvec::SmallVec;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};
use unmasq_model::{
    AlertClass, Certainty, Endpoint, GatewayIx, GatewayKind, HttpContext, Log, LogIx, LogTime, Outside,
    Ports, Protocol, Realm, Reason, Role, Session, SessionsQuestion, Span, Translator, Try,
};

/// What is asked at one gateway: our endpoint and its peer, as the leg outside of it shows them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leg<'l> {
    /// The address space of this leg.
    pub(crate) realm: &'l Realm,
    /// The address space in which the peer is meant.
    pub(crate) peer_realm: &'l Realm,
    pub(crate) ours: Endpoint,
    pub(crate) remote: Option<Endpoint>,
    pub(crate) protocol: Protocol,
    /// When the alert's packets passed.
    pub(crate) at: Span,
    /// How long before `at` the request may have been sent.
    pub(crate) request_lag: Duration,
    /// Whether the alert says that our end opened the flow.
    pub(crate) opened_by_us: Option<bool>,
    /// Whether the alert's packet came from our end.
    pub(crate) sent_by_us: bool,
    /// When the detector saw the flow begin.
    pub(crate) flow_start: Option<LogTime>,
    /// What the alert is about.
    pub(crate) class: AlertClass,
    /// The request, where the alert shows one.
    pub(crate) shown: Option<&'l HttpContext>,
}

/// What became of one crossing.
pub(crate) enum Crossing<'k> {
    /// The address is not shared here.
    Unmasked,
    /// These insides remain, in order of place; `split` says why there are several.
    Remain { candidates: Candidates<'k>, split: Option<Reason>, settled: bool },
    /// Nothing is known behind it.
    Absent(Absence<'k>),
}

/// One inside endpoint that may have held the translation.
pub(crate) struct Candidate<'k> {
    pub(crate) gateway: GatewayIx,
    /// The realm of the inside pair.
    pub(crate) realm: Realm,
    /// `None`: the flow ended at the gateway itself, or went to a server that only has a name.
    pub(crate) inside: Option<Endpoint>,
    /// The backends that a balancer tried, in order of time.
    pub(crate) tries: &'k [Try],
    pub(crate) inside_remote: Option<Endpoint>,
    pub(crate) outside: Outside,
    pub(crate) remote: Option<Endpoint>,
    pub(crate) role: Role,
    pub(crate) stays: Vec<Stay<'k>>,
    pub(crate) certainty: Certainty,
}

/// Candidates: nearly always there is one, or none.
pub(crate) type Candidates<'k> = SmallVec<[Candidate<'k>; 1]>;

/// Which insides of the gateways that may have translated `leg.ours` remain. `None`: ask first.
pub(crate) fn cross<'k>(leg: &Leg<'_>, inquiry: &Inquiry<'_, '_, 'k>) -> Option<Crossing<'k>> {
    let site = inquiry.site();
    let translators = site.translators(leg.realm, leg.ours.ip, leg.at);
    if translators.is_empty() {
        return Some(Crossing::Unmasked);
    }
    let on = translators.iter().filter(|translator| inquiry.traces(translator.gateway, leg)).count();
    if on == 0 {
        return Some(Crossing::Absent(absence::switched_off(leg, inquiry)));
    }
    let shown = |translator: &Translator| match site.gateway(translator.gateway).kind {
        GatewayKind::Balancer => balance::touching(leg, translator.gateway, inquiry),
        GatewayKind::Nat | GatewayKind::Node => {
            let asked = question(site, leg, translator.gateway, translator.logged_as);
            Some(translated(site, leg, &inquiry.sessions(asked)?))
        }
    };
    // Every question is asked before giving up, so that all are answered at once.
    let found = translators.iter().map(shown).reduce(|one, other| one.zip(other).map(Shown::both))?;
    let Shown { mut stays, unsure } = found?;
    // What others translated speaks against what these did; but nobody is named who is behind them alone.
    let all_on = on == translators.len();
    let hidden = if all_on { Vec::new() } else { take_hidden(leg, inquiry, &mut stays) };
    let mut candidates = distinct(site, leg, stays);
    if hidden.iter().any(|stay| !candidates.iter().any(|candidate| candidate.is_of(site, stay))) {
        return Some(Crossing::Absent(absence::switched_off(leg, inquiry)));
    }
    if leg.at.from() < site.forgotten {
        // Whoever else was there may have been dropped.
        let passed = balance::passed(leg);
        candidates.retain(|candidate| candidate.excludes_all(site, leg.at, passed));
    }
    if candidates.is_empty() {
        return Some(Crossing::Absent(absence::explain(leg, inquiry)?));
    }
    let arrived = |t: &Translator| site.is_settled(t.gateway, balance::told_of(site, t.gateway, leg));
    let settled =
        translators.iter().all(arrived) && candidates.iter().all(|candidate| candidate.is_bounded(site));
    let alone = candidates.len() == 1;
    let sure = certainty(site, leg, &translators, alone && !unsure, settled);
    for candidate in &mut candidates {
        candidate.certainty = sure(candidate);
    }
    let split = (candidates.len() > 1).then(|| why_several(leg, &candidates));
    Some(Crossing::Remain { candidates, split, settled })
}

/// Takes away the stays of gateways that are off.
pub(crate) fn take_hidden<'k>(
    leg: &Leg<'_>,
    inquiry: &Inquiry<'_, '_, 'k>,
    stays: &mut Vec<Stay<'k>>,
) -> Vec<Stay<'k>> {
    stays.extract_if(.., |stay| !inquiry.traces(stay.records[0].gateway, leg)).collect()
}

/// Asks one gateway for the sessions that may explain `leg`.
pub(crate) fn question(
    site: &SiteMap,
    leg: &Leg<'_>,
    gateway: GatewayIx,
    outside: IpAddr,
) -> SessionsQuestion {
    SessionsQuestion {
        gateway: Some(gateway),
        protocol: Some(leg.protocol),
        outside: (Some(outside), leg.ours.port),
        remote: leg.remote,
        during: site.asked_about(gateway, leg.at),
    }
}

/// What one gateway translated that `leg` may be about. What only one log's word against another's
/// leaves is never sure.
fn translated<'k>(site: &SiteMap, leg: &Leg<'_>, sessions: &[&'k Session]) -> Shown<'k> {
    if sessions.iter().all(|session| site.gateway(session.gateway).logs.len() < 2) {
        return Shown { stays: touching(site, leg, sessions), unsure: false };
    }
    let all = stays(site, sessions);
    let there = || all.iter().filter(|stay| stay.touches(leg.at));
    let holders = agree::Holders::of(&all);
    let left: Vec<Stay<'k>> =
        there().filter(|stay| !agree::ruled_out(site, stay, &holders, leg.at)).cloned().collect();
    match left.len() {
        0 => Shown { stays: there().cloned().collect(), unsure: false },
        few => Shown { stays: left, unsure: few < there().count() },
    }
}

/// The stays of one gateway that touch the alert.
pub(crate) fn touching<'k>(site: &SiteMap, leg: &Leg<'_>, sessions: &[&'k Session]) -> Vec<Stay<'k>> {
    let mut stays = stays(site, sessions);
    stays.retain(|stay| stay.touches(leg.at));
    stays
}

/// What is behind a gateway: an endpoint in its realm, or a server that only has a name; and, if that is
/// a gateway again, the peer that it saw.
type Behind<'k> = (Realm, Option<Endpoint>, Option<&'k str>, Option<Endpoint>);

/// Groups stays by what they name behind the gateway.
pub(crate) fn distinct<'k>(site: &SiteMap, leg: &Leg<'_>, found: Vec<Stay<'k>>) -> Candidates<'k> {
    let realm_of = |session: &Session| match session.translation.inside {
        Some(_) => inside_realm(site, session),
        None => leg.realm.clone(),
    };
    if let [stay] = found.as_slice() {
        return Candidates::from_buf([candidate(realm_of(stay.records[0]), found)]);
    }
    let mut groups: BTreeMap<Behind<'k>, Vec<Stay<'k>>> = BTreeMap::new();
    for stay in found {
        let session = stay.records[0];
        let ended = session.translation.inside.is_none();
        let realm = realm_of(session);
        let last = balance::request(&stay).and_then(|request| request.tries.last()).filter(|_| ended);
        let server = last.map(|tried| tried.server.as_deref().unwrap_or_default());
        let inside = session.translation.inside;
        // The next gateway is asked for this peer: another is another way.
        let leads_on = inside.is_some_and(|inside| site.is_shared(&realm, inside.ip, leg.at));
        let peer = session.translation.inside_remote.filter(|_| leads_on);
        groups.entry((realm, inside, server, peer)).or_default().push(stay);
    }
    groups.into_iter().map(|((realm, ..), stays)| candidate(realm, stays)).collect()
}

fn inside_realm(site: &SiteMap, session: &Session) -> Realm {
    session.inside_realm.clone().unwrap_or_else(|| site.gateway(session.gateway).inside_realm.clone())
}

fn candidate<'k>(realm: Realm, stays: Vec<Stay<'k>>) -> Candidate<'k> {
    let first = stays[0].records[0];
    let translation = first.translation;
    let tries = stays.iter().filter_map(balance::request).map(|request| request.tries.as_slice());
    Candidate {
        tries: tries.max_by_key(|tries| tries.len()).unwrap_or_default(),
        gateway: first.gateway,
        inside: translation.inside,
        inside_remote: common_peer(&stays),
        outside: translation.outside,
        remote: translation.remote,
        role: translation.role,
        certainty: Certainty::Likely,
        realm,
        stays,
    }
}

/// The peer that the inside saw, as far as all records agree: a balancer may have sent alike requests to
/// one server over several connections, each perhaps another process's.
fn common_peer(stays: &[Stay<'_>]) -> Option<Endpoint> {
    let records = stays.iter().flat_map(|stay| &stay.records);
    let mut told = records.filter_map(|record| record.translation.inside_remote);
    let mut common = told.next()?;
    let mut ports_differ = false;
    for peer in told {
        if peer.ip != common.ip {
            return None;
        }
        ports_differ |= common.port.is_some() && peer.port.is_some() && peer.port != common.port;
        common.port = common.port.or(peer.port);
    }
    Some(Endpoint { port: common.port.filter(|_| !ports_differ), ..common })
}

impl<'k> Candidate<'k> {
    /// The records that show it.
    pub(crate) fn records(&self) -> impl Iterator<Item = &'k Session> {
        self.stays.iter().flat_map(|stay| stay.records.iter().copied())
    }

    /// Whether a stay names the same endpoint behind a gateway.
    pub(crate) fn is_of(&self, site: &SiteMap, stay: &Stay<'_>) -> bool {
        let session = stay.records[0];
        self.inside.is_some()
            && self.inside == session.translation.inside
            && self.realm == inside_realm(site, session)
    }

    /// Whether a record of it by itself excludes every other holder during `at`.
    fn is_proven(&self, at: Span) -> bool {
        self.stays.iter().any(|stay| stay.proves(at))
    }

    /// The same of a flow that was seen during `at`, and which a balancer carried when it had `passed`.
    fn excludes_all(&self, site: &SiteMap, at: Span, passed: Span) -> bool {
        let carried = site.gateway(self.gateway).kind == GatewayKind::Balancer;
        self.is_proven(if carried { passed } else { at })
    }

    /// Whether only the records on either side of a silence speak for it.
    fn is_bridged(&self, at: Span) -> bool {
        self.stays.iter().all(|stay| stay.is_gap(at))
    }

    /// Whether no record is due that would bound it more closely: somebody saw it end, or somebody
    /// else take over, and all that tells of its start has come.
    fn is_bounded(&self, site: &SiteMap) -> bool {
        let heard = |record: &&Session| {
            record.log().is_none_or(|log| record.start.to() <= site.log(log).coverage.watermark())
        };
        self.stays.iter().all(|stay| stay.end.to() != LogTime::FOREVER && stay.records.iter().all(heard))
    }

    /// Whether all its records name the same backends as tried.
    fn agrees_on_tries(&self) -> bool {
        let tries = |stay: &Stay<'_>| -> Vec<Option<Endpoint>> {
            let tries = balance::request(stay).map_or(&[][..], |request| &request.tries);
            tries.iter().map(|tried| tried.backend).collect()
        };
        self.stays.windows(2).all(|pair| tries(&pair[0]) == tries(&pair[1]))
    }

    /// Whether its records name the whole key, by names that the outside address is known to have, and
    /// not in the client's own words. A host whose block of ports it was needs no peer.
    fn has_full_key(&self, site: &SiteMap, names: &[Translator]) -> bool {
        let called = |outside: Outside| match outside.ip {
            Some(ip) => names.iter().any(|name| name.gateway == self.gateway && name.logged_as == ip),
            None => site.gateway(self.gateway).addresses.len() == 1,
        };
        let whole = |outside: Outside| called(outside) && outside.ports != Ports::Any;
        self.records().all(|record| {
            let translation = &record.translation;
            let block = matches!(translation.outside.ports, Ports::Block(..));
            let claimed = record.request.as_ref().is_some_and(|request| request.client_claimed);
            let peer = translation.remote.is_some_and(|remote| remote.port.is_some()) && !claimed;
            whole(translation.outside) && (block || peer)
        })
    }

    fn logs(&self) -> impl Iterator<Item = LogIx> {
        self.records().filter_map(|record| record.log())
    }
}

/// How sure each candidate of one crossing is; see [`Certainty`].
fn certainty<'k>(
    site: &'k SiteMap,
    leg: &Leg<'_>,
    translators: &'k [Translator],
    alone: bool,
    settled: bool,
) -> impl Fn(&Candidate<'_>) -> Certainty + use<'k> {
    let at = leg.at;
    let only_translator = site.declared && translators.iter().all(|t| t.gateway == translators[0].gateway);
    let full_key =
        leg.protocol.has_ports() && leg.ours.port.is_some() && leg.remote.is_some_and(|r| r.port.is_some());
    let told_of = |gateway| balance::told_when_over(site, gateway, balance::told_of(site, gateway, leg));
    // Without the full key even a complete log can hide another: one that began before it did.
    let nothing_missing = site.declared
        && alone
        && full_key
        && translators.iter().all(|t| shows_all(site, t.gateway, told_of(t.gateway), only_translator));
    let passed = balance::passed(leg);
    move |candidate| {
        let proven = only_translator && candidate.excludes_all(site, at, passed);
        let bridged = candidate.is_bridged(at);
        let sure = (proven || (nothing_missing && !bridged))
            && full_key
            && candidate.has_full_key(site, translators)
            && candidate.agrees_on_tries();
        match (sure, settled || bridged) {
            (true, _) => Certainty::Certain,
            (false, true) => Certainty::Likely,
            (false, false) => Certainty::Provisional,
        }
    }
}

/// Whether a log declared complete covers `at`, so that nothing of the kind that it shows can be
/// missing; only logs that are `fit` count. A NAT's logs tell one story, but each of a balancer's may be
/// of other sites or ports: there one lacks what another has.
pub(crate) fn is_complete(site: &SiteMap, gateway: GatewayIx, at: Span, fit: impl Fn(&Log) -> bool) -> bool {
    let lacks_nothing = |log: &Log| {
        let seen = at.widened(log.clock_bound);
        let covers = log.coverage.since <= seen.from() && seen.to() <= log.coverage.until;
        log.coverage.complete && covers && fit(log)
    };
    let mut logs = site.logs_of(gateway).peekable();
    match site.gateway(gateway).kind {
        GatewayKind::Balancer => logs.peek().is_some() && logs.all(lacks_nothing),
        GatewayKind::Nat | GatewayKind::Node => logs.any(lacks_nothing),
    }
}

/// Whether a complete log covers `at` and shows every flow that can have used the gateway's address.
/// A machine of ours also speaks for itself, untranslated; and where several gateways share an
/// address, each may have kept what the others forwarded. Not every log shows that.
fn shows_all(site: &SiteMap, gateway: GatewayIx, at: Span, alone: bool) -> bool {
    let translates_all = alone && site.gateway(gateway).instance.is_none();
    is_complete(site, gateway, at, |log| log.shows_inbound || translates_all)
}

/// Whether every record about `leg` should have arrived, of every gateway that may have translated it.
pub(crate) fn translators_settled(site: &SiteMap, leg: &Leg<'_>) -> bool {
    let owners = site.owners(leg.realm, leg.ours.ip, leg.at);
    owners.into_iter().all(|owner| site.is_settled(owner, balance::told_of(site, owner, leg)))
}

/// Why several insides remain, in the contract's order.
fn why_several(leg: &Leg<'_>, candidates: &[Candidate<'_>]) -> Reason {
    let gateway = candidates[0].gateway;
    if candidates.iter().any(|candidate| candidate.gateway != gateway) {
        return Reason::Conflict;
    }
    // Logs that both tell of this moment, but each of another inside, contradict each other.
    let proven = candidates.iter().filter(|candidate| candidate.is_proven(leg.at));
    let told_by: BTreeSet<BTreeSet<LogIx>> = proven.map(|candidate| candidate.logs().collect()).collect();
    let contradiction = told_by.iter().any(|logs| told_by.iter().any(|others| logs.is_disjoint(others)));
    if candidates.iter().any(|candidate| candidate.stays.iter().any(|stay| balance::request(stay).is_some()))
    {
        return Reason::SameRequest;
    }
    let without_ports = !leg.protocol.has_ports() || leg.ours.port.is_none();
    match (without_ports, contradiction) {
        (true, _) => Reason::NoPorts,
        (false, true) => Reason::Conflict,
        (false, false) => Reason::ClockBound,
    }
}
