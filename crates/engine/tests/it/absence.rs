//! Why nothing was found.

use crate::world::{GW_A, World, inside, masked, t};
use unmasq_model::{DnatRule, End, Reason, Role, Span, Status, Switches, trace::EndTrace, trace::Owner};

const OUTSIDE: &str = "203.0.113.10:20001";
const REMOTE: &str = "198.51.100.9:443";

fn reason(world: &World, seconds: f64) -> Option<Reason> {
    masked(&world.alert(OUTSIDE, REMOTE, seconds).src).reason
}

#[test]
fn no_record_proves_nothing_unless_the_log_is_complete() {
    let mut world = World::new();
    assert_eq!(reason(&world, 100.0), Some(Reason::NotLogged));
    world.site.logs[0].coverage.complete = true;
    assert_eq!(reason(&world, 100.0), Some(Reason::NoSession));
}

#[test]
fn what_the_log_does_not_cover_is_said() {
    let mut world = World::new();
    world.site.logs[0].coverage.since = t(50.0);
    assert_eq!(reason(&world, 50.2), Some(Reason::BeforeCollection));
    assert_eq!(reason(&world, 3600.0), Some(Reason::AfterCoverage));
    assert!(!world.alert(OUTSIDE, REMOTE, 3600.0).is_final);
    world.site.gateways[0].logs.clear();
    assert_eq!(reason(&world, 100.0), Some(Reason::GatewayNotConnected));
}

#[test]
fn nobody_is_named_behind_what_was_switched_off_then() {
    let mut world = World::new();
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.14:51000", (10.0, 20.0));
    let mut switches = Switches::initially(false);
    switches.attack.turn(t(14.0), true);
    world.site.gateways[0].switches = switches;
    let hidden = world.alert(OUTSIDE, REMOTE, 12.0);
    assert_eq!(masked(&hidden.src).reason, Some(Reason::SwitchedOff));
    assert!(hidden.is_final && masked(&hidden.src).hops.is_empty());
    assert_eq!(world.alert(OUTSIDE, REMOTE, 15.0).src.status(), Status::Traced);
    world.site.gateways[0].logs.clear();
    assert_eq!(reason(&world, 12.0), Some(Reason::GatewayNotConnected));
}

#[test]
fn an_address_that_nobody_knows_is_to_be_connected() {
    let world = World::new();
    let trace = world.alert("192.0.2.1:1000", REMOTE, 100.0);
    assert_eq!((trace.status, masked(&trace.src).reason), (Status::Untraced, Some(Reason::UnknownAddress)));
    assert_eq!(masked(&trace.dest).reason, Some(Reason::UnknownAddress));
}

#[test]
fn an_alias_is_used_when_known_and_pointed_at_when_not() {
    let mut world = World::new();
    world.session(GW_A, "10.9.9.10:20001", REMOTE, "10.0.0.14:51000", (10.0, 20.0));
    let trace = world.alert(OUTSIDE, REMOTE, 15.0);
    assert_eq!(masked(&trace.src).reason, Some(Reason::AliasUnknown));
    assert_eq!(masked(&trace.src).candidates.len(), 1);
    let (logged, outside) = ("10.9.9.10".parse().unwrap(), "203.0.113.10".parse().unwrap());
    world.site.gateways[0].aliases.push(unmasq_model::Alias { logged, outside, held: Span::ALWAYS });
    let trace = world.alert(OUTSIDE, REMOTE, 15.0);
    assert_eq!(inside(&trace.src).as_deref(), Some("vpc-a 10.0.0.14:51000"));
    assert_eq!(masked(&trace.src).hops[0].outside.ip, outside, "the hop shows what the world sees");
}

#[test]
fn a_scan_that_nobody_forwards_ended_at_the_gateway() {
    let mut world = World::new();
    let held = (Span::at(t(10.0)), Span::at(t(11.0)), None);
    world.insert(GW_A, Role::Server, ("203.0.113.10:4024", "192.0.2.77:53504", None), held);
    let trace = world.alert("192.0.2.77:53504", "203.0.113.10:4024", 10.5);
    let dest = masked(&trace.dest);
    assert_eq!((dest.status, dest.reason), (Status::Untraced, Some(Reason::EndedAtGateway)));
    assert_eq!(dest.hops[0].evidence.len(), 1, "the untranslated record is the proof");
    assert!(trace.is_final);
}

#[test]
fn without_a_record_only_the_rules_can_say_that_it_ended_there() {
    let mut world = World::new();
    let scan = |world: &World| {
        let trace = world.alert_opened_by("192.0.2.77:53504", "203.0.113.10:22", 10.5, Some(End::Src));
        let dest = masked(&trace.dest).clone();
        (dest.reason, dest.inside.map(|place| place.endpoint().to_string()))
    };
    assert_eq!(scan(&world), (Some(Reason::NotLogged), None));
    world.site.gateways[0].dnat = Some(Vec::new());
    assert_eq!(scan(&world), (Some(Reason::EndedAtGateway), None));
    world.site.gateways[0].dnat = Some(vec![DnatRule {
        protocol: Some(unmasq_model::Protocol::TCP),
        outside: crate::world::at("203.0.113.10:22"),
        inside: crate::world::at("10.0.0.14:22"),
        held: Span::ALWAYS,
        inventory: "inventory.json".into(),
        path: "gateways[0].dnat[0]".into(),
    }]);
    assert_eq!(scan(&world), (None, Some("10.0.0.14:22".to_owned())));
}

#[test]
fn a_sensor_inside_sees_our_own_addresses() {
    let mut world = World::new();
    world.site.sensor_realm = "vpc-a".into();
    world.instance("vpc-a", "10.0.0.14", "i-14", Span::ALWAYS);
    let trace = world.alert("10.0.0.14:51000", REMOTE, 15.0);
    assert_eq!(trace.status, Status::NotMasked);
    match trace.src {
        EndTrace::NotMasked(end) => assert_eq!((end.owner, end.asset.is_some()), (Owner::Ours, true)),
        EndTrace::Masked(_) => panic!("10.0.0.14 is not shared"),
    }
}
