//! Which translations fit, whom they name, and why nobody is named if nobody is.

use super::{
    HolderRow, Lookup, LookupAnswer,
    coverage::{gateways, is_settled},
    fit::{Fit, Flow},
    narrow,
    row::{HolderKey, is_found, named},
};
use crate::{Knowledge, NodeError};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};
use unmasq_index::Arena;
use unmasq_model::{
    Alert, AlertClass, AlertId, Context, Endpoint, PerEnd, Protocol, Question, Realm, Reason,
    RequestsQuestion, Session, SessionsQuestion, Span, Trace, Translation,
    trace::{EndTrace, MaskedEnd, Place},
};

/// What the traces of one question say together.
struct Search<'k> {
    knowledge: &'k Knowledge,
    fits: Vec<Fit>,
    rows: BTreeMap<HolderKey, HolderRow>,
    /// Why translations that fit name nobody.
    ended: Vec<Reason>,
    unlisted: usize,
    is_final: bool,
    /// What must be known before all of them can be traced.
    missing: BTreeSet<Question>,
}

/// Who was behind the endpoint. What that takes and is not in memory is read from the store.
///
/// # Errors
/// When a file of the store is missing or damaged.
pub fn lookup(knowledge: &mut Knowledge, asked: &Lookup) -> Result<LookupAnswer, NodeError> {
    loop {
        match answer(knowledge, asked) {
            Ok(answer) => return Ok(answer),
            Err(missing) => knowledge.learn_about(&missing)?,
        }
    }
}

/// The answer, or what must be known first.
fn answer(knowledge: &Knowledge, asked: &Lookup) -> Result<LookupAnswer, BTreeSet<Question>> {
    let realm = asked.realm.clone().unwrap_or_else(|| knowledge.site.sensor_realm.clone());
    let mut search = Search::new(knowledge);
    for (flow, reach) in flows(knowledge, asked, &realm, &mut search.missing) {
        search.trace(asked, &realm, flow, reach);
    }
    if !search.missing.is_empty() {
        return Err(search.missing);
    }
    let reason = search.why_nobody(asked, &realm);
    let Search { fits, rows, unlisted, is_final, missing, .. } = search;
    if !missing.is_empty() {
        return Err(missing);
    }
    let mut holders: Vec<HolderRow> = rows.into_values().collect();
    holders.sort_by(|a, b| b.sessions.cmp(&a.sessions).then_with(|| a.first.cmp(&b.first)));
    Ok(LookupAnswer {
        from: asked.during.from(),
        to: asked.during.to(),
        is_final: is_final && (is_full_key(asked) || is_settled(knowledge, asked, &realm)),
        reason,
        would_narrow: if holders.len() > 1 { narrow::would_narrow(asked, &fits) } else { Vec::new() },
        holders,
        gateways: gateways(knowledge, asked, &realm),
        outside: Place::new(realm, asked.outside),
        unlisted,
    })
}

/// Whether at most one translation can fit, so that its trace knows all that may still come.
fn is_full_key(asked: &Lookup) -> bool {
    asked.protocol.is_some()
        && asked.outside.port.is_some()
        && asked.remote.is_some_and(|remote| remote.port.is_some())
}

/// The flows of the endpoint that may fit, each with the span in which its sessions lie.
fn flows(
    knowledge: &Knowledge,
    asked: &Lookup,
    realm: &Realm,
    missing: &mut BTreeSet<Question>,
) -> BTreeMap<Flow, Span> {
    let mut found: BTreeMap<Flow, Span> = BTreeMap::new();
    each_session(knowledge, asked, realm, missing, |session| {
        let (flow, reach) = (flow(asked, &session.translation), session.reach());
        found.entry(flow).and_modify(|known| *known = known.hull(reach)).or_insert(reach);
    });
    let during = asked.during.widened(knowledge.site.widest_clock_bound());
    found.retain(|_, reach| reach.touches(during));
    found
}

/// Gives every session of the endpoint that may fit to `each`, and adds what must be known before that is all.
///
/// Asked as widely as the engine asks, for it decides what fits: a silent session may be one still.
pub(super) fn each_session(
    knowledge: &Knowledge,
    asked: &Lookup,
    realm: &Realm,
    missing: &mut BTreeSet<Question>,
    mut each: impl FnMut(&Session),
) {
    let site = &knowledge.site;
    for translator in site.translators(realm, asked.outside.ip, asked.during) {
        let (gateway, during) = (translator.gateway, site.asked_about(translator.gateway, asked.during));
        let translations = SessionsQuestion {
            gateway: Some(gateway),
            protocol: asked.protocol,
            outside: (Some(translator.logged_as), asked.outside.port),
            remote: asked.remote,
            during,
        };
        let protocol = asked.protocol.unwrap_or(Protocol::TCP);
        let requests = RequestsQuestion { gateway, protocol, client: asked.remote, during };
        let questions = [Question::Sessions(translations), Question::Requests(requests)];
        missing.extend(questions.into_iter().filter(|question| !knowledge.knows(question)));
        let (memory, room) = (&knowledge.memory, Arena::new());
        let carried = memory.requests(&requests).into_iter();
        let carried = carried.filter(|s| s.translation.outside.answers(None, asked.outside.port));
        memory.sessions(&translations, &room).into_iter().chain(carried).for_each(&mut each);
    }
}

/// What tells one alert from another, where a record leaves something open as it was asked.
fn flow(asked: &Lookup, translation: &Translation) -> Flow {
    let port = translation.outside.port().or(asked.outside.port);
    Flow {
        protocol: translation.protocol.or(asked.protocol).unwrap_or(Protocol::TCP),
        outside: Endpoint { port, ..asked.outside },
        remote: translation.remote.or(asked.remote).unwrap_or_else(|| nobody(asked)),
    }
}

impl<'k> Search<'k> {
    fn new(knowledge: &'k Knowledge) -> Self {
        let (fits, rows, ended) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { knowledge, fits, rows, ended, unlisted: 0, is_final: true, missing: BTreeSet::new() }
    }

    /// Traces a flow that may fit. One of which the engine finds no session does not.
    fn trace(&mut self, asked: &Lookup, realm: &Realm, flow: Flow, reach: Span) {
        let Some(trace) = self.traced(asked, realm, flow) else { return };
        let EndTrace::Masked(end) = trace.src else { return };
        if is_found(&end) {
            self.is_final &= trace.is_final;
            self.add(&end, flow, reach);
        }
    }

    /// The trace of a flow, if everything is known that it takes.
    fn traced(&mut self, asked: &Lookup, realm: &Realm, flow: Flow) -> Option<Trace> {
        let alert = as_alert(flow, realm, asked.during);
        let lacks = self.knowledge.lacks(&alert, false);
        let is_known = lacks.is_empty();
        self.missing.extend(lacks);
        is_known.then(|| self.knowledge.trace(&alert))
    }

    fn add(&mut self, end: &MaskedEnd, flow: Flow, reach: Span) {
        let named = named(self.knowledge, end);
        if named.is_empty() {
            self.ended.extend(end.reason);
        } else {
            self.unlisted += end.candidates_total - end.candidates.len();
        }
        for named in named {
            let holder = named.key();
            self.fits.push(Fit { flow, reach, holder: holder.clone() });
            self.rows.entry(holder).or_insert_with(|| named.row()).add(&named);
        }
    }

    /// Why nobody is named: as what was traced says, else as a trace of the endpoint itself says.
    /// That one may still name somebody, by a declared rule.
    fn why_nobody(&mut self, asked: &Lookup, realm: &Realm) -> Option<Reason> {
        if self.rows.is_empty() && self.ended.is_empty() {
            let reasons: Vec<Reason> =
                as_asked(asked).filter_map(|flow| self.itself(asked, realm, flow)).collect();
            // Where one protocol tells more than that nobody knows the address, it is known.
            let known = reasons.iter().copied().filter(|reason| *reason != Reason::UnknownAddress).min();
            self.ended.push(known.unwrap_or(Reason::UnknownAddress));
        }
        // The first that applies, in the contract's order.
        if self.rows.is_empty() { self.ended.iter().copied().min() } else { None }
    }

    /// Traces what was asked as it was asked; the reason, if it names nobody.
    fn itself(&mut self, asked: &Lookup, realm: &Realm, flow: Flow) -> Option<Reason> {
        let trace = self.traced(asked, realm, flow)?;
        let EndTrace::Masked(end) = trace.src else { return None };
        self.is_final &= trace.is_final;
        if is_found(&end) {
            self.add(&end, flow, asked.during);
        }
        end.reason
    }
}

/// A peer that no session has: the unspecified address.
fn nobody(asked: &Lookup) -> Endpoint {
    let ip = match asked.outside.ip {
        IpAddr::V4(_) => IpAddr::from([0u8; 4]),
        IpAddr::V6(_) => IpAddr::from([0u8; 16]),
    };
    Endpoint::new(ip, None)
}

/// What was asked as flows. A peer that nobody told is nobody; a protocol that nobody told is each of
/// the two that rules are written for.
fn as_asked(asked: &Lookup) -> impl Iterator<Item = Flow> + use<> {
    let Lookup { outside, protocol, .. } = *asked;
    let remote = asked.remote.unwrap_or_else(|| nobody(asked));
    let protocols = protocol.map_or_else(|| vec![Protocol::TCP, Protocol::UDP], |protocol| vec![protocol]);
    protocols.into_iter().map(move |protocol| Flow { protocol, outside, remote })
}

/// A flow as an alert that saw it, so that it is traced like one.
fn as_alert(flow: Flow, realm: &Realm, at: Span) -> Alert {
    Alert {
        id: AlertId("lookup".into()),
        realm: realm.clone(),
        at,
        request_lag: Duration::ZERO,
        protocol: flow.protocol,
        ends: PerEnd { src: flow.outside, dest: flow.remote },
        opened_by: None,
        flow_start: None,
        class: AlertClass::Attack,
        context: Context::default(),
    }
}
