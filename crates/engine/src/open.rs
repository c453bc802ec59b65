//! Which alerts a new session may answer.
//!
//! A trace that is not final leaves its questions open, and so does one that is: proof may come late. What is
//! new is held against all of them at once. It may touch too many, never too few: an alert that was touched
//! is traced again, and says nothing if its answer is the same.
//!
//! Sketch: an alert asks about six keys, of 16 bytes each and one or two in a table of bits. Nearly every session
//! concerns none of them, which three looks into that table tell. Who asks something else gets another slot; what was
//! asked from the one before is dropped when it is a quarter of everything. So an alert costs 130 to 160 bytes.

mod keys;
mod news;
mod runs;

use crate::{Numbered, sieve::seconds};
use keys::{of_addresses, of_question, of_record};
pub use news::{News, OldQuestion};
use runs::{Asked, Runs};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use unmasq_model::{Question, Request, Span, Translation};

/// Questions, each with the alert that asked it.
#[derive(Clone, Debug, Default)]
pub struct OpenQuestions {
    asked: Runs,
    /// Who asks from each slot, …
    alerts: Vec<u64>,
    /// … and about how many keys; of none if nobody does.
    keys: Vec<u32>,
    /// Slots that nothing was asked from.
    free: Vec<u32>,
    slots: Numbered<u32>,
    /// How much was asked from slots that nobody asks from any more.
    stale: usize,
}

/// What one alert asks: keys, each with the first and the last second.
type Wanted = SmallVec<[(u64, u32, u32); 8]>;

/// So much that nobody asks any more is never too much.
const FEW: usize = 1 << 10;

impl OpenQuestions {
    /// How many alerts ask something.
    #[must_use]
    pub const fn alerts(&self) -> usize {
        self.slots.len()
    }

    /// What an alert asks now, in place of what it asked before.
    ///
    /// # Panics
    /// When 2³² alerts ask.
    pub fn ask<'q>(&mut self, alert: u64, questions: impl IntoIterator<Item = &'q Question>) {
        let wanted = wanted(questions);
        if let Some(slot) = self.slots.get(alert).copied() {
            let asks = |&(key, from, to): &_| self.asked.contains(Asked { key, from, to, slot });
            if self.keys[slot as usize] as usize == wanted.len() && wanted.iter().all(asks) {
                return;
            }
            self.forget(alert);
        }
        if wanted.is_empty() {
            return;
        }
        let keys = u32::try_from(wanted.len()).expect("fewer than 2³² questions");
        let slot = self.free.pop().unwrap_or_else(|| {
            // An eighth more each time: what is twice as large as it need be counts, with so many.
            if self.alerts.len() == self.alerts.capacity() {
                self.alerts.reserve_exact(self.alerts.len() / 8 + 64);
                self.keys.reserve_exact(self.keys.len() / 8 + 64);
            }
            self.alerts.push(alert);
            self.keys.push(0);
            u32::try_from(self.alerts.len() - 1).expect("fewer than 2³² alerts")
        });
        (self.alerts[slot as usize], self.keys[slot as usize]) = (alert, keys);
        self.slots.insert(alert, slot);
        wanted.into_iter().for_each(|(key, from, to)| self.asked.add(Asked { key, from, to, slot }));
    }

    /// An alert asks nothing any more.
    pub fn forget(&mut self, alert: u64) {
        let Some(slot) = self.slots.remove(alert) else { return };
        self.stale += std::mem::take(&mut self.keys[slot as usize]) as usize;
        if self.stale > self.asked.len() / 4 + FEW {
            self.asked.retain(|slot| self.keys[slot as usize] > 0);
            self.free = (0..).zip(&self.keys).filter(|(_, keys)| **keys == 0).map(|(slot, _)| slot).collect();
            self.stale = 0;
        }
    }

    /// What some alerts ask, so that it can be kept elsewhere: each key, and one question that stands for
    /// [all](OldQuestion::EVERYBODY) of them. Looks through everything that is asked, once. Who asks nothing has no
    /// questions.
    #[must_use]
    pub fn of(&self, alerts: impl IntoIterator<Item = u64>) -> BTreeMap<u64, Vec<OldQuestion>> {
        let mut of: BTreeMap<u64, Vec<OldQuestion>> =
            alerts.into_iter().map(|alert| (alert, Vec::new())).collect();
        let mut is_meant = vec![false; self.alerts.len()];
        for slot in of.keys().filter_map(|alert| self.slots.get(*alert)) {
            is_meant[*slot as usize] = true;
        }
        self.asked.each(|Asked { key, from, to, slot }| {
            if is_meant[slot as usize] {
                let alert = self.alerts[slot as usize];
                of.entry(alert).or_default().push(OldQuestion { key: key >> 16, from, to, alert });
            }
        });
        for (alert, its) in &mut of {
            let spans = its.iter().map(|question| (question.from, question.to));
            let all = spans.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
            let all =
                all.map(|(from, to)| OldQuestion { key: OldQuestion::EVERYBODY, from, to, alert: *alert });
            its.extend(all);
        }
        of
    }

    /// Adds the alerts that a record of this translation may answer. `reach` is the span in which its packets
    /// passed; `None` where one of any time may bound another of the same translation.
    pub fn touch(
        &self,
        translation: &Translation,
        request: Option<&Request>,
        reach: Option<Span>,
        touched: &mut BTreeSet<u64>,
    ) {
        if self.slots.is_empty() {
            return;
        }
        match of_record(translation, request) {
            Some(keys) => self.touch_keys(&keys, reach.unwrap_or(Span::ALWAYS), touched),
            None => touched.extend(self.slots.iter().map(|(alert, _)| alert)),
        }
    }

    /// Adds the alerts that ask about any of these addresses, at whatever time: for records that do not say
    /// what was translated.
    pub fn touch_addresses(&self, translation: &Translation, touched: &mut BTreeSet<u64>) {
        self.touch_keys(&of_addresses(translation), Span::ALWAYS, touched);
    }

    fn touch_keys(&self, keys: &[u64], reach: Span, touched: &mut BTreeSet<u64>) {
        let span = seconds(reach);
        for key in keys {
            self.asked.touch(*key, span, |slot| {
                if self.keys[slot as usize] > 0 {
                    touched.insert(self.alerts[slot as usize]);
                }
            });
        }
    }
}

/// What questions want; two spans under one key become the one that holds both.
fn wanted<'q>(questions: impl IntoIterator<Item = &'q Question>) -> Wanted {
    let mut wanted = Wanted::new();
    for (keys, during) in questions.into_iter().filter_map(of_question) {
        let (from, to) = seconds(during);
        for key in keys {
            match wanted.iter_mut().find(|(known, ..)| *known == key) {
                Some((_, known_from, known_to)) => {
                    (*known_from, *known_to) = (from.min(*known_from), to.max(*known_to));
                }
                None => wanted.push((key, from, to)),
            }
        }
    }
    wanted
}
