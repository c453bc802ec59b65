//! Bytes become records: one file per log format.
//!
//! A [`Decoder`] reads one frame (a line) and appends [`Record`]s; what it cannot read it says, and
//! the next frame goes on. [`assemble`] makes [`Session`](unmasq_model::Session)s of what one log's
//! decoder saw.
//!
//! Invariant: nothing here opens a file, asks the time or looks up a zone by name; all three arrive
//! as arguments. Invariant: no input panics or makes a decoder keep more than one frame's worth.

mod assemble;
mod format;
mod record;

pub use assemble::assemble;
pub use format::{Format, FormatTraits, Guess, UnknownFormat, detect};
pub use record::{Decoder, Event, EventKind, Fact, Record, Sighting, Unreadable};
