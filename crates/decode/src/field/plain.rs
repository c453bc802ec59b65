//! Addresses and numbers in the form that nearly every line has, without a branch that depends on them.
//!
//! Each of these reads less than its counterpart in [`field`](super), and what it reads it reads the
//! same. `None` says nothing: ask the counterpart.

use std::net::{IpAddr, Ipv4Addr};
use unmasq_model::{LogTime, Span};

/// An IPv4 address in dotted decimals that is not `0.0.0.0`; see [`address`](super::address).
#[inline]
pub(crate) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let length = bytes.len();
    if !(7..=15).contains(&length) {
        return None;
    }
    // The text as one number, its first character in the lowest byte.
    let mut rest = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => {
            let beyond_first = (u64::from_le_bytes(*last) >> (8 * (15 - length))) >> 8;
            u128::from(u64::from_le_bytes(*first)) | u128::from(beyond_first) << 64
        }
        _ => bytes.iter().rev().fold(0, |all, byte| all << 8 | u128::from(*byte)),
    };
    let mut octets = [0; 4];
    let mut read = 0;
    for octet in &mut octets {
        let [a, b, c, d, ..] = rest.to_le_bytes();
        let (value, digits) = leading_octet([a, b, c, d])?;
        *octet = value;
        read += digits + 1;
        rest >>= 8 * digits;
        // A dot, or behind the last octet nothing.
        let [parting, ..] = rest.to_le_bytes();
        if parting != if read > length { 0 } else { b'.' } {
            return None;
        }
        rest >>= 8;
    }
    if read != length + 1 {
        return None;
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
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    if !(1..=18).contains(&text.len()) {
        return None;
    }
    text.iter().try_fold(0, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| number * 10 + u64::from(digit))
    })
}

/// The number of eight digits, all looked at together: pairs of them first, then fours, then all.
#[inline]
fn eight_digits(text: [u8; 8]) -> Option<u32> {
    const ONES: u64 = u64::MAX / 0xff;
    let digits = u64::from_le_bytes(text) ^ (ONES * 0x30);
    if (digits | (digits + ONES * 0x76)) & (ONES << 7) != 0 {
        return None;
    }
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    u32::try_from((fours * 10_000 + (fours >> 32)) & 0xffff_ffff).ok()
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
    let seconds = hundred_millions * 100_000_000 + i64::from(eight_digits(*rest)?);
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
