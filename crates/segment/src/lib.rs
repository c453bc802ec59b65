//! Sessions at rest: sorted Parquet files of what NATs carried.
//!
//! A file has the sessions that are [`Plain`], one a row, in order of hour, outside and remote; so whoever asks
//! who was behind an outside endpoint at a moment reads one page of each column. Everybody else may read it as
//! the Parquet file that it is.
//!
//! | column | type | is |
//! | --- | --- | --- |
//! | `hour` | INT32 | whole hours since the Unix epoch under which the row is filed |
//! | `outside_ip`, `outside_port` | UINT32, UINT16 | our endpoint as the world sees it |
//! | `remote_ip`, `remote_port` | UINT32, UINT16 or null | the peer |
//! | `protocol` | UINT8 | the transport protocol |
//! | `start` | TIMESTAMP, microseconds UTC | the earliest moment at which it may have begun |
//! | `start_open` | UINT32 | how many microseconds later that may have been |
//! | `lasted` | INT64 | how many microseconds after `start` its end may have been at the latest |
//! | `end_open` | UINT32 | how many microseconds earlier than that it may have been |
//! | `inside_ip`, `inside_port` | UINT32, UINT16 or null | the endpoint that belongs to us |
//! | `gateway` | VARCHAR | whose translation it was |
//! | `realm` | VARCHAR or null | the address space of the inside, if the record itself names one |
//! | `log`, `file`, `line` | VARCHAR, VARCHAR, UINT64 | where it is written |
//!
//! An address is its 32 bits as a number. The end is a duration because few durations are long: as a moment it
//! would take twice the room.
//!
//! [`write()`], or a [`Writer`] for what is larger than memory, makes a file; [`merge`] makes one of several.
//! [`Segment`] reads one: [`Segment::find`] for one endpoint, [`Segment::find_many`] for many,
//! [`Segment::search`] for a peer, [`Segment::scan`] for everything.
//!
//! **Nothing that is damaged comes out as a row.** Each page has Parquet's own checksum in its header, and what
//! says where pages are, behind the last of them, has one too (see `seal.rs`). Both are checked before anything is believed.
//! Beyond that a file may be malicious: whatever it says, reading it neither panics nor takes more memory than
//! a row group of honest rows does.

mod column;
mod damaged;
mod dictionary;
mod directory;
mod encode;
mod encoding;
mod find;
mod format;
mod merge;
mod names;
mod order;
mod pages;
mod plain;
mod seal;
mod search;
mod segment;
mod source;
mod thrift;
mod writer;

pub use damaged::{Damaged, Unwritten};
pub use directory::Key;
pub use find::Asked;
pub use merge::merge;
pub use names::Names;
pub use plain::Plain;
pub use segment::{Columns, Segment};
pub use source::Source;
pub use writer::{Writer, Written, write, write_lot};
