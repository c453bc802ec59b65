//! How hard the worlds were: a law that no world ever tests is no law.

use crate::{
    oracle::Verdict,
    world::{Carried, Temper, Truth, World},
};
use std::{collections::BTreeMap, fmt};
use unmasq_model::trace::EndTrace;

/// Counts of what happened, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<String, u64>,
}

impl Tally {
    /// Adds what another counted.
    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.counts {
            *self.counts.entry(what.clone()).or_default() += count;
        }
    }

    /// How often something happened.
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }

    /// Counts what a world has to offer.
    pub(crate) fn world(&mut self, world: &World) {
        let arrangement = format!("{:?}", world.plan.arrangement);
        let arrangement = arrangement.split('(').next().unwrap_or_default().to_lowercase();
        self.one(format!("world {:?}", world.plan.temper).to_lowercase());
        self.one(format!("world whose address is {arrangement}"));
        self.many("entry", world.history.nats.iter().map(|nat| nat.entries.len()).sum());
        self.many("record", world.lines.iter().map(Vec::len).sum());
        let mut reused = 0;
        for nat in &world.history.nats {
            let mut tuples = BTreeMap::new();
            for entry in &nat.entries {
                let t = &entry.translation;
                let inside = tuples.insert((t.protocol, t.outside, t.remote), t.inside);
                reused += usize::from(inside.is_some_and(|inside| inside != t.inside));
            }
        }
        self.many("entry that another host's follows", reused);
        if let Some(balancers) = &world.balancers {
            self.one("world with balancers".to_owned());
            self.many("balancer: connection", balancers.connections.len());
            let exchanges = || balancers.connections.iter().flat_map(|c| &c.exchanges);
            self.many("balancer: request", exchanges().count());
            self.many(
                "balancer: request that was tried again",
                exchanges().filter(|e| e.tries.len() > 1).count(),
            );
            self.many(
                "balancer: request that it answered itself",
                exchanges().filter(|e| e.tries.is_empty()).count(),
            );
            self.many("balancer: record", balancers.lines.iter().map(Vec::len).sum());
        }
    }

    /// Counts one end of one alert.
    pub(crate) fn end(
        &mut self,
        world: &World,
        end: &EndTrace,
        verdict: &Verdict,
        (truth, carried): (&Truth, Option<&Carried>),
    ) {
        if let Some(carried) = carried.filter(|_| *truth != Truth::Unmasked) {
            self.carried(world, end, verdict, carried);
        }
        let truth = match truth {
            Truth::Unmasked => "unmasked",
            Truth::Behind(chain) if chain.len() > 1 => "behind several gateways",
            Truth::Behind(_) => "behind one gateway",
            Truth::Among { chains, .. } if chains.len() > 1 => "one of several backends of a connection",
            Truth::Among { .. } => "the one backend of a connection",
            Truth::Gateway => "the gateway itself",
            Truth::Nobody => "nobody",
        };
        self.one(format!("truth: {truth}"));
        let status = end.status();
        self.one(format!("answer: {status}"));
        let Some(masked) = end.masked() else {
            return;
        };
        let complete = if world.plan.temper == Temper::Complete { "complete" } else { "other" };
        match &masked.certainty {
            Some(certainty) => self.one(format!("answer: {status}, {certainty} ({complete} logs)")),
            None => self.one(format!("answer: {status}, without certainty ({complete} logs)")),
        }
        if let Some(reason) = masked.reason {
            self.one(format!("reason: {status}, {reason}"));
        }
        let decided = if verdict.decided().is_some() { "decidable" } else { "undecidable" };
        self.one(format!("oracle: {decided} ({complete} logs)"));
    }

    /// Counts one end of one alert about what a balancer carried.
    fn carried(&mut self, world: &World, end: &EndTrace, verdict: &Verdict, carried: &Carried) {
        let about = if carried.shows { "request" } else { "connection" };
        let status = end.status();
        let masked = end.masked();
        let certainty = masked.and_then(|masked| masked.certainty);
        let certainty = certainty.map_or(String::new(), |certainty| format!(", {certainty}"));
        let reason = masked.and_then(|masked| masked.reason);
        let reason = reason.map_or(String::new(), |reason| format!(", {reason}"));
        self.one(format!("balancer: {about}: {status}{certainty}{reason}"));
        let decided = if verdict.decided().is_some() { "decidable" } else { "undecidable" };
        let complete = if world.plan.temper == Temper::Complete { "complete" } else { "other" };
        self.one(format!("balancer: {about}: {decided} ({complete} logs)"));
        if masked.is_some_and(|masked| !masked.attempts.is_empty()) {
            self.one(format!("balancer: {about}: answer with attempts"));
        }
        if masked.is_some_and(|masked| masked.hops.len() > 1) {
            self.one(format!("balancer: {about}: answer through two gateways"));
        }
    }

    fn one(&mut self, what: String) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn many(&mut self, what: &str, count: usize) {
        *self.counts.entry(what.to_owned()).or_default() += u64::try_from(count).unwrap_or(0);
    }
}

/// Prints one line for each thing counted, in order of name.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in &self.counts {
            writeln!(f, "{count:>9}  {what}")?;
        }
        Ok(())
    }
}
