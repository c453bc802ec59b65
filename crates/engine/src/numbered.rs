//! Values by number, for numbers that are given out one after another: a word or two for 64 of them beside the values.

use std::collections::BTreeMap;

/// A map whose keys mostly follow each other. What is empty takes nothing; `Numbered<()>` is a set, of bits.
#[derive(Clone, Debug)]
pub struct Numbered<T> {
    /// By the numbers' first 58 bits.
    blocks: BTreeMap<u64, Block<T>>,
    count: usize,
}

/// Up to 64 values.
#[derive(Clone, Debug)]
struct Block<T> {
    /// Whose values are there, …
    present: u64,
    /// … in order.
    values: Vec<T>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { blocks: BTreeMap::new(), count: 0 }
    }
}

/// The block of a number, and its bit there.
const fn place(number: u64) -> (u64, u64) {
    (number >> 6, 1 << (number & 63))
}

impl<T> Block<T> {
    /// How many values are before a bit's.
    const fn before(&self, bit: u64) -> usize {
        (self.present & (bit - 1)).count_ones() as usize
    }
}

impl<T> Numbered<T> {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The value of a number.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&T> {
        let (block, bit) = place(number);
        let block = self.blocks.get(&block).filter(|block| block.present & bit != 0)?;
        block.values.get(block.before(bit))
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let (block, bit) = place(number);
        let block = self.blocks.get_mut(&block).filter(|block| block.present & bit != 0)?;
        let at = block.before(bit);
        block.values.get_mut(at)
    }

    /// Whether there is a value of that number.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        self.get(number).is_some()
    }

    /// Puts a value under a number; gives back the one that was there.
    pub fn insert(&mut self, number: u64, value: T) -> Option<T> {
        if let Some(known) = self.get_mut(number) {
            return Some(std::mem::replace(known, value));
        }
        let (block, bit) = place(number);
        let block = self.blocks.entry(block).or_insert(Block { present: 0, values: Vec::new() });
        block.values.insert(block.before(bit), value);
        block.present |= bit;
        self.count += 1;
        None
    }

    /// Takes the value of a number out.
    pub fn remove(&mut self, number: u64) -> Option<T> {
        let (place, bit) = place(number);
        let block = self.blocks.get_mut(&place).filter(|block| block.present & bit != 0)?;
        let value = block.values.remove(block.before(bit));
        block.present &= !bit;
        self.count -= 1;
        if block.present == 0 {
            self.blocks.remove(&place);
        } else if block.values.len() * 4 <= block.values.capacity() {
            block.values.shrink_to(block.values.len() * 2);
        }
        Some(value)
    }

    /// Takes the value of the smallest number out.
    pub fn pop_first(&mut self) -> Option<(u64, T)> {
        let number = self.iter().next()?.0;
        Some((number, self.remove(number)?))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.blocks.iter().flat_map(|(block, Block { present, values })| {
            let numbers = (0..64).filter(move |bit| present >> bit & 1 != 0).map(move |bit| block << 6 | bit);
            numbers.zip(values)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is done, it holds what an ordered map does.
        #[test]
        fn it_is_a_map(done in prop::collection::vec((0..400_u64, 0..4_u8), 0..600)) {
            let (mut numbered, mut map) = (Numbered::default(), BTreeMap::new());
            for (step, (number, what)) in (0_u32..).zip(done) {
                match what {
                    0 | 1 => prop_assert_eq!(numbered.insert(number, step), map.insert(number, step)),
                    2 => prop_assert_eq!(numbered.remove(number), map.remove(&number)),
                    _ if number < 20 => prop_assert_eq!(numbered.pop_first(), map.pop_first()),
                    _ => prop_assert_eq!(numbered.get_mut(number), map.get_mut(&number)),
                }
                prop_assert_eq!(numbered.len(), map.len());
                prop_assert_eq!(numbered.contains(number), map.contains_key(&number));
            }
            prop_assert!(numbered.iter().eq(map.iter().map(|(number, step)| (*number, step))));
            prop_assert_eq!(numbered.is_empty(), map.is_empty());
        }
    }

    #[test]
    fn the_last_numbers_are_numbers() {
        let mut numbered = Numbered::default();
        [u64::MAX, u64::MAX - 1, 0].into_iter().for_each(|number| _ = numbered.insert(number, number));
        assert_eq!(
            numbered.iter().map(|(number, _)| number).collect::<Vec<_>>(),
            [0, u64::MAX - 1, u64::MAX]
        );
        assert_eq!(numbered.pop_first(), Some((0, 0)));
    }
}
