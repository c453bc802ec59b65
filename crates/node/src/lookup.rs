//! Who was behind an endpoint: the question of an abuse mail, which may lack the port, the peer or
//! the exact time.
//!
//! Every translation that fits is traced like an alert of its own, by the same function; the answers
//! are then counted by who they name.

mod narrow;

use crate::Knowledge;
use serde::Serialize;
use std::collections::BTreeMap;
use unmasq_model::{
    Alert, AlertClass, AlertId, Context, Endpoint, GatewayIx, GatewayName, HoldersQuestion, Log, LogTime,
    PerEnd, Protocol, Realm, Reason, Session, SessionsQuestion, Span, Status, Translation,
    trace::{Asset, Candidate, Container, EndTrace, Hop, MaskedEnd, Place, ProcessTrace},
};

/// What is asked; whatever is `None` is not known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lookup {
    /// The endpoint as the world sees it, with its port if that is known.
    pub outside: Endpoint,
    /// The peer, with its port if that is known.
    pub remote: Option<Endpoint>,
    /// The transport protocol.
    pub protocol: Option<Protocol>,
    /// When.
    pub during: Span,
    /// The address space in which the endpoint is meant; the sensor's if not said.
    pub realm: Option<Realm>,
}

/// Who was there.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LookupAnswer {
    /// The endpoint that was asked for.
    pub outside: Place,
    /// From when.
    pub from: LogTime,
    /// Until when.
    pub to: LogTime,
    /// Who held it, the one with the most sessions first.
    pub holders: Vec<HolderRow>,
    /// Why nobody is named, if nobody is.
    pub reason: Option<Reason>,
    /// The gateways that may have translated the endpoint then, and how far their logs tell.
    pub gateways: Vec<GatewayRow>,
    /// What else would help, the most useful first; empty if one holder is named.
    pub would_narrow: Vec<Narrowing>,
    /// How many more fitted than a trace lists: more have held the endpoint than `holders` says.
    pub unlisted: usize,
}

/// One who held the endpoint.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct HolderRow {
    /// The inside address; with a port if there was just one.
    pub inside: Place,
    /// Who held it.
    pub asset: Option<Asset>,
    /// The container, if one was reached.
    pub container: Option<Container>,
    /// The process, if there was one session and its socket is known.
    pub process: Option<ProcessTrace>,
    /// What became of its sessions.
    pub status: Status,
    /// How many translations of it fit.
    pub sessions: u64,
    /// When the first of them began.
    pub first: LogTime,
    /// When the last of them ended; `null` if nobody saw it end.
    pub last: LogTime,
    /// The gateways crossed, from the outside to the inside.
    pub via: Vec<GatewayName>,
}

/// A gateway that may have translated the endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GatewayRow {
    /// Its name.
    pub gateway: GatewayName,
    /// Whether a log of it could be read.
    pub connected: bool,
    /// The stretches of the asked time that no log of it covers.
    pub gaps: Vec<Gap>,
}

/// A stretch of time that no log covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Gap {
    /// Its start.
    pub from: LogTime,
    /// Its end.
    pub to: LogTime,
}

/// What one more fact would leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Narrowing {
    /// The fact.
    pub fact: Fact,
    /// How many holders would remain at worst, whatever the fact's value.
    pub holders_at_most: usize,
}

/// A fact that an asker may find out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// The outside port.
    Port,
    /// The peer's address and port.
    Remote,
    /// The time, to the second.
    Time,
    /// The transport protocol.
    Protocol,
}

/// Who is behind a translation: what rows are counted by.
type HolderKey = (Place, Option<String>, Option<String>);

/// One translation that fits, and whom it names.
struct Fit {
    translation: Translation,
    reach: Span,
    holder: HolderKey,
}

/// Who was behind the endpoint.
#[must_use]
pub fn lookup(knowledge: &Knowledge, asked: &Lookup) -> LookupAnswer {
    let site = &knowledge.site;
    let realm = asked.realm.clone().unwrap_or_else(|| site.sensor_realm.clone());
    let during = asked.during;
    let mut fits = Vec::new();
    let mut unlisted = 0;
    let mut rows: BTreeMap<HolderKey, HolderRow> = BTreeMap::new();
    for (translation, sessions) in translations(knowledge, asked, &realm) {
        let alert = as_alert(translation, asked.outside, &realm, during);
        let trace = knowledge.trace(&alert);
        let EndTrace::Masked(end) = trace.src else { continue };
        unlisted += end.candidates_total - end.candidates.len();
        for named in named(knowledge, &end) {
            let holder = named.key();
            let reach = sessions.iter().map(|session| session.reach()).reduce(Span::hull).unwrap_or(during);
            fits.push(Fit { translation, reach, holder: holder.clone() });
            rows.entry(holder).and_modify(|row| row.add(&named)).or_insert_with(|| named.row());
        }
    }
    let gateways = gateways(knowledge, asked, &realm);
    let nobody = rows.is_empty().then(|| why_nobody(knowledge, asked, &realm, &gateways));
    let mut holders: Vec<HolderRow> = rows.into_values().collect();
    holders.sort_by(|a, b| b.sessions.cmp(&a.sessions).then_with(|| a.first.cmp(&b.first)));
    LookupAnswer {
        outside: Place::new(realm, asked.outside),
        from: during.from(),
        to: during.to(),
        reason: nobody,
        would_narrow: if holders.len() > 1 { narrow::would_narrow(asked, &fits) } else { Vec::new() },
        holders,
        gateways,
        unlisted,
    }
}

/// The translations of the endpoint that fit, each with the sessions that show it.
fn translations<'k>(
    knowledge: &'k Knowledge,
    asked: &Lookup,
    realm: &Realm,
) -> BTreeMap<Translation, Vec<&'k Session>> {
    let site = &knowledge.site;
    let mut found: BTreeMap<Translation, Vec<&Session>> = BTreeMap::new();
    let during = asked.during.widened(site.widest_clock_bound());
    for translator in site.translators(realm, asked.outside.ip, during) {
        let question = SessionsQuestion {
            gateway: translator.gateway,
            protocol: asked.protocol,
            outside: (Some(translator.logged_as), asked.outside.port),
            remote: asked.remote,
            during,
        };
        for session in knowledge.memory.sessions(&question) {
            // What only bounds another session's end may itself lie outside the span.
            if session.reach().touches(during) {
                let key = Translation { inside: None, inside_remote: None, ..session.translation };
                found.entry(key).or_default().push(session);
            }
        }
    }
    found
}

/// A translation as an alert that saw it, so that it is traced like one.
fn as_alert(translation: Translation, asked: Endpoint, realm: &Realm, at: Span) -> Alert {
    Alert {
        id: AlertId("lookup".into()),
        realm: realm.clone(),
        at,
        protocol: translation.protocol,
        ends: PerEnd { src: Endpoint { port: translation.outside.port, ..asked }, dest: translation.remote },
        opened_by: None,
        flow_start: None,
        class: AlertClass::Attack,
        context: Context::default(),
    }
}

/// Somebody whom a trace names: its one answer, or one of its candidates.
struct Named<'t> {
    inside: &'t Place,
    asset: Option<&'t Asset>,
    container: Option<Container>,
    process: Option<&'t ProcessTrace>,
    status: Status,
    hops: &'t [Hop],
}

fn named<'t>(knowledge: &Knowledge, end: &'t MaskedEnd) -> Vec<Named<'t>> {
    match &end.inside {
        Some(inside) => vec![Named {
            inside,
            asset: end.asset.as_ref(),
            container: end.container.clone(),
            process: end.process.as_ref(),
            status: end.status,
            hops: &end.hops,
        }],
        None => {
            let named = end.candidates.iter().map(|candidate| Named {
                inside: &candidate.inside,
                asset: candidate.asset.as_ref(),
                container: container(knowledge, candidate),
                process: None,
                status: end.status,
                hops: &candidate.hops,
            });
            named.collect()
        }
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
    fn key(&self) -> HolderKey {
        let place = Place { port: None, ..self.inside.clone() };
        let asset = self.asset.map(|asset| asset.id.to_string());
        (place, asset, self.container.as_ref().map(|container| container.id.to_string()))
    }

    fn span(&self) -> (LogTime, LogTime) {
        let session = self.hops.first().and_then(|hop| hop.session);
        session.map_or((LogTime::BEGINNING, LogTime::FOREVER), |session| (session.start, session.end))
    }

    fn row(&self) -> HolderRow {
        let (first, last) = self.span();
        HolderRow {
            inside: self.inside.clone(),
            asset: self.asset.cloned(),
            container: self.container.clone(),
            process: self.process.cloned(),
            status: self.status,
            sessions: 1,
            first,
            last,
            via: self.hops.iter().map(|hop| hop.gateway.clone()).collect(),
        }
    }
}

impl HolderRow {
    fn add(&mut self, more: &Named<'_>) {
        let (first, last) = more.span();
        self.sessions += 1;
        self.first = self.first.min(first);
        self.last = self.last.max(last);
        self.status = self.status.max(more.status);
        if self.inside != *more.inside {
            self.inside.port = None;
            self.process = None;
        }
    }
}

/// The gateways that may have translated the endpoint then.
fn owners(knowledge: &Knowledge, asked: &Lookup, realm: &Realm) -> Vec<GatewayIx> {
    let site = &knowledge.site;
    let during = asked.during.widened(site.widest_clock_bound());
    let translators = site.translators(realm, asked.outside.ip, during);
    let mut owners: Vec<_> = translators.into_iter().map(|translator| translator.gateway).collect();
    owners.dedup();
    owners
}

fn gateways(knowledge: &Knowledge, asked: &Lookup, realm: &Realm) -> Vec<GatewayRow> {
    let site = &knowledge.site;
    owners(knowledge, asked, realm)
        .into_iter()
        .map(|owner| GatewayRow {
            gateway: site.gateway(owner).name.clone(),
            connected: !site.gateway(owner).logs.is_empty(),
            gaps: gaps(asked.during, site.logs_of(owner).map(|log| (log.coverage.since, log.coverage.until))),
        })
        .collect()
}

/// What of `during` none of the covered stretches contains.
fn gaps(during: Span, covered: impl Iterator<Item = (LogTime, LogTime)>) -> Vec<Gap> {
    let mut covered: Vec<(LogTime, LogTime)> = covered.collect();
    covered.sort_unstable();
    let mut gaps = Vec::new();
    let mut from = during.from();
    for (since, until) in covered {
        if since > from && from < during.to() {
            gaps.push(Gap { from, to: since.min(during.to()) });
        }
        from = from.max(until);
    }
    if from < during.to() {
        gaps.push(Gap { from, to: during.to() });
    }
    gaps
}

/// Why nobody is named: the first of the contract's reasons that applies.
fn why_nobody(knowledge: &Knowledge, asked: &Lookup, realm: &Realm, gateways: &[GatewayRow]) -> Reason {
    let site = &knowledge.site;
    let owners = owners(knowledge, asked, realm);
    let logs: Vec<&Log> = owners.iter().flat_map(|&owner| site.logs_of(owner)).collect();
    let heard = || logs.iter().filter(|log| log.coverage.until != LogTime::BEGINNING);
    let since = heard().map(|log| log.coverage.since).min();
    let until = heard().map(|log| log.coverage.until).max();
    match (since, until) {
        _ if owners.is_empty() => Reason::UnknownAddress,
        _ if logs.is_empty() => Reason::GatewayNotConnected,
        (Some(since), _) if asked.during.from() < since => Reason::BeforeCollection,
        (_, Some(until)) if asked.during.to() > until => Reason::AfterCoverage,
        (None, _) => Reason::NeverHeard,
        _ if gateways.iter().all(|row| !row.gaps.is_empty()) => Reason::SourceLost,
        _ if logs.iter().any(|log| log.best_effort || !log.coverage.complete) => Reason::NotLogged,
        _ => Reason::NoSession,
    }
}
