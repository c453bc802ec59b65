//! Lots that were stored, on their way to whoever holds them against open questions.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use unmasq_store::{Lot, LotFiles};

/// A lot that was stored, and what it has, unless too many wait: then that is read from its files.
#[derive(Debug)]
pub(crate) struct StoredLot {
    files: LotFiles,
    held: Option<HeldLot>,
}

#[derive(Debug)]
struct HeldLot {
    lot: Lot,
    /// Given back with it.
    room: Room,
}

/// How much may be held of lots that wait: rows, and other records as so many as they take the room of.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    left: Arc<AtomicUsize>,
}

/// Another record takes the room of so many rows.
const OTHER: usize = 8;

impl StoredLot {
    /// One that is held if there is room.
    pub(crate) fn holding(files: LotFiles, lot: Lot, room: &Room) -> Self {
        let held = room.take(size(&lot)).map(|room| HeldLot { lot, room });
        Self { files, held }
    }

    /// Its files.
    pub(crate) const fn files(&self) -> &LotFiles {
        &self.files
    }

    /// What it has, if that is held.
    pub(crate) fn lot(&self) -> Option<&Lot> {
        self.held.as_ref().map(|held| &held.lot)
    }
}

impl Drop for HeldLot {
    fn drop(&mut self) {
        self.room.left.fetch_add(size(&self.lot), Ordering::AcqRel);
    }
}

impl Room {
    /// For so many rows.
    pub(crate) fn for_rows(rows: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(rows)) }
    }

    fn take(&self, rows: usize) -> Option<Self> {
        let less = |left: usize| left.checked_sub(rows);
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).ok().map(|_| self.clone())
    }
}

fn size(lot: &Lot) -> usize {
    lot.rows.len() + OTHER * lot.others.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use unmasq_store::Plain;

    #[test]
    fn no_more_is_held_than_there_is_room_for() {
        let room = Room::for_rows(5);
        let lot = |rows| Lot { rows: vec![Plain::default(); rows], ..Lot::default() };
        let of = |rows| StoredLot::holding(LotFiles::default(), lot(rows), &room);
        let first = of(3);
        assert!(first.lot().is_some() && of(3).lot().is_none());
        assert!(of(2).lot().is_some());
        drop(first);
        assert!(of(5).lot().is_some());
    }
}
