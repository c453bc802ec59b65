//! Reading from disk, a few at a time, on threads on which nobody else waits.

use crate::problem::Problem;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Semaphore, time::timeout};
use unmasq_work::{Reader, WorkError};

/// So many read the work file at a time.
const READERS: usize = 4;
/// So many look something up in the store at a time: each may read many sessions.
const LOOKUPS: usize = 2;
/// Whoever waits longer for a turn is told to come again.
const TURN: Duration = Duration::from_secs(10);

/// What can be read: the work file, and the store.
#[derive(Debug)]
pub(crate) struct Reading {
    work: PathBuf,
    /// The folder of the store.
    pub(crate) store: PathBuf,
    readers: Arc<Semaphore>,
    lookups: Arc<Semaphore>,
    idle: Mutex<Vec<Reader>>,
}

impl Reading {
    /// What a service keeps in that folder.
    pub(crate) fn of(data: &std::path::Path) -> Self {
        Self {
            work: data.join("work.sqlite"),
            store: data.join("sessions"),
            readers: Arc::new(Semaphore::new(READERS)),
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
            idle: Mutex::default(),
        }
    }

    /// Reads the work file.
    ///
    /// # Errors
    /// What `read` says; and when it is not there yet, cannot be read, or too many read it already.
    pub(crate) async fn work<R: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Reader) -> Result<R, Problem> + Send + 'static,
    ) -> Result<R, Problem> {
        let own = Arc::clone(self);
        in_turn(&self.readers, move || {
            let reader = own.reader()?;
            let found = read(&reader)?;
            own.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            Ok(found)
        })
        .await
    }

    /// Reads the store.
    ///
    /// # Errors
    /// As [`work`](Self::work).
    pub(crate) async fn store<R: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&std::path::Path) -> Result<R, Problem> + Send + 'static,
    ) -> Result<R, Problem> {
        let own = Arc::clone(self);
        in_turn(&self.lookups, move || read(&own.store)).await
    }

    fn reader(&self) -> Result<Reader, Problem> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(reader) = idle {
            return Ok(reader);
        }
        if !self.work.exists() {
            return Err(Problem::too_early());
        }
        let reader = Reader::open(&self.work)?;
        if reader.is_made()? { Ok(reader) } else { Err(Problem::too_early()) }
    }
}

/// Does it on another thread, once it is its turn. It keeps the turn until it is done, also if nobody waits any more.
async fn in_turn<R: Send + 'static>(
    turns: &Arc<Semaphore>,
    read: impl FnOnce() -> Result<R, Problem> + Send + 'static,
) -> Result<R, Problem> {
    let Ok(Ok(turn)) = timeout(TURN, Arc::clone(turns).acquire_owned()).await else {
        return Err(Problem::not_now("too much is being asked at a time"));
    };
    let read = tokio::task::spawn_blocking(move || {
        let found = read();
        drop(turn);
        found
    });
    read.await.unwrap_or_else(|error| Err(Problem::unexpected(&error)))
}

impl From<WorkError> for Problem {
    fn from(error: WorkError) -> Self {
        Self::unexpected(&error)
    }
}
