//! The balancers of a world: what they carried for whom, what their logs made of it, and the alerts
//! about it.
//!
//! Drawn from a stream of their own, so that the rest of a seed's world is the same without them.

mod access;
mod carry;
mod exchange;
mod plan;
mod raise;

pub use access::{AccessLog, Called};
pub use carry::Connection;
pub use exchange::{Exchange, Tried, Words};
pub use plan::{Balancer, BalancersPlan, Client, ListenerPlan, Target};

use super::{
    alarm::Staged,
    exporter::Line,
    nat::Nat,
    plan::{Plan, Temper, Us},
};
use crate::rng::Rng;
use std::net::IpAddr;
use unmasq_model::{
    AssetId, Gateway, GatewayKind, GatewayName, Holder, Listener, Log, LogIx, Protocol, Realm, Site, Span,
    Tenure,
};

/// Balancers that have run.
#[derive(Clone, Debug)]
pub struct Balancers {
    /// What was fixed before the first packet.
    pub plan: BalancersPlan,
    /// What truly happened, in order of opening.
    pub connections: Vec<Connection>,
    /// Their logs, in order of name.
    pub logs: Vec<AccessLog>,
    /// Each log's lines, in order of arrival.
    pub lines: Vec<Vec<Line>>,
}

impl Balancers {
    /// Lets the balancers of a world of `plan` run, and the NAT before some of their clients.
    pub(super) fn run(plan: &Plan, rng: &mut Rng) -> (Self, Option<Nat>) {
        let midway = matches!(plan.temper, Temper::Cut | Temper::Lossy);
        let balancers = BalancersPlan::draw(plan.declared, midway, &mut rng.fork());
        let (connections, nat) = carry::run(&balancers, &mut rng.fork());
        let mut of_logs = rng.fork();
        let facts = (plan.temper, plan.sensor_error, balancers.horizon);
        let logs: Vec<AccessLog> = (0..balancers.balancers.len())
            .filter_map(|ix| AccessLog::draw(ix, &connections, facts, &mut of_logs))
            .collect();
        let lines = logs.iter().map(|log| log.lines(&balancers, &connections, &mut of_logs)).collect();
        (Self { plan: balancers, connections, logs, lines }, nat)
    }

    /// The alerts about them, as a sensor in `realm` raises them.
    pub(super) fn alerts(&self, realm: &Realm, sensor_error: Us, rng: &mut Rng) -> Vec<Staged> {
        raise::draw(&self.plan, &self.connections, &self.logs, (realm, sensor_error), rng)
    }

    /// Whether the inventory has the addresses of all.
    #[must_use]
    pub fn is_declared(&self) -> bool {
        self.plan.balancers.iter().all(|balancer| balancer.declares_address)
    }

    /// When the last of their connections was closed.
    pub(super) fn last(&self) -> Us {
        self.connections.iter().map(|connection| connection.closed).max().unwrap_or(0)
    }

    /// Adds what an operator tells of them.
    pub(super) fn describe(&self, declared: bool, site: &mut Site) {
        for balancer in &self.plan.balancers {
            let (outside, inside) = (balancer.outside_realm.clone(), balancer.inside_realm.clone());
            let name = GatewayName::from(balancer.name);
            let mut gateway = Gateway::named(name, GatewayKind::Balancer, outside, inside);
            if balancer.declares_address {
                gateway.addresses = vec![(balancer.ip, Span::ALWAYS)];
            }
            gateway.listeners = balancer.declares_listeners.then(|| listeners(balancer));
            site.gateways.push(gateway);
        }
        if declared {
            site.tenures.extend(self.tenures());
            site.tenures.sort_by(|a, b| (&a.realm, a.ip).cmp(&(&b.realm, b.ip)));
        }
    }

    /// Adds one of their logs as far as it was delivered; `first` is the place of the first balancer.
    pub(super) fn describe_log(
        &self,
        (log, first): (usize, usize),
        delivered: &[&Line],
        all_there: bool,
        site: &mut Site,
    ) {
        let ix = LogIx(u32::try_from(site.logs.len()).unwrap_or(u32::MAX));
        let facts = &self.logs[log];
        let name = format!("{}.access.log", self.plan.balancers[facts.balancer].name);
        let described: Log = facts.describe(&name, delivered, all_there, self.last());
        site.logs.push(described);
        site.gateways[first + facts.balancer].logs.insert(ix);
    }

    fn tenures(&self) -> Vec<Tenure> {
        let front = &self.plan.balancers[0];
        let backends: Vec<IpAddr> = front
            .listeners
            .iter()
            .find_map(|listener| match &listener.target {
                Target::Requests(backends) => Some(backends.iter().map(|backend| backend.ip).collect()),
                _ => None,
            })
            .unwrap_or_default();
        let backends = backends.into_iter().map(|ip| (front.inside_realm.clone(), ip));
        let behind = |client: &&Client| client.hairpin;
        let clients = self.plan.clients.iter().filter(behind);
        let clients = clients.map(|client| (Realm::from(plan::CLIENTS_REALM), client.ip));
        backends.chain(clients).map(|(realm, ip)| tenure(realm, ip)).collect()
    }
}

fn listeners(balancer: &Balancer) -> Vec<Listener> {
    let listener = |plan: &ListenerPlan| Listener {
        protocol: Protocol::TCP,
        port: plan.port,
        requests: matches!(plan.target, Target::Requests(_)),
    };
    balancer.listeners.iter().map(listener).collect()
}

fn tenure(realm: Realm, ip: IpAddr) -> Tenure {
    let instance = AssetId::from(format!("i-{realm}-{ip}"));
    let holder = Holder {
        instance,
        name: None,
        realm: realm.clone(),
        account: None,
        region: None,
        agent: None,
        container: None,
    };
    Tenure { realm, ip, held: Span::ALWAYS, holder }
}
