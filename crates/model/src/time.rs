//! Log time: what a device wrote. It is skewed, and the engine treats it so.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr, time::Duration};

/// An instant of log time: microseconds since the Unix epoch, UTC, as some device's clock had it.
///
/// Prints as RFC 3339 with as many digits as it needs (0, 3 or 6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogTime(i64);

/// What a text or number was not: an instant between the years 1970 and 9999.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a time between the years 1970 and 9999")]
pub struct NotATime(pub String);

impl LogTime {
    /// Before everything: the start of something that nobody saw begin.
    pub const BEGINNING: Self = Self(i64::MIN);
    /// After everything: the end of something that is still going on.
    pub const FOREVER: Self = Self(i64::MAX);
    /// The largest time a log may carry: 9999-12-30T22:00:00Z, the last that prints with a four-digit
    /// year in every zone.
    const LATEST_US: i64 = 253_402_207_200_000_000;

    /// From microseconds since the Unix epoch; `None` before 1970 and after 9999.
    #[must_use]
    pub fn from_unix_us(us: i64) -> Option<Self> {
        (0..=Self::LATEST_US).contains(&us).then_some(Self(us))
    }

    /// From whole seconds since the Unix epoch.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        Self::from_unix_us(seconds.checked_mul(1_000_000)?)
    }

    /// From a library timestamp, cut to the microsecond.
    #[must_use]
    pub fn from_timestamp(at: Timestamp) -> Option<Self> {
        Self::from_unix_us(at.as_microsecond())
    }

    /// Microseconds since the Unix epoch; the two infinities are `i64::MIN` and `i64::MAX`.
    #[must_use]
    pub const fn as_unix_us(self) -> i64 {
        self.0
    }

    /// From what [`as_unix_us`](Self::as_unix_us) gave, an infinity too.
    #[must_use]
    pub fn from_edge(us: i64) -> Option<Self> {
        match us {
            i64::MIN => Some(Self::BEGINNING),
            i64::MAX => Some(Self::FOREVER),
            us => Self::from_unix_us(us),
        }
    }

    /// Whether this is a real instant, not one of the two infinities.
    #[must_use]
    pub fn is_finite(self) -> bool {
        self != Self::BEGINNING && self != Self::FOREVER
    }

    /// `self` if it is a real instant.
    #[must_use]
    pub fn finite(self) -> Option<Self> {
        self.is_finite().then_some(self)
    }

    /// Later by `by`; the infinities stay where they are.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        self.later(micros(by))
    }

    /// Earlier by `by`; the infinities stay where they are.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        self.earlier(micros(by))
    }

    fn later(self, us: i64) -> Self {
        if self.is_finite() { Self(self.0.saturating_add(us)) } else { self }
    }

    fn earlier(self, us: i64) -> Self {
        if self.is_finite() { Self(self.0.saturating_sub(us)) } else { self }
    }
}

fn micros(by: Duration) -> i64 {
    let seconds = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
    seconds.saturating_mul(1_000_000).saturating_add(by.subsec_micros().into())
}

impl fmt::Display for LogTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BEGINNING => f.write_str("beginning"),
            Self::FOREVER => f.write_str("forever"),
            Self(us) => match Timestamp::from_microsecond(us) {
                Ok(at) if us % 1_000_000 == 0 => write!(f, "{at:.0}"),
                Ok(at) if us % 1_000 == 0 => write!(f, "{at:.3}"),
                Ok(at) => write!(f, "{at:.6}"),
                Err(_) => write!(f, "{us} us"),
            },
        }
    }
}

impl fmt::Debug for LogTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads RFC 3339 with an offset (`Z`, `+08:00`, `+0000`). A time without a zone is refused.
impl FromStr for LogTime {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        text.parse::<Timestamp>().ok().and_then(Self::from_timestamp).ok_or_else(|| NotATime(text.into()))
    }
}

/// Serializes as RFC 3339; an infinity is `null`.
impl Serialize for LogTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.finite() {
            Some(at) => serializer.collect_str(&at),
            None => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for LogTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A closed span of log time: both edges belong to it, and it may be a single instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    from: LogTime,
    to: LogTime,
}

/// A span's end was before its start.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a span cannot end at {to}, before its start {from}")]
pub struct EmptySpan {
    from: LogTime,
    to: LogTime,
}

impl Span {
    /// All of time.
    pub const ALWAYS: Self = Self { from: LogTime::BEGINNING, to: LogTime::FOREVER };

    /// From `from` to `to`, both included.
    ///
    /// # Errors
    /// When `to` is before `from`.
    pub fn new(from: LogTime, to: LogTime) -> Result<Self, EmptySpan> {
        if from <= to { Ok(Self { from, to }) } else { Err(EmptySpan { from, to }) }
    }

    /// The span between two instants, whichever comes first.
    #[must_use]
    pub fn between(a: LogTime, b: LogTime) -> Self {
        Self { from: a.min(b), to: a.max(b) }
    }

    /// A single instant.
    #[must_use]
    pub const fn at(at: LogTime) -> Self {
        Self { from: at, to: at }
    }

    /// Its first instant.
    #[must_use]
    pub const fn from(self) -> LogTime {
        self.from
    }

    /// Its last instant.
    #[must_use]
    pub const fn to(self) -> LogTime {
        self.to
    }

    /// Longer by `by` on either side: what a clock wrong by up to `by` may have meant.
    #[must_use]
    pub fn widened(self, by: Duration) -> Self {
        let us = micros(by);
        Self { from: self.from.earlier(us), to: self.to.later(us) }
    }

    /// Shorter by `by` on either side: what holds whichever way the clock was wrong; `None` if
    /// nothing is left.
    #[must_use]
    pub fn narrowed(self, by: Duration) -> Option<Self> {
        Self::new(self.from.plus(by), self.to.minus(by)).ok()
    }

    /// Whether the two share at least one instant.
    #[must_use]
    pub fn touches(self, other: Self) -> bool {
        self.from <= other.to && other.from <= self.to
    }

    /// Whether all of `other` lies within this span.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    /// What both share.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.from.max(other.from), self.to.min(other.to)).ok()
    }

    /// The shortest span that contains both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self { from: self.from.min(other.from), to: self.to.max(other.to) }
    }
}

/// Serializes as its two edges in microseconds since the Unix epoch, exactly; an infinity is the least or
/// the greatest number of 64 bits.
impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.from.0, self.to.0].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let [from, to] = <[i64; 2]>::deserialize(deserializer)?;
        let edge = |us| LogTime::from_edge(us).ok_or_else(|| serde::de::Error::custom("it is no time"));
        Self::new(edge(from)?, edge(to)?).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to { self.from.fmt(f) } else { write!(f, "{} … {}", self.from, self.to) }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_prints_as_many_digits_as_it_needs() {
        let print = |us| LogTime::from_unix_us(us).unwrap().to_string();
        assert_eq!(print(1_795_345_072_309_137), "2026-11-22T10:57:52.309137Z");
        assert_eq!(print(1_795_345_072_330_000), "2026-11-22T10:57:52.330Z");
        assert_eq!(print(1_795_345_072_000_000), "2026-11-22T10:57:52Z");
    }

    #[test]
    fn a_time_needs_a_zone_and_a_plausible_year() {
        assert!("2026-11-22T10:57:52".parse::<LogTime>().is_err());
        assert!("2026-11-22T18:57:52.3+0800".parse::<LogTime>().is_ok());
        assert_eq!(LogTime::from_unix_seconds(-1), None);
        assert_eq!(LogTime::from_unix_seconds(i64::MAX), None);
        assert_eq!(LogTime(LogTime::LATEST_US).to_string(), "9999-12-30T22:00:00Z");
    }

    #[test]
    fn touching_includes_the_edges() {
        let t = |s| LogTime::from_unix_seconds(s).unwrap();
        let span = Span::between(t(10), t(20));
        assert!(span.touches(Span::at(t(20))));
        assert!(!span.touches(Span::at(t(21))));
        assert!(span.widened(Duration::from_secs(1)).touches(Span::at(t(21))));
        assert!(Span::ALWAYS.contains(span));
        assert_eq!(Span::ALWAYS.widened(Duration::from_secs(1)), Span::ALWAYS);
    }
}
