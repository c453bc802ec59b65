//! Under which hours a session is filed.
//!
//! A session stands under every hour that it touches, so that who asks about a moment reads one hour. One that
//! touches very many stands once, under [`LONG`], which everybody reads.

use std::ops::RangeInclusive;
use unmasq_model::{LogTime, Span};

/// Where sessions are filed that touch more hours than [`HOURS_MAX`].
pub const LONG: i32 = i32::MAX;

/// A session that touches more hours than this is a long one.
pub const HOURS_MAX: i32 = 24;

/// Microseconds of an hour.
const HOUR_US: i64 = 3_600 * 1_000_000;

/// The hour of a moment, since the Unix epoch.
pub(crate) fn hour(at: LogTime) -> i32 {
    // A real instant has a year of four digits; the two infinities are the ends of all hours.
    i32::try_from(at.as_unix_us().div_euclid(HOUR_US)).unwrap_or(if at == LogTime::BEGINNING {
        i32::MIN
    } else {
        LONG - 1
    })
}

/// When an hour begins; `None` for none of log time.
#[must_use]
pub fn begins(hour: i32) -> Option<LogTime> {
    LogTime::from_unix_us(i64::from(hour).checked_mul(HOUR_US)?)
}

/// When the hour of a moment begins.
#[must_use]
pub fn begin_of(at: LogTime) -> LogTime {
    begins(hour(at)).unwrap_or(LogTime::BEGINNING)
}

/// Of the hours under which a session is filed that begins at that microsecond, the first that is not over by `since`.
#[must_use]
pub fn first_since(start_us: i64, since: LogTime) -> i32 {
    hour(LogTime::from_unix_us(start_us).unwrap_or(LogTime::BEGINNING)).max(hour(since))
}

/// An hour as people write it: `2026-09-03T04`.
#[must_use]
pub fn name(hour: i32) -> String {
    match begins(hour).filter(|_| hour != LONG) {
        Some(begins) => begins.to_string().chars().take(13).collect(),
        None if hour == LONG => "long".to_owned(),
        None => format!("hour{hour}"),
    }
}

/// The hours under which a session of that reach is filed.
pub fn filed(reach: Span) -> impl Iterator<Item = i32> {
    let (first, last) = (hour(reach.from()), hour(reach.to()));
    match last.checked_sub(first) {
        Some(more) if more < HOURS_MAX => first..=last,
        _ => LONG..=LONG,
    }
}

/// The hours of a span; what touches it is filed under one of them, or under [`LONG`], which is none.
#[must_use]
pub fn within(during: Span) -> RangeInclusive<i32> {
    hour(during.from())..=hour(during.to()).min(LONG - 1)
}

/// Whether sessions that touch `during` may be filed under an hour.
#[must_use]
pub fn may_hold(filed: i32, during: Span) -> bool {
    filed == LONG || within(during).contains(&filed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64, seconds: i64) -> LogTime {
        LogTime::from_unix_seconds(hours * 3600 + seconds).unwrap()
    }

    #[test]
    fn a_session_is_filed_under_every_hour_that_it_touches() {
        let hours = |from, to| filed(Span::between(from, to)).collect::<Vec<_>>();
        assert_eq!(hours(at(10, 0), at(10, 3599)), [10]);
        assert_eq!(hours(at(10, 3599), at(11, 0)), [10, 11]);
        assert_eq!(hours(at(0, 0), at(23, 0)).len(), 24);
        assert_eq!(hours(at(0, 0), at(24, 0)), [LONG]);
        assert_eq!(hours(at(0, 0), LogTime::FOREVER), [LONG]);
    }

    #[test]
    fn whoever_asks_reads_where_it_is_filed() {
        for (from, to) in [(0, 5), (3599, 3600), (7200, 90_000), (100, 1_000_000)] {
            let reach = Span::between(at(10, from), at(10, to));
            for asked in [at(10, from), at(10, to), at(10, (from + to) / 2)] {
                assert!(filed(reach).any(|hour| may_hold(hour, Span::at(asked))), "{reach} at {asked}");
            }
        }
        assert!(may_hold(11, Span::ALWAYS) && may_hold(LONG, Span::at(at(3, 0))));
        assert!(!may_hold(11, Span::between(at(12, 0), at(20, 0))));
    }
}
