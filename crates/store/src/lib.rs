//! Sessions that outlive a run.
//!
//! A store is a folder, or objects under a prefix of a bucket. Its [`Manifest`] says what it consists of: files
//! that are written once, never changed, and dropped whole. Records come in lots; a lot is a *group*, a Parquet
//! file of plain sessions, and a file of all other records, and becomes known together with how far the logs were
//! read, by one replacement of the manifest. Later the groups are merged into one file for each hour. A session is
//! filed under every [hour](hours) that it touches. Sessions are a set: a record that comes again changes nothing.
//!
//! Invariant: what was committed is there after any crash; what was not is there whole or not at all.
//! Invariant: no damage is taken for an answer: what is read is checked, and what does not fit is an error.
//!
//! * [`Writer`] and [`Lots`]: one process at a time puts lots in, [merges](Writer::merge) them, and
//!   [drops](Writer::expire) what is old.
//! * [`Store`]: any number of readers find sessions, and check what is there.

mod bucket;
mod cores;
mod error;
mod expire;
mod find;
mod folder;
mod follow;
mod forget;
pub mod hours;
mod lot;
mod manifest;
mod merge;
mod others;
mod place;
mod rewrite;
mod stats;
mod store;
mod verify;
mod writer;

pub use error::StoreError;
pub use expire::Expired;
pub use find::{Found, session_of};
pub use follow::LotFiles;
pub use forget::Forgotten;
pub use lot::{Book, Lot};
pub use manifest::{
    DroppedEntry, FileEntry, InventoryEntry, LogEntry, LogFacts, Manifest, Moment, RecordsEntry,
    SegmentEntry, ShownEntry,
};
pub use merge::{Depth, Merged, ToMerge, WrittenMerge};
pub use others::{Key, Other};
pub use stats::{HourStats, LogStats, Stats};
pub use store::{KeptInventory, Store, inventory_of};
pub use unmasq_segment::{Names, Plain};
pub use verify::{Finding, Verified};
pub use writer::{Lots, Writer, WrittenLot};

/// Where lots of plain sessions lie until they are merged.
const GROUPS: &str = "groups";
/// Where merged sessions lie, a file for each hour.
const HOURS: &str = "hours";
/// Where all other records lie.
const RECORDS: &str = "records";
/// Where inventories lie.
const INVENTORY: &str = "inventory";
/// Where files lie in a folder that are no part of the store any more and that somebody may still be reading:
/// whoever looks at the others with a program of his own sees each session once.
const DROPPED: &str = "dropped";
