//! Lines in frames: zstd that can be unpacked from the middle.

use super::Written;
use crate::{
    StoreError,
    place::{Place, StoredFile},
};
use bytes::Bytes;
use crc32fast::Hasher;
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use unmasq_segment::Source;

/// A frame is packed when its lines are so long.
const FRAME_BYTES: usize = 128 * 1024;

/// A line of a record is no longer than its citation and its values, each escaped; a frame is a few of them.
const UNPACKED_MAX: usize = 4 * 1024 * 1024;

/// The first bytes of a frame that unpackers pass over (RFC 8878, 3.1.2).
const SKIPPABLE: [u8; 4] = [0x5a, 0x2a, 0x4d, 0x18];

/// The end of the file: where the directory begins, and its hash.
const TRAILER_BYTES: u64 = 12;

/// Where a frame lies, and what it begins with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Frame {
    /// Its first line's first bytes.
    first: String,
    offset: u64,
    bytes: u64,
    crc32: u32,
}

/// What of a first line is in the directory: its key, and a little more.
const FIRST_BYTES: usize = 56;

/// Packs lines.
pub(super) struct Packer<'o, W> {
    out: Hashed<'o, W>,
    /// The lines of the frame that is not packed yet.
    lines: String,
    frames: Vec<Frame>,
    count: u64,
}

/// Counts and hashes what is written.
struct Hashed<'o, W> {
    out: &'o mut W,
    bytes: u64,
    crc: Hasher,
}

impl<W: Write> Hashed<'_, W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.crc.update(bytes);
        self.out.write_all(bytes)
    }
}

impl<'o, W: Write> Packer<'o, W> {
    pub(super) fn new(out: &'o mut W) -> Self {
        let out = Hashed { out, bytes: 0, crc: Hasher::new() };
        Self { out, lines: String::new(), frames: Vec::new(), count: 0 }
    }

    /// Adds the next line, which is no less than the one before.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        self.lines += line;
        self.lines.push('\n');
        self.count += 1;
        if self.lines.len() >= FRAME_BYTES { self.pack() } else { Ok(()) }
    }

    fn pack(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let packed = zstd::bulk::compress(self.lines.as_bytes(), 3)?;
        let first = self.lines.lines().next().unwrap_or_default();
        self.frames.push(Frame {
            first: first[..first.floor_char_boundary(FIRST_BYTES)].to_owned(),
            offset: self.out.bytes,
            bytes: packed.len() as u64,
            crc32: crc32fast::hash(&packed),
        });
        self.lines.clear();
        self.out.put(&packed)
    }

    pub(super) fn finish(mut self) -> io::Result<Written> {
        self.pack()?;
        let directory = serde_json::to_vec(&self.frames).expect("a directory holds nothing that JSON cannot");
        let starts = self.out.bytes;
        let skipped = u32::try_from(directory.len() as u64 + TRAILER_BYTES).map_err(io::Error::other)?;
        self.out.put(&SKIPPABLE)?;
        self.out.put(&skipped.to_le_bytes())?;
        self.out.put(&directory)?;
        self.out.put(&starts.to_le_bytes())?;
        self.out.put(&crc32fast::hash(&directory).to_le_bytes())?;
        let (lines, bytes, checksum) = (self.count, self.out.bytes, self.out.crc.finalize());
        Ok(Written { lines, bytes, checksum, told: None })
    }
}

/// A file of frames.
#[derive(Debug)]
pub(super) struct Frames {
    path: PathBuf,
    file: StoredFile,
    frames: Vec<Frame>,
    /// The frame that was unpacked last: who asks in order finds the next answer in it.
    last: Mutex<Option<(usize, Arc<str>)>>,
}

impl Frames {
    pub(super) fn open(place: &Place, name: &str) -> Result<Self, StoreError> {
        let path = place.path_of(name);
        let file = place.open(name)?;
        let length = file.len().map_err(StoreError::read(&path))?;
        let damaged = |what: &str| StoreError::Damaged { path: path.clone(), what: what.to_owned() };
        let end = length.checked_sub(TRAILER_BYTES).ok_or_else(|| damaged("it is cut off"))?;
        let trailer = part(&file, end, TRAILER_BYTES).map_err(StoreError::read(&path))?;
        let starts = trailer[..8].try_into().map_or(u64::MAX, u64::from_le_bytes);
        let crc32 = trailer[8..].try_into().map_or(0, u32::from_le_bytes);
        let head = starts.checked_add(8).filter(|start| *start <= end);
        let start = head.ok_or_else(|| damaged("its directory is not where it should be"))?;
        let directory = part(&file, start, end - start).map_err(StoreError::read(&path))?;
        if crc32fast::hash(&directory) != crc32 {
            return Err(damaged("the checksum of its directory does not fit"));
        }
        let frames: Vec<Frame> =
            serde_json::from_slice(&directory).map_err(|error| damaged(&error.to_string()))?;
        if frames.iter().any(|frame| frame.offset.checked_add(frame.bytes).is_none_or(|end| end > start)) {
            return Err(damaged("its directory names what is not there"));
        }
        Ok(Self { path, file, frames, last: Mutex::default() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All lines, in order.
    pub(super) fn lines(&self) -> impl Iterator<Item = Result<String, StoreError>> + '_ {
        self.frames.iter().flat_map(|frame| {
            let (lines, failed) = match self.unpack(frame) {
                Ok(text) => (text.lines().map(|line| Ok(line.to_owned())).collect(), None),
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            lines.into_iter().chain(failed)
        })
    }

    /// Shows `see` the lines that begin with `start`, in order.
    pub(super) fn each(
        &self,
        start: &str,
        mut see: impl FnMut(&str) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // What begins so may begin in the frame before the first that does.
        let from = self.frames.partition_point(|frame| frame.first.as_str() < start).saturating_sub(1);
        for number in from..self.frames.len() {
            let frame = &self.frames[number];
            if !frame.first.starts_with(start) && frame.first.as_str() > start {
                break;
            }
            let text = self.unpacked(number)?;
            let lines = text[first_from(&text, start)..].lines();
            lines.take_while(|line| line.starts_with(start)).try_for_each(&mut see)?;
        }
        Ok(())
    }

    fn unpacked(&self, number: usize) -> Result<Arc<str>, StoreError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((same, text)) if *same == number => Ok(Arc::clone(text)),
            _ => {
                let text: Arc<str> = self.unpack(&self.frames[number])?.into();
                *last = Some((number, Arc::clone(&text)));
                Ok(text)
            }
        }
    }

    fn unpack(&self, frame: &Frame) -> Result<String, StoreError> {
        let damaged = |what: &str| StoreError::Damaged {
            path: self.path.clone(),
            what: format!("{what} (the frame at byte {})", frame.offset),
        };
        let packed = part(&self.file, frame.offset, frame.bytes).map_err(StoreError::read(&self.path))?;
        if crc32fast::hash(&packed) != frame.crc32 {
            return Err(damaged("its checksum does not fit"));
        }
        let bytes =
            zstd::bulk::decompress(&packed, UNPACKED_MAX).map_err(|_| damaged("it cannot be unpacked"))?;
        String::from_utf8(bytes).map_err(|_| damaged("it is no text"))
    }
}

/// Where the first line begins that is not before `start`. `text` is lines in order.
fn first_from(text: &str, start: &str) -> usize {
    let bytes = text.as_bytes();
    // Where a line begins: what is before `low` is before `start`, what begins at `high` or later is not.
    let (mut low, mut high) = (0, bytes.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let begins =
            bytes[low..middle].iter().rposition(|byte| *byte == b'\n').map_or(low, |at| low + at + 1);
        let ends = memchr::memchr(b'\n', &bytes[middle..]).map_or(bytes.len(), |at| middle + at + 1);
        if bytes[begins..ends] < *start.as_bytes() {
            low = ends;
        } else {
            high = begins;
        }
    }
    low
}

fn part(file: &StoredFile, offset: u64, bytes: u64) -> io::Result<Bytes> {
    file.read(offset..offset.checked_add(bytes).ok_or(io::ErrorKind::UnexpectedEof)?)
}

#[cfg(test)]
mod tests {
    use super::first_from;

    #[test]
    fn the_first_line_is_found() {
        let lines = ["a", "b1", "b2", "b2", "c", "dddddddd", "e"];
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        for start in ["", "a", "a1", "b", "b2", "b3", "d", "e", "f"] {
            let found = text[first_from(&text, start)..].lines().collect::<Vec<_>>();
            let from = lines.partition_point(|line| *line < start);
            assert_eq!(found, lines[from..], "from `{start}`");
        }
        assert_eq!(first_from("", "a"), 0);
    }
}
