//! Dense rows in order.

use super::{dense::Dense, guide::Guide, table::Table};
use std::{cmp::Ordering, hint::select_unpredictable, ops::Range};

/// A row with its outside address, before rows of one address stand together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Item {
    /// The outside address, then the flow: what it is sorted by.
    key: u64,
    dense: Dense,
}

impl Item {
    #[inline]
    pub(super) fn of(ip: u32, dense: Dense) -> Self {
        Self { key: u64::from(ip) << 32 | u64::from(dense.flow()), dense }
    }

    #[inline]
    pub(super) fn key(&self) -> u64 {
        self.key
    }

    fn ip(&self) -> u32 {
        u32::try_from(self.key >> 32).unwrap_or_default()
    }
}

/// Rows by outside address, those of one by flow; each of them once.
#[derive(Default, Debug)]
pub(super) struct Sorted {
    table: Table,
    outsides: Outsides,
}

/// So many rows share a guide, on average.
pub(super) const SHARING: usize = 32;

impl Sorted {
    /// Of items in order.
    pub(super) fn of(items: &[Item]) -> Self {
        Self::written(items.len(), |rows, outsides| {
            let mut len = 0;
            for items in items.chunk_by(|a, b| a.ip() == b.ip()) {
                outsides.push(items[0].ip(), len);
                for alike in items.chunk_by(|a, b| a.dense == b.dense) {
                    rows[len] = alike[0].dense;
                    len += 1;
                }
            }
            len
        })
    }

    /// All rows of both.
    pub(super) fn merged(&self, other: &Self) -> Self {
        let (mut a, mut b, mut flows) = (0, 0, Flows::default());
        Self::written(self.len() + other.len(), |rows, outsides| {
            let mut len = 0;
            loop {
                let (order, ip) = match (self.outsides.ips.get(a), other.outsides.ips.get(b)) {
                    (Some(left), Some(right)) => (left.cmp(right), *left.min(right)),
                    (Some(left), None) => (Ordering::Less, *left),
                    (None, Some(right)) => (Ordering::Greater, *right),
                    (None, None) => return len,
                };
                outsides.push(ip, len);
                let left = if order.is_le() { self.rows_of(a) } else { &[] };
                let right = if order.is_ge() { other.rows_of(b) } else { &[] };
                len += flows.merge(left, right, &mut rows[len..]);
                a += usize::from(order.is_le());
                b += usize::from(order.is_ge());
            }
        })
    }

    /// At most so many rows; `write` says how many.
    fn written(room: usize, write: impl FnOnce(&mut [Dense], &mut Outsides) -> usize) -> Self {
        let mut outsides = Outsides::default();
        let table = Table::new(room.div_ceil(SHARING) + 1, room, |rows| write(rows, &mut outsides));
        outsides.fit();
        Self { table, outsides }
    }

    /// Makes a guide for so many rows each, and one more.
    pub(super) fn guide(&mut self, write: impl FnOnce(&mut [Guide], &[Dense], &Outsides)) {
        self.table.guide(|guides, rows| {
            let count = rows.len().div_ceil(SHARING) + 1;
            write(&mut guides[..count], rows, &self.outsides);
            count
        });
    }

    /// The guides, once they are made.
    #[inline]
    pub(super) fn guides(&self) -> &[Guide] {
        self.table.guides()
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.table.rows().len()
    }

    /// How many bytes they take beside it, and their guides.
    pub(super) fn memory(&self) -> usize {
        self.table.memory() + self.outsides.memory()
    }

    /// The outside addresses, in order.
    pub(super) fn outsides(&self) -> &Outsides {
        &self.outsides
    }

    /// Where the rows of an outside address are.
    #[inline]
    pub(super) fn of_outside(&self, place: usize) -> Range<usize> {
        self.outsides.rows(place, self.table.rows().len())
    }

    /// The row at a place.
    #[inline]
    pub(super) fn row(&self, place: usize) -> &Dense {
        &self.table.rows()[place]
    }

    /// The rows at some places.
    #[inline]
    pub(super) fn rows(&self, range: Range<usize>) -> &[Dense] {
        self.table.rows().get(range).unwrap_or_default()
    }

    /// The rows of an outside address.
    pub(super) fn rows_of(&self, place: usize) -> &[Dense] {
        self.rows(self.of_outside(place))
    }
}

/// Outside addresses in order, and the first row of each.
#[derive(Default, Debug)]
pub(super) struct Outsides {
    ips: Vec<u32>,
    rows: Vec<u32>,
}

/// Of so few addresses it costs less to compare all than to guess.
const FEW: usize = 32;

impl Outsides {
    fn push(&mut self, ip: u32, row: usize) {
        self.ips.push(ip);
        self.rows.push(u32::try_from(row).expect("a run has fewer than 2³² rows"));
    }

    fn fit(&mut self) {
        self.ips.shrink_to_fit();
        self.rows.shrink_to_fit();
    }

    fn memory(&self) -> usize {
        (self.ips.capacity() + self.rows.capacity()) * size_of::<u32>()
    }

    /// The addresses.
    pub(super) fn ips(&self) -> &[u32] {
        &self.ips
    }

    /// The place of an address.
    #[inline]
    pub(super) fn place(&self, ip: u32) -> Option<usize> {
        let (mut from, mut near) = (0, self.ips.as_slice());
        while near.len() > FEW {
            let (before, after) = near.split_at(near.len() / 2);
            let is_after = after[0] <= ip;
            from += if is_after { before.len() } else { 0 };
            near = if is_after { after } else { before };
        }
        let place = from + near.iter().map(|other| u32::from(*other < ip)).sum::<u32>() as usize;
        (self.ips.get(place) == Some(&ip)).then_some(place)
    }

    /// Where the rows of an address are, of so many rows in all.
    #[inline]
    pub(super) fn rows(&self, place: usize, all: usize) -> Range<usize> {
        let end = self.rows.get(place + 1).map_or(all, |next| *next as usize);
        self.rows[place] as usize..end
    }
}

/// Flows of rows that are to be merged: side by side they are compared without waiting for the rows. Room that is
/// used again.
#[derive(Default)]
struct Flows {
    left: Vec<u32>,
    right: Vec<u32>,
}

impl Flows {
    /// Writes the rows of both in order, each once, and says how many.
    ///
    /// Which comes next is anybody's guess, so that nothing hangs on it but where to read on.
    fn merge(&mut self, a: &[Dense], b: &[Dense], into: &mut [Dense]) -> usize {
        let (mut at_a, mut at_b, mut len) = (0, 0, 0);
        if !a.is_empty() && !b.is_empty() {
            self.left.clear();
            self.left.extend(a.iter().map(Dense::flow));
            self.right.clear();
            self.right.extend(b.iter().map(Dense::flow));
        }
        while let (Some(left), Some(right)) = (a.get(at_a), b.get(at_b)) {
            let (flow, other) = (self.left[at_a], self.right[at_b]);
            let (mut is_left, mut is_right) = (flow < other, flow > other);
            if is_left == is_right {
                (is_left, is_right) = of_one_flow(left, right);
            }
            into[len] = *select_unpredictable(is_left, left, right);
            len += 1;
            at_a += usize::from(is_left);
            at_b += usize::from(is_right);
        }
        for rest in [&a[at_a..], &b[at_b..]] {
            into[len..len + rest.len()].copy_from_slice(rest);
            len += rest.len();
        }
        len
    }
}

/// Which of two rows of one flow come next: both if they are the same. Kept apart, for it is rare.
#[cold]
#[inline(never)]
fn of_one_flow(left: &Dense, right: &Dense) -> (bool, bool) {
    let order = left.cmp(right);
    (order.is_le(), order.is_ge())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_among_any_number_of_others() {
        for count in 0..4 * FEW {
            let mut outsides = Outsides::default();
            let ip = |place: usize| u32::try_from(place * 7 + 1).unwrap();
            (0..count).for_each(|place| outsides.push(ip(place), place));
            for place in 0..count {
                assert_eq!(outsides.place(ip(place)), Some(place));
                assert_eq!(outsides.place(ip(place) + 1), None);
            }
            assert_eq!((outsides.place(0), outsides.place(u32::MAX)), (None, None));
        }
    }
}
