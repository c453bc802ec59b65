//! Addresses and numbers in the form that nearly every line has, without a branch that depends on them.
//!
//! Each of these reads less than its counterpart in [`field`](super), and what it reads it reads the
//! same. `None` says nothing: ask the counterpart.

use crate::sixteen::{ALL, SIXTEEN, Sixteen};
use std::net::{IpAddr, Ipv4Addr};
use unmasq_model::{LogTime, Span};

/// A text of at most sixteen characters, with whatever stands before it: they are looked at as one, and
/// nothing depends on how many there are.
#[derive(Clone, Copy)]
pub(crate) struct Short {
    /// The text is at the end of these.
    bytes: [u8; SIXTEEN],
    length: usize,
}

impl Short {
    /// The text from `start` to `end` of a line; `None` if it is longer.
    #[inline(always)]
    pub(crate) fn within(line: &[u8], start: usize, end: usize) -> Option<Self> {
        let length = end.wrapping_sub(start);
        let bytes = match line.get(..end)?.last_chunk() {
            Some(bytes) => *bytes,
            None => padded(line.get(start..end)?),
        };
        (length <= SIXTEEN).then_some(Self { bytes, length })
    }

    /// A text by itself; `None` if it is longer.
    #[inline]
    fn of(text: &[u8]) -> Option<Self> {
        Self::within(text, 0, text.len())
    }

    /// An IPv4 address in dotted decimals that is not `0.0.0.0`; see [`address`](super::address).
    #[inline(always)]
    pub(crate) fn address(self) -> Option<Ipv4Addr> {
        self.octets().filter(|octets| *octets != 0).map(Ipv4Addr::from_bits)
    }

    /// The four octets of an IPv4 address as one number.
    #[inline(always)]
    fn octets(self) -> Option<u32> {
        let block = Sixteen::new(self.bytes);
        let start = SIXTEEN - self.length;
        let ours = u32::MAX << start & ALL;
        let (dots, digits) = (block.equal(b'.') & ours, block.digits() & ours);
        let [second, third] = [without_lowest(dots), without_lowest(without_lowest(dots))];
        let firsts = dots << 1 | 1 << start;
        let wrong = (dots | digits) ^ ours // what is neither
            | without_lowest(third) // a fourth dot
            | firsts & !digits // an octet without digits
            | digits & digits >> 1 & digits >> 2 & digits >> 3 // four of them
            | firsts & block.equal(b'0') & digits >> 1; // a zero before others
        if third == 0 || wrong != 0 {
            return None;
        }
        let [first, second, third] = [dots, second, third].map(|dots| dots.trailing_zeros() as usize);
        let mut bytes = [0; SIXTEEN + 4];
        bytes[..SIXTEEN].copy_from_slice(&self.bytes);
        let digits = |from, end| u64::from(octet_digits(&bytes, from, end));
        let front = two_octets(digits(start, first), digits(first + 1, second));
        let back = two_octets(digits(second + 1, third), digits(third + 1, SIXTEEN));
        let is_too_large = (front | back) & 0xff00_0000_ff00_0000 != 0;
        let [[.., a, _, _, _, b, _], [.., c, _, _, _, d, _]] = [front.to_le_bytes(), back.to_le_bytes()];
        (!is_too_large).then_some(u32::from_be_bytes([a, b, c, d]))
    }

    /// A number of one to sixteen digits; see [`number`](super::number).
    #[inline(always)]
    pub(crate) fn number(self) -> Option<u64> {
        let (front, back) = self.halves();
        match self.length {
            1..=8 => eight_digits(last(back, self.length)).map(u64::from),
            9..=16 => {
                let front = u64::from(eight_digits(last(front, self.length - 8))?);
                Some(front * 100_000_000 + u64::from(eight_digits(back ^ ZEROS)?))
            }
            _ => None,
        }
    }

    /// A number of one to eight digits.
    #[inline(always)]
    fn small_number(self) -> Option<u32> {
        if !(1..=8).contains(&self.length) {
            return None;
        }
        eight_digits(last(self.halves().1, self.length))
    }

    /// A port; see [`port`](super::port).
    #[inline(always)]
    pub(crate) fn port(self) -> Option<u16> {
        self.small_number()?.try_into().ok()
    }

    /// A number below 256.
    #[inline(always)]
    pub(crate) fn byte(self) -> Option<u8> {
        self.small_number()?.try_into().ok()
    }

    /// Seconds since the Unix epoch in ten digits, which is from 2001 to 2286; see
    /// [`unix_time`](super::unix_time).
    #[inline(always)]
    pub(crate) fn seconds(self) -> Option<Span> {
        let [.., first, second, _, _, _, _, _, _, _, _] = self.bytes;
        let (first, second) = (first.wrapping_sub(b'0'), second.wrapping_sub(b'0'));
        if self.length != 10 || !(1..=9).contains(&first) || second > 9 {
            return None;
        }
        let low = i64::from(eight_digits(self.halves().1 ^ ZEROS)?);
        let seconds = (i64::from(first) * 10 + i64::from(second)) * 100_000_000 + low;
        let at = |us| LogTime::from_unix_us(seconds * 1_000_000 + us);
        Some(Span::between(at(0)?, at(999_999)?))
    }

    #[inline(always)]
    fn halves(self) -> (u64, u64) {
        let (halves, _) = self.bytes.as_chunks();
        match *halves {
            [front, back] => (u64::from_le_bytes(front), u64::from_le_bytes(back)),
            _ => (0, 0),
        }
    }
}

/// An address by itself; see [`Short::address`].
pub(crate) fn address(text: &[u8]) -> Option<IpAddr> {
    Short::of(text)?.address().map(IpAddr::V4)
}

/// A number by itself; see [`Short::number`].
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    Short::of(text)?.number()
}

/// A port by itself; see [`Short::port`].
pub(crate) fn port(text: &[u8]) -> Option<u16> {
    Short::of(text)?.port()
}

fn padded(text: &[u8]) -> [u8; SIXTEEN] {
    let mut bytes = [0; SIXTEEN];
    let start = SIXTEEN - text.len().min(SIXTEEN);
    bytes[start..].copy_from_slice(&text[..SIXTEEN - start]);
    bytes
}

/// The digits of an octet: the last ones of four bytes, and noughts before them. So many stand before the
/// end of every octet: what the others take, at most three digits and a dot each, leaves them to the first.
#[inline(always)]
const fn octet_digits(bytes: &[u8; SIXTEEN + 4], from: usize, end: usize) -> u32 {
    const OURS: [u32; 4] = [0, 0xff00_0000, 0xffff_0000, 0xffff_ff00];
    let start = end.wrapping_sub(4) % SIXTEEN;
    let four = [bytes[start], bytes[start + 1], bytes[start + 2], bytes[start + 3]];
    (u32::from_le_bytes(four) ^ 0x3030_3030) & OURS[end.wrapping_sub(from) % 4]
}

/// Two octets out of their digits, each in the upper half of its half of the number, from 0 to 999; what the
/// lower halves hold means nothing.
#[inline(always)]
const fn two_octets(one: u64, other: u64) -> u64 {
    let both = one | other << 32;
    let hundreds_and_ones = (both >> 8 & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 << 16 | 1);
    hundreds_and_ones.wrapping_add((both & 0x00ff_0000_00ff_0000) * 10)
}

#[inline(always)]
const fn without_lowest(bits: u32) -> u32 {
    bits & bits.wrapping_sub(1)
}

// Eight characters are looked at as one number, the first one in its lowest byte. Exclusive or with
// `ZEROS` makes digits their value, and all others more than nine.

const ONES: u64 = u64::MAX / 0xff;
const HIGHS: u64 = ONES << 7;
const ZEROS: u64 = ONES * b'0' as u64;

/// The last one to eight of eight characters as digits, and zeros before them.
#[inline(always)]
const fn last(word: u64, length: usize) -> u64 {
    (word ^ ZEROS) & (u64::MAX << (64 - 8 * length))
}

/// The highest bit of each byte that is no digit's value.
#[inline(always)]
const fn no_digits(digits: u64) -> u64 {
    (((digits & !HIGHS) + ONES * 0x76) | digits) & HIGHS
}

/// The number of eight digits.
#[inline(always)]
fn eight_digits(digits: u64) -> Option<u32> {
    if no_digits(digits) != 0 {
        return None;
    }
    let pairs = (digits.wrapping_mul(10).wrapping_add(digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff;
    u32::try_from((fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff).ok()
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
            if let Some(read) = Short::of(text.as_bytes()).and_then(Short::seconds) {
                prop_assert_eq!(Some(read), field::unix_time(&text, field::UnixUnit::Seconds));
            }
            if let Some(read) = port(text.as_bytes()) {
                prop_assert_eq!(Some(read), field::number(&text));
            }
        }

        #[test]
        fn every_plain_one_is_read(ip in any::<[u8; 4]>(), count in 0..=9_999_999_999_999_999_u64) {
            let ip = IpAddr::from(ip);
            if !ip.is_unspecified() {
                prop_assert_eq!(address(ip.to_string().as_bytes()), Some(ip));
            }
            prop_assert_eq!(number(count.to_string().as_bytes()), Some(count));
            let at = (1_000_000_000 + count % 9_000_000_000).to_string();
            prop_assert_eq!(Short::of(at.as_bytes()).and_then(Short::seconds), field::unix_time(&at, field::UnixUnit::Seconds));
            prop_assert!(Short::of(at.as_bytes()).and_then(Short::seconds).is_some());
        }
    }
}
