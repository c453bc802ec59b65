//! The sessions that ended within one hour.

use super::{
    dense::{HOUR_US, Measure, Names, Packer},
    radix,
    run::Run,
    sorted::Item,
    wide::Wide,
};
use crate::Row;
use std::sync::Arc;
use unmasq_model::{LogTime, Realm, Session, Span};

/// Which sessions are kept together, in the order in which they are given up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    /// In which hour since the Unix epoch they ended, or were last seen.
    pub(super) hour: i64,
    pub(super) lasting: Lasting,
}

/// How long sessions lasted. The few that reach out of their hour are kept apart: a question about a moment reads one
/// full hour, and little of others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Lasting {
    /// They began in the hour in which they ended.
    Within,
    /// They began before it; an hour at most.
    Short,
    /// Longer, or nobody saw them begin.
    Long,
    /// Nobody saw them end.
    Open,
}

impl Key {
    /// Where a session is kept that has this reach and was surely there until `seen`.
    pub(super) fn of(reach: Span, seen: LogTime) -> Self {
        let (from, to) = (reach.from().as_unix_us(), reach.to().as_unix_us());
        match reach.to().finite() {
            Some(_) => Self::of_edges(from, to),
            None => Self { hour: seen.as_unix_us().div_euclid(HOUR_US), lasting: Lasting::Open },
        }
    }

    /// The same of a reach whose end somebody saw.
    #[inline]
    pub(super) fn of_edges(from: i64, to: i64) -> Self {
        let hour = to.div_euclid(HOUR_US);
        let lasting = if from.div_euclid(HOUR_US) == hour {
            Lasting::Within
        } else if to.saturating_sub(from) <= HOUR_US {
            Lasting::Short
        } else {
            Lasting::Long
        };
        Self { hour, lasting }
    }

    /// The first moment after the hour.
    pub(super) fn after(self) -> LogTime {
        let after = self.hour.saturating_add(1).saturating_mul(HOUR_US);
        LogTime::from_edge(after).unwrap_or(if after < 0 { LogTime::BEGINNING } else { LogTime::FOREVER })
    }

    fn measure(self) -> Measure {
        let unit = if self.lasting <= Lasting::Short { 1 } else { 1_000 };
        Measure { base: self.hour.saturating_mul(HOUR_US), unit }
    }
}

/// Rows are kept in so many parts by the last bits of their outside port, each merged by itself: merging takes
/// room for one of them.
const PARTS: usize = 16;

/// The part in which rows of a port are.
fn part_of(port: u16) -> usize {
    usize::from(port) % PARTS
}

/// The sessions of a [`Key`]. Everything in it is shared with the snapshots that have it too.
#[derive(Clone, Debug)]
pub(super) struct Hour {
    pub(super) names: Arc<Names>,
    pub(super) measure: Measure,
    parts: Vec<Vec<Arc<Run>>>,
    /// Rows that are too much for a dense one, in order.
    loose: Vec<Arc<Vec<Row>>>,
    wide: Vec<Arc<Wide>>,
    /// From the earliest start to the latest end.
    reach: Option<Span>,
}

impl Hour {
    pub(super) fn new(key: Key) -> Self {
        Self {
            names: Arc::default(),
            measure: key.measure(),
            parts: vec![Vec::new(); PARTS],
            loose: Vec::new(),
            wide: Vec::new(),
            reach: None,
        }
    }

    /// From the earliest start of its sessions to their latest end, if there are some.
    pub(super) fn reach(&self) -> Option<Span> {
        self.reach
    }

    /// The runs in which rows of this port may be; all of them if it is not known.
    pub(super) fn runs(&self, port: Option<u16>) -> impl Iterator<Item = &Run> {
        let parts = match port {
            Some(port) => part_of(port)..part_of(port) + 1,
            None => 0..PARTS,
        };
        self.parts[parts].iter().flatten().map(Arc::as_ref)
    }

    /// The rows that are too much for a dense one.
    pub(super) fn loose(&self) -> impl Iterator<Item = &[Row]> {
        self.loose.iter().map(|rows| rows.as_slice())
    }

    /// The sessions that are no rows.
    pub(super) fn wide(&self) -> impl Iterator<Item = &Wide> {
        self.wide.iter().map(Arc::as_ref)
    }

    /// How many sessions it has; one that came twice may still be counted twice.
    pub(super) fn len(&self) -> usize {
        self.runs(None).map(Run::len).sum::<usize>()
            + self.loose().map(<[Row]>::len).sum::<usize>()
            + self.wide().map(|wide| wide.sessions().len()).sum::<usize>()
    }

    /// How many bytes it takes.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>()
            + self.names.memory()
            + self.runs(None).map(Run::memory).sum::<usize>()
            + self.loose().map(size_of_val).sum::<usize>()
            + self.wide().map(Wide::memory).sum::<usize>()
    }

    /// Adds rows, all of this hour, which count these realms.
    pub(super) fn insert_rows(&mut self, rows: &[&Row], realms: &[Realm], room: &mut Room) {
        let numbers: Vec<u32> = if rows.iter().all(|row| row.realm == 0) {
            Vec::new()
        } else {
            let names = Arc::make_mut(&mut self.names);
            realms.iter().map(|realm| names.realm(realm)).collect()
        };
        let mut loose = Vec::new();
        let mut packer = Packer::new(&mut self.names, self.measure);
        let (mut from, mut to) = (i64::MAX, i64::MIN);
        for row in rows {
            (from, to) = (from.min(row.start), to.max(row.end));
            let own = if row.realm == 0 { None } else { numbers.get(usize::from(row.realm) - 1) };
            // A row that counts a realm which is not there has none, in a block too.
            let realm = own.and_then(|own| u16::try_from(own + 1).ok()).unwrap_or_default();
            let row = Row { realm, ..**row };
            match packer.dense(&row) {
                Some(dense) => {
                    room.parts[part_of(dense.port())].push(Item::of(row.outside_ip().into(), dense));
                }
                None => loose.push(row),
            }
        }
        if let (Some(from), Some(to)) = (LogTime::from_unix_us(from), LogTime::from_unix_us(to)) {
            self.reaches(Span::between(from, to));
        }
        for (part, items) in self.parts.iter_mut().zip(&mut room.parts) {
            if !items.is_empty() {
                radix::sort(items, &mut room.spare);
                add(part, Run::of(items), Run::len, |runs| Run::merged(&runs));
                items.clear();
            }
        }
        if !loose.is_empty() {
            loose.sort_unstable();
            loose.dedup();
            loose.shrink_to_fit();
            add(&mut self.loose, loose, Vec::len, |tables| {
                let mut rows: Vec<Row> = tables.iter().flat_map(|rows| rows.iter().copied()).collect();
                rows.sort_unstable();
                rows.dedup();
                rows.shrink_to_fit();
                Arc::new(rows)
            });
        }
    }

    /// Adds sessions, all of this hour.
    pub(super) fn insert_sessions(&mut self, sessions: Vec<Session>) {
        sessions.iter().for_each(|session| self.reaches(session.reach()));
        let owned = |wide: Arc<Wide>| match Arc::try_unwrap(wide) {
            Ok(wide) => wide.into_sessions(),
            Err(shared) => shared.sessions().to_vec(),
        };
        add(
            &mut self.wide,
            Wide::of(sessions),
            |wide| wide.sessions().len(),
            |tables| Arc::new(Wide::of(tables.into_iter().flat_map(owned).collect())),
        );
    }

    /// A part of several runs, and how many rows it has.
    pub(super) fn apart(&self) -> Option<(usize, usize)> {
        let part = self.parts.iter().position(|runs| runs.len() > 1)?;
        Some((part, self.parts[part].iter().map(|run| run.len()).sum()))
    }

    /// Merges the runs of a part into one.
    pub(super) fn join(&mut self, part: usize) {
        let runs = &mut self.parts[part];
        *runs = vec![Run::merged(runs)];
    }

    fn reaches(&mut self, span: Span) {
        self.reach = Some(self.reach.map_or(span, |reach| reach.hull(span)));
    }
}

/// Room for sorting that is used again.
#[derive(Debug)]
pub(super) struct Room {
    parts: Vec<Vec<Item>>,
    spare: Vec<Item>,
}

impl Default for Room {
    fn default() -> Self {
        Self { parts: vec![Vec::new(); PARTS], spare: Vec::new() }
    }
}

impl Room {
    /// How many bytes it takes.
    pub(super) fn memory(&self) -> usize {
        let items: usize = self.parts.iter().map(Vec::capacity).sum();
        (items + self.spare.capacity()) * size_of::<Item>()
    }
}

/// Adds a table to others of falling size. Those that are less than twice as large as all that comes after them are
/// merged with it, so that there are few, and each row is moved about half as often as the tables can double.
fn add<T>(
    tables: &mut Vec<Arc<T>>,
    new: T,
    len: impl Fn(&T) -> usize,
    merged: impl FnOnce(Vec<Arc<T>>) -> Arc<T>,
) {
    let (mut first, mut after) = (tables.len(), len(&new));
    while let Some(before) = first.checked_sub(1)
        && len(&tables[before]) / 2 < after
    {
        (first, after) = (before, after + len(&tables[before]));
    }
    tables.push(Arc::new(new));
    if first + 1 < tables.len() {
        let apart = tables.split_off(first);
        tables.push(merged(apart));
    }
}
