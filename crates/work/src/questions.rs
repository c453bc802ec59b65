//! What alerts ask that are not held in memory any more.

use crate::{Reader, Work, WorkError};
use rusqlite::{Row, Transaction, params};
use unmasq_engine::OldQuestion;

impl Work {
    /// Keeps what these alerts ask now, in place of what was kept of them.
    ///
    /// # Errors
    /// When that cannot be written; then nothing changed.
    pub fn keep_questions(&mut self, alerts: &[(u64, Vec<OldQuestion>)]) -> Result<(), WorkError> {
        self.whole(|transaction| {
            alerts.iter().try_for_each(|(alert, asked)| keep(transaction, *alert, asked))
        })
    }
}

fn keep(transaction: &Transaction<'_>, alert: u64, asked: &[OldQuestion]) -> rusqlite::Result<()> {
    let query = "SELECT key, since, until, alert FROM questions WHERE alert = ?1 ORDER BY key, since, until";
    let mut select = transaction.prepare_cached(query)?;
    let known: Vec<OldQuestion> = select.query_map([alert], question)?.collect::<Result<_, _>>()?;
    let mut asked = asked.to_vec();
    asked.sort_unstable();
    // Mostly it was traced in vain, and asks what it asked.
    if known == asked {
        return Ok(());
    }
    transaction.prepare_cached("DELETE FROM questions WHERE alert = ?1")?.execute([alert])?;
    // What was dropped meanwhile asks nothing.
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO questions (key, since, until, alert) \
         SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM alerts WHERE number = ?4)",
    )?;
    for OldQuestion { key, from, to, alert } in asked {
        insert.execute(params![key, from, to, alert])?;
    }
    Ok(())
}

fn question(row: &Row<'_>) -> rusqlite::Result<OldQuestion> {
    Ok(OldQuestion { key: row.get(0)?, from: row.get(1)?, to: row.get(2)?, alert: row.get(3)? })
}

impl Reader {
    /// Gives every alert that asked under a key about one of those seconds to `each`. No question is about more than
    /// `longest` seconds after its first one.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn who_asked(
        &self,
        key: u64,
        (from, to): (u32, u32),
        longest: u32,
        mut each: impl FnMut(u64),
    ) -> Result<(), WorkError> {
        let query = "SELECT alert FROM questions WHERE key = ?1 AND since BETWEEN ?2 AND ?3 AND until >= ?4";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let earliest = from.saturating_sub(longest);
        let rows = statement.query_map(params![key, earliest, to, from], |row| row.get(0));
        rows.and_then(|mut rows| rows.try_for_each(|alert| alert.map(&mut each))).map_err(self.failed())
    }

    /// Gives everything that is kept to `each`, in order of key.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn each_question(&self, mut each: impl FnMut(OldQuestion)) -> Result<(), WorkError> {
        let query = "SELECT key, since, until, alert FROM questions ORDER BY key, since, until, alert";
        let mut statement = self.connection.prepare(query).map_err(self.failed())?;
        let rows = statement.query_map([], question);
        rows.and_then(|mut rows| rows.try_for_each(|row| row.map(&mut each))).map_err(self.failed())
    }
}
