//! What becomes of open alerts that are too many to be held in memory: what they ask lies in the work file, and they
//! are taken back when something is new about them.
//!
//! The alerts are the truth, and the questions beside them only help: at every start, and whenever something is new
//! for everybody, all of them are taken back once, newest first, a few at a time while nobody younger is to be traced.
//! So whatever was not looked up when the process ended is found all the same.

use super::open::OpenAlerts;
use crate::NodeError;
use unmasq_engine::{News, Numbered, OldQuestion};
use unmasq_model::{LogTime, Span};
use unmasq_work::{LastSaid, Reader, Work};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Old {
    /// What came and was not looked up yet.
    pub(super) news: News,
    /// Whom it concerns.
    touched: Numbered<()>,
    /// Whoever has a smaller number and is not held is concerned too.
    all_before: u64,
    /// Whoever was put on disk has a smaller number than this.
    all: u64,
    /// How long the longest question takes, in seconds.
    longest: u32,
}

/// So many more alerts are put on disk than must be, so that it is not done for each, …
const PUT_AWAY: usize = 500;
/// … and so many that must be, in one turn of the desk: as many as it traces in one.
const TOO_MANY: usize = 2_000;
/// So many keys are looked up in one turn of the desk, …
const LOOKED_UP: usize = 1_000;
/// … unless more than so many wait for that: then whoever brings more waits.
const WAITING: usize = 250_000;
/// For so many keys it is told in memory that nobody asks for them: a byte each.
const TOLD_APART: usize = 8 << 20;

impl Old {
    /// What was kept before; those before that number will be taken back.
    pub(super) fn open(work: &Reader, all_before: u64) -> Result<Self, NodeError> {
        let mut old = Self { all_before, all: all_before, ..Self::default() };
        work.each_question(|question| old.expect(question)).map_err(NodeError::Work)?;
        Ok(old)
    }

    fn expect(&mut self, OldQuestion { key, from, to, .. }: OldQuestion) {
        self.news.expect(key, TOLD_APART);
        self.longest = self.longest.max(to.saturating_sub(from));
    }

    /// Something is new for everybody; those that are held know.
    pub(super) fn all_again(&mut self) {
        self.all_before = self.all;
    }

    /// Something is new about those whose answer is not final.
    pub(super) fn unsettled_again(&mut self, during: Span) {
        self.news.note_time(during);
    }

    /// Whether something waits to be looked at.
    pub(super) fn is_concerned(&self) -> bool {
        self.all_before > 0 || !self.news.is_empty() || !self.touched.is_empty()
    }

    /// Puts the oldest of those that have an answer, and that are not about to be traced, on disk, if there are more
    /// than `most`: so many that it is worth to look through everything that is asked, and not so many that others
    /// wait.
    pub(super) fn put_away(
        &mut self,
        open: &mut OpenAlerts,
        work: &mut Work,
        most: usize,
    ) -> Result<(), NodeError> {
        if open.count() <= most {
            return Ok(());
        }
        let oldest = open.oldest((open.count() - most).min(TOO_MANY) + PUT_AWAY.min(most / 16));
        let numbers = oldest.iter().map(|(number, _)| *number);
        let mut asked = open.questions.of(numbers);
        for (number, unsettled) in oldest {
            asked.entry(number).or_default().extend(unsettled.map(|at| unsettled_at(number, at)));
        }
        let asked: Vec<(u64, Vec<OldQuestion>)> = asked.into_iter().collect();
        work.keep_questions(&asked).map_err(NodeError::Work)?;
        for (number, questions) in asked {
            questions.into_iter().for_each(|question| self.expect(question));
            self.all = self.all.max(number.saturating_add(1));
            open.forget(number);
        }
        Ok(())
    }

    /// Looks up whom news concern, some of them, or as many as are too many to wait.
    pub(super) fn look_up(&mut self, work: &Reader) -> Result<(), NodeError> {
        let too_many = self.news.len().saturating_sub(WAITING);
        for _ in 0..LOOKED_UP.max(too_many) {
            let Some((key, span)) = self.news.first() else { break };
            let touched = &mut self.touched;
            let each = |alert| _ = touched.insert(alert, ());
            work.who_asked(key, span, self.longest, each).map_err(NodeError::Work)?;
            self.news.done(key);
        }
        Ok(())
    }

    /// Whether so much waits to be looked up that nothing more should come.
    pub(super) fn is_behind(&self) -> bool {
        self.news.len() > WAITING
    }

    /// Those that are to be taken back now, at most `most`; some of them may be held.
    pub(super) fn next(
        &mut self,
        work: &Reader,
        open: &OpenAlerts,
        most: u32,
    ) -> Result<Vec<LastSaid>, NodeError> {
        let numbers: Vec<u64> = self.touched.iter().map(|(number, ())| number).take(most as usize).collect();
        let mut next = Vec::new();
        for number in &numbers {
            let last = work.last_said(number.saturating_sub(1), 1).map_err(NodeError::Work)?;
            // It may be gone by now; whoever is after it then is not meant.
            next.extend(last.into_iter().filter(|last| last.alert == *number));
        }
        // Only now: what cannot be read is tried again.
        numbers.into_iter().for_each(|number| _ = self.touched.remove(number));
        if next.is_empty() && self.all_before > 0 {
            next = work.last_said_before(self.all_before, most).map_err(NodeError::Work)?;
            self.all_before = next.last().map_or(0, |last| last.alert);
            next.retain(|last| !open.holds(last.alert));
        }
        Ok(next)
    }
}

fn unsettled_at(alert: u64, at: LogTime) -> OldQuestion {
    OldQuestion::unsettled(alert, Span::at(at))
}

#[cfg(test)]
mod tests;
