//! At which moment something is to be looked at, for some of many alerts.

use std::{collections::BTreeSet, ops::Bound};
use unmasq_engine::Numbered;

/// Moments by alert, and alerts by moment.
#[derive(Debug)]
pub(super) struct Timed<T> {
    in_order: BTreeSet<(T, u64)>,
    by_alert: Numbered<T>,
}

impl<T: Copy + Ord> Default for Timed<T> {
    fn default() -> Self {
        Self { in_order: BTreeSet::new(), by_alert: Numbered::default() }
    }
}

impl<T: Copy + Ord> Timed<T> {
    /// Sets the moment of an alert in place of the one before; `None`: there is none any more.
    pub(super) fn set(&mut self, number: u64, at: Option<T>) {
        let before = match at {
            Some(at) => self.by_alert.insert(number, at),
            None => self.by_alert.remove(number),
        };
        if before == at {
            return;
        }
        self.in_order.extend(at.map(|at| (at, number)));
        if let Some(before) = before {
            self.in_order.remove(&(before, number));
        }
    }

    /// The moment of an alert.
    pub(super) fn of(&self, number: u64) -> Option<T> {
        self.by_alert.get(number).copied()
    }

    /// How many have a moment.
    pub(super) const fn len(&self) -> usize {
        self.by_alert.len()
    }

    /// The first moment.
    pub(super) fn first(&self) -> Option<T> {
        self.in_order.first().map(|(at, _)| *at)
    }

    /// All of them, by their moments.
    pub(super) fn all(&self) -> impl Iterator<Item = u64> {
        self.in_order.iter().map(|(_, number)| *number)
    }

    /// The alerts that have one up to then, earliest first.
    pub(super) fn until(&self, last: T) -> impl Iterator<Item = u64> {
        self.in_order.range(..=(last, u64::MAX)).map(|(_, number)| *number)
    }

    /// The first that come behind one of them, at most `most`, each with its moment; behind the last comes none.
    pub(super) fn behind(&self, one: Option<(T, u64)>, most: usize) -> Vec<(T, u64)> {
        let begin = one.map_or(Bound::Unbounded, Bound::Excluded);
        self.in_order.range((begin, Bound::Unbounded)).take(most).copied().collect()
    }

    /// The alerts that have one from then to then.
    pub(super) fn between(&self, from: T, to: T) -> impl Iterator<Item = u64> {
        self.in_order.range((from, 0)..=(to, u64::MAX)).map(|(_, number)| *number)
    }
}
