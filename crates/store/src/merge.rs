//! Lots become one file for each hour.

use crate::{
    HOURS, Lots, RECORDS, RecordsEntry, SegmentEntry, StoreError, Writer, WrittenLot, cores, hours,
    others::{self, Others},
    store::open_segment,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use unmasq_model::LogTime;

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

/// How much is written again when lots are merged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// Everything of the hours that lots add to: each is one file then.
    Hours,
    /// Of an hour only what is about as large as what comes, so that each row is written again a few times, however many
    /// lots come. An hour has a few files then, and fewer when it is over.
    Sizes,
}

/// As long as more comes of an hour, so many files become one of which none has more than so many times the rows of those
/// before it.
const GROWING: (usize, u64) = (8, 4);
/// When it is over, even one.
const OVER: (usize, u64) = (1, 16);
/// What has so many rows is not written again: that would take a minute, and lots come meanwhile.
const LARGE: u64 = 16 << 20;

/// What is to be merged: whoever writes it need not be the one who [commits](Writer::commit_merge) it, and lots may be
/// committed in the meantime.
#[derive(Debug)]
pub struct ToMerge {
    lots: Lots,
    /// Hours, each with files that have rows of it.
    hours: Vec<(i32, Vec<SegmentEntry>)>,
    /// Files of other records, …
    records: Vec<RecordsEntry>,
    /// … of which only what ended later is kept.
    expired: Option<LogTime>,
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
        let written = self.to_merge(Depth::Hours, |_| true).write()?;
        self.commit_merge(written)
    }

    /// What there is to be merged now, of the lots that may be.
    #[must_use]
    pub fn to_merge(&self, depth: Depth, may: impl Fn(&str) -> bool) -> ToMerge {
        let owned = |(hour, inputs): (i32, Vec<&SegmentEntry>)| (hour, inputs.into_iter().cloned().collect());
        ToMerge {
            lots: self.lots(),
            hours: self.unmerged(depth, &may).into_iter().map(owned).collect(),
            records: self.small_records(&may).into_iter().cloned().collect(),
            expired: self.manifest().dropped_before(),
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
        let hours = self.unmerged(Depth::Hours, &|_| true);
        let inputs = hours.iter().flat_map(|(_, inputs)| inputs);
        let segments: BTreeMap<&str, u64> = inputs.map(|entry| (entry.name.as_str(), entry.bytes)).collect();
        segments.values().sum::<u64>()
            + self.small_records(&|_| true).iter().map(|entry| entry.bytes).sum::<u64>()
    }

    /// Hours with their files that become one: the lots, and what is merged already as far as `depth` says.
    fn unmerged(&self, depth: Depth, may: &dyn Fn(&str) -> bool) -> Vec<(i32, Vec<&SegmentEntry>)> {
        let mut hours: BTreeMap<i32, Hour<'_>> = BTreeMap::new();
        for entry in &self.manifest().segments {
            for (hour, rows) in &entry.hours {
                let known = hours.entry(*hour).or_default();
                if entry.is_sealed() {
                    known.sealed.push(entry);
                } else if may(&entry.name) {
                    known.lots.push(entry);
                    known.new += rows;
                }
            }
        }
        let last = hours.keys().copied().filter(|hour| *hour != hours::LONG).max();
        let inputs = hours.into_iter().map(|(hour, known)| {
            // Records of the hour before the last still come.
            let is_over = last.is_some_and(|last| hour.saturating_add(1) < last);
            (hour, known.inputs(depth, is_over))
        });
        inputs.filter(|(_, inputs)| !inputs.is_empty()).collect()
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

/// The files of an hour.
#[derive(Default)]
struct Hour<'m> {
    sealed: Vec<&'m SegmentEntry>,
    lots: Vec<&'m SegmentEntry>,
    /// How many rows the lots have of it.
    new: u64,
}

impl<'m> Hour<'m> {
    /// Those that become one; none if none need to.
    fn inputs(self, depth: Depth, is_over: bool) -> Vec<&'m SegmentEntry> {
        let Self { sealed, lots, new } = self;
        let mut inputs = match depth {
            Depth::Hours if lots.is_empty() => Vec::new(),
            Depth::Hours => sealed,
            Depth::Sizes => of_one_size(new, sealed, if is_over { OVER } else { GROWING }),
        };
        if lots.is_empty() && inputs.len() < 2 {
            return Vec::new();
        }
        inputs.extend(lots);
        inputs
    }
}

/// Of an hour's merged files those that are written again with so many new rows: the smallest, as long as there are always
/// `few` of which none has more than `times` the rows of all before them.
fn of_one_size(new: u64, mut sealed: Vec<&SegmentEntry>, (few, times): (usize, u64)) -> Vec<&SegmentEntry> {
    sealed.retain(|entry| entry.rows < LARGE);
    sealed.sort_by_key(|entry| entry.rows);
    let (mut taken, mut rows) = (0, new);
    if new == 0 {
        (taken, rows) = sealed.first().map_or((0, 0), |least| (1, least.rows));
    }
    loop {
        let near = sealed[taken..].iter().take_while(|entry| entry.rows <= rows * times).count();
        if near < few {
            sealed.truncate(taken);
            return sealed;
        }
        rows += sealed[taken..taken + near].iter().map(|entry| entry.rows).sum::<u64>();
        taken += near;
    }
}

impl ToMerge {
    /// Whether that is nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.hours.is_empty() && self.records.is_empty()
    }

    /// Merges it, with all cores.
    ///
    /// # Errors
    /// When a file is damaged or cannot be written.
    pub fn write(self) -> Result<WrittenMerge, StoreError> {
        let sealed = cores::for_each(&self.hours, |(hour, inputs)| self.lots.seal(*hour, inputs))?;
        self.written(sealed)
    }

    /// The same with one core: others have something to do meanwhile.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_beside(self) -> Result<WrittenMerge, StoreError> {
        let sealed = self.hours.iter().map(|(hour, inputs)| self.lots.seal(*hour, inputs));
        let sealed = sealed.collect::<Result<_, _>>()?;
        self.written(sealed)
    }

    fn written(self, sealed: Vec<SegmentEntry>) -> Result<WrittenMerge, StoreError> {
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
        let old = self.expired.filter(|before| self.records.iter().any(|entry| entry.may_be_older(*before)));
        let told = || {
            let told = self.records.iter().map(|entry| entry.told).collect::<Option<Vec<_>>>()?;
            Some((told.iter().map(|told| told.0).min()?, told.iter().map(|told| told.1).max()?))
        };
        let merged = self.lots.records(name, |out| match old {
            Some(before) => others::merge_since(before, &files, out),
            None => others::merge(&files, out),
        })?;
        Ok(merged.map(|entry| RecordsEntry { told: entry.told.or_else(told), ..entry }))
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
        let written = writer.lots().write(&lot).unwrap();
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
        let written = writer.to_merge(Depth::Hours, |name| name != kept).write().unwrap();
        let later = store(&mut writer, 1, 4);
        let merged = writer.commit_merge(written).unwrap();
        assert_eq!((merged.files, merged.into, merged.rows), (2, 1, 2));
        let young = writer.manifest().segments.iter().filter(|entry| !entry.is_sealed());
        assert!(young.map(|entry| &entry.name).all(|name| [&kept, &later].contains(&name)));
        assert_eq!(rows(&writer), 4);
    }

    #[test]
    fn each_row_is_written_again_a_few_times_however_many_lots_come() {
        let entry = |rows| SegmentEntry {
            name: format!("{HOURS}/x"),
            rows,
            bytes: rows,
            checksum: 0,
            hours: vec![(1, rows)],
        };
        let (mut sealed, mut written, mut most) = (Vec::new(), 0, 0);
        for _ in 0..1_000 {
            let taken: Vec<u64> =
                of_one_size(1_000, sealed.iter().collect(), GROWING).iter().map(|entry| entry.rows).collect();
            for rows in &taken {
                let place = sealed.iter().position(|entry: &SegmentEntry| entry.rows == *rows).unwrap();
                sealed.swap_remove(place);
            }
            let rows = 1_000 + taken.iter().sum::<u64>();
            written += rows;
            sealed.push(entry(rows));
            most = most.max(sealed.len());
        }
        assert_eq!(sealed.iter().map(|entry| entry.rows).sum::<u64>(), 1_000_000);
        assert!(written <= 4_500_000 && most <= 30, "{written} rows written, {most} files");
        // When the hour is over.
        let rest = of_one_size(0, sealed.iter().collect(), OVER);
        assert_eq!((rest.len(), sealed.len()), (8, 8));
        // What is large stays, whatever comes.
        let large = [entry(LARGE), entry(LARGE + 1)];
        assert!(of_one_size(LARGE, large.iter().collect(), OVER).is_empty());
    }

    #[test]
    fn what_was_merged_of_files_that_are_gone_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(folder.path()).unwrap();
        for line in [1, 2] {
            store(&mut writer, 1, line);
        }
        let to_merge = || writer.to_merge(Depth::Hours, |_| true);
        let [one, other] = [to_merge(), to_merge()];
        assert!(!one.is_empty() && writer.to_merge(Depth::Hours, |_| false).is_empty());
        let [one, other] = [one.write().unwrap(), other.write().unwrap()];
        assert_eq!(writer.commit_merge(one).unwrap().into, 1);
        assert_eq!(writer.commit_merge(other).unwrap(), Merged::default());
        assert_eq!(rows(&writer), 2);
        writer.sweep_dropped().unwrap();
    }
}
