//! The last hours of sessions in memory: one writer, and readers on snapshots.
//!
//! Sketch: 29 bytes for a session of IPv4 and two more to find it by, whatever is inserted in which order.
//! Sessions lie by the hour in which they ended, the few that began before it apart. Within an hour they lie in
//! sixteen parts by the last bits of their outside port, each a few runs of rows in order; a run that comes is merged
//! with those that are not much larger, and the parts of an hour to which no more come become one run each, as others
//! fill. Nothing is changed in place: a snapshot has the runs that were there when it was taken.
//!
//! A look-up reads one line of the cache in each run, its guide, and then the rows that this tells of; a [`Reader`] does
//! so for many questions at once. What it finds stays rows until somebody needs sessions: to make one costs more than
//! half of what it costs to find it. By a peer whose outside address is not known every address is looked up in turn:
//! they are few, and a second way to find rows would take four bytes more of each.

mod dense;
mod found;
mod guide;
mod hour;
mod look_up;
mod radix;
mod reader;
mod run;
mod snapshot;
mod sorted;
mod table;
mod wide;

pub use found::Found;
pub use reader::Reader;
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
    /// as a tenth of the largest hour.
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
    /// So many rows may be moved to tidy up.
    credit: usize,
    dropped: Option<Dropped>,
}

impl Resident {
    /// One that holds nothing.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { now: Snapshot::default(), limits, room: Room::default(), credit: 0, dropped: None }
    }

    /// Adds rows in any order; `realms` are those that they count. Rows are a set: the same one twice changes no
    /// answer. Many at once cost less for each; a hundred thousand are a good number. Rows that come in order of hour
    /// and outside address, as they are stored, cost the least.
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
        for (key, rows) in &hours {
            let hour = self.now.hours.entry(*key).or_insert_with(|| Arc::new(Hour::new(*key)));
            Arc::make_mut(hour).insert_rows(rows, realms, &mut self.room);
        }
        self.tidy(rows.len(), |key| hours.iter().all(|(other, _)| other != key));
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

    /// Merges what lies apart in an hour that has ended before `before`, a sixteenth of it: fewer places to look at.
    /// Says whether there was something. Hours to which no more rows come are merged anyway as others come.
    pub fn settle(&mut self, before: LogTime) -> bool {
        let mut ended = self.now.hours.iter().take_while(|(key, _)| key.after() <= before);
        let apart = ended.find_map(|(key, hour)| Some((*key, hour.apart()?.0)));
        apart.is_some_and(|(key, part)| self.join(key, part))
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

    /// Merges what lies apart in hours that are quiet, the oldest first. For each row that came one is moved, so that
    /// it costs little, however late rows may be.
    fn tidy(&mut self, came: usize, is_quiet: impl Fn(&Key) -> bool) {
        self.credit += came;
        let apart = |now: &Snapshot| {
            let mut quiet = now.hours.iter().filter(|(key, _)| is_quiet(key));
            quiet.find_map(|(key, hour)| Some((*key, hour.apart()?)))
        };
        while let Some((key, (part, rows))) = apart(&self.now) {
            if rows > self.credit {
                return;
            }
            self.credit -= rows;
            self.join(key, part);
        }
        self.credit = 0;
    }

    /// Merges the runs of one part of an hour; says whether there is this hour.
    fn join(&mut self, key: Key, part: usize) -> bool {
        self.now.hours.get_mut(&key).map(|hour| Arc::make_mut(hour).join(part)).is_some()
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
