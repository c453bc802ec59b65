//! Dense rows in order, each found by its outside.

use super::dense::Dense;
use std::{cmp::Ordering, ops::Range};

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

/// An immutable run of rows, sorted by outside address and flow; each of them once.
///
/// Sketch: 29 bytes for a row, and one or two to find it by. A look-up touches the addresses, which are few, a
/// start, and the rows that begin there.
#[derive(Default, Debug)]
pub(super) struct Run {
    rows: Vec<Dense>,
    outsides: Vec<Outside>,
    /// Where the rows begin that have an outside address and the first bits of a flow in common; one more at
    /// the end.
    starts: Vec<u32>,
}

/// An outside address of a run.
#[derive(Clone, Copy, Debug)]
struct Outside {
    ip: u32,
    /// Its first row.
    row: u32,
    /// Its first start.
    start: u32,
}

/// So many rows share a start.
const SHARING: usize = 4;

impl Run {
    /// Of items in order.
    pub(super) fn of(items: &[Item]) -> Self {
        let mut rows = Vec::with_capacity(items.len());
        let mut outsides = Vec::new();
        for items in items.chunk_by(|a, b| a.ip() == b.ip()) {
            outsides.push(Outside { ip: items[0].ip(), row: number(rows.len()), start: 0 });
            let from = rows.len();
            for item in items {
                if rows[from..].last() != Some(&item.dense) {
                    rows.push(item.dense);
                }
            }
        }
        Self::found_by(rows, outsides)
    }

    /// All rows of both.
    pub(super) fn merged(&self, other: &Self) -> Self {
        let mut rows = Vec::with_capacity(self.rows.len() + other.rows.len());
        let mut outsides = Vec::with_capacity(self.outsides.len().max(other.outsides.len()));
        let (mut a, mut b) = (0, 0);
        loop {
            let (left, right) = (self.outsides.get(a), other.outsides.get(b));
            let order = match (left, right) {
                (Some(left), Some(right)) => left.ip.cmp(&right.ip),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => break,
            };
            let row = number(rows.len());
            let ip = if order.is_le() { left } else { right }.map_or(0, |outside| outside.ip);
            outsides.push(Outside { ip, row, start: 0 });
            match order {
                Ordering::Less => rows.extend_from_slice(&self.rows[self.of_outside(a)]),
                Ordering::Greater => rows.extend_from_slice(&other.rows[other.of_outside(b)]),
                Ordering::Equal => {
                    merge(&self.rows[self.of_outside(a)], &other.rows[other.of_outside(b)], &mut rows);
                }
            }
            a += usize::from(order.is_le());
            b += usize::from(order.is_ge());
        }
        Self::found_by(rows, outsides)
    }

    fn found_by(mut rows: Vec<Dense>, mut outsides: Vec<Outside>) -> Self {
        rows.shrink_to_fit();
        outsides.shrink_to_fit();
        let mut run = Self { rows, outsides, starts: Vec::new() };
        let buckets = |run: &Self, place| 1usize << bits(run.of_outside(place).len());
        let count: usize = (0..run.outsides.len()).map(|place| buckets(&run, place)).sum();
        let mut starts = Vec::with_capacity(count + 1);
        for place in 0..run.outsides.len() {
            let first = starts.len();
            run.outsides[place].start = number(first);
            let range = run.of_outside(place);
            let (bits, from) = (bits(range.len()), range.start);
            for (at, row) in run.rows[range].iter().enumerate() {
                let end = first + bucket(row.flow(), bits) + 1;
                if starts.len() < end {
                    starts.resize(end, number(from + at));
                }
            }
            // What was skipped begins where the next does: `resize` gave it just that.
            starts.resize(first + (1 << bits), number(run.of_outside(place).end));
        }
        starts.push(number(run.rows.len()));
        run.starts = starts;
        run
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many bytes they take, and what they are found by.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>()
            + self.rows.capacity() * size_of::<Dense>()
            + self.outsides.capacity() * size_of::<Outside>()
            + self.starts.capacity() * size_of::<u32>()
    }

    /// The outside addresses.
    pub(super) fn outsides(&self) -> impl Iterator<Item = u32> {
        self.outsides.iter().map(|outside| outside.ip)
    }

    /// The place of an outside address.
    pub(super) fn outside(&self, ip: u32) -> Option<usize> {
        self.outsides.binary_search_by_key(&ip, |outside| outside.ip).ok()
    }

    fn of_outside(&self, place: usize) -> Range<usize> {
        let end = self.outsides.get(place + 1).map_or(self.rows.len(), |next| next.row as usize);
        self.outsides[place].row as usize..end
    }

    /// The place of the start that leads to a flow.
    pub(super) fn start(&self, outside: usize, flow: u32) -> usize {
        self.outsides[outside].start as usize + bucket(flow, bits(self.of_outside(outside).len()))
    }

    /// The rows that begin at a start.
    pub(super) fn rows_at(&self, start: usize) -> Range<usize> {
        self.starts[start] as usize..self.starts[start + 1] as usize
    }

    /// All rows of an outside address.
    pub(super) fn rows_of(&self, outside: usize) -> &[Dense] {
        &self.rows[self.of_outside(outside)]
    }

    /// Reads something of every second of these rows, and of the last: they are near then.
    pub(super) fn touch(&self, rows: &Range<usize>) -> u8 {
        let rows = &self.rows[rows.clone()];
        rows.iter().step_by(2).chain(rows.last()).fold(0, |all, row| all ^ row.edge())
    }

    /// These rows.
    pub(super) fn rows(&self, range: Range<usize>) -> &[Dense] {
        &self.rows[range]
    }
}

/// How many bits of a flow tell where the rows of an outside address begin that has so many of them.
fn bits(rows: usize) -> u32 {
    (rows / SHARING).next_power_of_two().trailing_zeros()
}

fn bucket(flow: u32, bits: u32) -> usize {
    usize::try_from(u64::from(flow) >> (u32::BITS - bits)).unwrap_or_default()
}

fn number(of: usize) -> u32 {
    u32::try_from(of).expect("a run has fewer than 2³² rows")
}

/// Adds the rows of both in order, each once.
fn merge(mut a: &[Dense], mut b: &[Dense], into: &mut Vec<Dense>) {
    while let ([left, next_a @ ..], [right, next_b @ ..]) = (a, b) {
        let order = left.flow().cmp(&right.flow()).then_with(|| left.cmp(right));
        into.push(if order.is_le() { *left } else { *right });
        a = if order.is_le() { next_a } else { a };
        b = if order.is_ge() { next_b } else { b };
    }
    into.extend_from_slice(a);
    into.extend_from_slice(b);
}
