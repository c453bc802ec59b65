//! Inventories as people write them: right, nearly right and wrong.

use std::{fs, path::Path, time::Duration};
use tempfile::tempdir;
use unmasq_io::inventory::{Inventory, InventoryError, load};
use unmasq_model::{Endpoint, Gateway, GatewayKind, LogTime, Realm, Span, Tenure};

fn load_text(name: &str, text: &str) -> Result<Inventory, InventoryError> {
    let folder = tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    load(&path)
}

fn json(text: &str) -> Inventory {
    load_text("inventory.json", text).unwrap()
}

/// Place, key and reason of the error in `text`, without the folder.
fn wrong(name: &str, text: &str) -> String {
    let error = load_text(name, text).expect_err(text).to_string();
    error[error.find(name).expect("the error names the file")..].into()
}

fn warnings(inventory: &Inventory) -> Vec<String> {
    inventory.warnings.iter().map(|w| format!("{} {}: {}", w.place, w.key, w.text)).collect()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn gateway<'a>(inventory: &'a Inventory, name: &str) -> &'a Gateway {
    inventory.site.gateways.iter().find(|gateway| gateway.name.as_str() == name).unwrap()
}

fn holders(inventory: &Inventory, realm: &str, ip: &str) -> Vec<Tenure> {
    let (realm, ip) = (Realm::from(realm), ip.parse::<std::net::IpAddr>().unwrap());
    inventory.site.tenures.iter().filter(|t| t.realm == realm && t.ip == ip).cloned().collect()
}

fn time(text: &str) -> LogTime {
    text.parse().unwrap()
}

#[test]
fn the_labs_inventory_loads_as_it_is() {
    let inventory = load(&root().join("corpus/lab-basic/inventory.json")).unwrap();
    assert_eq!(warnings(&inventory), [""; 0]);
    assert_eq!(inventory.name.as_str(), "inventory.json");
    let site = &inventory.site;
    assert!(site.declared && site.logs.is_empty());
    assert_eq!(site.sensor_realm, Realm::public());
    let names: Vec<&str> = site.gateways.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(names, ["gw-a", "gw-b", "lb-a", "lb-b", "node-1"]);
    let kinds: Vec<GatewayKind> = site.gateways.iter().map(|g| g.kind).collect();
    use GatewayKind::{Balancer, Nat, Node};
    assert_eq!(kinds, [Nat, Nat, Balancer, Balancer, Node]);
}

#[test]
fn the_labs_gateways_are_understood() {
    let inventory = load(&root().join("corpus/lab-basic/inventory.json")).unwrap();
    let nat = gateway(&inventory, "gw-a");
    assert_eq!((nat.outside_realm.as_str(), nat.inside_realm.as_str()), ("public", "vpc-a"));
    assert_eq!(nat.addresses.len(), 3);
    assert!(nat.addresses.iter().all(|(_, held)| *held == Span::ALWAYS));
    let rule = &nat.dnat.as_ref().unwrap()[0];
    assert_eq!((rule.outside.to_string().as_str(), &*rule.path), ("203.0.113.11:22", "gateways[0].dnat[0]"));
    assert_eq!(rule.inside, Endpoint::new("10.0.0.14".parse().unwrap(), Some(22)));
    assert_eq!(gateway(&inventory, "gw-b").dnat.as_deref(), Some(&[][..]));
    let node = gateway(&inventory, "node-1");
    assert_eq!((node.outside_realm.as_str(), node.inside_realm.as_str()), ("vpc-a", "node-1/docker0"));
    assert_eq!(node.instance.as_ref().unwrap().as_str(), "i-1aa61440d70aa8620");
    let balancer = gateway(&inventory, "lb-b");
    assert_eq!((balancer.outside_realm.as_str(), balancer.inside_realm.as_str()), ("public", "vpc-b"));
    assert_eq!(balancer.addresses.len(), 2);
    let facts = &inventory.balancers[0];
    assert_eq!((facts.gateway.as_str(), facts.names.listeners.len()), ("lb-a", 3));
    let server = &facts.names.servers[&("be_web".into(), "s2".into())];
    assert_eq!(server.to_string(), "10.0.0.12:8080");
    let ssh = gateway(&inventory, "lb-a").listeners.iter().flatten().find(|listener| listener.port == 22);
    assert!(ssh.is_some_and(|listener| !listener.requests));
}

#[test]
fn the_labs_addresses_have_their_holders() {
    let inventory = load(&root().join("corpus/lab-basic/inventory.json")).unwrap();
    let name = |realm, ip| {
        let found = holders(&inventory, realm, ip);
        assert_eq!(found.len(), 1, "{realm} {ip}");
        found[0].holder.name.as_deref().unwrap().to_owned()
    };
    assert_eq!(name("vpc-a", "10.0.0.11"), "web-1");
    assert_eq!(name("vpc-b", "10.0.0.11"), "api-1");
    assert_eq!(name("vpc-b", "fd00:10::e"), "batch-1");
    let shop = &holders(&inventory, "node-1/docker0", "172.17.0.2")[0].holder;
    assert_eq!(shop.container.as_ref().unwrap().name.as_deref(), Some("shop"));
    assert_eq!((shop.name.as_deref(), shop.realm.as_str()), (Some("node-1"), "vpc-a"));
    assert_eq!(shop.agent, Some(true));
    assert!(inventory.site.tenures.is_sorted_by_key(|t| (t.realm.clone(), t.ip, t.held)));
}

#[test]
fn the_labs_logs_are_listed_with_exact_times() {
    let inventory = load(&root().join("corpus/lab-basic/inventory.json")).unwrap();
    assert_eq!(inventory.logs.len(), 14);
    let first = &inventory.logs[0];
    assert_eq!(first.since.unwrap().as_unix_us(), 1_795_345_055_128_000);
    assert_eq!((first.gateway.as_str(), first.format.as_deref()), ("gw-a", Some("conntrack-text")));
    assert_eq!(first.path, root().join("corpus/lab-basic/gw-a.conntrack.log"));
    assert_eq!((first.name.as_str(), first.key.as_str()), ("gw-a.conntrack.log", "gateways[0].logs[0]"));
    assert!(first.zone.is_some() && !first.complete);
    let dump = inventory.logs.iter().find(|l| l.format.as_deref() == Some("conntrack-dump")).unwrap();
    assert_eq!(dump.taken, Some(time("2026-11-22T10:58:36.327Z")));
    let derived = inventory.logs.iter().find(|log| log.derived_from.is_some()).unwrap();
    assert_eq!(derived.name.as_str(), "gw-a.nat.ipfix");
    assert!(inventory.logs.iter().any(|log| log.log_format.as_deref().is_some_and(|f| f.contains("$msec"))));
}

/// The text of the first code block of `language` in a document.
fn block(document: &str, language: &str) -> String {
    let start = document.find(&format!("```{language}\n")).expect("a code block") + language.len() + 4;
    document[start..].split("```").next().unwrap().to_owned()
}

#[test]
fn the_documented_example_means_the_same_in_both_notations() {
    let document = fs::read_to_string(root().join("docs/inventory.md")).unwrap();
    let json = json(&block(&document, "json"));
    let toml = load_text("inventory.toml", &block(&document, "toml")).unwrap();
    assert_eq!(warnings(&json), [""; 0]);
    assert_eq!(warnings(&toml), [""; 0]);
    let mut json_site = json.site.clone();
    for rule in json_site.gateways.iter_mut().flat_map(|gateway| gateway.dnat.iter_mut().flatten()) {
        rule.inventory = toml.name.clone();
    }
    assert_eq!(json_site, toml.site);
    assert_eq!(json.balancers, toml.balancers);
    let facts = |inventory: &Inventory| -> Vec<String> {
        let print = |log: &unmasq_io::inventory::LogFile| {
            let times = (log.since, log.until, log.taken, log.complete, log.clock_bound);
            format!("{} {} {:?} {:?} {times:?}", log.key, log.gateway, log.format, log.zone)
        };
        inventory.logs.iter().map(print).collect()
    };
    assert_eq!(facts(&json), facts(&toml));
    let log = &json.logs[0];
    assert_eq!((log.complete, log.clock_bound), (true, Some(Duration::from_millis(50))));
    assert!(!log.present);
    let [_, (_, moved)] = &json.site.gateways[0].addresses[..] else { panic!("two addresses") };
    assert_eq!(moved.to(), time("2026-11-30T23:59:59Z"));
    let other = &holders(&json, "vpc-b", "10.0.0.14")[0].holder;
    assert_eq!(other.account.as_ref().unwrap().as_str(), "210987654321");
    assert_eq!(other.region.as_ref().unwrap().as_str(), "eu-central-1");
    assert_eq!(holders(&json, "vpc-a", "10.0.0.14")[0].held.from(), time("2026-11-01T00:00:00Z"));
}

#[test]
fn a_slip_of_the_finger_is_seen_and_does_no_harm() {
    let inventory = json(
        r#"{"gateways": [{"id": "gw", "outside": {"adresses": ["203.0.113.1"]}, "colour": "red"}],
            "instance": []}"#,
    );
    assert_eq!(
        warnings(&inventory),
        [
            "1:52 gateways[0].outside.adresses: no such key is known; did you mean `addresses`?",
            "1:80 gateways[0].colour: no such key is known",
            "2:25 instance: no such key is known; did you mean `instances`?",
        ]
    );
}

#[test]
fn every_mistake_names_file_line_key_and_what_to_try() {
    let cases = [
        (
            r#"{"gateways": [{"id": "gw", "logs": [{"file": "a", "tz": "Mars/Olympus"}]}]}"#,
            "inventory.json:1:57: `gateways[0].logs[0].tz`: `Mars/Olympus` is not a time zone such as",
        ),
        (
            r#"{"gateways": [{"id": "gw"}, {"id": "gw"}]}"#,
            "inventory.json:1:36: `gateways[1].id`: `gw` is already declared as `gateways[0]`",
        ),
        (
            r#"{"gateways": [{"id": "gw"}], "load_balancers": [{"id": "gw"}]}"#,
            "inventory.json:1:56: `load_balancers[0].id`: `gw` is already declared",
        ),
        (
            r#"{"instances": [{"id": "i", "private_ips": ["10.0.0"]}]}"#,
            "inventory.json:1:44: `instances[0].private_ips[0]`: `10.0.0` is not an address such as",
        ),
        (
            r#"{"gateways": [{"id": "gw", "outside": {"addresses": ["203.0.113.0/24"]}}]}"#,
            "inventory.json:1:54: `gateways[0].outside.addresses[0]`: `203.0.113.0/24` is a range",
        ),
        (
            r#"{"instances": [{"id": "i", "from": 2000000000, "to": 1000000000}]}"#,
            "inventory.json:1:54: `instances[0].to`: a span cannot end at 2001-09-09T01:46:40Z",
        ),
        (
            r#"{"instances": [{"id": "i", "to": 1000000000, "private_ips": [{"ip": "10.0.0.1", "from": 1500000000}]}]}"#,
            "inventory.json:1:62: `instances[0].private_ips[0]`: 10.0.0.1 is held",
        ),
        (
            r#"{"gateways": [{"id": "gw", "logs": [{"file": "a", "since": 1795345055128}]}]}"#,
            "inventory.json:1:60: `gateways[0].logs[0].since`: `1795345055128` is not a time such as",
        ),
        (
            r#"{"gateways": [{"id": "gw", "logs": [{"file": "a", "until": "2026-11-22 10:00:00"}]}]}"#,
            "inventory.json:1:60: `gateways[0].logs[0].until`: `2026-11-22 10:00:00` is not a time such as",
        ),
        (
            r#"{"gateways": [{"id": "gw", "logs": [{"file": "a", "since": 20, "until": 10}]}]}"#,
            "inventory.json:1:73: `gateways[0].logs[0].until`: 1970-01-01T00:00:10Z is before `since`",
        ),
        (
            r#"{"gateways": [{"id": "gw", "logs": [{"file": "a", "clock_bound": "soon"}]}]}"#,
            "inventory.json:1:66: `gateways[0].logs[0].clock_bound`: `soon` is not a duration such as",
        ),
        (
            r#"{"gateways": [{"id": "gw", "dnat": [{"proto": "tpc", "public": "203.0.113.1", "private": "10.0.0.1"}]}]}"#,
            "inventory.json:1:47: `gateways[0].dnat[0].proto`: `tpc` is not a protocol such as tcp",
        ),
        (
            r#"{"gateways": [{"id": "gw", "dnat": [{"public": "203.0.113.1:x", "private": "10.0.0.1"}]}]}"#,
            "inventory.json:1:48: `gateways[0].dnat[0].public`: `203.0.113.1:x` is not an address with or",
        ),
        (
            r#"{"gateways": [{"id": "gw", "kind": "firewall"}]}"#,
            "inventory.json:1:36: `gateways[0].kind`: `firewall` is not a kind of gateway; write `nat`",
        ),
        (
            r#"{"gateways": [{"id": "gw", "mapping": "cone"}]}"#,
            "inventory.json:1:39: `gateways[0].mapping`: `cone` is not a mapping; write one of",
        ),
        (r#"{"gateways": [{}]}"#, "inventory.json:1:15: `gateways[0]`: `id` is missing"),
        (
            r#"{"instances": [{"id": 17}]}"#,
            "inventory.json:1:23: `instances[0].id`: expected a string, found 17",
        ),
        (
            r#"{"instances": {"id": "i"}}"#,
            "inventory.json:1:15: `instances`: expected a sequence, found a table",
        ),
        (r#"{"version": 2}"#, "inventory.json:1:13: `version`: version 2 of the format is not known here"),
        (
            r#"{"containers": [{"id": "c", "ip": "10.0.0.1"}]}"#,
            "inventory.json:1:17: `containers[0]`: nothing says which machine it runs on; give its `instance`",
        ),
        ("[]", "inventory.json:1:1: expected a table, found a list"),
        ("{\"gateways\": [}", "inventory.json:1:15: expected value"),
    ];
    for (text, expected) in cases {
        let error = wrong("inventory.json", text);
        assert!(error.starts_with(expected), "{text}\n  gives {error}\n  not   {expected}");
    }
}

#[test]
fn toml_points_at_its_mistakes_too() {
    let error =
        wrong("site.toml", "[[gateways]]\nid = \"gw\"\n[[gateways.logs]]\nfile = \"a\"\ntz = \"+99:00\"\n");
    assert!(error.starts_with("site.toml:5:6: `gateways[0].logs[0].tz`: `+99:00` is not"), "{error}");
    let error = wrong("site.toml", "[[instances]]\nid = \"i\"\nfrom = 2026-11-22T10:00:00\n");
    assert!(error.starts_with("site.toml:3:8: `instances[0].from`: `2026-11-22T10:00:00` is not"), "{error}");
    let error = wrong("site.toml", "a = 1\na = 2\n");
    assert!(error.starts_with("site.toml:2:1: duplicate key"), "{error}");
}

#[test]
fn what_contradicts_itself_is_a_warning() {
    let inventory = json(
        r#"{"vpcs": [{"id": "vpc-a"}],
"gateways": [{"id": "gw", "vpc": "vpc-A", "instance": "i-9", "outside": {"addresses": ["203.0.113.1"]},
"dnat": [{"public": "203.0.113.2:22", "private": "10.0.0.1"}]}],
"instances": [{"id": "i-1", "vpc": "vpc-a", "private_ips": ["10.0.0.1"], "public_ips": ["203.0.113.1"]},
{"id": "i-2", "vpc": "vpc-a", "private_ips": ["10.0.0.1"]}],
"containers": [{"id": "c", "instance": "i-1", "node": "n", "ip": "10.0.0.7"}]}"#,
    );
    let found = warnings(&inventory);
    let expected = [
        "2:34 gateways[0].vpc: no network `vpc-A` is declared; known are public, vpc-a",
        "2:55 gateways[0].instance: no instance `i-9` is declared",
        "3:21 gateways[0].dnat[0].public: 203.0.113.2 is none of this gateway's `outside.addresses`",
        "4:89 instances[0].public_ips[0]: 203.0.113.1 is also an outside address of `gw`: a shared address names nobody",
        "5:47 instances[1].private_ips[0]: 10.0.0.1 in `vpc-a` is also held by `instances[0].private_ips[0]` at that time; give each its `from` and `to`",
        "6:55 containers[0].node: no gateway `n` is declared, so the address is taken for one of `vpc-a`",
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_address_may_pass_from_one_to_the_next() {
    let inventory = json(
        r#"{"instances": [
            {"id": "i-1", "to": 1000000000, "private_ips": ["10.0.0.1"]},
            {"id": "i-2", "private_ips": [{"ip": "10.0.0.1", "from": "1000000000"}]}]}"#,
    );
    assert_eq!(warnings(&inventory), [""; 0]);
    let found = holders(&inventory, "default", "10.0.0.1");
    let order: Vec<&str> = found.iter().map(|tenure| tenure.holder.instance.as_str()).collect();
    assert_eq!(order, ["i-1", "i-2"]);
}

#[test]
fn a_node_is_a_realm_of_its_own() {
    let inventory = json(
        r#"{"gateways": [{"id": "n-1", "kind": "node", "vpc": "vpc-a", "instance": "i-1"},
                         {"id": "n-2", "kind": "node", "vpc": "vpc-a", "instance": "i-2"}],
            "containers": [{"id": "c-1", "node": "n-1", "ip": "172.17.0.2"},
                           {"id": "c-2", "node": "n-2", "ip": {"ip": "172.17.0.2", "from": 5}}]}"#,
    );
    assert_eq!(gateway(&inventory, "n-1").outside_realm.as_str(), "vpc-a");
    let found = holders(&inventory, "n-2", "172.17.0.2");
    assert_eq!((found.len(), found[0].holder.instance.as_str()), (1, "i-2"));
    assert_eq!(found[0].held.from(), LogTime::from_unix_seconds(5).unwrap());
}

#[test]
fn a_log_pattern_gives_each_file_oldest_first() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("logs")).unwrap();
    for name in ["nat.log", "nat.log.1"] {
        fs::write(folder.path().join("logs").join(name), "").unwrap();
    }
    let path = folder.path().join("site");
    fs::write(
        &path,
        r#"{"gateways": [{"id": "gw", "logs": [{"file": "logs/nat*"}, {"file": "gone-*.log"}, {"file": "x"}]}]}"#,
    )
    .unwrap();
    let inventory = load(&path).unwrap();
    let found: Vec<(&str, bool, &str)> =
        inventory.logs.iter().map(|log| (log.name.as_str(), log.present, log.key.as_str())).collect();
    let expected = [
        ("nat.log.1", true, "gateways[0].logs[0]"),
        ("nat.log", true, "gateways[0].logs[0]"),
        ("gone-*.log", false, "gateways[0].logs[1]"),
        ("x", false, "gateways[0].logs[2]"),
    ];
    assert_eq!(found, expected);
    assert_eq!(inventory.logs[1].path, folder.path().join("logs/nat.log"));
}

#[test]
fn null_is_as_good_as_nothing() {
    let inventory = json(
        r#"{"vpcs": null, "account": null, "instances": [{"id": "i", "private_ips": null, "agent": null}],
            "gateways": [{"id": "gw", "outside": null, "dnat": null, "logs": null, "snat": null}]}"#,
    );
    assert_eq!(warnings(&inventory), [""; 0]);
    assert_eq!(gateway(&inventory, "gw").dnat, None);
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let folder = tempdir().unwrap();
    assert!(matches!(load(&folder.path().join("none.json")), Err(InventoryError::Read(_))));
    assert!(matches!(load(folder.path()), Err(InventoryError::Read(_))));
    let path = folder.path().join("latin.json");
    fs::write(&path, b"{\n \"account\": \"Z\xfcrich\"}").unwrap();
    let error = load(&path).unwrap_err().to_string();
    assert!(error.contains("latin.json:2:15: this is not UTF-8"), "{error}");
    fs::write(&path, b"\xff\xfe{\0}\0").unwrap();
    assert!(matches!(load(&path), Err(InventoryError::Read(_))));
}
