//! Whole hours are dropped.

use crate::{RecordsEntry, SegmentEntry, StoreError, Writer, WrittenLot, hours, others::Others};
use serde::Serialize;
use std::collections::BTreeSet;
use unmasq_model::LogTime;

/// What was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Expired {
    /// How many files.
    pub files: usize,
    /// How many rows they had.
    pub rows: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Writer {
    /// Drops the hours that ended before a moment. Sessions that reach into a later hour stay filed under that.
    ///
    /// # Errors
    /// As [`merge`](Self::merge), and when the manifest cannot be written.
    pub fn expire(&mut self, before: LogTime) -> Result<Expired, StoreError> {
        self.merge()?;
        self.drop_before(before)
    }

    /// The same without merging: of a lot, nothing is dropped before all of it is old.
    ///
    /// Of sessions that touch very many hours, and of other records, nothing is dropped before all of their file
    /// is old.
    ///
    /// # Errors
    /// When the manifest cannot be written.
    pub fn drop_before(&mut self, before: LogTime) -> Result<Expired, StoreError> {
        let old = |hour: i32| {
            hour != hours::LONG
                && hour.checked_add(1).and_then(hours::begins).is_none_or(|ended| ended <= before)
        };
        let is_old = |entry: &&SegmentEntry| entry.hours.iter().all(|(hour, _)| old(*hour));
        let gone: Vec<SegmentEntry> = self.manifest().segments.iter().filter(is_old).cloned().collect();
        let mut expired = Expired {
            files: gone.len(),
            rows: gone.iter().map(|entry| entry.rows).sum(),
            bytes: gone.iter().map(|entry| entry.bytes).sum(),
        };
        let mut names: BTreeSet<String> = gone.into_iter().map(|entry| entry.name).collect();
        for entry in self.manifest().records.clone() {
            if self.is_old(&entry, before)? {
                expired.files += 1;
                expired.rows += entry.lines;
                expired.bytes += entry.bytes;
                names.insert(entry.name);
            }
        }
        let until = self.manifest().expired.map_or(before.as_unix_us(), |us| us.max(before.as_unix_us()));
        self.commit(WrittenLot::default(), |manifest| {
            manifest.segments.retain(|entry| !names.contains(&entry.name));
            manifest.records.retain(|entry| !names.contains(&entry.name));
            manifest.expired = Some(until);
        })?;
        Ok(expired)
    }

    fn is_old(&self, entry: &RecordsEntry, before: LogTime) -> Result<bool, StoreError> {
        Ok(Others::open(self.place(), &entry.name)?.last_moment()?.is_none_or(|last| last < before))
    }
}
