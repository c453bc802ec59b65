//! Which logs a world has, and what an operator would write about them.

use super::{
    exporter::{Detail, Edge, Line, LogPlan, Style, stamp},
    nat::Nat,
    plan::{FOREVER, GatewayPlan, MS, NODE_IP, Plan, SECOND, Temper, Us},
};
use crate::rng::Rng;
use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};
use unmasq_decode::Fact;
use unmasq_model::{
    Alias, AssetId, ContainerFacts, ContainerId, Coverage, DnatRule, Gateway, GatewayKind, GatewayName,
    Holder, Log, LogIx, LogTime, Realm, Site, SourceName, Span, Tenure,
};

/// A log with what it covers.
#[derive(Clone, Debug)]
pub struct DrawnLog {
    /// How it is written.
    pub plan: LogPlan,
    /// What began before may be missing.
    pub since: Us,
    /// What was written after is missing.
    pub until: Us,
    /// Somebody says that nothing between is missing.
    pub complete: bool,
    /// How long after the fact its records may come.
    pub delay: Duration,
}

/// Draws the logs of a world; settles which gateways show packets that were meant for themselves.
pub(super) fn draw(plan: &mut Plan, rng: &mut Rng) -> Vec<LogPlan> {
    let mut logs = Vec::new();
    for place in 0..plan.gateways.len() {
        if plan.temper == Temper::Lossy && rng.chance(5) {
            plan.gateways[place].logs_scans = false;
            continue;
        }
        let before = logs.len();
        for _ in 0..1 + usize::from(rng.chance(15)) {
            logs.push(draw_one(plan, place, rng));
        }
        plan.gateways[place].logs_scans = logs[before..].iter().all(|log| log.inbound);
    }
    logs
}

/// One log of the gateway at `place`.
pub(super) fn draw_one(plan: &Plan, place: usize, rng: &mut Rng) -> LogPlan {
    let gateway = &plan.gateways[place];
    let style = match rng.below(20) {
        0..12 => Style::Events(rng.pick(&[Detail::Stamps, Detail::Delta, Detail::Bare])),
        12..15 if gateway.kind == GatewayKind::Nat => Style::Windows(rng.pick(&[10, 30, 120]) * SECOND),
        _ => Style::Sessions(rng.pick(&[Edge::LastPacket, Edge::Release])),
    };
    let clock_bound = rng.pick(&[50 * MS, 500 * MS, 2 * SECOND]);
    let within = clock_bound - plan.sensor_error;
    let offset = if plan.temper == Temper::BeyondBounds {
        rng.between(clock_bound, 20 * SECOND) * if rng.chance(50) { 1 } else { -1 }
    } else {
        rng.between(-within, within)
    };
    let named_otherwise = plan.declared && matches!(style, Style::Windows(_)) && rng.chance(40);
    let alias = IpAddr::from([172, 16, 0, 7 + u8::try_from(place).unwrap_or(0)]);
    LogPlan {
        gateway: place,
        style,
        offset,
        clock_bound,
        loss: if plan.temper == Temper::Lossy { rng.pick(&[0, 5, 20, 40]) } else { 0 },
        doubled: rng.pick(&[0, 10]),
        transit: rng.pick(&[0, SECOND, 30 * SECOND]),
        alias: named_otherwise.then_some((alias, gateway.holds[0].0)),
        echo_ids: rng.chance(70),
        inbound: match style {
            Style::Events(_) => true,
            Style::Windows(_) => false,
            Style::Sessions(_) => rng.chance(50),
        },
    }
}

impl DrawnLog {
    /// What somebody may say about a log that `plan` writes about `nat`.
    pub(super) fn draw(plan: LogPlan, nat: &Nat, temper: Temper, horizon: Us, rng: &mut Rng) -> Self {
        // A log that tells of an entry only at its end cannot be cut and still be called complete.
        let may_end = matches!(plan.style, Style::Events(_));
        let half = horizon / 2;
        let everything = FOREVER / 4;
        let (since, until) = match temper {
            Temper::Cut => {
                let since = if rng.chance(50) { rng.between(0, half) } else { -3_600 * SECOND };
                (since, if may_end && rng.chance(60) { rng.between(half, horizon) } else { everything })
            }
            Temper::Lossy if rng.chance(30) => (rng.between(0, half), rng.between(half, horizon)),
            _ => (-3_600 * SECOND, if may_end { horizon + 20 * SECOND } else { everything }),
        };
        Self {
            since,
            until,
            complete: matches!(temper, Temper::Complete | Temper::Cut),
            delay: plan.delay(nat),
            plan,
        }
    }

    /// Its records, less what was written before it began or after it ended.
    pub(super) fn lines(&self, nat: &Nat, rng: &mut Rng) -> Vec<Line> {
        let mut lines = self.plan.write(nat, rng);
        let since = stamp(self.since, self.plan.offset);
        lines.retain(|line| line.written <= self.until && tells_until(line) >= since);
        lines
    }

    /// What the inventory and its records say of it, once `delivered` have arrived.
    pub(super) fn describe(&self, name: &str, delivered: &[&Line], all_there: bool, nat: &Nat) -> Log {
        let since = stamp(self.since, self.plan.offset);
        let latest = delivered.iter().map(|line| tells_until(line)).max().unwrap_or(since).max(since);
        let last_written = nat.entries.iter().map(|e| e.stop).max().unwrap_or(0);
        // Who calls a log complete also says up to when; nobody knows that while records still come.
        let complete = self.complete && all_there;
        let end = self.until.min(last_written + 600 * SECOND);
        let until = if complete { stamp(end, self.plan.offset).max(since) } else { latest };
        Log {
            name: SourceName::from(name),
            files: vec![SourceName::from(name)],
            clock_bound: micros(self.plan.clock_bound),
            coverage: Coverage { since, until, complete, delay: self.delay },
            best_effort: false,
            shows_inbound: self.plan.inbound,
            shows_connections: true,
            idle_timeout: matches!(self.plan.style, Style::Windows(_)).then(|| micros(60 * SECOND)),
        }
    }
}

/// The latest moment of which a record tells.
fn tells_until(line: &Line) -> LogTime {
    match &line.record.fact {
        Fact::Event(event) => event.at,
        Fact::Whole { end, .. } => end.to(),
    }
}

fn micros(us: Us) -> Duration {
    Duration::from_micros(u64::try_from(us).unwrap_or(0))
}

/// The site as its operator describes it; what its logs show is added later.
pub(super) fn describe_site(plan: &Plan, logs: &[LogPlan], sensor_realm: &Realm) -> Site {
    let mut site = Site { sensor_realm: sensor_realm.clone(), ..Site::undeclared() };
    site.declared = plan.declared;
    for (place, facts) in plan.gateways.iter().enumerate() {
        let name = GatewayName::from(facts.name.as_str());
        let (outside, inside) = (facts.outside_realm.clone(), facts.inside_realm.clone());
        let mut gateway = Gateway::named(name, facts.kind, outside, inside);
        if plan.declared {
            declare(&mut gateway, facts, place);
            let named_otherwise = logs.iter().filter(|log| log.gateway == place).filter_map(|log| log.alias);
            gateway.aliases = named_otherwise
                .flat_map(|(logged, outside)| {
                    let held = gateway.addresses.iter().filter(move |(ip, _)| *ip == outside);
                    held.map(move |(_, held)| Alias { logged, outside, held: *held })
                })
                .collect();
        }
        for (log, _) in (0..).zip(logs).filter(|(_, log)| log.gateway == place) {
            gateway.logs.insert(LogIx(log));
        }
        site.gateways.push(gateway);
    }
    if plan.declared {
        site.tenures = tenures(plan);
    }
    site
}

fn declare(gateway: &mut Gateway, facts: &GatewayPlan, place: usize) {
    let span = |from, to| Span::between(stamp(from, 0), stamp(to, 0));
    gateway.addresses = facts.declares.iter().map(|&(ip, from, to)| (ip, span(from, to))).collect();
    let rules = facts.rules.iter().enumerate().map(|(rule, facts)| DnatRule {
        protocol: None,
        outside: facts.outside,
        inside: facts.inside,
        held: span(facts.from, facts.to),
        inventory: SourceName::from("inventory.json"),
        path: Arc::from(format!("gateways[{place}].dnat[{rule}]")),
    });
    gateway.dnat = Some(rules.collect());
    if facts.kind == GatewayKind::Node {
        gateway.instance = Some(AssetId::from("i-node-1"));
    }
}

fn tenures(plan: &Plan) -> Vec<Tenure> {
    let mut tenures: Vec<Tenure> = plan
        .hosts
        .iter()
        .map(|host| {
            let contained = host.realm == Realm::from("node-1");
            let id = format!("{}-{}", host.realm, host.ip);
            let (instance, realm) = if contained || host.ip == NODE_IP {
                ("i-node-1".to_owned(), Realm::from("vpc-a"))
            } else {
                (format!("i-{id}"), host.realm.clone())
            };
            let container = contained.then(|| ContainerFacts {
                id: ContainerId::from(format!("c-{id}")),
                name: None,
                pod: None,
                namespace: None,
                image: None,
            });
            let instance = AssetId::from(instance);
            Tenure {
                realm: host.realm.clone(),
                ip: host.ip,
                held: Span::ALWAYS,
                holder: Holder {
                    instance,
                    name: None,
                    realm,
                    account: None,
                    region: None,
                    agent: None,
                    container,
                },
            }
        })
        .collect();
    tenures.sort_by(|a, b| (&a.realm, a.ip).cmp(&(&b.realm, b.ip)));
    tenures
}

/// The addresses that a gateway's delivered records show.
pub(super) fn seen(lines: &[&Line]) -> BTreeSet<IpAddr> {
    lines.iter().filter_map(|line| line.record.translation.outside.ip).collect()
}
