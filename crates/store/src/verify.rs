//! Whether everything is there as it was written.

use crate::{
    DROPPED, GROUPS, HOURS, INVENTORY, Manifest, RECORDS, Store, StoreError, folder::aside, place::StoredFile,
};
use serde::Serialize;
use std::{collections::BTreeSet, path::PathBuf};
use unmasq_segment::Source;

/// What a store was found to be.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// How many files were read.
    pub files: usize,
    /// How many bytes.
    pub bytes: u64,
    /// How many rows and lines.
    pub rows: u64,
    /// What is wrong, in order of name.
    pub findings: Vec<Finding>,
}

/// Something that is not as it was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Finding {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// Whether something is missing or wrong because of it.
    pub is_loss: bool,
}

impl Finding {
    fn of(path: PathBuf, error: &StoreError, is_loss: bool) -> Self {
        let mut what = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            what += &format!(": {error}");
            cause = error.source();
        }
        Self { path, what, is_loss }
    }
}

impl Store {
    /// Reads all of it, and compares it with what was written.
    ///
    /// # Errors
    /// When its folders cannot be listed.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        let mut verified = Verified { files: 0, bytes: 0, rows: 0, findings: Vec::new() };
        for wrong in self.wrong() {
            verified.findings.push(Finding::of(self.place().path().to_owned(), wrong, true));
        }
        for damaged in self.manifest().damaged(self.place())? {
            verified.findings.push(Finding::of(self.place().path().to_owned(), &damaged, false));
        }
        for entry in &self.manifest().segments {
            let read = || {
                let segment = crate::store::open_segment(self.place(), &entry.name)?;
                let path = self.place().path_of(&entry.name);
                let rows = segment.rows();
                segment.verify().map_err(|error| StoreError::segment(&path, error)).map(|()| rows)
            };
            verified.add(self, &entry.name, (entry.bytes, entry.checksum), entry.rows, read);
        }
        for entry in &self.manifest().records {
            let read = || crate::others::Others::open(self.place(), &entry.name)?.verify();
            verified.add(self, &entry.name, (entry.bytes, entry.checksum), entry.lines, read);
        }
        if let Some(entry) = &self.manifest().inventory {
            let bytes = self.place().read(&entry.name).map_or(0, |bytes| bytes.len() as u64);
            verified.add(self, &entry.name, (bytes, entry.checksum), 0, || Ok(0));
        }
        verified.strangers(self)?;
        verified.findings.sort();
        verified.findings.dedup();
        Ok(verified)
    }
}

impl Verified {
    /// Reads one file: all its bytes, and what they say.
    fn add(
        &mut self,
        store: &Store,
        name: &str,
        (bytes, checksum): (u64, u32),
        rows: u64,
        read: impl FnOnce() -> Result<u64, StoreError>,
    ) {
        let path = store.place().path_of(name);
        self.files += 1;
        let mut fault =
            |what: String| self.findings.push(Finding { path: path.clone(), what, is_loss: true });
        match store.place().open(name).and_then(|file| sum(&file).map_err(StoreError::read(&path))) {
            Ok(found) if found == (bytes, checksum) => self.bytes += bytes,
            Ok((found, _)) if found != bytes => fault(format!("it has {found} bytes in place of {bytes}")),
            Ok(_) => fault("its checksum does not fit".to_owned()),
            Err(error) => return self.findings.push(Finding::of(path, &error, true)),
        }
        match read() {
            Ok(found) if found == rows => self.rows += rows,
            Ok(found) => fault(format!("it has {found} rows in place of {rows}")),
            Err(error) => self.findings.push(Finding::of(path, &error, true)),
        }
    }

    /// Files that nobody knows of: what a crash left, or something that does not belong here.
    fn strangers(&mut self, store: &Store) -> Result<(), StoreError> {
        let manifest: &Manifest = store.manifest();
        let dropped = manifest.dropped.iter().map(|dropped| dropped.name.as_str());
        let known: BTreeSet<String> = manifest.files().chain(dropped).map(aside).collect();
        for inner in [GROUPS, HOURS, RECORDS, INVENTORY, DROPPED] {
            for name in store.place().names(inner)? {
                if !known.contains(&aside(&name)) {
                    let what = "it is no part of the store; a later import removes it".to_owned();
                    let path = store.place().path_of(&name);
                    self.findings.push(Finding { path, what, is_loss: false });
                }
            }
        }
        Ok(())
    }
}

/// So much of a file is read at a time.
const PART_BYTES: u64 = 8 << 20;

/// How many bytes a file has, and their CRC-32.
fn sum(file: &StoredFile) -> std::io::Result<(u64, u32)> {
    let (mut crc, bytes, mut at) = (crc32fast::Hasher::new(), file.len()?, 0);
    while at < bytes {
        let end = bytes.min(at + PART_BYTES);
        crc.update(&file.read(at..end)?);
        at = end;
    }
    Ok((bytes, crc.finalize()))
}
