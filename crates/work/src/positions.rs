//! Up to where the files of a source were read.

use crate::{Reader, WorkError};
use rusqlite::{Transaction, params};
use unmasq_io::source::Content;
use unmasq_model::SourceName;

/// Up to where one file of a source was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Position {
    /// The source.
    pub source: SourceName,
    /// What the file begins with: by that it is known, whatever it is called.
    pub head: Content,
    /// How many of its bytes were read, before compression: whole lines.
    pub bytes: u64,
    /// How many lines those are.
    pub lines: u64,
}

impl Reader {
    /// What was read of a source's files.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn positions(&self, source: &SourceName) -> Result<Vec<Position>, WorkError> {
        let query = "SELECT head, head_bytes, bytes, lines FROM positions WHERE source = ?1 ORDER BY head_bytes, head";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let rows = statement
            .query_map([source.as_str()], |row| {
                let hash = u128::from_be_bytes(row.get(0)?);
                let head = Content { bytes: row.get(1)?, hash };
                Ok(Position { source: source.clone(), head, bytes: row.get(2)?, lines: row.get(3)? })
            })
            .map_err(self.failed())?;
        rows.collect::<Result<_, _>>().map_err(self.failed())
    }
}

pub(crate) fn put(transaction: &Transaction<'_>, position: &Position) -> rusqlite::Result<()> {
    let Position { source, head, bytes, lines } = position;
    let put = "INSERT OR REPLACE INTO positions (source, head, head_bytes, bytes, lines) VALUES (?1, ?2, ?3, ?4, ?5)";
    let row = params![source.as_str(), head.hash.to_be_bytes(), head.bytes, bytes, lines];
    transaction.prepare_cached(put)?.execute(row)?;
    Ok(())
}
