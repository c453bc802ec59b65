//! One log: lines become sightings, sightings become sessions.

use crate::{NodeError, Progress, SourceReport, Unread, plan::LogPlan};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};
use unmasq_decode::{Decoder, Fact, Record, Sighting, Unreadable, assemble};
use unmasq_io::source::{Frames, LINE_LIMIT, Meter, Part, open};
use unmasq_model::{
    Coverage, Evidence, Gateway, GatewayIx, GatewayKind, GatewayName, Log, LogIx, LogTime, Realm, Session,
    Site, Span,
};

/// A line that is cited is cut at this length; see the contract's `evidence`.
const RECORD_BYTES: usize = 4096;

/// What one log told.
pub(crate) struct Ingested {
    pub(crate) sessions: Vec<Session>,
    pub(crate) report: SourceReport,
}

/// Reads a log and makes it and its gateways known to the site.
///
/// # Errors
/// When its times need a zone that nobody gave.
pub(crate) fn ingest(
    plan: &mut LogPlan,
    site: &mut Site,
    unread: &mut Vec<Unread>,
    progress: &dyn Progress,
) -> Result<Ingested, NodeError> {
    let log = LogIx(u32::try_from(site.logs.len()).expect("fewer logs than 2³²"));
    let mut opened = plan.opened.take();
    let plan = &*plan;
    let mut reader = Reader { log, plan, seen: Vec::new(), told: None };
    let mut report = SourceReport::of(plan);
    for (number, found) in (0u32..).zip(&plan.files) {
        let meter = Meter::default();
        progress.begin(found.location.name().as_str(), found.bytes, &meter);
        let input = opened.take().map_or_else(|| open(&found.location, &meter), Ok);
        match input.map(|input| Frames::new(input, LINE_LIMIT)) {
            Ok(frames) => reader.file(number, frames, &mut report, unread)?,
            Err(error) => unread.push(Unread::unreadable(&error)),
        }
        progress.end();
    }
    let Reader { seen, told, .. } = reader;
    let own = owner(site, plan, &seen).unwrap_or_else(|| plan.gateway.clone());
    let mut gateways = Gateways::default();
    gateways.named(site, &own);
    let sightings = seen.into_iter().map(|(evidence, record)| {
        let gateway = gateways.named(site, record.gateway.as_ref().unwrap_or(&own));
        Sighting { gateway, evidence, record }
    });
    let sessions = assemble(sightings.collect());
    report.gateway = Some(own);
    site.logs.push(described(plan, site, told));
    for &gateway in gateways.known.values() {
        site.gateways[gateway.0 as usize].logs.insert(log);
    }
    for session in &sessions {
        note_outside(site, session);
    }
    report.sessions = sessions.len() as u64;
    report.told = told;
    if report.records == 0 && report.skips.lines() > 0 {
        unread.push(Unread::nothing_in_it(plan.name.as_str(), plan.format));
    }
    Ok(Ingested { sessions, report })
}

/// The declared gateway whose log this must be, though the inventory does not name the file: the only
/// one to which the outside addresses in it belong.
fn owner(site: &Site, plan: &LogPlan, seen: &[(Evidence, Record)]) -> Option<GatewayName> {
    if site.gateways.iter().any(|gateway| gateway.name == plan.gateway) {
        return None;
    }
    let outside = |record: &Record| record.translation.inside.map(|_| record.translation.outside.ip);
    let shown: BTreeSet<IpAddr> = seen.iter().filter_map(|(_, record)| outside(record)).collect();
    let owns = |gateway: &&Gateway| {
        let declared = gateway.addresses.iter().map(|(ip, _)| *ip);
        declared.chain(gateway.aliases.iter().map(|alias| alias.logged)).any(|ip| shown.contains(&ip))
    };
    let mut owners = site.gateways.iter().filter(owns);
    let owner = owners.next()?;
    owners.next().is_none().then(|| owner.name.clone())
}

/// An outside address that a log shows is shared, whether declared or not.
fn note_outside(site: &mut Site, session: &Session) {
    let outside = session.translation.outside.ip;
    // A NAT may change a port alone, to avoid a clash; that does not make an inside address shared.
    if session.translation.inside.is_some_and(|inside| inside.ip != outside) {
        site.gateways[session.gateway.0 as usize].seen.insert(outside);
    }
}

fn described(plan: &LogPlan, site: &Site, told: Option<Span>) -> Log {
    let traits = plan.format.traits();
    let since = plan.facts.since.or(told.map(Span::from)).unwrap_or(LogTime::BEGINNING);
    let until = told.map_or(LogTime::BEGINNING, |told| plan.facts.until.unwrap_or(told.to()));
    Log {
        name: plan.name.clone(),
        files: plan.files.iter().map(|found| found.location.name()).collect(),
        clock_bound: plan.facts.clock_bound.unwrap_or(site.clock_bound),
        // A writer that may leave records out cannot be declared not to have.
        coverage: Coverage {
            since,
            until,
            complete: plan.facts.complete && !traits.best_effort,
            delay: traits.delay,
        },
        best_effort: traits.best_effort,
        shows_inbound: traits.shows_inbound,
        idle_timeout: traits.idle_timeout,
    }
}

/// The gateways that a log is about.
#[derive(Default)]
struct Gateways {
    known: BTreeMap<GatewayName, GatewayIx>,
}

impl Gateways {
    /// The gateway of that name; one that nobody declared is discovered here.
    fn named(&mut self, site: &mut Site, name: &GatewayName) -> GatewayIx {
        if let Some(&known) = self.known.get(name) {
            return known;
        }
        let place = site.gateways.iter().position(|gateway| &gateway.name == name).unwrap_or_else(|| {
            let outside = site.sensor_realm.clone();
            let inside = Realm::default_realm();
            site.gateways.push(Gateway::named(name.clone(), GatewayKind::Nat, outside, inside));
            site.gateways.len() - 1
        });
        let ix = GatewayIx(u32::try_from(place).expect("fewer gateways than 2³²"));
        self.known.insert(name.clone(), ix);
        ix
    }
}

struct Reader<'p> {
    log: LogIx,
    plan: &'p LogPlan,
    /// Every record with the place where it is written.
    seen: Vec<(Evidence, Record)>,
    /// From the earliest to the latest moment of which the log tells.
    told: Option<Span>,
}

impl Reader<'_> {
    fn file(
        &mut self,
        number: u32,
        mut frames: Frames,
        report: &mut SourceReport,
        unread: &mut Vec<Unread>,
    ) -> Result<(), NodeError> {
        let location = &self.plan.files[number as usize].location;
        let name = location.name();
        let mut decoder: Box<dyn Decoder> = self.plan.format.decoder(self.plan.facts.zone.clone());
        let mut records = Vec::new();
        loop {
            let frame = match frames.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(()),
                Err(error) => {
                    unread.push(Unread::unreadable(&error));
                    return Ok(());
                }
            };
            let decoded = match frame.part {
                Part::Whole if frame.content().trim_ascii().is_empty() => continue,
                Part::Whole => decoder.decode(frame.content(), &mut records),
                Part::First => Err(Unreadable::because("it is longer than 1 MiB")),
                Part::Cut => Err(Unreadable::because("the file breaks off in it")),
                Part::Middle | Part::Last => continue,
            };
            report.lines += 1;
            match decoded {
                Ok(()) => {}
                Err(Unreadable::NeedsZone) => {
                    return Err(NodeError::NeedsZone { file: location.to_string(), line: frame.line });
                }
                Err(why) => {
                    report.skips.add(name.as_str(), frame.line, &why);
                    continue;
                }
            }
            let text: Arc<str> = cited(frame.content()).into();
            let line = frame.line;
            for record in records.drain(..) {
                let evidence = Evidence { log: self.log, file: number, line, record: Arc::clone(&text) };
                self.sighted(evidence, record);
                report.records += 1;
            }
        }
    }

    fn sighted(&mut self, evidence: Evidence, record: Record) {
        let told = match &record.fact {
            Fact::Event(event) => Span::at(event.at),
            Fact::Whole { start, end, .. } => Span::between(start.from(), end.to()),
        };
        self.told = Some(self.told.map_or(told, |before| before.hull(told)));
        self.seen.push((evidence, record));
    }
}

fn cited(line: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(line).into_owned();
    if text.len() > RECORD_BYTES {
        text.truncate(text.floor_char_boundary(RECORD_BYTES));
    }
    text
}
