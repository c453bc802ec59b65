//! What is known, in memory: sessions, holders of addresses, sockets.
//!
//! [`Memory`] is the plain index: ordered maps and filters, right before it is fast. It answers the
//! three questions of a trace and nothing else, so that a faster one can take its place.
//!
//! Invariant: an answer depends on what was inserted, never on the order in which it was.

mod memory;

pub use memory::Memory;
