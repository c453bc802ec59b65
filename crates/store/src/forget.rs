//! One log is forgotten.

use crate::{
    RecordsEntry, SegmentEntry, StoreError, Writer, WrittenLot, cores,
    others::{self, Others},
    rewrite::{Rewritten, Without},
    store::open_segment,
};
use serde::Serialize;
use unmasq_model::SourceName;

/// What was forgotten.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Forgotten {
    /// Whether the store had such a log.
    pub was_known: bool,
    /// How many plain sessions of it there were.
    pub sessions: u64,
    /// How many other records.
    pub others: u64,
    /// How many files were written again without them, or dropped.
    pub files: usize,
    /// The logs that are left, in order.
    pub left: Vec<SourceName>,
}

impl Writer {
    /// Drops everything of one log, as if it had never been imported; no other log changes. A store without such a
    /// log stays as it is.
    ///
    /// # Errors
    /// When a file is damaged or cannot be written; the store is then as it was.
    pub fn forget(&mut self, log: &SourceName) -> Result<Forgotten, StoreError> {
        let segments =
            cores::for_each(&self.manifest().segments, |entry| self.segment_of_others(entry, log))?;
        let records = cores::for_each(&self.manifest().records, |entry| self.records_of_others(entry, log))?;
        let rewritten = Rewritten {
            segments: segments.into_iter().flatten().collect(),
            records: records.into_iter().flatten().collect(),
        };
        let was_known = self.manifest().logs.iter().any(|known| known.name == *log);
        let mut forgotten = Forgotten {
            was_known,
            sessions: rewritten.segments.iter().map(|without| without.left_out).sum(),
            others: rewritten.records.iter().map(|without| without.left_out).sum(),
            files: rewritten.files(),
            left: Vec::new(),
        };
        if was_known || forgotten.files > 0 {
            self.commit(WrittenLot::default(), |manifest| {
                rewritten.apply(manifest);
                manifest.logs.retain(|known| known.name != *log);
            })?;
        }
        forgotten.left = self.manifest().logs.iter().map(|log| log.name.clone()).collect();
        Ok(forgotten)
    }

    /// A file of plain sessions without those of a log; `None` if it has none of it.
    fn segment_of_others(
        &self,
        entry: &SegmentEntry,
        log: &SourceName,
    ) -> Result<Option<Without<SegmentEntry>>, StoreError> {
        let segment = open_segment(self.place(), &entry.name)?;
        let Some(number) = segment.names().logs.iter().position(|name| name == log) else { return Ok(None) };
        self.segment_without(entry, &segment, |row| usize::try_from(row.log).is_ok_and(|log| log == number))
    }

    /// The same for a file of other records.
    fn records_of_others(
        &self,
        entry: &RecordsEntry,
        log: &SourceName,
    ) -> Result<Option<Without<RecordsEntry>>, StoreError> {
        let file = Others::open(self.place(), &entry.name)?;
        if !file.has(log)? {
            return Ok(None);
        }
        self.records_without(entry, |out| others::without(file, log, out)).map(Some)
    }
}
