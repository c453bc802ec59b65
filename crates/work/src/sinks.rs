//! Up to which revision each sink was told.

use crate::{Reader, Work, WorkError};
use rusqlite::{OptionalExtension, params};

impl Reader {
    /// The place of the last revision that a sink was told; 0 if it was told nothing.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn told(&self, sink: &str) -> Result<u64, WorkError> {
        let query = "SELECT sequence FROM sinks WHERE name = ?1";
        let told = self.connection.query_row(query, [sink], |row| row.get(0)).optional();
        Ok(told.map_err(self.failed())?.unwrap_or_default())
    }
}

impl Work {
    /// Notes that a sink has everything up to that place.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn set_told(&mut self, sink: &str, sequence: u64) -> Result<(), WorkError> {
        let put = "INSERT OR REPLACE INTO sinks (name, sequence) VALUES (?1, ?2)";
        self.whole(|transaction| transaction.execute(put, params![sink, sequence]).map(drop))
    }
}
