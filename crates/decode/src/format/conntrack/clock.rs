//! The two ways in which an event line writes a time.

use crate::Unreadable;
use jiff::{
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use std::time::Duration;
use unmasq_model::{LogTime, Span};

const NO_STAMP: Unreadable = Unreadable::because("its time is not seconds and microseconds since 1970");
const NO_LOCAL_TIME: Unreadable = Unreadable::because("its start or stop is not a local time");

/// A local time is cut to the second; this is how far it may lie behind.
const REST_OF_SECOND: Duration = Duration::from_micros(999_999);

/// `1795345072.309137`: seconds and microseconds since the epoch.
///
/// Old releases (`%-6ld`) pad the microseconds with blanks on the right, so that `42    ` is 42 of
/// them. Either way the field is six wide; a narrower one was cut.
pub(super) fn stamp(text: &str) -> Result<LogTime, Unreadable> {
    let read = || {
        let (seconds, micros) = text.split_once('.')?;
        let digits = micros.trim_end_matches(' ');
        let whole = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            if plain { text.parse::<i64>().ok() } else { None }
        };
        if micros.len() != 6 {
            return None;
        }
        LogTime::from_unix_us(whole(seconds)?.checked_mul(1_000_000)?.checked_add(whole(digits)?)?)
    };
    read().ok_or(NO_STAMP)
}

/// `Sun Nov 22 10:58:07 2026`, as C's `ctime` writes it in the gateway's zone: the second that it means.
///
/// Where the clocks were put back one such text is two seconds; the span then covers both readings.
///
/// # Errors
/// [`Unreadable::NeedsZone`] without a zone.
pub(super) fn local(text: &str, zone: Option<&TimeZone>) -> Result<Span, Unreadable> {
    let civil = civil(text).ok_or(NO_LOCAL_TIME)?;
    let zone = zone.ok_or(Unreadable::NeedsZone)?;
    let (one, other) = match zone.to_ambiguous_timestamp(civil).offset() {
        AmbiguousOffset::Unambiguous { offset } => (offset, offset),
        // No clock shows a time in the gap, unless the zone is wrong; then neither side is surer.
        AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => (before, after),
    };
    let second = |offset: Offset| {
        let from = offset.to_timestamp(civil).ok().and_then(LogTime::from_timestamp)?;
        Some(Span::between(from, from.plus(REST_OF_SECOND)))
    };
    second(one).zip(second(other)).map(|(one, other)| one.hull(other)).ok_or(NO_LOCAL_TIME)
}

fn civil(text: &str) -> Option<DateTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_ascii_whitespace();
    // The weekday says nothing that the date does not.
    words.next()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let day = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let year = words.next()?.parse().ok()?;
    if clock.next().is_some() || words.next().is_some() {
        return None;
    }
    DateTime::new(year, i8::try_from(month).ok()?, day, hour, minute, second, 0).ok()
}
