//! Batches that were handed over, by the ids that their senders gave them.

use crate::{NewAlert, Reader, Taken, Work, WorkError, alerts};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use unmasq_model::Arrival;

/// What a sender calls a batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BatchId {
    /// The place that it was handed over at.
    pub place: String,
    /// The sender's id for it, which no other batch of that place has.
    pub id: String,
    /// What tells its content apart.
    pub print: u128,
}

/// What is known of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// Nothing: it is new.
    No,
    /// It was taken.
    Yes,
    /// One of that id was taken, and it was another.
    Another,
}

impl Work {
    /// Takes the alerts of a batch, together with its id, if it is new; else nothing is done.
    ///
    /// # Errors
    /// When they cannot be written; then none of them is, and the batch was not taken.
    pub fn take_batch(
        &mut self,
        alerts: &[NewAlert<'_>],
        batch: &BatchId,
        now: Arrival,
    ) -> Result<(Known, Vec<Option<Taken>>), WorkError> {
        self.whole(|transaction| {
            let known = note(transaction, batch, now)?;
            let new = if known == Known::No { alerts } else { &[] };
            let taken = new.iter().map(|alert| alerts::take(transaction, alert)).collect::<Result<_, _>>()?;
            Ok((known, taken))
        })
    }

    /// Notes a batch whose lines are kept elsewhere.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn note_batch(&mut self, batch: &BatchId, now: Arrival) -> Result<(), WorkError> {
        self.whole(|transaction| note(transaction, batch, now).map(drop))
    }

    /// Forgets the batches that were taken before a moment.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn forget_batches_before(&mut self, moment: Arrival) -> Result<(), WorkError> {
        self.whole(|transaction| {
            transaction.execute("DELETE FROM batches WHERE taken < ?1", [moment.as_unix_us()]).map(drop)
        })
    }
}

impl Reader {
    /// What is known of a batch.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn batch(&self, batch: &BatchId) -> Result<Known, WorkError> {
        known(&self.connection, batch).map_err(self.failed())
    }
}

fn known(connection: &Connection, batch: &BatchId) -> rusqlite::Result<Known> {
    let query = "SELECT print FROM batches WHERE place = ?1 AND id = ?2";
    let print = connection.query_row(query, [&batch.place, &batch.id], |row| row.get::<_, [u8; 16]>(0));
    Ok(match print.optional()? {
        None => Known::No,
        Some(print) if u128::from_be_bytes(print) == batch.print => Known::Yes,
        Some(_) => Known::Another,
    })
}

/// Notes it, if it is new; says what was known of it.
fn note(transaction: &Transaction<'_>, batch: &BatchId, now: Arrival) -> rusqlite::Result<Known> {
    let known = known(transaction, batch)?;
    if known == Known::No {
        let insert = "INSERT INTO batches (place, id, print, taken) VALUES (?1, ?2, ?3, ?4)";
        let row = params![batch.place, batch.id, batch.print.to_be_bytes(), now.as_unix_us()];
        transaction.prepare_cached(insert)?.execute(row)?;
    }
    Ok(known)
}
