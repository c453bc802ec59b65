//! Times as people write them: with or without a zone, a date, seconds.

use jiff::{
    Timestamp,
    civil::{DateTime, Time},
    tz::TimeZone,
};
use unmasq_model::{LogTime, Span};

/// Why a written time cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WhenError {
    /// It is none.
    #[error(
        "`{0}` is not a time; write 2026-11-22T10:30:00Z, or with a zone beside it 2026-11-22 10:30 or 10:30"
    )]
    NotATime(String),
    /// Nobody says in which zone it is meant.
    #[error("`{0}` carries no zone")]
    NoZone(String),
    /// It is a time of day, and no log says of which.
    #[error("no log says which day is meant by `{0}`: write the date too")]
    NoDay(String),
    /// It lies where no log does.
    #[error("`{0}` is before 1970, or too far away")]
    TooFar(String),
}

/// The span of log time that somebody means: a time without seconds is that whole minute, a time of day the last one
/// before `latest`.
///
/// # Errors
/// When it is no time, or carries no zone and none is given.
pub fn when(text: &str, zone: Option<&TimeZone>, latest: Option<LogTime>) -> Result<Span, WhenError> {
    let fine = Fine::of(text);
    if let Ok(at) = text.parse::<Timestamp>() {
        return span(at, fine).ok_or_else(|| WhenError::TooFar(text.into()));
    }
    let zone = || zone.ok_or_else(|| WhenError::NoZone(text.into()));
    let meant = if !text.contains('-')
        && let Ok(at) = text.parse::<Time>()
    {
        let zone = zone()?;
        let latest = latest.ok_or_else(|| WhenError::NoDay(text.into()))?;
        last_before(latest, at, zone).and_then(|at| civil(at, zone, fine))
    } else {
        // A day alone is midnight to a parser, and nothing that a person would mean.
        let at = text.parse::<DateTime>().ok().filter(|_| text.contains(':'));
        civil(at.ok_or_else(|| WhenError::NotATime(text.into()))?, zone()?, fine)
    };
    meant.ok_or_else(|| WhenError::TooFar(text.into()))
}

/// The smallest unit that was written: a time without seconds means the whole minute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fine {
    Minute,
    Second,
    Exact,
}

impl Fine {
    fn of(text: &str) -> Self {
        let time = text.rsplit(['T', ' ']).next().unwrap_or(text);
        let time = time.trim_end_matches('Z');
        let time = time.split(['+', '-']).next().unwrap_or(time);
        match (time.contains('.'), time.matches(':').count()) {
            (true, _) => Self::Exact,
            (false, 0 | 1) => Self::Minute,
            (false, _) => Self::Second,
        }
    }

    fn micros(self) -> i64 {
        match self {
            Self::Minute => 59_999_999,
            Self::Second => 999_999,
            Self::Exact => 0,
        }
    }
}

/// The last time that it was so late, at `latest`.
fn last_before(latest: LogTime, time: Time, zone: &TimeZone) -> Option<DateTime> {
    let last = Timestamp::from_microsecond(latest.as_unix_us()).ok()?.to_zoned(zone.clone()).datetime();
    let today = last.date().to_datetime(time);
    if today <= last { Some(today) } else { Some(last.date().yesterday().ok()?.to_datetime(time)) }
}

/// A civil time in a zone; an hour that comes twice when clocks are set back is both.
fn civil(at: DateTime, zone: &TimeZone, fine: Fine) -> Option<Span> {
    let meant = zone.to_ambiguous_zoned(at);
    let early = span(meant.clone().earlier().ok()?.timestamp(), fine)?;
    let late = span(meant.later().ok()?.timestamp(), fine)?;
    Some(early.hull(late))
}

fn span(at: Timestamp, fine: Fine) -> Option<Span> {
    let from = LogTime::from_timestamp(at)?;
    let to = LogTime::from_unix_us(from.as_unix_us() + fine.micros()).unwrap_or(from);
    Some(Span::between(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str, zone: Option<&str>) -> Result<String, WhenError> {
        let zone = zone.map(|zone| unmasq_io::zone(zone).unwrap());
        let latest = "2026-11-22T03:00:00Z".parse().ok();
        when(text, zone.as_ref(), latest).map(|span| span.to_string())
    }

    #[test]
    fn a_minute_is_all_of_it() {
        let expected = "2026-11-22T02:30:00Z … 2026-11-22T02:30:59.999999Z";
        for text in ["2026-11-22 10:30", "2026-11-22T10:30", "10:30"] {
            assert_eq!(resolved(text, Some("Asia/Shanghai")).unwrap(), expected, "{text}");
        }
        assert_eq!(resolved("2026-11-22T10:30+08:00", None).unwrap(), expected);
    }

    #[test]
    fn an_exact_time_is_exact() {
        assert_eq!(resolved("2026-11-22T10:31:07.120Z", None).unwrap(), "2026-11-22T10:31:07.120Z");
        assert_eq!(resolved("10:30:07.5", Some("+08:00")).unwrap(), "2026-11-22T02:30:07.500Z");
    }

    #[test]
    fn a_time_of_day_is_the_last_before_the_logs_end() {
        assert!(resolved("23:30", Some("UTC")).unwrap().starts_with("2026-11-21T23:30:00Z"));
    }

    #[test]
    fn a_zone_is_never_assumed() {
        assert_eq!(resolved("10:30", None), Err(WhenError::NoZone("10:30".into())));
        assert!(resolved("yesterday", None).is_err());
        assert!(resolved("2026-11-22", Some("UTC")).is_err(), "a day alone is too little");
    }

    #[test]
    fn an_hour_that_comes_twice_is_both() {
        let span = resolved("2026-10-25 02:30:00", Some("Europe/Berlin")).unwrap();
        assert_eq!(span, "2026-10-25T00:30:00Z … 2026-10-25T01:30:00.999999Z");
    }
}
