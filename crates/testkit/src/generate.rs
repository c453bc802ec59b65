//! Strategies for tiny sessions and questions: four addresses, three ports, ten seconds, so that
//! collisions and touching spans are the rule.

use proptest::{collection::vec, option, prelude::*, sample::select};
use std::{net::IpAddr, sync::Arc};
use unmasq_model::{
    Endpoint, Evidence, GatewayIx, LogIx, LogTime, Protocol, Role, Session, SessionsQuestion, Span,
    Translation,
};

/// Up to `most` sessions, some of them alike.
pub fn sessions(most: usize) -> impl Strategy<Value = Vec<Session>> {
    vec(session(), 0..=most)
}

/// One session.
pub fn session() -> impl Strategy<Value = Session> {
    let place = (gateway(), protocol(), 1..4u64);
    (
        place,
        endpoint(outside_ip()),
        full_endpoint(remote_ip()),
        option::weighted(0.9, endpoint(inside_ip())),
        span(),
        span(),
    )
        .prop_flat_map(|(place, outside, remote, inside, start, end)| {
            let open = prop::bool::weighted(0.3);
            open.prop_map(move |open| assembled(place, outside, remote, inside, (start, end), open))
        })
}

/// A question that some of them answer. One that leaves the address open, for an alias that nobody
/// told us, names the whole peer.
pub fn question() -> impl Strategy<Value = SessionsQuestion> {
    let port = || option::weighted(0.8, port());
    let known = (outside_ip().prop_map(Some), port(), option::weighted(0.8, endpoint(remote_ip())));
    let alias = (Just(None), port(), full_endpoint(remote_ip()).prop_map(Some));
    let place = prop_oneof![9 => known, 1 => alias];
    (gateway(), option::weighted(0.9, protocol()), place, span()).prop_map(
        |(gateway, protocol, (ip, port, remote), during)| SessionsQuestion {
            // Nobody asks every gateway but for an alias.
            gateway: Some(gateway).filter(|_| ip.is_some() || gateway.0 > 0),
            protocol,
            outside: (ip, port),
            remote,
            during,
        },
    )
}

/// An instant within ten seconds.
pub fn instant() -> impl Strategy<Value = LogTime> {
    // Half-second steps make equal edges common.
    (0..20i64)
        .prop_filter_map("before 1970", |step| LogTime::from_unix_us(1_795_341_600_000_000 + step * 500_000))
}

/// A span within ten seconds, often an instant.
pub fn span() -> impl Strategy<Value = Span> {
    prop_oneof![instant().prop_map(Span::at), (instant(), instant()).prop_map(|(a, b)| Span::between(a, b))]
}

fn assembled(
    (gateway, protocol, line): (GatewayIx, Protocol, u64),
    outside: Endpoint,
    remote: Endpoint,
    inside: Option<Endpoint>,
    (start, end): (Span, Span),
    open: bool,
) -> Session {
    let first = start.from().min(end.from());
    let start = Span::between(first, start.to());
    let latest = if open { LogTime::FOREVER } else { end.to().max(start.to()) };
    let translation = Translation {
        protocol: Some(protocol),
        role: Role::Client,
        outside: outside.into(),
        remote: Some(remote),
        inside,
        inside_remote: Some(remote),
    };
    let log = LogIx(gateway.0 * 2 + u32::from(line == 3));
    let evidence = vec![Evidence { log, file: 0, line, record: Arc::from("generated") }];
    let end = Span::between(end.from().max(first), latest);
    Session { gateway, translation, request: None, inside_realm: None, start, end, proven: None, evidence }
}

fn gateway() -> impl Strategy<Value = GatewayIx> {
    select(vec![GatewayIx(0), GatewayIx(1)])
}

fn protocol() -> impl Strategy<Value = Protocol> {
    select(vec![Protocol::TCP, Protocol::UDP, Protocol::ICMP])
}

fn port() -> impl Strategy<Value = u16> {
    select(vec![20_001, 20_002, 20_003])
}

fn endpoint(ip: impl Strategy<Value = IpAddr>) -> impl Strategy<Value = Endpoint> {
    (ip, option::weighted(0.9, port())).prop_map(|(ip, port)| Endpoint::new(ip, port))
}

fn full_endpoint(ip: impl Strategy<Value = IpAddr>) -> impl Strategy<Value = Endpoint> {
    (ip, port()).prop_map(|(ip, port)| Endpoint::new(ip, Some(port)))
}

fn outside_ip() -> impl Strategy<Value = IpAddr> {
    (7..9u8).prop_map(|last| IpAddr::from([203, 0, 113, last]))
}

fn remote_ip() -> impl Strategy<Value = IpAddr> {
    (9..11u8).prop_map(|last| IpAddr::from([198, 51, 100, last]))
}

fn inside_ip() -> impl Strategy<Value = IpAddr> {
    (11..15u8).prop_map(|last| IpAddr::from([10, 0, 0, last]))
}
