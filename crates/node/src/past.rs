//! What a store remembers: its logs as the site knows them, and sessions, when they are asked for.

use crate::{
    NodeError, SourceReport, Unread,
    coverage::{Covered, Stated, described},
    import::stored::StoredLot,
    ingest::gateways,
    met::Met,
    recent::{Calls, Recent, Unpacked, Window},
    shown::{Shown, latest},
};
use foldhash::fast::FixedState;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashSet},
    hash::BuildHasher,
    path::Path,
    time::Duration,
};
use unmasq_decode::{Fact, Format, Record, Sighting, Tells, assemble};
use unmasq_engine::{News, OpenQuestions};
use unmasq_index::{Block, Row, Written};
use unmasq_model::{
    Evidence, GatewayIx, GatewayName, LogIx, LogTime, Question, Realm, Request, Session, SessionsQuestion,
    Site, SourceName, Span, Translation,
};
use unmasq_store::{LogEntry, LogFacts, Lot, Other, Plain, Store, session_of};

/// A store, and what was asked of it so far.
#[derive(Debug)]
pub(crate) struct Past {
    store: Store,
    gateways: BTreeMap<GatewayName, GatewayIx>,
    logs: BTreeMap<SourceName, (LogIx, BTreeMap<SourceName, u32>)>,
    /// Hashes of the questions that were answered: two of 128 bits are never alike by chance.
    answered: HashSet<u128, FixedState>,
    rows: Vec<Row>,
    realms: Met<Realm>,
    others: BTreeSet<Other>,
    /// Plain sessions of which a row cannot hold everything.
    large: Vec<Session>,
    /// What records of each log tell.
    tells: BTreeMap<SourceName, Tells>,
    /// The last hours of it, if they are held.
    recent: Option<Recent>,
}

/// What a store counts of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LogCounts {
    pub(crate) format: String,
    pub(crate) records: u64,
    pub(crate) skipped: u64,
}

/// What is known of sessions now.
pub(crate) struct Recalled {
    pub(crate) sessions: Vec<Session>,
    pub(crate) block: Block,
}

impl Past {
    /// Opens a store and makes its logs known to the site.
    pub(crate) fn open(
        path: &Path,
        site: &mut Site,
        sources: &mut Vec<SourceReport>,
        unread: &mut Vec<Unread>,
    ) -> Result<Self, NodeError> {
        Self::of(Store::open(path).map_err(NodeError::Store)?, site, sources, unread)
    }

    /// The same of a store that is open. Nothing was asked of it yet.
    pub(crate) fn of(
        store: Store,
        site: &mut Site,
        sources: &mut Vec<SourceReport>,
        unread: &mut Vec<Unread>,
    ) -> Result<Self, NodeError> {
        unread.extend(store.wrong().iter().map(Unread::damaged));
        let mut past = Self {
            store,
            gateways: BTreeMap::new(),
            logs: BTreeMap::new(),
            answered: HashSet::default(),
            rows: Vec::new(),
            realms: Met::nobody(),
            others: BTreeSet::new(),
            large: Vec::new(),
            tells: BTreeMap::new(),
            recent: None,
        };
        let expired = LogFacts::moment(past.store.manifest().expired);
        site.forgotten = expired.unwrap_or(LogTime::BEGINNING);
        for entry in past.store.manifest().logs.clone() {
            let Ok(format) = entry.format.parse::<Format>() else {
                unread.push(Unread::unknown_format(&entry.name, &entry.format));
                continue;
            };
            past.tells.insert(entry.name.clone(), format.traits().tells);
            past.logs.insert(entry.name.clone(), known(&entry, format, expired, site, sources));
        }
        past.gateways = site.indexed_gateways().map(|(ix, gateway)| (gateway.name.clone(), ix)).collect();
        Ok(past)
    }

    /// Whether everything is known that the store has in answer to a question.
    pub(crate) fn has_answered(&self, question: &Question) -> bool {
        !is_asked_of_sessions(question) || self.answered.contains(&fingerprint(question))
    }

    /// Reads what the store has in answer to questions.
    ///
    /// # Errors
    /// When a file of it is missing or damaged: an answer without it might name the innocent.
    pub(crate) fn recall(&mut self, asked: &BTreeSet<Question>) -> Result<Recalled, NodeError> {
        let questions: Vec<&Question> =
            asked.iter().filter(|question| is_asked_of_sessions(question)).collect();
        let recent = self.recent.as_ref();
        let is_recent = |asked: &SessionsQuestion| recent.is_some_and(|recent| recent.covers(asked.during));
        let found = self.store.find_but(&questions, is_recent).map_err(NodeError::Store)?;
        if let Some(recent) = recent {
            let asked = questions.iter().filter_map(|question| match question {
                Question::Sessions(asked) if is_recent(asked) => Some(asked),
                _ => None,
            });
            let calls = Calls { gateways: &self.gateways, logs: &self.logs };
            let held = recent.find(&asked.collect::<Vec<_>>(), &calls);
            self.large.extend(held);
            self.large.sort_unstable();
            self.large.dedup();
        }
        for (rows, names) in found.plain {
            let mut gateways = Vec::new();
            gateways.extend(names.gateways.iter().map(|name| self.gateways.get(name).copied()));
            for plain in rows {
                let gateway = gateways.get(plain.gateway as usize).copied().flatten();
                let place = self.place(&names, &plain);
                let (Some(gateway), Some((log, file))) = (gateway, place) else { continue };
                let realm = plain.realm().and_then(|realm| names.realms.get(realm as usize)).cloned();
                self.take(&plain, gateway, log, file, realm);
            }
        }
        self.others.extend(found.others);
        self.answered.extend(questions.into_iter().map(fingerprint));
        Ok(Recalled { sessions: self.sessions(), block: self.block() })
    }

    /// What it counts of each log.
    pub(crate) fn counts(&self) -> BTreeMap<SourceName, LogCounts> {
        let count = |entry: &LogEntry| {
            let (format, records) = (entry.format.clone(), entry.shown.records);
            let skipped = entry.files.iter().map(|file| file.skipped).sum();
            (entry.name.clone(), LogCounts { format, records, skipped })
        };
        self.store.manifest().logs.iter().map(count).collect()
    }

    /// The store as it is now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn store_now(&self) -> Result<Store, NodeError> {
        self.store.again().map_err(NodeError::Store)
    }

    /// Forgets what was asked, and the answers.
    pub(crate) fn forget(&mut self) {
        self.answered.clear();
        (self.rows, self.realms) = (Vec::new(), Met::nobody());
        self.others.clear();
        self.large.clear();
    }

    /// Holds the last hours of it in memory.
    ///
    /// # Errors
    /// When a file of it is missing or damaged.
    pub(crate) fn hold_recent(&mut self, window: Window) -> Result<&Recent, NodeError> {
        let recent = Recent::of(&self.store, window, latest(&self.store.manifest().logs))?;
        Ok(self.recent.insert(recent))
    }

    /// What is held of the last hours.
    pub(crate) fn take_recent(&mut self) -> Option<Recent> {
        self.recent.take()
    }

    /// Goes on with what is held; what is stored by now must be [added](Self::touch).
    pub(crate) fn set_recent(&mut self, recent: Option<Recent>) {
        self.recent = recent;
        if let (Some(recent), Some(latest)) = (&mut self.recent, latest(&self.store.manifest().logs)) {
            recent.move_on(latest);
        }
    }

    /// Adds the alerts that a lot may answer, notes what is new for others, and holds what it has of the last hours.
    ///
    /// # Errors
    /// When a file of it is missing or damaged.
    pub(crate) fn touch(
        &mut self,
        lot: &StoredLot,
        open: &OpenQuestions,
        news: &mut News,
        touched: &mut BTreeSet<u64>,
    ) -> Result<(), NodeError> {
        let (mut recent, all) = (self.recent.take(), RefCell::new((news, touched)));
        let touch = |translation: &Translation, request: Option<&Request>, reach: Option<Span>| {
            let (news, touched) = &mut *all.borrow_mut();
            open.touch(translation, request, reach, touched);
            news.note(translation, request, reach);
        };
        let mut plain = |rows: &[Plain], names: &unmasq_store::Names| {
            let mut adding = recent.as_mut().map(|recent| recent.adding(names));
            for row in rows {
                let Some(session) = session_of(row) else { continue };
                if let Some(adding) = &mut adding {
                    adding.add(row, &session);
                }
                let (translation, start, end) = session;
                touch(&translation, None, Some(start.hull(end)));
            }
            if let Some(adding) = adding {
                adding.done();
            }
        };
        let other = |other: &Other| {
            let Record { translation, request, fact, .. } = &other.record;
            match (self.tells.get(&other.log), fact) {
                (Some(Tells::BothEdges), Fact::Whole { start, end, .. }) => {
                    touch(translation, request.as_deref(), Some(start.hull(*end)));
                }
                (Some(Tells::Connection), _) => {
                    let (news, touched) = &mut *all.borrow_mut();
                    open.touch_addresses(translation, touched);
                    news.note_addresses(translation);
                }
                _ => touch(translation, request.as_deref(), None),
            }
        };
        match lot.lot() {
            Some(Lot { rows, names, others }) => {
                plain(rows, names.names());
                others.iter().for_each(other);
            }
            // What was not read to its end is not held: then nothing is, and everything is sought in the store.
            None => self.store.each_of(lot.files(), plain, other).map_err(NodeError::Store)?,
        }
        self.recent = recent;
        Ok(())
    }

    fn place(&self, names: &unmasq_store::Names, plain: &Plain) -> Option<(LogIx, u32)> {
        let (log, files) = self.logs.get(names.logs.get(plain.log as usize)?)?;
        let file = names.files.get(plain.file as usize)?;
        Some((*log, files.get(file).copied().unwrap_or_default()))
    }

    fn take(&mut self, plain: &Plain, gateway: GatewayIx, log: LogIx, file: u32, realm: Option<Realm>) {
        let number = realm.as_ref().map(|realm| self.realms.number(realm));
        let written = Written { gateway, log, file, line: plain.line, realm: number };
        if let Some(session) = session_of(plain) {
            Unpacked::of(&session, &written, realm).into_either(&mut self.rows, &mut self.large);
        }
    }

    fn block(&mut self) -> Block {
        self.rows.sort_unstable();
        self.rows.dedup();
        Block::of(self.rows.clone(), self.realms.names().to_vec())
    }

    /// Sessions out of the records that are no plain sessions, each log by itself.
    fn sessions(&self) -> Vec<Session> {
        let mut by_log: BTreeMap<LogIx, Vec<Sighting>> = BTreeMap::new();
        for other in &self.others {
            let gateway = self.gateways.get(&other.gateway);
            let (Some(&gateway), Some((log, files))) = (gateway, self.logs.get(&other.log)) else { continue };
            let file = files.get(&other.file).copied().unwrap_or_default();
            let evidence = Evidence { log: *log, file, line: other.position, record: other.text.clone() };
            by_log.entry(*log).or_default().push(Sighting {
                gateway,
                evidence,
                record: other.record.clone(),
            });
        }
        by_log.into_values().flat_map(assemble).chain(self.large.iter().cloned()).collect()
    }
}

/// Makes a log known to the site, and says how evidence names it and its files.
fn known(
    entry: &LogEntry,
    format: Format,
    expired: Option<LogTime>,
    site: &mut Site,
    sources: &mut Vec<SourceReport>,
) -> (LogIx, BTreeMap<SourceName, u32>) {
    let log = LogIx(u32::try_from(site.logs.len()).expect("fewer logs than 2³²"));
    let (traits, shown) = (format.traits(), Shown::of_entry(&entry.shown));
    let covered = shown.covered();
    let files = || entry.files.iter();
    let whole = files().all(|file| file.whole.is_some() && !file.broken && file.skipped == 0)
        && covered.is_none_or(|Covered { outliers, .. }| outliers == 0);
    let names = gateways(site, traits.kind, shown.gateways.names());
    for gateway in &names {
        site.gateways[gateway.0 as usize].logs.insert(log);
    }
    for (name, ip) in shown.shared() {
        site.gateways[names[name as usize].0 as usize].seen.insert(ip);
    }
    let LogFacts { clock_bound_us, since, until, complete } = entry.facts.clone();
    let stated = Stated {
        clock_bound: clock_bound_us.map(Duration::from_micros),
        since: LogFacts::moment(since),
        until: LogFacts::moment(until),
        complete,
    };
    let told = covered.map(|covered| covered.span);
    let called: Vec<SourceName> = files().map(|file| file.name.clone()).collect();
    let mut described =
        described(entry.name.clone(), called.clone(), traits, stated, site.clock_bound, told, whole);
    // What was dropped is not missing from the log, but from what is known of it.
    let coverage = &mut described.coverage;
    coverage.since = expired.map_or(coverage.since, |expired| coverage.since.max(expired));
    site.logs.push(described);
    sources.push(SourceReport {
        gateway: Some(entry.gateway.clone()),
        files: entry.files.len(),
        records: entry.shown.records,
        sessions: entry.shown.records,
        told,
        ..SourceReport::named(entry.name.clone(), format.name(), "the store says so")
    });
    let mut numbers = BTreeMap::new();
    (0u32..).zip(called).for_each(|(number, name)| {
        numbers.entry(name).or_insert(number);
    });
    (log, numbers)
}

/// Whether the store knows anything about it; everything else is in memory.
fn is_asked_of_sessions(question: &Question) -> bool {
    matches!(question, Question::Sessions(_) | Question::Requests(_))
}

fn fingerprint(question: &Question) -> u128 {
    let half = |seed| u128::from(FixedState::with_seed(seed).hash_one(question));
    half(1) << 64 | half(2)
}

#[cfg(test)]
mod tests;
