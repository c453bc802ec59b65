//! One balancer: which of what it carried an alert may be about.
//!
//! One client connection carries many requests, each perhaps to another backend. An alert that shows a
//! request is about one that looks like it; one that shows none (TLS, a signature on bytes, an idle
//! connection) is about the connection, so about everything that it carried.

use crate::{
    crossing::Leg,
    known::Inquiry,
    stay::{Stay, stays},
};
use std::{collections::BTreeMap, time::Duration};
use unmasq_model::{
    GatewayIx, GatewayKind, HttpContext, Layer, LogIx, LogTime, Request, RequestsQuestion, Session, Site,
    Span,
};

/// How long a connection may be silent between two requests: longer than balancers wait by default
/// (HAProxy, nginx and the clouds' wait for 1 to 75 s; Alibaba's for at most 600).
const IDLE: Duration = Duration::from_secs(600);

/// What one balancer carried that `leg` may be about. `None`: ask first.
pub(crate) fn touching<'k>(
    leg: &Leg,
    gateway: GatewayIx,
    inquiry: &Inquiry<'_, 'k>,
) -> Option<Vec<Stay<'k>>> {
    let site = inquiry.site();
    let mut sessions = inquiry.requests(RequestsQuestion {
        gateway,
        protocol: leg.protocol,
        client: leg.remote,
        during: leg.at.widened(site.widest_clock_bound()).widened(IDLE),
    })?;
    sessions.retain(|session| may_be_for(site, leg, session));
    let (requests, connections): (Vec<_>, Vec<_>) =
        stays(site, &sessions).into_iter().partition(|stay| layer(stay) == Some(Layer::Request));
    let at = Span::between(leg.at.from().minus(leg.request_lag), leg.at.to());
    let mut found: Vec<Stay<'k>> = connections.into_iter().filter(|stay| stay.touches(at)).collect();
    found.extend(match &leg.shown {
        Some(shown) => alike(shown, at, requests),
        None => of_the_connection(at, requests),
    });
    Some(found)
}

/// The balancers whose addresses nobody declared: any address may be theirs.
pub(crate) fn undeclared(site: &Site, leg: &Leg) -> Vec<GatewayIx> {
    if leg.opened_by_us == Some(true) || leg.remote.is_none() {
        return Vec::new();
    }
    let candidates = site.indexed_gateways().filter(|(_, gateway)| {
        gateway.kind == GatewayKind::Balancer
            && gateway.addresses.is_empty()
            && gateway.outside_realm == leg.realm
            && !gateway.logs.is_empty()
    });
    candidates.map(|(ix, _)| ix).collect()
}

/// The request that a stay is of.
pub(crate) fn request<'k>(stay: &Stay<'k>) -> Option<&'k Request> {
    stay.records.first()?.request.as_deref()
}

fn layer(stay: &Stay<'_>) -> Option<Layer> {
    request(stay).map(|request| request.layer)
}

/// Whether it may have been sent to `leg`'s endpoint. An address that the gateway is not known to have
/// excludes nothing: a log may name a public address by the private one that stands for it.
fn may_be_for(site: &Site, leg: &Leg, session: &Session) -> bool {
    let outside = session.translation.outside;
    let elsewhere = outside.ip.is_some_and(|ip| {
        let declared = &site.gateway(session.gateway).addresses;
        ip != leg.ours.ip && declared.iter().any(|(known, _)| *known == ip)
    });
    outside.answers(None, leg.ours.port) && !elsewhere
}

/// The requests that look like the one shown.
fn alike<'k>(shown: &HttpContext, at: Span, mut requests: Vec<Stay<'k>>) -> Vec<Stay<'k>> {
    requests
        .retain(|stay| stay.touches(at) && request(stay).is_some_and(|request| looks_like(request, shown)));
    let counted = |stay: &Stay<'_>| request(stay).and_then(|request| request.position);
    // A detector that joined the connection midway counts from there: then the count tells nothing.
    if shown.position.is_some() && requests.iter().any(|stay| counted(stay) == shown.position) {
        requests.retain(|stay| counted(stay).is_none() || counted(stay) == shown.position);
    }
    requests
}

/// Whether a request may be the one shown, as far as both tell.
fn looks_like(request: &Request, shown: &HttpContext) -> bool {
    fn agree<T: PartialEq + ?Sized>(logged: Option<&T>, shown: Option<&T>) -> bool {
        logged.is_none() || shown.is_none() || logged == shown
    }
    let host = |host: &str| without_port(host).to_ascii_lowercase();
    agree(request.host.as_deref().map(host).as_deref(), shown.host.as_deref().map(host).as_deref())
        && agree(request.method.as_deref(), shown.method.as_deref())
        && agree(request.path.as_deref(), shown.url.as_deref())
        && agree(request.agent.as_deref(), shown.agent.as_deref())
        && agree(request.status.as_ref(), shown.status.as_ref())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The requests of the connection that was there during `at`, as far as connections are told apart.
/// Those that the balancer answered itself count only where there is no other: the alert may be about
/// any of them.
fn of_the_connection<'k>(at: Span, mut requests: Vec<Stay<'k>>) -> Vec<Stay<'k>> {
    let connections = Connections::of(&requests);
    requests.retain(|stay| connections.may_be(stay, at));
    let was_sent = |stay: &Stay<'_>| request(stay).is_some_and(|request| !request.tries.is_empty());
    if requests.iter().any(was_sent) {
        requests.retain(was_sent);
    }
    requests
}

/// When each connection of one client port was there, by the balancer's own numbers for them: one
/// follows the other.
struct Connections(BTreeMap<(Option<LogIx>, u64), Span>);

impl Connections {
    fn of(requests: &[Stay<'_>]) -> Self {
        let mut spans: BTreeMap<(Option<LogIx>, u64), Span> = BTreeMap::new();
        for stay in requests {
            if let Some(key) = Self::key(stay) {
                spans.entry(key).and_modify(|span| *span = span.hull(stay.reach())).or_insert(stay.reach());
            }
        }
        Self(spans)
    }

    fn key(stay: &Stay<'_>) -> Option<(Option<LogIx>, u64)> {
        Some((stay.records.first()?.log(), request(stay)?.connection?))
    }

    /// Whether the connection of `stay` may have been there during `at`: it began after the last sign
    /// of the one before it, and ended before the first sign of the one after it.
    fn may_be(&self, stay: &Stay<'_>, at: Span) -> bool {
        let Some((key, own)) = Self::key(stay).and_then(|key| self.0.get_key_value(&key)) else {
            return true;
        };
        let others =
            || self.0.iter().filter(|(other, _)| other.0 == key.0 && *other != key).map(|(_, span)| span);
        let before = others().filter(|span| span.to() <= own.from()).map(|span| span.from()).max();
        let after = others().filter(|span| span.from() >= own.to()).map(|span| span.to()).min();
        Span::between(before.unwrap_or(LogTime::BEGINNING), after.unwrap_or(LogTime::FOREVER)).touches(at)
    }
}
