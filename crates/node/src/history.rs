//! What can be done with a store beside importing into it and asking it.

use crate::{NodeError, Progress};
use std::path::Path;
use unmasq_io::source::Meter;
use unmasq_model::{LogTime, SourceName};
pub use unmasq_store::{Expired, Finding, Forgotten, HourStats, LogStats, Merged, Stats, Verified};
use unmasq_store::{Store, StoreError, Writer};

/// What is in a store.
///
/// # Errors
/// When there is none, or a file of it is missing or damaged.
pub fn stats(path: &Path) -> Result<Stats, NodeError> {
    Store::open(path).and_then(|store| store.stats()).map_err(NodeError::Store)
}

/// Reads all of a store and compares it with what was written.
///
/// # Errors
/// When there is none, or nothing of it can be read.
pub fn verify(path: &Path, progress: &dyn Progress) -> Result<Verified, NodeError> {
    let store = Store::open(path).map_err(NodeError::Store)?;
    // Each file is read twice: its bytes, and what they say.
    shown(progress, "verifying", store.manifest().bytes() * 2, store.meter(), || store.verify())
}

/// Merges what was imported.
///
/// # Errors
/// When there is no store, somebody else writes to it, or a file of it is damaged.
pub fn compact(path: &Path, progress: &dyn Progress) -> Result<Merged, NodeError> {
    merge(&mut writer(path)?, progress)
}

/// Merges what a writer has imported.
pub(crate) fn merge(writer: &mut Writer, progress: &dyn Progress) -> Result<Merged, NodeError> {
    let meter = writer.meter().clone();
    shown(progress, "merging", writer.unmerged_bytes(), &meter, || writer.merge())
}

/// Drops the hours that ended before a moment.
///
/// # Errors
/// As [`compact`].
pub fn expire(path: &Path, before: LogTime, progress: &dyn Progress) -> Result<Expired, NodeError> {
    let mut writer = writer(path)?;
    merge(&mut writer, progress)?;
    writer.expire(before).map_err(NodeError::Store)
}

/// Drops everything of one log, which can then be imported as if it never had been. Says so where there is no such
/// log.
///
/// # Errors
/// As [`compact`].
pub fn forget(path: &Path, log: &SourceName, progress: &dyn Progress) -> Result<Forgotten, NodeError> {
    let mut writer = writer(path)?;
    let (bytes, meter) = (writer.manifest().bytes(), writer.meter().clone());
    shown(progress, "forgetting", bytes, &meter, || writer.forget(log))
}

/// Does what reads up to `bytes` bytes, and shows how far it is.
fn shown<T>(
    progress: &dyn Progress,
    what: &str,
    bytes: u64,
    meter: &Meter,
    work: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, NodeError> {
    if bytes > 0 {
        progress.begin(what, Some(bytes), meter);
    }
    let done = work();
    progress.end();
    done.map_err(NodeError::Store)
}

/// A writer to a store that is there.
fn writer(path: &Path) -> Result<Writer, NodeError> {
    Store::open(path).and_then(|_| Writer::open(path)).map_err(NodeError::Store)
}
