//! The moments at which something becomes a part of what stays: a seam for tests that want to see what becomes of a
//! service whose disk is slow or refuses, or whose process dies just then. Elsewhere nobody is asked.

use std::{fmt, io, sync::Arc};

/// What becomes a part of what stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// A transaction.
    Transaction,
    /// A whole file gets its name.
    File,
    /// A file gets another name, or loses it.
    Name,
}

/// Somebody who is asked at these moments.
pub trait Disk: fmt::Debug + Send + Sync {
    /// All is written but for the last step.
    ///
    /// # Errors
    /// What keeps it from becoming so.
    fn before(&self, change: Change) -> io::Result<()>;

    /// It has become so.
    ///
    /// # Errors
    /// Why nobody knows whether it stays.
    fn after(&self, change: Change) -> io::Result<()>;
}

/// Somebody who is asked, or nobody.
#[derive(Clone, Debug, Default)]
pub struct OnDisk(Option<Arc<dyn Disk>>);

impl OnDisk {
    /// This one is asked.
    #[must_use]
    pub fn of(disk: Arc<dyn Disk>) -> Self {
        Self(Some(disk))
    }

    /// See [`Disk::before`].
    ///
    /// # Errors
    /// What keeps it from becoming so.
    pub fn before(&self, change: Change) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |disk| disk.before(change))
    }

    /// See [`Disk::after`].
    ///
    /// # Errors
    /// Why nobody knows whether it stays.
    pub fn after(&self, change: Change) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |disk| disk.after(change))
    }
}
