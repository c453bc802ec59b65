//! The two ways in which an event line writes a time.

use crate::{EventKind, Unreadable, field};
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
    let meant = civil(text).ok_or(NO_LOCAL_TIME)?;
    second(meant, zone)?.ok_or(NO_LOCAL_TIME)
}

/// The second that a local time means; `None` if it lies outside 1970 to 9999. Both readings, where
/// the clocks were put back.
///
/// # Errors
/// [`Unreadable::NeedsZone`] without a zone.
pub(in crate::format) fn second(
    meant: DateTime,
    zone: Option<&TimeZone>,
) -> Result<Option<Span>, Unreadable> {
    let zone = zone.ok_or(Unreadable::NeedsZone)?;
    let (one, other) = match zone.to_ambiguous_timestamp(meant).offset() {
        AmbiguousOffset::Unambiguous { offset } => (offset, offset),
        // No clock shows a time in the gap, unless the zone is wrong; then neither side is surer.
        AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => (before, after),
    };
    let second = |offset: Offset| {
        let from = offset.to_timestamp(meant).ok().and_then(LogTime::from_timestamp)?;
        Some(Span::between(from, from.plus(REST_OF_SECOND)))
    };
    Ok(second(one).zip(second(other)).map(|(one, other)| one.hull(other)))
}

fn civil(text: &str) -> Option<DateTime> {
    let mut words = text.split_ascii_whitespace();
    // The weekday says nothing that the date does not.
    words.next()?;
    let month = field::month(words.next()?)?;
    let day = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let year = words.next()?.parse().ok()?;
    if clock.next().is_some() || words.next().is_some() {
        return None;
    }
    DateTime::new(year, month, day, hour, minute, second, 0).ok()
}

/// When a line may have been written whose time is this second. C's `time()` is behind by up to the
/// kernel's tick, so the next second may have begun.
pub(in crate::format) fn ticked(second: Span) -> Span {
    Span::between(second.from(), second.to().plus(TICK))
}

/// Of a kernel that ticks a hundred times a second, the fewest in use.
const TICK: Duration = Duration::from_millis(10);

/// How long after the fact the kernel's listeners hear of it.
pub(in crate::format) const fn lag(kind: EventKind) -> Duration {
    match kind {
        EventKind::New | EventKind::Update => EVENT_LAG,
        EventKind::Destroy => DESTROY_LAG,
    }
}

/// A `NEW` line's time is up to 25 ms after the packet that made the entry (99 of 100 within 3 ms):
/// the event crosses a socket and a scheduler before it gets its time. The same holds for `UPDATE`.
pub(in crate::format) const EVENT_LAG: Duration = Duration::from_millis(25);

/// A `DESTROY` line comes when the kernel's collector passes by, not when the entry timed out: seen
/// up to 51 s late, and the collector visits a quiet table about once a minute. Twice that is safe.
pub(in crate::format) const DESTROY_LAG: Duration = Duration::from_secs(120);
