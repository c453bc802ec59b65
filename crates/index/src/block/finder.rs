//! Places by key: few memory accesses, whatever the number of places.

use std::hint::black_box;

/// Numbers from 0 by their keys; keys are spread evenly over all their values, and may be shared.
///
/// Sketch: nine bytes for each number; finding one touches a start, and its neighbours.
#[derive(Debug, Default)]
pub(super) struct Finder {
    /// Each key with its number: by their first bits, and those that share them as they came.
    places: Vec<(u32, u32)>,
    /// Where the keys begin that share their first bits; one more at the end.
    starts: Vec<u32>,
    shift: u32,
}

/// So many places share a start.
const SHARING: usize = 4;

impl Finder {
    /// Of the keys of 0, 1, 2 and so on.
    ///
    /// # Panics
    /// When there are more than 2³².
    pub(super) fn of(keys: impl Iterator<Item = u32>) -> Self {
        let keys: Vec<u32> = keys.collect();
        let number = |at: usize| u32::try_from(at).expect("fewer than 2³² places");
        let bits = (keys.len() / SHARING).next_power_of_two().trailing_zeros().max(1);
        let shift = u32::BITS - bits;
        let bucket = |key: u32| (key >> shift) as usize;
        let mut starts = vec![0; (1 << bits) + 1];
        keys.iter().for_each(|key| starts[bucket(*key) + 1] += 1);
        starts.iter_mut().fold(0, |before, start| {
            *start += before;
            *start
        });
        let (mut next, mut places) = (starts.clone(), vec![(0, 0); keys.len()]);
        for (at, key) in keys.into_iter().enumerate() {
            let next = &mut next[bucket(key)];
            places[*next as usize] = (key, number(at));
            *next += 1;
        }
        Self { places, starts, shift }
    }

    /// Fetches what finding these keys will read. No read waits for another, as they do where each key is
    /// found by itself.
    pub(super) fn bring_near(&self, keys: &[u32]) {
        let start = |key: &u32| self.starts.get(self.bucket(*key)).map_or(0, |start| *start);
        black_box(keys.iter().fold(0, |all, key| all ^ start(key)));
        let place = |key: &u32| self.places.get(start(key) as usize).map_or(0, |(place, _)| *place);
        black_box(keys.iter().fold(0, |all, key| all ^ place(key)));
    }

    fn bucket(&self, key: u32) -> usize {
        (key >> self.shift) as usize
    }

    /// The numbers that have this key, in order.
    pub(super) fn find(&self, key: u32) -> impl Iterator<Item = usize> + '_ {
        let bucket = self.bucket(key);
        let range = match self.starts.get(bucket..bucket + 2) {
            Some(&[from, to]) => from as usize..to as usize,
            _ => 0..0,
        };
        let places = self.places[range].iter();
        places.filter(move |(other, _)| *other == key).map(|(_, number)| *number as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_found_by_its_key() {
        for length in [0, 1, 3, 4, 17, 1_000] {
            let key = |number: u32| (number % 700).wrapping_mul(0x9E37_79B9);
            let finder = Finder::of((0..length).map(key));
            for sought in 0..800 {
                let found: Vec<usize> = finder.find(key(sought)).collect();
                let there = (0..length).filter(|number| key(*number) == key(sought));
                assert_eq!(found, there.map(|number| number as usize).collect::<Vec<_>>());
            }
            assert_eq!(finder.find(u32::MAX).count(), 0);
        }
    }
}
