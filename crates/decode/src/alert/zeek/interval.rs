//! Zeek's intervals: seconds in decimal text, as `1.018` or, from JSON writers, `3.0994e-05`.

use std::time::Duration;

/// The length of an interval, rounded up to the microsecond; `None` if it is negative, or longer than
/// a log can be.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let number = format!("{whole}{fraction}");
    let number = number.trim_start_matches('0');
    if number.is_empty() {
        return Some(Duration::ZERO);
    }
    // How many of the digits stand above the microsecond's point.
    let above = i64::try_from(number.len()).ok()? - i64::try_from(fraction.len()).ok()?
        + i64::from(exponent)
        + i64::from(MICROSECOND);
    let micros = match usize::try_from(above) {
        Err(_) => 1,
        Ok(above) if above > MOST_DIGITS => return None,
        Ok(above) => {
            let (whole, rest) = number.split_at(above.min(number.len()));
            let whole = format!("{whole:0<above$}");
            let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
            whole + u64::from(rest.bytes().any(|b| b != b'0'))
        }
    };
    Some(Duration::from_micros(micros))
}

/// A microsecond is the sixth decimal of a second.
const MICROSECOND: u8 = 6;

/// A time that a log can carry has fewer microseconds.
const MOST_DIGITS: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_and_exponents_are_read_without_loss() {
        let micros = |text| seconds(text).map(|lasted| lasted.as_micros());
        assert_eq!(micros("0.001018"), Some(1_018));
        assert_eq!(micros("20.879001"), Some(20_879_001));
        assert_eq!(micros("7"), Some(7_000_000));
        assert_eq!(micros("0.00031685829162597656"), Some(317), "rounded up");
        assert_eq!(micros("3.0994415283203125e-05"), Some(31));
        assert_eq!(micros("1.5E+3"), Some(1_500_000_000));
        assert_eq!(micros("1e-9"), Some(1));
        assert_eq!((micros("0.0"), micros("0e999999999")), (Some(0), Some(0)));
    }

    #[test]
    fn what_is_no_length_is_none() {
        for text in ["", "-1.0", "+1", ".5", "1e", "e5", "1e400", "1e2147483648", "1_0", "nan", "１"] {
            assert_eq!(seconds(text), None, "{text}");
        }
        assert_eq!(seconds(&"9".repeat(400)), None);
    }

    proptest! {
        #[test]
        fn what_was_printed_is_read_again(us in 0_u64..100_000_000_000_000) {
            let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
            prop_assert_eq!(seconds(&text), Some(Duration::from_micros(us)));
        }

        #[test]
        fn no_text_is_a_panic(text in "[0-9.eE+-]{0,24}") {
            let _ = seconds(&text);
        }
    }
}
