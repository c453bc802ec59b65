//! Open alerts are traced, and what is new about them is said.

use super::{Desk, ROUND};
use crate::{
    NodeError,
    batch::{detailed, realm_of},
    serve::gateways::log_time,
};
use std::collections::BTreeSet;
use unmasq_engine::{Heard, Next, Outcome, Patience, still_waiting, unanswered, unreadable};
use unmasq_io::source::Content;
use unmasq_model::{
    Alert, Arrival, End, GatewayIx, LogTime, Question, Realm, Reason, Trace, trace::EndTrace,
};
use unmasq_work::{Revision, StoredAlert};

/// What became of one alert.
struct Traced {
    number: u64,
    arrived: Arrival,
    /// The end of its time, if it has any.
    at: Option<LogTime>,
    /// Whether it was traced as if nothing was ever switched off.
    regardless: bool,
    /// The gateways that may have translated it.
    gateways: Vec<GatewayIx>,
    trace: Trace,
    asked: Vec<Question>,
}

impl Desk<'_> {
    /// Traces those that are next, and says what is new about them.
    pub(super) fn trace(&mut self) -> Result<(), NodeError> {
        let now = self.shared.clock.now();
        let numbers = self.open.next(now, ROUND, self.is_catching_up());
        if numbers.is_empty() {
            return Ok(());
        }
        let traced = self.outcomes(&numbers);
        self.knowledge.forget();
        let said = match traced {
            Ok(traced) => self.say(traced, now),
            Err(error) => {
                // The wait bounds silence, whatever is broken.
                let overdue = self.open.overdue(now, self.options.patience, ROUND);
                self.unanswered(&overdue).and_then(|traced| self.say(traced, now)).and(Err(error))
            }
        };
        if said.is_err() {
            self.open.trace_again(numbers);
        }
        said
    }

    /// What is known of these alerts now, and what that rests on.
    fn outcomes(&mut self, numbers: &[u64]) -> Result<Vec<Traced>, NodeError> {
        let stored = self.work.alerts(numbers.iter().copied()).map_err(NodeError::Work)?;
        let realms = self.knowledge.realms();
        let alerts: Vec<(StoredAlert, Option<Alert>)> = stored
            .into_iter()
            .map(|mut stored| {
                let alert = stored.facts.take().map(|alert| self.meant(alert, &realms));
                (stored, alert)
            })
            .collect();
        loop {
            let lacking = alerts.iter().filter_map(|(stored, alert)| Some((stored, alert.as_ref()?)));
            let asked: BTreeSet<Question> =
                lacking.flat_map(|(stored, alert)| self.knowledge.lacks(alert, stored.regardless)).collect();
            if asked.is_empty() {
                break;
            }
            self.knowledge.learn_about(&asked)?;
        }
        let mut all = Vec::new();
        for (stored, alert) in alerts {
            self.shared.counters.traces_tried.add(1);
            let (trace, asked) = match &alert {
                None => (unreadable(stored.id.clone()), Vec::new()),
                Some(alert) => match self.knowledge.outcome(alert, stored.regardless) {
                    Outcome::Traced(trace, asked) => (*trace, asked),
                    Outcome::Need(_) => continue,
                },
            };
            let trace = detailed(still_waiting(trace), self.options.evidence);
            let StoredAlert { number, arrived, regardless, .. } = stored;
            let gateways = alert.as_ref().map(|alert| self.concerned(alert)).unwrap_or_default();
            for gateway in &gateways {
                let name = &self.knowledge.site.gateway(*gateway).name;
                let last = self.needed.entry(name.clone()).or_insert(arrived);
                *last = arrived.max(*last);
            }
            let at = alert.map(|alert| alert.at.to());
            all.push(Traced { number, arrived, at, regardless, gateways, trace, asked });
        }
        Ok(all)
    }

    /// That nothing can be known of these alerts for now.
    fn unanswered(&self, numbers: &[u64]) -> Result<Vec<Traced>, NodeError> {
        let stored = self.work.alerts(numbers.iter().copied()).map_err(NodeError::Work)?;
        let traced = stored.into_iter().map(|stored| Traced {
            number: stored.number,
            arrived: stored.arrived,
            at: stored.facts.map(|alert| alert.at.to()),
            regardless: stored.regardless,
            gateways: Vec::new(),
            trace: unanswered(stored.id),
            asked: Vec::new(),
        });
        Ok(traced.collect())
    }

    /// Says what is new, and what must not wait any longer.
    fn say(&mut self, traced: Vec<Traced>, now: Arrival) -> Result<(), NodeError> {
        let (mut revisions, mut heard, mut waited) = (Vec::new(), Vec::new(), Vec::new());
        for Traced { number, arrived, at, regardless, gateways, trace, asked } in traced {
            let print = Content::of(&json(&trace)).hash;
            let what = Heard::of(&trace, print);
            let Some((told, next)) = self.open.hear(number, what, now, self.patience(&gateways)) else {
                continue;
            };
            let unsettled = at.filter(|_| !trace.is_final || is_before_collection(&trace));
            if let Next::Say { revision } = next {
                let waited_ms = u64::try_from(now.since(arrived).as_millis()).unwrap_or(u64::MAX);
                let (is_final, late) = (trace.is_final, revision > 1);
                waited.extend((!late).then_some(arrived));
                let backfill = regardless;
                let due = |at| self.shared.exporters.due(&self.knowledge.site, &gateways, at);
                // What is due already is late: nobody knows when it comes.
                let expected_by = at.filter(|_| !is_final).and_then(due).filter(|due| *due > log_time(now));
                let body = json(&Trace { revision, late, waited_ms, backfill, expected_by, ..trace });
                let body = String::from_utf8(body).expect("JSON is text");
                revisions.push(Revision { alert: number, revision, said: now, print, is_final, body });
            }
            heard.push((number, (told, next), asked, unsettled));
        }
        if !revisions.is_empty() {
            self.work.say(&revisions).map_err(NodeError::Work)?;
        }
        for (number, said, asked, unsettled) in heard {
            self.open.heard(number, said, &asked, unsettled);
        }
        let (counters, stored) = (&self.shared.counters, self.shared.clock.now());
        counters.first_answers.add(waited.len() as u64);
        counters.revisions.add((revisions.len() - waited.len()) as u64);
        waited
            .into_iter()
            .for_each(|arrived| counters.first_answer_seconds.note_each(1, stored.since(arrived)));
        if !revisions.is_empty() {
            self.shared.said.ring();
        }
        Ok(())
    }

    /// The gateways that may have translated an end of it.
    fn concerned(&self, alert: &Alert) -> Vec<GatewayIx> {
        let owners =
            End::BOTH.map(|end| self.knowledge.site.owners(&alert.realm, alert.ends[end].ip, alert.at));
        owners.concat()
    }

    /// How long an alert waits that these may have translated: as the one says that wants most.
    fn patience(&self, gateways: &[GatewayIx]) -> Patience {
        let usual = self.options.patience;
        let said =
            gateways.iter().filter_map(|ix| self.options.waits.get(&self.knowledge.site.gateway(*ix).name));
        Patience { wait: said.max().copied().unwrap_or(usual.wait), ..usual }
    }

    /// The alert, with its ends in the realm that is meant.
    fn meant(&self, alert: Alert, realms: &BTreeSet<Realm>) -> Alert {
        let named = Some(&alert.realm).filter(|realm| !realm.as_str().is_empty());
        let realm = realm_of(&self.knowledge.site.sensor_realm, realms, named);
        Alert { realm, ..alert }
    }
}

/// Whether it rests on when a log began: that is another moment when a late record tells of an earlier one.
fn is_before_collection(trace: &Trace) -> bool {
    let ends = [&trace.src, &trace.dest].into_iter();
    ends.filter_map(EndTrace::masked).any(|end| end.reason == Some(Reason::BeforeCollection))
}

fn json(trace: &Trace) -> Vec<u8> {
    serde_json::to_vec(trace).expect("a trace is plain data")
}
