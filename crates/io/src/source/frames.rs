//! Lines, exactly as they stand in the file, in bounded memory.

use super::{Input, ReadError};
use std::{io::BufRead, mem};

/// How long a line may be before it comes in pieces; no record or alert that makes sense is longer.
pub const LINE_LIMIT: usize = 1024 * 1024;

/// A line, or a piece of one that is longer than the limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// Which line of the file, from 1.
    pub line: u64,
    /// The bytes with their newline, exactly as read: writing all frames out again gives the same file.
    pub bytes: &'a [u8],
    /// Whether this is all of the line.
    pub part: Part,
}

/// Which part of its line a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// All of it; the last line of a file may lack its newline.
    Whole,
    /// The start of a line that is longer than the limit.
    First,
    /// More of such a line.
    Middle,
    /// The end of such a line; it may be empty, if the file ends without a newline.
    Last,
    /// The rest of what could be read before the input broke off. A part of a record may look like
    /// another record, so it must not be decoded.
    Cut,
}

impl<'a> Frame<'a> {
    /// Whether this is a whole line, so that it may be decoded.
    #[must_use]
    pub fn whole(&self) -> bool {
        self.part == Part::Whole
    }

    /// The bytes without their line ending (`\n` or `\r\n`) and, on line 1, without a UTF-8 byte-order mark.
    #[must_use]
    pub fn content(&self) -> &'a [u8] {
        content(self.bytes, self.line == 1)
    }
}

/// A line without its ending (`\n` or `\r\n`) and, if it is the first of its input, without a UTF-8
/// byte-order mark.
#[must_use]
pub fn content(line: &[u8], first: bool) -> &[u8] {
    let bytes = line.strip_suffix(b"\n").unwrap_or(line);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if first { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes }
}

/// Reads an input line by line; it never holds more than the limit.
#[derive(Debug)]
pub struct Frames {
    input: Input,
    limit: usize,
    line: u64,
    /// Inside a line of which a piece has been handed out.
    within: bool,
    /// A line that was spread over several chunks of the input.
    held: Vec<u8>,
    /// How many bytes of the input's own chunk the last frame lent.
    lent: usize,
    /// A break, kept back while what came before it is handed out.
    broken: Option<ReadError>,
}

/// What to do with the bytes that are ready.
enum Step {
    /// So many of them end the line.
    EndLine(usize),
    /// So many of them fill the limit.
    Fill(usize),
    /// All of them are more of the line.
    Hold(usize),
    /// There are no more.
    EndInput,
}

impl Frames {
    /// Lines of `input`; those longer than `limit` bytes, newline included, come in pieces of `limit`.
    #[must_use]
    pub fn new(input: Input, limit: usize) -> Self {
        Self { input, limit: limit.max(1), line: 0, within: false, held: Vec::new(), lent: 0, broken: None }
    }

    /// The next frame, or `None` at the end.
    ///
    /// # Errors
    /// [`ReadError::Broken`] once, after everything that came before it; then the end.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        self.input.consume(mem::take(&mut self.lent));
        self.held.clear();
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        loop {
            let room = self.limit - self.held.len();
            let step = match self.input.fill() {
                Ok(chunk) => Step::on(chunk, room),
                Err(broken) => return self.break_off(broken),
            };
            match step {
                Step::EndLine(length) => return self.hand_out(length, true).map(Some),
                Step::Fill(length) => return self.hand_out(length, false).map(Some),
                Step::Hold(length) => {
                    self.held.extend_from_slice(&self.input.fill()?[..length]);
                    self.input.consume(length);
                }
                Step::EndInput if self.held.is_empty() && !self.within => return Ok(None),
                Step::EndInput => return self.hand_out(0, true).map(Some),
            }
        }
    }

    /// Gives the held bytes and `length` more; lends them from the input if nothing is held.
    fn hand_out(&mut self, length: usize, ends_line: bool) -> Result<Frame<'_>, ReadError> {
        let part = match (self.within, ends_line) {
            (false, true) => Part::Whole,
            (false, false) => Part::First,
            (true, false) => Part::Middle,
            (true, true) => Part::Last,
        };
        self.line += u64::from(!self.within);
        self.within = !ends_line;
        let bytes = if self.held.is_empty() && length > 0 {
            self.lent = length;
            &self.input.fill()?[..length]
        } else {
            if length > 0 {
                self.held.extend_from_slice(&self.input.fill()?[..length]);
                self.input.consume(length);
            }
            &self.held
        };
        Ok(Frame { line: self.line, bytes, part })
    }

    fn break_off(&mut self, broken: ReadError) -> Result<Option<Frame<'_>>, ReadError> {
        if self.held.is_empty() && !self.within {
            return Err(broken);
        }
        self.line += u64::from(!mem::take(&mut self.within));
        self.broken = Some(broken);
        Ok(Some(Frame { line: self.line, bytes: &self.held, part: Part::Cut }))
    }
}

impl Step {
    fn on(chunk: &[u8], room: usize) -> Self {
        let window = &chunk[..chunk.len().min(room)];
        match memchr::memchr(b'\n', window) {
            Some(at) => Self::EndLine(at + 1),
            None if window.is_empty() => Self::EndInput,
            None if window.len() == room => Self::Fill(room),
            None => Self::Hold(window.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Meter;
    use std::io::{self, Read};

    /// Gives bytes a few at a time, so that lines are spread over chunks.
    struct Drip(&'static [u8], usize);

    impl Read for Drip {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(out.len());
            out[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn frames(reader: impl Read + Send + 'static, limit: usize) -> Frames {
        Frames::new(Input::from_reader("test".into(), reader, &Meter::default()).unwrap(), limit)
    }

    fn all(mut frames: Frames) -> Vec<(u64, String, Part)> {
        let mut found = Vec::new();
        while let Some(frame) = frames.next_frame().unwrap() {
            found.push((frame.line, String::from_utf8(frame.bytes.into()).unwrap(), frame.part));
        }
        found
    }

    #[test]
    fn lines_come_exactly_as_they_stand() {
        for drip in [1, 3, 100] {
            let found = all(frames(Drip(b"one\n\r\n\nlast without newline", drip), 100));
            let expected = ["one\n", "\r\n", "\n", "last without newline"];
            assert_eq!(found.len(), expected.len());
            for ((line, text, part), (expected_line, expected)) in found.iter().zip((1..).zip(expected)) {
                assert_eq!((*line, text.as_str(), *part), (expected_line, expected, Part::Whole));
            }
        }
    }

    #[test]
    fn a_long_line_comes_in_pieces() {
        for drip in [1, 4, 100] {
            let found = all(frames(Drip(b"abcdefghij\nok\n", drip), 4));
            let found: Vec<_> = found.iter().map(|(l, t, p)| (*l, t.as_str(), *p)).collect();
            let expected = [
                (1, "abcd", Part::First),
                (1, "efgh", Part::Middle),
                (1, "ij\n", Part::Last),
                (2, "ok\n", Part::Whole),
            ];
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_line_of_just_the_limit_is_whole() {
        assert_eq!(all(frames(&b"abc\n"[..], 4)), [(1, "abc\n".into(), Part::Whole)]);
    }

    #[test]
    fn a_long_line_always_gets_its_last_piece() {
        let found = all(frames(&b"abcd"[..], 4));
        assert_eq!(found, [(1, "abcd".into(), Part::First), (1, String::new(), Part::Last)]);
    }

    #[test]
    fn no_line_makes_it_hold_more_than_the_limit() {
        let mut frames = frames(io::repeat(b'x').take(64 << 20), 1 << 16);
        let mut read = 0;
        while let Some(frame) = frames.next_frame().unwrap() {
            assert!(frame.bytes.len() <= 1 << 16);
            assert!(!frame.whole());
            read += frame.bytes.len();
        }
        assert_eq!(read, 64 << 20);
        assert!(frames.held.capacity() <= 1 << 16);
    }

    #[test]
    fn what_came_before_a_break_is_used_but_a_cut_line_is_marked() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk on fire"))
            }
        }
        let mut frames = frames(b"whole\nport=4011".chain(Failing), 100);
        assert_eq!(frames.next_frame().unwrap().unwrap().bytes, b"whole\n");
        let cut = frames.next_frame().unwrap().unwrap();
        assert_eq!((cut.line, cut.bytes, cut.part), (2, &b"port=4011"[..], Part::Cut));
        assert!(matches!(frames.next_frame().unwrap_err(), ReadError::Broken { offset: 15, .. }));
        assert!(frames.next_frame().unwrap().is_none());
    }

    #[test]
    fn content_is_without_line_ending_and_mark() {
        let frame = |line, bytes| Frame { line, bytes, part: Part::Whole };
        assert_eq!(frame(1, b"\xef\xbb\xbf{}\r\n").content(), b"{}");
        assert_eq!(frame(2, b"\xef\xbb\xbf").content(), b"\xef\xbb\xbf");
        assert_eq!(frame(2, b"a\r").content(), b"a");
    }
}
