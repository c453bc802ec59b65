//! Addresses and numbers in the form that nearly every line has, without a branch that depends on them.
//!
//! Each of these reads less than its counterpart in [`field`](super), and what it reads it reads the
//! same. `None` says nothing: ask the counterpart.

use std::net::{IpAddr, Ipv4Addr};
use unmasq_model::{LogTime, Span};

/// An IPv4 address in dotted decimals that is not `0.0.0.0`; see [`address`](super::address).
#[inline(always)]
pub(crate) fn address(text: &[u8]) -> Option<IpAddr> {
    octets(text).filter(|octets| *octets != 0).map(|octets| IpAddr::V4(Ipv4Addr::from_bits(octets)))
}

/// The four octets of an IPv4 address as one number.
#[inline(never)]
fn octets(text: &[u8]) -> Option<u32> {
    // Two octets and their dots are at most eight characters: the front has two, and the back two.
    let (front, back) = match (text.first_chunk(), text.last_chunk()) {
        (Some(front), Some(back)) => (u64::from_le_bytes(*front), u64::from_le_bytes(*back)),
        _ => word(text).map(|text| (text, text << 8))?,
    };
    let (first, length) = two_octets(front)?;
    let rest = text.len().checked_sub(length + 1).filter(|rest| (3..=7).contains(rest))?;
    let (last, last_length) = two_octets(back >> (64 - 8 * rest))?;
    if byte(front, length) != b'.' || last_length != rest {
        return None;
    }
    Some(first << 16 | last)
}

/// The two octets that a text begins with, the first one above the second, and their length with the dot
/// between them.
#[inline(always)]
fn two_octets(text: u64) -> Option<(u32, usize)> {
    let digits = text ^ ZEROS;
    let others = no_digits(digits);
    let first = lowest_byte(others);
    let length = lowest_byte(others & others.wrapping_sub(1));
    let second = length.wrapping_sub(first + 1);
    if !(1..=3).contains(&first) || !(1..=3).contains(&second) || byte(text, first) != b'.' {
        return None;
    }
    let rest = digits >> (8 * (first + 1));
    // No zero stands before other digits.
    if (first > 1 && byte(digits, 0) == 0) || (second > 1 && byte(rest, 0) == 0) {
        return None;
    }
    let octets = fours(digits << (64 - 8 * first) >> 32 | rest << (64 - 8 * second));
    let [a, 0, _, _, b, 0, _, _] = octets.to_le_bytes() else { return None };
    Some((u32::from(a) << 8 | u32::from(b), length))
}

/// A number of one to eighteen digits; see [`number`](super::number).
#[inline]
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    match text.len() {
        1..=8 => eight_digits((word(text)? ^ ZEROS) << (64 - 8 * text.len())).map(u64::from),
        9..=18 => long_number(text),
        _ => None,
    }
}

#[inline(never)]
fn long_number(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| number * 10 + u64::from(digit))
    })
}

// Up to eight characters are looked at as one number, the first one in its lowest byte. Exclusive or with
// `ZEROS` makes digits their value, and all others more than nine.

const ONES: u64 = u64::MAX / 0xff;
const HIGHS: u64 = ONES << 7;
const ZEROS: u64 = ONES * b'0' as u64;

/// A text of one to eight characters, and nothing above it.
#[inline(always)]
fn word(text: &[u8]) -> Option<u64> {
    match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) if text.len() <= 8 => {
            let last = u64::from(u32::from_le_bytes(*last));
            Some(u64::from(u32::from_le_bytes(*first)) | last << (8 * (text.len() - 4)))
        }
        _ => match *text {
            [a] => Some(u64::from(a)),
            [a, b] => Some(u64::from(u16::from_le_bytes([a, b]))),
            [a, b, c] => Some(u64::from(u32::from_le_bytes([a, b, c, 0]))),
            _ => None,
        },
    }
}

#[inline(always)]
const fn byte(word: u64, at: usize) -> u8 {
    (word >> (8 * at)).to_le_bytes()[0]
}

/// The highest bit of each byte that is no digit's value.
#[inline(always)]
const fn no_digits(digits: u64) -> u64 {
    (((digits & !HIGHS) + ONES * 0x76) | digits) & HIGHS
}

#[inline(always)]
const fn lowest_byte(found: u64) -> usize {
    found.trailing_zeros() as usize / 8
}

/// Each four digits as one number: pairs of them first.
#[inline(always)]
const fn fours(digits: u64) -> u64 {
    let pairs = (digits.wrapping_mul(10).wrapping_add(digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff
}

/// The number of eight digits.
#[inline(always)]
fn eight_digits(digits: u64) -> Option<u32> {
    if no_digits(digits) != 0 {
        return None;
    }
    let fours = fours(digits);
    u32::try_from((fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff).ok()
}

/// A port; see [`port`](super::port).
#[inline]
pub(crate) fn port(text: &[u8]) -> Option<u16> {
    number(text)?.try_into().ok()
}

/// Seconds since the Unix epoch in ten digits, which is from 2001 to 2286; see
/// [`unix_time`](super::unix_time).
#[inline]
pub(crate) fn seconds(text: &[u8]) -> Option<Span> {
    let (front, rest) = text.split_last_chunk::<8>()?;
    let &[first @ b'1'..=b'9', second @ b'0'..=b'9'] = front else { return None };
    let hundred_millions = i64::from(first - b'0') * 10 + i64::from(second - b'0');
    let seconds =
        hundred_millions * 100_000_000 + i64::from(eight_digits(u64::from_le_bytes(*rest) ^ ZEROS)?);
    let at = |us| LogTime::from_unix_us(seconds * 1_000_000 + us);
    Some(Span::between(at(0)?, at(999_999)?))
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
            assert_eq!(address(text.as_bytes()), None, "{text}");
        }
        for text in ["1.2.3.4", "0.0.0.1", "255.255.255.255", "10.20.30.40", "100.0.0.0", "9.99.199.249"] {
            assert_eq!(address(text.as_bytes()), text.parse().ok(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_read_the_same(text in "[0-9]{1,4}(\\.[0-9]{1,3}){2,4}|[0-9]{0,20}|[0-9./:+-]{0,18}|.{0,20}") {
            if let Some(ip) = address(text.as_bytes()) {
                prop_assert_eq!(Some(ip), text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical()));
            }
            if let Some(read) = number(text.as_bytes()) {
                prop_assert_eq!(Some(read), field::number(&text));
            }
            if let Some(read) = seconds(text.as_bytes()) {
                prop_assert_eq!(Some(read), field::unix_time(&text, field::UnixUnit::Seconds));
            }
            if let Some(read) = port(text.as_bytes()) {
                prop_assert_eq!(Some(read), field::number(&text));
            }
        }

        #[test]
        fn every_plain_one_is_read(ip in any::<[u8; 4]>(), count in 0..=999_999_999_999_999_999_u64) {
            let ip = IpAddr::from(ip);
            if !ip.is_unspecified() {
                prop_assert_eq!(address(ip.to_string().as_bytes()), Some(ip));
            }
            prop_assert_eq!(number(count.to_string().as_bytes()), Some(count));
            let at = (1_000_000_000 + count % 9_000_000_000).to_string();
            prop_assert_eq!(seconds(at.as_bytes()), field::unix_time(&at, field::UnixUnit::Seconds));
            prop_assert!(seconds(at.as_bytes()).is_some());
        }
    }
}
