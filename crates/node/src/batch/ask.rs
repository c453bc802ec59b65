//! What the alerts of a batch may ask for, before their logs are read.

use super::{
    Batch, Hold,
    read::{AlertFile, AlertsReader, Says},
    trace::realm_of,
};
use crate::{
    Knowledge, NodeError, Progress, Unread, knowledge::Prepared, ordered::on_every_core, plan::Sources,
};
use std::{cell::RefCell, collections::BTreeSet, path::Path};
use unmasq_decode::alert::{AlertKey, AlertReader, Reading};
use unmasq_engine::{Sieve, Wants};
use unmasq_io::source::{Meter, open_found};
use unmasq_model::{Alert, AlertId, Question, Realm};

/// Learns all that the alerts of `batch` may ask for.
pub(super) fn learn(
    batch: &Batch,
    sources: &Sources,
    progress: &dyn Progress,
) -> Result<Knowledge, NodeError> {
    if let Some(store) = &sources.store {
        return recall(batch, store, sources, progress);
    }
    let prepared = Prepared::of(sources, true)?;
    let holds_alerts = match (batch.options.hold, batch.bytes(), prepared.log_bytes()) {
        (Hold::Alerts, _, _) => true,
        (Hold::Sessions, _, _) | (Hold::Smaller, None, _) => false,
        (Hold::Smaller, Some(alerts), logs) => logs.is_none_or(|logs| alerts <= logs),
    };
    if !holds_alerts {
        return prepared.learn(&Sieve::open(), batch.cites(), progress);
    }
    let wants = Wants::nothing(&prepared.site, prepared.margins());
    let mut wants = gather(batch, &wants, progress, AlertReader::key, &|wants: &mut Wants, key| {
        if let Some(AlertKey { protocol, ends, at }) = key {
            wants.add(protocol, ends, at);
        }
    })?;
    for _ in 0..ROUNDS_MAX {
        let sieve = Sieve::of(wants);
        let mut knowledge = prepared.learn(&sieve, batch.cites(), progress)?;
        if !knowledge.leads_on() {
            return Ok(knowledge);
        }
        // What is behind the first gateway may itself be a shared address: its questions are known only now.
        let asked = further(batch, &knowledge, &sieve, progress)?;
        if asked.is_empty() {
            return Ok(knowledge);
        }
        if let Some(log) = prepared.read_once() {
            knowledge.unread.push(Unread::read_once(&log));
            return Ok(knowledge);
        }
        let Some(more) = sieve.into_wants() else { return Ok(knowledge) };
        wants = more;
        asked.iter().for_each(|question| wants.ask(question));
    }
    prepared.learn(&Sieve::open(), batch.cites(), progress)
}

/// Asks a store for what the alerts of `batch` need, until they need nothing more.
fn recall(
    batch: &Batch,
    store: &Path,
    sources: &Sources,
    progress: &dyn Progress,
) -> Result<Knowledge, NodeError> {
    let mut knowledge = Knowledge::recall(store, sources, progress)?;
    loop {
        let realms = knowledge.realms();
        let note = |asked: &mut BTreeSet<Question>, reading| {
            if let Some(alert) = alert_of(&knowledge, &realms, reading) {
                asked.extend(knowledge.lacks(&alert, false));
            }
        };
        let asked = gather(batch, &BTreeSet::new(), progress, AlertReader::read, &note)?;
        if asked.is_empty() {
            return Ok(knowledge);
        }
        knowledge.learn_about(&asked)?;
    }
}

/// An alert that needs no name yet.
fn alert_of(knowledge: &Knowledge, realms: &BTreeSet<Realm>, reading: Reading) -> Option<Alert> {
    let Reading::Alert(facts) = reading else { return None };
    let realm = realm_of(&knowledge.site.sensor_realm, realms, facts.realm.as_ref());
    Some(facts.into_alert(AlertId("".into()), realm))
}

/// The logs are read once for each gateway in a row, and no trace follows more than eight.
const ROUNDS_MAX: usize = 9;

/// What traces ask for that the sieve did not keep.
fn further(
    batch: &Batch,
    knowledge: &Knowledge,
    sieve: &Sieve,
    progress: &dyn Progress,
) -> Result<BTreeSet<Question>, NodeError> {
    let realms = knowledge.realms();
    let note = |asked: &mut BTreeSet<Question>, reading| {
        let Some(alert) = alert_of(knowledge, &realms, reading) else { return };
        let asked = RefCell::new(asked);
        knowledge.trace_asking(&alert, |question| {
            if !sieve.covers(question) {
                asked.borrow_mut().insert(question.clone());
            }
        });
    };
    gather(batch, &BTreeSet::new(), progress, AlertReader::read, &note)
}

impl Batch {
    fn cites(&self) -> bool {
        self.options.evidence == super::EvidenceDetail::Full
            && self.options.output == super::OutputForm::Alerts
    }
}

/// Something that several gather, each for itself, to be put together in the end.
trait Gathered: Clone + Send + Sync {
    fn append(&mut self, other: Self);
}

impl Gathered for Wants {
    fn append(&mut self, other: Self) {
        Self::append(self, other);
    }
}

impl Gathered for BTreeSet<Question> {
    fn append(&mut self, mut other: Self) {
        Self::append(self, &mut other);
    }
}

/// Reads all alerts once by `read`, and gathers what `note` makes of them. What cannot be read is not for
/// this pass to say.
fn gather<G: Gathered, R>(
    batch: &Batch,
    nothing: &G,
    progress: &dyn Progress,
    read: fn(&mut AlertReader, &[u8]) -> R,
    note: &(impl Fn(&mut G, R) + Sync),
) -> Result<G, NodeError> {
    let mut all = nothing.clone();
    for (found, format) in &batch.inputs {
        let meter = Meter::default();
        let Ok(input) = open_found(found, &meter) else { continue };
        let Some(file) = AlertFile::new(found, input, format.clone(), &batch.options)? else { continue };
        progress.begin(found.location.name().as_str(), found.bytes, &meter);
        let gathered = on_every_core(|| {
            let (mut reader, mut own) = (AlertsReader::new(read), nothing.clone());
            while let Some(mut lines) = file.next(&mut reader, &batch.options.field) {
                for line in lines.lines.drain(..) {
                    if let Says::Read(read) = line.says {
                        note(&mut own, read);
                    }
                }
                reader.done_with(lines);
            }
            own
        });
        progress.end();
        gathered.into_iter().for_each(|own| all.append(own));
    }
    Ok(all)
}
