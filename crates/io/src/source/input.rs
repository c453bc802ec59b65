//! One opened input: bytes as they were before compression, with a look ahead.

use super::{
    Digest, Found, Location,
    compression::{Compression, HEAD_BYTES, wide_encoding},
};
use flate2::bufread::MultiGzDecoder;
use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// How much of a file is enough to tell its format.
pub const SAMPLE_BYTES: usize = 64 * 1024;

/// How much is asked of the file system at once: large enough that the calls cost nothing.
const CHUNK_BYTES: usize = 64 * 1024;

/// Counts the bytes that have been read from disk, compressed as they lie there, over any number of inputs.
///
/// Clones share one count; another thread may look at it while a file is read.
#[derive(Clone, Default, Debug)]
pub struct Meter(Arc<AtomicU64>);

impl Meter {
    /// How many bytes have been read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts bytes that were read.
    pub fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Why an input could not be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It could not be opened.
    #[error("cannot open `{file}`")]
    Open {
        /// The path as it was given.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// It is a folder.
    #[error("`{file}` is a folder, not a file")]
    Folder {
        /// The path as it was given.
        file: String,
    },
    /// It is text of two or four bytes a letter.
    #[error("`{file}` is {encoding} text, not UTF-8")]
    WideText {
        /// The path as it was given.
        file: String,
        /// As `iconv` calls it: `UTF-16`, `UTF-16LE`, `UTF-32` and so on.
        encoding: &'static str,
    },
    /// It is compressed in a way that is not read here.
    #[error("`{file}` is compressed with {compression}, which is not read here")]
    Foreign {
        /// The path as it was given.
        file: String,
        /// What the compression is called.
        compression: &'static str,
        /// What unpacks it to standard output.
        tool: &'static str,
    },
    /// It broke off: the system failed, or a compressed stream is cut or damaged. What came before is good.
    #[error("`{file}` breaks off at byte {offset}")]
    Broken {
        /// The path as it was given.
        file: String,
        /// Up to which byte, of the file as it lies on disk, it could be read.
        offset: u64,
        /// What the system or the decompressor said.
        source: io::Error,
    },
}

impl ReadError {
    /// What to try.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Open { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "read it as a user who may, or change its permissions".into()
            }
            Self::Open { .. } => "check the path".into(),
            Self::Folder { .. } => "name a file in it, or give the folder where several files may be".into(),
            Self::WideText { file, encoding } => {
                format!("convert it: `iconv -f {encoding} -t UTF-8 {file} > {file}.utf8`")
            }
            Self::Foreign { file, tool, .. } => format!("unpack it first, for example with `{tool} {file}`"),
            Self::Broken { .. } => {
                "what came before it was used; copy the file again, or wait until it is written".into()
            }
        }
    }
}

/// An opened file or pipe, decompressed as it is read.
///
/// After a break, which is reported once, it reads as if it had ended.
pub struct Input {
    file: String,
    stream: Box<dyn BufRead + Send>,
    /// How many bytes of the file as it lies on disk the stream has used.
    offset: Arc<AtomicU64>,
    /// What was looked at ahead of its reading, and how much of that has been read since.
    ahead: Vec<u8>,
    ahead_read: usize,
    /// A break that was met while looking ahead.
    broken: Option<ReadError>,
    ended: bool,
    digest: Option<Digest>,
}

/// Opens a location; gzip and zstd are recognised by their first bytes.
///
/// # Errors
/// When it cannot be opened, is a folder, or holds something that cannot be read as lines of UTF-8 or bytes.
pub fn open(location: &Location, meter: &Meter) -> Result<Input, ReadError> {
    open_first(location, u64::MAX, meter)
}

/// Opens as much of a file as was there when it was found, so that it reads the same again although
/// somebody still writes to it.
///
/// # Errors
/// As [`open`].
pub fn open_found(found: &Found, meter: &Meter) -> Result<Input, ReadError> {
    open_first(&found.location, found.bytes.unwrap_or(u64::MAX), meter)
}

fn open_first(location: &Location, bytes: u64, meter: &Meter) -> Result<Input, ReadError> {
    let file = location.to_string();
    match location {
        Location::Stdin => Input::from_reader(file, io::stdin(), meter),
        Location::File(path) => {
            let refused = |source| ReadError::Open { file: file.clone(), source };
            let opened = File::open(path).map_err(refused)?;
            if opened.metadata().map_err(refused)?.is_dir() {
                return Err(ReadError::Folder { file });
            }
            Input::from_reader(file, opened.take(bytes), meter)
        }
    }
}

impl Input {
    /// Reads from anything that gives bytes; `file` is what errors call it.
    ///
    /// # Errors
    /// As [`open`], for what is found at the start of the bytes.
    pub fn from_reader(
        file: String,
        mut reader: impl Read + Send + 'static,
        meter: &Meter,
    ) -> Result<Self, ReadError> {
        let offset = Arc::new(AtomicU64::new(0));
        let broken = |source| ReadError::Broken { file: file.clone(), offset: 0, source };
        let mut head = Vec::with_capacity(HEAD_BYTES);
        reader.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(broken)?;
        let compression = Compression::of(&head);
        let counted = Counted {
            inner: BufReader::with_capacity(CHUNK_BYTES, io::Cursor::new(head).chain(reader)),
            meter: meter.clone(),
            offset: Arc::clone(&offset),
        };
        let stream: Box<dyn BufRead + Send> = match compression {
            Compression::None => Box::new(counted),
            Compression::Gzip => {
                Box::new(BufReader::with_capacity(CHUNK_BYTES, MultiGzDecoder::new(counted)))
            }
            Compression::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(counted).map_err(broken)?;
                Box::new(BufReader::with_capacity(CHUNK_BYTES, decoder))
            }
            Compression::Foreign { name, tool } => {
                return Err(ReadError::Foreign { file, compression: name, tool });
            }
        };
        let mut input = Self::of_stream(file, stream, offset);
        match wide_encoding(input.sample(4)) {
            Some(encoding) => Err(ReadError::WideText { file: input.file, encoding }),
            None => Ok(input),
        }
    }

    /// Reads bytes as they are, whatever they look like: a part of a file that is known to be plain.
    #[must_use]
    pub fn plain(file: String, reader: impl Read + Send + 'static, meter: &Meter) -> Self {
        let offset = Arc::new(AtomicU64::new(0));
        let inner = BufReader::with_capacity(CHUNK_BYTES, reader);
        let stream = Box::new(Counted { inner, meter: meter.clone(), offset: Arc::clone(&offset) });
        Self::of_stream(file, stream, offset)
    }

    fn of_stream(file: String, stream: Box<dyn BufRead + Send>, offset: Arc<AtomicU64>) -> Self {
        Self {
            file,
            stream,
            offset,
            ahead: Vec::new(),
            ahead_read: 0,
            broken: None,
            ended: false,
            digest: None,
        }
    }

    /// The same input, of which `digest` will know all that is read.
    #[must_use]
    pub fn digested(mut self, digest: &Digest) -> Self {
        self.digest = Some(digest.clone());
        self
    }

    /// What errors call it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The next bytes, up to `limit`, without reading them: the same bytes come again.
    ///
    /// The last line is usually cut. A break that is met here is reported when reading gets there.
    pub fn sample(&mut self, limit: usize) -> &[u8] {
        self.ahead.drain(..std::mem::take(&mut self.ahead_read));
        while self.ahead.len() < limit && self.broken.is_none() && !self.ended {
            match self.pull() {
                Ok(available) => {
                    let taken = available.min(limit - self.ahead.len());
                    // `pull` has just filled the buffer, so this neither waits nor fails.
                    let chunk = self.stream.fill_buf().unwrap_or_default();
                    self.ahead.extend_from_slice(&chunk[..taken.min(chunk.len())]);
                    self.stream.consume(taken);
                }
                Err(broken) => self.broken = Some(broken),
            }
        }
        &self.ahead
    }

    /// The bytes that are ready, at least one; none at the end.
    ///
    /// # Errors
    /// [`ReadError::Broken`], once; after that the input has ended.
    pub(super) fn fill(&mut self) -> Result<&[u8], ReadError> {
        if self.ahead_read < self.ahead.len() {
            return Ok(&self.ahead[self.ahead_read..]);
        }
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        if self.ended || self.pull()? == 0 {
            return Ok(&[]);
        }
        self.stream.fill_buf().map_err(|source| broken_at(&self.file, &self.offset, source))
    }

    /// Reads into `out`, without a copy on the way where nothing was looked at ahead; 0 is the end.
    ///
    /// # Errors
    /// As [`fill`](Self::fill).
    pub(super) fn read_once(&mut self, out: &mut [u8]) -> Result<usize, ReadError> {
        if self.ahead_read < self.ahead.len() {
            let ready = &self.ahead[self.ahead_read..];
            let read = ready.len().min(out.len());
            out[..read].copy_from_slice(&ready[..read]);
            self.consume(read);
            return Ok(read);
        }
        if let Some(broken) = self.broken.take() {
            return Err(broken);
        }
        while !self.ended {
            match self.stream.read(out) {
                Ok(read) => {
                    self.ended = read == 0 && !out.is_empty();
                    if let Some(digest) = &self.digest {
                        digest.add(&out[..read]);
                    }
                    return Ok(read);
                }
                Err(again) if again.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    self.ended = true;
                    return Err(broken_at(&self.file, &self.offset, source));
                }
            }
        }
        Ok(0)
    }

    /// Makes the stream hold bytes and says how many; 0 is the end.
    fn pull(&mut self) -> Result<usize, ReadError> {
        loop {
            match self.stream.fill_buf() {
                Ok(chunk) => {
                    self.ended = chunk.is_empty();
                    return Ok(chunk.len());
                }
                Err(again) if again.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => {
                    self.ended = true;
                    return Err(broken_at(&self.file, &self.offset, source));
                }
            }
        }
    }
}

fn broken_at(file: &str, offset: &AtomicU64, source: io::Error) -> ReadError {
    ReadError::Broken { file: file.into(), offset: offset.load(Ordering::Relaxed), source }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("file", &self.file).field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.fill().map_err(io::Error::other)
    }

    fn consume(&mut self, bytes: usize) {
        if self.ahead_read == self.ahead.len() {
            if let Some(digest) = &self.digest {
                // What is consumed is in the buffer, so this neither waits nor fails.
                digest.add(self.stream.fill_buf().unwrap_or_default().get(..bytes).unwrap_or_default());
            }
            return self.stream.consume(bytes);
        }
        if let Some(digest) = &self.digest {
            digest.add(&self.ahead[self.ahead_read..self.ahead_read + bytes]);
        }
        self.ahead_read += bytes;
        if self.ahead_read >= self.ahead.len() {
            self.ahead = Vec::new();
            self.ahead_read = 0;
        }
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

/// Counts what is used of the bytes on disk.
struct Counted<R> {
    inner: BufReader<R>,
    meter: Meter,
    offset: Arc<AtomicU64>,
}

impl<R: Read> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.meter.add(bytes as u64);
        self.offset.fetch_add(bytes as u64, Ordering::Relaxed);
        self.inner.consume(bytes);
    }
}

impl<R: Read> Read for Counted<R> {
    /// A large read goes past the buffer.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.meter.add(read as u64);
        self.offset.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &'static [u8]) -> Input {
        Input::from_reader("test".into(), bytes, &Meter::default()).unwrap()
    }

    #[test]
    fn a_sample_is_read_again() {
        let mut input = input(b"one\ntwo\nthree\n");
        assert_eq!(input.sample(5), b"one\nt");
        assert_eq!(input.sample(2), b"one\nt", "a smaller sample forgets nothing");
        let mut first = [0; 2];
        input.read_exact(&mut first).unwrap();
        assert_eq!(input.sample(100), b"e\ntwo\nthree\n");
        let mut rest = String::new();
        input.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "e\ntwo\nthree\n");
    }

    #[test]
    fn the_meter_counts_what_lies_on_disk() {
        let meter = Meter::default();
        let packed = zstd::encode_all(&[b'x'; 1000][..], 0).unwrap();
        let size = packed.len() as u64;
        let mut input = Input::from_reader("test".into(), io::Cursor::new(packed), &meter).unwrap();
        io::copy(&mut input, &mut io::sink()).unwrap();
        assert_eq!(meter.bytes(), size);
    }

    #[test]
    fn a_break_is_reported_once() {
        struct Failing;
        impl Read for Failing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk on fire"))
            }
        }
        let mut input =
            Input::from_reader("test".into(), b"0123456789".chain(Failing), &Meter::default()).unwrap();
        assert_eq!(input.sample(100), b"0123456789");
        assert_eq!(input.fill().unwrap(), b"0123456789");
        input.consume(10);
        assert!(matches!(input.fill().unwrap_err(), ReadError::Broken { offset: 10, .. }));
        assert_eq!(input.fill().unwrap(), b"");
    }
}
