//! Connections reach the balancers, and what they carry reaches the backends.

use super::{
    exchange::{Exchange, Tried, tries},
    plan::{BalancersPlan, CLIENTS_REALM, INNER_PORT, Target},
};
use crate::{
    rng::Rng,
    world::{
        nat::{Kind, Nat},
        plan::{MS, SECOND, Us},
    },
};
use std::collections::BTreeMap;
use unmasq_model::{Endpoint, Protocol, Realm, trace::Place};

/// A client's connection to one listener, as it truly was.
#[derive(Clone, Debug)]
pub struct Connection {
    /// An index into [`BalancersPlan::balancers`].
    pub balancer: usize,
    /// An index into its listeners.
    pub listener: usize,
    /// The client as the balancer sees it.
    pub client: Endpoint,
    /// The client behind the NAT, if it is ours.
    pub ours: Option<Place>,
    /// When it was opened.
    pub opened: Us,
    /// When it was closed.
    pub closed: Us,
    /// Its number, by the balancer's count.
    pub number: u64,
    /// The requests that it carried, in order of start; none if nobody looked inside.
    pub exchanges: Vec<Exchange>,
    /// Whom it was forwarded to, if nobody looked inside.
    pub tries: Vec<Tried>,
    /// The balancer's own port towards the last of them.
    pub from: u16,
    /// The connection that it became at the private balancer, by its place among all.
    pub inner: Option<usize>,
}

/// A connection that somebody means to open.
struct Intent {
    client: usize,
    port: u16,
    listener: usize,
    opened: Us,
    closed: Us,
    exchanges: Vec<Exchange>,
}

/// Lets the clients of `plan` call. The NAT before some of them remembers what it did.
pub(super) fn run(plan: &BalancersPlan, rng: &mut Rng) -> (Vec<Connection>, Option<Nat>) {
    let mut nat = plan.hairpin.clone().map(Nat::new);
    let intents = intents(plan, rng);
    let outsides = pass(plan, &intents, nat.as_mut());
    let mut connections: Vec<Connection> = Vec::new();
    for (intent, outside) in intents.into_iter().zip(outsides) {
        let Some(client) = outside else { continue };
        reach(plan, intent, client, &mut connections, rng);
    }
    (connections, nat)
}

/// What clients mean to do, in order of time. One socket has one connection to a listener at a time.
fn intents(plan: &BalancersPlan, rng: &mut Rng) -> Vec<Intent> {
    let mut busy: BTreeMap<(usize, u16, usize), Us> = BTreeMap::new();
    let mut intents: Vec<Intent> = Vec::new();
    for _ in 0..3 + rng.below(8) {
        let client = rng.below(plan.clients.len());
        let port = rng.pick(&plan.clients[client].ports);
        let listener = rng.below(plan.balancers[0].listeners.len());
        let free = busy.entry((client, port, listener)).or_insert(0);
        let pause = rng.pick(&[100 * MS, SECOND, 10 * SECOND, 60 * SECOND]);
        let opened = rng.between(0, plan.horizon).max(*free + rng.between(MS, pause));
        let exchanges = exchanges(plan, listener, opened, rng);
        let last = exchanges.iter().map(|e| e.end).max().unwrap_or(opened + 2 * MS);
        let idle = rng.pick(&[2 * MS, SECOND, 60 * SECOND]);
        let closed = last + rng.between(MS, idle);
        *free = closed + 1;
        intents.push(Intent { client, port, listener, opened, closed, exchanges });
    }
    intents.sort_by_key(|intent| intent.opened);
    intents
}

/// The requests of one connection: one after the other, or several at a time (HTTP/2).
fn exchanges(plan: &BalancersPlan, listener: usize, opened: Us, rng: &mut Rng) -> Vec<Exchange> {
    let front = &plan.balancers[0].listeners[listener].target;
    let inner = plan.balancers.get(1).and_then(|inner| inner.listeners.first()).map(|l| &l.target);
    let backends = match (front, inner) {
        (Target::Requests(backends), _) | (Target::Inner, Some(Target::Requests(backends))) => backends,
        _ => return Vec::new(),
    };
    let pace = rng.pick(&[5 * MS, 300 * MS, 2 * SECOND, 15 * SECOND, 150 * SECOND]);
    let multiplexed = rng.chance(20);
    let count = if rng.chance(15) { 0 } else { 1 + rng.below(4) };
    // Many clients stay with one backend: else no connection would have only one.
    let sticky = [rng.pick(backends)];
    let backends: &[Endpoint] = if rng.chance(40) { &sticky } else { backends };
    let mut exchanges: Vec<Exchange> = Vec::new();
    let mut at = opened + 2 * MS;
    for position in 0..u64::try_from(count).unwrap_or(0) {
        at += rng.between(1, pace);
        let exchange = Exchange::draw(at, position, backends, rng);
        if !multiplexed {
            at = exchange.end;
        }
        exchanges.push(exchange);
    }
    exchanges
}

/// What the balancer sees of each client: its own endpoint, or what the NAT made of it; `None` if
/// the NAT let nothing through.
fn pass(plan: &BalancersPlan, intents: &[Intent], nat: Option<&mut Nat>) -> Vec<Option<Endpoint>> {
    let own = |intent: &Intent| Endpoint::new(plan.clients[intent.client].ip, Some(intent.port));
    let mut seen: Vec<Option<Endpoint>> =
        intents.iter().map(|i| (!plan.clients[i.client].hairpin).then(|| own(i))).collect();
    let Some(nat) = nat else { return seen };
    let mut packets: Vec<(Us, Kind, usize)> = Vec::new();
    for (place, intent) in intents.iter().enumerate().filter(|(_, i)| plan.clients[i.client].hairpin) {
        packets.extend([(intent.opened, Kind::Open, place), (intent.opened + MS, Kind::Data, place)]);
        let moments = intent.exchanges.iter().flat_map(|e| [e.start, e.end]);
        packets.extend(moments.map(|at| (at, Kind::Data, place)));
        packets.push((intent.closed, Kind::Close, place));
    }
    packets.sort_unstable();
    for (at, kind, place) in packets {
        let intent = &intents[place];
        let remote = Endpoint::new(plan.balancers[0].ip, Some(port(plan, intent)));
        let refused = kind != Kind::Open && seen[place].is_none();
        if !refused {
            let outside = nat.outward(at, Protocol::TCP, own(intent), remote, kind);
            seen[place] = seen[place].or(outside);
        }
    }
    seen
}

fn port(plan: &BalancersPlan, intent: &Intent) -> u16 {
    plan.balancers[0].listeners[intent.listener].port
}

/// A connection at the front, and the one that it becomes at the private balancer.
fn reach(
    plan: &BalancersPlan,
    intent: Intent,
    client: Endpoint,
    connections: &mut Vec<Connection>,
    rng: &mut Rng,
) {
    let front = &plan.balancers[0];
    let caller = &plan.clients[intent.client];
    let realm = plan.hairpin.as_ref().map_or(Realm::from(CLIENTS_REALM), |nat| nat.inside_realm.clone());
    let ours = caller.hairpin.then(|| Place::new(realm, Endpoint::new(caller.ip, Some(intent.port))));
    let (opened, closed) = (intent.opened, intent.closed);
    let mut connection = Connection {
        balancer: 0,
        listener: intent.listener,
        client,
        ours,
        opened,
        closed,
        number: next_number(connections, 0),
        exchanges: Vec::new(),
        tries: Vec::new(),
        from: free_port(connections, opened),
        inner: None,
    };
    match &front.listeners[intent.listener].target {
        Target::Requests(_) => connection.exchanges = intent.exchanges,
        Target::Connections(backends) => connection.tries = tries(backends, rng),
        Target::Inner => {
            let Some(inner) = plan.balancers.get(1) else { return };
            let backend = Endpoint::new(inner.ip, Some(INNER_PORT));
            connection.tries = vec![Tried { backend, status: None }];
            connection.inner = Some(connections.len());
            connections.push(Connection {
                balancer: 1,
                listener: 0,
                client: Endpoint::new(front.own, Some(connection.from)),
                ours: None,
                number: next_number(connections, 1),
                exchanges: intent.exchanges,
                tries: Vec::new(),
                from: 0,
                inner: None,
                ..connection.clone()
            });
        }
    }
    connections.push(connection);
}

fn next_number(connections: &[Connection], balancer: usize) -> u64 {
    (1..).zip(connections.iter().filter(|c| c.balancer == balancer)).last().map_or(1, |(n, _)| n + 1)
}

/// A port of the front's own that none of its connections has: few, so that they come back at once.
fn free_port(connections: &[Connection], at: Us) -> u16 {
    let taken = |port: &u16| connections.iter().any(|c| c.balancer == 0 && c.from == *port && c.closed >= at);
    (40_001..).find(|port| !taken(port)).unwrap_or(40_000)
}
