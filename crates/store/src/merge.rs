//! Lots become one file for each hour.

use crate::{
    HOURS, Lots, RECORDS, SegmentEntry, StoreError, Writer, WrittenLot, cores, hours,
    others::{self, Others},
    store::open_segment,
};
use serde::Serialize;
use std::collections::BTreeSet;

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

impl Writer {
    /// Merges all lots, and the hours that they add to, into one sorted file for each hour.
    ///
    /// # Errors
    /// When a file is damaged or cannot be written; the store is then as it was.
    pub fn merge(&mut self) -> Result<Merged, StoreError> {
        let mut merged = Merged::default();
        let young = |entry: &&SegmentEntry| !entry.is_sealed();
        let hours: BTreeSet<i32> = self
            .manifest()
            .segments
            .iter()
            .filter(young)
            .flat_map(|s| &s.hours)
            .map(|(hour, _)| *hour)
            .collect();
        let mut replaced: BTreeSet<String> =
            self.manifest().segments.iter().filter(young).map(|entry| entry.name.clone()).collect();
        let hours: Vec<(i32, Vec<&SegmentEntry>)> = hours
            .into_iter()
            .map(|hour| {
                let here = |entry: &&SegmentEntry| entry.hours.iter().any(|(filed, _)| *filed == hour);
                (hour, self.manifest().segments.iter().filter(here).collect())
            })
            .collect();
        let sealed = cores::for_each(&hours, |(hour, inputs)| self.seal(*hour, inputs))?;
        let inputs = hours.iter().flat_map(|(_, inputs)| inputs);
        replaced.extend(inputs.map(|entry| entry.name.clone()));
        merged.files += replaced.len();
        merged.into += sealed.len();
        merged.rows += sealed.iter().map(|entry| entry.rows).sum::<u64>();
        let (records, gone) = self.merge_records()?;
        merged.files += gone.len();
        merged.into += records.is_some() as usize;
        replaced.extend(gone);
        if !replaced.is_empty() {
            self.commit(WrittenLot { segment: None, records }, |manifest| {
                manifest.segments.retain(|entry| !replaced.contains(&entry.name));
                manifest.records.retain(|entry| !replaced.contains(&entry.name));
                manifest.segments.extend(sealed);
            })?;
        }
        Ok(merged)
    }

    /// Merges what several files have of one hour.
    fn seal(&self, hour: i32, inputs: &[&SegmentEntry]) -> Result<SegmentEntry, StoreError> {
        let segments = inputs
            .iter()
            .map(|entry| open_segment(self.folder(), &entry.name))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let name = self.lots().sealed(hour);
        let path = self.folder().path_of(&name);
        let mut file = self.folder().begin(&name)?;
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

    /// Merges files of other records that are small beside what came after them.
    fn merge_records(&self) -> Result<(Option<crate::RecordsEntry>, Vec<String>), StoreError> {
        let mut entries: Vec<_> = self.manifest().records.iter().collect();
        entries.sort_by_key(|entry| entry.lines);
        let mut lines = 0;
        let few = entries.iter().take_while(|entry| {
            let small = lines == 0 || entry.lines <= lines * RECORDS_GROWTH;
            lines += entry.lines;
            small
        });
        let few = few.count();
        if few < 2 {
            return Ok((None, Vec::new()));
        }
        let names: Vec<String> = entries[..few].iter().map(|entry| entry.name.clone()).collect();
        let files = names
            .iter()
            .map(|name| Others::open(self.folder(), name))
            .collect::<Result<Vec<_>, StoreError>>()?;
        let name = self.lots().unused(RECORDS, "", "jsonl.zst");
        let entry = self.lots().records(name, |out| others::merge(&files, out))?;
        Ok((Some(entry), names))
    }
}

impl Lots {
    /// A name for what is merged of an hour.
    pub(crate) fn sealed(&self, hour: i32) -> String {
        self.unused(HOURS, &format!("{}-", hours::name(hour)), "parquet")
    }
}
