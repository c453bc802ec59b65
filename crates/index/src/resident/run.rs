//! Dense rows in order, each found by its outside.

use super::{
    dense::Dense,
    guide::Guide,
    sorted::{Item, Sorted},
};
use std::{ops::Range, sync::Arc};

/// An immutable run of rows, sorted by outside address and flow; each of them once.
///
/// Sketch: 29 bytes for a row, and two to find it by. A look-up touches the addresses, which are few, one guide, and
/// the rows that this tells of.
#[derive(Default, Debug)]
pub(super) struct Run {
    sorted: Sorted,
    /// Rows of an address stand about where their flow lies among all flows; by that place they share a guide. One
    /// more at the end.
    guides: Vec<Guide>,
}

/// So many rows share a guide, on average.
const SHARING: usize = 32;

impl Run {
    /// Of items in order.
    pub(super) fn of(items: &[Item]) -> Self {
        Self::guided(Sorted::of(items))
    }

    /// All rows of some runs, of which the later ones had better be smaller.
    pub(super) fn merged(runs: &[Arc<Self>]) -> Self {
        match runs {
            [] => Self::default(),
            [run] => Self::guided(run.sorted.clone()),
            [runs @ .., before, last] => {
                let last = before.sorted.merged(&last.sorted);
                Self::guided(runs.iter().rfold(last, |all, run| run.sorted.merged(&all)))
            }
        }
    }

    fn guided(sorted: Sorted) -> Self {
        let count = sorted.len().div_ceil(SHARING);
        let mut guides = Vec::with_capacity(count + 1);
        let mut guide = Guide::at(0);
        for outside in 0..sorted.outsides().len() {
            let range = sorted.of_outside(outside);
            for (row, dense) in range.clone().zip(sorted.rows(range.clone())) {
                let flow = dense.flow();
                let place = place(&range, flow);
                while guides.len() < place {
                    guides.push(std::mem::replace(&mut guide, Guide::at(number(row))));
                }
                guide.add(flow);
            }
        }
        guides.push(guide);
        guides.resize(count + 1, Guide::at(number(sorted.len())));
        Self { sorted, guides }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// How many bytes they take, and what they are found by.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.sorted.memory() + self.guides.capacity() * size_of::<Guide>()
    }

    /// The outside addresses.
    pub(super) fn outsides(&self) -> impl Iterator<Item = u32> {
        self.sorted.outsides()
    }

    /// The place of an outside address.
    pub(super) fn outside(&self, ip: u32) -> Option<usize> {
        self.sorted.outside(ip)
    }

    /// The place of the guide that knows the rows of a flow, which nothing but the addresses is read for.
    #[inline]
    pub(super) fn guide(&self, outside: usize, flow: u32) -> usize {
        place(&self.sorted.of_outside(outside), flow)
    }

    /// Reads something of a guide: it is near then.
    #[inline]
    pub(super) fn touch(&self, guide: usize) -> u32 {
        self.guides[guide].first()
    }

    /// Shows the rows that may be of a flow of an outside address; nothing of them is read unless there are many.
    #[inline]
    pub(super) fn each_alike<'s>(
        &'s self,
        outside: usize,
        guide: usize,
        flow: u32,
        see: &mut impl FnMut(&'s Dense),
    ) {
        let (own, guide) = (self.sorted.of_outside(outside), &self.guides[guide]);
        let first = guide.first() as usize;
        if let Some(mut alike) = guide.alike(flow) {
            while alike != 0 {
                let row = first + alike.trailing_zeros() as usize;
                alike &= alike - 1;
                if own.contains(&row) {
                    see(self.sorted.row(row));
                }
            }
        } else {
            let near = first.max(own.start)..(first + guide.count() as usize).min(own.end);
            let rows = self.sorted.rows(near);
            let rows = &rows[rows.partition_point(|row| row.flow() < flow)..];
            rows.iter().take_while(|row| row.flow() == flow).for_each(see);
        }
    }

    /// All rows of an outside address.
    pub(super) fn rows_of(&self, outside: usize) -> &[Dense] {
        self.sorted.rows(self.sorted.of_outside(outside))
    }
}

/// The place of the guide that knows a flow of an outside address which has these rows.
#[inline]
fn place(own: &Range<usize>, flow: u32) -> usize {
    let among = (own.len() as u64 * u64::from(flow)) >> u32::BITS;
    (own.start + usize::try_from(among).unwrap_or_default()) / SHARING
}

fn number(of: usize) -> u32 {
    u32::try_from(of).expect("a run has fewer than 2³² rows")
}
