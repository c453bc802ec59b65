//! What people work with: alerts as they came, traces with all their revisions, and how far sources were read.
//!
//! One SQLite file, written by one process ([`Work`]) and read by any number ([`Reader`]), also while it is written.
//! What a method has returned from is on disk.
//!
//! Invariant: an alert and the position of its source are stored in one transaction, so that each is there once
//! however often a crash makes its source read again.
//! Invariant: the revisions of an alert count from 1 without a gap, each with the bytes it was first said with.

mod alerts;
mod audit;
mod batches;
mod error;
mod exporters;
mod file;
mod gateways;
mod positions;
mod questions;
mod schema;
mod sinks;
mod traces;

pub use alerts::{ListedAlert, NewAlert, Standing, StoredAlert, Taken};
pub use audit::{Act, AuditEntry};
pub use batches::{BatchId, Known};
pub use error::WorkError;
pub use file::{Reader, Work};
pub use gateways::{KnownGateway, SwitchClass, Turned};
pub use positions::Position;
pub use traces::{LastSaid, Revision, Said, SaidTrace};
