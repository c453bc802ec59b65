//! Input files: which ones are meant, what is in them, line by line or message by message.
//!
//! [`expand`] turns what somebody typed into [`Location`]s; [`families`] puts the files of one rotated
//! log together; [`open`] reads through compression; [`Frames`] hands out lines, [`Chunks`] many
//! of them at a time, and [`Messages`] messages of binary logs, all in bounded memory. [`Tail`] reads a file on as
//! it grows.

mod chunks;
mod compression;
mod digest;
mod family;
mod frames;
mod input;
mod location;
mod messages;
mod tail;

pub use chunks::{Chunk, ChunkPart, Chunks};
pub use digest::{Content, Digest};
pub use family::{Family, families, family};
pub use frames::{Frame, Frames, LINE_LIMIT, Part, content};
pub use input::{Input, Meter, ReadError, SAMPLE_BYTES, open, open_found};
pub use location::{ExpandError, Found, Location, Origin, expand, expand_in};
pub use messages::{Message, MessageKind, Messages};
pub use tail::{FileIdentity, Growth, Tail, end_of_lines};
