//! Objects under a prefix of a bucket, on S3 or whatever speaks like it.
//!
//! An object appears whole or not at all, and a put that is *conditional* (`If-None-Match: *`) is refused where
//! an object is already: that is all that a store needs. What waits for the network waits here; nobody above
//! knows that it is asynchronous.

mod told;
mod upload;

pub(crate) use upload::Upload;

use crate::{StoreError, place::Listed};
use bytes::Bytes;
use object_store::{
    BackoffConfig, Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path as Key,
};
use std::{
    fmt, io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};
use told::told;
use unmasq_io::source::Meter;
use unmasq_segment::Source;

/// For so long a request is tried again that fails for a reason that may pass.
const PATIENCE: Duration = Duration::from_secs(60);

/// … and so often at most.
const TRIES: usize = 6;

/// The objects under a prefix.
#[derive(Clone)]
pub(crate) struct Bucket {
    /// As it was typed, without a slash at its end.
    path: PathBuf,
    prefix: Key,
    client: Arc<Client>,
    /// Counts what is read of its objects, by whoever has opened them.
    meter: Meter,
}

/// Speaks with the server.
struct Client {
    objects: AmazonS3,
    runtime: Runtime,
    /// How long the parts of a long object are.
    part_bytes: usize,
}

/// What is shown is the place: the client knows the keys.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.path).finish()
    }
}

impl Bucket {
    /// The place `s3://rest`. Endpoint, region and keys are in the environment, where other programs look too.
    pub(crate) fn at(path: &Path, rest: &str) -> Result<Self, StoreError> {
        let bad = |what: String| StoreError::BadPlace { path: path.to_owned(), what };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() || bucket.contains(['@', '?', '#']) {
            return Err(bad("it does not name a bucket as s3://BUCKET/PREFIX".to_owned()));
        }
        let prefix = prefix.trim_end_matches('/');
        let prefix = Key::parse(prefix).map_err(|error| bad(told(&error)))?;
        let backoff = BackoffConfig { init_backoff: Duration::from_millis(200), ..BackoffConfig::default() };
        let retry = RetryConfig { backoff, max_retries: TRIES, retry_timeout: PATIENCE };
        let objects = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_retry(retry)
            .build()
            .map_err(|error| bad(told(&error)))?;
        // One thread keeps connections going; who asks waits in his own.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("object store")
            .enable_all()
            .build()
            .map_err(|error| bad(error.to_string()))?;
        let part_bytes = upload::part_bytes().map_err(bad)?;
        let path = PathBuf::from(format!("s3://{bucket}/{prefix}").trim_end_matches('/'));
        Ok(Self {
            path,
            prefix,
            client: Arc::new(Client { objects, runtime, part_bytes }),
            meter: Meter::default(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("{}/{name}", self.path.display()))
    }

    fn key(&self, name: &str) -> Key {
        Key::from(format!("{}/{name}", self.prefix))
    }

    /// Waits for an answer.
    fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.client.runtime.block_on(answer)
    }

    pub(crate) fn read(&self, name: &str) -> Result<Bytes, StoreError> {
        let key = self.key(name);
        let read = async { self.client.objects.get(&key).await?.bytes().await };
        self.wait(read).map_err(|error| StoreError::read(&self.path_of(name))(io_error(&error)))
    }

    pub(crate) fn open(&self, name: &str) -> Result<Object, StoreError> {
        let (bucket, key) = (self.clone(), self.key(name));
        let about = self.wait(self.client.objects.head(&key));
        let about = about.map_err(|error| StoreError::read(&self.path_of(name))(io_error(&error)))?;
        Ok(Object { bucket, key, bytes: about.size, last: Mutex::default() })
    }

    pub(crate) fn list(&self, inner: &str) -> Result<Vec<Listed>, StoreError> {
        let folder = self.key(inner);
        let listed = self.wait(self.client.objects.list_with_delimiter(Some(&folder)));
        let listed = listed.map_err(|error| StoreError::read(&self.path_of(inner))(io_error(&error)))?;
        let mut files: Vec<Listed> = listed
            .objects
            .into_iter()
            .filter_map(|object| {
                let name = object.location.filename()?;
                let name = if inner.is_empty() { name.to_owned() } else { format!("{inner}/{name}") };
                Some(Listed { name, written: Some(object.last_modified.timestamp()) })
            })
            .collect();
        files.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(files)
    }

    /// Puts an object where none is.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if there is another.
    pub(crate) fn put(&self, name: &str, bytes: &Bytes) -> Result<(), StoreError> {
        let path = self.path_of(name);
        let key = self.key(name);
        let options = PutOptions::from(PutMode::Create);
        for _ in 0..TRIES {
            let put = self.client.objects.put_opts(&key, bytes.clone().into(), options.clone());
            match self.wait(put) {
                Ok(_) => return Ok(()),
                Err(Error::AlreadyExists { .. }) => match self.read(name) {
                    // A put of which the answer was lost is tried again, and then finds itself.
                    Ok(there) if there == *bytes => return Ok(()),
                    Ok(_) => return Err(StoreError::Fenced { path }),
                    // Two puts at the same moment may both be refused.
                    Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                },
                Err(error) => return Err(StoreError::write(&path)(io_error(&error))),
            }
        }
        Err(StoreError::Fenced { path })
    }

    /// Whether there is an object.
    fn has(&self, name: &str) -> Result<bool, StoreError> {
        match self.open(name) {
            Ok(_) => Ok(true),
            Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn begin(&self, name: &str) -> Result<Upload, StoreError> {
        Ok(Upload::new(self, name))
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        let key = self.key(name);
        match self.wait(self.client.objects.delete(&key)) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(StoreError::write(&self.path_of(name))(io_error(&error))),
        }
    }

    /// Makes sure that the server refuses to write what is there already: not every one does, and with one that
    /// does not, what two writers write would be lost without a word.
    pub(crate) fn try_fence(&self, unused: &str) -> Result<(), StoreError> {
        self.put(unused, &Bytes::from_static(b"one"))?;
        let second = self.put(unused, &Bytes::from_static(b"other"));
        self.remove(unused)?;
        match second {
            Err(StoreError::Fenced { .. }) => Ok(()),
            Ok(()) => Err(StoreError::Unfenced { path: self.path.clone() }),
            Err(error) => Err(error),
        }
    }
}

/// An object, to be read part by part.
#[derive(Debug)]
pub(crate) struct Object {
    bucket: Bucket,
    key: Key,
    bytes: u64,
    /// What was read last, and where it begins: pages lie near each other, and a request takes as long as a
    /// megabyte.
    last: Mutex<(u64, Bytes)>,
}

/// So much is asked for at once; a row group is no longer.
const WINDOW_BYTES: u64 = 1024 * 1024;

impl Source for Object {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes)
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        if range.start > range.end || range.end > self.bytes {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        self.bucket.meter.add(range.end - range.start);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = within(&last, &range) {
            return Ok(part);
        }
        let window = range.start..range.end.max(range.start.saturating_add(WINDOW_BYTES)).min(self.bytes);
        let got = self.bucket.wait(self.bucket.client.objects.get_range(&self.key, window.clone()));
        *last = (window.start, got.map_err(|error| io_error(&error))?);
        within(&last, &range).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// A part of what was read, if all of it was.
fn within((start, bytes): &(u64, Bytes), range: &Range<u64>) -> Option<Bytes> {
    let place = |at: u64| usize::try_from(at.checked_sub(*start)?).ok().filter(|at| *at <= bytes.len());
    Some(bytes.slice(place(range.start)?..place(range.end)?))
}

/// What the server said, as what a system would have said.
fn io_error(error: &Error) -> io::Error {
    let kind = match error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, told(error))
}
