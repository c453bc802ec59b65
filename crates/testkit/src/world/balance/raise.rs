//! What a detector says about packets on their way to a balancer, and what is true of them.

use super::{
    access::AccessLog,
    carry::Connection,
    exchange::Exchange,
    plan::{BalancersPlan, Target},
};
use crate::{
    rng::Rng,
    world::{
        alarm::{Carried, Staged},
        exporter::stamp,
        plan::{MS, SECOND, Us},
        traffic::Truth,
    },
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use unmasq_model::{
    Alert, AlertClass, AlertId, Context, End, Endpoint, HttpContext, PerEnd, Protocol, Realm, Span,
    trace::Place,
};

/// At most this many alerts about balancers in one world.
const ALERTS_MAX: usize = 14;
/// How long after a packet of a request an alert about it may be written, as the detector is known to do.
const LAG: Duration = Duration::from_millis(1_200);

/// A packet that a detector saw.
struct Packet<'a> {
    at: Us,
    connection: &'a Connection,
    /// The request that it belongs to.
    exchange: Option<&'a Exchange>,
    back: bool,
}

/// Draws the alerts about balancers, as a sensor in `realm` raises them.
pub(super) fn draw(
    plan: &BalancersPlan,
    connections: &[Connection],
    logs: &[AccessLog],
    (realm, sensor_error): (&Realm, Us),
    rng: &mut Rng,
) -> Vec<Staged> {
    let heard = connections.iter().filter(|c| plan.balancers[c.balancer].outside_realm == *realm);
    let mut packets: Vec<Packet<'_>> =
        heard.flat_map(|connection| packets(connection, looked_into(connection, connections), rng)).collect();
    rng.shuffle(&mut packets);
    packets.truncate(ALERTS_MAX);
    packets.sort_by_key(|packet| packet.at);
    let mut staged: Vec<Staged> =
        packets.iter().map(|packet| raise(plan, connections, packet, sensor_error, rng)).collect();
    if rng.chance(20) && plan.balancers[0].outside_realm == *realm {
        staged.extend(connections.first().map(|connection| scan(plan, connection, sensor_error, rng)));
    }
    for (place, staged) in staged.iter_mut().enumerate() {
        staged.alert.id = AlertId(Arc::from(format!("alert-b{place}")));
        // What was forwarded unseen is on record only if some log shows connections.
        let port = |end: Endpoint| end.port;
        let ends = [port(staged.alert.ends.src), port(staged.alert.ends.dest)];
        let unseen = plan.balancers[0].listeners.iter().any(|listener| {
            !matches!(listener.target, Target::Requests(_)) && ends.contains(&Some(listener.port))
        });
        let told = logs.iter().any(|log| log.balancer == 0 && log.connections);
        if let Some(carried) = &mut staged.carried {
            carried.on_record &= !unseen || told;
        }
    }
    staged
}

/// The requests of a connection, whoever looked inside.
fn looked_into<'a>(connection: &'a Connection, connections: &'a [Connection]) -> &'a [Exchange] {
    let seen = connection.inner.map_or(connection, |inner| &connections[inner]);
    &seen.exchanges
}

/// Some packets of each request, and some that belong to none.
fn packets<'a>(connection: &'a Connection, exchanges: &'a [Exchange], rng: &mut Rng) -> Vec<Packet<'a>> {
    let of = |at, exchange, back| Packet { at, connection, exchange, back };
    let mut packets = vec![of(connection.opened, None, false), of(connection.closed, None, rng.chance(50))];
    let mut last = connection.opened;
    for exchange in exchanges {
        if exchange.start > last {
            packets.push(of(rng.between(last, exchange.start - 1), None, rng.chance(50)));
        }
        let within = rng.between(exchange.start, exchange.end);
        packets.push(of(exchange.start, Some(exchange), false));
        packets.push(of(within, Some(exchange), rng.chance(50)));
        packets.push(of(exchange.end, Some(exchange), true));
        last = exchange.end.max(last);
    }
    packets.push(of(rng.between(last, connection.closed), None, rng.chance(50)));
    // An idle packet that falls into another request of its connection belongs to that one.
    for packet in packets.iter_mut().filter(|packet| packet.exchange.is_none()) {
        let of = exchanges.iter().find(|e| e.start <= packet.at && packet.at <= e.end);
        packet.exchange = of;
    }
    packets
}

fn raise(
    plan: &BalancersPlan,
    connections: &[Connection],
    packet: &Packet<'_>,
    sensor_error: Us,
    rng: &mut Rng,
) -> Staged {
    let Packet { at, connection, exchange, back } = *packet;
    let balancer = &plan.balancers[connection.balancer];
    let heard = at + rng.between(-sensor_error, sensor_error);
    let lag = rng.pick(&[0, 0, MS, 500 * MS, 1_200 * MS]);
    let said = heard + rng.between(0, lag);
    let alone = looked_into(connection, connections).windows(2).all(|pair| pair[0].end < pair[1].start);
    // Requests that overlap travel in frames that a detector does not understand.
    let words = exchange.filter(|_| alone && rng.chance(70)).and_then(|e| showing(plan, e, rng));
    let shows = words.as_ref().is_some_and(HttpContext::shows_a_request);
    // Of an alert about a request the lag is the engine's to know; of any other the detector says it.
    let hidden = shows && connection.ours.is_none();
    let client = connection.client;
    let called = Endpoint::new(balancer.ip, Some(balancer.listeners[connection.listener].port));
    let ends = if back { PerEnd { src: called, dest: client } } else { PerEnd { src: client, dest: called } };
    let of_client = connection.ours.clone().map_or(Truth::Unmasked, |place| Truth::Behind(vec![place]));
    let (of_called, carried) = truth(plan, connections, packet, shows);
    let truth = if back {
        PerEnd { src: of_called, dest: of_client }
    } else {
        PerEnd { src: of_client, dest: of_called }
    };
    let alert = Alert {
        id: AlertId(Arc::from("")),
        realm: balancer.outside_realm.clone(),
        at: Span::between(stamp(if hidden { said } else { said - lag }, 0), stamp(said, 0)),
        request_lag: if hidden || rng.chance(50) { LAG } else { Duration::ZERO },
        protocol: Protocol::TCP,
        ends,
        opened_by: Some(if back { End::Dest } else { End::Src }).filter(|_| rng.chance(40)),
        flow_start: Some(stamp(connection.opened, 0)).filter(|_| rng.chance(20)),
        class: AlertClass::Attack,
        context: Context { http: words, ..Context::default() },
    };
    Staged { alert, at, truth, carried: Some(carried) }
}

/// What an alert shows of a request: all of it, or less.
fn showing(plan: &BalancersPlan, exchange: &Exchange, rng: &mut Rng) -> Option<HttpContext> {
    let words = exchange.words.as_ref()?;
    let mut text = |word: &str| rng.chance(85).then(|| Arc::from(word));
    let (host, method) = (text(&words.host.to_ascii_uppercase()), text(words.method));
    let (url, agent) = (text(words.path), text(words.agent));
    let missed = if plan.joins_midway { rng.between(0, 2) } else { 0 };
    let counted = exchange.position.checked_sub(u64::try_from(missed).unwrap_or(0));
    Some(HttpContext {
        host,
        method,
        url,
        agent,
        status: exchange.status.filter(|_| rng.chance(60)),
        position: counted.filter(|_| rng.chance(50)),
    })
}

/// Who truly was behind the balancer, and who received what the alert is about.
fn truth(
    plan: &BalancersPlan,
    connections: &[Connection],
    packet: &Packet<'_>,
    shows: bool,
) -> (Truth, Carried) {
    let connection = packet.connection;
    let balancer = &plan.balancers[connection.balancer];
    let place = |backend: Endpoint| Place::new(balancer.inside_realm.clone(), backend);
    let forwarded: Vec<Place> = connection.tries.iter().map(|tried| place(tried.backend)).collect();
    let front: Option<Place> = forwarded.last().cloned();
    let exchanges = looked_into(connection, connections);
    let chain = |exchange: &Exchange| {
        let answered = exchange.tries.last().map(|tried| place(tried.backend));
        answered.map(|answered| front.iter().cloned().chain([answered]).collect::<Vec<Place>>())
    };
    let own = packet.exchange;
    let nearby: BTreeSet<Vec<Place>> = near(packet.at, exchanges).into_iter().filter_map(chain).collect();
    let target = &balancer.listeners[connection.listener].target;
    let truth = match own.and_then(chain) {
        Some(chain) => Truth::Behind(chain),
        None if matches!(target, Target::Connections(_)) => Truth::Behind(front.into_iter().collect()),
        None if shows || nearby.is_empty() => {
            front.map_or(Truth::Gateway, |inner| Truth::Behind(vec![inner]))
        }
        None => Truth::Among { chains: nearby.into_iter().collect(), refused: own.is_some() },
    };
    let sent = own.is_some_and(|own| !own.tries.is_empty());
    let carried = Carried {
        received: received(own.filter(|_| shows), exchanges, &forwarded, place),
        shows,
        on_record: sent || matches!(truth, Truth::Among { .. }) || matches!(target, Target::Connections(_)),
    };
    (truth, carried)
}

/// Everybody who received the request, or some request of the connection.
fn received(
    own: Option<&Exchange>,
    exchanges: &[Exchange],
    forwarded: &[Place],
    place: impl Fn(Endpoint) -> Place,
) -> BTreeSet<Place> {
    let all = match own {
        Some(own) => std::slice::from_ref(own),
        None => exchanges,
    };
    let of_requests = all.iter().flat_map(|e| &e.tries).map(|tried| place(tried.backend));
    of_requests.chain(forwarded.iter().cloned()).collect()
}

/// The requests on either side of a moment: the last that was sent on before it, the first after it.
fn near(at: Us, exchanges: &[Exchange]) -> Vec<&Exchange> {
    let sent = || exchanges.iter().filter(|e| !e.tries.is_empty());
    let before = sent().filter(|e| e.end < at).max_by_key(|e| e.end);
    let after = sent().filter(|e| e.start > at).min_by_key(|e| e.start);
    before.into_iter().chain(after).collect()
}

/// A packet to a port that nobody listens on.
fn scan(plan: &BalancersPlan, connection: &Connection, sensor_error: Us, rng: &mut Rng) -> Staged {
    let at = rng.between(0, plan.horizon);
    let said = at + rng.between(-sensor_error, sensor_error);
    let alert = Alert {
        id: AlertId(Arc::from("")),
        realm: plan.balancers[0].outside_realm.clone(),
        at: Span::between(stamp(said, 0), stamp(said + SECOND, 0)),
        request_lag: LAG,
        protocol: Protocol::TCP,
        ends: PerEnd {
            src: Endpoint { ip: [192, 0, 2, 66].into(), ..connection.client },
            dest: Endpoint::new(plan.balancers[0].ip, Some(3024)),
        },
        opened_by: Some(End::Src).filter(|_| rng.chance(40)),
        flow_start: None,
        class: AlertClass::Attack,
        context: Context::default(),
    };
    let carried = Carried { received: BTreeSet::new(), shows: false, on_record: false };
    let truth = PerEnd { src: Truth::Unmasked, dest: Truth::Gateway };
    Staged { alert, at, truth, carried: Some(carried) }
}
