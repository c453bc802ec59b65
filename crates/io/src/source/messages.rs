//! Messages of a binary log, in bounded memory.

use super::{Input, ReadError};
use unmasq_decode::{Cut, MESSAGE_WINDOW, cut};

/// A message, or what stands between two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// The offset of its first byte in the file, before compression.
    pub offset: u64,
    /// Its bytes: all messages together are the file.
    pub bytes: &'a [u8],
    /// Whether it may be decoded.
    pub kind: MessageKind,
}

/// What some bytes of a binary log are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    /// A message.
    Whole,
    /// More or less of what stands between two messages.
    Noise,
    /// The last message, which breaks off.
    Cut,
}

/// Reads an input message by message; it never holds more than two of the longest.
#[derive(Debug)]
pub struct Messages {
    input: Input,
    window: Vec<u8>,
    /// How much of the window has been handed out.
    read: usize,
    /// Where the window begins in the file.
    offset: u64,
    ended: bool,
    /// A break, kept back while what came before it is handed out.
    broken: Option<ReadError>,
}

impl Messages {
    /// Messages of `input`.
    #[must_use]
    pub fn new(input: Input) -> Self {
        Self { input, window: Vec::new(), read: 0, offset: 0, ended: false, broken: None }
    }

    /// The next message, or `None` at the end.
    ///
    /// # Errors
    /// [`ReadError::Broken`] once, after everything that came before it; then the end.
    pub fn next_message(&mut self) -> Result<Option<Message<'_>>, ReadError> {
        let (length, kind) = loop {
            let rest = &self.window[self.read..];
            if rest.is_empty() && self.ended {
                return self.broken.take().map_or(Ok(None), Err);
            }
            if rest.is_empty() {
                self.fill();
                continue;
            }
            match cut(rest, self.ended) {
                Cut::Message(length) => break (length, MessageKind::Whole),
                Cut::Noise(length) => break (length, MessageKind::Noise),
                Cut::Torn(length) => break (length, MessageKind::Cut),
                Cut::More => self.fill(),
            }
        };
        let start = self.read;
        self.read += length;
        let offset = self.offset + start as u64;
        Ok(Some(Message { offset, bytes: &self.window[start..self.read], kind }))
    }

    /// Makes the window longer by what is ready, or notes the end.
    fn fill(&mut self) {
        self.window.drain(..self.read);
        self.offset += std::mem::take(&mut self.read) as u64;
        match self.input.fill() {
            Ok([]) => self.ended = true,
            Ok(chunk) => {
                let taken = chunk.len().min(MESSAGE_WINDOW);
                self.window.extend_from_slice(&chunk[..taken]);
                std::io::BufRead::consume(&mut self.input, taken);
            }
            Err(broken) => {
                self.ended = true;
                self.broken = Some(broken);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Meter;
    use std::io::{self, Read};

    /// An IPFIX message of one set with so many bytes.
    fn message(body: u16) -> Vec<u8> {
        let set = (body + 4).to_be_bytes();
        [&[0, 10][..], &(body + 20).to_be_bytes(), &[0; 12], &[1, 0], &set, &vec![7; body.into()]].concat()
    }

    fn messages(reader: impl Read + Send + 'static) -> Messages {
        Messages::new(Input::from_reader("test".into(), reader, &Meter::default()).unwrap())
    }

    fn all(mut messages: Messages) -> Vec<(u64, usize, MessageKind)> {
        let mut found = Vec::new();
        while let Some(message) = messages.next_message().unwrap() {
            found.push((message.offset, message.bytes.len(), message.kind));
        }
        found
    }

    /// Gives one byte at a time.
    struct Drip(io::Cursor<Vec<u8>>);

    impl Read for Drip {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let length = out.len().min(1);
            self.0.read(&mut out[..length])
        }
    }

    #[test]
    fn messages_have_their_offsets_however_they_come() {
        let file = [message(30), b"noise".to_vec(), message(65_000), message(1), vec![0, 10, 9]].concat();
        let expected = [
            (0, 50, MessageKind::Whole),
            (50, 5, MessageKind::Noise),
            (55, 65_020, MessageKind::Whole),
            (65_075, 21, MessageKind::Whole),
            (65_096, 3, MessageKind::Cut),
        ];
        assert_eq!(all(messages(io::Cursor::new(file.clone()))), expected);
        let packed = zstd::encode_all(&file[..], 0).unwrap();
        assert_eq!(all(messages(io::Cursor::new(packed))), expected, "offsets are before compression");
        let short = [message(30), message(1), vec![0, 10, 9]].concat();
        assert_eq!(all(messages(Drip(io::Cursor::new(short)))).len(), 3);
    }

    #[test]
    fn noise_without_end_is_read_in_bounded_memory() {
        for noise in [b'x', 0] {
            let mut messages = messages(io::repeat(noise).take(16 << 20));
            let mut read = 0;
            while let Some(message) = messages.next_message().unwrap() {
                assert_ne!(message.kind, MessageKind::Whole);
                read += message.bytes.len();
                assert!(messages.window.capacity() <= 4 * MESSAGE_WINDOW);
            }
            assert_eq!(read, 16 << 20);
        }
    }

    #[test]
    fn what_came_before_a_break_is_used() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk on fire"))
            }
        }
        let mut messages =
            messages(io::Cursor::new([message(4), message(9)[..12].to_vec()].concat()).chain(Failing));
        let mut next = || messages.next_message().map(|message| message.map(|message| message.kind));
        assert_eq!(next().unwrap(), Some(MessageKind::Whole));
        assert_eq!(next().unwrap(), Some(MessageKind::Cut));
        assert!(matches!(next().unwrap_err(), ReadError::Broken { .. }));
        assert_eq!(next().unwrap(), None);
    }
}
