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
    // The text with zero bytes after it, so that four bytes can be looked at wherever an octet begins.
    let padded = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            u128::from(u64::from_le_bytes(*first))
                | u128::from(u64::from_le_bytes(*last)) << (8 * (length - 8))
        }
        _ => bytes.iter().rev().fold(0, |all, byte| all << 8 | u128::from(*byte)),
    };
    let mut text = [0; 20];
    text[..16].copy_from_slice(&padded.to_le_bytes());
    let mut octets = [0; 4];
    let mut at = 0;
    for (number, octet) in octets.iter_mut().enumerate() {
        let (value, digits) = leading_octet(*text.get(at..)?.first_chunk()?)?;
        *octet = value;
        at += digits;
        let is_parted = if number < 3 { text[at] == b'.' } else { at == length };
        if !is_parted {
            return None;
        }
        at += 1;
    }
    let ip = Ipv4Addr::from(octets);
    (!ip.is_unspecified()).then_some(IpAddr::V4(ip))
}

/// The number of up to three digits that begins a text of four bytes, and how many digits it has.
#[inline(always)]
fn leading_octet(text: [u8; 4]) -> Option<(u8, usize)> {
    // Digits become their value, all other bytes more than nine; their highest bits then tell.
    let digits = u32::from_le_bytes(text) ^ 0x3030_3030;
    let others = (((digits & 0x7f7f_7f7f) + 0x7676_7676) | digits) & 0x8080_8080;
    let count = others.trailing_zeros() / 8;
    if !(1..=3).contains(&count) {
        return None;
    }
    let [hundreds, tens, ones, _] = (digits << (8 * (3 - count))).to_le_bytes();
    let value = u16::from(hundreds) * 100 + u16::from(tens) * 10 + u16::from(ones);
    // No zero stands before other digits.
    let least = [0, 0, 10, 100][count as usize & 3];
    Some((u8::try_from(value).ok().filter(|_| value >= least)?, count as usize))
}

/// A number of one to eighteen digits; see [`number`](super::number).
#[inline]
pub(crate) fn number(text: &str) -> Option<u64> {
    if !(1..=18).contains(&text.len()) {
        return None;
    }
    text.bytes().try_fold(0, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| number * 10 + u64::from(digit))
    })
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
                prop_assert_eq!(Some(ip), text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical()));
            }
            if let Some(read) = number(&text) {
                prop_assert_eq!(Some(read), field::number(&text));
            }
            if let Some(read) = seconds(&text) {
                prop_assert_eq!(Some(read), field::unix_time(&text, field::UnixUnit::Seconds));
            }
            if let Some(read) = port(&text) {
                prop_assert_eq!(Some(read), field::number(&text));
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
