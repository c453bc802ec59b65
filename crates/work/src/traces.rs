//! Traces, with all their revisions.

use crate::{Reader, Work, WorkError};
use rusqlite::{OptionalExtension, Row, params};
use unmasq_model::{AlertId, Arrival};

/// A revision that is said now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revision {
    /// The number of its alert.
    pub alert: u64,
    /// Which it is, from 1.
    pub revision: u32,
    /// When it is said.
    pub said: Arrival,
    /// What tells it apart from another answer.
    pub print: u128,
    /// Whether nothing is expected to change it.
    pub is_final: bool,
    /// The trace, as JSON.
    pub body: String,
}

/// A revision that was said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// Its place among all that were said.
    pub sequence: u64,
    /// What its alert is called.
    pub id: AlertId,
    /// The name of its alert's form.
    pub format: String,
    /// Its alert's bytes, as they came.
    pub raw: Vec<u8>,
    /// Which it is, from 1.
    pub revision: u32,
    /// When it was said.
    pub said: Arrival,
    /// The trace, as JSON.
    pub body: String,
    /// What was read of its alert, as JSON, if it can be traced.
    pub facts: Option<String>,
}

/// A revision that was said, without its alert's bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SaidTrace {
    /// Its place among all that were said.
    pub sequence: u64,
    /// What its alert is called.
    pub id: AlertId,
    /// When it was said.
    pub said: Arrival,
    /// The trace, as JSON.
    pub body: String,
}

/// An alert, and what was said of it last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LastSaid {
    /// The alert's number.
    pub alert: u64,
    /// When it came.
    pub arrived: Arrival,
    /// The number of the last revision, what tells it apart, and whether it is final.
    pub said: Option<(u32, u128, bool)>,
}

impl Work {
    /// Says revisions: all of them, or none. One that was said before stays as it was said first.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn say(&mut self, revisions: &[Revision]) -> Result<(), WorkError> {
        let insert = "INSERT OR IGNORE INTO traces (alert, revision, said, print, is_final, body) \
                      SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM alerts WHERE number = ?1)";
        self.whole(|transaction| {
            let mut insert = transaction.prepare_cached(insert)?;
            revisions.iter().try_for_each(|new| {
                let (said, print) = (new.said.as_unix_us(), new.print.to_be_bytes());
                insert
                    .execute(params![new.alert, new.revision, said, print, new.is_final, new.body])
                    .map(drop)
            })
        })
    }
}

/// What a row of revisions is read by, with their alerts.
const SAID: &str = "SELECT traces.sequence, alerts.id, alerts.format, alerts.raw, traces.revision, traces.said, \
                    traces.body, alerts.facts FROM traces JOIN alerts ON alerts.number = traces.alert";

/// The same, without their alerts' bytes.
const TRACE: &str = "SELECT traces.sequence, alerts.id, traces.said, traces.body FROM traces \
                     JOIN alerts ON alerts.number = traces.alert";

impl Reader {
    /// All alerts after one of that number, with what was said of them last, at most `most`, in order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn last_said(&self, after: u64, most: u32) -> Result<Vec<LastSaid>, WorkError> {
        self.last("alerts.number > ?1 ORDER BY alerts.number", (after, most))
    }

    /// All alerts before one of that number, with what was said of them last, at most `most`, the last one first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn last_said_before(&self, before: u64, most: u32) -> Result<Vec<LastSaid>, WorkError> {
        let before = before.min(i64::MAX.cast_unsigned());
        self.last("alerts.number < ?1 ORDER BY alerts.number DESC", (before, most))
    }

    fn last(&self, which: &str, (number, most): (u64, u32)) -> Result<Vec<LastSaid>, WorkError> {
        let query = format!(
            "SELECT alerts.number, alerts.arrived, traces.revision, traces.print, traces.is_final \
             FROM alerts LEFT JOIN traces ON traces.alert = alerts.number AND traces.revision = \
             (SELECT max(revision) FROM traces WHERE alert = alerts.number) WHERE {which} LIMIT ?2"
        );
        let mut statement = self.connection.prepare_cached(&query).map_err(self.failed())?;
        let rows = statement
            .query_map(params![number, most], |row| {
                let said = match row.get::<_, Option<u32>>(2)? {
                    Some(revision) => Some((revision, u128::from_be_bytes(row.get(3)?), row.get(4)?)),
                    None => None,
                };
                Ok(LastSaid { alert: row.get(0)?, arrived: Arrival::from_unix_us(row.get(1)?), said })
            })
            .map_err(self.failed())?;
        rows.collect::<Result<_, _>>().map_err(self.failed())
    }

    /// What was said after that place, at most `most`, in order.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn said_after(&self, sequence: u64, most: u32) -> Result<Vec<Said>, WorkError> {
        self.said_within(sequence, most, usize::MAX)
    }

    /// The same, and no more once they have `bytes` bytes together.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn said_within(&self, sequence: u64, most: u32, bytes: usize) -> Result<Vec<Said>, WorkError> {
        let query = format!("{SAID} WHERE traces.sequence > ?1 ORDER BY traces.sequence LIMIT ?2");
        let mut statement = self.connection.prepare_cached(&query).map_err(self.failed())?;
        let mut rows = statement.query(params![sequence, most]).map_err(self.failed())?;
        let (mut found, mut size) = (Vec::new(), 0);
        while size < bytes
            && let Some(row) = rows.next().map_err(self.failed())?
        {
            let said = said(row).map_err(self.failed())?;
            size += said.raw.len() + said.body.len();
            found.push(said);
        }
        Ok(found)
    }

    /// The traces that were said after that place, in order: at most `most`, and no more once they have `bytes` bytes
    /// together.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn traces_after(&self, after: u64, most: u32, bytes: usize) -> Result<Vec<SaidTrace>, WorkError> {
        let query = format!("{TRACE} WHERE traces.sequence > ?1 ORDER BY traces.sequence LIMIT ?2");
        let mut statement = self.connection.prepare_cached(&query).map_err(self.failed())?;
        let mut rows = statement.query(params![after, most]).map_err(self.failed())?;
        let (mut found, mut size) = (Vec::new(), 0);
        while size < bytes
            && let Some(row) = rows.next().map_err(self.failed())?
        {
            let trace = said_trace(row).map_err(self.failed())?;
            size += trace.body.len();
            found.push(trace);
        }
        Ok(found)
    }

    /// The last `most` revisions of the trace of one alert, the last one first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn last_traces(&self, id: &str, most: u32) -> Result<Vec<SaidTrace>, WorkError> {
        let query = format!("{TRACE} WHERE alerts.id = ?1 ORDER BY traces.revision DESC LIMIT ?2");
        let mut statement = self.connection.prepare_cached(&query).map_err(self.failed())?;
        let rows = statement.query_map(params![id, most], said_trace).map_err(self.failed())?;
        rows.collect::<Result<_, _>>().map_err(self.failed())
    }

    /// Every revision of the trace of one alert, in order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn revisions(&self, id: &str) -> Result<Vec<Said>, WorkError> {
        let query = format!("{SAID} WHERE alerts.id = ?1 ORDER BY traces.revision");
        let mut statement = self.connection.prepare_cached(&query).map_err(self.failed())?;
        let rows = statement.query_map([id], said).map_err(self.failed())?;
        rows.collect::<Result<_, _>>().map_err(self.failed())
    }

    /// The place of the last revision that was said; 0 if none was.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_sequence(&self) -> Result<u64, WorkError> {
        let query = "SELECT max(sequence) FROM traces";
        let last = self.connection.query_row(query, [], |row| row.get::<_, Option<u64>>(0)).optional();
        Ok(last.map_err(self.failed())?.flatten().unwrap_or_default())
    }
}

fn said(row: &Row<'_>) -> rusqlite::Result<Said> {
    Ok(Said {
        sequence: row.get(0)?,
        id: AlertId(row.get::<_, String>(1)?.into()),
        format: row.get(2)?,
        raw: row.get(3)?,
        revision: row.get(4)?,
        said: Arrival::from_unix_us(row.get(5)?),
        body: row.get(6)?,
        facts: row.get(7)?,
    })
}

fn said_trace(row: &Row<'_>) -> rusqlite::Result<SaidTrace> {
    Ok(SaidTrace {
        sequence: row.get(0)?,
        id: AlertId(row.get::<_, String>(1)?.into()),
        said: Arrival::from_unix_us(row.get(2)?),
        body: row.get(3)?,
    })
}
