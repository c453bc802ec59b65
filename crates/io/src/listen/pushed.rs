//! Batches of lines that are handed over whole, and kept like what syslog brings.

use super::{
    FILE_BYTES, FILE_SHARE, KEEP, ListenError, Surroundings,
    spool::{Bounds, Spool},
};
use flate2::read::MultiGzDecoder;
use std::{
    io::{self, Read},
    path::Path,
    sync::{Mutex, PoisonError},
};
use unmasq_model::Arrival;

/// How a batch was packed (RFC 9110 §8.4.1, RFC 8878).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// As gzip, in one member or several.
    Gzip,
    /// As Zstandard, in one frame or several.
    Zstd,
}

/// Why a batch is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Too much of what came before was not read yet.
    #[error("there is no room until more of what came before was read")]
    Full,
    /// It is more than is taken at a time.
    #[error("it has more than {most} bytes: send less at a time")]
    TooLong {
        /// How much is.
        most: usize,
    },
    /// It cannot be unpacked.
    #[error("it is not packed as it says, or cut off")]
    Packed(#[source] io::Error),
    /// It could not be written; nothing of it is there.
    #[error("it could not be written")]
    Write(#[source] io::Error),
}

/// Unpacks a batch that has `most` bytes then, or fewer.
///
/// # Errors
/// When it has more, or is damaged.
pub fn unpack(body: &[u8], coding: Coding, most: usize) -> Result<Vec<u8>, PushError> {
    let mut reader: Box<dyn Read + '_> = match coding {
        Coding::Identity => Box::new(body),
        Coding::Gzip => Box::new(MultiGzDecoder::new(body)),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(PushError::Packed)?;
            // 8 MiB, as RFC 8878 asks every decoder to be able to hold, and no more.
            decoder.window_log_max(23).map_err(PushError::Packed)?;
            Box::new(decoder)
        }
    };
    let mut lines = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    reader.by_ref().take(limit).read_to_end(&mut lines).map_err(PushError::Packed)?;
    if lines.len() > most { Err(PushError::TooLong { most }) } else { Ok(lines) }
}

/// A place that batches of one log are handed over at.
#[derive(Debug)]
pub struct Pushed(Mutex<Spool>);

impl Pushed {
    /// Opens what an earlier process left in that folder, which nothing else is in, or begins. All of it has so many
    /// bytes at most.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(name: &str, folder: &Path, bytes: u64, now: Arrival) -> Result<Self, ListenError> {
        let bounds = Bounds { bytes, file: FILE_BYTES.min(bytes / FILE_SHARE), keep: KEEP, logs: 1 };
        let spool = Spool::open(folder, Some(name), bounds, now);
        let spool = spool.map_err(|source| ListenError::Folder { path: folder.to_owned(), source })?;
        Ok(Self(Mutex::new(spool)))
    }

    /// Keeps whole lines: they are on disk when this has returned, or not there at all.
    ///
    /// # Errors
    /// When there is no room, or it cannot be written.
    pub fn add(&self, lines: &[u8], around: &dyn Surroundings) -> Result<(), PushError> {
        let mut spool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let needed = lines.len() as u64;
        spool.tidy(needed, around);
        if spool.room() < needed {
            return Err(PushError::Full);
        }
        spool.add("", lines, around.now()).map_err(PushError::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, read::GzEncoder};

    #[test]
    fn what_is_unpacked_is_bounded_whatever_it_was_packed_to() {
        let lines = b"one\ntwo\n".repeat(1 << 16);
        let mut gzip = Vec::new();
        GzEncoder::new(&lines[..], Compression::best()).read_to_end(&mut gzip).unwrap();
        let zstd = zstd::encode_all(&lines[..], 19).unwrap();
        for (body, coding) in [(&gzip, Coding::Gzip), (&zstd, Coding::Zstd), (&lines, Coding::Identity)] {
            assert_eq!(unpack(body, coding, lines.len()).unwrap(), lines);
            let long = unpack(body, coding, lines.len() - 1);
            assert!(matches!(long, Err(PushError::TooLong { .. })), "{coding:?}");
        }
        for (body, coding) in [(&gzip, Coding::Gzip), (&zstd, Coding::Zstd)] {
            let cut = unpack(&body[..body.len() / 2], coding, lines.len());
            assert!(matches!(cut, Err(PushError::Packed(_))), "{coding:?}");
            assert!(matches!(unpack(b"{\"a\":1}\n", coding, 100), Err(PushError::Packed(_))));
        }
        let twice = [&gzip[..], &gzip[..]].concat();
        assert_eq!(unpack(&twice, Coding::Gzip, 2 * lines.len()).unwrap().len(), 2 * lines.len());
    }
}
