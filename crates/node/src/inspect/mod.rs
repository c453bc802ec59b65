//! What a file is, for a person: its format and how sure that is, how its fields are read, what could
//! not be read and why, and whether it can serve for tracing at all.

mod fields;
mod messages;
mod times;

use crate::{
    NodeError, Progress, Skips,
    lines::line_of,
    mask::without_secrets,
    plan::{LogFacts, last_written},
};
pub use fields::Fields;
use fields::{alert_fields, record_fields, socket_fields};
use jiff::tz::TimeZone;
use serde::Serialize;
use std::sync::Arc;
use times::Times;
use unmasq_decode::{
    Format, Framing, Hints, ProcessFormat, Record, Unfit, Unreadable,
    alert::{self, AlertFormat, AlertReader, Reading},
    detect, unfit,
};
use unmasq_io::inventory::Inventory;
use unmasq_io::source::{Found, Frames, LINE_LIMIT, Location, Messages, Meter, SAMPLE_BYTES, expand, open};
use unmasq_model::LogTime;

/// How many lines are shown with their fields.
const EXAMPLES: usize = 3;

/// Examples are sought among this many lines; what comes later is hardly of another kind.
const LOOKED_AT: u64 = 10_000;

/// Longer lines are cut where they are shown.
const SHOWN: usize = 240;

/// What a file is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Inspection {
    /// The file as it was named.
    pub file: String,
    /// What it serves for.
    pub kind: Kind,
    /// The format's name, if it is known.
    pub format: Option<String>,
    /// How many of its first lines fit, in percent.
    pub fit: Option<u8>,
    /// Other formats that some of its first lines fit, with the share in percent.
    pub others: Vec<(String, u8)>,
    /// How many lines were read.
    pub lines: u64,
    /// How many records, alerts or sockets they hold.
    pub records: u64,
    /// The earliest and the latest time that they tell.
    pub from: Option<LogTime>,
    /// See `from`.
    pub to: Option<LogTime>,
    /// How coarsely times are written: `1 s`, `1 ms`, `1 µs`; `None` without times.
    pub resolution: Option<&'static str>,
    /// Whether its times carry their zone.
    pub zone: Zone,
    /// Some of its lines, and how each field is read.
    pub examples: Vec<Example>,
    /// What could not be read: why, how many lines, the first of them.
    pub unreadable: Vec<Trouble>,
    /// What to do, if anything.
    pub advice: Vec<String>,
}

/// What a file serves for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A gateway's or balancer's log: give it with `--sessions`.
    Sessions,
    /// A detector's alerts: give it with `--alerts`.
    Alerts,
    /// A host agent's sockets: give it with `--processes`.
    Processes,
    /// A log from which nobody can be named.
    Unfit,
    /// Nothing that is known.
    Unknown,
}

/// Whether times carry their zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Zone {
    /// They do, or need none.
    Told,
    /// They do not, and somebody said which is meant.
    Given,
    /// They do not: they are shown as if they were UTC.
    Missing,
}

/// A line, and what is read from it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Example {
    /// Which line, from 1.
    pub line: u64,
    /// The line, cut if it is long, secrets masked.
    pub text: Arc<str>,
    /// What each record of it says: names and values.
    pub records: Vec<Fields>,
}

/// Lines that could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Trouble {
    /// Why.
    pub why: String,
    /// How many.
    pub lines: u64,
    /// The first of them, from 1.
    pub first: u64,
}

/// How to read it, where somebody said.
#[derive(Debug, Default)]
pub struct InspectOptions {
    /// The format, instead of telling it by the content.
    pub format: Option<Format>,
    /// The writer's own format string.
    pub layout: Option<Arc<str>>,
    /// For times that carry none.
    pub zone: Option<TimeZone>,
    /// The site, for what it says about the file.
    pub inventory: Option<Inventory>,
}

impl InspectOptions {
    /// What is known about a file beside its bytes: what was typed, then what the inventory says.
    fn hints(&self, location: &Location) -> Hints {
        let inventory = self.inventory.as_ref();
        let log = inventory.and_then(|inventory| {
            let log = inventory.logs.iter().find(|log| log.name == location.name())?;
            Some(LogFacts::of(log, inventory))
        });
        let log = log.unwrap_or_default();
        let written = last_written(location);
        Hints {
            zone: self.zone.clone().or(log.zone),
            layout: self.layout.clone().or(log.layout),
            // Any moment will do to show how a snapshot is read.
            taken: log.taken.or(written),
            written,
            names: log.names,
        }
    }
}

/// Looks at each of the files that `path` means.
///
/// # Errors
/// When there is no such file, or one of them cannot be read at all.
pub fn inspect(
    path: &str,
    options: &InspectOptions,
    progress: &dyn Progress,
) -> Result<Vec<Inspection>, NodeError> {
    let found = expand(path).map_err(|source| NodeError::Expand { asked: path.to_owned(), source })?;
    found.iter().map(|found| file(found, options, progress)).collect()
}

fn file(found: &Found, options: &InspectOptions, progress: &dyn Progress) -> Result<Inspection, NodeError> {
    let name = found.location.to_string();
    let meter = Meter::default();
    progress.begin(&name, found.bytes, &meter);
    let mut input = open(&found.location, &meter).map_err(NodeError::Read)?;
    let sample = input.sample(SAMPLE_BYTES).to_vec();
    let mut inspection = Inspection::blank(name);
    let lines = |input| Frames::new(input, LINE_LIMIT);
    match told(&sample, options, &mut inspection) {
        Told::Sessions(format) => match format.traits().framing {
            Framing::Lines => inspection.sessions(format, &found.location, options, lines(input))?,
            Framing::FlowMessages => {
                inspection.messages(format, &found.location, options, Messages::new(input))?;
            }
        },
        Told::Alerts(format) => {
            let reader = format.reader(options.hints(&found.location));
            inspection.alerts(&format, reader, lines(input));
        }
        Told::Processes(format) => inspection.processes(format, lines(input)),
        Told::Unfit(unfit) => inspection.unfit(unfit),
        Told::Unknown => inspection.unknown(&sample),
    }
    progress.end();
    Ok(inspection)
}

/// What the first bytes of a file say that it is.
enum Told {
    Sessions(Format),
    Alerts(AlertFormat),
    Processes(ProcessFormat),
    Unfit(Unfit),
    Unknown,
}

/// What fits best; a log that cannot serve is no session log because a few of its lines look like one.
fn told(sample: &[u8], options: &InspectOptions, inspection: &mut Inspection) -> Told {
    if let Some(format) = options.format {
        return Told::Sessions(format);
    }
    let sessions =
        detect(sample).into_iter().map(|g| (g.percent, g.format.name().to_owned(), Told::Sessions(g.format)));
    let alerts = alert::detect(sample)
        .into_iter()
        .map(|g| (g.percent, g.format.name().to_owned(), Told::Alerts(g.format)));
    let processes = ProcessFormat::detect(sample)
        .into_iter()
        .map(|g| (g.percent, g.format.name().to_owned(), Told::Processes(g.format)));
    let mut guesses: Vec<(u8, String, Told)> = sessions.chain(alerts).chain(processes).collect();
    guesses.sort_by_key(|(percent, ..)| std::cmp::Reverse(*percent));
    let mut guesses = guesses.into_iter();
    let best = guesses.next();
    inspection.others = guesses.map(|(percent, name, _)| (name, percent)).collect();
    match (best, unfit(sample)) {
        (Some((percent, _, told)), None) => {
            inspection.fit = Some(percent);
            told
        }
        (Some((percent, _, told)), Some(_)) if percent >= SURE => {
            inspection.fit = Some(percent);
            told
        }
        (_, Some(unfit)) => Told::Unfit(unfit),
        (None, None) => Told::Unknown,
    }
}

/// More than this share of the first lines, in percent, is no accident.
const SURE: u8 = 60;

impl Inspection {
    fn blank(file: String) -> Self {
        Self {
            file,
            kind: Kind::Unknown,
            format: None,
            fit: None,
            others: Vec::new(),
            lines: 0,
            records: 0,
            from: None,
            to: None,
            resolution: None,
            zone: Zone::Told,
            examples: Vec::new(),
            unreadable: Vec::new(),
            advice: Vec::new(),
        }
    }

    fn sessions(
        &mut self,
        format: Format,
        location: &Location,
        options: &InspectOptions,
        frames: Frames,
    ) -> Result<(), NodeError> {
        self.kind = Kind::Sessions;
        self.format = Some(format.name().to_owned());
        let hints = options.hints(location);
        let bad = |why| NodeError::BadLayout { file: location.to_string(), why };
        let mut decoder = format.decoder(&hints).map_err(bad)?;
        let mut without_zone = format.decoder(&Hints { zone: None, ..hints.clone() }).map_err(bad)?;
        let as_utc = Hints { zone: Some(TimeZone::UTC), ..hints.clone() };
        let (mut times, mut seen, mut lacks) = (Times::default(), Examples::default(), Lacks::default());
        let mut records: Vec<Record> = Vec::new();
        self.each_line(frames, |inspection, number, line| {
            let mut decoded = decoder.decode(line, &mut records);
            if decoded == Err(Unreadable::NeedsZone) {
                inspection.zone = Zone::Missing;
                decoder = format.decoder(&as_utc).map_err(|_| Unreadable::NeedsZone)?;
                decoded = decoder.decode(line, &mut records);
            }
            decoded?;
            if inspection.zone == Zone::Told
                && hints.zone.is_some()
                && inspection.lines < LOOKED_AT
                && without_zone.decode(line, &mut Vec::new()) == Err(Unreadable::NeedsZone)
            {
                inspection.zone = Zone::Given;
            }
            for record in &records {
                times.add_record(record);
                lacks.look_at(record);
            }
            inspection
                .note(&mut seen, number, line, records.len(), || records.iter().map(record_fields).collect());
            records.clear();
            Ok(())
        });
        self.told_by(&times);
        self.advice.extend(lacks.advice());
        self.advise(format.name(), "--sessions");
        Ok(())
    }

    fn alerts(&mut self, format: &AlertFormat, mut reader: AlertReader, frames: Frames) {
        self.kind = Kind::Alerts;
        self.format = Some(format.name().to_owned());
        let (mut times, mut seen) = (Times::default(), Examples::default());
        let carrier = format.carrier();
        self.each_line(frames, |inspection, number, line| {
            match reader.read(&carrier.alert_of(line, "trace")) {
                Reading::Alert(facts) => {
                    times.add(facts.at);
                    inspection.note(&mut seen, number, line, 1, || vec![alert_fields(&facts)]);
                    Ok(())
                }
                Reading::Unusable(alert) => Err(alert.why),
                Reading::Unreadable(why) => Err(why),
                Reading::NotAnAlert => Ok(()),
            }
        });
        self.told_by(&times);
        self.advise(format.name(), "--alerts");
    }

    fn processes(&mut self, format: ProcessFormat, frames: Frames) {
        self.kind = Kind::Processes;
        self.format = Some(format.name().to_owned());
        let (mut times, mut seen) = (Times::default(), Examples::default());
        self.each_line(frames, |inspection, number, line| {
            if let Some(socket) = format.read(line)? {
                times.add(socket.lived);
                inspection.note(&mut seen, number, line, 1, || vec![socket_fields(&socket)]);
            }
            Ok(())
        });
        self.told_by(&times);
        self.advise(format.name(), "--processes");
    }

    fn unfit(&mut self, unfit: Unfit) {
        self.kind = Kind::Unfit;
        self.format = Some(unfit.what.to_owned());
        self.advice.push(format!("it cannot serve for tracing: {}", unfit.why));
        self.advice.push(format!("instead: {}", unfit.instead));
    }

    fn unknown(&mut self, sample: &[u8]) {
        let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        self.advice.push(match sample {
            [] => "it is empty: check that its writer runs".to_owned(),
            _ => format!(
                "no format fits its first lines; if it is one of these with a format string of its own, say so: \
                 --as 'nginx[$remote_addr …]' ({})",
                names.join(", ")
            ),
        });
    }

    /// Reads every line; what `read` refuses is counted by reason.
    fn each_line(
        &mut self,
        mut frames: Frames,
        mut read: impl FnMut(&mut Self, u64, &[u8]) -> Result<(), Unreadable>,
    ) {
        let mut skips = Skips::default();
        loop {
            let frame = match frames.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => {
                    self.advice.push(format!("it breaks off: {error}"));
                    break;
                }
            };
            let Some(line) = line_of(&frame) else { continue };
            self.lines += 1;
            if let Err(why) = line.and_then(|line| read(self, frame.line, line)) {
                skips.add(&self.file, frame.line, &why);
            }
        }
        let rows = skips.by_reason().into_iter().map(|(why, skip)| Trouble {
            why: why.to_owned(),
            lines: skip.lines,
            first: skip.first.1,
        });
        self.unreadable = rows.collect();
    }

    /// Counts the records of one line, and keeps it as an example if it is unlike those before.
    fn note(
        &mut self,
        seen: &mut Examples,
        line: u64,
        text: &[u8],
        records: usize,
        fields: impl FnOnce() -> Vec<Fields>,
    ) {
        self.records += records as u64;
        if records == 0 || self.lines > LOOKED_AT {
            return;
        }
        let records = fields();
        if seen.is_wanted(&records) {
            let mut text = String::from_utf8_lossy(text).into_owned();
            if text.len() > SHOWN {
                text.truncate(text.floor_char_boundary(SHOWN));
                text.push('…');
            }
            let example = Example { line, text: without_secrets(text.into()), records };
            // Lines of another kind take the place of those that repeat the first.
            self.examples.truncate(EXAMPLES - 1);
            self.examples.push(example);
        }
    }

    fn told_by(&mut self, times: &Times) {
        (self.from, self.to) = times.span();
        self.resolution = times.resolution();
    }

    fn advise(&mut self, format: &str, option: &str) {
        let unread: u64 = self.unreadable.iter().map(|trouble| trouble.lines).sum();
        if self.zone == Zone::Missing {
            self.advice.push("its times carry no zone: say which is meant with --tz".into());
        }
        if unread * 10 > self.lines {
            self.advice.push(format!(
                "{unread} of {} lines cannot be read as {format}: it may be another format, or written by a format \
                 string of its own",
                self.lines
            ));
        }
        if self.records > 0 {
            self.advice.push(format!("give it with {option} {}", self.file));
        }
    }
}

/// What no line of a balancer's log has, and an answer needs.
#[derive(Default)]
struct Lacks {
    requests: bool,
    client_ports: bool,
    servers: bool,
}

impl Lacks {
    fn look_at(&mut self, record: &Record) {
        self.requests |= record.request.is_some();
        self.client_ports |= record.translation.remote.is_some_and(|client| client.port.is_some());
        self.servers |= record.translation.inside.is_some();
    }

    fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        if self.requests && !self.servers {
            advice.push(
                "no line names the server behind the balancer, so nobody can be named: log it too (nginx: \
                 $upstream_addr), or give the names' addresses in the inventory"
                    .to_owned(),
            );
        }
        if self.requests && !self.client_ports {
            advice.push(
                "no line has the client's port, so clients behind one address cannot be told apart: log it too \
                 (nginx: $remote_port)"
                    .to_owned(),
            );
        }
        advice
    }
}

/// Which lines are worth showing: the first few, then those unlike them.
#[derive(Default)]
struct Examples {
    shapes: Vec<Vec<&'static str>>,
    shown: usize,
}

impl Examples {
    /// Lines are alike if they tell the same things.
    fn is_wanted(&mut self, records: &[Fields]) -> bool {
        let shape: Vec<&'static str> = records.iter().flatten().map(|(name, _)| *name).collect();
        let new = !self.shapes.contains(&shape) && self.shapes.len() < EXAMPLES;
        if new {
            self.shapes.push(shape);
        }
        let wanted = self.shown < EXAMPLES || new;
        self.shown += usize::from(wanted);
        wanted
    }
}
