//! How well the recorded lab was traced: every end that its `truth.jsonl` knows, held against the
//! answer in the traced `eve.json`.
//!
//! An answer is wrong as soon as one thing that it names is not the truth. Not knowing is never wrong,
//! but a list of candidates without the truth is.

mod verdict;

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};
use verdict::Verdict;

/// The balancers of the lab: what lies behind them is counted apart, for it is matched otherwise.
const BALANCER: &str = "lb-";

/// The lab's ends by what the truth says of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Score {
    /// Machines of ours that called out through NAT.
    pub clients: Counts,
    /// Machines of ours that were called through NAT.
    pub servers: Counts,
    /// Calls that ended at a gateway; right is `untraced`, `ended-at-gateway`.
    pub edges: Counts,
    /// Machines of ours that were called through a balancer.
    pub balanced: Counts,
}

/// What became of some ends.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// How many there are.
    pub ends: usize,
    /// Traced to the true endpoint, instance and container, and to the process where an agent runs.
    pub right: usize,
    /// The same, but without its process.
    pub without_process: usize,
    /// Left open: several candidates remain, and the truth is among them.
    pub ambiguous: usize,
    /// Left open, by `status: reason`.
    pub open: BTreeMap<String, usize>,
    /// Answers that are not true.
    pub wrong: Vec<Wrong>,
}

/// An answer that is not true.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// The alert's line, from 1.
    pub line: usize,
    /// What was said, and what is so.
    pub what: String,
}

/// Why there is nothing to score.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LabError {
    /// A line is not JSON.
    #[error("line {line} of the {file} is not JSON")]
    NotJson {
        /// `truth` or `traced alerts`.
        file: &'static str,
        /// The line, from 1.
        line: usize,
    },
    /// The two do not belong together.
    #[error("line {line} of the traced alerts is not the alert that the truth means; trace all of eve.json")]
    OtherAlert {
        /// The line, from 1.
        line: usize,
    },
}

/// Scores the traced `eve.json` against the lines of `truth.jsonl`.
///
/// `traced` must be all of it, in its order, with the answers in the member `trace`.
///
/// # Errors
/// When a line of either cannot be read, or the two do not belong together.
pub fn score(traced: &str, truth: &str) -> Result<Score, LabError> {
    let traced: Vec<&str> = traced.lines().collect();
    let mut score = Score::default();
    for (number, text) in (1..).zip(truth.lines()) {
        let truth: Value = parse("truth", number, text)?;
        let line = truth["alert_line"].as_u64().and_then(|line| usize::try_from(line).ok()).unwrap_or(0);
        let text = line.checked_sub(1).and_then(|at| traced.get(at)).copied().unwrap_or_default();
        let alert: Value = parse("traced alerts", line, text)?;
        if alert["timestamp"] != truth["timestamp"] || alert["trace"].is_null() {
            return Err(LabError::OtherAlert { line });
        }
        for end in ["client", "server"] {
            score.count(line, &alert, &truth, end);
        }
    }
    Ok(score)
}

fn parse(file: &'static str, line: usize, text: &str) -> Result<Value, LabError> {
    serde_json::from_str(text).map_err(|_| LabError::NotJson { file, line })
}

impl Score {
    /// Every wrong answer, whatever the end.
    pub fn wrong(&self) -> impl Iterator<Item = &Wrong> {
        [&self.clients, &self.servers, &self.edges, &self.balanced]
            .into_iter()
            .flat_map(|counts| &counts.wrong)
    }

    fn count(&mut self, line: usize, alert: &Value, truth: &Value, end: &str) {
        let is = &truth[end];
        let kind = is["kind"].as_str().unwrap_or_default();
        let via: Vec<&str> = is["via"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let counts = match (kind, end) {
            ("external", _) => return,
            ("edge", _) => &mut self.edges,
            _ if via.first().is_some_and(|gateway| gateway.starts_with(BALANCER)) => &mut self.balanced,
            (_, "client") => &mut self.clients,
            _ => &mut self.servers,
        };
        let said = verdict::end_of(alert, &truth["public"], end);
        counts.add(line, verdict::verdict(said, is, &truth["proto"]));
    }
}

impl Counts {
    fn add(&mut self, line: usize, verdict: Verdict) {
        self.ends += 1;
        match verdict {
            Verdict::Right => self.right += 1,
            Verdict::WithoutProcess => self.without_process += 1,
            Verdict::Ambiguous => self.ambiguous += 1,
            Verdict::Open(why) => *self.open.entry(why).or_default() += 1,
            Verdict::Wrong(what) => self.wrong.push(Wrong { line, what }),
        }
    }
}

/// One line for each kind of end, then every wrong answer.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("clients behind NAT", &self.clients),
            ("servers behind NAT", &self.servers),
            ("calls that ended at one", &self.edges),
            ("servers behind a balancer", &self.balanced),
        ];
        for (what, counts) in rows {
            writeln!(f, "{what:<26} {counts}")?;
        }
        let wrong: BTreeSet<(usize, &str)> = self.wrong().map(|wrong| (wrong.line, &*wrong.what)).collect();
        wrong.into_iter().try_for_each(|(line, what)| writeln!(f, "wrong: eve.json:{line}: {what}"))
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ends, right, without_process, ambiguous, open, wrong } = self;
        write!(f, "{ends:>4} ends: {right} right, {} wrong", wrong.len())?;
        if *without_process > 0 {
            write!(f, ", {without_process} without the process")?;
        }
        if *ambiguous > 0 {
            write!(f, ", {ambiguous} ambiguous with the truth among the candidates")?;
        }
        open.iter().try_for_each(|(why, count)| write!(f, ", {count} {why}"))
    }
}
