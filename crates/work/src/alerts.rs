//! Alerts, as they came.

use crate::{Position, Reader, Work, WorkError, positions};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use unmasq_model::{Alert, AlertId, Arrival, SourceName};

/// An alert that came just now.
pub struct NewAlert<'a> {
    /// What identical alerts share, where the detector gives them no id of their own.
    pub kind: Option<[u8; 16]>,
    /// What the how-many-th identical alert is called, from 1; one with an id of its own has that for every number.
    pub name: Box<dyn Fn(u32) -> AlertId + 'a>,
    /// When it came.
    pub arrived: Arrival,
    /// Where from.
    pub source: &'a SourceName,
    /// The name of its form.
    pub format: &'a str,
    /// What was read of it; `None` if it has no usable address or time. Its id counts for nothing; its realm is the
    /// one that the alert itself names, or empty.
    pub facts: Option<&'a Alert>,
    /// Its bytes, as they came.
    pub raw: &'a [u8],
}

/// An alert that was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    /// Its number here: later alerts have larger ones.
    pub number: u64,
    /// What it is called.
    pub id: AlertId,
}

/// An alert that was taken some time ago.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredAlert {
    /// Its number here.
    pub number: u64,
    /// What it is called.
    pub id: AlertId,
    /// When it came.
    pub arrived: Arrival,
    /// Where from.
    pub source: SourceName,
    /// The name of its form.
    pub format: String,
    /// What was read of it, as in [`NewAlert::facts`], with its id.
    pub facts: Option<Alert>,
    /// Its bytes, as they came.
    pub raw: Vec<u8>,
    /// Whether it is traced as if nothing was ever switched off.
    pub regardless: bool,
}

/// An alert among many: what it is called, and how it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListedAlert {
    /// Its number here.
    pub number: u64,
    /// What it is called.
    pub id: AlertId,
    /// When it came.
    pub arrived: Arrival,
    /// Where from.
    pub source: SourceName,
    /// The name of its form.
    pub format: String,
    /// What was said of it last.
    pub last: Option<Standing>,
}

/// What was said of an alert last, in short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Which revision it is, from 1.
    pub revision: u32,
    /// When it was said.
    pub said: Arrival,
    /// The status of the trace.
    pub status: String,
    /// Whether nothing is expected to change it.
    pub is_final: bool,
}

/// What a row of `alerts` holds, before it is believed.
type Columns = (u64, String, i64, String, String, Option<String>, Vec<u8>, bool);

const COLUMNS: &str = "number, id, arrived, source, format, facts, raw, regardless";

impl Work {
    /// Takes alerts, together with how far the file that they are from was read. Those that have an id of their own,
    /// and came before under it, are passed over: `None`.
    ///
    /// # Errors
    /// When they cannot be written; then none of them is, and the position is the one before.
    pub fn take(
        &mut self,
        alerts: &[NewAlert<'_>],
        position: Option<&Position>,
    ) -> Result<Vec<Option<Taken>>, WorkError> {
        self.whole(|transaction| {
            let taken = alerts.iter().map(|alert| take(transaction, alert)).collect::<Result<_, _>>()?;
            position.map_or(Ok(()), |position| positions::put(transaction, position))?;
            Ok(taken)
        })
    }

    /// Drops the alerts that came before a moment, with their traces, at most `most` of them; says how many.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn drop_before(&mut self, moment: Arrival, most: u32) -> Result<usize, WorkError> {
        let drop = "DELETE FROM alerts WHERE number IN \
                    (SELECT number FROM alerts WHERE arrived < ?1 ORDER BY arrived LIMIT ?2)";
        self.whole(|transaction| transaction.execute(drop, params![moment.as_unix_us(), most]))
    }
}

impl Reader {
    /// How many alerts there are.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn count_alerts(&self) -> Result<usize, WorkError> {
        let count = self.connection.query_row("SELECT count(*) FROM alerts", [], |row| row.get(0));
        count.map_err(self.failed())
    }

    /// The number of the alert that so many newer ones follow; `None` if there are no more than that.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn alert_before_newest(&self, newer: usize) -> Result<Option<u64>, WorkError> {
        let query = "SELECT number FROM alerts ORDER BY number DESC LIMIT 1 OFFSET ?1";
        self.connection.query_row(query, [newer], |row| row.get(0)).optional().map_err(self.failed())
    }

    /// The alerts of these numbers, as far as they are still there, in the order in which they are asked for.
    ///
    /// # Errors
    /// When they cannot be read, or are not what was written.
    pub fn alerts(&self, numbers: impl IntoIterator<Item = u64>) -> Result<Vec<StoredAlert>, WorkError> {
        let query = format!("SELECT {COLUMNS} FROM alerts WHERE number = ?1");
        let mut statement = self.connection.prepare_cached(&query).map_err(self.failed())?;
        let mut found = Vec::new();
        for number in numbers {
            let columns = statement.query_row([number], columns).optional().map_err(self.failed())?;
            found.extend(columns.map(|columns| self.stored(columns)).transpose()?);
        }
        Ok(found)
    }

    /// The alert of an id.
    ///
    /// # Errors
    /// As [`alerts`](Self::alerts).
    pub fn alert(&self, id: &str) -> Result<Option<StoredAlert>, WorkError> {
        let query = format!("SELECT {COLUMNS} FROM alerts WHERE id = ?1");
        let found = self.connection.query_row(&query, [id], columns).optional().map_err(self.failed())?;
        found.map(|columns| self.stored(columns)).transpose()
    }

    /// The alerts after one of that number, at most `most`, in order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn alerts_after(&self, after: u64, most: u32) -> Result<Vec<ListedAlert>, WorkError> {
        let query = "SELECT alerts.number, alerts.id, alerts.arrived, alerts.source, alerts.format, \
                     traces.revision, traces.said, traces.body ->> '$.status', traces.is_final \
                     FROM alerts LEFT JOIN traces ON traces.alert = alerts.number AND traces.revision = \
                     (SELECT max(revision) FROM traces WHERE alert = alerts.number) \
                     WHERE alerts.number > ?1 ORDER BY alerts.number LIMIT ?2";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let rows = statement.query_map(params![after, most], listed).map_err(self.failed())?;
        rows.collect::<Result<_, _>>().map_err(self.failed())
    }

    fn stored(
        &self,
        (number, id, arrived, source, format, facts, raw, regardless): Columns,
    ) -> Result<StoredAlert, WorkError> {
        let id = AlertId(id.into());
        let read = |facts: String| serde_json::from_str::<Alert>(&facts);
        let facts = facts.map(read).transpose().map_err(|error| {
            WorkError::damaged(&self.path, &format!("what was read of alert {id} is {error}"))
        })?;
        let facts = facts.map(|facts| Alert { id: id.clone(), ..facts });
        let (arrived, source) = (Arrival::from_unix_us(arrived), SourceName::from(source));
        Ok(StoredAlert { number, id, arrived, source, format, facts, raw, regardless })
    }
}

fn listed(row: &Row<'_>) -> rusqlite::Result<ListedAlert> {
    let last = match row.get::<_, Option<u32>>(5)? {
        Some(revision) => Some(Standing {
            revision,
            said: Arrival::from_unix_us(row.get(6)?),
            status: row.get::<_, Option<String>>(7)?.unwrap_or_default(),
            is_final: row.get(8)?,
        }),
        None => None,
    };
    Ok(ListedAlert {
        number: row.get(0)?,
        id: AlertId(row.get::<_, String>(1)?.into()),
        arrived: Arrival::from_unix_us(row.get(2)?),
        source: SourceName::from(row.get::<_, String>(3)?),
        format: row.get(4)?,
        last,
    })
}

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
    ))
}

pub(crate) fn take(transaction: &Transaction<'_>, alert: &NewAlert<'_>) -> rusqlite::Result<Option<Taken>> {
    let insert = "INSERT OR IGNORE INTO alerts (id, kind, arrived, source, format, facts, raw) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut insert = transaction.prepare_cached(insert)?;
    let facts =
        alert.facts.map(|facts| serde_json::to_string(facts).expect("an alert holds nothing JSON cannot"));
    let mut number = match alert.kind {
        None => 1,
        Some(kind) => {
            let count = "SELECT count(*) FROM alerts WHERE kind = ?1";
            transaction.prepare_cached(count)?.query_row([kind], |row| row.get::<_, u32>(0))? + 1
        }
    };
    loop {
        let id = (alert.name)(number);
        let arrived = alert.arrived.as_unix_us();
        let row = params![&*id.0, alert.kind, arrived, alert.source.as_str(), alert.format, facts, alert.raw];
        if insert.execute(row)? > 0 {
            let number = u64::try_from(transaction.last_insert_rowid()).unwrap_or_default();
            return Ok(Some(Taken { number, id }));
        }
        if alert.kind.is_none() {
            return Ok(None);
        }
        // Some of its kind were dropped since, so that it is a later one than those that are counted.
        number += 1;
    }
}
