//! Lengths of time, counted: how late records come, and how long nothing does.

use hdrhistogram::Histogram;
use std::time::Duration;
use unmasq_model::{Arrival, LogTime};

/// How often each length was seen, to within a hundredth of it, from a millisecond to thirty days.
///
/// Sketch: 25 KB each; to count one is a few shifts and an addition.
#[derive(Clone, Debug)]
pub(crate) struct Delays(Histogram<u64>);

/// Longer ones are taken for so long.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

impl Default for Delays {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, ms(LONGEST), 2).expect("these bounds can be held to two digits"))
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Delays {
    /// Of what [`counts`](Self::counts) gave.
    pub(crate) fn of(counts: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut delays = Self::default();
        counts.into_iter().for_each(|(ms, count)| delays.0.saturating_record_n(ms, count));
        delays
    }

    pub(crate) fn note(&mut self, delay: Duration) {
        self.0.saturating_record(ms(delay));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("all have the same bounds");
    }

    /// Notes how late it is `now` to hear of what a device said of `told`. How far its clock is from ours is in it.
    #[inline]
    pub(crate) fn note_late(&mut self, now: Arrival, told: LogTime) {
        let late = now.as_unix_us().saturating_sub(told.as_unix_us());
        self.note(Duration::from_micros(u64::try_from(late).unwrap_or_default()));
    }

    /// There are half as many from now on: of those that are alone every second one stays.
    pub(crate) fn fade(&mut self) {
        let mut odd = 0;
        let half = |(ms, count): (u64, u64)| {
            let all = count + odd;
            odd = all % 2;
            (ms, all / 2)
        };
        *self = Self::of(self.counts().into_iter().map(half));
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// So many in a thousand are no longer; nothing if there are none.
    pub(crate) fn per_mille(&self, share: u16) -> Duration {
        Duration::from_millis(self.0.value_at_quantile(f64::from(share) / 1000.0))
    }

    /// Milliseconds, and how many there are of them.
    pub(crate) fn counts(&self) -> Vec<(u64, u64)> {
        self.0.iter_recorded().map(|at| (at.value_iterated_to(), at.count_at_value())).collect()
    }

    /// How many there are up to each power of two of milliseconds, beyond the one before; those of which there are any.
    pub(crate) fn doubled(&self) -> Vec<(Duration, u64)> {
        let mut doubled: Vec<(Duration, u64)> = Vec::new();
        for (ms, count) in self.counts() {
            let upto = Duration::from_millis(ms.next_power_of_two());
            match doubled.last_mut() {
                Some((last, known)) if *last == upto => *known += count,
                _ => doubled.push((upto, count)),
            }
        }
        doubled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_told_to_within_a_hundredth() {
        let mut delays = Delays::default();
        for ms in 1..=1000 {
            delays.note(Duration::from_millis(ms));
        }
        delays.note(Duration::ZERO);
        delays.note(Duration::MAX);
        let (half, most) = (delays.per_mille(500), delays.per_mille(990));
        assert!((500..=510).contains(&half.as_millis()) && (985..=1000).contains(&most.as_millis()));
        assert!(delays.per_mille(1000) >= LONGEST);
        assert_eq!(delays.count(), 1002);
        let again = Delays::of(delays.counts());
        assert_eq!((again.counts(), again.doubled()), (delays.counts(), delays.doubled()));
        assert_eq!(delays.doubled().iter().map(|(_, count)| count).sum::<u64>(), 1002);
        assert_eq!(Delays::default().per_mille(990), Duration::ZERO);
    }

    #[test]
    fn half_of_all_stay_and_tell_the_same() {
        let mut delays = Delays::default();
        (0..980).for_each(|_| delays.note(Duration::from_secs(1)));
        (0..20).for_each(|number| delays.note(Duration::from_secs(300 + 10 * number)));
        let usual = |delays: &Delays| [500, 990, 999].map(|share| delays.per_mille(share).as_secs());
        let before = usual(&delays);
        delays.fade();
        assert_eq!(delays.count(), 500);
        let near = before.iter().zip(usual(&delays)).all(|(one, other)| one.abs_diff(other) <= 20);
        assert!(near, "{before:?} {:?}", usual(&delays));
        (0..9).for_each(|_| delays.fade());
        assert_eq!(delays.count(), 0, "at last all are forgotten");
    }
}
