//! One log: lines become sightings, sightings become sessions.

use crate::{NodeError, Progress, SourceReport, Unread, plan::LogPlan};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
    time::Duration,
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
    let mut reader = Reader { log, plan, seen: Vec::new(), broken: false };
    let mut report = SourceReport::of(plan);
    for (number, found) in (0u32..).zip(&plan.files) {
        let meter = Meter::default();
        progress.begin(found.location.name().as_str(), found.bytes, &meter);
        let input = opened.take().map_or_else(|| open(&found.location, &meter), Ok);
        match input.map(|input| Frames::new(input, LINE_LIMIT)) {
            Ok(frames) => reader.file(number, frames, &mut report, unread)?,
            Err(error) => {
                reader.broken = true;
                unread.push(Unread::unreadable(&error));
            }
        }
        progress.end();
    }
    let Reader { seen, broken, .. } = reader;
    let told = told(seen.iter().map(|(_, record)| record));
    let whole = !broken && report.skips.lines() == 0 && told.is_none_or(|told| told.outliers == 0);
    if let Some(Told { outliers: 1.., .. }) = told {
        unread.push(Unread::absurd_times(plan.name.as_str()));
    }
    if plan.facts.complete && !whole {
        unread.push(Unread::not_complete(plan.name.as_str()));
    }
    if let Some(owner) = owner(site, plan, &seen) {
        unread.push(Unread::of_another_gateway(plan.name.as_str(), &owner));
    }
    let mut gateways = Gateways::of(site);
    gateways.named(site, &plan.gateway);
    let sightings = seen.into_iter().map(|(evidence, record)| {
        let gateway = gateways.named(site, record.gateway.as_ref().unwrap_or(&plan.gateway));
        Sighting { gateway, evidence, record }
    });
    let sessions = assemble(sightings.collect());
    site.logs.push(described(plan, site, told.map(|told| told.span), whole));
    for gateway in gateways.known {
        site.gateways[gateway.0 as usize].logs.insert(log);
    }
    for session in &sessions {
        note_outside(site, session);
    }
    report.sessions = sessions.len() as u64;
    report.told = told.map(|told| told.span);
    if report.records == 0 && report.skips.lines() > 0 {
        unread.push(Unread::nothing_in_it(plan.name.as_str(), plan.format));
    }
    Ok(Ingested { sessions, report })
}

/// The declared gateway whose addresses a log shows that the inventory does not name.
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
    site.gateways.iter().find(owns).map(|gateway| gateway.name.clone())
}

/// An outside address that a log shows is shared, whether declared or not.
fn note_outside(site: &mut Site, session: &Session) {
    let outside = session.translation.outside.ip;
    // A NAT may change a port alone, to avoid a clash; that does not make an inside address shared.
    if session.translation.inside.is_some_and(|inside| inside.ip != outside) {
        site.gateways[session.gateway.0 as usize].seen.insert(outside);
    }
}

fn described(plan: &LogPlan, site: &Site, told: Option<Span>, whole: bool) -> Log {
    let traits = plan.format.traits();
    let since = plan.facts.since.or(told.map(Span::from)).unwrap_or(LogTime::BEGINNING);
    // A writer that may leave records out cannot be declared not to have, nor can a log of which we
    // could not read all.
    let complete = plan.facts.complete && !traits.best_effort && whole;
    let until = match (told, plan.facts.until) {
        (None, _) => LogTime::BEGINNING,
        (Some(told), Some(declared)) => {
            if whole {
                declared
            } else {
                declared.min(told.to())
            }
        }
        // Where nobody says when the writing ended, lines about its last moments may be missing.
        (Some(told), None) => {
            if complete {
                told.to().minus(traits.delay)
            } else {
                told.to()
            }
        }
    };
    Log {
        name: plan.name.clone(),
        files: plan.files.iter().map(|found| found.location.name()).collect(),
        clock_bound: plan.facts.clock_bound.unwrap_or(site.clock_bound),
        coverage: Coverage { since, until, complete, delay: traits.delay },
        best_effort: traits.best_effort,
        shows_inbound: traits.shows_inbound,
        idle_timeout: traits.idle_timeout,
    }
}

/// The gateways that a log is about.
struct Gateways {
    by_name: BTreeMap<GatewayName, GatewayIx>,
    /// Those that this log is about.
    known: BTreeSet<GatewayIx>,
}

impl Gateways {
    fn of(site: &Site) -> Self {
        let by_name = site.indexed_gateways().map(|(ix, gateway)| (gateway.name.clone(), ix)).collect();
        Self { by_name, known: BTreeSet::new() }
    }

    /// The gateway of that name; one that nobody declared is discovered here.
    fn named(&mut self, site: &mut Site, name: &GatewayName) -> GatewayIx {
        let ix = *self.by_name.entry(name.clone()).or_insert_with(|| {
            let ix = GatewayIx(u32::try_from(site.gateways.len()).expect("fewer gateways than 2³²"));
            let (outside, inside) = (site.sensor_realm.clone(), Realm::default_realm());
            site.gateways.push(Gateway::named(name.clone(), GatewayKind::Nat, outside, inside));
            ix
        });
        self.known.insert(ix);
        ix
    }
}

struct Reader<'p> {
    log: LogIx,
    plan: &'p LogPlan,
    /// Every record with the place where it is written.
    seen: Vec<(Evidence, Record)>,
    /// Whether a file could not be read to its end.
    broken: bool,
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
                    self.broken = true;
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
                self.seen.push((evidence, record));
                report.records += 1;
            }
        }
    }
}

/// Which span a log tells of, and how many of its records lie absurdly far from the others.
#[derive(Clone, Copy)]
struct Told {
    span: Span,
    outliers: usize,
}

/// A log that is silent for longer than this began anew; a few records beyond are a clock that was
/// wrong, or a lie, and do not stretch what the log covers.
const SILENCE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// From the earliest to the latest moment of which records tell, leaving out stretches that hold less
/// than a hundredth of them.
fn told<'r>(records: impl Iterator<Item = &'r Record>) -> Option<Told> {
    let mut moments: Vec<LogTime> = records
        .flat_map(|record| match &record.fact {
            Fact::Event(event) => [event.at, event.at],
            Fact::Whole { start, end, .. } => [start.from(), end.to()],
        })
        .collect();
    moments.sort_unstable();
    let stretches = moments.chunk_by(|earlier, later| earlier.plus(SILENCE_MAX) >= *later);
    let (kept, left_out): (Vec<&[LogTime]>, Vec<&[LogTime]>) =
        stretches.partition(|stretch| stretch.len() * 100 >= moments.len());
    let span = Span::between(*kept.first()?.first()?, *kept.last()?.last()?);
    Some(Told { span, outliers: left_out.iter().map(|stretch| stretch.len()).sum() })
}

fn cited(line: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(line).into_owned();
    if text.len() > RECORD_BYTES {
        text.truncate(text.floor_char_boundary(RECORD_BYTES));
    }
    text
}
