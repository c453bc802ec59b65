//! Where the bytes come from.

use bytes::Bytes;
use std::{io, ops::Range};

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
