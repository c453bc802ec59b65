//! Bytes become records: one file per log format.
//!
//! A [`Decoder`] reads one frame (a line, or a message; see [`Framing`]) and appends [`Record`]s; what
//! it cannot read it says, and the next frame goes on. [`assemble`] makes [`Session`](unmasq_model::Session)s of what one log's
//! decoder saw. [`alert`] reads what detectors write and [`ProcessFormat`] what host agents write;
//! [`splice`](fn@splice) puts a trace into its alert's own bytes, [`Carrier`] beside those of any form.
//!
//! Invariant: nothing here opens a file, asks the time or looks up a zone by name; all three arrive
//! as arguments. Invariant: no input panics or makes a decoder keep more than one frame's worth, or
//! what its format's own bounds say.

mod access;
pub mod alert;
mod assemble;
mod carrier;
#[cfg(test)]
mod damaged;
mod field;
mod flow;
mod format;
mod framing;
mod hints;
mod interned;
mod json;
mod layout;
mod pairs;
mod places;
mod process;
mod record;
mod sample;
mod sixteen;
mod splice;
mod syslog;
mod unfit;

pub use assemble::assemble;
pub use carrier::Carrier;
pub use format::{Format, FormatTraits, Guess, Tells, UnknownFormat, detect};
pub use framing::{Cut, Framing, MESSAGE_LIMIT, MESSAGE_WINDOW, cut, messages};
pub use hints::{BadLayout, Hints, NamedListener, Names};
pub use process::ProcessFormat;
pub use record::{
    Brief, Cited, Decoder, Event, EventKind, Fact, Record, Said, Sighting, StateName, Unreadable, cite,
};
pub use splice::{SpliceError, splice, strip};
pub use syslog::{SyslogHeader, syslog};
pub use unfit::{Unfit, unfit};
