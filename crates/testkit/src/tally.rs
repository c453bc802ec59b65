//! How hard the worlds were: a law that no world ever tests is no law.

use crate::{
    oracle::Verdict,
    world::{Temper, Truth, World},
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
    }

    /// Counts one end of one alert.
    pub(crate) fn end(&mut self, world: &World, end: &EndTrace, verdict: &Verdict, truth: &Truth) {
        let truth = match truth {
            Truth::Unmasked => "unmasked",
            Truth::Behind(chain) if chain.len() > 1 => "behind several gateways",
            Truth::Behind(_) => "behind one gateway",
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
