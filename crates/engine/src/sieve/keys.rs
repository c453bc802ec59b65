//! Keys with the times at which they matter.

use foldhash::fast::FixedState;
use std::{
    hash::{BuildHasher, Hasher},
    hint::black_box,
    net::{IpAddr, SocketAddrV4},
};
use unmasq_model::{Endpoint, LogTime, Protocol, Span};

/// The key of a flow between two endpoints, whichever of them is ours: an alert asks about both. Two flows may
/// share a key: then too much is kept.
pub(super) fn key_of_flow(protocol: Protocol, one: Endpoint, other: Endpoint) -> u64 {
    let port = |of: Endpoint| of.port.unwrap_or_default();
    if let (IpAddr::V4(ip), IpAddr::V4(other_ip)) = (one.ip, other.ip) {
        let at = |ip, of| SocketAddrV4::new(ip, port(of));
        return key_of_plain_flow(protocol, at(ip, one), at(other_ip, other));
    }
    let (one, other) = (one.min(other), one.max(other));
    let mut hasher = hasher();
    let ports = u64::from(port(one)) << 16 | u64::from(port(other));
    hasher.write_u64(ports << 8 | u64::from(protocol.number()));
    write(&mut hasher, one.ip);
    write(&mut hasher, other.ip);
    hasher.finish()
}

/// The same of IPv4.
#[inline]
pub(super) fn key_of_plain_flow(protocol: Protocol, one: SocketAddrV4, other: SocketAddrV4) -> u64 {
    let [one, other] = [one, other].map(|at| u64::from(at.ip().to_bits()) << 16 | u64::from(at.port()));
    let mut hasher = hasher();
    hasher.write_u64(u64::from(protocol.number()) << 48 | one.min(other));
    hasher.write_u64(one.max(other));
    hasher.finish()
}

/// The key of a translated tuple of which our address is open. Two may share a key as well.
#[inline]
pub(crate) fn key_of(protocol: Protocol, port: u16, remote: Endpoint) -> u64 {
    let mut hasher = hasher();
    let ports = u64::from(port) << 16 | u64::from(remote.port.unwrap_or_default());
    hasher.write_u64(ports << 8 | u64::from(protocol.number()));
    write(&mut hasher, remote.ip);
    hasher.finish()
}

/// The key of an address.
#[inline]
pub(crate) fn key_of_ip(ip: IpAddr) -> u64 {
    let mut hasher = hasher();
    write(&mut hasher, ip);
    hasher.finish()
}

fn hasher() -> impl Hasher {
    FixedState::with_seed(0).build_hasher()
}

fn write(hasher: &mut impl Hasher, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => hasher.write_u64(u64::from(u32::from(ip))),
        IpAddr::V6(ip) => hasher.write_u128(u128::from(ip)),
    }
}

/// Which keys there may be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits {
    /// Empty if there is none.
    words: Vec<u64>,
    /// By how many bits a key is shifted to find its word.
    shift: u32,
}

/// Bits for each key, or up to twice as many: of the keys that are not there, three in a hundred or fewer
/// pass for one that may be.
const BITS_PER_KEY: usize = 8;

impl Bits {
    fn of(keys: impl ExactSizeIterator<Item = u64>) -> Self {
        let mut bits = Self::room_for(keys.len());
        keys.for_each(|key| bits.note(key));
        bits
    }

    /// No key, and room for so many.
    pub(crate) fn room_for(keys: usize) -> Self {
        let words = (keys * BITS_PER_KEY / 64).next_power_of_two();
        Self { words: vec![0; words], shift: 63 - words.trailing_zeros() }
    }

    /// There may be this key.
    ///
    /// # Panics
    /// Where there is room for none.
    pub(crate) fn note(&mut self, key: u64) {
        let (word, its) = self.place(key);
        self.words[word] |= its;
    }

    /// Whether a key may be there.
    #[inline]
    pub(crate) fn may_have(&self, key: u64) -> bool {
        let (word, its) = self.place(key);
        self.words.get(word).is_some_and(|word| word & its == its)
    }

    /// The word of a key, which its first bits choose, and its three bits there, which its last ones do.
    #[inline]
    fn place(&self, key: u64) -> (usize, u64) {
        let word = usize::try_from(key >> 1 >> (self.shift & 63)).unwrap_or(usize::MAX);
        (word, [0, 6, 12].into_iter().fold(0, |bits, at| bits | 1 << (key >> at & 63)))
    }
}

/// Keys, each with spans in whole seconds, the first and the last one included.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    rows: Vec<Row>,
    bits: Bits,
    /// By how many bits a key is shifted to find its start.
    shift: u32,
    /// Where the rows begin that share a few first bits; one more at the end. Empty until all keys are there.
    starts: Vec<u32>,
    /// The longest span, in seconds.
    longest: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Row {
    key: u64,
    from: u32,
    to: u32,
}

/// So many rows share a start, or half as many.
const ROWS_PER_START: usize = 4;

impl Keys {
    pub(super) fn add(&mut self, key: u64, during: Span) {
        let (from, to) = seconds(during);
        self.longest = self.longest.max(to - from);
        self.rows.push(Row { key, from, to });
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds what another has.
    pub(super) fn append(&mut self, mut other: Self) {
        self.longest = self.longest.max(other.longest);
        self.rows.append(&mut other.rows);
    }

    /// No more will be added.
    ///
    /// # Panics
    /// When there are more than 2³².
    pub(super) fn seal(&mut self) {
        self.rows.sort_unstable();
        self.rows.dedup();
        self.rows.shrink_to_fit();
        if self.rows.is_empty() {
            return;
        }
        self.bits = Bits::of(self.rows.iter().map(|row| row.key));
        let starts = (self.rows.len() / ROWS_PER_START).next_power_of_two();
        self.shift = 63 - starts.trailing_zeros();
        self.starts.clear();
        for (at, row) in self.rows.iter().enumerate() {
            let start = u32::try_from(at).expect("fewer than 2³² keys");
            self.starts.resize(self.start_of(row.key) + 1, start);
        }
        let end = u32::try_from(self.rows.len()).expect("fewer than 2³² keys");
        self.starts.resize(starts + 1, end);
    }

    fn start_of(&self, key: u64) -> usize {
        usize::try_from(key >> 1 >> self.shift).unwrap_or(usize::MAX)
    }

    /// The rows among which those of a key are.
    fn rows_near(&self, key: u64) -> &[Row] {
        let start = self.start_of(key);
        match self.starts.get(start..start.saturating_add(2)) {
            Some(&[from, to]) => &self.rows[from as usize..to as usize],
            _ => &[],
        }
    }

    /// Fetches what will be read to look these keys up. Each by itself waits for memory twice, and knows only then
    /// what it needs next; all wait together.
    pub(super) fn bring_near(&self, keys: impl Iterator<Item = u64> + Clone) {
        let start = |key| self.starts.get(self.start_of(key)).copied().unwrap_or_default();
        black_box(keys.clone().fold(0, |all, key| all ^ start(key)));
        let row = |key| self.rows_near(key).first().map_or(0, |row| row.from);
        black_box(keys.fold(0, |all, key| all ^ row(key)));
    }

    /// Whether the key matters during all of `during`.
    pub(super) fn cover(&self, key: u64, during: Span) -> bool {
        let (from, to) = seconds(during);
        let rows = self.rows_near(key);
        let rows = &rows[rows.partition_point(|row| row.key < key)..];
        rows.iter().take_while(|row| row.key == key && row.from <= from).any(|row| row.to >= to)
    }

    /// Whether the key may matter at any time.
    #[inline]
    pub(super) fn may_have(&self, key: u64) -> bool {
        self.bits.may_have(key)
    }

    /// Whether the key matters at some moment of `reach`.
    pub(super) fn touch(&self, key: u64, reach: Span) -> bool {
        self.bits.may_have(key) && self.touches(key, reach)
    }

    fn touches(&self, key: u64, reach: Span) -> bool {
        let (from, to) = seconds(reach);
        // What begins earlier than the longest span before `reach` is over by then.
        let earliest = (key, from.saturating_sub(self.longest));
        let rows = self.rows_near(key);
        let near = rows.partition_point(|row| (row.key, row.from) < earliest);
        let starts_in_time = |row: &&Row| row.key == key && row.from <= to;
        rows[near..].iter().take_while(starts_in_time).any(|row| row.to >= from)
    }
}

/// The whole seconds that a span touches; what lies before 1970 or after 2106 is taken to the edge, for
/// spans and what they are held against alike.
pub(crate) fn seconds(span: Span) -> (u32, u32) {
    let second =
        |at: LogTime| u32::try_from(at.as_unix_us().div_euclid(1_000_000).max(0)).unwrap_or(u32::MAX);
    (second(span.from()), second(span.to()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(from: i64, length: i64) -> Span {
        let at = |seconds| LogTime::from_unix_seconds(seconds).unwrap();
        Span::between(at(from), at(from + length))
    }

    proptest! {
        #[test]
        fn no_key_is_missed(
            wanted in prop::collection::vec((0..40_u64, 0..1_000_i64, 0..100_i64), 0..60),
            asked in prop::collection::vec((0..40_u64, 0..1_000_i64, 0..100_i64), 1..60),
        ) {
            let spread = |key: u64| key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut keys = Keys::default();
            wanted.iter().for_each(|&(key, from, length)| keys.add(spread(key), span(from, length)));
            keys.seal();
            let (mut wanted, mut rounds) = (wanted, asked.iter());
            for &(key, from, length) in &asked {
                let reach = span(from, length);
                let there = wanted.iter().any(|&(k, f, l)| k == key && span(f, l).touches(reach));
                prop_assert_eq!(keys.touch(spread(key), reach), there);
                let whole = wanted.iter().any(|&(k, f, l)| k == key && span(f, l).contains(reach));
                prop_assert_eq!(keys.cover(spread(key), reach), whole);
                // More may be added once all were there.
                if let Some(&(key, from, length)) = rounds.next_back().filter(|_| wanted.len() % 3 == 0) {
                    keys.add(spread(key), span(from, length));
                    keys.seal();
                    wanted.push((key, from, length));
                }
            }
        }
    }

    #[test]
    fn hardly_any_key_passes_for_another() {
        let spread = |key: u64| {
            key.wrapping_mul(0x9E37_79B9_7F4A_7C15).swap_bytes().wrapping_mul(0x9E37_79B9_7F4A_7C15)
        };
        for count in [1, 100, 4_096, 70_000] {
            let bits = Bits::of((0..count).map(spread).collect::<Vec<_>>().into_iter());
            assert!((0..count).all(|key| bits.may_have(spread(key))));
            let others = (count..count + 10_000).filter(|key| bits.may_have(spread(*key))).count();
            assert!(others < 500, "{others} of 10000 beside {count}");
        }
        assert!(!Bits::default().may_have(0));
    }

    #[test]
    fn the_edges_of_time_are_kept() {
        let mut keys = Keys::default();
        keys.add(7, Span::at(LogTime::from_unix_seconds(9_999_999_999).unwrap()));
        keys.seal();
        assert!(keys.touch(7, Span::at(LogTime::FOREVER)), "too much rather than too little");
        assert!(keys.touch(7, Span::ALWAYS) && !keys.touch(8, Span::ALWAYS));
        assert!(!Keys::default().touch(0, Span::ALWAYS));
    }
}
