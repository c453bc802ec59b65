//! The last hours of sessions in memory: one writer, and readers on snapshots.
//!
//! Sketch: 29 bytes for a session of IPv4 and one or two more to find it by, whatever is inserted in which order.
//! Sessions lie by the hour in which they ended. Within an hour they lie in sixteen parts by the last bits of their
//! outside port, each a few runs of rows in order; a run that comes is merged with those that are not much larger.
//! Nothing is changed in place: a snapshot has the runs that were there when it was taken.
//!
//! By a peer whose outside address is not known every address is looked up in turn: they are few, and a second
//! way to find rows would take four bytes more of each.

mod dense;
mod hour;
mod radix;
mod run;
mod snapshot;
mod wide;

pub use snapshot::Snapshot;

use crate::Row;
use dense::HOUR_US;
use hour::{Hour, Key, Lasting, Room};
use std::{collections::BTreeMap, sync::Arc};
use unmasq_model::{LogTime, Realm, Session};

/// How much a resident index may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// So many bytes, as [`Resident::memory`] counts them, after each call. While it merges it takes more: as much
    /// as a sixteenth of the largest hour.
    pub bytes: usize,
}

/// What was given up because there was no room for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dropped {
    /// How many sessions; one that came twice may be counted twice.
    pub sessions: usize,
    /// All of them ended before this, or were last seen before it: an answer about earlier times may lack them.
    pub until: LogTime,
}

/// The writer. Invariant: an answer depends on what was inserted, never on the order in which it was.
///
/// A session stays until the hour in which it ended is expired, or given up for lack of room; see [`Limits`].
#[derive(Debug)]
pub struct Resident {
    now: Snapshot,
    limits: Limits,
    room: Room,
    dropped: Option<Dropped>,
}

impl Resident {
    /// One that holds nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { now: Snapshot::default(), limits, room: Room::default(), dropped: None }
    }

    /// Adds rows in any order; `realms` are those that they count. Rows are a set: the same one twice changes no
    /// answer. Many at once cost less for each; a hundred thousand are a good number.
    ///
    /// Tells what it gave up for lack of room: the oldest hours, whole, until the rest is within the limits.
    pub fn insert_rows(&mut self, rows: &[Row], realms: &[Realm]) -> Option<Dropped> {
        // They are of few hours.
        let mut hours: Vec<(Key, Vec<&Row>)> = Vec::new();
        for row in rows {
            let key = Key::of_edges(row.start, row.end);
            match hours.iter_mut().find(|(other, _)| *other == key) {
                Some((_, rows)) => rows.push(row),
                None => hours.push((key, vec![row])),
            }
        }
        for (key, rows) in hours {
            let hour = self.now.hours.entry(key).or_insert_with(|| Arc::new(Hour::new(key)));
            Arc::make_mut(hour).insert_rows(&rows, realms, &mut self.room);
        }
        self.keep_within_limits()
    }

    /// Adds sessions of any kind in any order, as [`Self::insert_rows`] does. They take more room than rows do.
    pub fn insert_sessions(&mut self, sessions: Vec<Session>) -> Option<Dropped> {
        let mut hours: BTreeMap<Key, Vec<Session>> = BTreeMap::new();
        for session in sessions {
            hours.entry(Key::of(session.reach(), session.end.from())).or_default().push(session);
        }
        for (key, sessions) in hours {
            let hour = self.now.hours.entry(key).or_insert_with(|| Arc::new(Hour::new(key)));
            Arc::make_mut(hour).insert_sessions(sessions);
        }
        self.keep_within_limits()
    }

    /// Drops the hours of which every session ended before this, and says how many sessions those were. Sessions
    /// that nobody saw end stay.
    pub fn expire(&mut self, before: LogTime) -> usize {
        let had = self.len();
        self.now.hours.retain(|key, _| key.lasting == Lasting::Open || key.after() > before);
        had - self.len()
    }

    /// Merges what lies apart in one hour that has ended before `before`, the oldest first: fewer places to look
    /// at. Says whether there was one; to be called when there is nothing else to do.
    pub fn settle(&mut self, before: LogTime) -> bool {
        let apart = self.now.hours.iter_mut().find(|(key, hour)| key.after() <= before && !hour.is_settled());
        apart.map(|(_, hour)| Arc::make_mut(hour).settle()).is_some()
    }

    /// Everything that is known now, for a reader.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.now.clone()
    }

    /// What was given up since the beginning for lack of room.
    #[must_use]
    pub fn dropped(&self) -> Option<Dropped> {
        self.dropped
    }

    /// How many sessions there are; one that came twice may still be counted twice.
    #[must_use]
    pub fn len(&self) -> usize {
        self.now.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.now.is_empty()
    }

    /// How many bytes it takes, but for what only snapshots still have.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.now.memory() + self.room.memory()
    }

    fn keep_within_limits(&mut self) -> Option<Dropped> {
        let mut dropped: Option<Dropped> = None;
        while self.memory() > self.limits.bytes {
            let Some((key, hour)) = self.now.hours.pop_first() else { break };
            dropped = Some(Dropped {
                sessions: dropped.map_or(0, |dropped| dropped.sessions) + hour.len(),
                until: dropped.map_or(key.after(), |dropped| dropped.until.max(key.after())),
            });
        }
        if let Some(now) = dropped {
            let before = self.dropped.unwrap_or(Dropped { sessions: 0, ..now });
            self.dropped = Some(Dropped {
                sessions: before.sessions + now.sessions,
                until: before.until.max(now.until),
            });
        }
        dropped
    }
}

const _: () = assert!(HOUR_US < 1 << 32, "a moment of an hour fits four bytes");
