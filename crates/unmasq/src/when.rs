//! Times as people write them: with or without a zone, a date, seconds.

use anyhow::{Result, anyhow, bail};
use jiff::{
    Timestamp,
    civil::{DateTime, Time},
    tz::TimeZone,
};
use unmasq_model::{LogTime, Span};

/// What somebody wrote as a time, and as finely as they wrote it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Written {
    /// With its zone.
    Instant(Span),
    /// Without a zone.
    Civil { at: DateTime, fine: Fine },
    /// A time of some day.
    OfDay { at: Time, fine: Fine },
}

/// The smallest unit that was written: a time without seconds means the whole minute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fine {
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

impl Written {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let fine = Fine::of(text);
        if let Ok(at) = text.parse::<Timestamp>() {
            return span(at, fine).map(Self::Instant);
        }
        if !text.contains('-')
            && let Ok(at) = text.parse::<Time>()
        {
            return Ok(Self::OfDay { at, fine });
        }
        match text.parse::<DateTime>() {
            // A day alone is midnight to a parser, and nothing that a person would mean.
            Ok(at) if text.contains(':') => Ok(Self::Civil { at, fine }),
            _ => bail!(
                "`{text}` is not a time; write 2026-11-22T10:30:00Z, \"2026-11-22 10:30\" with --zone, or 10:30 with --zone"
            ),
        }
    }

    /// The span of log time that is meant. A time of day is the last one before `latest`.
    pub(crate) fn resolve(&self, zone: Option<&TimeZone>, latest: Option<LogTime>) -> Result<Span> {
        let zone = || {
            zone.ok_or_else(|| anyhow!("this time carries no zone: add --zone, such as --zone Asia/Shanghai"))
        };
        match self {
            Self::Instant(span) => Ok(*span),
            Self::Civil { at, fine } => civil(*at, zone()?, *fine),
            Self::OfDay { at, fine } => {
                let zone = zone()?;
                let latest =
                    latest.ok_or_else(|| anyhow!("no log says which day is meant: write the date too"))?;
                let last =
                    Timestamp::from_microsecond(latest.as_unix_us())?.to_zoned(zone.clone()).datetime();
                let today = last.date().to_datetime(*at);
                let day = if today <= last { today } else { last.date().yesterday()?.to_datetime(*at) };
                civil(day, zone, *fine)
            }
        }
    }
}

/// A civil time in a zone; an hour that comes twice when clocks are set back is both.
fn civil(at: DateTime, zone: &TimeZone, fine: Fine) -> Result<Span> {
    let meant = zone.to_ambiguous_zoned(at);
    let early = span(meant.clone().earlier()?.timestamp(), fine)?;
    let late = span(meant.later()?.timestamp(), fine)?;
    Ok(early.hull(late))
}

fn span(at: Timestamp, fine: Fine) -> Result<Span> {
    let from = LogTime::from_timestamp(at).ok_or_else(|| anyhow!("{at} is before 1970"))?;
    let to = LogTime::from_unix_us(from.as_unix_us() + fine.micros()).unwrap_or(from);
    Ok(Span::between(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str, zone: Option<&str>) -> Result<String> {
        let zone = zone.map(|zone| unmasq_io::zone(zone).unwrap());
        let latest = "2026-11-22T03:00:00Z".parse().ok();
        Written::parse(text)?.resolve(zone.as_ref(), latest).map(|span| span.to_string())
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
        assert!(resolved("10:30", None).unwrap_err().to_string().contains("--zone"));
        assert!(resolved("yesterday", None).is_err());
        assert!(resolved("2026-11-22", Some("UTC")).is_err(), "a day alone is too little");
    }

    #[test]
    fn an_hour_that_comes_twice_is_both() {
        let span = resolved("2026-10-25 02:30:00", Some("Europe/Berlin")).unwrap();
        assert_eq!(span, "2026-10-25T00:30:00Z … 2026-10-25T01:30:00.999999Z");
    }
}
