//! One log is forgotten.

use crate::{
    GROUPS, Plain, RECORDS, RecordsEntry, SegmentEntry, StoreError, Writer, WrittenLot, cores, hours,
    others::{self, Others},
    session_of,
    store::open_segment,
};
use serde::Serialize;
use std::collections::BTreeSet;
use unmasq_model::{SourceName, Span};
use unmasq_segment::Columns;

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

/// What takes the place of a file, and how much of the log that had.
struct Without<E> {
    name: String,
    entry: Option<E>,
    left_out: u64,
}

impl Writer {
    /// Drops everything of one log, as if it had never been imported; no other log changes. A store without such a
    /// log stays as it is.
    ///
    /// # Errors
    /// When a file is damaged or cannot be written; the store is then as it was.
    pub fn forget(&mut self, log: &SourceName) -> Result<Forgotten, StoreError> {
        let segments = cores::for_each(&self.manifest().segments, |entry| self.segment_without(entry, log))?;
        let records = cores::for_each(&self.manifest().records, |entry| self.records_without(entry, log))?;
        let segments: Vec<Without<SegmentEntry>> = segments.into_iter().flatten().collect();
        let records: Vec<Without<RecordsEntry>> = records.into_iter().flatten().collect();
        let was_known = self.manifest().logs.iter().any(|known| known.name == *log);
        let mut forgotten = Forgotten {
            was_known,
            sessions: segments.iter().map(|without| without.left_out).sum(),
            others: records.iter().map(|without| without.left_out).sum(),
            files: segments.len() + records.len(),
            left: Vec::new(),
        };
        if was_known || forgotten.files > 0 {
            let names = segments.iter().map(|without| &without.name);
            let replaced: BTreeSet<String> =
                names.chain(records.iter().map(|without| &without.name)).cloned().collect();
            self.commit(WrittenLot::default(), |manifest| {
                manifest.segments.retain(|entry| !replaced.contains(&entry.name));
                manifest.records.retain(|entry| !replaced.contains(&entry.name));
                manifest.segments.extend(segments.into_iter().filter_map(|without| without.entry));
                manifest.records.extend(records.into_iter().filter_map(|without| without.entry));
                manifest.logs.retain(|known| known.name != *log);
            })?;
        }
        forgotten.left = self.manifest().logs.iter().map(|log| log.name.clone()).collect();
        Ok(forgotten)
    }

    /// A file of plain sessions without those of a log; `None` if it has none of it.
    fn segment_without(
        &self,
        entry: &SegmentEntry,
        log: &SourceName,
    ) -> Result<Option<Without<SegmentEntry>>, StoreError> {
        let segment = open_segment(self.place(), &entry.name)?;
        let Some(number) = segment.names().logs.iter().position(|name| name == log) else { return Ok(None) };
        let is_of = |row: &Plain| usize::try_from(row.log).is_ok_and(|log| log == number);
        let name = match entry.hours.as_slice() {
            [(hour, _)] if entry.is_sealed() => self.lots().sealed(*hour),
            _ => self.lots().unused(GROUPS, "", "parquet"),
        };
        let (path, replaced) = (self.place().path_of(&entry.name), entry.name.clone());
        let damaged = |error: &dyn std::error::Error| StoreError::Damaged {
            path: path.clone(),
            what: error.to_string(),
        };
        let mut file = self.place().begin(&name)?;
        let mut writer =
            unmasq_segment::Writer::new(&mut file, segment.names()).map_err(|error| damaged(&error))?;
        let (mut left_out, mut rest, mut refused) = (0, Vec::new(), None);
        segment
            .scan(
                |_| true,
                Columns::All,
                |rows| {
                    left_out += rows.iter().filter(|row| is_of(row) && is_first(row)).count() as u64;
                    rest.clear();
                    rest.extend(rows.iter().filter(|row| !is_of(row)));
                    refused = refused.take().or_else(|| writer.push(&rest).err());
                },
            )
            .map_err(|error| damaged(&error))?;
        let told = match refused {
            None => writer.finish(&[]).map_err(|error| damaged(&error))?.0,
            Some(error) => return Err(damaged(&error)),
        };
        let entry = if told.rows > 0 {
            file.publish()?;
            Some(SegmentEntry::of(name, told))
        } else {
            None
        };
        Ok(Some(Without { name: replaced, entry, left_out }))
    }

    /// The same for a file of other records.
    fn records_without(
        &self,
        entry: &RecordsEntry,
        log: &SourceName,
    ) -> Result<Option<Without<RecordsEntry>>, StoreError> {
        let file = Others::open(self.place(), &entry.name)?;
        if !file.has(log)? {
            return Ok(None);
        }
        let name = self.lots().unused(RECORDS, "", "jsonl.zst");
        let mut out = self.place().begin(&name)?;
        let (others::Written { lines, bytes, checksum }, left_out) = others::without(&file, log, &mut out)?;
        let rest = if lines > 0 {
            out.publish()?;
            Some(RecordsEntry { name, lines, bytes, checksum })
        } else {
            None
        };
        Ok(Some(Without { name: entry.name.clone(), entry: rest, left_out }))
    }
}

/// Whether a row stands under the first of the hours under which its session is filed.
fn is_first(row: &Plain) -> bool {
    session_of(row).is_none_or(|(_, start, end)| {
        hours::filed(Span::between(start.from(), end.to())).next() == Some(row.hour)
    })
}
