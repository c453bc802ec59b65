//! Lengths of time as people write them: `500ms`, `2s`, `10m`.

use std::time::Duration;

/// A text that is no length of time.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[error("`{0}` is not a duration such as `500ms`, `90s`, `10m` or `2h`")]
pub struct NotADuration(pub String);

/// Reads a whole number with its unit: `us`, `ms`, `s`, `m`, `h` or `d`.
///
/// # Errors
/// When the unit is missing or unknown, the number is no whole number, or the result does not fit.
pub fn duration(text: &str) -> Result<Duration, NotADuration> {
    parse(text.trim()).ok_or_else(|| NotADuration(text.into()))
}

fn parse(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let micros_per_unit: u64 = match unit {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    Some(Duration::from_micros(number.parse::<u64>().ok()?.checked_mul(micros_per_unit)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_whole_number_and_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)));
    }

    #[test]
    fn what_is_no_duration_says_what_one_looks_like() {
        for text in ["", "s", "90", "1.5s", "-2s", "2 s", "90 fortnights", "18446744073709551615d", "２s"] {
            let error = duration(text).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("`{text}` is not a duration such as `500ms`, `90s`, `10m` or `2h`")
            );
        }
    }
}
