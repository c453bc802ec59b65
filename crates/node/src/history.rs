//! What can be done with a store beside importing into it and asking it.

use crate::NodeError;
use std::path::Path;
use unmasq_model::LogTime;
pub use unmasq_store::{Expired, Finding, HourStats, LogStats, Merged, Stats, Verified};
use unmasq_store::{Store, Writer};

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
pub fn verify(path: &Path) -> Result<Verified, NodeError> {
    Store::open(path).and_then(|store| store.verify()).map_err(NodeError::Store)
}

/// Merges what was imported.
///
/// # Errors
/// When there is no store, somebody else writes to it, or a file of it is damaged.
pub fn compact(path: &Path) -> Result<Merged, NodeError> {
    writer(path).and_then(|mut writer| writer.merge().map_err(NodeError::Store))
}

/// Drops the hours that ended before a moment.
///
/// # Errors
/// As [`compact`].
pub fn expire(path: &Path, before: LogTime) -> Result<Expired, NodeError> {
    writer(path).and_then(|mut writer| writer.expire(before).map_err(NodeError::Store))
}

/// A writer to a store that is there.
fn writer(path: &Path) -> Result<Writer, NodeError> {
    Store::open(path).and_then(|_| Writer::open(path)).map_err(NodeError::Store)
}
