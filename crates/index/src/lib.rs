//! What is known, in memory: sessions, holders of addresses, sockets.
//!
//! [`Memory`] is the plain index: ordered maps and filters, right before it is fast. It answers the
//! three questions of a trace and nothing else, so that a faster one can take its place. A [`Block`] holds
//! the sessions of large logs beside it: dense rows, sorted once. A [`Resident`] holds the last hours of what keeps
//! coming, for a [`Snapshot`] to answer from.
//!
//! Invariant: an answer depends on what was inserted, never on the order in which it was.

mod arena;
mod block;
mod memory;
mod resident;

pub use arena::Arena;
pub use block::{Block, Row, Written};
pub use memory::Memory;
pub use resident::{Dropped, Found, Limits, Reader, Resident, Snapshot};

use memory::answers;
