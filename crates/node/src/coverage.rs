//! Which time a log covers, and whether it may be taken as complete.

use std::{collections::BTreeMap, time::Duration};
use unmasq_decode::FormatTraits;
use unmasq_model::{Coverage, Log, LogTime, SourceName, Span};

/// Which span a log tells of, and how many of its records lie absurdly far from the others.
#[derive(Clone, Copy)]
pub(crate) struct Covered {
    pub(crate) span: Span,
    pub(crate) outliers: u64,
}

/// A log that is silent for longer than this began anew; a few records beyond are a clock that was
/// wrong, or a lie, and do not stretch what the log covers.
const SILENCE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// Moments are counted by stretches of this length: shorter than a silence, so that none is missed.
const STRETCH_US: i64 = 16 * 24 * 3600 * 1_000_000;

/// The moments of which records tell, counted; the same in whatever order they come.
///
/// Sketch: a log of a month has two or three stretches, one that lies about every year has 180,000.
#[derive(Default)]
pub(crate) struct Moments {
    stretches: BTreeMap<i64, Stretch>,
    /// The stretch of the last moment: logs go forward.
    latest: Option<(i64, Stretch)>,
}

/// Moments that lie near each other.
#[derive(Clone, Copy)]
struct Stretch {
    moments: u64,
    first: LogTime,
    last: LogTime,
}

impl Stretch {
    fn and(self, other: Self) -> Self {
        Self {
            moments: self.moments + other.moments,
            first: self.first.min(other.first),
            last: self.last.max(other.last),
        }
    }
}

impl Moments {
    /// Counts the two moments of which a record tells.
    #[inline]
    pub(crate) fn note(&mut self, moments: [LogTime; 2]) {
        for moment in moments {
            // Nearly all lie between others.
            if let Some((_, stretch)) = &mut self.latest
                && (stretch.first..=stretch.last).contains(&moment)
            {
                stretch.moments += 1;
                continue;
            }
            let number = moment.as_unix_us().div_euclid(STRETCH_US);
            let one = Stretch { moments: 1, first: moment, last: moment };
            match &mut self.latest {
                Some((same, stretch)) if *same == number => *stretch = stretch.and(one),
                latest => {
                    if let Some((number, stretch)) = latest.replace((number, one)) {
                        add(&mut self.stretches, number, stretch);
                    }
                }
            }
        }
    }

    /// Counts what another counted.
    pub(crate) fn add(&mut self, other: Self) {
        for (number, stretch) in other.latest.into_iter().chain(other.stretches) {
            add(&mut self.stretches, number, stretch);
        }
    }

    /// Each stretch by its number, with how many moments lie in it, the first and the last of them.
    pub(crate) fn entries(&self) -> Vec<(i64, u64, i64, i64)> {
        let entry = |(number, stretch): (i64, Stretch)| {
            (number, stretch.moments, stretch.first.as_unix_us(), stretch.last.as_unix_us())
        };
        self.all().into_iter().map(entry).collect()
    }

    /// Stretches that a store kept.
    pub(crate) fn of_entries(entries: &[(i64, u64, i64, i64)]) -> Self {
        let moment = |us| LogTime::from_edge(us).unwrap_or(LogTime::FOREVER);
        let stretches = entries.iter().map(|&(number, moments, first, last)| {
            (number, Stretch { moments, first: moment(first), last: moment(last) })
        });
        Self { stretches: stretches.collect(), latest: None }
    }

    fn all(&self) -> BTreeMap<i64, Stretch> {
        let mut stretches = self.stretches.clone();
        self.latest.into_iter().for_each(|(number, stretch)| add(&mut stretches, number, stretch));
        stretches
    }

    /// From the earliest to the latest moment, leaving out what lies alone and holds less than a hundredth
    /// of them.
    pub(crate) fn covered(&self) -> Option<Covered> {
        let stretches = self.all();
        let moments: u64 = stretches.values().map(|stretch| stretch.moments).sum();
        let mut together: Vec<Stretch> = Vec::new();
        for stretch in stretches.into_values() {
            match together.last_mut() {
                Some(last) if last.last.plus(SILENCE_MAX) >= stretch.first => *last = last.and(stretch),
                _ => together.push(stretch),
            }
        }
        let (kept, left_out): (Vec<Stretch>, Vec<Stretch>) =
            together.into_iter().partition(|stretch| stretch.moments * 100 >= moments);
        let span = Span::between(kept.first()?.first, kept.last()?.last);
        Some(Covered { span, outliers: left_out.iter().map(|stretch| stretch.moments).sum() })
    }
}

fn add(stretches: &mut BTreeMap<i64, Stretch>, number: i64, stretch: Stretch) {
    stretches.entry(number).and_modify(|known| *known = known.and(stretch)).or_insert(stretch);
}

/// What somebody said about the time that a log covers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stated {
    pub(crate) clock_bound: Option<Duration>,
    pub(crate) since: Option<LogTime>,
    pub(crate) until: Option<LogTime>,
    pub(crate) complete: bool,
}

/// The log as the site knows it. `whole`: all of it could be read.
pub(crate) fn described(
    name: SourceName,
    files: Vec<SourceName>,
    traits: FormatTraits,
    stated: Stated,
    clock_bound: Duration,
    told: Option<Span>,
    whole: bool,
) -> Log {
    let since = stated.since.or(told.map(Span::from)).unwrap_or(LogTime::BEGINNING);
    // A writer that may leave records out cannot be declared not to have, nor can a log of which we
    // could not read all.
    let complete = stated.complete && !traits.best_effort && whole;
    let until = match (told, stated.until) {
        (None, _) => LogTime::BEGINNING,
        (Some(_), Some(declared)) if whole => declared,
        (Some(told), Some(declared)) => declared.min(told.to()),
        // Where nobody says when the writing ended, lines about its last moments may be missing.
        (Some(told), None) if complete => told.to().minus(traits.delay),
        (Some(told), None) => told.to(),
    };
    Log {
        name,
        files,
        clock_bound: stated.clock_bound.unwrap_or(clock_bound),
        coverage: Coverage { since, until, complete, delay: traits.delay },
        best_effort: traits.best_effort,
        shows_inbound: traits.shows_inbound,
        shows_connections: traits.shows_connections,
        idle_timeout: traits.idle_timeout,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    fn covered(days: &[i64]) -> Option<(i64, i64, u64)> {
        let (mut one, mut other) = (Moments::default(), Moments::default());
        for (number, day) in days.iter().enumerate() {
            let at = Span::at(LogTime::from_unix_seconds(day * DAY).unwrap());
            let half = if number % 3 == 0 { &mut other } else { &mut one };
            half.note([at.from(), at.to()]);
        }
        one.add(other);
        let day = |at: LogTime| at.as_unix_us() / DAY / 1_000_000;
        one.covered().map(|covered| (day(covered.span.from()), day(covered.span.to()), covered.outliers))
    }

    #[test]
    fn a_log_covers_what_lies_together() {
        assert_eq!(covered(&[]), None);
        assert_eq!(covered(&[500, 100, 130, 160, 500]), Some((100, 500, 0)), "both stretches are large");
        let mut days: Vec<i64> = (0..300).map(|n| 20_000 + n % 60).collect();
        days.extend([3, 20_091]);
        assert_eq!(covered(&days), Some((20_000, 20_059, 4)), "a few that lie alone do not count");
        days.push(20_089);
        assert_eq!(covered(&days), Some((20_000, 20_091, 2)), "a silence of thirty days is none");
    }
}
