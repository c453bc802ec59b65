//! The plan of a small world: who is there, how its gateways behave, and what its logs are like.
//!
//! Domains are tiny on purpose: with three ports and two remotes, reuse is the rule.

use crate::rng::Rng;
use std::net::{IpAddr, Ipv4Addr};
use unmasq_model::{Endpoint, GatewayKind, Realm};

/// Microseconds of true time since the world began. Logs and alerts are written by clocks that err.
pub type Us = i64;

/// One second.
pub(super) const SECOND: Us = 1_000_000;
/// One millisecond.
pub(super) const MS: Us = 1_000;
/// After everything.
pub(super) const FOREVER: Us = i64::MAX;

/// What the laws may expect of a world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Temper {
    /// Every record is there, and the logs are declared complete.
    Complete,
    /// The logs are declared complete, but begin or end in the middle of what happened.
    Cut,
    /// Records are lost, or nobody declared anything.
    Lossy,
    /// Clocks err by more than is declared: nothing is promised but an answer.
    BeyondBounds,
}

/// How the outside addresses are spread over the gateways.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Arrangement {
    /// Each gateway keeps its own.
    Own,
    /// One address moves from the first gateway to the second at a declared moment.
    Moves(Us),
    /// Two gateways share one address; the second takes over at a moment that nobody declared.
    Shared(Us),
}

/// Everything that is fixed before the first packet.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the laws may expect.
    pub temper: Temper,
    /// Whether somebody wrote an inventory.
    pub declared: bool,
    /// How the addresses are spread.
    pub arrangement: Arrangement,
    /// When the last flow begins.
    pub horizon: Us,
    /// The gateways, in order of name: public ones first, then perhaps a node.
    pub gateways: Vec<GatewayPlan>,
    /// Who speaks.
    pub hosts: Vec<Host>,
    /// Who is spoken to.
    pub remotes: Vec<Endpoint>,
    /// How far the sensor's stamps are from true time, at most.
    pub sensor_error: Us,
}

/// A gateway and its habits.
#[derive(Clone, Debug)]
pub struct GatewayPlan {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: GatewayKind,
    /// Where its outside addresses are meant.
    pub outside_realm: Realm,
    /// Where the endpoints behind it are meant.
    pub inside_realm: Realm,
    /// Its outside addresses, and from when to when it translates to them.
    pub holds: Vec<(IpAddr, Us, Us)>,
    /// Its outside addresses, and from when to when somebody says that it holds them.
    pub declares: Vec<(IpAddr, Us, Us)>,
    /// The outside ports that it may use.
    pub ports: Vec<u16>,
    /// Uses one outside port of an inside socket towards every remote (RFC 4787, 4.1).
    pub endpoint_independent: bool,
    /// Ends closing entries early when it needs their port.
    pub drops_early: bool,
    /// How long entries outlive their last packet.
    pub timeouts: Timeouts,
    /// Who is meant by calls from outside, and from when on.
    pub rules: Vec<Rule>,
    /// Whether its log shows packets that were meant for itself.
    pub logs_scans: bool,
}

/// How long entries outlive their last packet, in whole seconds of microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// A connection that nobody answered yet.
    pub opening: Us,
    /// An established connection.
    pub established: Us,
    /// A closed one.
    pub closing: Us,
    /// Datagrams and echoes.
    pub datagram: Us,
}

/// A destination NAT rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What the world calls.
    pub outside: Endpoint,
    /// Who is meant.
    pub inside: Endpoint,
    /// From when on.
    pub from: Us,
    /// Until when.
    pub to: Us,
}

/// Somebody who speaks.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where its address is meant.
    pub realm: Realm,
    /// Its address.
    pub ip: IpAddr,
    /// The gateways that it speaks through, and from when on; an index into [`Plan::gateways`].
    pub routes: Vec<(usize, Us)>,
}

impl Host {
    /// The gateway that its packets take at `at`.
    #[must_use]
    pub fn route(&self, at: Us) -> usize {
        self.routes.iter().rev().find(|(_, from)| *from <= at).map_or(0, |(gateway, _)| *gateway)
    }
}

/// The address on which a node masquerades its containers.
pub(super) const NODE_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5));
/// The port that destination NAT rules listen on; source NAT never takes it.
const RULE_PORT: u16 = 443;

impl Plan {
    /// Draws a plan.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let temper = match rng.below(20) {
            0..8 => Temper::Complete,
            8..10 => Temper::Cut,
            10..18 => Temper::Lossy,
            _ => Temper::BeyondBounds,
        };
        let horizon = rng.between(40, 240) * SECOND;
        let declared = rng.chance(85);
        let turn = rng.between(horizon / 4, horizon * 3 / 4);
        let arrangement = match rng.below(10) {
            0..2 if declared => Arrangement::Moves(turn),
            2..4 if declared => Arrangement::Shared(turn),
            _ => Arrangement::Own,
        };
        let mut gateways = public_gateways(rng, declared, arrangement);
        let node = declared && rng.chance(50);
        if node {
            gateways.push(node_gateway(rng));
        }
        let hosts = draw_hosts(rng, &gateways, arrangement);
        let remotes = draw_remotes(rng);
        for gateway in gateways.iter_mut().filter(|g| declared && g.kind == GatewayKind::Nat) {
            if rng.chance(30) {
                gateway.rules = draw_rules(rng, gateway, &hosts, turn);
            }
        }
        let sensor_error = rng.pick(&[0, MS, 20 * MS]);
        Self { temper, declared, arrangement, horizon, gateways, hosts, remotes, sensor_error }
    }
}

fn ip(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

fn public_gateways(rng: &mut Rng, declared: bool, arrangement: Arrangement) -> Vec<GatewayPlan> {
    let count = 2 + rng.below(2);
    let mut gateways = Vec::new();
    for (place, letter) in ('a'..).take(count).enumerate() {
        let realm = match arrangement {
            _ if !declared => Realm::default_realm(),
            // A pair that takes over from one another stands before the same hosts.
            Arrangement::Shared(_) if place < 2 => Realm::from("vpc-a"),
            _ if place == 0 => Realm::from("vpc-a"),
            _ => Realm::from(rng.pick(&["vpc-a", "vpc-b"])),
        };
        let outside_realm = if declared { Realm::public() } else { Realm::default_realm() };
        let own = ip(203, 0, 113, 7 + u8::try_from(place).unwrap_or(0));
        let shared = ip(203, 0, 113, 7);
        let (holds, declares) = match arrangement {
            Arrangement::Moves(at) if place == 0 => {
                let spare = ip(203, 0, 113, 10);
                let held = vec![(shared, 0, at), (spare, 0, FOREVER)];
                (held, vec![(shared, i64::MIN, at), (spare, i64::MIN, FOREVER)])
            }
            Arrangement::Moves(at) if place == 1 => {
                let held = vec![(shared, at, FOREVER), (own, 0, FOREVER)];
                (held, vec![(own, i64::MIN, FOREVER), (shared, at, FOREVER)])
            }
            Arrangement::Shared(at) if place == 0 => {
                (vec![(shared, 0, at)], vec![(shared, i64::MIN, FOREVER)])
            }
            Arrangement::Shared(at) if place == 1 => {
                (vec![(shared, at, FOREVER)], vec![(shared, i64::MIN, FOREVER)])
            }
            _ => (vec![(own, 0, FOREVER)], vec![(own, i64::MIN, FOREVER)]),
        };
        gateways.push(GatewayPlan {
            name: format!("gw-{letter}"),
            kind: GatewayKind::Nat,
            outside_realm,
            inside_realm: realm,
            holds,
            declares,
            ..habits(rng)
        });
    }
    gateways
}

/// A gateway without name and addresses, but with a way of working.
fn habits(rng: &mut Rng) -> GatewayPlan {
    let timeouts = Timeouts {
        opening: rng.pick(&[3, 20]) * SECOND,
        established: rng.pick(&[30, 120, 600]) * SECOND,
        closing: rng.pick(&[1, 3, 10]) * SECOND,
        datagram: rng.pick(&[2, 5, 30]) * SECOND,
    };
    let count = 2 + rng.below(3);
    GatewayPlan {
        name: String::new(),
        kind: GatewayKind::Nat,
        outside_realm: Realm::public(),
        inside_realm: Realm::public(),
        holds: Vec::new(),
        declares: Vec::new(),
        ports: (20_001..).take(count).collect(),
        endpoint_independent: rng.chance(25),
        drops_early: rng.chance(50),
        timeouts,
        rules: Vec::new(),
        logs_scans: rng.chance(50),
    }
}

/// A node that masquerades its containers behind one address of `vpc-a`.
fn node_gateway(rng: &mut Rng) -> GatewayPlan {
    GatewayPlan {
        name: "node-1".into(),
        kind: GatewayKind::Node,
        outside_realm: Realm::from("vpc-a"),
        inside_realm: Realm::from("node-1"),
        holds: vec![(NODE_IP, 0, FOREVER)],
        declares: vec![(NODE_IP, i64::MIN, FOREVER)],
        logs_scans: false,
        ..habits(rng)
    }
}

fn draw_hosts(rng: &mut Rng, gateways: &[GatewayPlan], arrangement: Arrangement) -> Vec<Host> {
    let mut hosts = Vec::new();
    let publics: Vec<usize> = (0..gateways.len()).filter(|&g| gateways[g].kind == GatewayKind::Nat).collect();
    for place in 0..u8::try_from(3 + rng.below(3)).unwrap_or(3) {
        // The first two stand behind the gateways that share or move an address, so that they meet on it.
        let gateway = if usize::from(place) < 2 { usize::from(place) } else { rng.pick(&publics) };
        let routes = match arrangement {
            Arrangement::Shared(at) if gateway < 2 => vec![(0, 0), (1, at)],
            _ => vec![(gateway, 0)],
        };
        let realm = gateways[gateway].inside_realm.clone();
        // The same private address in two realms, but never twice in one.
        let low = if realm == Realm::from("vpc-b") { place.saturating_sub(1) } else { place };
        hosts.push(Host { ip: ip(10, 0, 0, 11 + low), realm, routes });
    }
    if let Some(node) = gateways.iter().position(|g| g.kind == GatewayKind::Node) {
        for last in 2..4 {
            let realm = gateways[node].inside_realm.clone();
            hosts.push(Host { realm, ip: ip(10, 244, 0, last), routes: vec![(node, 0)] });
        }
        // The node itself, without a container: its own address, straight through the first gateway.
        let routes = match arrangement {
            Arrangement::Shared(at) => vec![(0, 0), (1, at)],
            _ => vec![(0, 0)],
        };
        hosts.push(Host { realm: Realm::from("vpc-a"), ip: NODE_IP, routes });
    }
    hosts
}

fn draw_remotes(rng: &mut Rng) -> Vec<Endpoint> {
    let mut remotes = vec![
        Endpoint::new(ip(198, 51, 100, 9), Some(443)),
        Endpoint::new(ip(198, 51, 100, 9), Some(80)),
        Endpoint::new(ip(198, 51, 100, 10), Some(443)),
    ];
    remotes.truncate(2 + rng.below(2));
    remotes
}

/// One rule, or one that is replaced half-way.
fn draw_rules(rng: &mut Rng, gateway: &GatewayPlan, hosts: &[Host], turn: Us) -> Vec<Rule> {
    let behind: Vec<&Host> =
        hosts.iter().filter(|h| h.realm == gateway.inside_realm && h.ip != NODE_IP).collect();
    let (Some(first), Some(last)) = (behind.first(), behind.last()) else {
        return Vec::new();
    };
    let outside = Endpoint::new(gateway.holds[0].0, Some(RULE_PORT));
    let rule = |host: &Host, from, to| Rule { outside, inside: Endpoint::new(host.ip, Some(8443)), from, to };
    if rng.chance(30) && first.ip != last.ip {
        vec![rule(first, i64::MIN, turn - 1), rule(last, turn, FOREVER)]
    } else {
        vec![rule(first, i64::MIN, FOREVER)]
    }
}
