//! What the store has by now, and which open alerts that concerns.

use super::Desk;
use crate::{NodeError, import::stored::StoredLot};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
    time::Duration,
};
use unmasq_model::{Arrival, Coverage, Gateway, LogTime, Site, SourceName, Span};

/// How long after its alert a record of a balancer's connection may decide about it.
const CONNECTION: Duration = Duration::from_secs(600);

impl Desk<'_> {
    /// Learns what the store has now, and finds out whom that concerns.
    pub(super) fn learn(&mut self, lots: &[StoredLot], number: u64, read: Arrival) -> Result<(), NodeError> {
        // What it was before is held on to until all of this is done: it may be tried again.
        let site = &self.knowledge.site;
        self.before.get_or_insert_with(|| (coverages(site), site.gateways.clone()));
        self.knowledge.renew(&self.prepared)?;
        self.registry.meet(&mut self.knowledge, &mut self.work, self.shared.clock.now())?;
        let mut touched = BTreeSet::new();
        if let Some(past) = self.knowledge.past() {
            for lot in lots {
                past.touch(lot, &self.open.questions, &mut self.old.news, &mut touched)?;
            }
        }
        self.open.trace_again(touched);
        let site = &self.knowledge.site;
        let (logs, gateways) = self.before.take().unwrap_or_default();
        let is_another = is_another(&gateways, &site.gateways);
        if is_another {
            // Who may have translated an address is another question now, for everybody.
            self.open.trace_all_again();
            self.old.all_again();
        }
        for during in moved(&logs, site) {
            self.open.trace_unsettled_again(during);
            self.old.unsettled_again(during);
        }
        self.shared.probed.fetch_max(number, Ordering::AcqRel);
        let now = self.shared.clock.now();
        self.shared.counters.record_seconds.note_each(lots.len() as u64, now.since(read));
        if is_another || self.shown.is_due(now) {
            self.shown.is_done(now);
            self.show();
        }
        Ok(())
    }
}

/// Which time each log covers.
fn coverages(site: &Site) -> BTreeMap<SourceName, Coverage> {
    site.logs.iter().map(|log| (log.name.clone(), log.coverage)).collect()
}

/// Whether the gateways differ in more than which logs they have.
fn is_another(before: &[Gateway], now: &[Gateway]) -> bool {
    before.len() != now.len()
        || before.iter().zip(now).any(|(before, now)| {
            before.name != now.name || before.seen != now.seen || before.logs.len() != now.logs.len()
        })
}

/// About which alerts the logs tell more than before, although no record concerns them: those at the edges of what
/// they cover, and those of which by now everything should have come.
fn moved(before: &BTreeMap<SourceName, Coverage>, site: &Site) -> Vec<Span> {
    let bound = site.widest_clock_bound();
    let mut spans = Vec::new();
    for log in &site.logs {
        let Some(known) = before.get(&log.name).filter(|known| **known != log.coverage) else { continue };
        let edges = |of: fn(&Coverage) -> LogTime| (of(known), of(&log.coverage));
        let edges = [edges(|c| c.since), edges(|c| c.until), edges(Coverage::watermark)];
        for (one, other) in edges.into_iter().filter(|(one, other)| one != other) {
            let span = Span::between(one.min(other).minus(CONNECTION), one.max(other));
            spans.push(span.widened(bound));
        }
    }
    spans
}
