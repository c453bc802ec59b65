//! What a site says about its gateways over time.

use crate::world::{GW_A, GW_B, World, inside, t};
use unmasq_model::{LogTime, Span};

const OUTSIDE: &str = "203.0.113.30:20001";
const REMOTE: &str = "198.51.100.9:443";

#[test]
fn an_address_that_moved_is_asked_of_its_owner_at_the_time() {
    let mut world = World::new();
    let ip = "203.0.113.30".parse().unwrap();
    world.site.gateways[0].addresses.push((ip, Span::between(t(0.0), t(100.0))));
    world.site.gateways[1].addresses.push((ip, Span::between(t(100.0), LogTime::FOREVER)));
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.14:51000", (10.0, 400.0));
    world.session(GW_B, OUTSIDE, REMOTE, "10.0.0.99:51000", (110.0, 400.0));
    let before = world.alert(OUTSIDE, REMOTE, 50.0);
    assert_eq!(inside(&before.src).as_deref(), Some("vpc-a 10.0.0.14:51000"));
    let after = world.alert(OUTSIDE, REMOTE, 200.0);
    assert_eq!(inside(&after.src).as_deref(), Some("vpc-b 10.0.0.99:51000"));
}

#[test]
fn an_address_that_only_a_log_shows_is_shared_all_the_same() {
    let mut world = World::new();
    world.site.gateways[0].seen.insert("203.0.113.30".parse().unwrap());
    world.session(GW_A, OUTSIDE, REMOTE, "10.0.0.14:51000", (10.0, 20.0));
    let trace = world.alert(OUTSIDE, REMOTE, 15.0);
    assert_eq!(inside(&trace.src).as_deref(), Some("vpc-a 10.0.0.14:51000"));
}

#[test]
fn the_same_question_gives_the_same_bytes() {
    let mut world = World::new();
    world.session(GW_A, "203.0.113.10:20001", REMOTE, "10.0.0.14:51000", (10.0, 20.0));
    let bytes = || serde_json::to_string(&world.alert("203.0.113.10:20001", REMOTE, 15.0)).unwrap();
    assert_eq!(bytes(), bytes());
    assert!(bytes().starts_with(r#"{"version":1,"alert_id":"a","status":"traced","final":true"#));
}
