//! A plain file that somebody still writes to.

use super::{
    Input, LINE_LIMIT, Meter, ReadError,
    compression::{Compression, HEAD_BYTES, wide_encoding},
};
use std::{
    fs::{File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

/// What tells a file from all others of this machine while it is there, whatever it is called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileIdentity(u64, u64);

impl FileIdentity {
    /// Of the file that a name means now.
    ///
    /// # Errors
    /// When nobody can tell.
    pub fn of(path: &Path) -> io::Result<Self> {
        Self::in_metadata(path, &std::fs::metadata(path)?)
    }

    #[cfg(unix)]
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
    fn in_metadata(_: &Path, facts: &Metadata) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        Ok(Self(facts.dev(), facts.ino()))
    }

    /// Where files have no number, the moment of its creation must do.
    #[cfg(not(unix))]
    fn in_metadata(path: &Path, facts: &Metadata) -> io::Result<Self> {
        let created = facts.created()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let name = xxhash_rust::xxh3::xxh3_64(path.as_os_str().as_encoded_bytes());
        Ok(Self(u64::try_from(created.as_nanos()).unwrap_or_default(), name))
    }
}

/// A plain file that is read on as it grows: whole lines, and never one twice.
///
/// It stays open, so that what is written to it is read although it was renamed or removed.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    file: File,
    identity: FileIdentity,
    /// Up to where its lines were handed out.
    offset: u64,
    /// What it began with: if that is another by now, it was cut and written anew.
    start: Vec<u8>,
    /// Inside a line that is too long to be held, whose end has not been written.
    within: bool,
}

/// What became of a file since it was looked at last.
#[derive(Debug)]
pub enum Growth {
    /// There is no whole line more.
    None,
    /// These bytes are whole lines.
    Lines(Input),
    /// What was there is gone: somebody cut it, or wrote it anew.
    Rewritten,
}

/// So many of its first bytes are compared.
const START_BYTES: usize = 1024;

/// How much is searched for the end of a line at a time, from the end backwards.
const STEP: u64 = 64 * 1024;

impl Tail {
    /// Opens a file, to be read from its beginning; `None` if it is compressed or no text of one byte a letter, so
    /// that it does not grow line by line.
    ///
    /// # Errors
    /// When it cannot be opened or read.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut file = File::open(path)?;
        let identity = FileIdentity::in_metadata(path, &file.metadata()?)?;
        let mut start = Vec::new();
        file.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut start)?;
        if !matches!(Compression::of(&start), Compression::None) || wide_encoding(&start).is_some() {
            return Ok(None);
        }
        let start = Vec::new();
        Ok(Some(Self { path: path.to_owned(), file, identity, offset: 0, start, within: false }))
    }

    /// Which file it is.
    #[must_use]
    pub const fn identity(&self) -> FileIdentity {
        self.identity
    }

    /// Up to where its lines were handed out.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// How long it is now.
    ///
    /// # Errors
    /// When nobody can tell.
    pub fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Passes over what was read before, up to the end of a line.
    ///
    /// # Errors
    /// When its beginning cannot be read.
    pub fn pass_over(&mut self, offset: u64) -> io::Result<()> {
        self.start = self.first(offset)?;
        self.offset = offset;
        Ok(())
    }

    /// The whole lines that were written since, in at most so many bytes; [`LINE_LIMIT`] is the least.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn grown(&mut self, most: u64, meter: &Meter) -> Result<Growth, ReadError> {
        let name = self.path.display().to_string();
        let broken = |offset| {
            let file = name.clone();
            move |source| ReadError::Broken { file, offset, source }
        };
        let length = self.length().map_err(broken(self.offset))?;
        if length < self.offset {
            return Ok(Growth::Rewritten);
        }
        if length == self.offset {
            return Ok(Growth::None);
        }
        let first = self.first(self.offset).map_err(broken(0))?;
        if first != self.start {
            return Ok(Growth::Rewritten);
        }
        let from = self.offset;
        let length = length.min(from.saturating_add(most.max(LINE_LIMIT as u64)));
        let Some(mut to) = last_line_end(&self.file, from, length).map_err(broken(from))? else {
            // Nothing ends here. What is too long to be held is not waited for.
            if length - from < LINE_LIMIT as u64 {
                return Ok(Growth::None);
            }
            return self.advance(length, true, &name, meter).map_err(broken(from));
        };
        if self.within {
            // Its beginning was handed out as what it is; the rest must not look like another line.
            let end = self.first_line_end(from, to).map_err(broken(from))?;
            self.within = false;
            self.offset = end;
            self.start = self.first(end).map_err(broken(0))?;
            if end == to {
                return Ok(Growth::None);
            }
            to = to.max(end);
        }
        self.advance(to, false, &name, meter).map_err(broken(from))
    }

    /// What stands behind its last whole line, if it is not too long to be a line; it is not handed out. Whoever takes
    /// it [passes over](Self::pass_over) it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn unended(&self) -> io::Result<Vec<u8>> {
        let (mut rest, length) = (Vec::new(), self.length()?);
        if !self.within && length > self.offset && length - self.offset < LINE_LIMIT as u64 {
            Stretch { file: self.file.try_clone()?, at: self.offset, to: length }.read_to_end(&mut rest)?;
        }
        Ok(rest)
    }

    /// Hands out everything up to there.
    fn advance(&mut self, to: u64, within: bool, name: &str, meter: &Meter) -> io::Result<Growth> {
        let from = self.offset;
        if self.within {
            // More of a line of which the beginning was handed out.
            self.offset = to;
            self.start = self.first(to)?;
            return Ok(Growth::None);
        }
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(from))?;
        self.offset = to;
        self.within = within;
        self.start = self.first(to)?;
        Ok(Growth::Lines(Input::plain(name.to_owned(), Stretch { file, at: from, to }, meter)))
    }

    /// As much of its first bytes as is compared, of those before `end`.
    fn first(&self, end: u64) -> io::Result<Vec<u8>> {
        let mut first = vec![0; START_BYTES.min(usize::try_from(end).unwrap_or(START_BYTES))];
        let mut stretch = Stretch { file: self.file.try_clone()?, at: 0, to: first.len() as u64 };
        let mut filled = 0;
        while filled < first.len() {
            match stretch.read(&mut first[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        first.truncate(filled);
        Ok(first)
    }

    /// Where the first line ends that does; `to` if none does.
    fn first_line_end(&self, mut from: u64, to: u64) -> io::Result<u64> {
        let mut bytes = Vec::new();
        while from < to {
            let end = to.min(from + STEP);
            bytes.clear();
            Stretch { file: self.file.try_clone()?, at: from, to: end }.read_to_end(&mut bytes)?;
            if let Some(at) = memchr::memchr(b'\n', &bytes) {
                return Ok(from + at as u64 + 1);
            }
            from = end;
        }
        Ok(to)
    }
}

/// Where the last whole line of a file ends; 0 if there is none.
///
/// # Errors
/// When it cannot be read.
pub fn end_of_lines(file: &File) -> io::Result<u64> {
    Ok(last_line_end(file, 0, file.metadata()?.len())?.unwrap_or_default())
}

/// Where the last line ends that does between the two.
fn last_line_end(file: &File, from: u64, mut to: u64) -> io::Result<Option<u64>> {
    let mut bytes = Vec::new();
    while to > from {
        let begin = from.max(to.saturating_sub(STEP));
        bytes.clear();
        Stretch { file: file.try_clone()?, at: begin, to }.read_to_end(&mut bytes)?;
        if let Some(at) = memchr::memrchr(b'\n', &bytes) {
            return Ok(Some(begin + at as u64 + 1));
        }
        to = begin;
    }
    Ok(None)
}

/// A part of a file that several may read at once, each from a place of its own.
struct Stretch {
    file: File,
    at: u64,
    to: u64,
}

impl Read for Stretch {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.to - self.at).unwrap_or(usize::MAX).min(out.len());
        let read = read_at(&mut self.file, &mut out[..left], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

#[cfg(unix)]
fn read_at(file: &mut File, out: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, out, at)
}

#[cfg(not(unix))]
fn read_at(file: &mut File, out: &mut [u8], at: u64) -> io::Result<usize> {
    file.seek(SeekFrom::Start(at))?;
    file.read(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io::Write};

    fn lines(tail: &mut Tail) -> Option<String> {
        match tail.grown(u64::MAX, &Meter::default()).unwrap() {
            Growth::None => Some(String::new()),
            Growth::Lines(mut input) => {
                let mut text = String::new();
                input.read_to_string(&mut text).unwrap();
                Some(text)
            }
            Growth::Rewritten => None,
        }
    }

    #[test]
    fn whole_lines_come_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut file = File::create(&path).unwrap();
        let mut tail = Tail::open(&path).unwrap().unwrap();
        assert_eq!(lines(&mut tail).unwrap(), "");
        let mut said = String::new();
        for part in ["on", "e\ntw", "o\nthree\nfo", "ur", "\n", "five\n"] {
            file.write_all(part.as_bytes()).unwrap();
            said += &lines(&mut tail).unwrap();
        }
        assert_eq!(said, "one\ntwo\nthree\nfour\nfive\n");
        // What was renamed is read on, and so is what was removed.
        let other = folder.path().join("a.log.1");
        fs::rename(&path, &other).unwrap();
        file.write_all(b"six\n").unwrap();
        assert_eq!(lines(&mut tail).unwrap(), "six\n");
        assert_eq!(tail.identity(), FileIdentity::of(&other).unwrap());
        fs::remove_file(&other).unwrap();
        file.write_all(b"seven\n").unwrap();
        assert_eq!(lines(&mut tail).unwrap(), "seven\n");
        file.write_all(b"eight").unwrap();
        assert_eq!((lines(&mut tail).unwrap().as_str(), tail.unended().unwrap()), ("", b"eight".to_vec()));
        tail.pass_over(tail.length().unwrap()).unwrap();
        file.write_all(b"\nnine\n").unwrap();
        assert_eq!((lines(&mut tail).unwrap().as_str(), tail.unended().unwrap()), ("\nnine\n", vec![]));
    }

    #[test]
    fn much_comes_in_pieces_of_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let line = "x".repeat(1_000) + "\n";
        fs::write(&path, line.repeat(2_500)).unwrap();
        let mut tail = Tail::open(&path).unwrap().unwrap();
        let mut pieces = Vec::new();
        while let Growth::Lines(mut input) = tail.grown(1, &Meter::default()).unwrap() {
            let mut text = String::new();
            input.read_to_string(&mut text).unwrap();
            pieces.push(text.len() / line.len());
            assert!(text.ends_with('\n') && text.len() <= LINE_LIMIT);
        }
        assert_eq!(pieces, [1_047, 1_047, 406]);
    }

    #[test]
    fn what_was_cut_or_written_anew_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        for anew in ["", "x\n", "another line that is longer than all before\n"] {
            fs::write(&path, "one\ntwo\n").unwrap();
            let mut tail = Tail::open(&path).unwrap().unwrap();
            assert_eq!(lines(&mut tail).unwrap(), "one\ntwo\n");
            fs::write(&path, anew).unwrap();
            assert_eq!(lines(&mut tail), None, "{anew:?}");
        }
        fs::write(&path, "one\ntwo\n").unwrap();
        let mut tail = Tail::open(&path).unwrap().unwrap();
        tail.pass_over(4).unwrap();
        assert_eq!(lines(&mut tail).unwrap(), "two\n");
    }

    #[test]
    fn the_rest_of_an_overlong_line_is_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut file = File::create(&path).unwrap();
        let mut tail = Tail::open(&path).unwrap().unwrap();
        file.write_all(&b"x".repeat(LINE_LIMIT + 10)).unwrap();
        assert_eq!(lines(&mut tail).unwrap().len(), LINE_LIMIT + 10, "it is not waited for");
        file.write_all(&b"y".repeat(LINE_LIMIT + 10)).unwrap();
        assert_eq!(lines(&mut tail).unwrap(), "");
        file.write_all(b"{\"forged\":1}\nnext\n").unwrap();
        assert_eq!(lines(&mut tail).unwrap(), "next\n");
    }

    #[test]
    fn what_is_packed_does_not_grow() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log.zst");
        fs::write(&path, zstd::encode_all(&b"one\n"[..], 0).unwrap()).unwrap();
        assert!(Tail::open(&path).unwrap().is_none());
    }
}
