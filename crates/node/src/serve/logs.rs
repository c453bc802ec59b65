//! Session logs, followed: what is written to them goes into the store.

use super::{
    Counters, Options, Shared,
    files::{Files, unopened},
    merging::{Merging, Unmerged},
    message::Message,
    pace::Pace,
    pause,
};
use crate::{
    NodeError, Silent, SourceReport,
    clock::NowAndThen,
    import::{
        ImportedLog,
        file::{self, state},
        groups::{FileState, Groups, Taking, Trouble, empty_entry},
        keep_inventory,
    },
    knowledge::chain,
    plan::{self, LogFacts, LogPlan, Sources},
    reading::{self, Wanted},
    shown::latest,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    rc::Rc,
    sync::atomic::Ordering,
    time::Duration,
};
use unmasq_decode::{Decoder, Framing};
use unmasq_io::{
    disk::OnDisk,
    inventory::{self, Inventory, LogFile},
    source::{Digest, FileIdentity, Found, Growth, Input, LINE_LIMIT, Location, Meter, Tail},
};
use unmasq_model::{Arrival, SourceName};
use unmasq_store::{Depth, FileEntry, LogEntry, StoreError, Writer, WrittenLot, WrittenMerge};

/// The session logs of a service.
pub(super) struct Logs<'s> {
    shared: &'s Shared,
    sources: Sources,
    inventory: Option<Inventory>,
    groups: Groups,
    plans: Vec<Rc<LogPlan>>,
    files: Files,
    readings: BTreeMap<FileIdentity, Reading>,
    /// Templates of binary logs may be in an earlier file.
    templates: BTreeMap<SourceName, Option<Box<dyn Decoder>>>,
    /// What was said about files that cannot be read: once each.
    reported: BTreeSet<String>,
    /// Nothing was looked at yet.
    is_new: bool,
    /// What lay there at the start was read.
    is_caught_up: bool,
    /// For how long sessions are kept.
    keep: Option<Duration>,
    expired: NowAndThen,
    inventory_read: NowAndThen,
    pace: Pace,
    /// Lots are merged when there are so many.
    lots: usize,
    /// Lots whose files the desk was told of, and may not have looked into: by the number of the manifest.
    unread: Vec<(u64, BTreeSet<String>)>,
    merging: Option<Merging>,
    /// When it was begun to read what nobody was told of yet.
    begun: Option<Arrival>,
}

/// A file that is read on as it grows.
struct Reading {
    plan: Rc<LogPlan>,
    found: Found,
    tail: Tail,
    going: Option<Going>,
    /// The store had all of it when it was opened.
    unchanged: bool,
    /// It cannot be read as what it is said to be: nobody tries again before it is written anew.
    refused: bool,
}

/// What is known in the middle of a file.
struct Going {
    decoder: Box<dyn Decoder>,
    digest: Digest,
    entry: FileEntry,
    /// How many of its lines were read.
    lines: u64,
}

/// About so many bytes are read in one look, evenly of all files that grow: whoever is behind must not be told of everything
/// at last.
const MOST: u64 = 32 << 20;

/// What is too old is dropped so often, …
const EXPIRE: Duration = Duration::from_secs(3600);
/// … and the inventory looked at for logs that it names.
const INVENTORY: Duration = Duration::from_secs(10);

impl<'s> Logs<'s> {
    pub(super) fn new(
        shared: &'s Shared,
        sources: &Sources,
        inventory: Option<Inventory>,
        writer: Writer,
        options: &Options,
    ) -> Self {
        Self {
            shared,
            sources: sources.clone(),
            inventory,
            groups: Groups::of(writer, options.lot).watched(shared.clock),
            plans: Vec::new(),
            files: Files::default(),
            readings: BTreeMap::new(),
            templates: BTreeMap::new(),
            reported: BTreeSet::new(),
            is_new: true,
            is_caught_up: false,
            keep: options.keep_sessions,
            expired: NowAndThen::at_once(EXPIRE),
            inventory_read: NowAndThen::at_once(INVENTORY),
            pace: Pace::from(shared.clock.now()),
            lots: options.lots,
            unread: Vec::new(),
            merging: None,
            begun: None,
        }
    }

    /// Follows them until the service stops.
    pub(super) fn follow(&mut self, poll: Duration) {
        while !self.shared.is_stopping() {
            let time = self.step(poll);
            pause(self.shared, time);
        }
    }

    /// Looks once; says for how long to wait then.
    pub(super) fn step(&mut self, poll: Duration) -> Duration {
        let before = self.counters().records_stored.get();
        match self.look().and_then(|()| self.tidy()) {
            Ok(()) => {
                // One look reads all that is there.
                if !std::mem::replace(&mut self.is_caught_up, true) {
                    self.shared.send(Message::CaughtUp);
                }
                let came = self.counters().records_stored.get() - before;
                let pause = self.pace.pause(came, self.shared.clock.now(), poll);
                if came > 0 && self.is_behind() { Duration::ZERO } else { pause }
            }
            Err(error) => {
                self.counters().errors.add(1);
                tracing::error!("{}; it is tried again", chain(&error));
                super::PAUSE
            }
        }
    }

    /// Reads what was written since it looked last, and makes it known.
    fn look(&mut self) -> Result<(), NodeError> {
        let looked = self.look_once();
        if looked.is_err() {
            // What waited to be stored with it is not: it is read again, from what is stored on.
            self.readings.clear();
            self.files.read_nothing();
            // And logs may not have been declared.
            self.is_new = true;
        }
        looked
    }

    fn look_once(&mut self) -> Result<(), NodeError> {
        let begun = *self.begun.get_or_insert(self.shared.clock.now());
        self.find()?;
        let share = self.share();
        for plan in self.plans.clone() {
            for number in 0..plan.files.len() {
                let number = u32::try_from(number).expect("fewer files than 2³²");
                if let Err(error) = self.file(&plan, number, share) {
                    self.trouble(error)?;
                }
            }
        }
        self.renamed(share)?;
        self.counters().log_bytes_unread.set(self.unread_bytes());
        self.groups.flush()?;
        let is_live = self.shared.caught_up.load(Ordering::Acquire);
        self.shared.exporters.learn(self.groups.take_delays(), self.shared.clock.now(), is_live);
        for reading in self.readings.values() {
            if let Location::File(path) = &reading.found.location
                && self.shared.is_spool(path)
            {
                self.shared.read.note(path, reading.tail.offset());
            }
        }
        self.tell(begun);
        self.begun = None;
        Ok(())
    }

    /// How many bytes are read of each file in this look.
    fn share(&self) -> u64 {
        // What lay there at the start is read in one look.
        if !self.shared.caught_up.load(Ordering::Acquire) {
            return u64::MAX;
        }
        let growing = self.readings.values().filter(|reading| self.unread_of(reading) > 0).count();
        MOST / (growing as u64).max(1)
    }

    /// Whether there was more than is read in one look. A line that is still being written is not.
    fn is_behind(&self) -> bool {
        self.unread_bytes() >= LINE_LIMIT as u64
    }

    fn unread_bytes(&self) -> u64 {
        self.readings.values().map(|reading| self.unread_of(reading)).sum()
    }

    /// How many bytes of a file had been written, when it was looked which files there are, and are not read; none of one
    /// that cannot be.
    fn unread_of(&self, reading: &Reading) -> u64 {
        let Location::File(path) = &reading.found.location else { return 0 };
        if reading.refused {
            return 0;
        }
        self.files.seen(path).map_or(0, |seen| seen.bytes.saturating_sub(reading.tail.offset()))
    }

    /// Merges lots if there are many, and nobody needs them any more as they are: beside the reading, which goes on. Now
    /// and then whatever there is, so that what is too old can be dropped.
    fn tidy(&mut self) -> Result<(), NodeError> {
        if let Some(merging) = self.merging.take() {
            if !merging.is_over() {
                self.merging = Some(merging);
                return Ok(());
            }
            self.merged(merging.written())?;
            return if self.may_expire() { self.expire() } else { Ok(()) };
        }
        let probed = self.shared.probed.load(Ordering::Acquire);
        self.unread.retain(|(number, _)| *number > probed);
        let unread: BTreeSet<&str> =
            self.unread.iter().flat_map(|(_, names)| names).map(String::as_str).collect();
        let writer = self.groups.writer();
        let unmerged = Unmerged::of(writer.manifest(), &unread);
        if !self.may_expire() && !unmerged.are(self.lots) {
            return Ok(());
        }
        let is_urgent = unmerged.are(self.lots.saturating_mul(3));
        // However many there are, no more files are open at a time.
        let names = unmerged.first(self.lots.saturating_mul(2));
        let to_merge = writer.to_merge(Depth::Sizes, |name| names.contains(name));
        drop(writer);
        if !to_merge.is_empty() {
            self.merging = Some(Merging::begin(to_merge, self.shared.clock, is_urgent));
        } else if self.may_expire() && self.unread.is_empty() {
            return self.expire();
        }
        Ok(())
    }

    /// Makes known what was merged.
    fn merged(&self, written: Result<WrittenMerge, StoreError>) -> Result<(), NodeError> {
        let mut writer = self.groups.writer();
        writer.commit_merge(written.map_err(NodeError::Store)?).map_err(NodeError::Store)?;
        self.counters().merges.add(1);
        writer.sweep_dropped().map_err(NodeError::Store)?;
        // Nothing is new to the desk, but it reads what there is now: what was dropped goes in a while.
        let number = writer.manifest().number;
        drop(writer);
        let read = self.shared.clock.now();
        self.shared.send(Message::Lots { lots: Vec::new(), number, read });
        Ok(())
    }

    /// Whether it is time to drop what is too old.
    fn may_expire(&self) -> bool {
        self.keep.is_some() && self.expired.is_due(self.shared.clock.now())
    }

    /// Drops the hours that are too old.
    fn expire(&mut self) -> Result<(), NodeError> {
        let mut writer = self.groups.writer();
        if let Some((latest, keep)) = latest(&writer.manifest().logs).zip(self.keep) {
            let dropped = writer.drop_before(latest.minus(keep)).map_err(NodeError::Store)?;
            tracing::debug!(files = dropped.files, rows = dropped.rows, "old sessions were dropped");
        }
        drop(writer);
        self.expired.is_done(self.shared.clock.now());
        Ok(())
    }

    fn counters(&self) -> &'s Counters {
        &self.shared.counters
    }

    /// Looks which files there are now.
    fn find(&mut self) -> Result<(), NodeError> {
        let now = self.shared.clock.now();
        if self.inventory_read.is_due(now) {
            self.inventory_read.is_done(now);
            match load(&self.sources) {
                Ok(inventory) => self.inventory = inventory,
                Err(error) => self.report(&chain(&error)),
            }
        }
        let paths: Vec<String> = match &self.inventory {
            Some(inventory) if self.sources.sessions.is_empty() => {
                inventory.logs.iter().map(|log| log.path.to_string_lossy().into_owned()).collect()
            }
            _ => self.sources.sessions.iter().map(|arg| arg.path.clone()).collect(),
        };
        let heard = self.sources.heard.iter().map(|arg| arg.path.clone());
        let paths: Vec<String> = paths.into_iter().chain(heard).collect();
        if !self.files.look(&paths) && !std::mem::take(&mut self.is_new) {
            return Ok(());
        }
        let mut unread = Vec::new();
        let plans = match plan::logs(&self.sources, self.inventory.as_ref(), &mut unread) {
            Ok(plans) => plans,
            Err(error) => {
                // What appeared cannot be told; what was followed is followed on.
                self.report(&chain(&error));
                return Ok(());
            }
        };
        unread.iter().for_each(|unread| self.report(&unread.what));
        self.plans = plans.into_iter().map(Rc::new).collect();
        // A log of which nothing has come is connected all the same.
        let there = self.plans.iter().map(|plan| self.groups.entry_of(plan));
        self.groups.declare(there.chain(self.expected()))
    }

    /// Logs that the inventory names and that are not there yet.
    fn expected(&self) -> impl Iterator<Item = LogEntry> {
        let inventory = self.inventory.as_ref().filter(|_| self.sources.sessions.is_empty());
        let logs = inventory
            .into_iter()
            .flat_map(|inventory| inventory.logs.iter().map(move |log| (log, inventory)));
        // What a pattern will be called, or a file whose form nobody says, is known when it is there.
        let is_plain = |log: &LogFile| !log.present && !log.path.to_string_lossy().contains(['*', '?', '[']);
        logs.filter(move |(log, _)| is_plain(log)).filter_map(|(log, inventory)| {
            let format = log.format.as_ref()?.parse().ok()?;
            let stated = LogFacts::of(log, inventory).stated();
            Some(empty_entry(log.name.clone(), log.gateway.clone(), format, stated))
        })
    }

    fn file(&mut self, plan: &Rc<LogPlan>, number: u32, share: u64) -> Result<(), NodeError> {
        let found = &plan.files[number as usize];
        let Location::File(path) = &found.location else { return Ok(()) };
        let Some(seen) = self.files.seen(path) else { return Ok(()) };
        if seen.bytes == 0 {
            return Ok(());
        }
        let identity = seen.identity;
        if let Some(reading) = self.readings.get_mut(&identity) {
            (reading.plan, reading.found) = (Rc::clone(plan), found.clone());
            return reading.read_on(share, &self.groups, self.shared);
        }
        if !self.files.has_changed(path) {
            return Ok(());
        }
        let grows = plan.format.traits().framing == Framing::Lines;
        if grows && let Some(tail) = self.files.tail(path)? {
            let (plan, found) = (Rc::clone(plan), found.clone());
            let mut reading = Reading { plan, found, tail, going: None, unchanged: false, refused: false };
            let read = reading.read_on(share, &self.groups, self.shared);
            self.readings.insert(identity, reading);
            return read;
        }
        if found.bytes.is_some_and(|bytes| bytes < seen.bytes) {
            // No more of it is read than there was when it was planned: it is planned anew at the next look.
            self.files.read_again(path);
            self.is_new = true;
            return Ok(());
        }
        self.whole_file(plan, number)
    }

    /// Reads a file that does not grow line by line: packed, or of messages. What of it is in the store is passed over.
    fn whole_file(&mut self, plan: &LogPlan, number: u32) -> Result<(), NodeError> {
        let log = self.groups.name_of(plan);
        let mut imported = ImportedLog { report: SourceReport::of(plan), unchanged: 0, stored: 0 };
        let mut unread = Vec::new();
        let templates = self.templates.entry(log.clone()).or_default();
        file::read(plan, &log, number, templates, &self.groups, &mut imported, &mut unread, &Silent)?;
        let (lines, skipped) = (imported.report.lines, imported.report.skips.lines());
        count(self.counters(), lines, skipped, imported.stored);
        unread.iter().for_each(|unread| self.report(&unread.what));
        Ok(())
    }

    /// Reads on what has no name any more that anybody gave; forgets it when nothing comes.
    fn renamed(&mut self, share: u64) -> Result<(), NodeError> {
        let gone: Vec<FileIdentity> =
            self.readings.keys().filter(|identity| !self.files.has(**identity)).copied().collect();
        for identity in gone {
            let Some(mut reading) = self.readings.remove(&identity) else { continue };
            let before = reading.tail.offset();
            if let Err(error) = reading.read_on(share, &self.groups, self.shared) {
                self.trouble(error)?;
            }
            let is_quiet = reading.tail.offset() == before && !self.files.is_missed(identity);
            if !is_quiet {
                self.readings.insert(identity, reading);
            }
        }
        Ok(())
    }

    /// Makes known what was stored since it was begun to read.
    fn tell(&mut self, read: Arrival) {
        let lots = self.groups.take_stored();
        if lots.is_empty() {
            return;
        }
        self.counters().lots_stored.add(lots.len() as u64);
        let number = self.groups.writer().manifest().number;
        // What is held need not stay as it is.
        let files = lots.iter().filter(|lot| lot.lot().is_none()).flat_map(|lot| lot.files().names());
        let names: BTreeSet<String> = files.map(str::to_owned).collect();
        if !names.is_empty() {
            self.unread.push((number, names));
        }
        self.shared.send(Message::Lots { lots, number, read });
    }

    /// What is wrong with one log does not keep others from being read; what is wrong with the store does.
    fn trouble(&mut self, error: NodeError) -> Result<(), NodeError> {
        match error {
            NodeError::Store(_) => Err(error),
            error => {
                self.report(&chain(&error));
                Ok(())
            }
        }
    }

    fn report(&mut self, what: &str) {
        if self.reported.insert(what.to_owned()) {
            tracing::warn!("{what}");
        }
    }
}

/// Opens the store to write to it, with the inventory that there is.
pub(super) fn prepare(
    sources: &Sources,
    store: &Path,
    disk: OnDisk,
) -> Result<(Writer, Option<Inventory>), NodeError> {
    let inventory = load(sources)?;
    // What nobody can tell is said now, and not when everybody has gone home.
    plan::logs(sources, inventory.as_ref(), &mut Vec::new())?;
    let mut writer = Writer::open_on(store, disk).map_err(NodeError::Store)?;
    if let Some(path) = &sources.inventory {
        keep_inventory(&mut writer, path)?;
    }
    if writer.manifest().number == 0 {
        // There is a store from now on, although nothing is in it.
        writer.commit(WrittenLot::default(), |_| ()).map_err(NodeError::Store)?;
    }
    Ok((writer, inventory))
}

fn load(sources: &Sources) -> Result<Option<Inventory>, NodeError> {
    sources.inventory.as_deref().map(inventory::load).transpose().map_err(NodeError::Inventory)
}

fn count(counters: &Counters, lines: u64, skipped: u64, stored: u64) {
    counters.log_lines.add(lines);
    counters.log_lines_skipped.add(skipped);
    counters.records_stored.add(stored);
}

impl Reading {
    /// Reads at most so many bytes of what was written since.
    fn read_on(&mut self, most: u64, groups: &Groups, shared: &Shared) -> Result<(), NodeError> {
        loop {
            match self.tail.grown(most, &Meter::default()).map_err(NodeError::Read)? {
                Growth::None => return Ok(()),
                Growth::Rewritten => {
                    (self.going, self.refused) = (None, false);
                    self.begin_again()?;
                }
                Growth::Lines(_) if self.refused => return Ok(()),
                // The store had all up to where it ended; what it said on the way must be known to go on.
                Growth::Lines(_) if self.unchanged => {
                    self.unchanged = false;
                    self.begin_again()?;
                }
                Growth::Lines(input) => {
                    let read = self.read(input, groups, shared);
                    if let Err(error) = &read {
                        // Whatever of it is stored by now is passed over.
                        self.going = None;
                        self.refused = !matches!(error, NodeError::Store(_));
                        self.begin_again()?;
                    }
                    return read;
                }
            }
        }
    }

    fn begin_again(&mut self) -> Result<(), NodeError> {
        let Location::File(path) = &self.found.location else { return Ok(()) };
        self.tail.pass_over(0).map_err(|source| unopened(path, source))
    }

    fn read(&mut self, mut input: Input, groups: &Groups, shared: &Shared) -> Result<(), NodeError> {
        let (plan, found) = (&self.plan, &self.found);
        let log = groups.name_of(plan);
        let Going { decoder, digest, entry, lines } = match self.going.take() {
            Some(going) => going,
            None => {
                // The plan knows how long it was when it was found; these are its lines of now.
                let found = Found { bytes: Some(self.tail.offset()), ..found.clone() };
                let FileState { entry, is_unchanged } = state(plan, &found, &mut input, groups);
                if is_unchanged {
                    self.unchanged = true;
                    return Ok(());
                }
                let entry = FileEntry { skipped: 0, ..entry };
                Going { decoder: plan.decoder(&found.location)?, digest: Digest::default(), entry, lines: 0 }
            }
        };
        let skipped = entry.skipped;
        let taking = Taking::new(groups, plan, log, FileState { entry, is_unchanged: false });
        let wanted = Wanted::everything(plan, lines, &taking);
        let (file, name) = (found.location.to_string(), found.location.name());
        let (mut told, decoder) =
            reading::lines(&file, name.as_str(), input.digested(&digest), decoder, wanted)?;
        let part = told.part();
        let lines = part.position;
        let trouble = Trouble {
            skipped: skipped + told.skips.lines(),
            broken: told.broken.is_some(),
            waiting: Vec::new(),
        };
        let (stored, entry) = taking.finish(part, digest.content(), trouble)?;
        count(&shared.counters, told.lines + told.blank, told.skips.lines(), stored);
        if let Some((why, skip)) = told.skips.by_reason().first() {
            tracing::debug!(file, line = skip.first.1, lines = skip.lines, "skipped: {why}");
        }
        self.going = Some(Going { decoder, digest, entry, lines });
        Ok(())
    }
}
