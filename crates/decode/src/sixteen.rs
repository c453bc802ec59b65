//! Sixteen bytes looked at as one: which of them are what, as bits of a number, the first byte's lowest.

use wide::u8x16;

/// How many are looked at as one.
pub(crate) const SIXTEEN: usize = 16;

/// Sixteen bytes that follow each other.
#[derive(Clone, Copy)]
pub(crate) struct Sixteen(u8x16);

impl Sixteen {
    #[inline(always)]
    pub(crate) const fn new(bytes: [u8; SIXTEEN]) -> Self {
        Self(u8x16::new(bytes))
    }

    /// Which are this one.
    #[inline(always)]
    pub(crate) fn equal(self, byte: u8) -> u32 {
        self.0.simd_eq(u8x16::splat(byte)).to_bitmask()
    }

    /// Which are decimal digits.
    #[inline(always)]
    pub(crate) fn digits(self) -> u32 {
        let above_zero = self.0 - u8x16::splat(b'0');
        above_zero.min(u8x16::splat(9)).simd_eq(above_zero).to_bitmask()
    }

    /// Which are no digits.
    #[inline(always)]
    pub(crate) fn no_digits(self) -> u32 {
        self.digits() ^ ALL
    }

    /// Which are no characters of ASCII that are seen.
    #[inline(always)]
    pub(crate) fn unseen(self) -> u32 {
        let above = self.0 - u8x16::splat(b'!');
        above.min(u8x16::splat(b'~' - b'!')).simd_eq(above).to_bitmask() ^ ALL
    }

    /// Which may not stand as they are in a JSON text: quotes, backslashes and control characters.
    #[inline(always)]
    pub(crate) fn end_json_text(self) -> u32 {
        let quotes = self.0.simd_eq(u8x16::splat(b'"'));
        let slashes = self.0.simd_eq(u8x16::splat(b'\\'));
        let controls = self.0.min(u8x16::splat(0x1f)).simd_eq(self.0);
        (quotes | slashes | controls).to_bitmask()
    }

    /// Which may not, or are not ASCII.
    #[inline(always)]
    pub(crate) fn end_ascii_json_text(self) -> u32 {
        let above = self.0 - u8x16::splat(b' ');
        let ascii = above.min(u8x16::splat(0x7f - b' ')).simd_eq(above);
        let quotes = self.0.simd_eq(u8x16::splat(b'"'));
        let slashes = self.0.simd_eq(u8x16::splat(b'\\'));
        (quotes | slashes).to_bitmask() | (ascii.to_bitmask() ^ ALL)
    }
}

/// What sixteen bytes are to be, or some of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pattern {
    bytes: u8x16,
    /// All bits of those that matter.
    mask: u8x16,
}

impl Pattern {
    /// These bytes, and any where there is none.
    pub(crate) fn new(bytes: &[Option<u8>; SIXTEEN]) -> Self {
        let mask = bytes.map(|byte| if byte.is_some() { u8::MAX } else { 0 });
        Self { bytes: u8x16::new(bytes.map(Option::unwrap_or_default)), mask: u8x16::new(mask) }
    }

    /// Whether the bytes are so.
    #[inline(always)]
    pub(crate) fn is(self, bytes: Sixteen) -> bool {
        (bytes.0 & self.mask).simd_eq(self.bytes).to_bitmask() == ALL
    }
}

/// The bits of all sixteen.
pub(crate) const ALL: u32 = (1 << SIXTEEN) - 1;

/// Where the first byte that is of those is, from `at` on.
#[inline(always)]
pub(crate) fn find(bytes: &[u8], at: usize, those: impl Fn(Sixteen) -> u32) -> Option<usize> {
    // Most of what is sought is near.
    for near in [at, at + SIXTEEN] {
        let Some(block) = bytes.get(near..)?.first_chunk() else { break };
        let found = those(Sixteen::new(*block));
        if found != 0 {
            return Some(near + found.trailing_zeros() as usize);
        }
    }
    find_further(bytes, at, those)
}

/// Where the last byte that is of those is, before `end`.
#[inline(always)]
pub(crate) fn find_last(bytes: &[u8], end: usize, those: impl Fn(Sixteen) -> u32) -> Option<usize> {
    let before = bytes.get(..end)?;
    if let Some(block) = before.last_chunk() {
        let found = those(Sixteen::new(*block));
        if found != 0 {
            return Some(end - SIXTEEN + found.ilog2() as usize);
        }
    }
    find_last_further(before, those)
}

#[inline(never)]
fn find_last_further(bytes: &[u8], those: impl Fn(Sixteen) -> u32) -> Option<usize> {
    let (rest, blocks) = bytes.as_rchunks();
    for (at, block) in (0..blocks.len()).map(|number| rest.len() + number * SIXTEEN).zip(blocks).rev() {
        let found = those(Sixteen::new(*block));
        if found != 0 {
            return Some(at + found.ilog2() as usize);
        }
    }
    let first = bytes.first_chunk().copied().unwrap_or_else(|| padded(rest));
    let found = those(Sixteen::new(first)) & ((1 << rest.len()) - 1);
    (found != 0).then(|| found.ilog2() as usize)
}

#[inline(never)]
fn find_further(bytes: &[u8], at: usize, those: impl Fn(Sixteen) -> u32) -> Option<usize> {
    let (blocks, rest) = bytes[at..].as_chunks();
    for (before, block) in (at..).step_by(SIXTEEN).zip(blocks) {
        let found = those(Sixteen::new(*block));
        if found != 0 {
            return Some(before + found.trailing_zeros() as usize);
        }
    }
    let found = match bytes.last_chunk() {
        Some(last) => those(Sixteen::new(*last)) >> (SIXTEEN - rest.len()),
        None => those(Sixteen::new(padded(rest))),
    };
    let more = found.trailing_zeros() as usize;
    (more < rest.len()).then_some(bytes.len() - rest.len() + more)
}

/// All bytes in blocks, each with its position; behind the last ones are noughts.
#[inline(always)]
pub(crate) fn blocks(bytes: &[u8]) -> impl Iterator<Item = (usize, Sixteen)> {
    let (blocks, rest) = bytes.as_chunks();
    let last = (!rest.is_empty()).then(|| padded(rest));
    (0..).step_by(SIXTEEN).zip(blocks.iter().copied().chain(last).map(Sixteen::new))
}

/// Fewer than sixteen bytes, and noughts behind them.
fn padded(bytes: &[u8]) -> [u8; SIXTEEN] {
    let mut block = [b'0'; SIXTEEN];
    block[..bytes.len()].copy_from_slice(bytes);
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_is_what_it_is() {
        for byte in 0..=u8::MAX {
            let bytes = Sixteen::new(std::array::from_fn(|at| if at == 5 { byte } else { b'a' }));
            let bit = |is: bool| u32::from(is) << 5;
            assert_eq!(bytes.digits(), bit(byte.is_ascii_digit()));
            assert_eq!(bytes.no_digits(), ALL ^ bit(byte.is_ascii_digit()));
            let ends = matches!(byte, b'"' | b'\\' | 0..0x20);
            assert_eq!(bytes.end_json_text(), bit(ends));
            assert_eq!(bytes.end_ascii_json_text(), bit(ends || !byte.is_ascii()));
            assert_eq!(bytes.equal(b'.'), bit(byte == b'.'));
            assert_eq!(bytes.unseen(), bit(!byte.is_ascii_graphic()));
        }
    }

    #[test]
    fn a_pattern_is_held_against_the_bytes_that_matter() {
        let pattern = Pattern::new(&std::array::from_fn(|at| (at % 3 == 0).then_some(b'x')));
        for at in 0..SIXTEEN {
            let bytes = std::array::from_fn(|here| if here == at { b'y' } else { b'x' });
            assert_eq!(pattern.is(Sixteen::new(bytes)), at % 3 != 0);
        }
    }

    proptest! {
        #[test]
        fn the_first_one_is_found(bytes in prop::collection::vec(0..4_u8, 0..70), at in 0..80_usize) {
            let there = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == 3));
            prop_assert_eq!(find(&bytes, at, |block| block.equal(3)), there.map(|more| at + more));
            let before = bytes.get(..at).and_then(|front| front.iter().rposition(|byte| *byte == 3));
            prop_assert_eq!(find_last(&bytes, at, |block| block.equal(3)), before);
            let counted: u32 = blocks(&bytes).map(|(_, block)| block.equal(3).count_ones()).sum();
            prop_assert_eq!(counted as usize, bytes.iter().filter(|byte| **byte == 3).count());
        }
    }
}
