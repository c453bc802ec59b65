//! Files are written again without some of what is in them.

use crate::{
    GROUPS, Manifest, Plain, RECORDS, RecordsEntry, SegmentEntry, StoreError, Writer, hours, others,
    place::{StoredFile, Unpublished},
    session_of,
};
use std::{collections::BTreeSet, error::Error};
use unmasq_model::Span;
use unmasq_segment::{Columns, Segment};

/// What takes the place of a file, and how much was left out.
pub(crate) struct Without<E> {
    name: String,
    /// `None` if nothing is left.
    entry: Option<E>,
    pub(crate) left_out: u64,
}

/// What takes the place of some files; nobody knows of it yet.
#[derive(Default)]
pub(crate) struct Rewritten {
    pub(crate) segments: Vec<Without<SegmentEntry>>,
    pub(crate) records: Vec<Without<RecordsEntry>>,
}

impl Rewritten {
    /// How many files are replaced.
    pub(crate) fn files(&self) -> usize {
        self.segments.len() + self.records.len()
    }

    /// Puts the files in the place of those that they were made of.
    pub(crate) fn apply(self, manifest: &mut Manifest) {
        let Self { segments, records } = self;
        let names = segments.iter().map(|without| &without.name);
        let replaced: BTreeSet<String> =
            names.chain(records.iter().map(|without| &without.name)).cloned().collect();
        manifest.segments.retain(|entry| !replaced.contains(&entry.name));
        manifest.records.retain(|entry| !replaced.contains(&entry.name));
        manifest.segments.extend(segments.into_iter().filter_map(|without| without.entry));
        manifest.records.extend(records.into_iter().filter_map(|without| without.entry));
    }
}

impl Writer {
    /// A file of plain sessions without some rows; `None` if it has none of those. How many sessions that are is
    /// what is left out.
    pub(crate) fn segment_without(
        &self,
        entry: &SegmentEntry,
        segment: &Segment<StoredFile>,
        is_gone: impl Fn(&Plain) -> bool,
    ) -> Result<Option<Without<SegmentEntry>>, StoreError> {
        let name = match entry.hours.as_slice() {
            [(hour, _)] if entry.is_sealed() => self.lots().sealed(*hour),
            _ => self.lots().unused(GROUPS, "", "parquet"),
        };
        let path = self.place().path_of(&entry.name);
        let damaged = |error: &dyn Error| StoreError::Damaged { path: path.clone(), what: error.to_string() };
        let mut file = self.place().begin(&name)?;
        let mut writer =
            unmasq_segment::Writer::new(&mut file, segment.names()).map_err(|error| damaged(&error))?;
        let (mut gone, mut left_out, mut rest, mut refused) = (false, 0, Vec::new(), None);
        segment
            .scan(
                |_| true,
                Columns::All,
                |rows| {
                    rest.clear();
                    rest.extend(rows.iter().filter(|row| !is_gone(row)));
                    gone |= rest.len() < rows.len();
                    left_out += rows.iter().filter(|row| is_gone(row) && is_first(row)).count() as u64;
                    refused = refused.take().or_else(|| writer.push(&rest).err());
                },
            )
            .map_err(|error| damaged(&error))?;
        let told = match refused {
            None => writer.finish(&[]).map_err(|error| damaged(&error))?.0,
            Some(error) => return Err(damaged(&error)),
        };
        if !gone {
            return Ok(None);
        }
        let mut left = None;
        if told.rows > 0 {
            file.publish()?;
            left = Some(SegmentEntry::of(name, told));
        }
        Ok(Some(Without { name: entry.name.clone(), entry: left, left_out }))
    }

    /// What takes the place of a file of other records; `write` says how much it left out.
    pub(crate) fn records_without(
        &self,
        entry: &RecordsEntry,
        write: impl FnOnce(&mut Unpublished) -> Result<(others::Written, u64), StoreError>,
    ) -> Result<Without<RecordsEntry>, StoreError> {
        let (name, mut left_out) = (self.lots().unused(RECORDS, "", "jsonl.zst"), 0);
        let left = self.lots().records(name, |out| {
            let (written, count) = write(out)?;
            left_out = count;
            Ok(written)
        })?;
        Ok(Without { name: entry.name.clone(), entry: left, left_out })
    }
}

/// Whether a row stands under the first of the hours under which its session is filed.
fn is_first(row: &Plain) -> bool {
    session_of(row).is_none_or(|(_, start, end)| {
        hours::filed(Span::between(start.from(), end.to())).next() == Some(row.hour)
    })
}
