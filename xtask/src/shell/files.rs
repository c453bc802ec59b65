//! A world as files: its site as an inventory, its records as lines of session logs, its alerts as EVE lines.

use serde_json::{Value, json};
use std::{fmt::Write, net::IpAddr};
use unmasq_decode::{Event, EventKind, Fact, Record};
use unmasq_model::{Endpoint, GatewayKind, LogTime, Outside, Protocol, Role, Span};
use unmasq_testkit::world::{Detail, DrawnLog, GatewayPlan, Host, Staged, Style, Us, World, stamp};

/// The address of the node that some worlds have.
const NODE: &str = "10.0.0.5";

/// What the file of a log is called.
pub(crate) fn name(world: &World, log: usize) -> String {
    format!("{}.{log}.log", world.plan.gateways[world.logs[log].plan.gateway].name)
}

/// The format that a log is written in.
pub(crate) fn format(log: &DrawnLog) -> &'static str {
    match log.plan.style {
        Style::Events(_) => "conntrack-text",
        Style::Windows(_) | Style::Sessions(_) => "alibaba-nat",
    }
}

/// The site, as its operator writes it down.
pub(crate) fn inventory(world: &World, sensor_realm: &str) -> Value {
    let gateways: Vec<Value> = (0..world.plan.gateways.len()).map(|place| gateway(world, place)).collect();
    let (contained, others): (Vec<&Host>, Vec<&Host>) =
        world.plan.hosts.iter().partition(|host| host.realm.as_str() == "node-1");
    let instances = others.iter().map(|host| {
        let is_node = host.ip.to_string() == NODE;
        let id = if is_node { "i-node-1".to_owned() } else { format!("i-{}-{}", host.realm, host.ip) };
        json!({"id": id, "vpc": host.realm.as_str(), "private_ips": [host.ip.to_string()]})
    });
    let containers = contained
        .iter()
        .map(|host| json!({"id": format!("c-{}", host.ip), "node": "node-1", "ip": host.ip.to_string()}));
    json!({
        "version": 1,
        "sensor_realm": sensor_realm,
        "vpcs": [{"id": "vpc-a"}, {"id": "vpc-b"}],
        "gateways": gateways,
        "instances": instances.collect::<Vec<_>>(),
        "containers": containers.collect::<Vec<_>>(),
    })
}

fn gateway(world: &World, place: usize) -> Value {
    let facts = &world.plan.gateways[place];
    let addresses =
        facts.declares.iter().map(|(ip, from, to)| held(json!({"ip": ip.to_string()}), *from, *to));
    let dnat = facts.rules.iter().map(|rule| {
        let ends = json!({"public": text(rule.outside), "private": text(rule.inside)});
        held(ends, rule.from, rule.to)
    });
    let logs = world.logs.iter().enumerate().filter(|(_, log)| log.plan.gateway == place);
    let aliases = logs.clone().filter_map(|(_, log)| log.plan.alias);
    let aliases = aliases
        .map(|(logged, outside)| json!({"logged": logged.to_string(), "outside": outside.to_string()}));
    let logs = logs.clone().map(|(number, log)| {
        json!({
            "file": name(world, number),
            "format": format(log),
            "tz": "UTC",
            "complete": log.complete,
            "clock_bound": format!("{}ms", log.plan.clock_bound / 1_000),
        })
    });
    let is_node = facts.kind == GatewayKind::Node;
    let mut gateway = json!({
        "id": facts.name,
        "kind": if is_node { "node" } else { "nat" },
        "vpc": if is_node { facts.outside_realm.as_str() } else { facts.inside_realm.as_str() },
        "outside": {
            "network": facts.outside_realm.as_str(),
            "addresses": addresses.collect::<Vec<_>>(),
        },
        "inside": {"network": facts.inside_realm.as_str()},
        "aliases": aliases.collect::<Vec<_>>(),
        "dnat": dnat.collect::<Vec<_>>(),
        "logs": logs.collect::<Vec<_>>(),
    });
    if is_node {
        gateway["instance"] = "i-node-1".into();
    }
    gateway
}

/// Something that was so from one moment to another; at the ends of time nothing is said.
fn held(mut what: Value, from: Us, to: Us) -> Value {
    for (member, at) in [("from", stamp(from, 0)), ("to", stamp(to, 0))] {
        if at.is_finite() {
            what[member] = seconds(at).into();
        }
    }
    what
}

/// A record as a line of its log; `None` if no line of that format says it.
pub(crate) fn line(world: &World, log: &DrawnLog, record: &Record) -> Option<String> {
    match &record.fact {
        Fact::Event(event) => conntrack(record, event, log.plan.style),
        Fact::Whole { start, end, .. } => whole(world, log, record, *start, *end),
    }
}

/// As the Linux kernel's connection tracking tells it.
fn conntrack(record: &Record, event: &Event, style: Style) -> Option<String> {
    let t = &record.translation;
    let (outside, remote) = (endpoint(t.outside)?, t.remote?);
    let (inside, inside_remote) = (t.inside.unwrap_or(outside), t.inside_remote.unwrap_or(remote));
    let (original, reply) = match t.role {
        Role::Client | Role::Unknown => ((inside, inside_remote), (remote, outside)),
        Role::Server => ((remote, outside), (inside, inside_remote)),
    };
    let kind = match event.kind {
        EventKind::New => "    [NEW]",
        EventKind::Update => " [UPDATE]",
        EventKind::Destroy => "[DESTROY]",
    };
    let protocol = t.protocol?;
    let mut line = format!("[{}]\t{kind} ipv4     2 {}", seconds(event.at), called(protocol));
    if let Some(timeout) = event.timeout {
        write!(line, " {}", timeout.as_secs()).ok()?;
    }
    if let Some(state) = event.state.filter(|_| protocol == Protocol::TCP) {
        write!(line, " {state}").ok()?;
    }
    line += &tuple(protocol, original, 8);
    line += &tuple(protocol, reply, 0);
    if let Some(lasted) = event.lasted {
        write!(line, " delta-time={}", lasted.as_secs()).ok()?;
    }
    if let (Some(started), Some(stopped), Style::Events(Detail::Stamps)) =
        (event.started, event.stopped, style)
    {
        let lasted = stopped.from().as_unix_us() - started.from().as_unix_us();
        write!(line, " delta-time={} [start={}] [stop={}]", lasted / 1_000_000, day(started), day(stopped))
            .ok()?;
    }
    if let Some(id) = event.entry {
        write!(line, " id={id}").ok()?;
    }
    Some(line)
}

fn called(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::TCP => "tcp      6",
        Protocol::UDP => "udp      17",
        _ => "icmp     1",
    }
}

fn tuple(protocol: Protocol, (from, to): (Endpoint, Endpoint), kind: u8) -> String {
    let addresses = format!(" src={} dst={}", ip(from), ip(to));
    let (one, other) = (from.port.unwrap_or(0), to.port.unwrap_or(0));
    if protocol.has_ports() {
        format!("{addresses} sport={one} dport={other}")
    } else {
        // Only our own side has the query's id.
        format!("{addresses} type={kind} code=0 id={}", one.max(other))
    }
}

/// As a cloud's NAT gateway writes it; it says nothing of what came from outside.
fn whole(world: &World, log: &DrawnLog, record: &Record, start: Span, end: Span) -> Option<String> {
    let t = &record.translation;
    let (outside, remote, inside) = (endpoint(t.outside)?, t.remote?, t.inside?);
    if t.role == Role::Server {
        return None;
    }
    let facts: &GatewayPlan = &world.plan.gateways[log.plan.gateway];
    let port = |of: Endpoint| of.port.unwrap_or(0).to_string();
    let second = |span: Span| (span.from().as_unix_us() / 1_000_000).to_string();
    let line = json!({
        "instance": facts.name,
        "vpc_id": facts.inside_realm.as_str(),
        "protocol": t.protocol?.number().to_string(),
        "pri_ip": ip(inside), "pri_port": port(inside),
        "pub_ip": ip(remote), "pub_port": port(remote),
        "nat_ip": ip(outside), "nat_port": port(outside),
        "start_time": second(start), "end_time": second(end),
    });
    Some(line.to_string())
}

/// An alert as Suricata writes it; two that look alike may be the same to the byte.
pub(crate) fn alert(staged: &Staged) -> String {
    let alert = &staged.alert;
    let mut line = json!({
        "timestamp": time(alert.at.to()),
        "event_type": "alert",
        "src_ip": ip(alert.ends.src),
        "dest_ip": ip(alert.ends.dest),
        "proto": match alert.protocol { Protocol::TCP => "TCP", Protocol::UDP => "UDP", _ => "ICMP" },
        "alert": {"action": "allowed", "gid": 1, "signature_id": 9_000_001, "rev": 1, "signature": "TEST",
                  "category": "Attempted Information Leak", "severity": 2},
    });
    for (member, end) in [("src_port", alert.ends.src), ("dest_port", alert.ends.dest)] {
        if let Some(port) = end.port {
            line[member] = port.into();
        }
    }
    if let Some(start) = alert.flow_start {
        line["flow"] = json!({"start": time(start)});
    }
    line.to_string()
}

fn endpoint(outside: Outside) -> Option<Endpoint> {
    Some(Endpoint::new(outside.ip?, outside.port()))
}

fn ip(end: Endpoint) -> IpAddr {
    end.ip
}

fn text(end: Endpoint) -> String {
    end.port.map_or_else(|| end.ip.to_string(), |port| format!("{}:{port}", end.ip))
}

/// In Unix seconds.
fn seconds(at: LogTime) -> String {
    let us = at.as_unix_us();
    format!("{}.{:06}", us.div_euclid(1_000_000), us.rem_euclid(1_000_000))
}

/// All worlds happen around one morning.
fn time(at: LogTime) -> String {
    let text = at.to_string();
    text.trim_end_matches('Z').to_owned() + "+0000"
}

/// A second as the C library writes it.
fn day(span: Span) -> String {
    let text = span.from().to_string();
    let clock = text.split_once('T').map_or("00:00:00", |(_, clock)| clock.get(..8).unwrap_or(clock));
    format!("Sun Nov 22 {clock} 2026")
}
