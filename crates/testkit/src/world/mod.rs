//! A small world from a seed: who truly held each translated tuple, what the logs made of it, and
//! the alerts that somebody must answer with nothing but those logs.

mod alarm;
mod balance;
mod exporter;
mod logs;
mod nat;
mod plan;
mod traffic;

pub use alarm::{Carried, Staged};
pub use balance::{
    AccessLog, Balancer, Balancers, BalancersPlan, Called, Client, Connection, Exchange, ListenerPlan,
    Target, Tried, Words,
};
pub use exporter::{Detail, Edge, Line, LogPlan, Style, stamp};
pub use logs::DrawnLog;
pub use nat::{Entry, Kind, Nat};
pub use plan::{Arrangement, GatewayPlan, Host, Plan, Rule, Temper, Timeouts, Us};
pub use traffic::{History, Passage, Truth};

use crate::rng::Rng;
use std::sync::Arc;
use unmasq_decode::{Sighting, assemble};
use unmasq_model::{Evidence, GatewayIx, LogIx, Realm, Session, Site};

/// A world that has run: everything about it follows from its seed.
#[derive(Clone, Debug)]
pub struct World {
    /// Where it came from.
    pub seed: u64,
    /// What was fixed before the first packet.
    pub plan: Plan,
    /// What truly happened.
    pub history: History,
    /// The logs, in order of name.
    pub logs: Vec<DrawnLog>,
    /// Each log's records, in order of arrival.
    pub lines: Vec<Vec<Line>>,
    /// The balancers, in about half of all worlds; the NAT before some of their clients stands last among
    /// the gateways, and its log last among the logs.
    pub balancers: Option<Balancers>,
    /// The alerts: about what NATs translated, then about what balancers carried, each in order of time.
    pub alerts: Vec<Staged>,
    sensor_realm: Realm,
}

/// What is known at some moment.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// What the operator told, and what the logs show of themselves.
    pub site: Site,
    /// The sessions of every log.
    pub sessions: Vec<Session>,
}

/// The order in which records are handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// As they arrived.
    Arrival,
    /// As this seed mixes them.
    Mixed(u64),
}

/// What sets the balancers' stream of draws apart from that of the rest.
const OF_BALANCERS: u64 = 0x62_616c_616e_6365;

impl World {
    /// The world of a seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut plan = Plan::draw(&mut rng.fork());
        let drawn = logs::draw(&mut plan, &mut rng.fork());
        let history = History::run(&plan, &mut rng.fork());
        let mut of_logs = rng.fork();
        let logs: Vec<DrawnLog> = drawn
            .into_iter()
            .map(|log| {
                let nat = &history.nats[log.gateway];
                DrawnLog::draw(log, nat, plan.temper, plan.horizon, &mut of_logs)
            })
            .collect();
        let lines = logs.iter().map(|log| log.lines(&history.nats[log.plan.gateway], &mut of_logs)).collect();
        let has_node = plan.gateways.iter().any(|g| g.outside_realm == Realm::from("vpc-a"));
        let sensor_realm = match plan.declared {
            true if has_node && rng.chance(20) => Realm::from("vpc-a"),
            true => Realm::public(),
            false => Realm::default_realm(),
        };
        let alerts = alarm::draw(&plan, &history, &sensor_realm, &mut rng.fork());
        let mut world = Self { seed, plan, history, logs, lines, balancers: None, alerts, sensor_realm };
        let mut of_balancers = Rng::new(seed ^ OF_BALANCERS);
        if of_balancers.chance(50) {
            world.add_balancers(&mut of_balancers);
        }
        world
    }

    /// Balancers, beside what is there already.
    fn add_balancers(&mut self, rng: &mut Rng) {
        let (balancers, nat) = Balancers::run(&self.plan, rng);
        if let Some((nat, facts)) = nat.zip(balancers.plan.hairpin.clone()) {
            self.plan.gateways.push(facts);
            let log = logs::draw_one(&self.plan, self.plan.gateways.len() - 1, rng);
            let log = DrawnLog::draw(log, &nat, self.plan.temper, balancers.last(), rng);
            self.lines.push(log.lines(&nat, rng));
            self.history.nats.push(nat);
            self.logs.push(log);
        }
        self.alerts.extend(balancers.alerts(&self.sensor_realm, self.plan.sensor_error, &mut rng.fork()));
        self.balancers = Some(balancers);
    }

    /// What is known once everything has arrived.
    #[must_use]
    pub fn known(&self, order: Order) -> Knowledge {
        self.known_at(Us::MAX, order)
    }

    /// What is known at one moment of true time, while records still come.
    #[must_use]
    pub fn known_at(&self, moment: Us, order: Order) -> Knowledge {
        let plans: Vec<LogPlan> = self.logs.iter().map(|log| log.plan.clone()).collect();
        let mut site = logs::describe_site(&self.plan, &plans, &self.sensor_realm);
        let mut sessions = Vec::new();
        for (ix, (log, lines)) in (0..).zip(self.logs.iter().zip(&self.lines)) {
            let gateway = log.plan.gateway;
            let delivered: Vec<&Line> = lines.iter().filter(|line| line.arrives <= moment).collect();
            site.gateways[gateway].seen.extend(logs::seen(&delivered));
            let name = format!("{}.{ix}.log", self.plan.gateways[gateway].name);
            let nat = &self.history.nats[gateway];
            site.logs.push(log.describe(&name, &delivered, moment == Us::MAX, nat));
            let mut sightings = sightings(LogIx(ix), gateway, &delivered);
            if let Order::Mixed(seed) = order {
                Rng::new(seed ^ u64::from(ix)).shuffle(&mut sightings);
            }
            sessions.extend(assemble(sightings));
        }
        if let Some(balancers) = &self.balancers {
            balancers.describe(self.plan.declared, &mut site);
            for (ix, lines) in balancers.lines.iter().enumerate() {
                let delivered: Vec<&Line> = lines.iter().filter(|line| line.arrives <= moment).collect();
                let (log, first) = (LogIx(count(site.logs.len())), self.plan.gateways.len());
                let gateway = first + balancers.logs[ix].balancer;
                balancers.describe_log((ix, first), &delivered, moment == Us::MAX, &mut site);
                site.gateways[gateway].seen.extend(logs::seen(&delivered));
                let mut sightings = sightings(log, gateway, &delivered);
                if let Order::Mixed(seed) = order {
                    Rng::new(seed ^ u64::from(log.0)).shuffle(&mut sightings);
                }
                sessions.extend(assemble(sightings));
            }
        }
        if let Order::Mixed(seed) = order {
            Rng::new(!seed).shuffle(&mut sessions);
        }
        Knowledge { site, sessions }
    }

    /// Some moments in the middle of the deliveries: two of the NATs' logs, one of the balancers'.
    #[must_use]
    pub fn moments(&self) -> Vec<Us> {
        let pick = |draw: u64, arrivals: &[Us]| {
            if arrivals.is_empty() { 0 } else { Rng::new(self.seed ^ draw).pick(arrivals) }
        };
        let arrivals = |lines: &[Vec<Line>]| {
            let mut arrivals: Vec<Us> = lines.iter().flatten().map(|line| line.arrives).collect();
            arrivals.sort_unstable();
            arrivals
        };
        let of_nats = arrivals(&self.lines[..self.nat_logs()]);
        let mut moments = vec![pick(0, &of_nats), pick(1, &of_nats)];
        if let Some(balancers) = &self.balancers {
            moments.push(pick(2, &arrivals(&balancers.lines)));
        }
        moments
    }

    /// How many of the logs have nothing to do with balancers.
    #[must_use]
    pub fn nat_logs(&self) -> usize {
        let hairpin = self.balancers.as_ref().is_some_and(|balancers| balancers.plan.hairpin.is_some());
        self.logs.len() - usize::from(hairpin)
    }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}

fn sightings(log: LogIx, gateway: usize, delivered: &[&Line]) -> Vec<Sighting> {
    let gateway = GatewayIx(count(gateway));
    let numbered = (1..).zip(delivered);
    numbered
        .map(|(number, line)| {
            let record = Arc::from(format!("line {number}"));
            let evidence = Evidence { log, file: 0, line: number, record };
            Sighting { gateway, evidence, record: line.record.clone() }
        })
        .collect()
}
