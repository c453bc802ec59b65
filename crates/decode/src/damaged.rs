//! Damaged lines for tests that hold two ways of reading to each other.

use proptest::prelude::prop::sample::Index;

/// A damage: which line, where in it, how many characters are taken out, and what is put there.
pub(crate) type Damage = (Index, Index, usize, String);

/// Samples with these damages, each followed by its sample as it was: a reader that remembers must not be led
/// astray by what it has just read.
pub(crate) fn damaged(samples: &[&str], damages: &[Damage]) -> Vec<String> {
    let pairs = damages.iter().flat_map(|(line, at, length, put)| {
        let line = *line.get(samples);
        let mut damaged: Vec<char> = line.chars().collect();
        let at = if damaged.is_empty() { 0 } else { at.index(damaged.len()) };
        damaged.splice(at..(at + length).min(damaged.len()), put.chars());
        [damaged.into_iter().collect(), line.to_owned()]
    });
    pairs.collect()
}
