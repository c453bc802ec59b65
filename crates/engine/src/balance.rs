//! One balancer: which of what it carried an alert may be about.
//!
//! One client connection carries many requests, each perhaps to another backend. An alert that shows a
//! request is about one that looks like it; one that shows none (TLS, a signature on bytes, an idle
//! connection) is about the connection, so about everything that it carried.

use crate::{
    SiteMap,
    crossing::Leg,
    known::Inquiry,
    stay::{Stay, stays},
};
use std::{collections::BTreeMap, time::Duration};
use unmasq_model::{
    Endpoint, GatewayIx, GatewayKind, HttpContext, Layer, Listener, LogIx, LogTime, Outside, Request,
    RequestsQuestion, Session, Span,
};

/// How long a request may be under way: long polls, sockets, uploads.
const LONGEST: Duration = Duration::from_secs(3_600);

/// How long a connection may be silent between two requests: longer than balancers wait by default
/// (HAProxy, nginx and the clouds' wait for 1 to 75 s; Alibaba's for at most 600).
pub(crate) const IDLE: Duration = Duration::from_secs(600);

/// What one gateway shows that an alert may be about.
pub(crate) struct Shown<'k> {
    pub(crate) stays: Vec<Stay<'k>>,
    /// Whether even a complete log may lack what the alert is about.
    pub(crate) unsure: bool,
}

impl Shown<'_> {
    /// What two gateways show.
    pub(crate) fn both((mut one, other): (Self, Self)) -> Self {
        one.stays.extend(other.stays);
        Self { unsure: one.unsure || other.unsure, ..one }
    }
}

/// What one balancer carried that `leg` may be about. `None`: ask first.
pub(crate) fn touching<'k>(
    leg: &Leg<'_>,
    gateway: GatewayIx,
    inquiry: &Inquiry<'_, '_, 'k>,
) -> Option<Shown<'k>> {
    let site = inquiry.site();
    let mut sessions = inquiry.requests(RequestsQuestion {
        gateway,
        protocol: leg.protocol,
        client: leg.remote,
        during: leg.at.widened(site.widest_clock_bound()).widened(IDLE),
    })?;
    sessions.retain(|session| may_be_for(site, leg, session));
    let (requests, mut connections): (Vec<_>, Vec<_>) =
        stays(site, &sessions).into_iter().partition(|stay| layer(stay) == Some(Layer::Request));
    let at = passed(leg);
    connections.retain(|stay| stay.touches(at));
    let mut found = match leg.shown {
        Some(shown) => alike(shown, at, requests),
        None => of_the_connection(site, at, requests),
    };
    found.stays.splice(0..0, connections);
    Some(found)
}

/// Of which span one gateway's records must be known before `leg` can be answered from them: when its
/// packets may have passed, and for what shows no request as long as its connection may have been.
pub(crate) fn told_of(site: &SiteMap, gateway: GatewayIx, leg: &Leg<'_>) -> Span {
    let facts = site.gateway(gateway);
    if facts.kind != GatewayKind::Balancer {
        return leg.at;
    }
    let at = passed(leg);
    let may_carry_requests = listeners(site, gateway, leg).is_none_or(|mut there| there.any(|l| l.requests));
    if leg.shown.is_none() && may_carry_requests { at.widened(IDLE) } else { at }
}

/// Whether its client is known by nothing but a header.
pub(crate) fn is_claimed(stay: &Stay<'_>) -> bool {
    request(stay).is_some_and(|request| request.client_claimed)
}

/// Whether its client ties `leg` to a balancer that may have any address: by the port of its connection, or
/// by what it asked for. One that is only claimed ties it to nothing, and an address alone to no more: who
/// scans us has called at many of our addresses.
pub(crate) fn ties(leg: &Leg<'_>, stay: &Stay<'_>) -> bool {
    let client = stay.records.first().and_then(|record| record.translation.remote);
    let Some(client) = client.filter(|_| !is_claimed(stay)) else { return false };
    let same_port = client.port.is_some() && leg.remote.is_some_and(|remote| remote.port.is_some());
    let asked = leg.shown.is_some_and(|shown| shown.url.is_some())
        && request(stay).is_some_and(|request| request.path.is_some());
    same_port || asked
}

/// The balancers whose addresses nobody declared: any address may be theirs.
pub(crate) fn undeclared(site: &SiteMap, leg: &Leg<'_>) -> Vec<GatewayIx> {
    if leg.opened_by_us == Some(true) || leg.remote.is_none() {
        return Vec::new();
    }
    site.undeclared_balancers(leg.realm).collect()
}

/// Up to when a log must be complete to have whatever was under way during `at`: a balancer writes of a request
/// when it is over.
pub(crate) fn told_when_over(site: &SiteMap, gateway: GatewayIx, at: Span) -> Span {
    match site.gateway(gateway).kind {
        GatewayKind::Balancer => Span::between(at.from(), at.to().plus(LONGEST)),
        GatewayKind::Nat | GatewayKind::Node => at,
    }
}

/// The request that a stay is of.
pub(crate) fn request<'k>(stay: &Stay<'k>) -> Option<&'k Request> {
    stay.records.first()?.request.as_deref()
}

fn layer(stay: &Stay<'_>) -> Option<Layer> {
    request(stay).map(|request| request.layer)
}

/// When the packets that an alert speaks of may have passed, a request's before it among them.
pub(crate) fn passed(leg: &Leg<'_>) -> Span {
    Span::between(leg.at.from().minus(leg.request_lag), leg.at.to())
}

/// Whether it may have been sent to `leg`'s endpoint. An address that the gateway is not known to have
/// excludes nothing: a log may name a public address by the private one that stands for it. A record
/// that does not tell its port is of a listener that there is, and of its kind.
fn may_be_for(site: &SiteMap, leg: &Leg<'_>, session: &Session) -> bool {
    let outside = session.translation.outside;
    let elsewhere = outside.ip.is_some_and(|ip| {
        let declared = &site.gateway(session.gateway).addresses;
        ip != leg.ours.ip && declared.iter().any(|(known, _)| *known == ip)
    });
    let of_requests = session.request.as_ref().is_some_and(|request| request.layer == Layer::Request);
    let listened = outside.port().is_some()
        || listeners(site, session.gateway, leg)
            .is_none_or(|mut there| there.any(|listener| listener.requests == of_requests));
    outside.answers(None, leg.ours.port) && !elsewhere && listened
}

/// What a balancer listens on at the port of `leg`; `None` if nobody declared it.
fn listeners<'s>(
    site: &'s SiteMap,
    gateway: GatewayIx,
    leg: &Leg<'_>,
) -> Option<impl Iterator<Item = &'s Listener> + use<'s>> {
    let (protocol, port) = (leg.protocol, leg.ours.port?);
    let declared = site.gateway(gateway).listeners.as_ref()?;
    Some(declared.iter().filter(move |listener| listener.protocol == protocol && listener.port == port))
}

/// The requests that look like the one shown.
fn alike<'k>(shown: &HttpContext, at: Span, mut requests: Vec<Stay<'k>>) -> Shown<'k> {
    requests
        .retain(|stay| stay.touches(at) && request(stay).is_some_and(|request| looks_like(request, shown)));
    let counted = |stay: &Stay<'_>| request(stay).and_then(|request| request.position);
    // A detector that joined the connection midway counts from there: then the count tells nothing, and
    // what it tells is never certain.
    let alike = requests.len();
    if shown.position.is_some() && requests.iter().any(|stay| counted(stay) == shown.position) {
        requests.retain(|stay| counted(stay).is_none() || counted(stay) == shown.position);
    }
    Shown { unsure: requests.len() < alike, stays: requests }
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
/// any of them. And it may be about a connection that stayed silent, of which there is no record, unless
/// one that did not was surely there.
fn of_the_connection<'k>(site: &SiteMap, at: Span, mut requests: Vec<Stay<'k>>) -> Shown<'k> {
    let connections = Connections::of(site, &requests, at);
    let there = connections.surely_there(at);
    requests.retain(|stay| connections.may_be(site, stay));
    let was_sent = |stay: &Stay<'_>| request(stay).is_some_and(|request| !request.tries.is_empty());
    let all = requests.len();
    if requests.iter().any(was_sent) {
        requests.retain(was_sent);
    }
    Shown { unsure: !there || requests.len() < all, stays: requests }
}

/// When each connection was there, as far as its records tell which client port had it to which
/// listener: such a pair has one connection at a time.
struct Connections {
    signs: BTreeMap<(Turn, Option<u64>), Vec<Signs>>,
    /// What the connections with a number say of the others of their turn.
    order: BTreeMap<Turn, Order>,
}

/// Connections of one turn follow each other: one log, one client port, one listener.
type Turn = (Option<LogIx>, Outside, Endpoint);

/// What is known of one connection's time.
#[derive(Clone, Copy)]
struct Signs {
    /// From its first to its last sign, by the log's own clock.
    told: Span,
    /// When it had been opened at the latest, by the sensor's clock.
    opened_by: LogTime,
    /// Until when it was open at least.
    open_until: LogTime,
}

impl Signs {
    fn of(stay: &Stay<'_>) -> Option<Self> {
        let told = stay.records.iter().map(|record| record.reach()).reduce(Span::hull)?;
        Some(Self { told, opened_by: stay.start.to(), open_until: stay.end.from() })
    }

    fn and(self, other: Self) -> Self {
        Self {
            told: self.told.hull(other.told),
            opened_by: self.opened_by.min(other.opened_by),
            open_until: self.open_until.max(other.open_until),
        }
    }

    fn surely_there(self, at: Span) -> bool {
        self.opened_by <= at.from() && at.to() <= self.open_until
    }
}

/// The connections of one turn that bound the others most closely. Two of each, for none bounds itself;
/// a client that uses one port for a hundred thousand connections must not make us compare each with each.
#[derive(Default)]
struct Order {
    /// The latest that were open before the alert: when they were first seen, and which they are.
    begun: [Option<(LogTime, u64)>; 2],
    /// The earliest that were still open after it: when they were last seen.
    lasting: [Option<(LogTime, u64)>; 2],
}

impl Order {
    fn add(&mut self, number: u64, signs: Signs, at: Span) {
        let [last, before] = &mut self.begun;
        let (seen, left) = (Some((signs.told.from(), number)), Some((signs.told.to(), number)));
        if signs.opened_by < at.from() && seen > *before {
            *before = seen;
            if *before > *last {
                std::mem::swap(last, before);
            }
        }
        let [first, after] = &mut self.lasting;
        if at.to() < signs.open_until && (after.is_none() || left < *after) {
            *after = left;
            if first.is_none() || *after < *first {
                std::mem::swap(first, after);
            }
        }
    }

    /// Whether the connection of that number cannot have been there, because another of its turn was open
    /// before and is the later one, or is the earlier one and was still open after.
    fn excludes(&self, number: u64, own: Signs) -> bool {
        let others = |of: &[Option<(LogTime, u64)>; 2]| {
            of.iter().flatten().find(|(_, other)| *other != number).map(|(moment, _)| *moment)
        };
        others(&self.begun).is_some_and(|began| own.told.to() <= began)
            || others(&self.lasting).is_some_and(|ended| ended <= own.told.from())
    }
}

impl Connections {
    fn of(site: &SiteMap, requests: &[Stay<'_>], at: Span) -> Self {
        let mut signs: BTreeMap<(Turn, Option<u64>), Vec<Signs>> = BTreeMap::new();
        for stay in requests {
            let Some((key, own)) = Self::key(site, stay).zip(Signs::of(stay)) else { continue };
            let known = signs.entry(key).or_default();
            match known.last_mut() {
                // Without a number each request speaks for itself.
                Some(connection) if key.1.is_some() => *connection = connection.and(own),
                _ => known.push(own),
            }
        }
        let mut order: BTreeMap<Turn, Order> = BTreeMap::new();
        for ((turn, number), signs) in &signs {
            if let (Some(number), [connection]) = (number, signs.as_slice()) {
                order.entry(*turn).or_default().add(*number, *connection, at);
            }
        }
        Self { signs, order }
    }

    fn key(site: &SiteMap, stay: &Stay<'_>) -> Option<(Turn, Option<u64>)> {
        let record = stay.records.first()?;
        let client = record.translation.remote.filter(|client| client.port.is_some() && !is_claimed(stay))?;
        let outside = record.translation.outside;
        let one_listener = outside.ip.is_some() || site.gateway(record.gateway).addresses.len() == 1;
        (outside.port().is_some() && one_listener)
            .then_some(((record.log(), outside, client), request(stay)?.connection))
    }

    fn surely_there(&self, at: Span) -> bool {
        self.signs.values().flatten().any(|connection| connection.surely_there(at))
    }

    /// Whether the connection of `stay` may have been there.
    fn may_be(&self, site: &SiteMap, stay: &Stay<'_>) -> bool {
        let Some((turn, Some(number))) = Self::key(site, stay) else { return true };
        let own = self.signs.get(&(turn, Some(number))).and_then(|signs| signs.first());
        let excluded =
            own.zip(self.order.get(&turn)).is_some_and(|(own, order)| order.excludes(number, *own));
        !excluded
    }
}
