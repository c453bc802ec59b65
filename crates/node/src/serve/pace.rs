//! How soon logs are looked at again.

use std::time::Duration;
use unmasq_model::Arrival;

/// Waits until about so many records have come that storing them is worth a lot of their own, and never longer than
/// usual: much that comes is stored at once, little is not stored record by record.
#[derive(Debug)]
pub(super) struct Pace {
    looked: Arrival,
}

/// A lot takes a few milliseconds on disk however small it is, and about a microsecond for each session.
const WORTH: u64 = 10_000;

impl Pace {
    pub(super) const fn from(now: Arrival) -> Self {
        Self { looked: now }
    }

    /// How long to wait when so many came since this was asked last; at most `usual`.
    pub(super) fn pause(&mut self, came: u64, now: Arrival, usual: Duration) -> Duration {
        let took = now.since(std::mem::replace(&mut self.looked, now));
        let us = took.as_micros().saturating_mul(WORTH.into()).checked_div(came.into());
        us.map_or(usual, |us| Duration::from_micros(us.try_into().unwrap_or(u64::MAX)).min(usual))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_is_fetched_soon_and_little_as_usual() {
        let (mut now, usual) = (Arrival::from_unix_us(0), Duration::from_millis(250));
        let mut pace = Pace::from(now);
        let mut after = |ms, came| {
            now = now.plus(Duration::from_millis(ms));
            pace.pause(came, now, usual)
        };
        assert_eq!(after(100, 100_000), Duration::from_millis(10));
        assert_eq!(after(10, 9_000), Duration::from_micros(11_111));
        assert_eq!(after(10, 100), usual);
        assert_eq!(after(10, 0), usual);
    }
}
