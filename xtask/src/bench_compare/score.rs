//! Holds answers against the truth.

use anyhow::{Context, Result};
use std::{collections::BTreeMap, net::SocketAddr, path::Path};

/// What somebody said about an alert. Of two ends, the greater answer counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Answer {
    /// Nobody is known.
    Nobody,
    /// Several are possible, and none is named.
    Several,
    /// This one.
    Named(SocketAddr),
}

/// The answers to all alerts. An alert without one is answered with nobody.
#[derive(Default)]
pub(crate) struct Given(BTreeMap<u64, Answer>);

impl Given {
    /// Adds the answer for an end of an alert.
    pub(crate) fn add(&mut self, flow_id: u64, answer: Answer) {
        let held = self.0.entry(flow_id).or_insert(answer);
        *held = answer.max(*held);
    }
}

/// Who was behind each alert.
pub(crate) struct Truths(BTreeMap<u64, Truth>);

struct Truth {
    holder: Option<SocketAddr>,
    candidates: usize,
}

/// What the answers of one run are worth: how many alerts of each kind.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Score {
    /// The holder was named.
    pub(crate) right: usize,
    /// Another was named, or somebody where there was nobody.
    pub(crate) wrong: usize,
    /// Somebody was named, rightly or wrongly, although the log leaves several possible.
    pub(crate) guessed: usize,
    /// Several were called possible.
    pub(crate) abstained: usize,
    /// There was a holder, and nobody was found.
    pub(crate) missed: usize,
    /// There was a holder.
    pub(crate) held: usize,
}

impl Truths {
    /// Reads what the workload's generator wrote.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Self::parse(csv::Reader::from_path(path)?).with_context(|| format!("cannot read {}", path.display()))
    }

    fn parse(mut rows: csv::Reader<impl std::io::Read>) -> Result<Self> {
        let mut truths = BTreeMap::new();
        for row in rows.records() {
            let row = row?;
            let cell = |column: usize| row.get(column).unwrap_or_default();
            let holder = match (cell(2), cell(3)) {
                ("", _) => None,
                (ip, port) => Some(SocketAddr::new(ip.parse()?, port.parse()?)),
            };
            truths.insert(cell(0).parse()?, Truth { holder, candidates: cell(4).parse()? });
        }
        Ok(Self(truths))
    }

    /// How many alerts were somebody's.
    pub(crate) fn held(&self) -> usize {
        self.0.values().filter(|truth| truth.holder.is_some()).count()
    }

    /// Of how many the log leaves several possible.
    pub(crate) fn several(&self) -> usize {
        self.0.values().filter(|truth| truth.candidates > 1).count()
    }

    /// Judges the answers of one run.
    pub(crate) fn score(&self, given: &Given) -> Score {
        let mut score = Score { held: self.held(), ..Score::default() };
        for (flow_id, truth) in &self.0 {
            match given.0.get(flow_id).unwrap_or(&Answer::Nobody) {
                Answer::Named(named) => {
                    let is_right = truth.holder.as_ref() == Some(named);
                    score.right += usize::from(is_right);
                    score.wrong += usize::from(!is_right);
                    score.guessed += usize::from(truth.candidates > 1);
                }
                Answer::Several => score.abstained += 1,
                Answer::Nobody => score.missed += usize::from(truth.holder.is_some()),
            }
        }
        score
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTH: &str = "\
flow_id,kind,inside_ip,inside_port,candidates
1,plain,10.0.0.1,40000,1
2,skewed,10.0.0.2,40000,2
3,plain,10.0.0.3,40000,2
4,plain,10.0.0.4,40000,1
5,unknown-remote,,,0
6,unheld-time,,,0
";

    fn named(text: &str) -> Answer {
        Answer::Named(text.parse().expect("an endpoint"))
    }

    #[test]
    fn every_answer_is_judged_once() {
        let truths = Truths::parse(csv::Reader::from_reader(TRUTH.as_bytes())).expect("it is a truth");
        assert_eq!((truths.held(), truths.several()), (4, 2));
        let mut given = Given::default();
        given.add(1, named("10.0.0.1:40000"));
        given.add(2, named("10.0.0.9:40000"));
        given.add(3, Answer::Several);
        given.add(5, named("10.0.0.1:40000"));
        given.add(6, Answer::Nobody);
        let score = truths.score(&given);
        assert_eq!(score, Score { right: 1, wrong: 2, guessed: 1, abstained: 1, missed: 1, held: 4 });
    }

    #[test]
    fn of_two_ends_the_one_that_is_named_counts() {
        let mut given = Given::default();
        given.add(1, named("10.0.0.1:40000"));
        given.add(1, Answer::Nobody);
        assert_eq!(given.0[&1], named("10.0.0.1:40000"));
    }
}
