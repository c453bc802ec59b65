//! What was learned of how well logs are delivered.

use crate::{Reader, Work, WorkError};
use std::collections::BTreeMap;
use unmasq_model::SourceName;

impl Work {
    /// Keeps what was learned of each log, in place of what was kept before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_exporters(&mut self, learned: &[(SourceName, String)]) -> Result<(), WorkError> {
        self.whole(|transaction| {
            let insert = "INSERT OR REPLACE INTO exporters (log, learned) VALUES (?1, ?2)";
            let mut insert = transaction.prepare_cached(insert)?;
            learned.iter().try_for_each(|(log, learned)| insert.execute((log.as_str(), learned)).map(drop))
        })
    }
}

impl Reader {
    /// What was learned of each log.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn exporters(&self) -> Result<BTreeMap<SourceName, String>, WorkError> {
        let query = "SELECT log, learned FROM exporters";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let rows =
            statement.query_map([], |row| Ok((SourceName::from(row.get::<_, String>(0)?), row.get(1)?)));
        rows.and_then(Iterator::collect).map_err(self.failed())
    }
}
