//! Time zones by name or offset, for logs whose times carry none.

use crate::nearest::nearest;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use std::fmt;

/// A text that names no time zone.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub struct NotAZone {
    text: String,
    /// A zone whose name is nearly the same.
    nearest: Option<String>,
}

impl fmt::Display for NotAZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a time zone", self.text)?;
        match &self.nearest {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => f.write_str(" such as `Asia/Shanghai`, `UTC` or `+08:00`"),
        }
    }
}

/// Reads an IANA name in any case (`Asia/Shanghai`), `UTC`, or a fixed offset (`+08:00`, `+0800`, `-05`).
///
/// Names come from the database inside the program, so that the answer does not depend on the machine.
///
/// # Errors
/// When it is none of these.
pub fn zone(text: &str) -> Result<TimeZone, NotAZone> {
    let wanted = text.trim();
    if wanted.eq_ignore_ascii_case("utc") || wanted.eq_ignore_ascii_case("z") {
        return Ok(TimeZone::UTC);
    }
    if let Some(offset) = offset(wanted) {
        return Ok(TimeZone::fixed(offset));
    }
    let names = TimeZoneDatabase::bundled();
    names.get(wanted).map_err(|_| {
        let available: Vec<String> = names.available().map(|name| name.as_str().into()).collect();
        let nearest = nearest(wanted, available.iter().map(String::as_str)).map(Into::into);
        NotAZone { text: text.into(), nearest }
    })
}

/// `+hh:mm`, `+hhmm` or `+hh`, with either sign.
fn offset(text: &str) -> Option<Offset> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.len() {
        2 => (digits, "00"),
        4 => digits.split_at_checked(2)?,
        5 => digits.split_once(':')?,
        _ => return None,
    };
    let number = |text: &str, below: i32| {
        let plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse::<i32>().ok()).flatten().filter(|n| *n < below)
    };
    Offset::from_seconds(sign * (number(hours, 24)? * 3600 + number(minutes, 60)? * 60)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn offset_seconds(text: &str) -> i32 {
        let summer: Timestamp = "2026-07-01T00:00:00Z".parse().unwrap();
        zone(text).unwrap().to_offset(summer).seconds()
    }

    #[test]
    fn a_zone_is_a_name_or_an_offset() {
        assert_eq!(offset_seconds("UTC"), 0);
        assert_eq!(offset_seconds("Asia/Shanghai"), 8 * 3600);
        assert_eq!(offset_seconds("europe/berlin"), 2 * 3600);
        assert_eq!(offset_seconds("+08:00"), 8 * 3600);
        assert_eq!(offset_seconds("+0545"), 5 * 3600 + 45 * 60);
        assert_eq!(offset_seconds("-05"), -5 * 3600);
    }

    #[test]
    fn an_unknown_zone_says_what_was_meant() {
        let error = zone("Asia/Shangai").unwrap_err();
        assert_eq!(error.to_string(), "`Asia/Shangai` is not a time zone; did you mean `Asia/Shanghai`?");
        let error = zone("local").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`local` is not a time zone such as `Asia/Shanghai`, `UTC` or `+08:00`"
        );
    }

    #[test]
    fn no_offset_is_longer_than_a_day() {
        for text in ["+24:00", "+08:60", "+8", "+08:0", "+٠٨:00", "++8:00", "", "+", "é"] {
            assert!(zone(text).is_err(), "{text}");
        }
    }
}
