//! Which files there are, looked at again and again.

use crate::NodeError;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};
use unmasq_io::source::{FileIdentity, Location, ReadError, Tail, expand_in};

/// The files that some patterns mean.
#[derive(Debug, Default)]
pub(super) struct Files {
    seen: BTreeMap<PathBuf, Seen>,
    identities: BTreeSet<FileIdentity>,
    /// Those that were there when it was looked the time before.
    before: BTreeSet<FileIdentity>,
    /// As each was when it was read.
    read: BTreeMap<PathBuf, Seen>,
}

/// A file, as it was when it was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    pub(super) identity: FileIdentity,
    pub(super) bytes: u64,
    written: Option<SystemTime>,
}

impl Files {
    /// Looks at what the patterns mean; says whether those are other files than before, or one that was empty is not.
    pub(super) fn look(&mut self, patterns: &[String]) -> bool {
        let mut seen = BTreeMap::new();
        for pattern in patterns {
            for found in expand_in(Path::new(""), pattern).unwrap_or_default() {
                let Location::File(path) = found.location else { continue };
                if let Ok(facts) = fs::metadata(&path)
                    && let Ok(identity) = FileIdentity::of(&path)
                {
                    let (bytes, written) = (facts.len(), facts.modified().ok());
                    seen.insert(path, Seen { identity, bytes, written });
                }
            }
        }
        let shape = |seen: &BTreeMap<PathBuf, Seen>| -> Vec<(PathBuf, FileIdentity, bool)> {
            seen.iter().map(|(path, seen)| (path.clone(), seen.identity, seen.bytes == 0)).collect()
        };
        let is_other = shape(&seen) != shape(&self.seen);
        self.before = std::mem::take(&mut self.identities);
        self.identities = seen.values().map(|seen| seen.identity).collect();
        self.seen = seen;
        is_other
    }

    /// How a file was when it was looked at last.
    pub(super) fn seen(&self, path: &Path) -> Option<Seen> {
        self.seen.get(path).copied()
    }

    /// Whether any name means this file.
    pub(super) fn has(&self, identity: FileIdentity) -> bool {
        self.identities.contains(&identity)
    }

    /// Whether a name meant this file until just now.
    pub(super) fn is_missed(&self, identity: FileIdentity) -> bool {
        self.before.contains(&identity)
    }

    /// Whether a file is another than when this was asked last.
    pub(super) fn has_changed(&mut self, path: &Path) -> bool {
        let Some(seen) = self.seen.get(path) else { return false };
        self.read.insert(path.to_owned(), *seen) != Some(*seen)
    }

    /// Takes a file for one that was never read.
    pub(super) fn read_again(&mut self, path: &Path) {
        self.read.remove(path);
    }

    /// Takes every file for one that was never read.
    pub(super) fn read_nothing(&mut self) {
        self.read.clear();
    }

    /// Opens a file to be read on as it grows; `None` if it does not grow line by line.
    pub(super) fn tail(&self, path: &Path) -> Result<Option<Tail>, NodeError> {
        Tail::open(path)
            .map_err(|source| NodeError::Read(ReadError::Open { file: path.display().to_string(), source }))
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = (&PathBuf, &Seen)> {
        self.seen.iter()
    }
}

/// That a file cannot be opened, or not from where it is wanted.
pub(super) fn unopened(path: &Path, source: io::Error) -> NodeError {
    NodeError::Read(ReadError::Open { file: path.display().to_string(), source })
}
