//! The plan of a world's balancers: what they listen on, who is behind them, who calls.

use crate::{
    rng::Rng,
    world::plan::{GatewayPlan, SECOND, Timeouts, Us},
};
use std::net::IpAddr;
use unmasq_model::{Endpoint, GatewayKind, Realm};

/// Everything about the balancers that is fixed before the first packet.
#[derive(Clone, Debug)]
pub struct BalancersPlan {
    /// The one that the world calls, and perhaps a private one behind it.
    pub balancers: Vec<Balancer>,
    /// Who calls.
    pub clients: Vec<Client>,
    /// The NAT that some clients of ours stand behind, so that both ends of what they send are masked.
    pub hairpin: Option<GatewayPlan>,
    /// When the last connection is opened, about.
    pub horizon: Us,
    /// Whether the detector may have joined a connection midway, and counts its requests from there.
    pub joins_midway: bool,
}

/// A balancer.
#[derive(Clone, Debug)]
pub struct Balancer {
    /// Its name.
    pub name: &'static str,
    /// What the world calls.
    pub ip: IpAddr,
    /// Where that is meant.
    pub outside_realm: Realm,
    /// Where its backends are.
    pub inside_realm: Realm,
    /// Its own address towards them.
    pub own: IpAddr,
    /// What it listens on.
    pub listeners: Vec<ListenerPlan>,
    /// Whether the inventory has its address.
    pub declares_address: bool,
    /// Whether the inventory has its listeners.
    pub declares_listeners: bool,
}

/// One port of a balancer.
#[derive(Clone, Debug)]
pub struct ListenerPlan {
    /// The port.
    pub port: u16,
    /// What it does with what comes.
    pub target: Target,
}

/// Where a listener sends things.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// Each request to one of these, or to several one after the other.
    Requests(Vec<Endpoint>),
    /// Each connection to one of these, unseen.
    Connections(Vec<Endpoint>),
    /// Each connection to the private balancer, which looks inside.
    Inner,
}

/// Somebody who calls.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its address: its own, or the one that it has behind the NAT.
    pub ip: IpAddr,
    /// Whether it stands behind the NAT.
    pub hairpin: bool,
    /// The ports that it calls from.
    pub ports: Vec<u16>,
}

/// The port on which the private balancer listens.
pub(super) const INNER_PORT: u16 = 80;
/// The realm of clients that share an address of ours.
pub(super) const CLIENTS_REALM: &str = "vpc-c";

impl BalancersPlan {
    pub(super) fn draw(declared: bool, may_join_midway: bool, rng: &mut Rng) -> Self {
        let realm = |name: &'static str| {
            if declared { Realm::from(name) } else { Realm::default_realm() }
        };
        let backends: Vec<Endpoint> = (21..)
            .take(2 + rng.below(3))
            .map(|last| Endpoint::new([10, 0, 1, last].into(), Some(8080)))
            .collect();
        let inner = declared && rng.chance(35);
        let mut listeners = vec![ListenerPlan { port: 80, target: Target::Requests(backends.clone()) }];
        if rng.chance(50) {
            let target =
                Target::Connections(backends.iter().map(|b| Endpoint::new(b.ip, Some(22))).collect());
            listeners.push(ListenerPlan { port: 22, target });
        }
        if inner {
            listeners.push(ListenerPlan { port: 8000, target: Target::Inner });
        }
        let declares_listeners = declared && rng.chance(50);
        let mut balancers = vec![Balancer {
            name: "lb-a",
            ip: [203, 0, 113, 100].into(),
            outside_realm: if declared { Realm::public() } else { Realm::default_realm() },
            inside_realm: realm("vpc-a"),
            own: [10, 0, 1, 5].into(),
            listeners,
            declares_address: declared && rng.chance(95),
            declares_listeners,
        }];
        if inner {
            balancers.push(Balancer {
                name: "lb-inner",
                ip: [10, 0, 1, 80].into(),
                outside_realm: realm("vpc-a"),
                inside_realm: realm("vpc-a"),
                own: [10, 0, 1, 80].into(),
                listeners: vec![ListenerPlan { port: INNER_PORT, target: Target::Requests(backends) }],
                declares_address: true,
                declares_listeners,
            });
        }
        let hairpin = rng.chance(35).then(|| hairpin(declared, rng));
        let clients = draw_clients(hairpin.is_some(), rng);
        let horizon = rng.pick(&[30, 120, 120, 900]) * SECOND;
        Self { balancers, clients, hairpin, horizon, joins_midway: may_join_midway && rng.chance(30) }
    }
}

fn draw_clients(hairpin: bool, rng: &mut Rng) -> Vec<Client> {
    let ports = |rng: &mut Rng| vec![41_330, 41_331].into_iter().take(1 + rng.below(2)).collect();
    let stranger =
        |last: u8, rng: &mut Rng| Client { ip: [192, 0, 2, last].into(), hairpin: false, ports: ports(rng) };
    let mut clients: Vec<Client> = (66..).take(1 + rng.below(2)).map(|last| stranger(last, rng)).collect();
    if hairpin {
        let ours =
            (31..33).map(|last| Client { ip: [10, 0, 2, last].into(), hairpin: true, ports: ports(rng) });
        clients.extend(ours.collect::<Vec<_>>());
    }
    clients
}

/// A NAT before clients of ours: no connection outlives its entry, so that what it carries stays one.
fn hairpin(declared: bool, rng: &mut Rng) -> GatewayPlan {
    let ip = IpAddr::from([203, 0, 113, 60]);
    let everything = (ip, i64::MIN, i64::MAX);
    GatewayPlan {
        name: "gw-h".into(),
        kind: GatewayKind::Nat,
        outside_realm: if declared { Realm::public() } else { Realm::default_realm() },
        inside_realm: if declared { Realm::from(CLIENTS_REALM) } else { Realm::default_realm() },
        holds: vec![everything],
        declares: vec![everything],
        ports: (20_001..).take(2 + rng.below(2)).collect(),
        endpoint_independent: false,
        drops_early: rng.chance(50),
        timeouts: Timeouts {
            opening: 20 * SECOND,
            established: 7_200 * SECOND,
            closing: rng.pick(&[1, 10]) * SECOND,
            datagram: 30 * SECOND,
        },
        rules: Vec::new(),
        logs_scans: false,
    }
}
