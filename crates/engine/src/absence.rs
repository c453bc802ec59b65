//! Why nothing was found behind a shared address; the first reason that applies, in the contract's
//! order.

use crate::{
    SiteMap, balance,
    crossing::{Candidate, Leg, distinct, is_complete, touching},
    known::Inquiry,
};
use std::sync::Arc;
use unmasq_model::{
    Certainty, DnatRule, Endpoint, GatewayIx, Listener, LogTime, Reason, Role, SessionsQuestion, SourceName,
    Span, is_public,
};

/// What takes the place of a session.
pub(crate) enum Absence<'k> {
    /// Declared rules say where it went; several if they changed within the clock bound.
    Rules(Vec<Rule<'k>>),
    /// Nothing does.
    Nothing { reason: Reason, matched: Vec<Candidate<'k>> },
}

/// What the inventory declares about one endpoint.
pub(crate) struct Rule<'k> {
    pub(crate) gateway: GatewayIx,
    /// Who is behind it.
    pub(crate) inside: Endpoint,
    /// What our side is then.
    pub(crate) role: Role,
    /// How sure that is.
    pub(crate) certainty: Certainty,
    /// When it was in force.
    pub(crate) held: Span,
    /// Where it is written.
    pub(crate) inventory: &'k SourceName,
    pub(crate) path: &'k Arc<str>,
}

/// Why nobody is named behind gateways of which one at least is switched off.
pub(crate) fn switched_off<'k>(leg: &Leg<'_>, inquiry: &Inquiry<'_, '_, 'k>) -> Absence<'k> {
    let site = inquiry.site();
    let mut gateways = site.owners(leg.realm, leg.ours.ip, leg.at).into_iter();
    let unconnected = gateways.any(|gateway| site.gateway(gateway).logs.is_empty());
    let reason = if unconnected { Reason::GatewayNotConnected } else { Reason::SwitchedOff };
    Absence::Nothing { reason, matched: Vec::new() }
}

/// Why no session of those who may have translated it explains `leg`. `None`: ask first.
pub(crate) fn explain<'k>(leg: &Leg<'_>, inquiry: &Inquiry<'_, '_, 'k>) -> Option<Absence<'k>> {
    let site = inquiry.site();
    let gateways = site.owners(leg.realm, leg.ours.ip, leg.at);
    if leg.opened_by_us != Some(true) {
        // A complete log that shows inbound flows speaks louder than a rule: this was none of them.
        let refuted = |gateway: GatewayIx| is_complete(site, gateway, leg.at, |log| log.shows_inbound);
        let open = gateways.iter().copied().filter(|&gateway| !refuted(gateway));
        let rules: Vec<_> = open.flat_map(|gateway| dnat_rules(site, gateway, leg)).collect();
        if !rules.is_empty() {
            return Some(ruled(rules, leg, inquiry));
        }
    }
    if leg.opened_by_us != Some(false) {
        let sole = gateways.len() == 1;
        let plans = gateways.iter().flat_map(|&gateway| port_plans(site, gateway, leg, sole));
        let rules: Vec<_> = plans.collect();
        if !rules.is_empty() {
            return Some(ruled(rules, leg, inquiry));
        }
    }
    let nothing = |reason| Some(Absence::Nothing { reason, matched: Vec::new() });
    // One of a pair that is not connected may have what the other's log lacks.
    if gateways.iter().any(|&gateway| site.gateway(gateway).logs.is_empty()) {
        return nothing(Reason::GatewayNotConnected);
    }
    let on: Vec<GatewayIx> =
        gateways.iter().copied().filter(|&gateway| inquiry.traces(gateway, leg)).collect();
    if on.len() < gateways.len() {
        // While a record of one that is on may still come, it may be that one.
        let coming = outside_coverage(site, &on, leg).filter(|reason| *reason == Reason::AfterCoverage);
        return nothing(coming.filter(|_| !on.is_empty()).unwrap_or(Reason::SwitchedOff));
    }
    if let Some(reason) = listened(site, &gateways, leg) {
        return nothing(reason);
    }
    if let Some(reason) = outside_coverage(site, &gateways, leg) {
        return nothing(reason);
    }
    let heard =
        |&gateway: &GatewayIx| site.logs_of(gateway).any(|log| log.coverage.until != LogTime::BEGINNING);
    let no_rule = |gateway: &GatewayIx| site.gateway(*gateway).dnat.is_some() && heard(gateway);
    if leg.opened_by_us == Some(false) && gateways.iter().all(no_rule) {
        return nothing(Reason::EndedAtGateway);
    }
    let matched = under_another_name(leg, inquiry, |gateway| gateways.contains(&gateway))?;
    if !matched.is_empty() {
        return Some(Absence::Nothing { reason: Reason::AliasUnknown, matched });
    }
    if !gateways.iter().any(heard) {
        return nothing(Reason::NeverHeard);
    }
    let told_of = |gateway| balance::told_of(site, gateway, leg);
    let complete = gateways.iter().all(|&gateway| is_complete(site, gateway, told_of(gateway), |_| true));
    nothing(if complete { Reason::NoSession } else { Reason::NotLogged })
}

/// What those rules say whose gateways are on, unless one of another gateway says something else.
fn ruled<'k>(rules: Vec<Rule<'k>>, leg: &Leg<'_>, inquiry: &Inquiry<'_, '_, 'k>) -> Absence<'k> {
    let behind = |rule: &Rule<'_>| (&inquiry.site().gateway(rule.gateway).inside_realm, rule.inside);
    let (shown, hidden): (Vec<_>, Vec<_>) =
        rules.into_iter().partition(|rule| inquiry.traces(rule.gateway, leg));
    if hidden.iter().all(|rule| shown.iter().any(|other| behind(other) == behind(rule))) {
        Absence::Rules(shown)
    } else {
        switched_off(leg, inquiry)
    }
}

/// Sessions that match in everything but the outside address: the log may know it by another name.
/// Only a full key tells enough for that, and only a record that was there. `None`: ask first.
pub(crate) fn under_another_name<'k>(
    leg: &Leg<'_>,
    inquiry: &Inquiry<'_, '_, 'k>,
    of: impl Fn(GatewayIx) -> bool,
) -> Option<Vec<Candidate<'k>>> {
    let site = inquiry.site();
    if !leg.protocol.has_ports() || leg.ours.port.is_none() || leg.remote.is_none_or(|r| r.port.is_none()) {
        return Some(Vec::new());
    }
    // Asked of everybody at once: a site has many gateways, and hardly one has such a session.
    let sessions = inquiry.sessions(SessionsQuestion {
        gateway: None,
        protocol: Some(leg.protocol),
        outside: (None, leg.ours.port),
        remote: leg.remote,
        during: leg.at.widened(site.widest_clock_bound()),
    })?;
    if sessions.is_empty() {
        return Some(Vec::new());
    }
    let mut found = Vec::new();
    for sessions in sessions.chunk_by(|one, other| one.gateway == other.gateway) {
        if of(sessions[0].gateway) {
            found.extend(touching(site, leg, sessions));
        }
    }
    // An untranslated record, or one whose outside address is known to be another, is no alias.
    found.retain(|stay| {
        let session = stay.records[0];
        let Some(other) = session.translation.outside.ip else { return false };
        let gateway = site.gateway(session.gateway);
        let known = gateway.aliases.iter().any(|alias| alias.logged == other)
            || gateway.addresses.iter().any(|(declared, _)| *declared == other);
        let inside = session.translation.inside;
        // One public address does not stand for another: that is another host's session with a popular
        // peer, from the same port.
        let may_stand_for_it =
            !is_public(other) || !is_public(leg.ours.ip) || inside.is_some_and(|at| at.ip == leg.ours.ip);
        inside.is_some() && other != leg.ours.ip && !known && may_stand_for_it
    });
    Some(distinct(site, leg, found).into_vec())
}

/// The rules for `leg.ours` that were in force at some moment within the clock bound. At each moment
/// the first that fits is the one, so a later one with the same span never comes to be asked.
fn dnat_rules<'k>(site: &'k SiteMap, gateway: GatewayIx, leg: &Leg<'_>) -> Vec<Rule<'k>> {
    let during = leg.at.widened(site.widest_clock_bound());
    let mut rules: Vec<&'k DnatRule> = Vec::new();
    for rule in site.gateway(gateway).dnat.iter().flatten() {
        let fits = rule.protocol.is_none_or(|protocol| protocol == leg.protocol)
            && rule.outside.ip == leg.ours.ip
            && (rule.outside.port.is_none() || rule.outside.port == leg.ours.port);
        let shadowed = rules.iter().any(|earlier| earlier.held.contains(rule.held));
        if fits && rule.held.touches(during) && !shadowed {
            rules.push(rule);
        }
    }
    let meant = rules.into_iter().map(|rule| Rule {
        gateway,
        inside: Endpoint { ip: rule.inside.ip, port: rule.inside.port.or(leg.ours.port) },
        role: Role::Server,
        // It says where a packet would have gone, not that one did.
        certainty: Certainty::Likely,
        held: rule.held,
        inventory: &rule.inventory,
        path: &rule.path,
    });
    meant.collect()
}

/// The hosts that own the port of `leg.ours` by configurations in force within the clock bound. A packet
/// that came from there was theirs, if the configuration held all the while and nobody else has the
/// address; one that went there may have been nobody's, if nobody had called for it.
fn port_plans<'k>(site: &'k SiteMap, gateway: GatewayIx, leg: &Leg<'_>, sole: bool) -> Vec<Rule<'k>> {
    let during = leg.at.widened(site.widest_clock_bound());
    let plans = site.gateway(gateway).port_plans.iter().filter(|plan| plan.held.touches(during));
    let owned = plans.filter_map(|plan| {
        let owner = plan.owner(leg.ours.ip, leg.ours.port.filter(|_| leg.protocol.has_ports())?)?;
        let spoke = leg.sent_by_us || leg.opened_by_us == Some(true);
        let sure = spoke && sole && site.declared && plan.held.contains(during);
        Some(Rule {
            gateway,
            inside: Endpoint { ip: owner.into(), port: None },
            role: Role::Client,
            certainty: if sure { Certainty::Certain } else { Certainty::Likely },
            held: plan.held,
            inventory: &plan.inventory,
            path: &plan.path,
        })
    });
    owned.collect()
}

/// What the listeners of balancers say about a flow that their logs do not have: none listens there,
/// or one that only forwards packets.
fn listened(site: &SiteMap, gateways: &[GatewayIx], leg: &Leg<'_>) -> Option<Reason> {
    let port = leg.ours.port.filter(|_| leg.opened_by_us != Some(true))?;
    let declared = gateways.iter().map(|&gateway| site.gateway(gateway).listeners.as_deref());
    let declared: Vec<&[Listener]> = declared.collect::<Option<_>>()?;
    let mut there =
        declared.into_iter().flatten().filter(|l| l.protocol == leg.protocol && l.port == port).peekable();
    let Some(_) = there.peek() else { return Some(Reason::EndedAtGateway) };
    let silent = gateways.iter().all(|&gateway| site.logs_of(gateway).all(|log| !log.shows_connections));
    (silent && there.all(|listener| !listener.requests)).then_some(Reason::NetworkLayer)
}

/// Whether the flow may lie outside the time that every log of these gateways covers.
fn outside_coverage(site: &SiteMap, gateways: &[GatewayIx], leg: &Leg<'_>) -> Option<Reason> {
    let logs = || gateways.iter().flat_map(|&gateway| site.logs_of(gateway));
    let began = leg.flow_start.map_or(leg.at.from(), |start| start.min(leg.at.from()));
    let before = logs().all(|log| {
        let heard = log.coverage.until != LogTime::BEGINNING;
        heard && began.minus(log.clock_bound) < log.coverage.since
    });
    if before {
        return Some(Reason::BeforeCollection);
    }
    let heard = logs().any(|log| log.coverage.until != LogTime::BEGINNING);
    let settled =
        gateways.iter().all(|&gateway| site.is_settled(gateway, balance::told_of(site, gateway, leg)));
    (heard && !settled).then_some(Reason::AfterCoverage)
}
