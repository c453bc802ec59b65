//! Deterministic NAT: the configuration names the host, without any log.

use crate::world::{World, inside, masked, t};
use unmasq_model::{Certainty, Gateway, GatewayKind, Ipv4Ranges, PortOrder, PortPlan, Reason, Span};

const CGN: &str = "198.18.0.1:2100";
const PEER: &str = "198.51.100.66:80";

fn world(plans: &[(&str, Span)]) -> World {
    let mut world = World::new();
    let plan = |inside: &str, held| PortPlan {
        inside: Ipv4Ranges::new([(inside.parse().unwrap(), "100.64.255.255".parse().unwrap())]).unwrap(),
        outside: Ipv4Ranges::new([("198.18.0.1".parse().unwrap(), "198.18.0.9".parse().unwrap())]).unwrap(),
        ports: (1024, 65535),
        block: 1000,
        order: PortOrder::Sequential,
        held,
        inventory: "inventory.json".into(),
        path: "gateways[5].port_plans[0]".into(),
    };
    let port_plans = plans.iter().map(|(first, held)| plan(first, *held)).collect();
    let cgn = Gateway::named("cgn".into(), GatewayKind::Nat, "public".into(), "subscribers".into());
    world.site.gateways.push(Gateway { port_plans, ..cgn });
    world
}

#[test]
fn the_configuration_in_force_names_the_host() {
    let world = world(&[("100.64.0.0", Span::ALWAYS)]);
    let trace = world.alert(CGN, PEER, 30.0);
    assert_eq!(inside(&trace.src).as_deref(), Some("subscribers 100.64.0.1"));
    assert_eq!(masked(&trace.src).certainty, Some(Certainty::Certain));
    assert!(trace.is_final);
}

#[test]
fn a_port_of_no_block_needs_a_log() {
    let world = world(&[("100.64.0.0", Span::ALWAYS)]);
    let trace = world.alert("198.18.0.1:1000", PEER, 30.0);
    assert_eq!(masked(&trace.src).reason, Some(Reason::GatewayNotConnected));
}

#[test]
fn a_change_within_the_clock_bound_leaves_two() {
    let (before, after) = (Span::between(t(0.0), t(30.0)), Span::between(t(30.0), t(90.0)));
    let world = world(&[("100.64.0.0", before), ("100.64.7.0", after)]);
    let trace = world.alert(CGN, PEER, 30.2);
    assert_eq!(masked(&trace.src).reason, Some(Reason::ClockBound));
    assert_eq!(masked(&trace.src).candidates_total, 2);
    let trace = world.alert(CGN, PEER, 32.0);
    assert_eq!(inside(&trace.src).as_deref(), Some("subscribers 100.64.7.1"));
}

#[test]
fn a_packet_that_nobody_called_for_may_have_reached_nobody() {
    let world = world(&[("100.64.0.0", Span::ALWAYS)]);
    let trace = world.alert(PEER, CGN, 30.0);
    assert_eq!(inside(&trace.dest).as_deref(), Some("subscribers 100.64.0.1"));
    assert_eq!(masked(&trace.dest).certainty, Some(Certainty::Likely));
}
