//! Where rows lie, told by one line of the cache for some thirty of them.

use bytemuck::{Pod, Zeroable};

/// Where a stretch of a run's rows begins, and one byte of each of their flows: who seeks a flow reads this, and then
/// only rows that are nearly always those sought.
#[derive(Clone, Copy, Pod, Zeroable, Debug)]
#[repr(C, align(64))]
pub(super) struct Guide {
    first: u32,
    count: u32,
    bytes: [[u8; WORD]; WORDS],
}

const WORD: usize = size_of::<u64>();
const WORDS: usize = 7;
/// The bytes of so many rows fit. Of a stretch with more of them the bytes tell nothing.
const ROOM: u32 = 56;

const _: () = assert!(size_of::<Guide>() == 64 && WORD * WORDS == ROOM as usize);

impl Guide {
    /// Of no rows yet; the first one is at this place.
    pub(super) fn at(first: u32) -> Self {
        Self { first, count: 0, bytes: [[0; WORD]; WORDS] }
    }

    /// Adds the row after those that were added.
    #[inline]
    pub(super) fn add(&mut self, flow: u32) {
        if let Some(byte) = self.bytes.as_flattened_mut().get_mut(self.count as usize) {
            *byte = byte_of(flow);
        }
        self.count += 1;
    }

    /// The place of the first row.
    #[inline]
    pub(super) fn first(&self) -> u32 {
        self.first
    }

    /// How many rows there are.
    #[inline]
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Which rows may be of a flow, from the first; a bit each. `None` when there are too many rows to tell.
    #[inline]
    pub(super) fn alike(&self, flow: u32) -> Option<u64> {
        if self.count > ROOM {
            return None;
        }
        let sought = [byte_of(flow); WORD];
        let alike = self.bytes.iter().rev().fold(0, |alike, bytes| alike << WORD | equal(*bytes, sought));
        Some(alike & ((1 << self.count) - 1))
    }
}

/// A byte that tells flows apart which lie in one stretch: its first bits are much the same there, its last are not.
fn byte_of(flow: u32) -> u8 {
    flow.to_le_bytes()[0]
}

/// A bit for each place where both have the same byte.
#[inline]
fn equal(a: [u8; WORD], b: [u8; WORD]) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let other = u64::from_le_bytes(a) ^ u64::from_le_bytes(b);
    // The upper bit of each byte that is 0, and no other bit.
    let same = !(((other & LOW) + LOW) | other | LOW);
    // Moves them side by side.
    (same >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guide_tells_of_every_row_that_has_the_byte_and_of_no_other() {
        let flow = |row: u32| row * row % 7;
        let mut guide = Guide::at(5);
        for count in 0..=ROOM + 1 {
            for sought in 0..8 {
                let there =
                    (0..count).filter(|row| flow(*row) == sought).fold(0, |bits, row| bits | 1 << row);
                assert_eq!(guide.alike(sought), (count <= ROOM).then_some(there));
            }
            assert_eq!((guide.first(), guide.count()), (5, count));
            guide.add(flow(count));
        }
    }
}
