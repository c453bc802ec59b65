//! Why a store could not do what was asked.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a store could not do what was asked. What was acknowledged before is there all the same.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store.
    #[error("there is no store in `{}`", .path.display())]
    NoStore {
        /// The place.
        path: PathBuf,
    },
    /// No store can be there.
    #[error("`{}` cannot be used: {what}", .path.display())]
    BadPlace {
        /// The place.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// Two who write there would not notice each other.
    #[error("`{}` is on a server that does not refuse to overwrite (`If-None-Match: *` of PUT)", .path.display())]
    Unfenced {
        /// The place.
        path: PathBuf,
    },
    /// Another process writes to it.
    #[error("another process is writing to `{}`", .path.display())]
    Busy {
        /// The place.
        path: PathBuf,
    },
    /// Somebody else wrote in between; nothing of what was being written is in the store.
    #[error("another writer has put `{}` there", .path.display())]
    Fenced {
        /// What was to be written.
        path: PathBuf,
    },
    /// It was made by a later version.
    #[error("`{}` was made by a later version of this program", .path.display())]
    Later {
        /// The manifest.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("`{}` is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// In which way.
        what: String,
    },
}

impl StoreError {
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Read { path, source }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Write { path, source }
    }

    /// For what a file of plain sessions was found to be.
    pub(crate) fn segment(path: &Path, error: impl std::error::Error) -> Self {
        Self::Damaged { path: path.to_owned(), what: error.to_string() }
    }

    /// What to try.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoStore { .. } => {
                "make one with `unmasq import --store DIR LOGS`, or check the path".into()
            }
            Self::BadPlace { .. } => {
                "give a folder, or s3://BUCKET/PREFIX with AWS_REGION, AWS_ENDPOINT_URL and the keys in the environment"
                    .into()
            }
            Self::Unfenced { .. } => "use a later version of the server, or a folder".into(),
            Self::Busy { .. } => "wait until it is done; reading needs no waiting".into(),
            Self::Fenced { .. } => "let only one process write to a store, then run this again".into(),
            Self::Later { .. } => "use that version".into(),
            Self::Read { path, source } | Self::Write { path, source }
                if is_object(path) && source.kind() != io::ErrorKind::NotFound =>
            {
                "check AWS_ENDPOINT_URL (and AWS_ALLOW_HTTP=true if it is http), AWS_REGION and the keys, and run this \
                 again: what was stored before is there"
                    .into()
            }
            Self::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "read it as a user who may, or change its permissions".into()
            }
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "somebody may have merged files in the meantime: run this again, then `unmasq store verify`"
                    .into()
            }
            Self::Write { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                "make room and run this again: what was stored before is there, and nothing doubles".into()
            }
            Self::Write { .. } => "check that the folder may be written to, and run this again".into(),
            Self::Read { .. } | Self::Damaged { .. } => {
                "`unmasq store verify` says what else is wrong; restore the file, or import its logs again"
                    .into()
            }
        }
    }
}

/// Whether it is no file, but an object of a bucket.
fn is_object(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.starts_with("s3://"))
}
