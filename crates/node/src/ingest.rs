//! One log: lines or messages become sightings, sightings become sessions.

use crate::{
    NodeError, Progress, SourceReport, Unread,
    coverage::{Covered, covered, described},
    lines::line_of,
    plan::LogPlan,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use unmasq_decode::{Cited, Decoder, Framing, Record, Said, Sighting, Unreadable, assemble};
use unmasq_io::source::{Frames, Input, LINE_LIMIT, Message, MessageKind, Messages, Meter, ReadError, open};
use unmasq_model::{Evidence, Gateway, GatewayIx, GatewayKind, GatewayName, LogIx, Realm, Session, Site};

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
    let mut reader = Reader { log, plan, seen: Vec::new(), broken: false, decoder: None };
    let mut report = SourceReport::of(plan);
    for (number, found) in (0u32..).zip(&plan.files) {
        let meter = Meter::default();
        progress.begin(found.location.name().as_str(), found.bytes, &meter);
        let input = opened.take().map_or_else(|| open(&found.location, &meter), Ok);
        match input {
            Ok(input) => reader.file(number, input, &mut report, unread)?,
            Err(error) => {
                reader.broken = true;
                unread.push(Unread::unreadable(&error));
            }
        }
        progress.end();
    }
    let Reader { seen, broken, .. } = reader;
    let covered = covered(seen.iter().map(|(_, record)| record));
    let whole = !broken && report.skips.lines() == 0 && covered.is_none_or(|covered| covered.outliers == 0);
    if let Some(Covered { outliers: 1.., .. }) = covered {
        unread.push(Unread::absurd_times(plan.name.as_str()));
    }
    if plan.facts.complete && !whole {
        unread.push(Unread::not_complete(plan.name.as_str()));
    }
    if let Some(owner) = owner(site, plan, &seen) {
        unread.push(Unread::of_another_gateway(plan.name.as_str(), &owner));
    }
    report.told = covered.map(|covered| covered.span);
    let mut gateways = Gateways::of(site, plan.format.traits().kind);
    gateways.named(site, &plan.gateway);
    let sightings = seen.into_iter().map(|(evidence, record)| {
        let gateway = gateways.named(site, record.gateway.as_ref().unwrap_or(&plan.gateway));
        Sighting { gateway, evidence, record }
    });
    let sessions = assemble(sightings.collect());
    site.logs.push(described(plan, site, report.told, whole));
    for gateway in gateways.known {
        site.gateways[gateway.0 as usize].logs.insert(log);
    }
    for session in &sessions {
        note_outside(site, session);
    }
    report.sessions = sessions.len() as u64;
    if report.records == 0 && report.skips.lines() > 0 {
        unread.push(Unread::nothing_in_it(plan.name.as_str(), plan.format, plan.facts.layout.as_deref()));
    }
    Ok(Ingested { sessions, report })
}

/// The declared gateway whose addresses a log shows that the inventory does not name.
fn owner(site: &Site, plan: &LogPlan, seen: &[(Evidence, Record)]) -> Option<GatewayName> {
    if site.gateways.iter().any(|gateway| gateway.name == plan.gateway) {
        return None;
    }
    let outside = |record: &Record| record.translation.inside.and(record.translation.outside.ip);
    let shown: BTreeSet<IpAddr> = seen.iter().filter_map(|(_, record)| outside(record)).collect();
    let owns = |gateway: &&Gateway| {
        let declared = gateway.addresses.iter().map(|(ip, _)| *ip);
        declared.chain(gateway.aliases.iter().map(|alias| alias.logged)).any(|ip| shown.contains(&ip))
    };
    site.gateways.iter().find(owns).map(|gateway| gateway.name.clone())
}

/// An outside address that a log shows is shared, whether declared or not.
fn note_outside(site: &mut Site, session: &Session) {
    let Some(outside) = session.translation.outside.ip else { return };
    // A NAT may change a port alone, to avoid a clash; that does not make an inside address shared.
    if session.translation.inside.is_some_and(|inside| inside.ip != outside) {
        site.gateways[session.gateway.0 as usize].seen.insert(outside);
    }
}

/// The gateways that a log is about.
struct Gateways {
    by_name: BTreeMap<GatewayName, GatewayIx>,
    /// What those are that are discovered here.
    kind: GatewayKind,
    /// Those that this log is about.
    known: BTreeSet<GatewayIx>,
}

impl Gateways {
    fn of(site: &Site, kind: GatewayKind) -> Self {
        let by_name = site.indexed_gateways().map(|(ix, gateway)| (gateway.name.clone(), ix)).collect();
        Self { by_name, kind, known: BTreeSet::new() }
    }

    /// The gateway of that name; one that nobody declared is discovered here.
    fn named(&mut self, site: &mut Site, name: &GatewayName) -> GatewayIx {
        let ix = *self.by_name.entry(name.clone()).or_insert_with(|| {
            let ix = GatewayIx(u32::try_from(site.gateways.len()).expect("fewer gateways than 2³²"));
            let (outside, inside) = (site.sensor_realm.clone(), Realm::default_realm());
            site.gateways.push(Gateway::named(name.clone(), self.kind, outside, inside));
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
    /// The decoder of the file before, where it may know what the next one needs.
    decoder: Option<Box<dyn Decoder>>,
}

impl Reader<'_> {
    /// Reads one file to its end, or as far as it can be read.
    fn file(
        &mut self,
        number: u32,
        input: Input,
        report: &mut SourceReport,
        unread: &mut Vec<Unread>,
    ) -> Result<(), NodeError> {
        let location = &self.plan.files[number as usize].location;
        // The templates of a binary log may be in an earlier file of it.
        let decoder = self.decoder.take().map_or_else(|| self.plan.decoder(location), Ok)?;
        let mut pass = Pass { decoder, said: Said::default(), noise: None };
        let read = match self.plan.format.traits().framing {
            Framing::Lines => self.lines(number, Frames::new(input, LINE_LIMIT), &mut pass, report)?,
            Framing::FlowMessages => self.messages(number, Messages::new(input), &mut pass, report)?,
        };
        pass.decoder.finish(&mut pass.said);
        self.take(number, &mut pass.said, report)?;
        if self.plan.format.traits().framing == Framing::FlowMessages {
            self.decoder = Some(pass.decoder);
        }
        if let Err(error) = read {
            self.broken = true;
            unread.push(Unread::unreadable(&error));
        }
        Ok(())
    }

    fn lines(
        &mut self,
        number: u32,
        mut frames: Frames,
        pass: &mut Pass,
        report: &mut SourceReport,
    ) -> Result<Result<(), ReadError>, NodeError> {
        loop {
            let frame = match frames.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
            let Some(line) = line_of(&frame) else { continue };
            report.lines += 1;
            match line {
                Ok(line) => pass.decoder.read_at(frame.line, line, &mut pass.said),
                Err(why) => pass.said.unreadable.push((frame.line, why)),
            }
            self.take(number, &mut pass.said, report)?;
        }
    }

    fn messages(
        &mut self,
        number: u32,
        mut messages: Messages,
        pass: &mut Pass,
        report: &mut SourceReport,
    ) -> Result<Result<(), ReadError>, NodeError> {
        loop {
            let Message { offset, bytes, kind } = match messages.next_message() {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
            // One stretch of noise may come in pieces.
            let goes_on = pass.noise.replace(offset + bytes.len() as u64) == Some(offset);
            match kind {
                MessageKind::Noise if goes_on => continue,
                MessageKind::Noise => pass.said.unreadable.push((offset, NOISE)),
                MessageKind::Cut => pass.said.unreadable.push((offset, BREAKS_OFF)),
                MessageKind::Whole => {
                    pass.noise = None;
                    pass.decoder.read_at(offset, bytes, &mut pass.said);
                }
            }
            report.lines += 1;
            self.take(number, &mut pass.said, report)?;
        }
    }

    /// Notes what a decoder said of one file.
    fn take(&mut self, number: u32, said: &mut Said, report: &mut SourceReport) -> Result<(), NodeError> {
        let location = &self.plan.files[number as usize].location;
        for (line, why) in said.unreadable.drain(..) {
            if why == Unreadable::NeedsZone {
                return Err(NodeError::NeedsZone { file: location.to_string(), line });
            }
            report.skips.add(location.name().as_str(), line, &why);
        }
        for Cited { position, text, record } in said.records.drain(..) {
            let evidence = Evidence { log: self.log, file: number, line: position, record: text };
            self.seen.push((evidence, record));
            report.records += 1;
        }
        Ok(())
    }
}

/// One reading of one file.
struct Pass {
    decoder: Box<dyn Decoder>,
    said: Said,
    /// Where the last stretch of noise ended.
    noise: Option<u64>,
}

/// What stands between two messages.
pub(crate) const NOISE: Unreadable = Unreadable::because("bytes that are no message");
/// What the last message of a file that was cut is.
pub(crate) const BREAKS_OFF: Unreadable = Unreadable::because("the file breaks off in it");
