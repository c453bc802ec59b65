//! One log: lines or messages become sightings, sightings become sessions.

use crate::{
    NodeError, Progress, SourceReport, Unread,
    coverage::{Covered, described},
    messages,
    met::Met,
    plan::LogPlan,
    reading::{self, Keeps, Kept, Told, Wanted},
    shown::Shown,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use unmasq_decode::{Framing, Sighting, Tells, assemble};
use unmasq_engine::Sieve;
use unmasq_index::Row;
use unmasq_io::source::Meter;
use unmasq_model::{Evidence, Gateway, GatewayIx, GatewayKind, GatewayName, LogIx, Realm, Session, Site};

/// What one log told.
pub(crate) struct Ingested {
    pub(crate) sessions: Vec<Session>,
    /// More of them, in little memory.
    pub(crate) rows: Vec<Row>,
    pub(crate) report: SourceReport,
}

/// Reads a log and makes it and its gateways known to the site.
///
/// # Errors
/// When its times need a zone that nobody gave.
pub(crate) fn ingest(
    plan: &LogPlan,
    sieve: &Sieve,
    cited: bool,
    realms: &mut Met<Realm>,
    site: &mut Site,
    unread: &mut Vec<Unread>,
    progress: &dyn Progress,
) -> Result<Ingested, NodeError> {
    let log = LogIx(u32::try_from(site.logs.len()).expect("fewer logs than 2³²"));
    let tells = plan.format.traits().tells;
    let wanted = Wanted {
        gateway: &plan.gateway,
        keeps: Keeps { sieve, tells },
        cited,
        whole: tells == Tells::BothEdges && !cited,
        again: !sieve.is_open(),
        before: 0,
        takes: None,
    };
    let mut report = SourceReport::of(plan);
    let Heard { shown, kept, rows, broken } = hear(plan, log, wanted, realms, &mut report, unread, progress)?;
    report.records = shown.records;
    let covered = shown.covered();
    let whole = !broken && report.skips.lines() == 0 && covered.is_none_or(|covered| covered.outliers == 0);
    if let Some(Covered { outliers: 1.., .. }) = covered {
        unread.push(Unread::absurd_times(plan.name.as_str()));
    }
    if plan.facts.complete && !whole {
        unread.push(Unread::not_complete(plan.name.as_str()));
    }
    if let Some(owner) = owner(site, plan, &shown.addresses()) {
        unread.push(Unread::of_another_gateway(plan.name.as_str(), &owner));
    }
    report.told = covered.map(|covered| covered.span);
    let gateways = gateways(site, plan.format.traits().kind, shown.gateways.names());
    for gateway in &gateways {
        site.gateways[gateway.0 as usize].logs.insert(log);
    }
    // An outside address that a log shows is shared, whether declared or not.
    for (name, ip) in shown.shared() {
        site.gateways[gateways[name as usize].0 as usize].seen.insert(ip);
    }
    let sightings = kept.into_iter().map(|(file, kept)| {
        let evidence = Evidence { log, file, line: kept.position, record: kept.text };
        Sighting { gateway: gateways[kept.gateway as usize], evidence, record: kept.record }
    });
    let sessions = assemble(sightings.collect());
    let files = plan.files.iter().map(|found| found.location.name()).collect();
    let (name, traits, stated) = (plan.name.clone(), plan.format.traits(), plan.facts.stated());
    site.logs.push(described(name, files, traits, stated, site.clock_bound, report.told, whole));
    let mut rows = rows;
    rows.retain_mut(|row| {
        let gateway = gateways[row.gateway().0 as usize];
        let placed = row.of_log(log).and_then(|row| row.renamed(gateway, |realm| realm));
        placed.map(|placed| *row = placed).is_some()
    });
    report.sessions = (sessions.len() + rows.len()) as u64;
    if report.records == 0 && report.skips.lines() > 0 {
        unread.push(Unread::nothing_in_it(plan.name.as_str(), plan.format, plan.facts.layout.as_deref()));
    }
    Ok(Ingested { sessions, rows, report })
}

/// What all files of a log say.
struct Heard {
    shown: Shown,
    /// What was kept, each with the file that it stands in.
    kept: Vec<(u32, Kept)>,
    rows: Vec<Row>,
    /// Whether one of them could not be read to its end.
    broken: bool,
}

fn hear(
    plan: &LogPlan,
    log: LogIx,
    wanted: Wanted<'_>,
    realms: &mut Met<Realm>,
    report: &mut SourceReport,
    unread: &mut Vec<Unread>,
    progress: &dyn Progress,
) -> Result<Heard, NodeError> {
    let mut heard =
        Heard { shown: Shown::of(&plan.gateway), kept: Vec::new(), rows: Vec::new(), broken: false };
    // The templates of a binary log may be in an earlier file of it.
    let mut templates = None;
    for (number, found) in (0u32..).zip(&plan.files) {
        let meter = Meter::default();
        progress.begin(found.location.name().as_str(), found.bytes, &meter);
        let room = reading::has_room(log, number, realms.names().len());
        let wanted = Wanted { whole: wanted.whole && room, ..wanted };
        let input = plan.open(number, wanted.again, &meter);
        let told = match input {
            Ok(input) => {
                let decoder = templates.take().map_or_else(|| plan.decoder(&found.location), Ok)?;
                let (file, name) = (found.location.to_string(), found.location.name());
                match plan.format.traits().framing {
                    Framing::Lines => reading::lines(&file, name.as_str(), input, decoder, wanted)?.0,
                    Framing::FlowMessages => {
                        let (told, decoder) = messages::read(name.as_str(), input, decoder, wanted);
                        templates = Some(decoder);
                        told
                    }
                }
            }
            Err(error) => Told { broken: Some(error), ..Told::nothing(&wanted) },
        };
        progress.end();
        if let Some(error) = &told.broken {
            heard.broken = true;
            unread.push(Unread::unreadable(error));
        }
        report.lines += told.lines;
        report.skips.append(told.skips);
        let names = heard.shown.add(told.shown);
        let kept = told.kept.into_iter().map(|kept| Kept { gateway: names[kept.gateway as usize], ..kept });
        heard.kept.extend(kept.map(|kept| (number, kept)));
        let mut numbers = Vec::new();
        realms.translate(&told.realms, &mut numbers);
        let placed = told.rows.into_iter().filter_map(|row| {
            let gateway = GatewayIx(names[row.gateway().0 as usize]);
            row.renamed(gateway, |realm| numbers[realm as usize])?.at(number, row.place().2)
        });
        heard.rows.extend(placed);
    }
    Ok(heard)
}

/// The gateways of these names, in their order; those that nobody declared are discovered here, in order
/// of name.
pub(crate) fn gateways(site: &mut Site, kind: GatewayKind, names: &[GatewayName]) -> Vec<GatewayIx> {
    let mut known: BTreeMap<GatewayName, GatewayIx> =
        site.indexed_gateways().map(|(ix, gateway)| (gateway.name.clone(), ix)).collect();
    for name in names.iter().collect::<BTreeSet<_>>() {
        known.entry(name.clone()).or_insert_with(|| {
            let ix = GatewayIx(u32::try_from(site.gateways.len()).expect("fewer gateways than 2³²"));
            let (outside, inside) = (site.sensor_realm.clone(), Realm::default_realm());
            site.gateways.push(Gateway::named(name.clone(), kind, outside, inside));
            ix
        });
    }
    names.iter().map(|name| known[name]).collect()
}

/// The declared gateway whose addresses a log shows that the inventory does not name.
fn owner(site: &Site, plan: &LogPlan, shown: &BTreeSet<IpAddr>) -> Option<GatewayName> {
    if site.gateways.iter().any(|gateway| gateway.name == plan.gateway) {
        return None;
    }
    let owns = |gateway: &&Gateway| {
        let declared = gateway.addresses.iter().map(|(ip, _)| *ip);
        declared.chain(gateway.aliases.iter().map(|alias| alias.logged)).any(|ip| shown.contains(&ip))
    };
    site.gateways.iter().find(owns).map(|gateway| gateway.name.clone())
}
