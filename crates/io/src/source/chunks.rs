//! Lines, many at a time, so that several workers can share one input.

use super::{Input, LINE_LIMIT, ReadError, content};
use std::{mem, ops::Range};

/// How many bytes are read at a time: few enough to stay in a core's own cache while they are decoded.
const CHUNK_BYTES: usize = 256 * 1024;

/// A stretch of an input; all of them after each other are the input, byte for byte.
#[derive(Debug)]
pub struct Chunk {
    /// Its place among the chunks of its input, from 0.
    pub number: u64,
    /// What it holds.
    pub part: ChunkPart,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Chunk {
    /// Each line: where it stands, with its ending, and its [`content`].
    pub fn lines(&self) -> impl Iterator<Item = (Range<usize>, &[u8])> {
        let ends = memchr::memchr_iter(b'\n', &self.bytes).map(|at| at + 1);
        let unended =
            Some(self.bytes.len()).filter(|_| !self.bytes.ends_with(b"\n") && !self.bytes.is_empty());
        let mut start = 0;
        ends.chain(unended).map(move |end| {
            let line = mem::replace(&mut start, end)..end;
            let first = self.number == 0 && line.start == 0;
            (line.clone(), content(&self.bytes[line], first))
        })
    }
}

/// What a chunk holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChunkPart {
    /// Whole lines; the last line of a file may lack its newline. One may still be longer than
    /// [`LINE_LIMIT`].
    Lines,
    /// The start of a line that is too long to be held.
    First,
    /// More of such a line, perhaps to its end.
    More,
    /// The rest of what could be read before the input broke off. A part of a record may look like
    /// another record, so it must not be decoded.
    Cut,
}

/// Reads an input in chunks; it holds no more than a line that may be decoded, and a chunk.
#[derive(Debug)]
pub struct Chunks {
    input: Input,
    number: u64,
    /// The start of a line whose end has not been read.
    carried: Vec<u8>,
    /// Inside a line of which a part has been handed out.
    within: bool,
    broken: Option<ReadError>,
    ended: bool,
}

impl Chunks {
    /// The lines of `input`.
    #[must_use]
    pub fn new(input: Input) -> Self {
        Self { input, number: 0, carried: Vec::new(), within: false, broken: None, ended: false }
    }

    /// The next chunk, in `bytes`, which is emptied first; `None` at the end.
    ///
    /// # Errors
    /// [`ReadError::Broken`] once, after everything that came before it; then the end.
    pub fn next_chunk(&mut self, mut bytes: Vec<u8>) -> Result<Option<Chunk>, ReadError> {
        // A buffer that comes back is not cleared: what is there already need not be made zero again.
        let mut filled = self.carried.len();
        bytes.resize(bytes.len().max(filled), 0);
        bytes[..filled].copy_from_slice(&self.carried);
        self.carried.clear();
        let part = loop {
            let searched = filled;
            filled = self.read_more(&mut bytes, filled);
            let fresh = &bytes[searched..filled];
            // The sooner an overlong line ends, the sooner there are lines again.
            let newline =
                if self.within { memchr::memchr(b'\n', fresh) } else { memchr::memrchr(b'\n', fresh) };
            match (newline, self.ended) {
                (Some(at), _) => {
                    let end = searched + at + 1;
                    self.carried.extend_from_slice(&bytes[end..filled]);
                    filled = end;
                    break if mem::take(&mut self.within) { ChunkPart::More } else { ChunkPart::Lines };
                }
                (None, true) if filled == 0 => return self.broken.take().map_or(Ok(None), Err),
                (None, true) if self.broken.is_some() && !self.within => break ChunkPart::Cut,
                (None, true) => break if self.within { ChunkPart::More } else { ChunkPart::Lines },
                (None, false) if self.within => break ChunkPart::More,
                (None, false) if filled >= LINE_LIMIT => {
                    self.within = true;
                    break ChunkPart::First;
                }
                (None, false) => {}
            }
        };
        bytes.truncate(filled);
        let number = self.number;
        self.number += 1;
        Ok(Some(Chunk { number, part, bytes }))
    }

    /// Reads more behind the bytes that are there, and says where they end now. It reads less than it
    /// could only at the end, or where a pipe has no more for now.
    fn read_more(&mut self, bytes: &mut Vec<u8>, mut filled: usize) -> usize {
        let (start, wanted) = (filled, CHUNK_BYTES.max(filled + CHUNK_BYTES / 4));
        bytes.resize(wanted, 0);
        while !self.ended && filled < wanted {
            match self.input.read_once(&mut bytes[filled..]) {
                Ok(0) => self.ended = true,
                Ok(read) => {
                    filled += read;
                    // What a pipe has brought is answered at once, not when a chunk is full of it.
                    if filled < wanted / 2 && memchr::memchr(b'\n', &bytes[start..filled]).is_some() {
                        break;
                    }
                }
                Err(broken) => (self.broken, self.ended) = (Some(broken), true),
            }
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Meter;
    use std::io::{self, Read};

    /// Gives bytes a few at a time, and then perhaps breaks.
    struct Drip(Vec<u8>, usize, bool);

    impl Read for Drip {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(out.len());
            if length == 0 && mem::take(&mut self.2) {
                return Err(io::Error::other("disk on fire"));
            }
            out[..length].copy_from_slice(&self.0[..length]);
            self.0.drain(..length);
            Ok(length)
        }
    }

    fn chunks(bytes: &[u8], drip: usize, breaks: bool) -> (Vec<(ChunkPart, Vec<u8>)>, bool) {
        let drip = Drip(bytes.into(), drip, breaks);
        let mut chunks = Chunks::new(Input::from_reader("test".into(), drip, &Meter::default()).unwrap());
        let mut found = Vec::new();
        loop {
            match chunks.next_chunk(Vec::new()) {
                Ok(Some(chunk)) => {
                    assert_eq!(chunk.number, found.len() as u64);
                    found.push((chunk.part, chunk.bytes));
                }
                Ok(None) => return (found, false),
                Err(_) => {
                    assert!(matches!(chunks.next_chunk(Vec::new()), Ok(None)), "it breaks once");
                    return (found, true);
                }
            }
        }
    }

    #[test]
    fn chunks_are_whole_lines_and_all_of_the_input() {
        let long = [b"x".repeat(300_000), b"\n".to_vec()].concat();
        let file = [&long[..], b"a\n\nb\r\n", &long, b"last without newline"].concat();
        for drip in [999, 70_000, 1_000_000] {
            let (found, broke) = chunks(&file, drip, false);
            assert!(!broke);
            let (last, before) = found.split_last().unwrap();
            assert!(before.iter().all(|(part, bytes)| *part == ChunkPart::Lines && bytes.ends_with(b"\n")));
            assert_eq!(last.0, ChunkPart::Lines);
            assert_eq!(found.iter().flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<u8>>(), file);
        }
        assert_eq!(chunks(b"", 10, false), (vec![], false));
    }

    #[test]
    fn a_line_without_end_comes_in_parts() {
        let file = [b"a\n".to_vec(), b"x".repeat(3 * LINE_LIMIT), b"\nb\n".to_vec()].concat();
        let (found, _) = chunks(&file, 1_000_000, false);
        assert!(found.iter().all(|(_, bytes)| bytes.len() <= 2 * LINE_LIMIT));
        let parts: Vec<ChunkPart> = found.iter().map(|(part, _)| *part).collect();
        let (first, rest) = parts.split_first().unwrap();
        assert_eq!(
            (*first, rest[0], *rest.last().unwrap()),
            (ChunkPart::Lines, ChunkPart::First, ChunkPart::Lines)
        );
        assert!(rest[1..rest.len() - 1].iter().all(|part| *part == ChunkPart::More));
        assert_eq!(found.last().unwrap().1, b"b\n");
        assert_eq!(found.iter().flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<u8>>(), file);
    }

    #[test]
    fn what_came_before_a_break_is_handed_out() {
        let (found, broke) = chunks(b"one\ntwo\nthree\nfo", 5, true);
        assert!(broke);
        assert_eq!(found.last().unwrap(), &(ChunkPart::Cut, b"fo".to_vec()));
        let (found, broke) = chunks(b"one\ntwo\nthree\n", 5, true);
        assert!(broke && found.iter().all(|(part, _)| *part == ChunkPart::Lines));
    }
}
