//! Everything that is read from the outside, and where answers go: files of lines, the inventory, sinks.
//!
//! [`source`] opens files and hands out their lines, whatever they are compressed with and however
//! long a line is. [`inventory`] reads what the operator wrote about the site. [`listen`] keeps syslog
//! that is sent here as such files. [`sink`] tells answers to files, webhooks and syslog. [`zone`] and
//! [`duration`] read the two kinds of text that both the inventory and the command line use. [`disk`] is where tests put
//! their hands on what is written.
//!
//! Invariant: nothing here decodes a record or decides what a trace is.
//! Invariant: memory is bounded by a named limit, never by what a file says.

pub mod disk;
mod duration;
pub mod inventory;
pub mod listen;
mod nearest;
pub mod sink;
pub mod source;
mod tls;
mod zone;

pub use duration::{NotADuration, duration};
pub use zone::{NotAZone, zone};
