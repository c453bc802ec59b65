//! What is old is dropped.

use crate::{
    LogEntry, Manifest, RecordsEntry, SegmentEntry, StoreError, Writer, WrittenLot, cores, hours,
    others::{self, OPEN_KEPT, Others},
    rewrite::{Rewritten, Without},
    store::open_segment,
};
use serde::Serialize;
use std::{collections::BTreeSet, time::Duration};
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
    /// How many rows were left out of files that were written again.
    pub left_out: u64,
}

/// So much more is kept than is said: who held a translation just before is known of every moment that answers are
/// given about, however far clocks are apart.
const MORE: Duration = Duration::from_secs(3600);

impl Manifest {
    /// What ended before this may have been dropped.
    pub(crate) fn dropped_before(&self) -> Option<LogTime> {
        self.expired.and_then(LogTime::from_unix_us).map(|expired| expired.minus(MORE))
    }
}

impl Writer {
    /// Drops whatever ended an hour or more before a moment. Sessions that reach into a later hour stay filed under
    /// that; events of sessions whose end is not told by then stay for thirty days, unless all of their file is old.
    ///
    /// # Errors
    /// As [`merge`](Self::merge), and when the manifest cannot be written.
    pub fn expire(&mut self, before: LogTime) -> Result<Expired, StoreError> {
        self.merge()?;
        let mut expired = self.drop_before(before)?;
        let before = before.minus(MORE);
        let entries = self.manifest().records.iter().filter(|entry| entry.may_be_older(before));
        let entries: Vec<RecordsEntry> = entries.cloned().collect();
        let records = cores::for_each(&entries, |entry| self.records_since(entry, before))?;
        let rewritten =
            Rewritten { records: records.into_iter().flatten().collect(), ..Rewritten::default() };
        if rewritten.files() > 0 {
            expired.left_out += rewritten.records.iter().map(|without| without.left_out).sum::<u64>();
            self.commit(WrittenLot::default(), |manifest| rewritten.apply(manifest))?;
        }
        Ok(expired)
    }

    /// The same without merging: of a lot, nothing is dropped before all of it is old.
    ///
    /// Of other records, nothing is dropped before all of their file is old, or it is merged with others: whoever
    /// merges leaves out what ended before what was expired last.
    ///
    /// # Errors
    /// When a file is damaged, or the manifest cannot be written.
    pub fn drop_before(&mut self, before: LogTime) -> Result<Expired, StoreError> {
        let until = self.manifest().expired.map_or(before.as_unix_us(), |us| us.max(before.as_unix_us()));
        let before = before.minus(MORE);
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
            left_out: 0,
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
        let is_long =
            |entry: &&SegmentEntry| entry.is_sealed() && entry.hours[..] == [(hours::LONG, entry.rows)];
        let long: Vec<SegmentEntry> = self.manifest().segments.iter().filter(is_long).cloned().collect();
        let segments = cores::for_each(&long, |entry| self.long_since(entry, before))?;
        let rewritten =
            Rewritten { segments: segments.into_iter().flatten().collect(), ..Rewritten::default() };
        expired.left_out += rewritten.segments.iter().map(|without| without.left_out).sum::<u64>();
        self.commit(WrittenLot::default(), |manifest| {
            rewritten.apply(manifest);
            manifest.segments.retain(|entry| !names.contains(&entry.name));
            manifest.records.retain(|entry| !names.contains(&entry.name));
            manifest.logs.iter_mut().for_each(|log| forget_files(log, before));
            manifest.expired = Some(until);
        })?;
        Ok(expired)
    }

    fn is_old(&self, entry: &RecordsEntry, before: LogTime) -> Result<bool, StoreError> {
        match entry.told {
            Some((_, last)) => Ok(last < before.as_unix_us()),
            // An older version wrote it.
            None => {
                Ok(Others::open(self.place(), &entry.name)?.told()?.is_none_or(|told| told.to() < before))
            }
        }
    }

    /// A file of sessions that touch very many hours, without those that ended.
    fn long_since(
        &self,
        entry: &SegmentEntry,
        before: LogTime,
    ) -> Result<Option<Without<SegmentEntry>>, StoreError> {
        let segment = open_segment(self.place(), &entry.name)?;
        self.segment_without(entry, &segment, |row| row.end < before.as_unix_us())
    }

    /// A file of other records without what ended; `None` if that is all of it.
    fn records_since(
        &self,
        entry: &RecordsEntry,
        before: LogTime,
    ) -> Result<Option<Without<RecordsEntry>>, StoreError> {
        let file = [Others::open(self.place(), &entry.name)?];
        let without = self.records_without(entry, |out| {
            let written = others::merge_since(before, &file, out)?;
            let left_out = entry.lines - written.lines;
            Ok((written, left_out))
        })?;
        Ok(Some(without).filter(|without| without.left_out > 0))
    }
}

/// Forgets which files were read of a log when none of their records can be there any more. Whoever imports whole
/// folders again and again does not have them there by then.
fn forget_files(log: &mut LogEntry, before: LogTime) {
    let before = before.minus(OPEN_KEPT).as_unix_us();
    log.files.retain(|file| file.whole.is_none() || file.last.is_none_or(|last| last >= before));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FileEntry, LogFacts, Lot, Plain, ShownEntry};
    use unmasq_io::source::Content;

    const HOUR: i64 = 3_600;
    const DAY: i64 = 24 * HOUR;

    fn at(seconds: i64) -> LogTime {
        LogTime::from_unix_seconds(1_000_000_000 + seconds).unwrap()
    }

    /// Stores sessions that lasted so, told in a line each.
    fn store(writer: &mut Writer, sessions: &[(i64, i64)]) {
        let mut lot = Lot::default();
        for (line, (start, end)) in (1..).zip(sessions) {
            let mut row = Plain::default();
            row.gateway = lot.names.gateway(&"gw".into());
            row.log = lot.names.log(&"nat.log".into());
            row.file = lot.names.file(&"nat.log".into());
            (row.start, row.end) = (at(*start).as_unix_us(), at(*end).as_unix_us());
            row.line = line;
            for hour in hours::filed(unmasq_model::Span::between(at(*start), at(*end))) {
                row.hour = hour;
                lot.rows.push(row);
            }
        }
        let written = writer.lots().write(&lot).unwrap();
        writer.commit(written, |_| ()).unwrap();
    }

    fn rows(writer: &Writer, hour: i32) -> u64 {
        let hours = writer.manifest().segments.iter().flat_map(|entry| &entry.hours);
        hours.filter(|(filed, _)| *filed == hour).map(|(_, rows)| rows).sum()
    }

    #[test]
    fn a_long_session_goes_when_it_is_old_too() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(folder.path()).unwrap();
        store(&mut writer, &[(0, 10), (0, 2 * DAY), (0, 5 * DAY), (4 * DAY, 4 * DAY + HOUR)]);
        assert_eq!(rows(&writer, hours::LONG), 2);
        writer.expire(at(2 * DAY)).unwrap();
        assert_eq!(rows(&writer, hours::LONG), 2, "both reach into what is kept");
        let names = |writer: &Writer| -> Vec<String> {
            writer.manifest().segments.iter().map(|entry| entry.name.clone()).collect()
        };
        let before = names(&writer);
        assert_eq!(writer.expire(at(2 * DAY)).unwrap(), Expired::default());
        assert_eq!(names(&writer), before, "nothing is written again for nothing");
        assert_eq!(writer.expire(at(3 * DAY)).unwrap().left_out, 1);
        assert_eq!(rows(&writer, hours::LONG), 1);
        writer.expire(at(6 * DAY)).unwrap();
        assert_eq!(writer.manifest().segments, []);
    }

    #[test]
    fn a_file_is_forgotten_long_after_its_records() {
        let file = |whole, last| FileEntry {
            name: "nat.log".into(),
            head: Content::of(b"head"),
            position: 1,
            waiting: Vec::new(),
            whole,
            skipped: 0,
            records: 1,
            broken: false,
            last,
        };
        let whole = Some(Content::of(b"head and all"));
        let (old, young) = (Some(at(0).as_unix_us()), Some(at(DAY).as_unix_us()));
        let kept = [file(None, old), file(whole, young), file(whole, None)];
        let mut log = LogEntry {
            name: "nat".into(),
            gateway: "gw".into(),
            format: "alibaba-nat".into(),
            facts: LogFacts::default(),
            files: [&[file(whole, old)][..], &kept].concat(),
            shown: ShownEntry::default(),
        };
        forget_files(&mut log, at(DAY));
        assert_eq!(log.files.len(), 4);
        forget_files(&mut log, at(DAY).plus(OPEN_KEPT));
        assert_eq!(log.files, kept);
    }
}
