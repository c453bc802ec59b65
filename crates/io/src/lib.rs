//! Everything that is read from the outside: files of lines, and the inventory.
//!
//! [`source`] opens files and hands out their lines, whatever they are compressed with and however
//! long a line is. [`inventory`] reads what the operator wrote about the site. [`zone`] and
//! [`duration`] read the two kinds of text that both the inventory and the command line use.
//!
//! Invariant: nothing here decodes a record or decides what a trace is.
//! Invariant: memory is bounded by a named limit, never by what a file says.

mod duration;
pub mod inventory;
mod nearest;
pub mod source;
mod zone;

pub use duration::{NotADuration, duration};
pub use zone::{NotAZone, zone};
