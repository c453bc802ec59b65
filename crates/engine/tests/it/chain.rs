//! Several gateways in a row, and what stands at the end of them.

use crate::world::{GW_A, GW_B, NODE, World, inside, masked, t};
use unmasq_model::{Reason, Span, Status};

const OUTSIDE: &str = "203.0.113.10:20001";
const REMOTE: &str = "198.51.100.9:443";

#[test]
fn a_node_below_the_gateway_is_crossed_too() {
    let mut world = World::new();
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.21:40000", (10.0, 20.0));
    world.session(NODE, "10.0.0.21:40000", REMOTE, "172.17.0.2:50000", (10.0, 20.0));
    let trace = world.alert(OUTSIDE, REMOTE, 15.0);
    assert_eq!(inside(&trace.src).as_deref(), Some("node-1/docker0 172.17.0.2:50000"));
    let names: Vec<&str> = masked(&trace.src).hops.iter().map(|hop| hop.gateway.as_str()).collect();
    assert_eq!(names, ["gw-a", "node-1"]);
}

#[test]
fn a_chain_that_stops_at_a_node_is_partial() {
    let mut world = World::new();
    world.instance("vpc-a", "10.0.0.21", "i-node", Span::ALWAYS);
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.21:40000", (10.0, 20.0));
    let trace = world.alert(OUTSIDE, REMOTE, 15.0);
    let src = masked(&trace.src);
    assert_eq!((src.status, src.reason), (Status::Partial, Some(Reason::NoInnerRecord)));
    assert_eq!(inside(&trace.src).as_deref(), Some("vpc-a 10.0.0.21:40000"));
    assert_eq!(src.asset.as_ref().map(|asset| asset.id.as_str()), Some("i-node"));
}

#[test]
fn a_node_that_spoke_for_itself_is_the_asset() {
    let mut world = World::new();
    world.instance("vpc-a", "10.0.0.21", "i-node", Span::ALWAYS);
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.21:40000", (10.0, 20.0));
    let held = (Span::at(t(10.0)), Span::at(t(20.0)), None);
    world.insert(NODE, unmasq_model::Role::Client, ("10.0.0.21:40000", REMOTE, None), held);
    let trace = world.alert(OUTSIDE, REMOTE, 15.0);
    assert_eq!(masked(&trace.src).status, Status::Traced);
    assert_eq!(masked(&trace.src).asset.as_ref().map(|asset| asset.id.as_str()), Some("i-node"));
}

#[test]
fn gateways_that_name_each_other_are_a_loop() {
    let mut world = World::new();
    world.site.gateways[0].inside_realm = "public".into();
    world.site.gateways[1].inside_realm = "public".into();
    world.session(GW_A, OUTSIDE, REMOTE, "203.0.113.20:30001", (10.0, 20.0));
    world.session(GW_B, "203.0.113.20:30001", REMOTE, OUTSIDE, (10.0, 20.0));
    let trace = world.alert(OUTSIDE, REMOTE, 15.0);
    assert_eq!(masked(&trace.src).reason, Some(Reason::Loop));
    assert_eq!(masked(&trace.src).status, Status::Partial);
}

#[test]
fn an_address_answers_for_whoever_held_it_then() {
    let mut world = World::new();
    world.instance("vpc-a", "10.0.0.14", "i-old", Span::between(t(0.0), t(100.0)));
    world.instance("vpc-a", "10.0.0.14", "i-new", Span::between(t(100.0), unmasq_model::LogTime::FOREVER));
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.14:51000", (10.0, 400.0));
    let asset = |seconds| {
        let trace = world.alert(OUTSIDE, REMOTE, seconds);
        masked(&trace.src).asset.as_ref().map(|asset| asset.id.to_string())
    };
    assert_eq!(asset(50.0).as_deref(), Some("i-old"));
    assert_eq!(asset(200.0).as_deref(), Some("i-new"));
    let handover = world.alert(OUTSIDE, REMOTE, 100.1);
    assert_eq!(masked(&handover.src).status, Status::Ambiguous);
    assert_eq!(masked(&handover.src).candidates_total, 2);
}

#[test]
fn two_gateways_that_may_hold_one_address_make_the_answer_a_conflict() {
    let mut world = World::new();
    world.site.gateways[1].addresses.push(("203.0.113.10".parse().unwrap(), Span::ALWAYS));
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.14:51000", (10.0, 20.0));
    let alone = world.alert(OUTSIDE, REMOTE, 15.0);
    assert_eq!(
        masked(&alone.src).certainty,
        Some(unmasq_model::Certainty::Likely),
        "the other may be silent"
    );
    world.session(GW_B, OUTSIDE, REMOTE, "10.0.0.99:51000", (12.0, 18.0));
    assert_eq!(masked(&world.alert(OUTSIDE, REMOTE, 15.0).src).reason, Some(Reason::Conflict));
}
