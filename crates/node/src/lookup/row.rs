//! Whom a trace names, and the row that counts it.

use super::HolderRow;
use crate::Knowledge;
use unmasq_model::{
    Certainty, HoldersQuestion, LogTime, Span, Status,
    trace::{Asset, Candidate, Container, Hop, MaskedEnd, Place, ProcessTrace},
};

/// Who is behind a translation: what rows are counted by.
pub(super) type HolderKey = (Place, Option<String>, Option<String>);

/// Whether a session or a rule stands behind an end, rather than that nothing was found.
pub(super) fn is_found(end: &MaskedEnd) -> bool {
    end.status != Status::Untraced || !end.hops.is_empty()
}

/// Somebody whom a trace names: its one answer, or one of its candidates.
pub(super) struct Named<'t> {
    inside: &'t Place,
    asset: Option<&'t Asset>,
    container: Option<Container>,
    process: Option<&'t ProcessTrace>,
    status: Status,
    certainty: Option<Certainty>,
    hops: &'t [Hop],
}

/// Whom an end names. What merely matches in all but the address is a hint and names nobody.
pub(super) fn named<'t>(knowledge: &Knowledge, end: &'t MaskedEnd) -> Vec<Named<'t>> {
    match &end.inside {
        Some(inside) => vec![Named {
            inside,
            asset: end.asset.as_ref(),
            container: end.container.clone(),
            process: end.process.as_ref(),
            status: end.status,
            certainty: end.certainty,
            hops: &end.hops,
        }],
        None if end.status == Status::Ambiguous => {
            let named = end.candidates.iter().map(|candidate| Named {
                inside: &candidate.inside,
                asset: candidate.asset.as_ref(),
                container: container(knowledge, candidate),
                process: None,
                status: end.status,
                certainty: None,
                hops: &candidate.hops,
            });
            named.collect()
        }
        None => Vec::new(),
    }
}

/// The container that a candidate was, which the contract does not list: else one holder would be
/// counted twice, as what it is and as its host.
fn container(knowledge: &Knowledge, candidate: &Candidate) -> Option<Container> {
    let asset = candidate.asset.as_ref()?;
    let session = candidate.hops.last().and_then(|hop| hop.session);
    let during = session.and_then(|s| Span::new(s.start, s.end).ok()).unwrap_or(Span::ALWAYS);
    let Place { realm, ip, .. } = candidate.inside.clone();
    let mut holders = knowledge.memory.holders(&HoldersQuestion { realm, ip, during });
    holders.retain(|tenure| tenure.holder.instance == asset.id);
    let [tenure] = holders.as_slice() else { return None };
    let facts = tenure.holder.container.clone()?;
    Some(Container {
        id: facts.id,
        name: facts.name,
        pod: facts.pod,
        namespace: facts.namespace,
        image: facts.image,
        certainty: candidate.certainty,
    })
}

impl Named<'_> {
    pub(super) fn key(&self) -> HolderKey {
        let place = Place { port: None, ..self.inside.clone() };
        let asset = self.asset.map(|asset| asset.id.to_string());
        (place, asset, self.container.as_ref().map(|container| container.id.to_string()))
    }

    fn span(&self) -> (LogTime, LogTime) {
        let session = self.hops.first().and_then(|hop| hop.session);
        session.map_or((LogTime::BEGINNING, LogTime::FOREVER), |session| (session.start, session.end))
    }

    /// A row of it that counts nothing yet.
    pub(super) fn row(&self) -> HolderRow {
        let (first, last) = self.span();
        HolderRow {
            inside: self.inside.clone(),
            asset: self.asset.cloned(),
            container: self.container.clone(),
            process: self.process.cloned(),
            certainty: None,
            sessions: 0,
            traced: 0,
            partial: 0,
            ambiguous: 0,
            first,
            last,
            via: self.hops.iter().map(|hop| hop.gateway.clone()).collect(),
        }
    }
}

impl HolderRow {
    /// Counts one more translation that names it.
    pub(super) fn add(&mut self, more: &Named<'_>) {
        let (first, last) = more.span();
        self.sessions += 1;
        self.first = self.first.min(first);
        self.last = self.last.max(last);
        match more.status {
            Status::Traced => self.traced += 1,
            Status::Partial => self.partial += 1,
            _ => self.ambiguous += 1,
        }
        self.certainty = match (self.certainty, more.certainty) {
            (Some(known), Some(more)) => Some(known.min(more)),
            (known, more) => known.or(more),
        };
        if self.inside != *more.inside {
            self.inside.port = None;
            self.process = None;
        }
    }
}
