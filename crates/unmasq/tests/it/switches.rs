//! Gateways and their switches, as an operator sees and turns them.

use crate::{
    run::{Workplace, traces},
    served::{Answer, Served},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, thread, time::Duration};

/// No inventory: which gateways there are, the log alone says.
const CONFIG: &str = r#"
data = "data"
realm = "public"
[[sessions]]
path = "nat-session.jsonl"
[[alerts]]
path = "ndr-alerts.jsonl"
[[sinks]]
file = "traced.json"
[answers]
wait = "1s"
stand = "100ms"
[limits]
poll = "20ms"
[log]
form = "json"
[http]
listen = "127.0.0.1:0"
"#;

/// One behind a gateway whose log names the address that the alert shows.
const ALERT: &str = "a4";

struct Site {
    place: Workplace,
    /// Secrets, by role.
    secrets: BTreeMap<&'static str, String>,
    config: String,
}

impl Site {
    fn new(config: &str) -> Self {
        let place = Workplace::with_alibaba();
        let (mut secrets, mut config) = (BTreeMap::new(), config.to_owned());
        for role in ["viewer", "operator", "admin"] {
            let drawn = place.run("config token").well();
            secrets.insert(role, drawn.err.lines().next().unwrap().to_owned());
            let token = drawn.out.replace("role = \"viewer\"", &format!("role = \"{role}\""));
            config += &token.replace("name = \"viewer-", &format!("name = \"{role}-"));
        }
        Self { place, secrets, config }
    }

    fn serve(self) -> (Served, BTreeMap<&'static str, String>, String) {
        let Self { place, secrets, config } = self;
        (Served::start_with(place, &config).ready(), secrets, config)
    }
}

fn send(served: &Served, method: &str, path: &str, secret: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let head = format!("authorization: Bearer {secret}\r\ncontent-type: application/json\r\n");
    let length = body.len();
    served.send(format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{head}content-length: {length}\r\n\r\n{body}"
    ))
}

fn read(served: &Served, path: &str, secret: &str) -> Value {
    served.get_with(path, &format!("authorization: Bearer {secret}\r\n")).json()
}

/// What was told of each alert last.
fn told(served: &Served) -> BTreeMap<String, Value> {
    // The sink is told a moment after the service is ready, and a line may be half written.
    let text = std::fs::read_to_string(served.place.path("traced.json")).unwrap_or_default();
    let traces = traces(&text[..text.rfind('\n').map_or(0, |end| end + 1)]);
    traces.into_iter().map(|trace| (trace["alert_id"].as_str().unwrap().to_owned(), trace)).collect()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{what}: not within 30 s");
}

fn every_alert_is_answered(served: &Served) {
    let stored = served.count("unmasq_alerts_stored_total");
    wait_until("every alert is answered", || told(served).len() as u64 == stored);
}

#[test]
fn what_was_discovered_is_off_until_somebody_switches_it_on() {
    let (served, secrets, config) = Site::new(CONFIG).serve();
    every_alert_is_answered(&served);
    let first = told(&served);
    assert_eq!(first[ALERT]["src"]["reason"], "switched-off");
    assert_eq!(first[ALERT]["final"], true);

    let gateways = read(&served, "/v1/gateways", &secrets["viewer"]);
    let gateways = gateways["gateways"].as_array().unwrap();
    let discovered: Vec<&Value> = gateways.iter().filter(|gateway| gateway["named"] == false).collect();
    assert!(!discovered.is_empty(), "{gateways:?}");
    for gateway in &discovered {
        assert_eq!((&gateway["kind"], &gateway["connected"]), (&json!("nat"), &json!(true)));
        assert_eq!(gateway["switches"]["attack"], json!({"on": false, "initially": false, "turned": []}));
    }
    assert!(served.log().contains("was discovered"));

    // Nobody may do that who may only read, and nonsense is refused.
    let name = discovered[0]["name"].as_str().unwrap();
    let path = format!("/v1/gateways/{name}/switches/attack");
    let on = json!({"on": true});
    send(&served, "PUT", &path, &secrets["viewer"], &on).problem(403);
    let operator = &secrets["operator"];
    send(&served, "PUT", "/v1/gateways/nobody/switches/attack", operator, &on).problem(404);
    send(&served, "PUT", &format!("/v1/gateways/{name}/switches/all"), operator, &on).problem(400);
    send(&served, "PUT", &path, operator, &json!({"on": 1})).problem(400);
    send(&served, "PUT", &path, operator, &json!({"on": true, "x": 1})).problem(400);
    send(&served, "POST", &path, operator, &on).problem(405);
    let bare = format!(
        "PUT {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {operator}\r\ncontent-length: 11\r\n\r\n{on}"
    );
    served.send(bare).problem(415);

    for gateway in &discovered {
        let path = format!("/v1/gateways/{}/switches/attack", gateway["name"].as_str().unwrap());
        assert_eq!(send(&served, "PUT", &path, operator, &on).json()["on"], true);
    }
    let after = read(&served, "/v1/gateways", operator);
    let of_it = after["gateways"].as_array().unwrap().iter().find(|gateway| gateway["name"] == name).unwrap();
    let turned = &of_it["switches"]["attack"]["turned"];
    assert_eq!((turned.as_array().unwrap().len(), &turned[0]["on"]), (1, &json!(true)));
    assert!(turned[0]["by"].as_str().unwrap().starts_with("operator-"));

    // What happened while it was off is traced only by a backfill, and marked.
    assert_eq!(told(&served)[ALERT]["src"]["reason"], "switched-off");
    let all = json!({"from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"});
    send(&served, "POST", "/v1/backfill", &secrets["viewer"], &all).problem(403);
    let turned_round = json!({"from": "2100-01-01T00:00:00Z", "to": "2000-01-01T00:00:00Z"});
    send(&served, "POST", "/v1/backfill", operator, &turned_round).problem(400);
    let done = send(&served, "POST", "/v1/backfill", operator, &all).json();
    assert_eq!(done["alerts"], served.count("unmasq_alerts_stored_total"));
    wait_until("the backfill is told", || told(&served)[ALERT]["src"]["status"] == "traced");
    let traced = told(&served);
    assert_eq!((&traced[ALERT]["backfill"], &traced[ALERT]["revision"]), (&json!(true), &json!(2)));

    served.get_with("/v1/audit", &format!("authorization: Bearer {operator}\r\n")).problem(403);
    let audit = read(&served, "/v1/audit", &secrets["admin"]);
    let acts: Vec<&str> =
        audit["acts"].as_array().unwrap().iter().map(|act| act["what"]["act"].as_str().unwrap()).collect();
    assert_eq!(acts.len(), discovered.len() + 1);
    assert_eq!(acts.last(), Some(&"backfill"));

    // All of that is still so after a restart, and nothing is said twice.
    let lines = served.place.read("traced.json").lines().count();
    let served = Served::start_with(served.stop(), &config).ready();
    assert_eq!(read(&served, "/v1/gateways", operator), after);
    assert_eq!(told(&served), traced);
    assert_eq!(served.place.read("traced.json").lines().count(), lines);
}

#[test]
fn what_the_configuration_names_is_on_and_what_is_not_connected_stays_off() {
    let named = CONFIG
        .replace("[http]", "[gateways]\ndiscovered = \"on\"\n[http]")
        .replace("realm = \"public\"\n", "realm = \"public\"\ninventory = \"site.toml\"\n");
    let site = Site::new(&named);
    site.place.write(
        "site.toml",
        "[[gateways]]\nid = \"far-away\"\nkind = \"nat\"\naddresses = [\"203.0.113.250\"]\nlogs = []\n",
    );
    let (served, secrets, _) = site.serve();
    every_alert_is_answered(&served);
    assert_eq!(told(&served)[ALERT]["src"]["status"], "traced");
    let gateways = read(&served, "/v1/gateways", &secrets["viewer"]);
    let far = gateways["gateways"].as_array().unwrap().iter().find(|gateway| gateway["name"] == "far-away");
    assert_eq!(far.unwrap()["connected"], false);
    let path = "/v1/gateways/far-away/switches/sensitive";
    let refused = send(&served, "PUT", path, &secrets["operator"], &json!({"on": true})).problem(409);
    assert!(refused["detail"].as_str().unwrap().contains("no log of gateway `far-away` is read"));
    assert_eq!(send(&served, "PUT", path, &secrets["operator"], &json!({"on": false})).status, 200);
}

#[test]
fn a_token_for_one_account_sees_nothing_of_another() {
    let with_inventory = CONFIG
        .replace("realm = \"public\"\n", "inventory = \"inventory.toml\"\n")
        .replace("nat-session.jsonl", "nat-session.csv");
    let mut site = Site::new(&with_inventory);
    let (own, other) = ("1000000000000001", "1000000000000002");
    let drawn = site.place.run("config token").well();
    let tenant = drawn.err.lines().next().unwrap().to_owned();
    site.config +=
        &drawn.out.replace("role = \"viewer\"", &format!("role = \"operator\"\naccounts = [\"{own}\"]"));
    let (served, secrets, _) = site.serve();
    every_alert_is_answered(&served);
    let all = read(&served, "/v1/traces", &secrets["viewer"])["traces"].as_array().unwrap().clone();
    let seen = read(&served, "/v1/traces", &tenant)["traces"].as_array().unwrap().clone();
    let concerns = |said: &Value, account: &str| said["trace"].to_string().contains(account);
    let expected: Vec<&Value> =
        all.iter().filter(|said| concerns(said, own) && !concerns(said, other)).collect();
    assert!(!expected.is_empty() && expected.len() < all.len());
    assert_eq!(seen.iter().collect::<Vec<_>>(), expected);
    let ids = |page: &Value| -> Vec<String> {
        page["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|alert| alert["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let ids = ids(&read(&served, "/v1/alerts", &tenant));
    assert_eq!(
        ids.len(),
        expected
            .iter()
            .map(|said| said["alert_id"].as_str().unwrap())
            .collect::<std::collections::BTreeSet<_>>()
            .len()
    );
    let hidden = all.iter().find(|said| concerns(said, other)).unwrap()["alert_id"].as_str().unwrap();
    let as_tenant = |path: &str| served.get_with(path, &format!("authorization: Bearer {tenant}\r\n"));
    as_tenant(&format!("/v1/alerts/{hidden}")).problem(404);
    as_tenant(&format!("/v1/alerts/{hidden}/traces")).problem(404);
    assert_eq!(as_tenant(&format!("/v1/alerts/{}", ids[0])).status, 200);
    for path in ["/v1/lookup?address=203.0.113.10&at=2026-03-14T08:01Z", "/v1/logs", "/v1/audit"] {
        as_tenant(path).problem(403);
    }
    let named = |path: &str, of: &str| -> String { read(&served, path, &tenant)[of].to_string() };
    assert!(!named("/v1/gateways", "gateways").contains("ngw-demo-dev"));
    assert!(named("/v1/gateways", "gateways").contains("ngw-demo-prod"));
    let accounts = read(&served, "/v1/accounts", &tenant);
    assert_eq!(accounts["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(accounts["accounts"][0]["account"], own);
    assert_eq!(read(&served, "/v1/accounts", &secrets["viewer"])["accounts"].as_array().unwrap().len(), 2);
    let on = json!({"on": true});
    send(&served, "PUT", "/v1/gateways/ngw-demo-dev/switches/attack", &tenant, &on).problem(404);
    assert_eq!(send(&served, "PUT", "/v1/gateways/ngw-demo-prod/switches/attack", &tenant, &on).status, 200);
    let all = json!({"from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"});
    send(&served, "POST", "/v1/backfill", &tenant, &all).problem(403);
}

#[test]
fn balancers_that_only_a_log_names_are_off_too() {
    let config =
        CONFIG.replace("nat-session.jsonl", "alb-access.log").replace("ndr-alerts.jsonl", "none.json");
    let site = Site::new(&config);
    let log = std::fs::read(crate::run::corpus("aws-alb/kinds-of-requests/input.log")).unwrap();
    site.place.write("alb-access.log", log);
    site.place.write("none.json", "");
    let (served, secrets, _) = site.serve();
    let gateways = read(&served, "/v1/gateways", &secrets["viewer"]);
    let named = |gateway: &&Value| gateway["named"] == false;
    let discovered: Vec<&Value> = gateways["gateways"].as_array().unwrap().iter().filter(named).collect();
    assert!(!discovered.is_empty(), "{gateways}");
    for gateway in discovered {
        assert_eq!(
            (&gateway["kind"], &gateway["switches"]["attack"]["on"]),
            (&json!("balancer"), &json!(false))
        );
    }
}
