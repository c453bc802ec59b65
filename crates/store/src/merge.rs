//! Lots become one file for each hour.

use crate::{
    HOURS, Lots, RECORDS, RecordsEntry, SegmentEntry, StoreError, Writer, WrittenLot, cores, hours,
    others::{self, Others},
    store::open_segment,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What was merged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Merged {
    /// How many files there were.
    pub files: usize,
    /// How many they became.
    pub into: usize,
    /// How many rows those have.
    pub rows: u64,
}

/// A file of other records is merged with those before it if it has no more than so many times their lines:
/// each line is then written again few times, however many files come.
const RECORDS_GROWTH: u64 = 4;

/// What is to be merged: whoever writes it need not be the one who [commits](Writer::commit_merge) it, and lots may be
/// committed in the meantime.
#[derive(Debug)]
pub struct ToMerge {
    lots: Lots,
    /// The hours that lots add to, each with all files that have rows of it.
    hours: Vec<(i32, Vec<SegmentEntry>)>,
    /// Files of other records.
    records: Vec<RecordsEntry>,
}

/// What was merged, and nobody knows yet.
#[derive(Debug, Default)]
pub struct WrittenMerge {
    replaced: BTreeSet<String>,
    sealed: Vec<SegmentEntry>,
    records: Option<RecordsEntry>,
}

impl Writer {
    /// Merges all lots, and the hours that they add to, into one sorted file for each hour.
    ///
    /// # Errors
    /// When a file is damaged or cannot be written; the store is then as it was.
    pub fn merge(&mut self) -> Result<Merged, StoreError> {
        let written = self.to_merge(|_| true).write()?;
        self.commit_merge(written)
    }

    /// What there is to be merged now, of the lots that may be.
    #[must_use]
    pub fn to_merge(&self, may: impl Fn(&str) -> bool) -> ToMerge {
        let owned = |(hour, inputs): (i32, Vec<&SegmentEntry>)| (hour, inputs.into_iter().cloned().collect());
        ToMerge {
            lots: self.lots(),
            hours: self.unmerged(&may).into_iter().map(owned).collect(),
            records: self.small_records(&may).into_iter().cloned().collect(),
        }
    }

    /// Puts what was merged in the place of what it was merged of. Does nothing if any of that is no part of the store
    /// any more.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn commit_merge(&mut self, written: WrittenMerge) -> Result<Merged, StoreError> {
        let WrittenMerge { replaced, sealed, records } = written;
        let manifest = self.manifest();
        let segments = manifest.segments.iter().map(|entry| &entry.name);
        let there: BTreeSet<&String> =
            segments.chain(manifest.records.iter().map(|entry| &entry.name)).collect();
        if replaced.is_empty() || !replaced.iter().all(|name| there.contains(name)) {
            return Ok(Merged::default());
        }
        let merged = Merged {
            files: replaced.len(),
            into: sealed.len() + usize::from(records.is_some()),
            rows: sealed.iter().map(|entry| entry.rows).sum(),
        };
        self.commit(WrittenLot { segment: None, records }, |manifest| {
            manifest.segments.retain(|entry| !replaced.contains(&entry.name));
            manifest.records.retain(|entry| !replaced.contains(&entry.name));
            manifest.segments.extend(sealed);
        })?;
        Ok(merged)
    }

    /// About how many bytes will be read to [merge](Self::merge).
    #[must_use]
    pub fn unmerged_bytes(&self) -> u64 {
        let hours = self.unmerged(&|_| true);
        let inputs = hours.iter().flat_map(|(_, inputs)| inputs);
        let segments: BTreeMap<&str, u64> = inputs.map(|entry| (entry.name.as_str(), entry.bytes)).collect();
        segments.values().sum::<u64>()
            + self.small_records(&|_| true).iter().map(|entry| entry.bytes).sum::<u64>()
    }

    /// The hours that lots add to, each with all files that have rows of it.
    fn unmerged(&self, may: &dyn Fn(&str) -> bool) -> Vec<(i32, Vec<&SegmentEntry>)> {
        let segments =
            || self.manifest().segments.iter().filter(|entry| entry.is_sealed() || may(&entry.name));
        let young = segments().filter(|entry| !entry.is_sealed());
        let hours: BTreeSet<i32> = young.flat_map(|entry| &entry.hours).map(|(hour, _)| *hour).collect();
        let with_inputs = |hour: i32| {
            let here = |entry: &&SegmentEntry| entry.hours.iter().any(|(filed, _)| *filed == hour);
            (hour, segments().filter(here).collect())
        };
        hours.into_iter().map(with_inputs).collect()
    }

    /// Files of other records that are merged into one: none, or several.
    fn small_records(&self, may: &dyn Fn(&str) -> bool) -> Vec<&RecordsEntry> {
        let mut entries: Vec<_> = self.manifest().records.iter().filter(|entry| may(&entry.name)).collect();
        entries.sort_by_key(|entry| entry.lines);
        let mut lines = 0;
        let few = entries.iter().take_while(|entry| {
            let small = lines == 0 || entry.lines <= lines * RECORDS_GROWTH;
            lines += entry.lines;
            small
        });
        let few = few.count();
        entries.truncate(if few < 2 { 0 } else { few });
        entries
    }
}

impl ToMerge {
    /// Whether that is nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.hours.is_empty() && self.records.is_empty()
    }

    /// Merges it.
    ///
    /// # Errors
    /// When a file is damaged or cannot be written.
    pub fn write(self) -> Result<WrittenMerge, StoreError> {
        let sealed = cores::for_each(&self.hours, |(hour, inputs)| self.lots.seal(*hour, inputs))?;
        let inputs = self.hours.iter().flat_map(|(_, inputs)| inputs);
        let mut replaced: BTreeSet<String> = inputs.map(|entry| entry.name.clone()).collect();
        replaced.extend(self.records.iter().map(|entry| entry.name.clone()));
        Ok(WrittenMerge { replaced, sealed, records: self.merge_records()? })
    }

    fn merge_records(&self) -> Result<Option<RecordsEntry>, StoreError> {
        if self.records.is_empty() {
            return Ok(None);
        }
        let files = self
            .records
            .iter()
            .map(|entry| Others::open(self.lots.place(), &entry.name))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let name = self.lots.unused(RECORDS, "", "jsonl.zst");
        self.lots.records(name, |out| others::merge(&files, out)).map(Some)
    }
}

impl Lots {
    /// Merges what several files have of one hour.
    fn seal(&self, hour: i32, inputs: &[SegmentEntry]) -> Result<SegmentEntry, StoreError> {
        let segments = inputs
            .iter()
            .map(|entry| open_segment(self.place(), &entry.name))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let name = self.sealed(hour);
        let path = self.place().path_of(&name);
        let mut file = self.place().begin(&name)?;
        let told = unmasq_segment::merge(
            &segments.iter().collect::<Vec<_>>(),
            |filed| filed == hour,
            &[],
            &mut file,
        )
        .map_err(|error| StoreError::segment(&path, error))?;
        file.publish()?;
        Ok(SegmentEntry::of(name, told))
    }

    /// A name for what is merged of an hour.
    pub(crate) fn sealed(&self, hour: i32) -> String {
        self.unused(HOURS, &format!("{}-", hours::name(hour)), "parquet")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Lot, Plain};

    /// Stores a session of that hour, told in that line, and says what its file is called.
    fn store(writer: &mut Writer, hour: i64, line: u64) -> String {
        let mut lot = Lot::default();
        let mut row = Plain::default();
        row.gateway = lot.names.gateway(&"gw".into());
        row.log = lot.names.log(&"nat.log".into());
        row.file = lot.names.file(&"nat.log".into());
        (row.start, row.end) = (hour * 3_600_000_000, hour * 3_600_000_000 + 1);
        row.hour = i32::try_from(hour).unwrap();
        row.line = line;
        lot.rows.push(row);
        let written = writer.lots().write(lot).unwrap();
        let name = written.files().names().next().unwrap().to_owned();
        writer.commit(written, |_| ()).unwrap();
        name
    }

    fn rows(writer: &Writer) -> u64 {
        writer.manifest().segments.iter().map(|entry| entry.rows).sum()
    }

    #[test]
    fn what_is_stored_while_others_are_merged_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(folder.path()).unwrap();
        let [_, _, kept] = [(1, 1), (1, 2), (2, 3)].map(|(hour, line)| store(&mut writer, hour, line));
        let written = writer.to_merge(|name| name != kept).write().unwrap();
        let later = store(&mut writer, 1, 4);
        let merged = writer.commit_merge(written).unwrap();
        assert_eq!((merged.files, merged.into, merged.rows), (2, 1, 2));
        let young = writer.manifest().segments.iter().filter(|entry| !entry.is_sealed());
        assert!(young.map(|entry| &entry.name).all(|name| [&kept, &later].contains(&name)));
        assert_eq!(rows(&writer), 4);
    }

    #[test]
    fn what_was_merged_of_files_that_are_gone_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(folder.path()).unwrap();
        for line in [1, 2] {
            store(&mut writer, 1, line);
        }
        let [one, other] = [writer.to_merge(|_| true), writer.to_merge(|_| true)];
        assert!(!one.is_empty() && writer.to_merge(|_| false).is_empty());
        let [one, other] = [one.write().unwrap(), other.write().unwrap()];
        assert_eq!(writer.commit_merge(one).unwrap().into, 1);
        assert_eq!(writer.commit_merge(other).unwrap(), Merged::default());
        assert_eq!(rows(&writer), 2);
        writer.sweep_dropped().unwrap();
    }
}
