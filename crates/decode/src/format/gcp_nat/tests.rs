use super::*;
use crate::{damaged::damaged, json::Object};
use proptest::prelude::*;

const SAMPLES: [&str; 2] = [
    include_str!("../../../../../corpus/gcp-cloud-nat/connections/input.jsonl"),
    include_str!("../../../../../corpus/gcp-cloud-nat/hostile/input.jsonl"),
];

/// What a line says, read member by member out of whole objects.
fn surely(line: &str) -> Result<Vec<Record>, Unreadable> {
    if line.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let entry = Object::parse(line).ok_or(NO_OBJECT)?;
    let payload = entry.object("jsonPayload").ok_or(OTHER)?;
    let connection = payload.object("connection").filter(|connection| connection.has("src_ip"));
    let status = payload.scalar("allocation_status").ok_or(OTHER)?;
    let connection = connection.ok_or(OTHER)?;
    if status == "DROPPED" {
        return Ok(Vec::new());
    }
    let protocol = field::protocol("protocol", &required("protocol", connection.scalar("protocol"))?)?;
    let endpoint = |ip: &str, port: &str| {
        let number = field::port(port, &required(port, connection.scalar(port))?)?;
        let ip = field::address(ip, &required(ip, connection.scalar(ip))?)?;
        Ok(Endpoint::new(ip, protocol.has_ports().then_some(number)))
    };
    let remote = endpoint("dest_ip", "dest_port")?;
    let (outside, inside) = (endpoint("nat_ip", "nat_port")?, endpoint("src_ip", "src_port")?);
    let translation = Translation::of_source_nat(protocol, outside, inside, remote);
    let written = field::zoned_time(&required("timestamp", entry.scalar("timestamp"))?);
    let written =
        written.ok_or_else(|| fault("timestamp", "is not a time between the years 1970 and 9999"))?;
    let gateway = payload.at("gateway_identifiers.gateway_name");
    let gateway = gateway.or_else(|| entry.at("resource.labels.gateway_name"));
    Ok(vec![Record {
        gateway: gateway.map(GatewayName::from),
        inside_realm: payload.at("vpc.vpc_name").map(Realm::from),
        translation,
        request: None,
        fact: Fact::Event(Event::new(EventKind::New, written, LAG)),
    }])
}

fn decoded(entries: &mut Entries, line: &str) -> Result<Vec<Record>, Unreadable> {
    let mut out = Vec::new();
    entries.decode(line.as_bytes(), &mut out).map(|()| out)
}

/// Holds lines that one decoder reads, each of them twice, to the sure way.
fn hold<'a>(lines: impl IntoIterator<Item = &'a str>) {
    let mut entries = Entries::new();
    for line in lines {
        let want = surely(line);
        for _ in 0..2 {
            assert_eq!(decoded(&mut entries, line), want, "{line}");
        }
    }
}

fn samples() -> Vec<&'static str> {
    SAMPLES.iter().flat_map(|sample| sample.lines()).collect()
}

#[test]
fn the_samples_are_read_as_whole_objects_are() {
    hold(samples());
}

#[test]
fn a_name_is_found_wherever_its_dots_are() {
    let line = samples()[0];
    let gateways = [
        r#""gateway_identifiers":{"gateway_name":"gw-x"}"#,
        r#""gateway_identifiers":{"gateway_name":null},"gateway_identifiers.gateway_name":"gw-x""#,
        r#""gateway_identifiers":{"gateway_name":"gw-w"},"gateway_identifiers.gateway_name":"gw-x""#,
        r#""gateway_identifiers":{"gateway_name":"a","gateway_name":"b"}"#,
        r#""gateway_identifiers":1,"gateway_identifiers":2"#,
        r#""gateway_identifiers":"gw-x","vpc.vpc_name":"v""#,
        r#""vpc":{"vpc_name":7},"vpc.vpc_name":"""#,
        r#""vpc":{"vpc_name":"\u0076"},"vpc.vpc_name":{}"#,
    ];
    let resources = [
        r#""resource":{"labels":{"gateway_name":"gw-y"}}"#,
        r#""resource":{"labels.gateway_name":"gw-y","labels":{"gateway_name":"gw-z"}}"#,
        r#""resource":{"labels.gateway_name":[],"labels":{"gateway_name":"gw-z"}}"#,
        r#""resource":{"labels":1},"resource.labels":{"gateway_name":"gw-y"}"#,
        r#""resource":{"labels.gateway_name":"gw-y"},"resource.labels":{"gateway_name":"gw-z"}"#,
        r#""resource.labels":{"gateway_name":"gw-z"},"resource.labels.gateway_name":"gw-y""#,
        r#""resource.labels.gateway_name":"gw-y","resource.labels.gateway_name":"gw-z""#,
        r#""resource":{"labels":{"\u0067ateway_name":"gw-y"}}"#,
        r#""resource":null"#,
    ];
    let connection = &line[line.find(r#""connection""#).unwrap()..line.find(r#","endpoint""#).unwrap()];
    let mut lines = Vec::new();
    for gateway in gateways.into_iter().chain([""]) {
        let gateway = if gateway.is_empty() { String::new() } else { format!(",{gateway}") };
        let payload = format!(r#"{{"allocation_status":"OK",{connection}{gateway}}}"#);
        lines.extend(resources.map(|resource| {
            format!(r#"{{"timestamp":"2026-03-01T10:00:00Z",{resource},"jsonPayload":{payload}}}"#)
        }));
    }
    assert!(lines.iter().all(|line| surely(line).is_ok_and(|records| records.len() == 1)));
    let named = |line: &String| surely(line).unwrap()[0].gateway.is_some();
    assert!(lines.iter().any(named) && !lines.iter().all(named));
    hold(lines.iter().map(String::as_str));
}

#[test]
fn of_two_payloads_neither_counts() {
    let line = samples()[0];
    let (front, payload) = line.split_at(line.find(r#""jsonPayload""#).unwrap());
    let payload = &payload[..payload.len() - 1];
    let escaped = payload.replacen("json", "\\u006ason", 1);
    let twice = [payload, &escaped].map(|other| format!("{front}{payload},{other}}}"));
    for twice in &twice {
        assert_eq!(surely(twice), Err(OTHER));
        hold([line, twice, line]);
    }
    hold([line, &format!("{front}{escaped}}}"), line]);
}

proptest! {
    /// One decoder for all lines: what one of them is like must not show in what the next is read as.
    #[test]
    fn damaged_lines_are_read_as_whole_objects_are(
        damages in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..40_usize, prop_oneof![
                any::<char>().prop_map(String::from),
                "\"(src_ip|vpc|connection|gateway_name|jsonPayload)\":(1|null|\\{\\}),|[{}\\[\\]\",:\\\\]|",
            ]),
            1..12,
        ),
    ) {
        hold(damaged(&samples(), &damages).iter().map(String::as_str));
    }

    /// The same of a member that is put where one begins, or that takes the place of its value.
    #[test]
    fn odd_members_are_read_as_whole_objects_are(
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<bool>(),
                "\"(src_i(p|\\\\u0070)|vpc|vpc\\.vpc_name|connection|allocation_status|timestamp)\"",
                "null|1|\"\"|\"x\"|\"\\\\u0078\"|\\{\\}|\\{\"vpc_name\":\"v\"\\}|\\[1\\]|\"DROPPED\""),
            1..12,
        ),
    ) {
        let mut lines = Vec::new();
        for (place, adds, name, value) in changes {
            let line = samples()[0];
            let begins: Vec<_> = line.match_indices("\":").map(|(colon, _)| colon).collect();
            let colon = *place.get(&begins);
            let name_at = line[..colon].rfind('"').unwrap();
            let changed = if adds {
                format!("{}{name}:{value},{}", &line[..name_at], &line[name_at..])
            } else {
                let rest = &line[colon + 2..];
                let end = rest.find([',', '}']).unwrap();
                format!("{}{value}{}", &line[..colon + 2], &rest[end..])
            };
            lines.extend([changed, line.to_owned()]);
        }
        hold(lines.iter().map(String::as_str));
    }
}
