//! Dense rows in order, each found by its outside.

use super::{
    dense::Dense,
    guide::Guide,
    sorted::{Item, SHARING, Sorted},
};
use std::{ops::Range, sync::Arc};

/// An immutable run of rows, sorted by outside address and flow; each of them once.
///
/// Sketch: 29 bytes for a row, and two to find it by. A look-up touches the addresses, which are few, one guide, and
/// the rows that this tells of.
#[derive(Default, Debug)]
pub(super) struct Run {
    /// Rows of an address stand about where their flow lies among all flows; by that place they share a guide.
    sorted: Sorted,
}

impl Run {
    /// Of items in order.
    pub(super) fn of(items: &[Item]) -> Self {
        Self::guided(Sorted::of(items))
    }

    /// All rows of some runs, of which the later ones had better be smaller.
    pub(super) fn merged(runs: &[Arc<Self>]) -> Arc<Self> {
        match runs {
            [] => Arc::default(),
            [run] => Arc::clone(run),
            [runs @ .., before, last] => {
                let last = before.sorted.merged(&last.sorted);
                Arc::new(Self::guided(runs.iter().rfold(last, |all, run| run.sorted.merged(&all))))
            }
        }
    }

    fn guided(mut sorted: Sorted) -> Self {
        sorted.guide(|guides, rows, outsides| {
            let (mut guide, mut len) = (Guide::at(0), 0);
            for outside in 0..outsides.ips().len() {
                let range = outsides.rows(outside, rows.len());
                for (row, dense) in range.clone().zip(&rows[range.clone()]) {
                    let flow = dense.flow();
                    let place = place(&range, flow);
                    while len < place {
                        guides[len] = std::mem::replace(&mut guide, Guide::at(number(row)));
                        len += 1;
                    }
                    guide.add(flow);
                }
            }
            guides[len] = guide;
            guides[len + 1..].fill(Guide::at(number(rows.len())));
        });
        Self { sorted }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// How many bytes they take, and what they are found by.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.sorted.memory()
    }

    /// The outside addresses.
    pub(super) fn outsides(&self) -> &[u32] {
        self.sorted.outsides().ips()
    }

    /// The place of an outside address.
    pub(super) fn outside(&self, ip: u32) -> Option<usize> {
        self.sorted.outsides().place(ip)
    }

    /// The guide that knows the rows of a flow. Nothing of it is read yet.
    #[inline]
    pub(super) fn guide(&self, outside: usize, flow: u32) -> &Guide {
        &self.sorted.guides()[place(&self.sorted.of_outside(outside), flow)]
    }

    /// Shows the rows that may be of a flow of an outside address; nothing of them is read unless there are many.
    #[inline]
    pub(super) fn each_alike<'s>(
        &'s self,
        outside: usize,
        guide: &Guide,
        flow: u32,
        see: &mut impl FnMut(&'s Dense),
    ) {
        let own = self.sorted.of_outside(outside);
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
        self.sorted.rows_of(outside)
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
