//! The file, as its one writer and its readers have it open.

use crate::{WorkError, schema::STEPS};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use unmasq_io::disk::{Change, OnDisk};

/// Whoever writes to the file: one process at a time.
#[derive(Debug)]
pub struct Work {
    pub(crate) reader: Reader,
    disk: OnDisk,
    /// Held for as long as we write.
    _lock: std::fs::File,
}

/// Whoever reads it, while somebody else may write.
#[derive(Debug)]
pub struct Reader {
    pub(crate) path: PathBuf,
    pub(crate) connection: Connection,
}

/// How long somebody else may hold the file before it is said to be in use.
const BUSY: Duration = Duration::from_secs(10);

impl Work {
    /// Opens the file to write to it; makes it if there is none, and brings an older one up to date.
    ///
    /// # Errors
    /// [`WorkError::Busy`] if another process writes to it; and when it is a later version's, or cannot be used.
    pub fn open(path: &Path) -> Result<Self, WorkError> {
        Self::open_on(path, OnDisk::default())
    }

    /// The same, on a disk that is asked.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(path: &Path, disk: OnDisk) -> Result<Self, WorkError> {
        let lock = lock(path)?;
        let connection = Connection::open(path).map_err(WorkError::sqlite(path))?;
        let mut work = Self { reader: Reader { path: path.to_owned(), connection }, disk, _lock: lock };
        work.prepare()?;
        Ok(work)
    }

    /// Another reader of the same file.
    ///
    /// # Errors
    /// When the file cannot be opened once more.
    pub fn reader(&self) -> Result<Reader, WorkError> {
        Reader::open(&self.reader.path)
    }

    fn prepare(&mut self) -> Result<(), WorkError> {
        let Reader { path, connection } = &mut self.reader;
        let failed = WorkError::sqlite(path);
        connection.busy_timeout(BUSY).map_err(&failed)?;
        // A commit that has returned is on disk, also if the power goes.
        connection.pragma_update(None, "journal_mode", "WAL").map_err(&failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(&failed)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(&failed)?;
        let found: u32 =
            connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(&failed)?;
        let known = u32::try_from(STEPS.len()).expect("few steps");
        if found > known {
            return Err(WorkError::Later { path: path.clone(), found, known });
        }
        for (number, step) in (1..=known).zip(STEPS).skip(found as usize) {
            let change =
                connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
            change.execute_batch(step).map_err(&failed)?;
            change.pragma_update(None, "user_version", number).map_err(&failed)?;
            commit(&self.disk, change).map_err(&failed)?;
        }
        Ok(())
    }

    /// Does all of `change`, or nothing.
    pub(crate) fn whole<R>(
        &mut self,
        change: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<R, rusqlite::Error>,
    ) -> Result<R, WorkError> {
        let Reader { path, connection } = &mut self.reader;
        let failed = WorkError::sqlite(path);
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let done = change(&transaction).map_err(&failed)?;
        commit(&self.disk, transaction).map_err(&failed)?;
        Ok(done)
    }
}

impl std::ops::Deref for Work {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        &self.reader
    }
}

impl Reader {
    /// Opens the file to read it.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, WorkError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(WorkError::sqlite(path))?;
        connection.busy_timeout(BUSY).map_err(WorkError::sqlite(path))?;
        Ok(Self { path: path.to_owned(), connection })
    }

    /// Whether the file has all its tables: its writer makes them when it opens it for the first time.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn is_made(&self) -> Result<bool, WorkError> {
        let version = self.connection.query_row("PRAGMA user_version", [], |row| row.get::<_, usize>(0));
        Ok(version.map_err(self.failed())? >= STEPS.len())
    }

    /// Copies the file as it is at one moment, while others go on reading and writing.
    ///
    /// # Errors
    /// When the copy cannot be written, or is there already.
    pub fn backup(&self, to: &Path) -> Result<(), WorkError> {
        let failed = WorkError::sqlite(to);
        self.connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]).map_err(failed)?;
        Ok(())
    }

    pub(crate) fn failed(&self) -> impl Fn(rusqlite::Error) -> WorkError + '_ {
        WorkError::sqlite(&self.path)
    }
}

fn commit(disk: &OnDisk, transaction: rusqlite::Transaction<'_>) -> Result<(), rusqlite::Error> {
    disk.before(Change::Transaction).map_err(refused(ErrorCode::SystemIoFailure))?;
    transaction.commit()?;
    disk.after(Change::Transaction).map_err(refused(ErrorCode::SystemIoFailure))
}

/// What the system said, as SQLite would.
fn refused(code: ErrorCode) -> impl Fn(io::Error) -> rusqlite::Error {
    let failure = rusqlite::ffi::Error { code, extended_code: 0 };
    move |error| rusqlite::Error::SqliteFailure(failure, Some(error.to_string()))
}

/// Keeps other processes from writing: SQLite's own locks are held only for as long as a transaction takes.
fn lock(path: &Path) -> Result<std::fs::File, WorkError> {
    let name = path.with_extension("lock");
    let failed = |error: io::Error| WorkError::Sqlite {
        path: name.clone(),
        source: refused(ErrorCode::CannotOpen)(error),
    };
    let file =
        std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&name).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(WorkError::Busy { path: path.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}
