//! An object that is being written.

use super::{Bucket, io_error};
use crate::StoreError;
use object_store::{MultipartUpload, ObjectStoreExt};
use std::{
    env,
    io::{self, Write},
    mem,
};

/// How long a part is, unless [`PART_VARIABLE`] says otherwise: a server takes ten thousand of them, so an object
/// may have 78 GiB. So much of each object is in memory while it is written.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// The environment variable that says how many bytes a part has.
const PART_VARIABLE: &str = "UNMASQ_PART_BYTES";

/// How many bytes a part has.
///
/// # Errors
/// What is wrong with what the environment says.
pub(super) fn part_bytes() -> Result<usize, String> {
    let Some(said) = env::var_os(PART_VARIABLE) else { return Ok(PART_BYTES) };
    let bytes = said.to_str().and_then(|said| said.parse().ok()).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| format!("{PART_VARIABLE} is no number of bytes"))
}

/// An object that is being written, of which nobody sees anything before it is
/// [published](Upload::publish).
///
/// What fits into one part is put where no object is. A longer object goes in parts, for which few servers know
/// such a condition; it needs none, because its name is one that nobody else gives out.
pub(crate) struct Upload {
    bucket: Bucket,
    name: String,
    part: Vec<u8>,
    /// What has taken parts already.
    parts: Option<Box<dyn MultipartUpload>>,
}

impl Upload {
    pub(super) fn new(bucket: &Bucket, name: &str) -> Self {
        Self { bucket: bucket.clone(), name: name.to_owned(), part: Vec::new(), parts: None }
    }

    fn send(&mut self) -> object_store::Result<()> {
        if self.parts.is_none() {
            let key = self.bucket.key(&self.name);
            let begun = self.bucket.wait(self.bucket.client.objects.put_multipart(&key))?;
            self.parts = Some(begun);
        }
        let part = mem::take(&mut self.part);
        match &mut self.parts {
            Some(parts) => self.bucket.wait(parts.put_part(part.into())),
            None => Ok(()),
        }
    }

    /// Makes it an object.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if there is one of that name.
    pub(crate) fn publish(mut self) -> Result<(), StoreError> {
        let path = self.bucket.path_of(&self.name);
        if self.parts.is_none() {
            return self.bucket.put(&self.name, &mem::take(&mut self.part).into());
        }
        if !self.part.is_empty() {
            self.send().map_err(|error| StoreError::write(&path)(io_error(&error)))?;
        }
        if self.bucket.has(&self.name)? {
            return Err(StoreError::Fenced { path });
        }
        let Some(mut parts) = self.parts.take() else { return Ok(()) };
        match self.bucket.wait(parts.complete()) {
            Ok(_) => Ok(()),
            // The answer was lost, and whoever asked again was told that there is nothing to complete.
            Err(_) if self.bucket.has(&self.name).is_ok_and(|has| has) => Ok(()),
            Err(error) => {
                self.parts = Some(parts);
                Err(StoreError::write(&path)(io_error(&error)))
            }
        }
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part_bytes = self.bucket.client.part_bytes;
        let taken = bytes.len().min(part_bytes - self.part.len());
        self.part.extend_from_slice(&bytes[..taken]);
        if self.part.len() == part_bytes {
            self.send().map_err(|error| io_error(&error))?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    /// Parts of what became no object would lie there unseen, and be paid for.
    fn drop(&mut self) {
        if let Some(parts) = &mut self.parts {
            // Nobody is left to be told; what remains goes by the bucket's own rules.
            let _ = self.bucket.wait(parts.abort());
        }
    }
}
