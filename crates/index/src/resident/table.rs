//! The memory of a run.

use super::{dense::Dense, guide::Guide};
use bytemuck::{Pod, Zeroable};
use memmap2::MmapMut;
use std::fmt;

/// Rows, and before them room for their guides, in one piece of memory that is written once and then read in any order.
///
/// Who reads one of very many rows waits twice: for the place of the page in which it lies, and for the row. So a
/// large table has memory of its own, of huge pages where the system gives them to who asks, as Linux does unless told
/// otherwise: the places of those are at hand. That memory goes back to the system with the table, and leaves no hole
/// that only a table of the same size would fill. Small tables come and go too often for that.
pub(super) struct Table {
    memory: Memory,
    /// There is room for so many guides.
    room: usize,
    guides: usize,
    rows: usize,
}

enum Memory {
    Few(Vec<Line>),
    /// Pages after the last row were never touched, and take nothing.
    Many(MmapMut),
}

/// What a cache reads at once.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

const LINE: usize = size_of::<Guide>();
/// Tables of more bytes have memory of their own.
const FEW: usize = 4 << 20;
const PAGE: usize = 1 << 12;
const HUGE_PAGE: usize = 2 << 20;

impl Table {
    /// What `write` writes to so many zeroed rows, of which it says how many it used; guides fit before them.
    pub(super) fn new(guides: usize, rows: usize, write: impl FnOnce(&mut [Dense]) -> usize) -> Self {
        let memory = Memory::of(guides * LINE + rows * size_of::<Dense>());
        let mut table = Self { memory, room: guides, guides: 0, rows };
        table.rows = write(table.parts_mut().1).min(rows);
        if let Memory::Few(lines) = &mut table.memory {
            lines.truncate((guides * LINE + table.rows * size_of::<Dense>()).div_ceil(LINE));
            lines.shrink_to_fit();
        }
        table
    }

    /// Writes guides; `write` says how many.
    pub(super) fn guide(&mut self, write: impl FnOnce(&mut [Guide], &[Dense]) -> usize) {
        let (guides, rows) = self.parts_mut();
        self.guides = write(guides, rows).min(self.room);
    }

    #[inline]
    pub(super) fn guides(&self) -> &[Guide] {
        bytemuck::cast_slice(&self.memory.bytes()[..self.guides * LINE])
    }

    #[inline]
    pub(super) fn rows(&self) -> &[Dense] {
        bytemuck::cast_slice(&self.memory.bytes()[self.room * LINE..][..self.rows * size_of::<Dense>()])
    }

    /// How many bytes it takes beside it.
    pub(super) fn memory(&self) -> usize {
        match &self.memory {
            Memory::Few(lines) => lines.capacity() * LINE,
            Memory::Many(_) => (self.room * LINE + self.rows * size_of::<Dense>()).next_multiple_of(PAGE),
        }
    }

    fn parts_mut(&mut self) -> (&mut [Guide], &mut [Dense]) {
        let (guides, rows) = self.memory.bytes_mut().split_at_mut(self.room * LINE);
        (
            bytemuck::cast_slice_mut(guides),
            bytemuck::cast_slice_mut(&mut rows[..self.rows * size_of::<Dense>()]),
        )
    }
}

impl Memory {
    /// So many zeroed bytes, or a few more.
    fn of(bytes: usize) -> Self {
        match mapped(bytes) {
            Some(memory) => Self::Many(memory),
            None => Self::Few(vec![Line::zeroed(); bytes.div_ceil(LINE)]),
        }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Few(lines) => bytemuck::cast_slice(lines),
            Self::Many(memory) => memory,
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Few(lines) => bytemuck::cast_slice_mut(lines),
            Self::Many(memory) => memory,
        }
    }
}

/// Memory from the system itself, if it is much and the system gives it.
fn mapped(bytes: usize) -> Option<MmapMut> {
    if bytes <= FEW {
        return None;
    }
    // Of such a size it begins where a huge page does.
    let memory = MmapMut::map_anon(bytes.next_multiple_of(HUGE_PAGE)).ok()?;
    // Without huge pages everything works, but slower. The last one would be larger than what is written to it.
    #[cfg(target_os = "linux")]
    {
        let whole = bytes / HUGE_PAGE * HUGE_PAGE;
        let _ = memory.advise_range(memmap2::Advice::HugePage, 0, whole);
        let _ = memory.advise_range(memmap2::Advice::NoHugePage, whole, memory.len() - whole);
    }
    Some(memory)
}

impl Default for Table {
    fn default() -> Self {
        Self { memory: Memory::Few(Vec::new()), room: 0, guides: 0, rows: 0 }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("guides", &self.guides)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_what_was_written_to_it_however_large_it_is() {
        const MANY: usize = FEW / size_of::<Dense>();
        let row = |of: usize| {
            let mut row = Dense::zeroed();
            bytemuck::bytes_of_mut(&mut row)[7..15].copy_from_slice(&of.to_le_bytes());
            row
        };
        for (room, used) in [(0, 0), (10, 10), (10, 3), (MANY, MANY), (2 * MANY + 1, 2 * MANY), (3 * MANY, 1)]
        {
            let guides = room / 30;
            let mut table = Table::new(guides, room, |rows| {
                assert_eq!(rows.len(), room);
                assert!(rows.iter().all(|row| *row == Dense::zeroed()));
                (0..used).for_each(|at| rows[at] = row(at));
                used
            });
            table.guide(|guides, rows| {
                assert_eq!(rows.len(), used);
                guides.iter_mut().zip(0..).for_each(|(guide, at)| *guide = Guide::at(at));
                guides.len()
            });
            assert!(table.rows().iter().copied().eq((0..used).map(row)));
            assert!(table.guides().iter().map(Guide::first).eq(0..u32::try_from(guides).unwrap()));
            let bytes = guides * LINE + used * size_of::<Dense>();
            assert!((bytes..bytes + PAGE).contains(&table.memory()), "{room} {used}");
        }
    }
}
