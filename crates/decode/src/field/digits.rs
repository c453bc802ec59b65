//! Dates and times of day whose digits stand where they always do.
//!
//! As in [`plain`](super::plain): what is read here is read as its counterpart would read it, and `None`
//! says nothing.

use super::lasting;
use crate::Unreadable;
use jiff::{
    civil,
    tz::{Offset, TimeZone},
};
use unmasq_model::{LogTime, Span};

/// A time of day on a date, and in how many microseconds it counts.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    pub(crate) at: civil::DateTime,
    pub(crate) step: i64,
}

/// `2026-03-14T16:00:41.123`, and what follows it.
#[inline]
pub(super) fn iso(text: &str) -> Option<(Written, &str)> {
    let (date, clock) = text.split_at_checked(11)?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T' | b' '] = date.as_bytes() else { return None };
    on(civil::Date::new(year([y1, y2, y3, y4])?, two(m1, m2)?, two(d1, d2)?).ok()?, clock)
}

/// The time of day that `clock` begins with, on a date, and what follows it.
#[inline]
pub(crate) fn on(date: civil::Date, clock: &str) -> Option<(Written, &str)> {
    let (clock, rest) = clock.split_at_checked(8)?;
    let &[h1, h2, b':', m1, m2, b':', s1, s2] = clock.as_bytes() else { return None };
    let (nanoseconds, step, rest) = match rest.strip_prefix('.') {
        Some(rest) => fraction(rest)?,
        None => (0, 1_000_000, rest),
    };
    let time = civil::Time::new(two(h1, h2)?, two(m1, m2)?, two(s1, s2)?, nanoseconds).ok()?;
    // Years that are near neither end of what may be written at all.
    (1971..9999).contains(&date.year()).then(|| (Written { at: date.to_datetime(time), step }, rest))
}

/// Decimals of a second in nanoseconds, the step of the last one, and what follows them.
fn fraction(text: &str) -> Option<(i32, i64, &str)> {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(count);
    // Beyond the ninth they may be rounded.
    let unit = 10_i32.pow(9_u32.checked_sub(count.try_into().ok()?)?);
    let number = digits.bytes().fold(0, |number, digit| number * 10 + i32::from(digit - b'0'));
    (count > 0).then_some((number * unit, i64::from(unit / 1_000).max(1), rest))
}

/// `Z`, `+0800` or `+08:00`, and nothing else.
#[inline]
pub(crate) fn offset(text: &str) -> Option<Offset> {
    let (&sign, digits) = text.as_bytes().split_first()?;
    let (h1, h2, m1, m2) = match (sign, digits) {
        (b'Z', []) => return Some(Offset::UTC),
        (b'+' | b'-', &[h1, h2, m1, m2] | &[h1, h2, b':', m1, m2]) => (h1, h2, m1, m2),
        _ => return None,
    };
    let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
    let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
    let usual = hours < 24 && minutes < 60;
    usual.then(|| Offset::from_seconds(if sign == b'-' { -seconds } else { seconds }).ok())?
}

impl Written {
    /// What it means at that offset.
    pub(crate) fn at(self, offset: Offset) -> Option<Span> {
        lasting(LogTime::from_timestamp(offset.to_timestamp(self.at).ok()?)?, self.step)
    }

    /// What it means in `zone`: two moments, perhaps, in the hour that a clock is set back.
    pub(crate) fn in_zone(self, zone: Option<&TimeZone>) -> Option<Result<Span, Unreadable>> {
        let Some(zone) = zone else { return Some(Err(Unreadable::NeedsZone)) };
        if let Ok(offset) = zone.to_fixed_offset() {
            return self.at(offset).map(Ok);
        }
        let moment = zone.to_ambiguous_timestamp(self.at);
        let earlier = lasting(LogTime::from_timestamp(moment.earlier().ok()?)?, self.step)?;
        let later = lasting(LogTime::from_timestamp(moment.later().ok()?)?, self.step)?;
        Some(Ok(earlier.hull(later)))
    }
}

/// The number of two digits.
#[inline]
pub(crate) fn two(tens: u8, ones: u8) -> Option<i8> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| i8::try_from(tens * 10 + ones).ok())?
}

/// A year in four digits.
#[inline]
pub(crate) fn year([a, b, c, d]: [u8; 4]) -> Option<i16> {
    Some(i16::from(two(a, b)?) * 100 + i16::from(two(c, d)?))
}
