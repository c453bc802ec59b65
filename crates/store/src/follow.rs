//! A store that somebody writes to, read again and again.

use crate::{Other, Plain, Store, StoreError, WrittenLot, hours};
use unmasq_model::LogTime;
use unmasq_segment::{Columns, Names};

/// The files of a lot.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LotFiles {
    segment: Option<String>,
    records: Option<String>,
}

impl LotFiles {
    /// What they are called.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segment.iter().chain(&self.records).map(String::as_str)
    }
}

impl WrittenLot {
    /// What its files are called.
    #[must_use]
    pub fn files(&self) -> LotFiles {
        LotFiles {
            segment: self.segment.as_ref().map(|entry| entry.name.clone()),
            records: self.records.as_ref().map(|entry| entry.name.clone()),
        }
    }
}

impl Store {
    /// Gives everything that one lot holds to `plain` and `other`. Its files may be merged by now, as long as they
    /// were not removed.
    ///
    /// # Errors
    /// When a file is missing or damaged; some of it has been given out then.
    pub fn each_of(
        &self,
        lot: &LotFiles,
        mut plain: impl FnMut(&[Plain], &Names),
        other: impl FnMut(&Other),
    ) -> Result<(), StoreError> {
        if let Some(name) = &lot.segment {
            let path = self.place().path_of(name);
            let segment = self.segment(name)?;
            segment
                .scan(|_| true, Columns::All, |rows| plain(rows, segment.names()))
                .map_err(|error| StoreError::segment(&path, error))?;
        }
        if let Some(name) = &lot.records {
            self.records(name)?.each(other)?;
        }
        Ok(())
    }

    /// The files of plain sessions that are filed under an hour which was not over by `since`, each with what its names
    /// are.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn names_since(&self, since: LogTime) -> Result<Vec<(String, Names)>, StoreError> {
        let first = hours::hour(since);
        let entries = self.manifest().segments.iter();
        let young = entries.filter(|entry| entry.hours.iter().any(|(hour, _)| *hour >= first));
        young.map(|entry| Ok((entry.name.clone(), self.segment(&entry.name)?.names().clone()))).collect()
    }

    /// Gives the plain sessions of one file that are filed under such an hour to `each`, some thousand at a time. One
    /// that is filed under several comes under each.
    ///
    /// # Errors
    /// As [`each_of`](Self::each_of).
    pub fn each_since(
        &self,
        file: &str,
        since: LogTime,
        each: impl FnMut(&[Plain]),
    ) -> Result<(), StoreError> {
        let (path, first) = (self.place().path_of(file), hours::hour(since));
        self.segment(file)?
            .scan(|hour| hour >= first, Columns::All, each)
            .map_err(|error| StoreError::segment(&path, error))
    }
}
