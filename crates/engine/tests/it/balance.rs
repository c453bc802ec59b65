//! What lies behind a balancer.

use crate::world::{INNER_LB, LB, World, at, inside, masked, t};
use unmasq_model::{
    Certainty, GatewayName, HttpContext, Layer, Listener, Protocol, Reason, Request, Status, Trace, Try,
};

const VIP: &str = "203.0.113.100:80";
const CLIENT: &str = "192.0.2.66:41330";

fn world() -> World {
    let mut world = World::new();
    for (ip, id) in [("10.0.0.11", "i-1"), ("10.0.0.12", "i-2"), ("10.0.0.13", "i-3")] {
        world.instance("vpc-a", ip, id, unmasq_model::Span::ALWAYS);
    }
    world
}

fn sent_to(backends: &[&str]) -> Request {
    Request {
        tries: backends.iter().map(|backend| Try { backend: Some(at(backend)), ..Try::default() }).collect(),
        ..Request::new(Layer::Request)
    }
}

fn get(path: &str, backend: &str) -> Request {
    Request {
        method: Some("GET".into()),
        path: Some(path.into()),
        host: Some("shop.example:80".into()),
        ..sent_to(&[backend])
    }
}

fn shown(url: &str) -> Option<HttpContext> {
    let (host, method) = (Some("SHOP.example".into()), Some("GET".into()));
    Some(HttpContext { host, method, url: Some(url.into()), ..HttpContext::default() })
}

/// Declares a log complete for long enough that whatever was under way has ended.
fn complete(world: &mut World, log: usize) {
    let coverage = &mut world.site.logs[log].coverage;
    (coverage.complete, coverage.until) = (true, t(7_200.0));
}

fn named(trace: &Trace) -> Option<String> {
    inside(&trace.dest)
}

fn reason(trace: &Trace) -> Option<Reason> {
    masked(&trace.dest).reason
}

#[test]
fn the_request_that_looks_like_it_leads_to_its_backend() {
    let mut world = world();
    world.carried(LB, (VIP, CLIENT), get("/a", "10.0.0.11:8080"), (10.0, 10.1));
    world.carried(LB, (VIP, CLIENT), get("/b", "10.0.0.12:8080"), (10.2, 10.3));
    let trace = world.alert_showing(CLIENT, VIP, 10.3, shown("/b"));
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.12:8080"));
    assert_eq!(masked(&trace.dest).status, Status::Traced);
    // Nothing says that no other request like it is missing.
    assert_eq!(masked(&trace.dest).certainty, Some(Certainty::Likely));
    assert_eq!(masked(&trace.dest).asset.as_ref().unwrap().id.as_str(), "i-2");
}

#[test]
fn an_alert_may_lag_its_request_but_never_precedes_it() {
    let mut world = world();
    world.carried(LB, (VIP, CLIENT), get("/a", "10.0.0.11:8080"), (10.0, 10.0));
    // The clock bound is half a second.
    for (seconds, found) in [(11.6, true), (11.8, false), (9.6, true), (9.4, false)] {
        let trace = world.alert_showing(CLIENT, VIP, seconds, shown("/a"));
        assert_eq!(named(&trace).is_some(), found, "{seconds}");
    }
}

#[test]
fn requests_that_nothing_tells_apart_are_ambiguous() {
    let mut world = world();
    world.carried(LB, (VIP, CLIENT), get("/a", "10.0.0.11:8080"), (10.0, 10.0));
    world.carried(LB, (VIP, CLIENT), get("/a", "10.0.0.12:8080"), (10.4, 10.4));
    let trace = world.alert_showing(CLIENT, VIP, 10.4, shown("/a"));
    assert_eq!((named(&trace), reason(&trace)), (None, Some(Reason::SameRequest)));
    assert_eq!(masked(&trace.dest).candidates_total, 2);
}

#[test]
fn the_position_on_the_connection_tells_them_apart() {
    let mut world = world();
    let counted = |n, backend| Request { position: Some(n), ..get("/a", backend) };
    world.carried(LB, (VIP, CLIENT), counted(3, "10.0.0.11:8080"), (10.0, 10.0));
    world.carried(LB, (VIP, CLIENT), counted(4, "10.0.0.12:8080"), (10.4, 10.4));
    let position = |n| shown("/a").map(|http| HttpContext { position: Some(n), ..http });
    let trace = world.alert_showing(CLIENT, VIP, 10.4, position(4));
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.12:8080"));
    // A detector that joined late counts otherwise.
    let trace = world.alert_showing(CLIENT, VIP, 10.4, position(0));
    assert_eq!(reason(&trace), Some(Reason::SameRequest));
}

#[test]
fn another_status_is_another_request() {
    let mut world = world();
    let answered = |status, backend| Request { status: Some(status), ..get("/a", backend) };
    world.carried(LB, (VIP, CLIENT), answered(500, "10.0.0.11:8080"), (10.0, 10.0));
    world.carried(LB, (VIP, CLIENT), answered(200, "10.0.0.12:8080"), (10.4, 10.4));
    let status = shown("/a").map(|http| HttpContext { status: Some(200), ..http });
    let trace = world.alert_showing(CLIENT, VIP, 10.4, status);
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.12:8080"));
}

#[test]
fn what_shows_no_request_is_about_the_connection() {
    let mut world = world();
    world.carried(LB, (VIP, CLIENT), get("/a", "10.0.0.11:8080"), (10.0, 10.1));
    world.carried(LB, (VIP, CLIENT), sent_to(&[]), (15.0, 15.1));
    world.carried(LB, (VIP, "192.0.2.66:999"), get("/a", "10.0.0.13:8080"), (10.0, 10.1));
    let trace = world.alert_showing(CLIENT, VIP, 60.0, None);
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.11:8080"));
    world.carried(LB, (VIP, CLIENT), get("/b", "10.0.0.12:8080"), (100.0, 100.1));
    let trace = world.alert_showing(CLIENT, VIP, 60.0, None);
    assert_eq!(reason(&trace), Some(Reason::SameRequest));
}

#[test]
fn a_numbered_connection_ends_where_the_next_begins() {
    let mut world = world();
    let on = |connection, backend| Request { connection: Some(connection), ..get("/a", backend) };
    world.carried(LB, (VIP, CLIENT), on(1, "10.0.0.11:8080"), (10.0, 10.1));
    world.carried(LB, (VIP, CLIENT), on(2, "10.0.0.12:8080"), (100.0, 100.1));
    world.carried(LB, (VIP, CLIENT), on(3, "10.0.0.13:8080"), (200.0, 200.1));
    let trace = world.alert_showing(CLIENT, VIP, 11.0, None);
    assert_eq!(masked(&trace.dest).candidates_total, 2, "the second may have been opened already");
    let trace = world.alert_showing(CLIENT, VIP, 250.0, None);
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.13:8080"));
}

#[test]
fn a_forwarded_connection_is_proven_by_its_record() {
    let mut world = world();
    let request = Request { layer: Layer::Connection, ..sent_to(&["10.0.0.13:22"]) };
    world.carried(LB, ("203.0.113.100:22", CLIENT), request, (10.0, 60.0));
    let trace = world.alert_showing(CLIENT, "203.0.113.100:22", 30.0, None);
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.13:22"));
    assert_eq!(masked(&trace.dest).certainty, Some(Certainty::Certain));
}

#[test]
fn every_backend_that_received_the_request_is_listed() {
    let mut world = world();
    let tries = [
        Try { outcome: Some("redispatched".into()), ..Try::default() },
        Try { backend: Some(at("10.0.0.12:8080")), status: Some(503), ..Try::default() },
        Try { backend: Some(at("10.0.0.11:8080")), status: Some(200), ..Try::default() },
    ];
    let request = Request { tries: tries.into(), ..get("/a", "10.0.0.11:8080") };
    world.carried(LB, (VIP, CLIENT), request, (10.0, 10.1));
    let trace = world.alert_showing(CLIENT, VIP, 10.1, shown("/a"));
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.11:8080"));
    let attempts = &masked(&trace.dest).attempts;
    let told: Vec<_> = attempts
        .iter()
        .map(|a| (a.known, a.asset.as_ref().map(|asset| asset.id.as_str()), a.status))
        .collect();
    assert_eq!(told, [(false, None, None), (true, Some("i-2"), Some(503)), (true, Some("i-1"), Some(200))]);
}

#[test]
fn what_the_balancer_answered_itself_ended_there() {
    let mut world = world();
    world.carried(
        LB,
        (VIP, CLIENT),
        Request { tries: Vec::new(), ..get("/a", "10.0.0.11:8080") },
        (10.0, 10.1),
    );
    let trace = world.alert_showing(CLIENT, VIP, 10.1, shown("/a"));
    assert_eq!((named(&trace), reason(&trace)), (None, Some(Reason::EndedAtGateway)));
    assert_eq!(masked(&trace.dest).hops.len(), 1, "the record proves it");
}

#[test]
fn a_server_without_an_address_is_as_far_as_it_goes() {
    let mut world = world();
    let tries = vec![Try { server: Some("be_web/s9".into()), ..Try::default() }];
    world.carried(LB, (VIP, CLIENT), Request { tries, ..get("/a", "10.0.0.11:8080") }, (10.0, 10.1));
    let trace = world.alert_showing(CLIENT, VIP, 10.1, shown("/a"));
    assert_eq!(masked(&trace.dest).status, Status::Partial);
    assert_eq!(reason(&trace), Some(Reason::NoInnerRecord));
}

#[test]
fn a_client_from_a_header_is_no_key() {
    let mut world = world();
    let claimed = Request { client_claimed: true, ..get("/a", "10.0.0.11:8080") };
    world.carried(LB, (VIP, "10.9.8.7"), claimed, (10.0, 10.1));
    let trace = world.alert_showing(CLIENT, VIP, 10.1, shown("/a"));
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.11:8080"));
    assert_eq!(masked(&trace.dest).certainty, Some(Certainty::Likely));
    complete(&mut world, 3);
    let trace = world.alert_showing(CLIENT, VIP, 10.1, shown("/a"));
    assert_eq!(masked(&trace.dest).certainty, Some(Certainty::Likely), "complete, but claimed");
}

#[test]
fn a_complete_log_has_no_other_request_like_it() {
    let mut world = world();
    complete(&mut world, 3);
    world.carried(LB, (VIP, CLIENT), get("/a", "10.0.0.11:8080"), (10.0, 10.1));
    let trace = world.alert_showing(CLIENT, VIP, 10.1, shown("/a"));
    assert_eq!(masked(&trace.dest).certainty, Some(Certainty::Certain));
}

#[test]
fn a_request_that_is_still_under_way_is_in_no_log() {
    let mut world = world();
    world.carried(LB, (VIP, CLIENT), get("/a", "10.0.0.11:8080"), (10.0, 10.1));
    world.site.logs[3].coverage.complete = true;
    let trace = world.alert_showing(CLIENT, VIP, 10.1, shown("/a"));
    assert_eq!(masked(&trace.dest).certainty, Some(Certainty::Likely), "it ends within the hour");
}

#[test]
fn behind_a_forwarding_balancer_another_may_look_inside() {
    let mut world = world();
    let through =
        Try { backend: Some(at("10.0.0.80:80")), from: Some(at("10.0.0.5:40706")), ..Try::default() };
    let forwarded = Request { layer: Layer::Connection, tries: vec![through], ..sent_to(&[]) };
    world.carried(LB, (VIP, CLIENT), forwarded, (10.0, 12.0));
    let trace = world.alert_showing(CLIENT, VIP, 10.1, shown("/a"));
    assert_eq!(
        (named(&trace).as_deref(), reason(&trace)),
        (Some("vpc-a 10.0.0.80:80"), Some(Reason::NoInnerRecord))
    );
    world.carried(INNER_LB, ("10.0.0.80:80", "10.0.0.5:40706"), get("/a", "10.0.0.12:8080"), (10.0, 10.1));
    world.carried(INNER_LB, ("10.0.0.80:80", "10.0.0.5:999"), get("/a", "10.0.0.13:8080"), (10.0, 10.1));
    let trace = world.alert_showing(CLIENT, VIP, 10.1, shown("/a"));
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.12:8080"));
    let hops: Vec<&GatewayName> = masked(&trace.dest).hops.iter().map(|hop| &hop.gateway).collect();
    assert_eq!(hops.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["lb-a", "lb-inner"]);
}

#[test]
fn where_nobody_listens_nothing_is_behind() {
    let mut world = world();
    let listener = |port, requests| Listener { protocol: Protocol::TCP, port, requests };
    world.site.gateways[3].listeners = Some(vec![listener(80, true), listener(22, false)]);
    world.site.logs[3].shows_connections = false;
    let reason_at = |world: &World, port: u16| {
        reason(&world.alert_showing(CLIENT, &format!("203.0.113.100:{port}"), 30.0, None))
    };
    assert_eq!(reason_at(&world, 3024), Some(Reason::EndedAtGateway));
    assert_eq!(reason_at(&world, 22), Some(Reason::NetworkLayer));
    assert_eq!(reason_at(&world, 80), Some(Reason::NotLogged));
    world.site.logs[3].shows_connections = true;
    assert_eq!(reason_at(&world, 22), Some(Reason::NotLogged));
}

#[test]
fn without_an_inventory_a_balancer_may_have_any_address() {
    let mut world = world();
    world.site.gateways[3].addresses.clear();
    world.carried(LB, (VIP, CLIENT), get("/a", "10.0.0.11:8080"), (10.0, 10.1));
    let trace = world.alert_showing(CLIENT, "198.51.100.80:80", 10.1, shown("/a"));
    assert_eq!(reason(&trace), Some(Reason::AliasUnknown), "the inventory should know its address");
    world.site.declared = false;
    let trace = world.alert_showing(CLIENT, "198.51.100.80:80", 10.1, shown("/a"));
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.11:8080"));
    assert_eq!(masked(&trace.dest).certainty, Some(Certainty::Likely));
}

#[test]
fn a_claimed_client_ties_nothing_to_a_balancer_that_may_have_any_address() {
    let mut world = world();
    world.site.declared = false;
    world.site.gateways[3].addresses.clear();
    let claimed = Request { client_claimed: true, ..get("/a", "10.0.0.11:8080") };
    world.carried(LB, (VIP, "10.9.8.7"), claimed, (10.0, 10.1));
    let trace = world.alert_showing(CLIENT, "198.51.100.80:80", 10.1, None);
    assert_eq!(reason(&trace), Some(Reason::UnknownAddress));
    world.carried(LB, (VIP, CLIENT), get("/a", "10.0.0.12:8080"), (10.0, 10.1));
    let trace = world.alert_showing(CLIENT, "198.51.100.80:80", 10.1, None);
    assert_eq!(masked(&trace.dest).candidates_total, 2, "a client's own record ties it; then it may be any");
}

#[test]
fn connections_take_turns_only_where_the_client_port_is_known() {
    let mut world = world();
    let on = |connection, backend| Request { connection: Some(connection), ..get("/a", backend) };
    world.carried(LB, (VIP, "192.0.2.66"), on(1, "10.0.0.11:8080"), (10.0, 10.1));
    world.carried(LB, (VIP, "192.0.2.66"), on(2, "10.0.0.12:8080"), (50.0, 50.1));
    let trace = world.alert_showing(CLIENT, VIP, 80.0, None);
    assert_eq!(masked(&trace.dest).candidates_total, 2, "both may be open, on two ports");
}

#[test]
fn a_connection_is_closed_when_the_next_on_its_port_is_opened() {
    let mut world = world();
    let on = |connection, backend| Request { connection: Some(connection), ..get("/a", backend) };
    world.carried(LB, (VIP, CLIENT), on(1, "10.0.0.11:8080"), (10.0, 10.1));
    world.carried(LB, (VIP, CLIENT), on(2, "10.0.0.12:8080"), (100.0, 100.1));
    world.carried(LB, (VIP, CLIENT), on(2, "10.0.0.12:8080"), (300.0, 300.1));
    let trace = world.alert_showing(CLIENT, VIP, 200.0, None);
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.12:8080"));
}

#[test]
fn each_connection_to_an_inner_balancer_is_followed() {
    let mut world = world();
    for (from, backend) in [("10.0.0.5:40706", "10.0.0.11:8080"), ("10.0.0.5:40707", "10.0.0.12:8080")] {
        let through = Try { backend: Some(at("10.0.0.80:80")), from: Some(at(from)), ..Try::default() };
        let forwarded = Request { layer: Layer::Connection, tries: vec![through], ..sent_to(&[]) };
        world.carried(LB, (VIP, "192.0.2.66"), forwarded, (10.0, 12.0));
        world.carried(INNER_LB, ("10.0.0.80:80", from), get("/a", backend), (10.0, 10.1));
    }
    let trace = world.alert_showing(CLIENT, VIP, 10.1, shown("/a"));
    assert_eq!(masked(&trace.dest).candidates_total, 2, "without the client's port it may be either");
}

#[test]
fn a_forwarded_connection_proves_nothing_of_a_listener_it_does_not_name() {
    let mut world = world();
    let request = Request { layer: Layer::Connection, ..sent_to(&["10.0.0.13:22"]) };
    world.carried_at_any(LB, CLIENT, request, (10.0, 60.0));
    let trace = world.alert_showing(CLIENT, "203.0.113.100:22", 30.0, None);
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.13:22"));
    assert_eq!(masked(&trace.dest).certainty, Some(Certainty::Likely));
}

#[test]
fn a_late_alert_may_be_about_the_connection_before() {
    let mut world = world();
    let request = Request { layer: Layer::Connection, ..sent_to(&["10.0.0.13:22"]) };
    world.carried(LB, ("203.0.113.100:22", CLIENT), request, (10.0, 60.0));
    let certainty = |seconds| {
        let trace = world.alert_showing(CLIENT, "203.0.113.100:22", seconds, None);
        masked(&trace.dest).certainty
    };
    assert_eq!(certainty(11.0), Some(Certainty::Likely));
    assert_eq!(certainty(12.0), Some(Certainty::Certain));
}

#[test]
fn a_connection_that_stays_silent_leaves_no_record() {
    let mut world = world();
    complete(&mut world, 3);
    let first = Request { connection: Some(1), ..get("/a", "10.0.0.11:8080") };
    world.carried(LB, (VIP, CLIENT), first.clone(), (1000.0, 1000.1));
    let certainty = |world: &World, seconds| {
        let trace = world.alert_showing(CLIENT, VIP, seconds, None);
        assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.11:8080"));
        masked(&trace.dest).certainty
    };
    assert_eq!(certainty(&world, 1050.0), Some(Certainty::Likely), "it may be about such a one");
    world.carried(LB, (VIP, CLIENT), first, (1100.0, 1100.1));
    assert_eq!(certainty(&world, 1050.0), Some(Certainty::Certain), "the client port was taken");
    let refused = Request { connection: Some(1), ..sent_to(&[]) };
    world.carried(LB, (VIP, CLIENT), refused, (1050.0, 1050.1));
    assert_eq!(certainty(&world, 1050.0), Some(Certainty::Likely), "it may be about what was refused");
}

#[test]
fn a_connection_is_not_final_while_it_may_carry_more() {
    let mut world = world();
    world.carried(LB, (VIP, CLIENT), get("/a", "10.0.0.11:8080"), (3200.0, 3200.1));
    assert!(!world.alert_showing(CLIENT, VIP, 3200.0, None).is_final);
    assert!(world.alert_showing(CLIENT, VIP, 3200.0, shown("/a")).is_final);
    let silent = world.alert_showing("192.0.2.66:999", VIP, 3200.0, None);
    assert_eq!((silent.is_final, reason(&silent)), (false, Some(Reason::AfterCoverage)));
}

#[test]
fn what_only_the_count_tells_apart_is_never_certain() {
    let mut world = world();
    complete(&mut world, 3);
    let counted = |n, backend| Request { position: Some(n), ..get("/a", backend) };
    world.carried(LB, (VIP, CLIENT), counted(1, "10.0.0.11:8080"), (10.0, 10.0));
    world.carried(LB, (VIP, CLIENT), counted(3, "10.0.0.12:8080"), (10.4, 10.4));
    let position = shown("/a").map(|http| HttpContext { position: Some(1), ..http });
    let trace = world.alert_showing(CLIENT, VIP, 10.4, position);
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.11:8080"));
    assert_eq!(masked(&trace.dest).certainty, Some(Certainty::Likely));
}

#[test]
fn records_that_disagree_on_the_tries_are_not_certain() {
    let mut world = world();
    complete(&mut world, 3);
    let tries = ["10.0.0.12:8080", "10.0.0.11:8080"].map(|b| Try { backend: Some(at(b)), ..Try::default() });
    world.carried(LB, (VIP, CLIENT), get("/a", "10.0.0.11:8080"), (10.0, 10.0));
    let retried = Request { tries: tries.into(), ..get("/a", "10.0.0.11:8080") };
    world.carried(LB, (VIP, CLIENT), retried, (10.4, 10.4));
    let trace = world.alert_showing(CLIENT, VIP, 10.4, shown("/a"));
    assert_eq!(masked(&trace.dest).attempts.len(), 2);
    assert_eq!(masked(&trace.dest).certainty, Some(Certainty::Likely));
}

#[test]
fn a_record_without_its_port_is_of_a_listener_of_its_kind() {
    let mut world = world();
    let listener = |port, requests| Listener { protocol: Protocol::TCP, port, requests };
    world.site.gateways[3].listeners = Some(vec![listener(80, true), listener(22, false)]);
    world.carried_at_any(LB, CLIENT, get("/a", "10.0.0.11:8080"), (10.0, 10.1));
    let traced = |port: u16| {
        let trace = world.alert_showing(CLIENT, &format!("203.0.113.100:{port}"), 10.1, None);
        named(&trace).is_some()
    };
    assert_eq!([80, 22, 3024].map(traced), [true, false, false]);
}

#[test]
fn a_port_with_ten_thousand_connections_costs_ten_thousand_steps() {
    let mut world = world();
    for number in 0..10_000_u32 {
        let request = Request { connection: Some(number.into()), ..get("/a", "10.0.0.11:8080") };
        let seconds = f64::from(number) / 100.0;
        world.carried(LB, (VIP, CLIENT), request, (seconds, seconds));
    }
    // Compared each with each, this would take half a minute.
    let trace = world.alert_showing(CLIENT, VIP, 50.0, None);
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.11:8080"));
}

#[test]
fn one_complete_log_says_nothing_of_what_a_balancers_other_logs_lack() {
    let mut world = world();
    world.site.logs.push(world.site.logs[3].clone());
    world.site.gateways[3].logs.insert(unmasq_model::LogIx(5));
    complete(&mut world, 5);
    world.carried(LB, (VIP, CLIENT), get("/a", "10.0.0.11:8080"), (10.0, 10.1));
    let certainty =
        |world: &World| masked(&world.alert_showing(CLIENT, VIP, 10.1, shown("/a")).dest).certainty;
    assert_eq!(certainty(&world), Some(Certainty::Likely));
    complete(&mut world, 3);
    assert_eq!(certainty(&world), Some(Certainty::Certain));
}

#[test]
fn a_clients_address_alone_does_not_tie_an_alert_to_a_balancer_that_may_have_any() {
    let mut world = world();
    world.site.declared = false;
    world.site.gateways[3].addresses.clear();
    world.carried_at_any(LB, "192.0.2.66", get("/a", "10.0.0.11:8080"), (10.0, 10.1));
    // Who scans us called here too, minutes before he tried the doors of another machine.
    let trace = world.alert_showing(CLIENT, "198.51.100.200:22", 300.0, None);
    assert_eq!(reason(&trace), Some(Reason::UnknownAddress));
    let trace = world.alert_showing(CLIENT, "198.51.100.200:80", 10.1, shown("/a"));
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.11:8080"));
}

#[test]
fn alike_requests_over_several_connections_tell_no_process() {
    let mut world = world();
    for from in ["10.0.0.5:40706", "10.0.0.5:40707"] {
        let through = Try { backend: Some(at("10.0.0.11:8080")), from: Some(at(from)), ..Try::default() };
        let request = Request { tries: vec![through], ..get("/a", "10.0.0.11:8080") };
        world.carried(LB, (VIP, CLIENT), request, (10.0, 10.1));
    }
    let trace = world.alert_showing(CLIENT, VIP, 10.1, shown("/a"));
    assert_eq!(named(&trace).as_deref(), Some("vpc-a 10.0.0.11:8080"));
    let peer = masked(&trace.dest).hops[0].inside_remote.as_ref().unwrap().endpoint();
    assert_eq!(peer, at("10.0.0.5"), "either may have been another worker's");
}
