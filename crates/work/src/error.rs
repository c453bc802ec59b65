//! What can go wrong with the file.

use std::path::{Path, PathBuf};

/// Why the work file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// SQLite could not do it.
    #[error("`{}` could not be used", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// It was made by a later version.
    #[error("`{}` was written by a later version (schema {found}, known are up to {known})", .path.display())]
    Later {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: u32,
        /// What can be read.
        known: u32,
    },
    /// It holds what was never written.
    #[error("`{}` is damaged: {what}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// Another process writes to it.
    #[error("`{}` is in use by another process", .path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
}

impl WorkError {
    /// What to try.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Sqlite { source, .. }
                if source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) =>
            {
                "make room on the disk; nothing that was acknowledged is lost".into()
            }
            Self::Sqlite { .. } => "check that the folder is there and can be written to".into(),
            Self::Later { .. } => "use that version, or restore the backup from before it".into(),
            Self::Damaged { .. } => {
                "restore a backup; sessions are in a store of their own and are not touched".into()
            }
            Self::Busy { .. } => "stop the other process, or give this one a folder of its own".into(),
        }
    }

    pub(crate) fn sqlite(path: &Path) -> impl Fn(rusqlite::Error) -> Self + '_ {
        |source| Self::Sqlite { path: path.to_owned(), source }
    }

    pub(crate) fn damaged(path: &Path, what: &str) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.to_owned() }
    }
}
