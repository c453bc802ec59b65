//! What a store remembers: its logs as the site knows them, and sessions, when they are asked for.

use crate::{
    NodeError, SourceReport, Unread,
    coverage::{Covered, Stated, described},
    ingest::gateways,
    met::Met,
    shown::Shown,
};
use foldhash::fast::FixedState;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    hash::BuildHasher,
    path::Path,
    time::Duration,
};
use unmasq_decode::{Format, Sighting, assemble};
use unmasq_index::{Block, Row, Written};
use unmasq_model::{
    Evidence, GatewayIx, GatewayName, LogIx, LogTime, Question, Realm, Session, Site, SourceName,
};
use unmasq_store::{LogEntry, LogFacts, Other, Plain, Store};

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
        let store = Store::open(path).map_err(NodeError::Store)?;
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
        };
        let expired = LogFacts::moment(past.store.manifest().expired);
        for entry in past.store.manifest().logs.clone() {
            let Ok(format) = entry.format.parse::<Format>() else {
                unread.push(Unread::unknown_format(&entry.name, &entry.format));
                continue;
            };
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
        let found = self.store.find(&questions).map_err(NodeError::Store)?;
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

    fn place(&self, names: &unmasq_store::Names, plain: &Plain) -> Option<(LogIx, u32)> {
        let (log, files) = self.logs.get(names.logs.get(plain.log as usize)?)?;
        let file = names.files.get(plain.file as usize)?;
        Some((*log, files.get(file).copied().unwrap_or_default()))
    }

    fn take(&mut self, plain: &Plain, gateway: GatewayIx, log: LogIx, file: u32, realm: Option<Realm>) {
        let Some((translation, start, end)) = unmasq_store::session_of(plain) else { return };
        let number = realm.as_ref().map(|realm| self.realms.number(realm));
        let written = Written { gateway, log, file, line: plain.line, realm: number };
        match Row::of(&translation, start, end, &written) {
            Some(row) => self.rows.push(row),
            None => {
                let evidence = vec![Evidence { log, file, line: plain.line, record: "".into() }];
                self.large.push(Session {
                    gateway,
                    translation,
                    request: None,
                    inside_realm: realm,
                    start,
                    end,
                    proven: None,
                    evidence,
                });
            }
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
