//! What a balancer carried that an alert may be about, written from the design alone.
//!
//! One client connection carries many requests to different backends. An alert that shows a request is
//! about one that agrees with it; one that shows none is about the connection: all its requests since
//! the client port's last plausible reuse. A client from a header excludes nothing.

use super::{Asked, Oracle, ports_agree};
use std::time::Duration;
use unmasq_model::{Gateway, GatewayIx, GatewayKind, HttpContext, Layer, Ports, Request, Session, Span};

/// How long no balancer keeps a connection on which nothing happens.
const IDLE: Duration = Duration::from_secs(600);

impl<'a> Oracle<'a> {
    /// What one balancer carried that `asked` may be about.
    pub(super) fn carried(&self, ix: GatewayIx, asked: Asked<'_>) -> Vec<&'a Session> {
        let gateway = &self.site.gateways[ix.0 as usize];
        let when = Span::between(asked.at.from().minus(asked.lag), asked.at.to());
        let of_client: Vec<&Session> = self
            .sessions
            .iter()
            .filter(|s| s.gateway == ix && s.request.is_some())
            .filter(|s| s.translation.protocol.is_none_or(|protocol| protocol == asked.protocol))
            .filter(|s| may_be_client(s, asked) && may_be_called(s, gateway, asked))
            .collect();
        let then = |s: &&Session| s.reach().widened(self.bound(s)).touches(when);
        let mut found: Vec<&Session> =
            of_client.iter().copied().filter(|s| layer(s) == Layer::Connection).filter(then).collect();
        let requests: Vec<&Session> = of_client.into_iter().filter(|s| layer(s) == Layer::Request).collect();
        match asked.shown {
            Some(shown) => {
                let alike = requests.into_iter().filter(then).filter(|s| agrees(request(s), shown));
                found.extend(counted(alike.collect(), shown));
            }
            None => found.extend(self.on_connection(&requests, gateway, asked, when)),
        }
        found
    }

    /// The balancers of a site without an inventory whose addresses nobody knows: any may be theirs, and
    /// only the client tells whether it is.
    pub(super) fn anywhere(&self, asked: Asked<'_>) -> Vec<&'a Session> {
        if self.site.declared || asked.opened {
            return Vec::new();
        }
        let balancers = (0..).map(GatewayIx).zip(&self.site.gateways).filter(|(_, gateway)| {
            gateway.kind == GatewayKind::Balancer
                && gateway.addresses.is_empty()
                && gateway.outside_realm == *asked.realm
        });
        let carried = balancers.map(|(ix, _)| self.carried(ix, asked));
        carried.filter(|all| all.iter().any(|session| ties(session, asked))).flatten().collect()
    }

    /// The requests of the connection that was there then, as far as the log tells connections apart.
    fn on_connection(
        &self,
        requests: &[&'a Session],
        gateway: &Gateway,
        asked: Asked<'_>,
        when: Span,
    ) -> Vec<&'a Session> {
        let around = asked.at.widened(self.site.widest_clock_bound()).widened(IDLE);
        let near: Vec<&Session> = requests.iter().copied().filter(|s| s.reach().touches(around)).collect();
        // From the first to the last sign of each one's connection, by the log's own clock.
        let told = |session: &Session| {
            let same = near.iter().filter(|other| on_one_connection(session, other));
            same.fold(session.reach(), |told, other| told.hull(other.reach()))
        };
        let told: Vec<Span> = near.iter().map(|session| told(session)).collect();
        // A connection is closed before the next on its port is opened.
        let possible = |place: usize| {
            let (session, own) = (near[place], told[place]);
            let bound = self.bound(session);
            let mut others = near.iter().zip(&told).filter(|(other, _)| are_in_turn(session, other, gateway));
            !others.any(|(other, of_other)| {
                if own.to() <= of_other.from() {
                    other.start.to().plus(bound) < when.from()
                } else {
                    of_other.to() <= own.from() && when.to() < other.end.from().minus(bound)
                }
            })
        };
        let mut found: Vec<&Session> =
            (0..near.len()).filter(|&place| possible(place)).map(|place| near[place]).collect();
        // What the balancer answered itself hides nobody who received another request.
        if found.iter().any(|s| !request(s).tries.is_empty()) {
            found.retain(|s| !request(s).tries.is_empty());
        }
        found
    }
}

fn request(session: &Session) -> &Request {
    session.request.as_ref().expect("a balancer's session has its request")
}

fn layer(session: &Session) -> Layer {
    request(session).layer
}

/// Whether a client of its own ties an alert to a balancer that may have any address: by its port, or by what
/// it asked for.
fn ties(session: &Session, asked: Asked<'_>) -> bool {
    let ports =
        [session.translation.remote, asked.remote].map(|client| client.and_then(|client| client.port));
    let texts = asked.shown.is_some_and(|shown| shown.url.is_some()) && request(session).path.is_some();
    !is_claimed(session) && (ports.iter().all(Option::is_some) || texts)
}

fn is_claimed(session: &Session) -> bool {
    request(session).client_claimed
}

fn may_be_client(session: &Session, asked: Asked<'_>) -> bool {
    is_claimed(session)
        || match (session.translation.remote, asked.remote) {
            (Some(told), Some(remote)) => told.ip == remote.ip && ports_agree(told, remote),
            _ => true,
        }
}

/// A log may name a public address by one that stands for it; not by another address of the balancer.
fn may_be_called(session: &Session, gateway: &Gateway, asked: Asked<'_>) -> bool {
    let outside = session.translation.outside;
    let another = outside.ip.is_some_and(|ip| {
        ip != asked.outside.ip && gateway.addresses.iter().any(|(declared, _)| *declared == ip)
    });
    !another
        && asked.outside.port.is_none_or(|port| outside.ports.hold(port))
        && listened(session, gateway, asked)
}

/// A record that does not say on which port it came can only have come on one that listens, for its kind.
fn listened(session: &Session, gateway: &Gateway, asked: Asked<'_>) -> bool {
    let (Some(listeners), Some(port)) = (&gateway.listeners, asked.outside.port) else {
        return true;
    };
    let kind = layer(session) == Layer::Request;
    matches!(session.translation.outside.ports, Ports::One(_))
        || listeners.iter().any(|l| l.port == port && l.protocol == asked.protocol && l.requests == kind)
}

/// Whether a request may be the one that an alert shows: nothing that both tell differs.
fn agrees(request: &Request, shown: &HttpContext) -> bool {
    fn same<T: PartialEq + ?Sized>(told: Option<&T>, shown: Option<&T>) -> bool {
        told.is_none() || shown.is_none() || told == shown
    }
    let name = |host: &str| host.split(':').next().unwrap_or_default().to_lowercase();
    same(request.host.as_deref().map(name).as_deref(), shown.host.as_deref().map(name).as_deref())
        && same(request.method.as_deref(), shown.method.as_deref())
        && same(request.path.as_deref(), shown.url.as_deref())
        && same(request.agent.as_deref(), shown.agent.as_deref())
        && same(request.status.as_ref(), shown.status.as_ref())
}

/// Of requests that agree, those with the number that is shown; all, if none has it.
fn counted<'a>(alike: Vec<&'a Session>, shown: &HttpContext) -> Vec<&'a Session> {
    let told = |s: &&Session| request(s).position;
    let has_it = |s: &&Session| shown.position.is_some() && told(s) == shown.position;
    if alike.iter().any(has_it) {
        alike.into_iter().filter(|s| has_it(s) || told(s).is_none()).collect()
    } else {
        alike
    }
}

/// Whether two requests were on two connections of one client port to one listener, by the balancer's
/// own numbers: then one was closed before the other was opened.
fn are_in_turn(one: &Session, other: &Session, gateway: &Gateway) -> bool {
    let (a, b) = (&one.translation, &other.translation);
    let numbers = (request(one).connection, request(other).connection);
    let log = |s: &Session| s.evidence.first().map(|evidence| evidence.log);
    matches!(numbers, (Some(a), Some(b)) if a != b)
        && log(one) == log(other)
        && !is_claimed(one)
        && !is_claimed(other)
        && a.remote == b.remote
        && a.remote.is_some_and(|client| client.port.is_some())
        && a.outside == b.outside
        && matches!(a.outside.ports, Ports::One(_))
        && (a.outside.ip.is_some() || gateway.addresses.len() == 1)
}

/// Whether two requests were on one connection, by the balancer's own numbers.
fn on_one_connection(one: &Session, other: &Session) -> bool {
    let log = |s: &Session| s.evidence.first().map(|evidence| evidence.log);
    let (a, b) = (&one.translation, &other.translation);
    request(one).connection == request(other).connection
        && (log(one), a.remote, a.outside) == (log(other), b.remote, b.outside)
        && is_claimed(one) == is_claimed(other)
}
