//! What must hold of a service, whatever happens to it.

use super::{
    life::{Around, End, SINK},
    plan::{ALERTS, SECOND},
};
use anyhow::Context;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
};
use unmasq_node::{
    Silent,
    batch::{self, AlertsArg, Batch, EvidenceDetail},
    serve::Counters,
};
use unmasq_testkit::{
    answers::without_waiting,
    world::{Us, stamp},
};
use unmasq_work::Reader;

/// What was seen of a service that must not change any more, and which laws it broke.
#[derive(Debug)]
pub(crate) struct Kept {
    seed: u64,
    called: &'static str,
    /// Every alert's bytes, and when it came by our clock.
    alerts: BTreeMap<String, (Vec<u8>, Us)>,
    /// Every revision of each alert, and when it was said by our clock.
    said: BTreeMap<String, Vec<(String, Us)>>,
    /// So many alerts were said to be stored.
    acknowledged: u64,
    pub(crate) broken: Vec<String>,
}

/// So often what is not final is looked at, whatever comes.
const SWEEP: Us = 60 * SECOND;

/// A promise of the service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Law {
    /// Whatever was stored or said is there for good, as it was.
    NothingIsLost,
    /// Every line that is an alert is stored, once.
    EachAlertOnce,
    /// The revisions of an alert are 1, 2, 3.
    RevisionsFollow,
    /// The sink is told every revision, in order, always with the same content.
    TheSinkIsTold,
    /// Something is said before the wait is over.
    AnswersInTime,
    /// In the end it is what a batch says.
    EndsAsABatch,
    /// What was read is what was stored and what was not.
    CountsAddUp,
    /// It comes to rest.
    ComesToRest,
}

impl Kept {
    pub(crate) fn new(seed: u64, called: &'static str) -> Self {
        let (alerts, said) = (BTreeMap::new(), BTreeMap::new());
        Self { seed, called, alerts, said, acknowledged: 0, broken: Vec::new() }
    }

    pub(crate) fn alerts(&self) -> u64 {
        self.alerts.len() as u64
    }

    pub(crate) fn revisions(&self) -> u64 {
        self.said.values().map(Vec::len).sum::<usize>() as u64
    }

    pub(crate) fn traced(&self) -> u64 {
        let is_traced = |said: &&Vec<(String, Us)>| {
            said.last().is_some_and(|(body, _)| body.contains("\"status\":\"traced\""))
        };
        self.said.values().filter(is_traced).count() as u64
    }

    fn breaks(&mut self, law: Law, story: impl fmt::Display) {
        let Self { seed, called, .. } = self;
        let text = format!(
            "{law:?} in world {seed} {called}: {story}\nagain: cargo xtask sim --shell --seed {seed} --verbose"
        );
        self.broken.push(text);
    }

    /// Looks at what is on disk, at the end of a life.
    pub(crate) fn look(&mut self, around: &Around<'_>, counters: &Counters) -> anyhow::Result<()> {
        self.acknowledged += counters.alerts_stored.get();
        let work = around.options.data.join("work.sqlite");
        if !work.is_file() || !Reader::open(&work)?.is_made()? {
            return Ok(());
        }
        let work = Reader::open(&work)?;
        let mut alerts = BTreeMap::new();
        let listed = work.alerts_after(0, u32::MAX)?;
        for alert in work.alerts(listed.iter().map(|alert| alert.number))? {
            alerts.insert(alert.id.to_string(), (alert.raw, since(alert.arrived.as_unix_us())));
        }
        let mut said: BTreeMap<String, Vec<(String, Us)>> = BTreeMap::new();
        for revision in work.said_after(0, u32::MAX)? {
            let all = said.entry(revision.id.to_string()).or_default();
            if revision.revision as usize != all.len() + 1 {
                let story = format!("{} after {} of {}", revision.revision, all.len(), revision.id);
                self.breaks(Law::RevisionsFollow, story);
            }
            all.push((revision.body, since(revision.said.as_unix_us())));
        }
        let lost = self.alerts.iter().find(|(id, alert)| alerts.get(*id) != Some(alert));
        if let Some((id, _)) = lost {
            self.breaks(Law::NothingIsLost, format!("alert {id} is gone, or is another"));
        }
        if (alerts.len() as u64) < self.acknowledged {
            let story = format!("{} of {} alerts are there", alerts.len(), self.acknowledged);
            self.breaks(Law::NothingIsLost, story);
        }
        let is_kept =
            |(id, known): (&String, &Vec<_>)| said.get(id).is_some_and(|now| now.starts_with(known));
        if let Some((id, known)) = self.said.iter().find(|said| !is_kept((said.0, said.1))) {
            let story = format!("of {id} was said {known:?}, and now {:?}", said.get(id));
            self.breaks(Law::NothingIsLost, story);
        }
        (self.alerts, self.said) = (alerts, said);
        self.told(around, false)
    }

    /// Holds what the sink was told against what was said.
    fn told(&mut self, around: &Around<'_>, must_be_all: bool) -> anyhow::Result<()> {
        let file = SINK.map(|name| around.folder.join(name).join("traced.json"));
        let told = file.iter().find_map(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        let mut last: BTreeMap<String, usize> = BTreeMap::new();
        for trace in told.lines().map(trace_of) {
            let trace = trace.context("the sink was told what is no trace")?;
            let (Some(id), Some(revision)) = (trace["alert_id"].as_str(), trace["revision"].as_u64()) else {
                self.breaks(Law::TheSinkIsTold, format!("it was told {trace}"));
                continue;
            };
            let revision = usize::try_from(revision)?;
            let known = self.said.get(id).and_then(|said| said.get(revision - 1));
            if known.map(|(body, _)| serde_json::from_str::<Value>(body).ok()) != Some(Some(trace.clone())) {
                self.breaks(
                    Law::TheSinkIsTold,
                    format!("it was told {trace}, and what was said is {known:?}"),
                );
                continue;
            }
            let last = last.entry(id.to_owned()).or_default();
            if revision > *last + 1 {
                let story = format!("it was told revision {revision} of {id} after {last}");
                *last = revision;
                self.breaks(Law::TheSinkIsTold, story);
            } else {
                *last = revision.max(*last);
            }
        }
        let missing = self.said.iter().find(|(id, said)| last.get(*id) != Some(&said.len()));
        if let Some((id, said)) = missing.filter(|_| must_be_all) {
            let story = format!("it was told {:?} of {} revisions of {id}", last.get(id), said.len());
            self.breaks(Law::TheSinkIsTold, story);
        }
        Ok(())
    }

    /// Judges everything, when it is over.
    pub(crate) fn judge(&mut self, around: &Around<'_>, end: End, counters: &Counters) -> anyhow::Result<()> {
        if end != End::Quiet {
            self.breaks(Law::ComesToRest, format!("{end:?}"));
        }
        self.told(around, true)?;
        self.each_once(around)?;
        self.in_time(around);
        self.add_up(counters);
        self.as_a_batch(around)
    }

    fn each_once(&mut self, around: &Around<'_>) -> anyhow::Result<()> {
        let text = fs::read(around.folder.join(ALERTS)).unwrap_or_default();
        let mut lines: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let read: Value = serde_json::from_slice(line).unwrap_or_default();
            if read["event_type"] == "alert" {
                *lines.entry(line.to_vec()).or_default() += 1;
            }
        }
        let mut stored: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        self.alerts.values().for_each(|(raw, _)| *stored.entry(raw.clone()).or_default() += 1);
        let wrong = lines.keys().chain(stored.keys()).find(|line| lines.get(*line) != stored.get(*line));
        if let Some(line) = wrong {
            let counts = (lines.get(line), stored.get(line));
            let text = String::from_utf8_lossy(line);
            self.breaks(Law::EachAlertOnce, format!("written and stored {counts:?} times: {text}"));
        }
        Ok(())
    }

    /// How long somebody waited in true time, less what is nobody's fault.
    fn in_time(&mut self, around: &Around<'_>) {
        let wait = i64::try_from(around.plan.wait.as_micros()).unwrap_or(Us::MAX);
        let mut late = Vec::new();
        for (id, (stored, answered)) in &around.watched {
            let answered = answered.unwrap_or(Us::MAX);
            let excused = |(from, to): &(Us, Us)| (*to.min(&answered) - *from.max(stored)).max(0);
            let excused: Us = around.excused.iter().map(excused).sum();
            // Who waits by a clock that was set back is looked after with the next sweep.
            let jumped = around.plan.jumps.iter().filter(|(at, _)| (*stored..answered).contains(at));
            let longer = i64::try_from(jumped.count()).unwrap_or(0) * (wait + SWEEP);
            if answered.saturating_sub(*stored) > wait + longer + excused + 3 * SECOND {
                late.push(format!(
                    "{id} was stored at {stored}, and answered at {answered}; {excused} excused"
                ));
            }
        }
        late.into_iter().for_each(|story| self.breaks(Law::AnswersInTime, story));
    }

    /// Holds the counts of the last life against each other.
    fn add_up(&mut self, counters: &Counters) {
        let read = counters.alert_lines.get();
        let became = [
            &counters.alerts_stored,
            &counters.alerts_repeated,
            &counters.lines_not_alerts,
            &counters.alert_lines_unreadable,
        ];
        let sum: u64 = became.iter().map(|counter| counter.get()).sum();
        if read != sum {
            self.breaks(Law::CountsAddUp, format!("{read} lines of alerts were read, and became {sum}"));
        }
        if counters.alerts_waiting.get() > 0 {
            self.breaks(Law::CountsAddUp, format!("{} alerts wait", counters.alerts_waiting.get()));
        }
    }

    fn as_a_batch(&mut self, around: &Around<'_>) -> anyhow::Result<()> {
        let alerts = [AlertsArg {
            format: around.options.alerts[0].format.clone(),
            path: around.options.alerts[0].path.clone(),
        }];
        let options = batch::Options { evidence: EvidenceDetail::Ref, ..batch::Options::default() };
        let batch = Batch::new(&alerts, options)?;
        let mut out = Vec::new();
        batch.trace(&batch.learn(&around.options.sources, &Silent)?, &mut out, &Silent)?;
        let text = String::from_utf8(out)?;
        let mut stories = Vec::new();
        for expected in text.lines().filter_map(trace_of) {
            let id = expected["alert_id"].as_str().unwrap_or_default().to_owned();
            let said = self.said.get(&id).and_then(|said| said.last());
            let said =
                said.and_then(|(body, _)| serde_json::from_str::<Value>(body).ok()).unwrap_or_default();
            let (said, expected) = (without_waiting(said), without_waiting(still_waiting(expected)));
            // The first of several logs that has passed an alert makes it final that there is nothing, whatever the
            // others would have given as the reason.
            let is_nothing = |trace: &Value| trace["final"] == true && trace["status"] == "untraced";
            if around.plan.several_logs && is_nothing(&said) && is_nothing(&expected) {
                continue;
            }
            if said != expected {
                let (mut differs, place) = (String::new(), String::new());
                difference(&place, &expected, &said, &mut differs);
                stories.push(format!("of {id} a batch says other than the service{differs}"));
            }
        }
        stories.into_iter().for_each(|story| self.breaks(Law::EndsAsABatch, story));
        Ok(())
    }
}

/// The trace in a line.
fn trace_of(line: &str) -> Option<Value> {
    let mut line: Value = serde_json::from_str(line).ok()?;
    line.get_mut("trace").map(Value::take)
}

/// As somebody says it who still hears more: see `unmasq_engine::still_waiting`.
fn still_waiting(mut trace: Value) -> Value {
    const MAY_COME: [&str; 4] = ["after-coverage", "source-lost", "not-logged", "no-session"];
    let was_final = trace["final"] == true;
    for end in ["src", "dest"] {
        if trace[end]["status"] != "untraced" {
            continue;
        }
        let reason = trace[end]["reason"].as_str().unwrap_or_default().to_owned();
        if reason == "never-heard" {
            trace["final"] = false.into();
        } else if !was_final && MAY_COME.contains(&reason.as_str()) {
            trace[end]["reason"] = "deadline".into();
        }
    }
    trace
}

/// Where two answers differ, and how.
fn difference(place: &str, one: &Value, other: &Value, said: &mut String) {
    match (one, other) {
        (Value::Object(ones), Value::Object(others)) => {
            let members: BTreeSet<&String> = ones.keys().chain(others.keys()).collect();
            for name in members {
                let of =
                    |members: &serde_json::Map<String, Value>| members.get(name).cloned().unwrap_or_default();
                difference(&format!("{place}.{name}"), &of(ones), &of(others), said);
            }
        }
        (one, other) if one == other => {}
        (one, other) => *said += &format!("\n {place}: {one} / {other}"),
    }
}

/// As true time, if our clock was right.
fn since(unix_us: i64) -> Us {
    unix_us - stamp(0, 0).as_unix_us()
}

/// How much happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) worlds: u64,
    pub(crate) lives: u64,
    pub(crate) steps: u64,
    pub(crate) changes: u64,
    pub(crate) slow: u64,
    pub(crate) refused: u64,
    pub(crate) died: u64,
    pub(crate) jumps: u64,
    pub(crate) alerts: u64,
    pub(crate) revisions: u64,
    pub(crate) traced: u64,
    /// What was done, in one number: the same for the same seeds.
    pub(crate) print: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            worlds,
            lives,
            steps,
            changes,
            slow,
            refused,
            died,
            jumps,
            alerts,
            revisions,
            traced,
            print,
        } = other;
        self.worlds += worlds;
        self.lives += lives;
        self.steps += steps;
        self.changes += changes;
        self.slow += slow;
        self.refused += refused;
        self.died += died;
        self.jumps += jumps;
        self.alerts += alerts;
        self.revisions += revisions;
        self.traced += traced;
        self.print ^= print;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            worlds,
            lives,
            steps,
            changes,
            slow,
            refused,
            died,
            jumps,
            alerts,
            revisions,
            traced,
            print,
        } = self;
        writeln!(f, "{worlds} worlds, {lives} lives of a service, {steps} steps")?;
        writeln!(
            f,
            "{changes} changes on disk: {slow} slow, {refused} refused, at {died} the process died; {jumps} jumps of the clock"
        )?;
        writeln!(
            f,
            "{alerts} alerts, {revisions} answers; {traced} alerts traced in the end; print {print:016x}"
        )
    }
}
