//! A site whose only gateway has carried some sessions, and alerts about them.

use crate::flows::{self, Flow};
use std::{
    net::{IpAddr, SocketAddrV4},
    time::Duration,
};
use unmasq_engine::{Margins, Plain, Sieve, SiteMap, Wants};
use unmasq_index::{Block, Memory};
use unmasq_model::{
    Alert, AlertClass, AlertId, Context, Coverage, Endpoint, Gateway, GatewayKind, Log, LogIx, PerEnd, Realm,
    Site, Span, Translation,
};

/// A gateway as its log shows it, of which no inventory tells.
fn site(flows: &[Flow]) -> Site {
    let realm = Realm::default_realm;
    let mut gateway = Gateway::named("gateway".into(), GatewayKind::Nat, realm(), realm());
    gateway.seen = flows.iter().filter_map(|flow| flow.translation.outside.ip).collect();
    gateway.logs = [LogIx(0)].into();
    let log = Log {
        name: "log".into(),
        files: vec!["log".into()],
        clock_bound: Site::CLOCK_BOUND,
        coverage: Coverage {
            since: flows::second(0),
            until: flows::second(2 * flows::SECONDS),
            complete: true,
            delay: Duration::ZERO,
        },
        best_effort: false,
        shows_inbound: false,
        shows_connections: false,
        idle_timeout: None,
    };
    Site { gateways: vec![gateway], logs: vec![log], ..Site::undeclared() }
}

/// A sieve for alerts about these sessions.
pub(crate) fn sieve(alerts: &[Flow]) -> Sieve {
    let margins =
        Margins { clock_bound: Site::CLOCK_BOUND, silence: Duration::from_secs(60), balancers: false };
    let mut wants = Wants::nothing(&Site::undeclared(), margins);
    for alert in alerts.iter().map(alert) {
        wants.add(alert.protocol, alert.ends, alert.at);
    }
    Sieve::of(wants)
}

/// What a sieve looks at of these sessions, of each of which one record tells everything.
pub(crate) fn plain(flows: &[Flow]) -> Vec<Plain> {
    let socket = |at: Endpoint| match (at.ip, at.port) {
        (IpAddr::V4(ip), Some(port)) => SocketAddrV4::new(ip, port),
        _ => panic!("not plain"),
    };
    let plain = |flow: &Flow| {
        let Translation { protocol, outside, inside, remote, .. } = flow.translation;
        Plain {
            protocol: protocol.unwrap(),
            outside: socket(Endpoint::new(outside.ip.unwrap(), outside.port())),
            inside: socket(inside.unwrap()),
            remote: socket(remote.unwrap()),
            reach: Span::between(flow.start, flow.end),
        }
    };
    flows.iter().map(plain).collect()
}

/// How many of them a sieve keeps.
pub(crate) fn kept(sieve: &Sieve, sessions: &[Plain]) -> usize {
    let mut kept = 0;
    sieve.sift(sessions, |_| kept += 1);
    kept
}

/// Everything known: the site and these sessions.
pub(crate) fn knowledge(flows: &[Flow]) -> (SiteMap, Memory) {
    let mut memory = Memory::default();
    memory.set_block(Block::of(flows::rows(flows), Vec::new()));
    (SiteMap::of(site(flows)), memory)
}

/// An alert in the midst of a session, about a packet of its client.
pub(crate) fn alert(flow: &Flow) -> Alert {
    let outside = flow.translation.outside;
    Alert {
        id: AlertId("a6a5c0f0b2f34dd0".into()),
        realm: Realm::default_realm(),
        at: Span::at(flow.start.plus(Duration::from_millis(1_500))),
        request_lag: Duration::ZERO,
        protocol: flow.translation.protocol.unwrap(),
        ends: PerEnd {
            src: Endpoint::new(outside.ip.unwrap(), outside.port()),
            dest: flow.translation.remote.unwrap(),
        },
        opened_by: None,
        flow_start: None,
        class: AlertClass::Attack,
        context: Context::default(),
    }
}
