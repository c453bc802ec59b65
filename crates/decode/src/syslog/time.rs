//! The times that syslog headers carry.

use crate::{Hints, Unreadable, field};
use jiff::{Timestamp, tz::TimeZone};
use std::time::Duration;
use unmasq_model::{LogTime, Span};

/// A time as a header writes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Written<'a> {
    /// `2026-03-01T10:00:00.123456+01:00`; the offset may be missing, or a word after it.
    Iso { text: &'a str, zone: Option<&'a str> },
    /// `Mar  1 10:00:00`, as C's `asctime` orders it.
    Bsd { year: Option<i16>, month: i8, day: u8, clock: &'a str, zone: Option<&'a str> },
}

const NO_TIME: Unreadable = Unreadable::because("the time before it is none between the years 1970 and 9999");
const NO_YEAR: Unreadable =
    Unreadable::because("its times carry no year, and when the file was written is unknown");
const OTHER_ZONE: Unreadable = Unreadable::because(
    "the zone that its time names is not the one that it is read in: say which zone is meant",
);

/// How far a time may lie after the last writing of its file before it is taken for last year's.
const AHEAD_AT_MOST: Duration = Duration::from_secs(2 * 24 * 3600);

/// Words that stand for a zone in a header; a host that is called so would be taken for one.
const ZONES: [&str; 34] = [
    "UTC", "GMT", "Z", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "AKST", "AKDT", "HST", "WET",
    "WEST", "CET", "CEST", "EET", "EEST", "MSK", "BST", "IST", "PKT", "SGT", "HKT", "JST", "KST", "AEST",
    "AEDT", "ACST", "ACDT", "NZST", "NZDT",
];

impl<'a> Written<'a> {
    /// The time at the front of `text`, and what follows it.
    pub(super) fn take(text: &'a str) -> Option<(Self, &'a str)> {
        Self::take_iso(text).or_else(|| Self::take_bsd(text))
    }

    /// A whole text that is an ISO 8601 date and time.
    pub(super) fn iso(text: &'a str) -> Option<Self> {
        let date = text.as_bytes();
        let dated = date.len() > 18 && is_dated(date);
        (dated && matches!(date[10], b'T' | b't' | b' ')).then_some(Self::Iso { text, zone: None })
    }

    fn take_iso(text: &'a str) -> Option<(Self, &'a str)> {
        // `Sun 2026-03-01 10:00:00 CET` is journald's `short-full`.
        let text = match text.split_at_checked(3) {
            Some((day, rest)) if rest.starts_with(" 20") && !day.contains(' ') => &rest[1..],
            _ => text,
        };
        if !is_dated(text.as_bytes()) {
            return None;
        }
        // The blank that may stand between date and time does not end it.
        let from = 11;
        let (_, rest) = text.split_at_checked(from)?;
        let (text, rest) = text.split_at(from + clock_length(rest));
        let Self::Iso { text, .. } = Self::iso(text)? else { return None };
        let (zone, rest) = zone_word(rest);
        Some((Self::Iso { text, zone }, rest))
    }

    fn take_bsd(text: &'a str) -> Option<(Self, &'a str)> {
        // IOS marks a clock that is not set, or not in step.
        let (month, rest) = text.trim_start_matches(['*', '.']).split_at_checked(3)?;
        let month = field::month(month).filter(|_| rest.is_empty() || rest.starts_with(' '))?;
        let rest = rest.trim_ascii_start();
        let (day, rest) = super::word(rest);
        let day = field::number::<u8>(day).filter(|day| (1..=31).contains(day))?;
        let (before, rest) = year_word(rest);
        let (clock, rest) = rest.split_at(clock_length(rest));
        let timed = clock.len() >= 8 && clock.as_bytes()[2] == b':' && clock.as_bytes()[5] == b':';
        if !timed {
            return None;
        }
        let (zone, rest) = zone_word(rest);
        let (after, rest) = if before.is_none() { year_word(rest) } else { (None, rest) };
        Some((Self::Bsd { year: before.or(after), month, day, clock, zone }, rest))
    }

    /// The span that it may mean.
    ///
    /// # Errors
    /// [`Unreadable::NeedsZone`] if it carries none and the hints do not either; a sentence if it is no
    /// time, carries no year that could be guessed, or names another zone than the hints.
    pub(crate) fn span(self, hints: &Hints) -> Result<Span, Unreadable> {
        match self {
            Self::Iso { text, zone } => match field::zoned_time(text) {
                Some(span) => Ok(span),
                None => in_zone(text, zone, hints)?.ok_or(NO_TIME),
            },
            Self::Bsd { year: Some(year), month, day, clock, zone } => {
                in_zone(&civil(year, month, day, clock), zone, hints)?.ok_or(NO_TIME)
            }
            Self::Bsd { year: None, month, day, clock, zone } => {
                let (written, this) = hints.written.and_then(|at| Some((at, year_of(at)?))).ok_or(NO_YEAR)?;
                let is_past = |span: Span| span.from() <= written.plus(AHEAD_AT_MOST);
                // A zone ahead of UTC may have begun the year that UTC has not.
                for year in [this + 1, this, this - 1] {
                    let text = civil(year, month, day, clock);
                    match in_zone(&text, zone, hints) {
                        Ok(Some(span)) if is_past(span) => return Ok(span),
                        // There may be no such day in one of them.
                        Ok(_) => {}
                        // Clocks are put back on another day each year: of one to come, the word says nothing.
                        Err(why) => match in_zone(&text, None, hints)? {
                            Some(span) if !is_past(span) => {}
                            _ => return Err(why),
                        },
                    }
                }
                Err(NO_TIME)
            }
        }
    }
}

fn civil(year: i16, month: i8, day: u8, clock: &str) -> String {
    format!("{year:04}-{month:02}-{day:02}T{clock}")
}

/// The year of an instant, in UTC.
fn year_of(at: LogTime) -> Option<i16> {
    let at = Timestamp::from_microsecond(at.finite()?.as_unix_us()).ok()?;
    Some(at.to_zoned(TimeZone::UTC).year())
}

/// What a time without an offset means; `None` if it is no time.
fn in_zone(text: &str, word: Option<&str>, hints: &Hints) -> Result<Option<Span>, Unreadable> {
    let Some(word) = word else { return field::civil_time(text, hints.zone.as_ref()).transpose() };
    if matches!(word, "UTC" | "GMT" | "Z") {
        return field::civil_time(text, Some(&TimeZone::UTC)).transpose();
    }
    // `CST` is three zones and `IST` as many: the hint says which, the word only that it is not wrong.
    let span = field::civil_time(text, hints.zone.as_ref()).transpose()?;
    match (span, &hints.zone) {
        (Some(span), Some(zone)) if !is_called(zone, word, span) => Err(OTHER_ZONE),
        (span, _) => Ok(span),
    }
}

/// Whether clocks in `zone` called themselves `word` then. An offset has no name of its own, so any
/// will do for it; but for UTC none other.
fn is_called(zone: &TimeZone, word: &str, then: Span) -> bool {
    if *zone != TimeZone::UTC && zone.to_fixed_offset().is_ok() {
        return true;
    }
    [then.from(), then.to()].into_iter().any(|at| {
        let at = Timestamp::from_microsecond(at.as_unix_us());
        at.is_ok_and(|at| zone.to_offset_info(at).abbreviation() == word)
    })
}

/// Whether it begins with a year and a dash.
fn is_dated(text: &[u8]) -> bool {
    matches!(text, [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-', ..])
}

/// How much of `text` is a clock: up to a blank or bar, without a colon before that.
fn clock_length(text: &str) -> usize {
    let clock = text.bytes().position(|byte| matches!(byte, b' ' | b'|')).unwrap_or(text.len());
    text[..clock].trim_end_matches(':').len()
}

/// A year at the front of `text`, and what follows it.
fn year_word(text: &str) -> (Option<i16>, &str) {
    if !text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return (None, text);
    }
    let (first, rest) = super::word(text);
    let year = Some(first).filter(|word| word.len() == 4).and_then(field::number::<i16>);
    match year.filter(|year| *year >= 1970) {
        Some(year) => (Some(year), rest),
        None => (None, text),
    }
}

/// A zone's word at the front of `text`, and what follows it without blanks.
fn zone_word(text: &str) -> (Option<&str>, &str) {
    let text = text.trim_ascii_start();
    if !text.as_bytes().first().is_some_and(u8::is_ascii_uppercase) {
        return (None, text);
    }
    let end = text.find([' ', ':', '|']).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if ZONES.contains(&word) { (Some(word), rest.trim_ascii_start()) } else { (None, text) }
}
