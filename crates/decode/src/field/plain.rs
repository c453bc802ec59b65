//! Addresses and numbers in the form that nearly every line has, without a branch that depends on them.
//!
//! Each of these reads less than its counterpart in [`field`](super), and what it reads it reads the
//! same. `None` says nothing: ask the counterpart.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};
use unmasq_model::{LogTime, Span};

/// An IPv4 address in dotted decimals that is not `0.0.0.0`; see [`address`](super::address).
#[inline]
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    let bytes = text.as_bytes();
    let length = bytes.len();
    if !(7..=15).contains(&length) {
        return None;
    }
    // The text as one number, its first character in the lowest byte; what lies beyond it is '0'.
    let text = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            let shift = 8 * (length - 8);
            u128::from(u64::from_le_bytes(*first)) | u128::from(u64::from_le_bytes(*last)) << shift
        }
        _ => bytes.iter().rev().fold(0, |all, byte| all << 8 | u128::from(*byte)),
    };
    let zeros = ONES * u128::from(b'0');
    let text = text | zeros << (8 * length);

    let dots = text ^ (ONES * u128::from(b'.'));
    let dots = !(((dots & !HIGHS) + !HIGHS) | dots) & HIGHS;
    // A dot differs from a zero in these bits.
    let digits = text ^ ((dots >> 7) * u128::from(b'.' ^ b'0')) ^ zeros;
    let is_digits = (((digits & !HIGHS) + ONES * 0x76) | digits) & HIGHS == 0;
    if !is_digits || dots.count_ones() != 3 {
        return None;
    }
    let mut rest = dots | 1 << (8 * length + 7);
    let mut start = 0;
    let mut octets = [0; 4];
    for octet in &mut octets {
        let end = rest.trailing_zeros() / 8;
        rest &= rest - 1;
        // No more than three digits, and no zero before others.
        let length = end - start;
        if !(1..=3).contains(&length) {
            return None;
        }
        let [hundreds, tens, ones, ..] = ((digits >> (8 * start)) << (8 * (3 - length))).to_le_bytes();
        let value = u16::from(hundreds) * 100 + u16::from(tens) * 10 + u16::from(ones);
        let least = [0, 0, 10, 100][length as usize];
        *octet = u8::try_from(value).ok().filter(|_| value >= least)?;
        start = end + 1;
    }
    let ip = Ipv4Addr::from(octets);
    (!ip.is_unspecified()).then_some(IpAddr::V4(ip))
}

const ONES: u128 = u128::MAX / 0xff;
const HIGHS: u128 = ONES << 7;

/// A number of one to eighteen digits; see [`number`](super::number).
#[inline]
pub(crate) fn number(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if !(1..=18).contains(&bytes.len()) {
        return None;
    }
    let mut number = 0;
    let mut others = 0;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        others |= u8::from(digit > 9);
        number = number * 10 + u64::from(digit & 15);
    }
    (others == 0).then_some(number)
}

/// A port; see [`port`](super::port).
#[inline]
pub(crate) fn port(text: &str) -> Option<u16> {
    number(text)?.try_into().ok()
}

/// Seconds since the Unix epoch in ten digits, which is from 2001 to 2286; see
/// [`unix_time`](super::unix_time).
#[inline]
pub(crate) fn seconds(text: &str) -> Option<Span> {
    const REST: Duration = Duration::from_micros(999_999);
    if text.len() != 10 || text.starts_with('0') {
        return None;
    }
    let from = LogTime::from_unix_seconds(number(text)?.try_into().ok()?)?;
    Some(Span::between(from, from.plus(REST)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field;
    use proptest::prelude::*;

    #[test]
    fn only_what_the_standard_library_reads_is_an_address() {
        for text in [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.04",
            "1.2.3.00",
            "256.1.1.1",
            "1.2.3.999",
            "1..2.3.4",
            ".1.2.3.4",
            "1.2.3.4.",
            "1.2.3.4 ",
            "1.2.3.-4",
            "1.2.3.4/8",
            "a.2.3.4",
            "1,2,3,4",
            "1000.2.3.4",
            "111.222.333.444",
            "1.2.3.\u{ff}",
            "1.2.3.4567",
            "0.0.0.0",
            "::1",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
        for text in ["1.2.3.4", "0.0.0.1", "255.255.255.255", "10.20.30.40", "100.0.0.0", "9.99.199.249"] {
            assert_eq!(address(text), text.parse().ok(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_read_the_same(text in "[0-9]{1,4}(\\.[0-9]{1,3}){2,4}|[0-9]{0,20}|[0-9./:+-]{0,18}|.{0,20}") {
            if let Some(ip) = address(&text) {
                prop_assert_eq!(Ok(ip), field::address("a", &text));
            }
            if let Some(read) = number(&text) {
                prop_assert_eq!(Some(read), field::number(&text));
            }
            if let Some(read) = seconds(&text) {
                prop_assert_eq!(Some(read), field::unix_time(&text, field::UnixUnit::Seconds));
            }
            if let Some(read) = port(&text) {
                prop_assert_eq!(Ok(read), field::port("p", &text));
            }
        }

        #[test]
        fn every_plain_one_is_read(ip in any::<[u8; 4]>(), count in 0..=999_999_999_999_999_999_u64) {
            let ip = IpAddr::from(ip);
            if !ip.is_unspecified() {
                prop_assert_eq!(address(&ip.to_string()), Some(ip));
            }
            prop_assert_eq!(number(&count.to_string()), Some(count));
            let at = (1_000_000_000 + count % 9_000_000_000).to_string();
            prop_assert_eq!(seconds(&at), field::unix_time(&at, field::UnixUnit::Seconds));
            prop_assert!(seconds(&at).is_some());
        }
    }
}
