//! Flows become packets, packets cross the gateways, and every crossing is remembered.

use super::{
    nat::{Kind, Nat},
    plan::{GatewayPlan, Host, MS, NODE_IP, Plan, SECOND, Us},
};
use crate::rng::Rng;
use unmasq_model::{End, Endpoint, PerEnd, Protocol, Realm, trace::Place};

/// Who truly was at one end of a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Truth {
    /// Somebody else's machine, or one whose address is not shared.
    Unmasked,
    /// Ours: the inside endpoint behind each gateway crossed, from the outside in.
    Behind(Vec<Place>),
    /// A balancer carried the connection to several, or to one; the packet was of no request that was
    /// sent on.
    Among {
        /// Whom the connection's requests before and after it went to.
        chains: Vec<Vec<Place>>,
        /// Whether it was of a request that the balancer answered itself.
        refused: bool,
    },
    /// The gateway itself; nobody is behind it.
    Gateway,
    /// Nobody: the address was forged.
    Nobody,
}

/// A packet where a sensor can see it.
#[derive(Clone, Debug)]
pub struct Passage {
    /// When it passed.
    pub at: Us,
    /// Where.
    pub realm: Realm,
    /// The transport protocol.
    pub protocol: Protocol,
    /// Source and destination, as they are there.
    pub ends: PerEnd<Endpoint>,
    /// Who opened the flow.
    pub opened_by: End,
    /// Who truly was at either end.
    pub truth: PerEnd<Truth>,
}

/// All that happened.
#[derive(Clone, Debug)]
pub struct History {
    /// The tables, one for each gateway of the plan.
    pub nats: Vec<Nat>,
    /// The packets, in order of time.
    pub passages: Vec<Passage>,
}

/// What one packet of a flow is about to do.
struct Packet {
    at: Us,
    flow: usize,
    kind: Kind,
    back: bool,
}

struct Flow {
    /// `None` if somebody outside opened it.
    host: Option<usize>,
    protocol: Protocol,
    /// Our endpoint: inside if we opened it, else outside.
    ours: Endpoint,
    remote: Endpoint,
    /// The gateway that is called, if somebody outside opened it.
    called: usize,
}

impl History {
    /// Lets the world of `plan` run.
    #[must_use]
    pub fn run(plan: &Plan, rng: &mut Rng) -> Self {
        let flows: Vec<Flow> = (0..12 + rng.below(24)).map(|_| Flow::draw(plan, rng)).collect();
        let mut packets: Vec<Packet> =
            flows.iter().enumerate().flat_map(|(at, flow)| flow.packets(at, plan, rng)).collect();
        packets.sort_by_key(|packet| packet.at);
        let nats = plan.gateways.iter().cloned().map(Nat::new).collect();
        let mut history = Self { nats, passages: Vec::new() };
        for packet in &packets {
            history.pass(plan, &flows[packet.flow], packet);
        }
        history
    }

    fn pass(&mut self, plan: &Plan, flow: &Flow, packet: &Packet) {
        match flow.host {
            Some(host) => {
                self.send(plan, &plan.hosts[host], flow, packet);
            }
            None => self.call(plan, flow, packet),
        }
    }

    /// A packet of ours on its way out, through one gateway or two.
    fn send(&mut self, plan: &Plan, host: &Host, flow: &Flow, packet: &Packet) -> Option<()> {
        let at = packet.at;
        let mut source = flow.ours;
        let mut chain: Vec<Place> = Vec::new();
        let mut sender = host;
        if host.ip == NODE_IP {
            // A node tracks what it sends itself, so that no container gets the same port.
            let node = self.nats.iter_mut().find(|nat| nat.holds(NODE_IP, at))?;
            if !node.own(at, flow.protocol, source, flow.remote, packet.kind) {
                return None;
            }
        }
        loop {
            let gateway = sender.route(at);
            let facts = &plan.gateways[gateway];
            if packet.back && !self.nats[gateway].knows(at, flow.protocol, source, flow.remote) {
                return None; // an answer that comes too late meets no entry, and makes none
            }
            let outside = self.nats[gateway].outward(at, flow.protocol, source, flow.remote, packet.kind)?;
            chain.insert(0, Place::new(facts.inside_realm.clone(), source));
            let remote = self.other_side(plan, gateway, flow, packet, outside)?;
            self.passages.push(Passage {
                at,
                realm: facts.outside_realm.clone(),
                protocol: flow.protocol,
                ends: seen(flow.protocol, outside, flow.remote, packet.back),
                opened_by: if packet.back { End::Dest } else { End::Src },
                truth: directed(Truth::Behind(chain.clone()), remote, packet.back),
            });
            // Behind a node the packet meets the gateway of the node itself.
            let next = plan.hosts.iter().find(|h| h.realm == facts.outside_realm && h.ip == outside.ip)?;
            (sender, source) = (next, outside);
        }
    }

    /// Who is called: somebody outside, or whatever another gateway of ours has for it.
    ///
    /// `None` if the packet would have to turn round in the gateway that it just left.
    fn other_side(
        &mut self,
        plan: &Plan,
        from: usize,
        flow: &Flow,
        packet: &Packet,
        outside: Endpoint,
    ) -> Option<Truth> {
        let known = |nat: &&GatewayPlan| nat.holds.iter().any(|(ip, _, _)| *ip == flow.remote.ip);
        if plan.gateways[from].outside_realm != Realm::public() || !plan.gateways.iter().any(|g| known(&g)) {
            return Some(Truth::Unmasked);
        }
        let called = self.nats.iter().position(|nat| nat.holds(flow.remote.ip, packet.at));
        if called == Some(from) {
            return None;
        }
        let Some(called) = called else {
            return Some(Truth::Nobody);
        };
        let inside = self.nats[called].inward(packet.at, flow.protocol, flow.remote, outside, packet.kind)?;
        Some(self.received(plan, called, inside, flow, outside, packet))
    }

    /// Who gets what a gateway received from `remote`: what it forwards to a node may go on from there.
    fn received(
        &mut self,
        plan: &Plan,
        gateway: usize,
        inside: Option<Endpoint>,
        flow: &Flow,
        remote: Endpoint,
        packet: &Packet,
    ) -> Truth {
        let Some(inside) = inside else {
            return Truth::Gateway;
        };
        let realm = plan.gateways[gateway].inside_realm.clone();
        let mut chain = vec![Place::new(realm, inside)];
        let node = self.nats.iter().position(|nat| nat.holds(inside.ip, packet.at));
        if let Some(node) = node
            && let Some(Some(further)) =
                self.nats[node].inward(packet.at, flow.protocol, inside, remote, packet.kind)
        {
            chain.push(Place::new(plan.gateways[node].inside_realm.clone(), further));
        }
        Truth::Behind(chain)
    }

    /// A packet of somebody outside who calls us: a rule answers, or the gateway itself.
    fn call(&mut self, plan: &Plan, flow: &Flow, packet: &Packet) {
        let nat = &mut self.nats[flow.called];
        let Some(inside) = nat.inward(packet.at, flow.protocol, flow.ours, flow.remote, packet.kind) else {
            return;
        };
        let truth = self.received(plan, flow.called, inside, flow, flow.remote, packet);
        self.passages.push(Passage {
            at: packet.at,
            realm: plan.gateways[flow.called].outside_realm.clone(),
            protocol: flow.protocol,
            ends: seen(flow.protocol, flow.ours, flow.remote, !packet.back),
            opened_by: if packet.back { End::Dest } else { End::Src },
            truth: directed(truth, Truth::Unmasked, !packet.back),
        });
    }
}

/// A packet's two ends as a sensor sees them: echoes have no ports.
fn seen(protocol: Protocol, ours: Endpoint, remote: Endpoint, inward: bool) -> PerEnd<Endpoint> {
    let show = |end: Endpoint| Endpoint { ip: end.ip, port: end.port.filter(|_| protocol.has_ports()) };
    directed(show(ours), show(remote), inward)
}

fn directed<T>(ours: T, remote: T, inward: bool) -> PerEnd<T> {
    if inward { PerEnd { src: remote, dest: ours } } else { PerEnd { src: ours, dest: remote } }
}

impl Flow {
    fn draw(plan: &Plan, rng: &mut Rng) -> Self {
        let publics: Vec<usize> =
            (0..plan.gateways.len()).filter(|&g| plan.gateways[g].name.starts_with("gw")).collect();
        if rng.chance(12) {
            return Self::inbound(plan, rng.pick(&publics), rng);
        }
        let host = rng.below(plan.hosts.len());
        let protocol = match rng.below(20) {
            0..11 => Protocol::TCP,
            11..17 => Protocol::UDP,
            _ => Protocol::ICMP,
        };
        let listening: Vec<Endpoint> =
            plan.gateways.iter().flat_map(|g| &g.rules).map(|rule| rule.outside).collect();
        let mut remote = rng.pick(&plan.remotes);
        if protocol == Protocol::ICMP {
            remote.port = None;
        } else if !listening.is_empty() && rng.chance(15) {
            remote = rng.pick(&listening);
        }
        let port = rng.pick(&[20_001, 20_002, 40_000]);
        let ours = Endpoint::new(plan.hosts[host].ip, Some(port));
        Self { host: Some(host), protocol, ours, remote, called: 0 }
    }

    /// Somebody calls a rule, or scans a port that nothing listens on.
    fn inbound(plan: &Plan, called: usize, rng: &mut Rng) -> Self {
        let gateway = &plan.gateways[called];
        let port = if rng.chance(60) { 443 } else { rng.pick(&[20_001, 20_002, 22]) };
        let ours = Endpoint::new(rng.pick(&gateway.holds).0, Some(port));
        // Where scans leave no record, a scanner must not look like a server that somebody talks to:
        // no log could then tell the two apart, and no tracer either.
        let scanner = Endpoint::new([198, 51, 100, 20].into(), Some(50_000 + u16::from(rng.chance(50))));
        let remote = if gateway.logs_scans && rng.chance(40) { rng.pick(&plan.remotes) } else { scanner };
        Self { host: None, protocol: Protocol::TCP, ours, remote, called }
    }

    fn packets(&self, flow: usize, plan: &Plan, rng: &mut Rng) -> Vec<Packet> {
        let mut at = rng.between(0, plan.horizon);
        let mut packets = Vec::new();
        let connected = self.protocol == Protocol::TCP;
        let mut push = |at, kind, back| packets.push(Packet { at, flow, kind, back });
        push(at, if connected { Kind::Open } else { Kind::Datagram }, false);
        if self.host.is_none() && rng.chance(50) {
            return packets;
        }
        let pace = rng.pick(&[2 * MS, 300 * MS, 2 * SECOND, 15 * SECOND]);
        for _ in 0..rng.below(5) {
            at += rng.between(1, pace);
            push(at, if connected { Kind::Data } else { Kind::Datagram }, rng.chance(50));
        }
        if connected && rng.chance(80) {
            at += rng.between(1, pace);
            push(at, Kind::Close, rng.chance(50));
        }
        packets
    }
}
