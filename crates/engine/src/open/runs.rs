//! Many keys with when and by whom they are asked for, sorted, in 16 bytes each.
//!
//! What is new goes into a small set; when that is full it becomes a run, and a run that is not much larger than the
//! one after it is merged with that. So there are few runs, and nearly everything lies in them without a gap.

use crate::sieve::Bits;
use std::collections::BTreeSet;

/// When somebody asked about a key, in whole seconds, both included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Asked {
    pub(super) key: u64,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) slot: u32,
}

/// The same as one number, in the same order: 48 bits of the key, 32 of when it begins, 16 of how many seconds more
/// it lasts, 32 of who asked. Among 10 million keys one look-up in 28 million meets another by chance: then too many
/// are touched.
type Packed = u128;

/// The length of what lasts for longer than can be said: for ever.
const ENDLESS: u32 = u16::MAX as u32;

/// So many are new before they become a run.
const YOUNG: usize = 1 << 15;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    young: BTreeSet<Packed>,
    /// Each at least twice as long as the next one.
    runs: Vec<Vec<Packed>>,
    /// Which keys there may be, …
    bits: Bits,
    /// … as long as there are no more of them than this.
    room: usize,
    /// The longest span, in seconds.
    longest: u32,
}

impl Asked {
    const fn packed(self) -> Packed {
        let (from, last) = (self.from as u128, self.to - self.from);
        let last = if last < ENDLESS { last } else { ENDLESS };
        ((self.key >> 16) as u128) << 80 | from << 48 | (last as u128) << 32 | self.slot as u128
    }

    #[expect(clippy::cast_possible_truncation, reason = "that takes it to pieces")]
    const fn of(packed: Packed) -> Self {
        let (from, last) = ((packed >> 48) as u32, (packed >> 32) as u16 as u32);
        let to = if last == ENDLESS { u32::MAX } else { from + last };
        Self { key: (packed >> 80 << 16) as u64, from, to, slot: packed as u32 }
    }
}

impl Runs {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.runs.iter().map(Vec::len).sum::<usize>()
    }

    pub(super) fn add(&mut self, asked: Asked) {
        self.young.insert(asked.packed());
        let last = asked.to - asked.from;
        self.longest = self.longest.max(if last < ENDLESS { last } else { u32::MAX });
        let count = self.len();
        if count > self.room {
            self.note_all(count);
        } else {
            self.bits.note(short(asked.key));
        }
        if self.young.len() >= YOUNG {
            let run = std::mem::take(&mut self.young).into_iter().collect();
            self.runs.push(run);
            self.merge();
        }
    }

    /// Whether exactly this was asked.
    pub(super) fn contains(&self, asked: Asked) -> bool {
        let packed = asked.packed();
        self.young.contains(&packed) || self.runs.iter().any(|run| run.binary_search(&packed).is_ok())
    }

    /// Gives all who asked about a key at some moment from the one to the other second to `each`.
    #[inline]
    pub(super) fn touch(&self, key: u64, span: (u32, u32), each: impl FnMut(u32)) {
        if self.bits.may_have(short(key)) {
            self.find(key, span, each);
        }
    }

    fn find(&self, key: u64, (from, to): (u32, u32), mut each: impl FnMut(u32)) {
        // What begins earlier than the longest span before is over by then.
        let begin = |from| Asked { key, from, to: from, slot: 0 }.packed();
        let first = begin(from.saturating_sub(self.longest));
        let last = Asked { key, from: to, to: u32::MAX, slot: u32::MAX }.packed() | 0xFFFF << 32;
        let mut touch = |packed: &Packed| {
            let asked = Asked::of(*packed);
            if from <= asked.to {
                each(asked.slot);
            }
        };
        self.young.range(first..=last).for_each(&mut touch);
        for run in &self.runs {
            let run = &run[run.partition_point(|packed| *packed < first)..];
            run.iter().take_while(|packed| **packed <= last).for_each(&mut touch);
        }
    }

    /// Gives out everything that there is.
    pub(super) fn each(&self, mut each: impl FnMut(Asked)) {
        self.young.iter().chain(self.runs.iter().flatten()).for_each(|packed| each(Asked::of(*packed)));
    }

    /// Keeps only what those asked.
    pub(super) fn retain(&mut self, is_asking: impl Fn(u32) -> bool) {
        self.young.retain(|packed| is_asking(Asked::of(*packed).slot));
        let mut runs = std::mem::take(&mut self.runs);
        for run in &mut runs {
            run.retain(|packed| is_asking(Asked::of(*packed).slot));
            run.shrink_to_fit();
        }
        runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
        for run in runs.into_iter().filter(|run| !run.is_empty()) {
            self.runs.push(run);
            self.merge();
        }
        self.note_all(self.len());
    }

    fn merge(&mut self) {
        while let [.., large, small] = &mut self.runs[..]
            && large.len() < 2 * small.len()
        {
            let small = std::mem::take(small);
            if large.len() < small.len() {
                let large = std::mem::replace(large, small);
                self.runs.pop();
                merge_into(self.runs.last_mut().expect("there were two"), large);
            } else {
                merge_into(large, small);
                self.runs.pop();
            }
        }
    }

    /// Notes anew which keys there may be, with room for a quarter more.
    fn note_all(&mut self, count: usize) {
        self.room = (count + count / 4).max(YOUNG);
        // The old ones go before the new ones come.
        self.bits = Bits::default();
        // Twice as many as usual: who passes for somebody who may be there costs a search through every run.
        let mut bits = Bits::room_for(2 * self.room);
        self.each(|asked| bits.note(short(asked.key)));
        self.bits = bits;
    }
}

/// As much of a key as is held.
pub(super) const fn short(key: u64) -> u64 {
    // The last bits choose the place within a word, and must not be all the same.
    key >> 16 << 16 | key >> 16 & 0xFFFF
}

/// Merges a run into a longer one, from the back, so that no room is needed for a third.
fn merge_into(large: &mut Vec<Packed>, small: Vec<Packed>) {
    let mut left = large.len();
    large.reserve_exact(small.len());
    large.resize(left + small.len(), 0);
    let mut free = large.len();
    for packed in small.into_iter().rev() {
        while left > 0 && large[left - 1] > packed {
            (left, free) = (left - 1, free - 1);
            large[free] = large[left];
        }
        free -= 1;
        large[free] = packed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn asked((key, from, last, slot): (u64, u32, u32, u32)) -> Asked {
        Asked {
            key: key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16 << 16,
            from,
            to: from.saturating_add(last),
            slot,
        }
    }

    proptest! {
        #[test]
        fn whoever_asked_is_found(
            all in prop::collection::vec((0..30_u64, 0..500_u32, 0..90_u32, 0..40_u32), 0..200),
            endless in prop::collection::vec((0..30_u64, 0..500_u32, 65_000..=u32::MAX, 40..50_u32), 0..3),
            probes in prop::collection::vec((0..31_u64, 0..700_u32, 0..90_u32, 0..1_u32), 1..40),
            split in 1..50_usize,
        ) {
            let all: Vec<Asked> = all.into_iter().chain(endless).map(asked).collect();
            let mut runs = Runs::default();
            for (at, one) in all.iter().enumerate() {
                runs.add(*one);
                if at % split == 0 {
                    // As if so few were enough for a run.
                    runs.runs.push(std::mem::take(&mut runs.young).into_iter().collect());
                    runs.merge();
                }
            }
            for round in 0..2 {
                let is_there = |one: &&Asked| round == 0 || !one.slot.is_multiple_of(3);
                for probe in probes.iter().map(|probe| asked(*probe)) {
                    let mut found = BTreeSet::new();
                    runs.touch(probe.key, (probe.from, probe.to), |slot| _ = found.insert(slot));
                    let meets = |one: &&Asked| one.key == probe.key && one.from <= probe.to && probe.from <= one.to;
                    let expected: BTreeSet<u32> =
                        all.iter().filter(is_there).filter(meets).map(|one| one.slot).collect();
                    prop_assert_eq!(found, expected);
                }
                prop_assert!(all.iter().filter(is_there).all(|one| runs.contains(*one)));
                runs.retain(|slot| !slot.is_multiple_of(3));
            }
            prop_assert!(runs.runs.windows(2).all(|pair| pair[0].len() >= 2 * pair[1].len()));
            prop_assert!(runs.runs.iter().all(|run| run.is_sorted()));
        }
    }
}
