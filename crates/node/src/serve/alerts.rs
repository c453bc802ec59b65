//! Alert sources, followed: what is written to them is stored, and then traced.

use super::{
    Counters, Options, Shared,
    files::{Files, unopened},
    message::{Arrived, ArrivedAlert, Message},
    pause,
};
use crate::{NodeError, batch::AlertsArg, batch::told, plan::last_written};
use jiff::tz::TimeZone;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};
use unmasq_decode::{
    Hints,
    alert::{AlertFormat, AlertIds, AlertReader, Reading as Says},
};
use unmasq_io::source::{
    ChunkPart, Chunks, Content, FileIdentity, Found, Growth, Input, LINE_LIMIT, Location, Meter, Origin,
    SAMPLE_BYTES, Tail, open,
};
use unmasq_model::{AlertId, Arrival, Realm, SourceName};
use unmasq_work::Position;

/// One alert source of a service.
pub(super) struct AlertSource<'s> {
    shared: &'s Shared,
    arg: AlertsArg,
    zone: Option<TimeZone>,
    field: String,
    name: SourceName,
    files: Files,
    readings: BTreeMap<FileIdentity, Reading>,
    /// Files by what they begin with, and up to where they were read.
    positions: Vec<Position>,
    reported: BTreeSet<String>,
    has_looked: bool,
}

/// A file that is read on as it grows.
struct Reading {
    path: PathBuf,
    tail: Tail,
    going: Option<Going>,
    /// How long it is, and since when.
    length: (u64, Arrival),
}

struct Going {
    format: AlertFormat,
    reader: AlertReader,
    position: Position,
}

/// So many bytes of alerts are handed on together, or one more.
const BATCH_BYTES: usize = 1 << 20;
/// A file that has not grown for so long may have ended without the end of a line.
const QUIET: Duration = Duration::from_secs(5);
/// So many alerts are.
const BATCH: usize = 1_000;

impl<'s> AlertSource<'s> {
    pub(super) fn open(
        shared: &'s Shared,
        arg: AlertsArg,
        options: &Options,
        positions: Vec<Position>,
    ) -> Self {
        let (zone, field) = (options.zone.clone(), options.field.clone());
        let name = SourceName::from(arg.path.as_str());
        let (files, readings, reported) = (Files::default(), BTreeMap::new(), BTreeSet::new());
        let has_looked = false;
        Self { shared, arg, zone, field, name, files, readings, positions, reported, has_looked }
    }

    /// Follows it until the service stops.
    pub(super) fn follow(&mut self, poll: Duration) {
        while !self.shared.is_stopping() {
            self.step();
            pause(self.shared, poll);
        }
    }

    /// Looks once.
    pub(super) fn step(&mut self) {
        self.look();
        if !std::mem::replace(&mut self.has_looked, true) {
            self.shared.send(Message::Looked);
        }
    }

    /// Hands on what was written since it looked last.
    fn look(&mut self) {
        self.files.look(std::slice::from_ref(&self.arg.path));
        let paths: Vec<_> = self.files.paths().map(|(path, seen)| (path.clone(), *seen)).collect();
        for (path, seen) in paths.into_iter().filter(|(_, seen)| seen.bytes > 0) {
            if !self.readings.contains_key(&seen.identity) {
                if !self.files.has_changed(&path) {
                    continue;
                }
                match self.files.tail(&path) {
                    Ok(Some(tail)) => {
                        self.readings.insert(
                            seen.identity,
                            Reading {
                                path: path.clone(),
                                tail,
                                going: None,
                                length: (0, Arrival::default()),
                            },
                        );
                    }
                    Ok(None) => {
                        if let Err(error) = self.whole_file(&path) {
                            self.report(&error);
                        }
                        continue;
                    }
                    Err(error) => {
                        self.report(&error);
                        continue;
                    }
                }
            }
            self.read_on(seen.identity);
        }
        let read = self.readings.values().map(|reading| (reading.path.clone(), reading.tail.offset()));
        let read: Vec<_> = read.filter(|(path, _)| self.shared.is_spool(path)).collect();
        if !read.is_empty() {
            self.shared.send(Message::Read(read));
        }
        let gone: Vec<FileIdentity> =
            self.readings.keys().filter(|identity| !self.files.has(**identity)).copied().collect();
        for identity in gone {
            let is_quiet = !self.read_on(identity) && !self.files.is_missed(identity);
            if is_quiet {
                self.readings.remove(&identity);
            }
        }
    }

    /// Says whether there was anything.
    fn read_on(&mut self, identity: FileIdentity) -> bool {
        let Some(mut reading) = self.readings.remove(&identity) else { return false };
        let before = reading.tail.offset();
        let read = self.grown(&mut reading);
        let is_more = reading.tail.offset() != before;
        if let Err(error) = read {
            self.report(&error);
        }
        self.readings.insert(identity, reading);
        is_more
    }

    fn grown(&mut self, reading: &mut Reading) -> Result<(), NodeError> {
        loop {
            match reading.tail.grown(u64::MAX, &Meter::default()).map_err(NodeError::Read)? {
                Growth::None => return self.unended(reading),
                Growth::Rewritten => {
                    reading.going = None;
                    pass_over(reading, 0)?;
                }
                Growth::Lines(mut input) => match reading.going.take() {
                    Some(going) => reading.going = Some(self.read(input, going)),
                    None => {
                        let Some(mut going) = self.begin(&reading.path, &mut input)? else { return Ok(()) };
                        // One that begins alike and is shorter than what was read is another.
                        let length =
                            reading.tail.length().map_err(|source| unopened(&reading.path, source))?;
                        if going.position.bytes > length {
                            (going.position.bytes, going.position.lines) = (0, 0);
                        }
                        let read = going.position.bytes;
                        reading.going = Some(going);
                        // What was read before this process began is passed over.
                        if read > 0 {
                            pass_over(reading, read)?;
                        } else if let Some(going) = reading.going.take() {
                            reading.going = Some(self.read(input, going));
                        }
                    }
                },
            }
        }
    }

    /// Takes the last line although it is not ended, if it has been an alert for a while: nobody may lose the last one of
    /// a file. Should it go on after all, the rest is another line.
    fn unended(&mut self, reading: &mut Reading) -> Result<(), NodeError> {
        let length = reading.tail.length().map_err(|source| unopened(&reading.path, source))?;
        let now = self.shared.clock.now();
        if reading.length.0 != length || now < reading.length.1 {
            reading.length = (length, now);
        }
        if length == reading.tail.offset() || now.since(reading.length.1) < QUIET {
            return Ok(());
        }
        let rest = reading.tail.unended().map_err(|source| unopened(&reading.path, source))?;
        let Some(mut going) = reading.going.take() else { return Ok(()) };
        let own = going.format.carrier().alert_of(&rest, &self.field).into_owned();
        // What is cut may look like less than it is; a JSON object that ends is whole.
        if rest.trim_ascii_end().ends_with(b"}") && matches!(going.reader.clone().read(&own), Says::Alert(_))
        {
            self.shared.counters.alert_lines.add(1);
            let alert = read_alert(
                &self.shared.counters,
                &self.field,
                &going.format,
                &mut going.reader,
                &rest,
                &rest,
            );
            going.position.bytes += rest.len() as u64;
            pass_over(reading, going.position.bytes)?;
            self.hand_on(&going.format, alert.into_iter().collect(), &going.position);
        }
        reading.going = Some(going);
        Ok(())
    }

    /// What is known of a file by what it begins with; `None` if there are no alerts in it.
    fn begin(&self, path: &Path, input: &mut Input) -> Result<Option<Going>, NodeError> {
        let location = Location::File(path.to_owned());
        let found = Found { location: location.clone(), origin: Origin::Searched, bytes: None };
        let sample = input.sample(SAMPLE_BYTES);
        let format = match &self.arg.format {
            Some(format) => format.clone(),
            None => match told(&found, sample)? {
                Some(format) => format,
                None => return Ok(None),
            },
        };
        let hints = Hints { zone: self.zone.clone(), written: last_written(&location), ..Hints::default() };
        let mut reader = format.reader(hints);
        let begins = |known: &&Position| {
            let length = usize::try_from(known.head.bytes).unwrap_or(usize::MAX);
            sample.get(..length).is_some_and(|start| !start.is_empty() && Content::of(start) == known.head)
        };
        let fresh = Position { source: self.name.clone(), head: Content::of(sample), bytes: 0, lines: 0 };
        let position = self.positions.iter().rfind(begins).cloned().unwrap_or(fresh);
        if position.bytes > 0 {
            // A header says what the lines behind it mean.
            for line in sample.split_inclusive(|&byte| byte == b'\n') {
                if !reader.turns(line) {
                    break;
                }
                let _ = reader.read(line);
            }
        }
        Ok(Some(Going { format, reader, position }))
    }

    /// Reads a packed file as far as it can be.
    fn whole_file(&mut self, path: &Path) -> Result<(), NodeError> {
        let mut input = open(&Location::File(path.to_owned()), &Meter::default()).map_err(NodeError::Read)?;
        let Some(going) = self.begin(path, &mut input)? else { return Ok(()) };
        let before = going.position.bytes;
        let read = std::io::copy(&mut input.by_ref().take(before), &mut std::io::sink());
        if read.is_ok_and(|read| read == before) {
            self.read(input, going);
        }
        Ok(())
    }

    fn remember(&mut self, position: Position) {
        self.positions.retain(|known| known.head != position.head);
        self.positions.push(position);
    }

    /// Reads lines and hands on what they hold.
    fn read(&mut self, input: Input, going: Going) -> Going {
        let Going { format, mut reader, mut position } = going;
        let counters = &self.shared.counters;
        let mut chunks = Chunks::new(input);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Ok(Some(chunk)) = chunks.next_chunk(Vec::new()) {
            if chunk.part != ChunkPart::Lines {
                // Too long to be an alert, or broken off: counted, where it begins.
                if chunk.part == ChunkPart::Cut {
                    break;
                }
                if chunk.part == ChunkPart::First {
                    counters.alert_lines.add(1);
                    counters.alert_lines_unreadable.add(1);
                    position.lines += 1;
                }
                position.bytes += chunk.bytes.len() as u64;
                continue;
            }
            for (range, line) in chunk.lines() {
                let raw = &chunk.bytes[range];
                // It may go on when the file does.
                if !raw.ends_with(b"\n") {
                    break;
                }
                position.bytes += raw.len() as u64;
                position.lines += 1;
                counters.alert_lines.add(1);
                let alert = read_alert(counters, &self.field, &format, &mut reader, raw, line);
                bytes += alert.as_ref().map_or(0, |alert| alert.raw.len());
                batch.extend(alert);
                if bytes >= BATCH_BYTES || batch.len() >= BATCH {
                    self.hand_on(&format, std::mem::take(&mut batch), &position);
                    bytes = 0;
                }
            }
        }
        self.hand_on(&format, batch, &position);
        self.remember(position.clone());
        Going { format, reader, position }
    }

    fn hand_on(&self, format: &AlertFormat, alerts: Vec<ArrivedAlert>, position: &Position) {
        let (source, position) = (self.name.clone(), Some(position.clone()));
        let (format, read) = (format.name(), self.shared.clock.now());
        self.shared.send(Message::Alerts(Arrived { source, format, alerts, position, read }));
    }

    fn report(&mut self, error: &NodeError) {
        let what = crate::knowledge::chain(error);
        if self.reported.insert(what.clone()) {
            tracing::warn!("{what}");
        }
    }
}

fn pass_over(reading: &mut Reading, bytes: u64) -> Result<(), NodeError> {
    reading.tail.pass_over(bytes).map_err(|source| unopened(&reading.path, source))
}

/// Reads a line of alerts, and counts what became of it; `None` if it is no alert.
pub(super) fn read_alert(
    counters: &Counters,
    field: &str,
    format: &AlertFormat,
    reader: &mut AlertReader,
    raw: &[u8],
    line: &[u8],
) -> Option<ArrivedAlert> {
    if raw.len() > LINE_LIMIT {
        counters.alert_lines_unreadable.add(1);
        return None;
    }
    let own = format.carrier().alert_of(line, field);
    let named = |identity| AlertIds::fingerprint(identity, &own, field);
    match reader.read(&own) {
        Says::Alert(mut facts) => {
            let identity = std::mem::take(&mut facts.identity);
            let realm = facts.realm.clone().unwrap_or_else(|| Realm::from(""));
            let alert = facts.into_alert(AlertId("".into()), realm);
            let facts = Some(Box::new(alert));
            Some(ArrivedAlert { name: named(&identity), facts, raw: raw.to_vec() })
        }
        Says::Unusable(alert) => {
            counters.alerts_unusable.add(1);
            Some(ArrivedAlert { name: named(&alert.identity), facts: None, raw: raw.to_vec() })
        }
        Says::NotAnAlert => {
            counters.lines_not_alerts.add(1);
            None
        }
        Says::Unreadable(_) => {
            counters.alert_lines_unreadable.add(1);
            None
        }
    }
}
