//! Dense rows in order.

use super::dense::Dense;
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
#[derive(Clone, Default, Debug)]
pub(super) struct Sorted {
    rows: Vec<Dense>,
    outsides: Vec<Outside>,
}

/// An outside address, and its first row.
#[derive(Clone, Copy, Debug)]
struct Outside {
    ip: u32,
    row: u32,
}

impl Sorted {
    /// Of items in order.
    pub(super) fn of(items: &[Item]) -> Self {
        let mut sorted = Self { rows: Vec::with_capacity(items.len()), outsides: Vec::new() };
        for items in items.chunk_by(|a, b| a.ip() == b.ip()) {
            sorted.begin(items[0].ip());
            let from = sorted.rows.len();
            for item in items {
                if sorted.rows[from..].last() != Some(&item.dense) {
                    sorted.rows.push(item.dense);
                }
            }
        }
        sorted.fitted()
    }

    /// All rows of both.
    pub(super) fn merged(&self, other: &Self) -> Self {
        let mut all = Self {
            rows: Vec::with_capacity(self.rows.len() + other.rows.len()),
            outsides: Vec::with_capacity(self.outsides.len().max(other.outsides.len())),
        };
        let (mut a, mut b, mut flows) = (0, 0, Flows::default());
        loop {
            let (left, right) = (self.outsides.get(a), other.outsides.get(b));
            let (order, ip) = match (left, right) {
                (Some(left), Some(right)) => (left.ip.cmp(&right.ip), left.ip.min(right.ip)),
                (Some(left), None) => (Ordering::Less, left.ip),
                (None, Some(right)) => (Ordering::Greater, right.ip),
                (None, None) => break,
            };
            all.begin(ip);
            let rows =
                |sorted: &'_ Self, place, is_there| if is_there { sorted.of_outside(place) } else { 0..0 };
            let (left, right) = (rows(self, a, order.is_le()), rows(other, b, order.is_ge()));
            flows.merge(&self.rows[left], &other.rows[right], &mut all.rows);
            a += usize::from(order.is_le());
            b += usize::from(order.is_ge());
        }
        all.fitted()
    }

    /// The rows that are added from now on are of this outside address.
    fn begin(&mut self, ip: u32) {
        let row = u32::try_from(self.rows.len()).expect("a run has fewer than 2³² rows");
        self.outsides.push(Outside { ip, row });
    }

    fn fitted(mut self) -> Self {
        self.rows.shrink_to_fit();
        self.outsides.shrink_to_fit();
        self
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many bytes they take beside it.
    pub(super) fn memory(&self) -> usize {
        self.rows.capacity() * size_of::<Dense>() + self.outsides.capacity() * size_of::<Outside>()
    }

    /// The outside addresses, in order.
    pub(super) fn outsides(&self) -> impl ExactSizeIterator<Item = u32> {
        self.outsides.iter().map(|outside| outside.ip)
    }

    /// The place of an outside address.
    #[inline]
    pub(super) fn outside(&self, ip: u32) -> Option<usize> {
        self.outsides.binary_search_by_key(&ip, |outside| outside.ip).ok()
    }

    /// Where the rows of an outside address are.
    #[inline]
    pub(super) fn of_outside(&self, place: usize) -> Range<usize> {
        let end = self.outsides.get(place + 1).map_or(self.rows.len(), |next| next.row as usize);
        self.outsides[place].row as usize..end
    }

    /// The row at a place.
    #[inline]
    pub(super) fn row(&self, place: usize) -> &Dense {
        &self.rows[place]
    }

    /// The rows at some places.
    #[inline]
    pub(super) fn rows(&self, range: Range<usize>) -> &[Dense] {
        self.rows.get(range).unwrap_or_default()
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
    /// Adds the rows of both in order, each once.
    ///
    /// Which comes next is anybody's guess, so that nothing hangs on it but where to read on.
    fn merge(&mut self, a: &[Dense], b: &[Dense], into: &mut Vec<Dense>) {
        let (mut at_a, mut at_b) = (0, 0);
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
            into.push(*select_unpredictable(is_left, left, right));
            at_a += usize::from(is_left);
            at_b += usize::from(is_right);
        }
        into.extend_from_slice(&a[at_a..]);
        into.extend_from_slice(&b[at_b..]);
    }
}

/// Which of two rows of one flow come next: both if they are the same. Kept apart, for it is rare.
#[cold]
#[inline(never)]
fn of_one_flow(left: &Dense, right: &Dense) -> (bool, bool) {
    let order = left.cmp(right);
    (order.is_le(), order.is_ge())
}
