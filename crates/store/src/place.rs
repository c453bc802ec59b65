//! Where the files of a store lie.

use crate::{
    StoreError,
    bucket::{Bucket, Object, Upload},
    folder::{Folder, LocalFile, NewFile},
};
use bytes::Bytes;
use std::{
    fs::File,
    io::{self, Write},
    ops::Range,
    path::{Path, PathBuf},
};
use unmasq_io::{disk::OnDisk, source::Meter};
use unmasq_segment::Source;

/// Where the files of a store lie: whatever kind it is of, a file is there whole or not at all, and is never
/// written a second time.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Folder(Folder),
    Bucket(Bucket),
}

/// A file of a store, to be read.
#[derive(Debug)]
pub(crate) enum StoredFile {
    Local(LocalFile),
    Object(Object),
}

/// A file of a store that is being written.
pub(crate) enum Unpublished {
    Local(NewFile),
    Upload(Upload),
}

/// A file of which a store does not know.
pub(crate) struct Listed {
    pub(crate) name: String,
    /// When it was written, in seconds since the Unix epoch; `None` where only one writes at a time, and nobody
    /// can be about to make it known.
    pub(crate) written: Option<i64>,
}

impl Place {
    /// The place that somebody named: a folder, or `s3://BUCKET/PREFIX`.
    pub(crate) fn at(path: &Path) -> Result<Self, StoreError> {
        match path.to_str().and_then(|text| text.split_once("://")) {
            None => Ok(Self::Folder(Folder::at(path))),
            Some(("s3", rest)) => Bucket::at(path, rest).map(Self::Bucket),
            Some((scheme, _)) => Err(StoreError::BadPlace {
                path: path.to_owned(),
                what: format!("a store lies in a folder or at s3://BUCKET/PREFIX, not at `{scheme}`"),
            }),
        }
    }

    /// The same; where it is a folder, on a disk that is asked.
    pub(crate) fn on(self, disk: OnDisk) -> Self {
        match self {
            Self::Folder(folder) => Self::Folder(folder.on(disk)),
            Self::Bucket(bucket) => Self::Bucket(bucket),
        }
    }

    /// Makes what must be there before anything is written.
    pub(crate) fn make(&self, inner: &[&str]) -> Result<(), StoreError> {
        match self {
            Self::Folder(folder) => folder.make(inner),
            Self::Bucket(_) => Ok(()),
        }
    }

    /// Keeps others from writing as long as the file is held, where that can be done; elsewhere the manifest's
    /// name is what two writers meet at.
    pub(crate) fn lock(&self) -> Result<Option<File>, StoreError> {
        match self {
            Self::Folder(folder) => folder.lock().map(Some),
            Self::Bucket(_) => Ok(None),
        }
    }

    /// Makes sure, where a store is begun, that two writers can be told apart.
    pub(crate) fn try_fence(&self, unused: &str) -> Result<(), StoreError> {
        match self {
            Self::Folder(_) => Ok(()),
            Self::Bucket(bucket) => bucket.try_fence(unused),
        }
    }

    /// As people call it.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Folder(folder) => folder.path(),
            Self::Bucket(bucket) => bucket.path(),
        }
    }

    /// Counts the bytes that are read of files that were [opened](Self::open).
    pub(crate) fn meter(&self) -> &Meter {
        match self {
            Self::Folder(folder) => folder.meter(),
            Self::Bucket(bucket) => bucket.meter(),
        }
    }

    /// What people call one of its files.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.path_of(name),
            Self::Bucket(bucket) => bucket.path_of(name),
        }
    }

    /// All of a file.
    pub(crate) fn read(&self, name: &str) -> Result<Bytes, StoreError> {
        match self {
            Self::Folder(folder) => folder.read(name).map(Bytes::from),
            Self::Bucket(bucket) => bucket.read(name),
        }
    }

    pub(crate) fn open(&self, name: &str) -> Result<StoredFile, StoreError> {
        match self {
            Self::Folder(folder) => folder.open(name).map(StoredFile::Local),
            Self::Bucket(bucket) => bucket.open(name).map(StoredFile::Object),
        }
    }

    /// The names of the files in one of its folders (`""` is itself), in order; none if it is not there.
    pub(crate) fn names(&self, inner: &str) -> Result<Vec<String>, StoreError> {
        Ok(self.list(inner)?.into_iter().map(|listed| listed.name).collect())
    }

    /// The same, with when they were written.
    pub(crate) fn list(&self, inner: &str) -> Result<Vec<Listed>, StoreError> {
        match self {
            Self::Folder(folder) => {
                let names = folder.names(inner)?.into_iter();
                Ok(names.map(|name| Listed { name, written: None }).collect())
            }
            Self::Bucket(bucket) => bucket.list(inner),
        }
    }

    /// Begins a file that nobody sees before it is [published](Unpublished::publish).
    pub(crate) fn begin(&self, name: &str) -> Result<Unpublished, StoreError> {
        match self {
            Self::Folder(folder) => folder.begin(name).map(Unpublished::Local),
            Self::Bucket(bucket) => bucket.begin(name).map(Unpublished::Upload),
        }
    }

    /// Writes a file.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the name is taken: somebody else writes to this store.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        match self {
            Self::Folder(folder) => folder.put(name, bytes),
            Self::Bucket(bucket) => bucket.put(name, &Bytes::copy_from_slice(bytes)),
        }
    }

    /// Puts a file that is no part of the store any more where only those find it who look for it by its name. An
    /// object cannot be moved: it stays where it is.
    pub(crate) fn set_aside(&self, name: &str) -> Result<(), StoreError> {
        match self {
            Self::Folder(folder) => folder.set_aside(name),
            Self::Bucket(_) => Ok(()),
        }
    }

    /// Puts a file back that was set aside.
    pub(crate) fn put_back(&self, name: &str) -> Result<(), StoreError> {
        match self {
            Self::Folder(folder) => folder.put_back(name),
            Self::Bucket(_) => Ok(()),
        }
    }

    /// Removes a file; one that is gone already is no error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        match self {
            Self::Folder(folder) => folder.remove(name),
            Self::Bucket(bucket) => bucket.remove(name),
        }
    }

    /// Removes what a crash left of files that never had a name. Only whoever holds the lock may.
    pub(crate) fn sweep(&self, inner: &[&str]) -> Result<(), StoreError> {
        match self {
            Self::Folder(folder) => folder.sweep(inner),
            // An object has its name from the first moment on, or is none.
            Self::Bucket(_) => Ok(()),
        }
    }
}

impl Source for StoredFile {
    fn len(&self) -> io::Result<u64> {
        match self {
            Self::Local(file) => file.len(),
            Self::Object(object) => object.len(),
        }
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        match self {
            Self::Local(file) => file.read(range),
            Self::Object(object) => object.read(range),
        }
    }
}

impl Unpublished {
    /// Gives the file its name, when all of it is there to stay.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the name is taken: somebody else writes to this store.
    pub(crate) fn publish(self) -> Result<(), StoreError> {
        match self {
            Self::Local(file) => file.publish(),
            Self::Upload(upload) => upload.publish(),
        }
    }
}

impl Write for Unpublished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Local(file) => file.write(bytes),
            Self::Upload(upload) => upload.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Local(file) => file.flush(),
            // What is not a full part yet goes with the rest; nobody sees any of it before.
            Self::Upload(_) => Ok(()),
        }
    }
}
