//! Where the bytes come from.

use bytes::Bytes;
use std::{fs::File, io, ops::Range};

/// Something with a length of which any part can be read, by several at once.
pub trait Source {
    /// How many bytes there are.
    ///
    /// # Errors
    /// What the source says.
    fn len(&self) -> io::Result<u64>;

    /// Whether there are none.
    ///
    /// # Errors
    /// What the source says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Exactly these bytes.
    ///
    /// # Errors
    /// What the source says; also if it has fewer.
    fn read(&self, range: Range<u64>) -> io::Result<Bytes>;
}

impl Source for Bytes {
    fn len(&self) -> io::Result<u64> {
        Ok(Bytes::len(self) as u64)
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let place = |at| usize::try_from(at).ok().filter(|&at| at <= Bytes::len(self));
        match (place(range.start), place(range.end)) {
            (Some(start), Some(end)) if start <= end => Ok(self.slice(start..end)),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

#[cfg(unix)]
impl Source for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let length = range.end.checked_sub(range.start).and_then(|length| usize::try_from(length).ok());
        let mut buffer = vec![0; length.ok_or(io::ErrorKind::UnexpectedEof)?];
        std::os::unix::fs::FileExt::read_exact_at(self, &mut buffer, range.start)?;
        Ok(buffer.into())
    }
}

#[cfg(not(unix))]
impl Source for std::sync::Mutex<File> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().map_err(|_| io::Error::other("a reader failed"))?.metadata()?.len())
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        use std::io::{Read, Seek, SeekFrom};
        let length = range.end.checked_sub(range.start).and_then(|length| usize::try_from(length).ok());
        let mut buffer = vec![0; length.ok_or(io::ErrorKind::UnexpectedEof)?];
        let mut file = self.lock().map_err(|_| io::Error::other("a reader failed"))?;
        file.seek(SeekFrom::Start(range.start))?;
        file.read_exact(&mut buffer)?;
        Ok(buffer.into())
    }
}

impl<S: Source + ?Sized> Source for &S {
    fn len(&self) -> io::Result<u64> {
        (**self).len()
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        (**self).read(range)
    }
}

impl<S: Source + ?Sized> Source for std::sync::Arc<S> {
    fn len(&self) -> io::Result<u64> {
        (**self).len()
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        (**self).read(range)
    }
}
