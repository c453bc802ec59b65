//! The names that a format asks for, told from each other by a few of their bytes.

use crate::sixteen::{self, SIXTEEN, Sixteen};

/// Names, each with a slot, which is its position.
///
/// A name that is not long is looked up without a branch that depends on it: see [`Flat`](super::flat::Flat).
#[derive(Clone, Debug)]
pub(super) struct Names {
    names: Box<[Box<str>]>,
    /// The key of each slot; nobody's behind the last.
    keys: Box<[u128; KEYS]>,
    /// Whose key belongs at a place; no two have the same.
    table: Box<[u8; TABLE]>,
    /// What makes it so.
    seed: u64,
}

/// More names than any format has, and one place is left for what they are not.
const KEYS: usize = 64;

/// So many places that the first seeds tried nearly always give each name its own.
const TABLE: usize = 1 << TABLE_BITS;
const TABLE_BITS: u32 = 10;

/// A longer name has no key.
const LONGEST: usize = SIXTEEN - 1;

/// The key of a name that has none: no name's, for each begins with a nought.
const NOBODY: u128 = u128::MAX;

/// The last so many of sixteen bytes, the first of which is a number's lowest.
const LAST: [u128; SIXTEEN] = {
    let mut last = [0; SIXTEEN];
    let mut length = 1;
    while length < SIXTEEN {
        last[length] = u128::MAX << (8 * (SIXTEEN - length));
        length += 1;
    }
    last
};

impl Names {
    /// These, none of which may come twice.
    pub(super) fn new(names: Box<[Box<str>]>) -> Self {
        assert!(names.len() < KEYS, "more names than a format has");
        let mut keys = Box::new([NOBODY; KEYS]);
        for (place, name) in keys.iter_mut().zip(&names) {
            *place = key(name);
        }
        let tables = (0..).map(|seed| u64::wrapping_mul(seed, SPREAD) | 1);
        let mut tables = tables.filter_map(|seed| Some((table(&keys[..names.len()], seed)?, seed)));
        let (table, seed) = tables.next().expect("there is a seed");
        Self { names, keys, table, seed }
    }

    /// How many there are.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The slot of a name, beyond the last if nobody asks for it.
    pub(super) fn slot(&self, name: &[u8]) -> usize {
        self.names.iter().position(|known| known.as_bytes() == name).unwrap_or(self.names.len())
    }

    /// The slot of the name whose closing quote is at `end`, and where its opening one is; beyond every line if
    /// there is none.
    #[inline(always)]
    pub(super) fn before(&self, line: &[u8], end: usize) -> (usize, usize) {
        let Some(bytes) = sixteen_before(line, end) else { return self.any_before(line, end) };
        let quotes = Sixteen::new(bytes.to_le_bytes()).equal(b'"');
        if quotes == 0 {
            return self.any_before(line, end);
        }
        let length = LONGEST - quotes.ilog2() as usize;
        let key = bytes & LAST[length % SIXTEEN];
        let slot = usize::from(self.table[place(key, self.seed)]);
        let is_asked = self.keys[slot % KEYS] == key;
        (if is_asked { slot } else { self.names.len() }, end - length - 1)
    }

    /// The same of any name.
    #[inline(never)]
    fn any_before(&self, line: &[u8], end: usize) -> (usize, usize) {
        match sixteen::find_last(line, end, |block| block.equal(b'"')) {
            Some(quote) => (self.slot(&line[quote + 1..end]), quote),
            None => (self.names.len(), usize::MAX),
        }
    }
}

/// A name with noughts before it, which none has as it is written, as one number.
fn key(name: &str) -> u128 {
    let mut bytes = [0; SIXTEEN];
    match bytes.len().checked_sub(name.len()) {
        None | Some(0) => NOBODY,
        Some(before) => {
            bytes[before..].copy_from_slice(name.as_bytes());
            u128::from_le_bytes(bytes)
        }
    }
}

/// The slots of all keys where they belong, and nobody's elsewhere; `None` if two belong at one place.
fn table(keys: &[u128], seed: u64) -> Option<Box<[u8; TABLE]>> {
    let nobody = u8::try_from(keys.len()).ok()?;
    let mut table = Box::new([nobody; TABLE]);
    let mut short = (0..nobody).zip(keys).filter(|(_, key)| **key != NOBODY);
    short.all(|(slot, key)| std::mem::replace(&mut table[place(*key, seed)], slot) == nobody).then_some(table)
}

/// The sixteen bytes before `end`, and noughts before the first of the line; `None` if it has not so many.
#[inline(always)]
fn sixteen_before(line: &[u8], end: usize) -> Option<u128> {
    if let Some(bytes) = line.get(..end)?.last_chunk() {
        return Some(u128::from_le_bytes(*bytes));
    }
    let first = u128::from_le_bytes(*line.first_chunk()?);
    first.checked_shl(8 * u32::try_from(SIXTEEN - end).ok()?)
}

const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Where a key belongs.
#[inline(always)]
fn place(key: u128, seed: u64) -> usize {
    let half = |key: u128| u64::try_from(key & u128::from(u64::MAX)).unwrap_or_default();
    let spread = half(key).wrapping_mul(SPREAD).wrapping_add(half(key >> 64).wrapping_mul(seed));
    usize::try_from(spread >> (u64::BITS - TABLE_BITS)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many names of each length, no two of them the same.
    fn names() -> Vec<String> {
        (1..KEYS).map(|at| format!("{}{at}", "n".repeat(at % 24))).collect()
    }

    #[test]
    fn each_name_has_its_slot_wherever_it_stands() {
        let all = names();
        let names = Names::new(all.iter().map(|name| name.as_str().into()).collect());
        for before in ["", "{", "{\"a\":1,", &" ".repeat(40)] {
            for after in ["", "\":1}", "\":\"a longer value than that\"}"] {
                for (slot, name) in all.iter().enumerate() {
                    let end = before.len() + 1 + name.len();
                    let line = |name: &str| format!("{before}\"{name}{after}");
                    assert_eq!(names.before(line(name).as_bytes(), end), (slot, before.len()), "{name}");
                    let other = name.replace(|last: char| last.is_ascii_digit(), "x");
                    assert_eq!(
                        names.before(line(&other).as_bytes(), end),
                        (all.len(), before.len()),
                        "{other}"
                    );
                }
            }
        }
        assert_eq!(names.before(b"no quote is before", 9), (all.len(), usize::MAX));
    }

    #[test]
    fn a_name_may_be_empty_and_there_may_be_none() {
        let line = br#"{"":1,"name_of_no_one":2}"#;
        assert_eq!(Names::new([].into()).before(line, 2), (0, 1));
        assert_eq!(Names::new(["".into()].into()).before(line, 2), (0, 1));
        assert_eq!(Names::new(["name_of_no_one".into()].into()).before(line, 2), (1, 1));
    }
}
