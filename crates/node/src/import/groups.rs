//! Records on their way into the store: many at a time, each lot together with how far its files were read.

use super::stored::{Room, StoredLot};
use crate::{
    NodeError,
    clock::Clock,
    coverage::Stated,
    delays::Delays,
    ordered::Ordered,
    plan::LogPlan,
    reading::{Kept, Part, Takes, Told},
    shown::Shown,
};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    ops::Range,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use unmasq_decode::{Fact, Format};
use unmasq_index::Row;
use unmasq_io::source::Content;
use unmasq_model::{GatewayName, LogTime, Protocol, SourceName, Span, Translation};
use unmasq_store::{
    FileEntry, LogEntry, LogFacts, Lot, LotFiles, Lots, Manifest, Moment, Other, Plain, ShownEntry, Writer,
    WrittenLot, hours,
};

/// … or is out of so many files: after a crash no more than these are read again.
const FILES: usize = 256;

/// So many rows of lots are held until somebody has looked into them: 250 MB.
const HELD: usize = 3 << 20;

/// The store as several write to it.
pub(crate) struct Groups {
    writer: Mutex<Writer>,
    lots: Lots,
    /// A lot is written when it has so many sessions, …
    lot: usize,
    /// What files left that are too small for a lot of their own.
    rest: Mutex<Rest>,
    /// Whoever wants to know what comes.
    watched: Option<Watched>,
}

/// What a service wants to know of what is stored.
struct Watched {
    /// The lots that were stored since somebody asked for them last.
    stored: Mutex<Vec<StoredLot>>,
    room: Room,
    delivery: Delivery,
}

/// How late the records of each log were when they were read.
struct Delivery {
    clock: Clock,
    delays: Mutex<BTreeMap<SourceName, Delays>>,
}

#[derive(Default)]
struct Rest {
    lot: Lot,
    updates: Vec<Update>,
}

/// How far a file was read, and what the records show that came in between.
struct Update {
    log: LogEntry,
    file: FileEntry,
}

impl Groups {
    pub(crate) fn of(writer: Writer, lot: usize) -> Self {
        let lots = writer.lots();
        Self { writer: Mutex::new(writer), lots, lot, rest: Mutex::default(), watched: None }
    }

    /// The same, that also tells which lots were stored, and how late records come.
    pub(crate) fn watched(self, clock: Clock) -> Self {
        let delivery = Delivery { clock, delays: Mutex::default() };
        Self {
            watched: Some(Watched { stored: Mutex::default(), room: Room::for_rows(HELD), delivery }),
            ..self
        }
    }

    /// How late the records came that were read since this was asked last.
    pub(crate) fn take_delays(&self) -> BTreeMap<SourceName, Delays> {
        self.watched.as_ref().map(|watched| taken(&watched.delivery.delays)).unwrap_or_default()
    }

    pub(crate) fn into_writer(self) -> Writer {
        self.writer.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a log is called in the store: two that have one name are told apart by their gateways.
    pub(crate) fn name_of(&self, plan: &LogPlan) -> SourceName {
        let writer = self.writer();
        match writer.manifest().logs.iter().find(|log| log.name == plan.name) {
            Some(log) if log.gateway != plan.gateway || log.format != plan.format.name() => {
                SourceName::from(format!("{} ({} of {})", plan.name, plan.format, plan.gateway))
            }
            _ => plan.name.clone(),
        }
    }

    /// The files that the store has of a log.
    pub(crate) fn files_of(&self, plan: &LogPlan) -> Vec<FileEntry> {
        let name = self.name_of(plan);
        let writer = self.writer();
        let stored = writer.manifest().logs.iter().filter(|log| log.name == name);
        let mut files: Vec<FileEntry> = stored.flat_map(|log| log.files.iter().cloned()).collect();
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = rest.updates.iter().filter(|update| update.log.name == name);
        files.extend(waiting.map(|update| update.file.clone()));
        files
    }

    /// Makes logs known of which nothing was read yet.
    pub(crate) fn declare(&self, entries: impl Iterator<Item = LogEntry>) -> Result<(), NodeError> {
        let is_new =
            |entry: &LogEntry| !self.writer().manifest().logs.iter().any(|log| log.name == entry.name);
        let new: Vec<LogEntry> = entries.filter(is_new).collect();
        if new.is_empty() {
            return Ok(());
        }
        let declare = |manifest: &mut Manifest| {
            for log in new {
                log_in(manifest, log);
            }
        };
        let mut writer = self.writer();
        writer.commit(WrittenLot::default(), declare).map_err(NodeError::Store)?;
        self.is_stored(LotFiles::default(), Lot::default());
        Ok(())
    }

    /// The entry of a log of which nothing was read yet.
    pub(crate) fn entry_of(&self, plan: &LogPlan) -> LogEntry {
        log_entry(plan, self.name_of(plan))
    }

    /// Stores what waits for more.
    pub(crate) fn flush(&self) -> Result<(), NodeError> {
        let Rest { lot, updates } = taken(&self.rest);
        if updates.is_empty() {
            return Ok(());
        }
        let written = self.lots.write(&lot).map_err(NodeError::Store)?;
        self.commit(lot, written, updates)
    }

    /// Stores a lot at once with what waits, or lets it wait too.
    fn add(&self, lot: Lot, update: Update) -> Result<(), NodeError> {
        let is_enough = {
            let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
            rest.lot.append(lot);
            rest.updates.push(update);
            rest.lot.rows.len() + rest.lot.others.len() >= self.lot || rest.updates.len() >= FILES
        };
        if is_enough { self.flush() } else { Ok(()) }
    }

    fn commit(&self, lot: Lot, written: WrittenLot, updates: Vec<Update>) -> Result<(), NodeError> {
        let mut writer = self.writer();
        let files = written.files();
        writer
            .commit(written, |manifest| updates.into_iter().for_each(|update| update.apply(manifest)))
            .map_err(NodeError::Store)?;
        self.is_stored(files, lot);
        Ok(())
    }

    fn is_stored(&self, files: LotFiles, lot: Lot) {
        if let Some(watched) = &self.watched {
            let stored = StoredLot::holding(files, lot, &watched.room);
            watched.stored.lock().unwrap_or_else(PoisonError::into_inner).push(stored);
        }
    }

    /// The lots that were stored since this was asked last.
    pub(crate) fn take_stored(&self) -> Vec<StoredLot> {
        self.watched.as_ref().map(|watched| taken(&watched.stored)).unwrap_or_default()
    }
}

/// What was there, which is there no more.
fn taken<T: Default>(of: &Mutex<T>) -> T {
    std::mem::take(&mut *of.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What the store has of a file.
pub(crate) struct FileState {
    pub(crate) entry: FileEntry,
    /// Whether that is all of it.
    pub(crate) is_unchanged: bool,
}

impl FileState {
    pub(crate) fn fresh(name: SourceName, head: Content) -> Self {
        let entry = FileEntry {
            name,
            head,
            position: 0,
            waiting: Vec::new(),
            whole: None,
            skipped: 0,
            records: 0,
            broken: false,
            last: None,
        };
        Self { entry, is_unchanged: false }
    }

    pub(crate) fn known(entry: FileEntry, is_all: bool) -> Self {
        let is_unchanged = is_all && entry.whole.is_some() && !entry.broken;
        Self { entry, is_unchanged }
    }
}

/// One file on its way into the store.
pub(crate) struct Taking<'t> {
    groups: &'t Groups,
    /// The log, of which nothing was read yet.
    log: LogEntry,
    name: SourceName,
    /// Up to where the store had it, …
    after: u64,
    /// … but for what waited in it; see [`FileEntry::waiting`].
    waited: Vec<(u64, u64)>,
    /// The file as the store has it when all parts before the next are stored.
    file: Ordered<FileEntry>,
    stored: AtomicU64,
}

impl Takes for Taking<'_> {
    fn is_enough(&self, told: &Told) -> bool {
        told.rows.len() + told.kept.len() >= self.groups.lot
    }

    fn take(&self, part: Part) -> Result<(), NodeError> {
        let (number, position) = (part.number, part.position);
        let (lot, shown) = self.lot(part);
        // Written by whoever read it, while others go on; made known in order.
        let written = self.groups.lots.write(&lot).map_err(NodeError::Store);
        self.file.pass(number, |file| {
            file.position = file.position.max(position);
            file.records += shown.records;
            file.last = file.last.max(last(&shown));
            let update = Update { log: LogEntry { shown, ..self.log.clone() }, file: file.clone() };
            self.groups.commit(lot, written?, vec![update])
        })
    }
}

impl<'t> Taking<'t> {
    pub(crate) fn new(groups: &'t Groups, plan: &'t LogPlan, log: SourceName, state: FileState) -> Self {
        let FileState { entry, .. } = state;
        let (name, after, waited) = (entry.name.clone(), entry.position, entry.waiting.clone());
        let log = log_entry(plan, log);
        Self { groups, log, name, after, waited, file: Ordered::new(entry), stored: AtomicU64::new(0) }
    }

    /// Takes the last part, which is stored with those of other files. Says how many records were new,
    /// and what the store has of the file then.
    pub(crate) fn finish(
        self,
        part: Part,
        whole: Content,
        trouble: Trouble,
    ) -> Result<(u64, FileEntry), NodeError> {
        let position = part.position;
        let (lot, shown) = self.lot(part);
        let Self { groups, log, file, stored, .. } = self;
        let file = file.into_inner();
        let file = FileEntry {
            position: file.position.max(position),
            records: file.records + shown.records,
            last: file.last.max(last(&shown)),
            waiting: trouble.waiting.into_iter().map(|stretch| (stretch.start, stretch.end)).collect(),
            whole: Some(whole),
            skipped: trouble.skipped,
            broken: trouble.broken,
            ..file
        };
        groups.add(lot, Update { log: LogEntry { shown, ..log }, file: file.clone() })?;
        Ok((stored.into_inner(), file))
    }

    /// Whether what stands there is not in the store.
    fn is_new(&self, position: u64) -> bool {
        position > self.after || self.waited.iter().any(|(from, to)| (*from..*to).contains(&position))
    }

    /// What of a part is not in the store, and what that shows.
    fn lot(&self, part: Part) -> (Lot, ShownEntry) {
        let Part { kept, rows, gateways, realms, .. } = part;
        let mut shown = Shown::of(&self.log.gateway);
        gateways.iter().for_each(|name| {
            shown.gateways.number(name);
        });
        let mut delays =
            self.groups.watched.as_ref().map(|watched| (Delays::default(), watched.delivery.clock.now()));
        let mut note = |told: LogTime| {
            if let Some((delays, now)) = &mut delays {
                delays.note_late(*now, told);
            }
        };
        let mut lot = Lot::default();
        let (log, file) = (lot.names.log(&self.log.name), lot.names.file(&self.name));
        gateways.iter().for_each(|name| {
            lot.names.gateway(name);
        });
        realms.iter().for_each(|name| {
            lot.names.realm(name);
        });
        // Few are filed under two hours.
        lot.rows.reserve(rows.len() + rows.len() / 16);
        for row in rows.iter().filter(|row| self.is_new(row.place().2)) {
            shown.note_row(row);
            note(row.end().to());
            let plain = plain(row, log, file);
            let reach = Span::between(row.start().from(), row.end().to());
            lot.rows.extend(hours::filed(reach).map(|hour| {
                let mut filed = plain;
                filed.hour = hour;
                filed
            }));
        }
        for Kept { position, text, gateway, record } in kept {
            if self.is_new(position) {
                shown.note(&record);
                note(match &record.fact {
                    Fact::Event(event) => event.at,
                    Fact::Whole { start, end, .. } => end.to().finite().unwrap_or(start.to()),
                });
                let (log, file, gateway) =
                    (self.log.name.clone(), self.name.clone(), gateways[gateway as usize].clone());
                lot.others.push(Other { log, file, position, gateway, record, text });
            }
        }
        if let (Some((delays, _)), Some(watched)) = (delays, &self.groups.watched)
            && delays.count() > 0
        {
            let mut all = watched.delivery.delays.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(self.log.name.clone()).or_default().add(&delays);
        }
        let shown = shown.entry();
        self.stored.fetch_add(shown.records, Ordering::Relaxed);
        (lot, shown)
    }
}

/// The last moment that records show.
fn last(shown: &ShownEntry) -> Option<Moment> {
    shown.stretches.iter().map(|(_, _, _, last)| *last).max()
}

/// What hindered the reading of a file.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) skipped: u64,
    pub(crate) broken: bool,
    /// What waits for its templates.
    pub(crate) waiting: Vec<Range<u64>>,
}

/// A row of a log's file as the store has it, under no hour yet.
pub(crate) fn plain(row: &Row, log: u32, file: u32) -> Plain {
    let Translation { protocol, outside, remote, inside, .. } = row.translation();
    let v4 = |ip: Option<IpAddr>| match ip {
        Some(IpAddr::V4(ip)) => ip.to_bits(),
        // A row has no other.
        _ => 0,
    };
    let open =
        |span: Span| u32::try_from(span.to().as_unix_us() - span.from().as_unix_us()).unwrap_or(u32::MAX);
    let mut plain = Plain::default();
    plain.outside_ip = v4(outside.ip);
    plain.outside_port = outside.port().unwrap_or_default();
    plain.protocol = protocol.map_or(0, Protocol::number);
    plain.remote_ip = v4(remote.map(|remote| remote.ip));
    plain.inside_ip = v4(inside.map(|inside| inside.ip));
    plain.start = row.start().from().as_unix_us();
    plain.start_open = open(row.start());
    plain.end = row.end().to().as_unix_us();
    plain.end_open = open(row.end());
    plain.gateway = row.gateway().0;
    plain.log = log;
    plain.file = file;
    plain.line = row.place().2;
    plain.set_remote_port(remote.and_then(|remote| remote.port));
    plain.set_inside_port(inside.and_then(|inside| inside.port));
    plain.set_realm(row.realm_place());
    plain
}

/// A log of which nothing was read yet.
fn log_entry(plan: &LogPlan, name: SourceName) -> LogEntry {
    empty_entry(name, plan.gateway.clone(), plan.format, plan.facts.stated())
}

/// The same, of which no file need be there.
pub(crate) fn empty_entry(
    name: SourceName,
    gateway: GatewayName,
    format: Format,
    stated: Stated,
) -> LogEntry {
    let us = |at: Option<LogTime>| at.map(LogTime::as_unix_us);
    let Stated { clock_bound, since, until, complete } = stated;
    let facts = LogFacts {
        clock_bound_us: clock_bound.and_then(|bound| u64::try_from(bound.as_micros()).ok()),
        since: us(since),
        until: us(until),
        complete,
    };
    let (format, shown) = (format.name().to_owned(), Shown::of(&gateway).entry());
    LogEntry { name, gateway, format, facts, files: Vec::new(), shown }
}

/// The entry of a log, with what this one shows beside what it showed before.
fn log_in(manifest: &mut Manifest, log: LogEntry) -> &mut LogEntry {
    let place = match manifest.logs.binary_search_by(|known| known.name.cmp(&log.name)) {
        Ok(place) => {
            let known = &mut manifest.logs[place];
            let mut shown = Shown::of_entry(&known.shown);
            shown.add(Shown::of_entry(&log.shown));
            known.shown = shown.entry();
            known.facts = log.facts;
            place
        }
        Err(place) => {
            manifest.logs.insert(place, log);
            place
        }
    };
    &mut manifest.logs[place]
}

impl Update {
    fn apply(self, manifest: &mut Manifest) {
        let Self { log, file } = self;
        let files = &mut log_in(manifest, log).files;
        match files.iter_mut().find(|known| known.head == file.head && known.name == file.name) {
            Some(known) => *known = file,
            None => files.push(file),
        }
    }
}
