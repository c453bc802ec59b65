//! Who held a translation at a moment.

use crate::world::{GW_A, World, inside, masked, t};
use unmasq_model::{Certainty, LogTime, Reason, Role, Span, Status};

const OUTSIDE: &str = "203.0.113.10:20001";
const REMOTE: &str = "198.51.100.9:443";

#[test]
fn the_one_holder_is_named_and_proven() {
    let mut world = World::new();
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.14:51000", (10.0, 20.0));
    let trace = world.alert(OUTSIDE, REMOTE, 15.0);
    let src = masked(&trace.src);
    assert_eq!((trace.status, trace.is_final), (Status::Traced, true));
    assert_eq!((src.certainty, src.role), (Some(Certainty::Certain), Role::Client));
    assert_eq!(inside(&trace.src).as_deref(), Some("vpc-a 10.0.0.14:51000"));
    assert_eq!(src.hops[0].gateway.as_str(), "gw-a");
    assert_eq!(trace.dest.status(), Status::NotMasked);
}

#[test]
fn an_alert_on_the_reply_traces_its_destination() {
    let mut world = World::new();
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.14:51000", (10.0, 20.0));
    let trace = world.alert(REMOTE, OUTSIDE, 15.0);
    assert_eq!(trace.src.status(), Status::NotMasked);
    assert_eq!(inside(&trace.dest).as_deref(), Some("vpc-a 10.0.0.14:51000"));
    assert_eq!(masked(&trace.dest).role, Role::Client);
}

#[test]
fn one_port_towards_two_remotes_is_two_translations() {
    let mut world = World::new();
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.14:51000", (10.0, 20.0));
    world.session(GW_A, OUTSIDE, "198.51.100.80:80", "10.0.0.15:51000", (10.0, 20.0));
    let trace = world.alert(OUTSIDE, REMOTE, 15.0);
    assert_eq!(inside(&trace.src).as_deref(), Some("vpc-a 10.0.0.14:51000"));
}

#[test]
fn two_holders_within_the_clock_bound_are_both_listed() {
    let mut world = World::new();
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.14:51000", (10.0, 20.0));
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.15:52000", (20.2, 30.0));
    let trace = world.alert(OUTSIDE, REMOTE, 20.1);
    let src = masked(&trace.src);
    assert_eq!((src.status, src.reason), (Status::Ambiguous, Some(Reason::ClockBound)));
    assert_eq!(src.candidates_total, 2);
    assert!(inside(&trace.src).is_none());
    // Well away from the hand-over, each is named again.
    assert_eq!(inside(&world.alert(OUTSIDE, REMOTE, 18.0).src).as_deref(), Some("vpc-a 10.0.0.14:51000"));
    assert_eq!(inside(&world.alert(OUTSIDE, REMOTE, 22.0).src).as_deref(), Some("vpc-a 10.0.0.15:52000"));
}

#[test]
fn candidates_of_one_machine_still_name_the_machine() {
    let mut world = World::new();
    world.instance("vpc-a", "10.0.0.14", "i-14", Span::ALWAYS);
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.14:51000", (10.0, 20.0));
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.14:52000", (20.2, 30.0));
    let trace = world.alert(OUTSIDE, REMOTE, 20.1);
    let src = masked(&trace.src);
    assert_eq!(src.status, Status::Ambiguous);
    assert_eq!(src.asset.as_ref().map(|asset| asset.id.as_str()), Some("i-14"));
}

#[test]
fn an_end_that_nobody_saw_is_bounded_by_the_next_holder() {
    let mut world = World::new();
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.14:51000", (10.0, f64::INFINITY));
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.15:52000", (40.0, 50.0));
    let open = world.alert(OUTSIDE, REMOTE, 30.0);
    assert_eq!(inside(&open.src).as_deref(), Some("vpc-a 10.0.0.14:51000"));
    assert_eq!(masked(&open.src).certainty, Some(Certainty::Likely), "it may have ended unseen");
    assert_eq!(masked(&world.alert(OUTSIDE, REMOTE, 60.0).src).status, Status::Untraced);
}

#[test]
fn what_a_record_does_not_prove_is_only_likely_until_a_complete_log_proves_it() {
    let mut world = World::new();
    let held = (Span::at(t(10.0)), Span::at(t(20.0)), None);
    world.insert(GW_A, Role::Client, (OUTSIDE, REMOTE, Some("10.0.0.14:51000")), held);
    assert_eq!(masked(&world.alert(OUTSIDE, REMOTE, 15.0).src).certainty, Some(Certainty::Likely));
    world.site.logs[0].coverage.complete = true;
    assert_eq!(masked(&world.alert(OUTSIDE, REMOTE, 15.0).src).certainty, Some(Certainty::Certain));
}

#[test]
fn a_record_still_due_makes_the_answer_provisional() {
    let mut world = World::new();
    let held = (Span::at(t(10.0)), Span::between(t(20.0), LogTime::FOREVER), None);
    world.insert(GW_A, Role::Client, (OUTSIDE, REMOTE, Some("10.0.0.14:51000")), held);
    world.site.logs[0].coverage.until = t(30.0);
    let trace = world.alert(OUTSIDE, REMOTE, 29.9);
    assert_eq!(masked(&trace.src).certainty, Some(Certainty::Provisional));
    assert!(!trace.is_final);
}

#[test]
fn hosts_that_ping_one_target_cannot_be_told_apart() {
    let mut world = World::new();
    world.session(GW_A, "203.0.113.10", "198.51.100.66", "10.0.0.11", (10.0, 20.0));
    world.session(GW_A, "203.0.113.10", "198.51.100.66", "10.0.0.13", (12.0, 20.0));
    let trace = world.alert("203.0.113.10", "198.51.100.66", 15.0);
    assert_eq!(masked(&trace.src).reason, Some(Reason::NoPorts));
    assert_eq!(
        inside(&world.alert("203.0.113.10", "198.51.100.66", 10.5).src).as_deref(),
        Some("vpc-a 10.0.0.11")
    );
}

#[test]
fn windows_of_one_session_are_joined_unless_another_stood_between() {
    let mut world = World::new();
    world.site.logs[0].idle_timeout = Some(std::time::Duration::from_secs(900));
    let window = |from: f64, to: f64| (Span::at(t(from)), Span::at(t(to)), None);
    world.insert(GW_A, Role::Client, (OUTSIDE, REMOTE, Some("10.0.0.14:51000")), window(0.0, 600.0));
    world.insert(GW_A, Role::Client, (OUTSIDE, REMOTE, Some("10.0.0.14:51000")), window(700.0, 1300.0));
    let silent = world.alert(OUTSIDE, REMOTE, 650.0);
    assert_eq!(inside(&silent.src).as_deref(), Some("vpc-a 10.0.0.14:51000"));
    assert_eq!(masked(&silent.src).certainty, Some(Certainty::Likely));
    world.insert(GW_A, Role::Client, (OUTSIDE, REMOTE, Some("10.0.0.15:52000")), window(620.0, 640.0));
    assert_eq!(masked(&world.alert(OUTSIDE, REMOTE, 660.0).src).status, Status::Untraced);
    assert_eq!(inside(&world.alert(OUTSIDE, REMOTE, 630.0).src).as_deref(), Some("vpc-a 10.0.0.15:52000"));
}

#[test]
fn two_logs_of_one_gateway_are_one_truth() {
    let mut world = World::new();
    let mut coarse = world.site.logs[0].clone();
    coarse.name = "gw-a.coarse.log".into();
    coarse.files = vec!["gw-a.coarse.log".into()];
    world.site.logs.push(coarse);
    world.site.gateways[0].logs.insert(unmasq_model::LogIx(5));
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.14:51000", (10.0, 20.0));
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.15:52000", (25.0, 40.0));
    world.in_log(
        5,
        GW_A,
        (OUTSIDE, REMOTE, "10.0.0.14:51000"),
        (Span::at(t(10.0)), Span::between(t(12.0), t(60.0))),
    );
    let trace = world.alert(OUTSIDE, REMOTE, 30.0);
    // What the coarser log leaves open, the finer one knows to be over.
    assert_eq!(inside(&trace.src).as_deref(), Some("vpc-a 10.0.0.15:52000"));
    let trace = world.alert(OUTSIDE, REMOTE, 15.0);
    assert_eq!(masked(&trace.src).hops[0].evidence.len(), 2, "both logs are cited");
    world.site.logs[0].coverage.until = t(29.0);
    let trace = world.alert(OUTSIDE, REMOTE, 30.0);
    assert_eq!(masked(&trace.src).candidates_total, 2, "a log that had stopped by then rules nothing out");
}

#[test]
fn two_logs_of_thousands_of_holders_are_not_compared_each_with_each() {
    let mut world = World::new();
    world.site.logs.push(world.site.logs[0].clone());
    world.site.gateways[0].logs.insert(unmasq_model::LogIx(5));
    for host in 0..4_000_u32 {
        let inside = std::net::Ipv4Addr::from_bits(0x0a00_0000 + host).to_string();
        let held = (Span::at(t(10.0)), Span::at(t(60.0)));
        for log in [0, 5] {
            world.in_log(log, GW_A, ("203.0.113.10", "198.51.100.66", &inside), held);
        }
    }
    let trace = world.alert("203.0.113.10", "198.51.100.66", 30.0);
    assert_eq!(masked(&trace.src).candidates_total, 4_000);
}
