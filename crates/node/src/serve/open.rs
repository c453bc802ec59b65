//! The alerts that new records are held against, and which of them are traced next.

mod timed;

use std::time::Duration;
use timed::Timed;
use unmasq_engine::{Heard, Next, Numbered, OpenQuestions, Patience, SaidSoFar};
use unmasq_model::{Arrival, LogTime, Question, Span};

/// Alerts that may still be answered, or answered anew.
///
/// Sketch: an alert is 33 bytes and what it asks; 50 more while it waits for its first answer or that is not final.
#[derive(Debug, Default)]
pub(super) struct OpenAlerts {
    alerts: Numbered<SaidSoFar>,
    /// What they asked.
    pub(super) questions: OpenQuestions,
    /// Those that have something to say at a moment, whatever comes: all without a first answer.
    due: Timed<Arrival>,
    /// Those whose answer is not final, by the end of their time.
    unsettled: Timed<LogTime>,
    /// The last of those that were traced again although nothing seemed to be new.
    looked_after: Option<(LogTime, u64)>,
    /// Those that wait for their first answer are traced before others.
    fresh: Numbered<()>,
    again: Numbered<()>,
}

impl OpenAlerts {
    /// An alert that came, or that was there already. It is traced soon, and if it has no answer, by `deadline`.
    pub(super) fn add(&mut self, number: u64, told: SaidSoFar, deadline: Arrival) {
        self.due.set(number, Some(deadline).filter(|_| told.is_waiting()));
        self.alerts.insert(number, told);
        self.trace_again([number]);
    }

    /// Whether new records are held against it.
    pub(super) fn holds(&self, number: u64) -> bool {
        self.alerts.contains(number)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.alerts.len()
    }

    /// How many have no answer yet.
    pub(super) fn waiting(&self) -> usize {
        self.due.len()
    }

    /// How many of those are about to be traced.
    pub(super) fn fresh(&self) -> usize {
        self.fresh.len()
    }

    /// How many are about to be traced.
    pub(super) fn to_trace(&self) -> usize {
        self.fresh.len() + self.again.len()
    }

    /// Something is new about these.
    pub(super) fn trace_again(&mut self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            if let Some(told) = self.alerts.get(number) {
                if told.is_waiting() { &mut self.fresh } else { &mut self.again }.insert(number, ());
            }
        }
    }

    /// Something is new about all of them.
    pub(super) fn trace_all_again(&mut self) {
        self.trace_again(self.alerts.iter().map(|(number, _)| number).collect::<Vec<_>>());
    }

    /// When those that have no answer yet have waited long enough is to be found out anew.
    pub(super) fn trace_waiting_again(&mut self) {
        self.trace_again(self.due.all().collect::<Vec<_>>());
    }

    /// Something is new about those that came since.
    pub(super) fn trace_newest_again(&mut self, since: Arrival) {
        let newest = self.alerts.iter().filter(|(_, told)| told.arrived() >= since);
        self.trace_again(newest.map(|(number, _)| number).collect::<Vec<_>>());
    }

    /// Something is new about those whose answer is not final.
    pub(super) fn trace_unsettled_again(&mut self, during: Span) {
        let numbers: Vec<u64> = self.unsettled.between(during.from(), during.to()).collect();
        self.trace_again(numbers);
    }

    /// Nothing seems to be new about those whose answer is not final, but something may have been missed: some at a
    /// time are traced again, all in turn.
    pub(super) fn trace_some_unsettled_again(&mut self, most: usize) {
        let some = self.unsettled.behind(self.looked_after, most);
        // Behind the last comes the first again.
        self.looked_after = some.last().copied();
        self.trace_again(some.into_iter().map(|(_, number)| number));
    }

    /// Those that are traced now, at most `most`: whoever has waited long enough, and unless only those are asked
    /// for, whoever waits, and then the others.
    pub(super) fn next(&mut self, now: Arrival, most: usize, only_due: bool) -> Vec<u64> {
        let mut next: Vec<u64> = self.due.until(now).take(most).collect();
        for number in &next {
            self.fresh.remove(*number);
        }
        if only_due {
            return next;
        }
        while next.len() < most
            && let Some((number, ())) = self.fresh.pop_first()
        {
            next.push(number);
        }
        // Few at a time: somebody may come meanwhile who has no answer at all.
        while next.len() < most / 10
            && let Some((number, ())) = self.again.pop_first()
        {
            next.push(number);
        }
        next
    }

    /// Those that have waited for as long as they may, at most `most`.
    pub(super) fn overdue(&self, now: Arrival, patience: Patience, most: usize) -> Vec<u64> {
        let is_overdue = |number: &u64| {
            self.alerts.get(*number).is_some_and(|told| told.arrived().plus(patience.wait) <= now)
        };
        self.due.until(now).filter(is_overdue).take(most).collect()
    }

    /// When somebody has something to say, whatever comes.
    pub(super) fn next_due(&self) -> Option<Arrival> {
        self.due.first()
    }

    /// What an alert was told so far, to be held against what is heard now.
    pub(super) fn hear(
        &self,
        number: u64,
        heard: Heard,
        now: Arrival,
        patience: Patience,
    ) -> Option<(SaidSoFar, Next)> {
        let mut told = *self.alerts.get(number)?;
        let next = told.hear(heard, now, patience);
        Some((told, next))
    }

    /// What an alert was told by now, what it asked on the way, and when its time ended if its answer is not final.
    pub(super) fn heard(
        &mut self,
        number: u64,
        (told, next): (SaidSoFar, Next),
        asked: &[Question],
        unsettled: Option<LogTime>,
    ) {
        let Some(known) = self.alerts.get_mut(number) else { return };
        *known = told;
        let due = if let Next::WaitUntil(at) = next { Some(at) } else { None };
        self.due.set(number, due);
        self.unsettled.set(number, unsettled);
        self.questions.ask(number, asked);
    }

    /// Nothing that comes is held against this alert any more.
    pub(super) fn forget(&mut self, number: u64) {
        self.alerts.remove(number);
        self.due.set(number, None);
        self.unsettled.set(number, None);
        self.fresh.remove(number);
        self.again.remove(number);
        self.questions.forget(number);
    }

    /// The oldest of those that have an answer and are not about to be traced, at most `most`, each with the end of its
    /// time if that answer is not final.
    pub(super) fn oldest(&self, most: usize) -> Vec<(u64, Option<LogTime>)> {
        let is_idle = |number, told: &SaidSoFar| !told.is_waiting() && !self.again.contains(number);
        let idle = self.alerts.iter().filter(|(number, told)| is_idle(*number, told));
        idle.map(|(number, _)| (number, self.unsettled.of(number))).take(most).collect()
    }

    /// Forgets those that came before.
    pub(super) fn forget_before(&mut self, moment: Arrival) {
        let old = self.alerts.iter().take_while(|(_, told)| told.arrived() < moment);
        let old: Vec<u64> = old.map(|(number, _)| number).collect();
        old.into_iter().for_each(|number| self.forget(number));
    }

    /// How long until something is due, at most `most`.
    pub(super) fn time_left(&self, now: Arrival, most: Duration, only_due: bool) -> Duration {
        if self.to_trace() > 0 && !only_due {
            return Duration::ZERO;
        }
        self.next_due().map_or(most, |due| due.since(now).min(most))
    }
}

#[cfg(test)]
pub(super) mod tests;
