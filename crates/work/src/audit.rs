//! What operators did: kept for good, in the same transaction as what it changed.

use crate::{Reader, SwitchClass, Work, WorkError, gateways};
use rusqlite::{Transaction, params};
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;
use unmasq_model::{Arrival, GatewayName, LogTime};

/// Something that an operator does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Act {
    /// Turns a gateway's switch, from a moment on.
    Switch {
        /// Which gateway; one that was [met](Work::meet).
        gateway: GatewayName,
        /// Which of its switches.
        class: SwitchClass,
        /// Whether it is on from then on.
        on: bool,
        /// From when on, in log time.
        at: LogTime,
    },
    /// Has the alerts that came from one moment to before another traced as if nothing was ever switched off.
    Backfill {
        /// From when on.
        #[serde(serialize_with = "moment")]
        from: Arrival,
        /// Until when.
        #[serde(serialize_with = "moment")]
        to: Arrival,
    },
}

/// An act, and whose it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditEntry {
    /// Later ones have larger numbers.
    pub sequence: u64,
    /// When it was done.
    pub at: Arrival,
    /// The name of the token with which it was done.
    pub who: String,
    /// What was done, as one word.
    pub act: String,
    /// The whole of it, as JSON.
    pub what: String,
}

/// As RFC 3339 writes it.
fn moment<S: Serializer>(at: &Arrival, serializer: S) -> Result<S::Ok, S::Error> {
    LogTime::from_unix_us(at.as_unix_us()).serialize(serializer)
}

impl Work {
    /// Does something in somebody's name, and writes down that it was done. Says which alerts it concerns.
    ///
    /// # Errors
    /// When it cannot be written; then it was not done.
    pub fn act(&mut self, act: &Act, who: &str, now: Arrival) -> Result<BTreeSet<u64>, WorkError> {
        self.whole(|transaction| {
            let concerned = match act {
                Act::Switch { gateway, class, on, at } => {
                    gateways::turn(transaction, gateway, *class, (*at, *on), who)?;
                    BTreeSet::new()
                }
                Act::Backfill { from, to } => backfill(transaction, *from, *to)?,
            };
            let what = serde_json::to_value(act).expect("an act is plain data");
            let name = what["act"].as_str().unwrap_or_default().to_owned();
            let insert = "INSERT INTO audit (at, who, act, what) VALUES (?1, ?2, ?3, ?4)";
            transaction.execute(insert, params![now.as_unix_us(), who, name, what.to_string()])?;
            Ok(concerned)
        })
    }
}

fn backfill(transaction: &Transaction<'_>, from: Arrival, to: Arrival) -> rusqlite::Result<BTreeSet<u64>> {
    let mut change = transaction.prepare_cached(
        "UPDATE alerts SET regardless = 1 WHERE arrived >= ?1 AND arrived < ?2 AND regardless = 0 RETURNING number",
    )?;
    let numbers = change.query_map(params![from.as_unix_us(), to.as_unix_us()], |row| row.get(0))?;
    numbers.collect()
}

impl Reader {
    /// What was done after the act of that number, at most `most`, in order.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn acts_after(&self, after: u64, most: u32) -> Result<Vec<AuditEntry>, WorkError> {
        let query = "SELECT sequence, at, who, act, what FROM audit WHERE sequence > ?1 \
                     ORDER BY sequence LIMIT ?2";
        let mut statement = self.connection.prepare_cached(query).map_err(self.failed())?;
        let rows = statement.query_map(params![after, most], |row| {
            Ok(AuditEntry {
                sequence: row.get(0)?,
                at: Arrival::from_unix_us(row.get(1)?),
                who: row.get(2)?,
                act: row.get(3)?,
                what: row.get(4)?,
            })
        });
        rows.and_then(Iterator::collect).map_err(self.failed())
    }
}
