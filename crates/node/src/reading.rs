//! One file of a log, read by as many as there are cores.

use crate::{
    NodeError, Skips,
    met::{Met, NameIx},
    ordered::{Ordered, WORKERS_MAX, on_every_core},
    plan::LogPlan,
    shown::Shown,
};
use std::{
    mem,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use unmasq_decode::{Brief, Decoder, Fact, Record, Tells, Unreadable, cite};
use unmasq_engine::{Plain, Sieve};
use unmasq_index::{Row, Written};
use unmasq_io::source::{Chunk, ChunkPart, Chunks, Input, LINE_LIMIT, ReadError};
use unmasq_model::{Endpoint, GatewayIx, GatewayName, LogIx, Realm, Span, Translation};

/// What is wanted of records.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'w> {
    /// The gateway that a record is of if it does not say.
    pub(crate) gateway: &'w GatewayName,
    /// Which are kept.
    pub(crate) keeps: Keeps<'w>,
    /// Whether they are cited.
    pub(crate) cited: bool,
    /// Whether each by itself makes a session, so that it can be kept in little memory.
    pub(crate) whole: bool,
    /// Whether more may be wanted later.
    pub(crate) again: bool,
    /// How many lines of the file were read before.
    pub(crate) before: u64,
    /// Who takes what was read before the file is at its end, if anybody does.
    pub(crate) takes: Option<&'w dyn Takes>,
}

/// Keeps everything.
static OPEN: Sieve = Sieve::open();

impl<'w> Wanted<'w> {
    /// Everything that a file of a log says beyond its first `before` lines, for whoever takes it.
    pub(crate) fn everything(plan: &'w LogPlan, before: u64, takes: &'w dyn Takes) -> Self {
        let tells = plan.format.traits().tells;
        Self {
            gateway: &plan.gateway,
            keeps: Keeps { sieve: &OPEN, tells },
            cited: true,
            whole: tells == Tells::BothEdges,
            again: false,
            before,
            takes: Some(takes),
        }
    }
}

/// Somebody who takes what a file says part by part, so that it need not be held.
pub(crate) trait Takes: Sync {
    /// Whether so much is enough for a part.
    fn is_enough(&self, told: &Told) -> bool;

    /// Takes a part. The next may be taken at the same time.
    ///
    /// # Errors
    /// When it cannot be kept; the file is then read no further.
    fn take(&self, part: Part) -> Result<(), NodeError>;
}

/// A part of what a file says: every record between where the part before it ended and its own position.
pub(crate) struct Part {
    /// Its place among the parts of the file, from 0.
    pub(crate) number: u64,
    /// The last line of which it tells, or the offset.
    pub(crate) position: u64,
    pub(crate) kept: Vec<Kept>,
    pub(crate) rows: Vec<Row>,
    /// What the gateways of both are called, …
    pub(crate) gateways: Vec<GatewayName>,
    /// … and the realms of the rows.
    pub(crate) realms: Vec<Realm>,
}

/// Tells which records of a log are kept.
#[derive(Clone, Copy)]
pub(crate) struct Keeps<'s> {
    pub(crate) sieve: &'s Sieve,
    /// What records of this log tell.
    pub(crate) tells: Tells,
}

impl Keeps<'_> {
    pub(crate) fn record(&self, record: &Record) -> bool {
        let translation = &record.translation;
        let kept = |reach| self.sieve.keeps(translation, record.request.as_deref(), reach);
        match (&record.fact, self.tells) {
            (Fact::Whole { start, end, .. }, Tells::BothEdges) => kept(Some(start.hull(*end))),
            (_, Tells::BothEdges | Tells::OneEdge) => kept(None),
            (_, Tells::Connection) => self.sieve.keeps_addresses(translation),
        }
    }
}

/// A record that was kept.
pub(crate) struct Kept {
    /// The line, from 1, or the message's offset.
    pub(crate) position: u64,
    /// As it stands there; empty if it is not to be cited.
    pub(crate) text: Arc<str>,
    pub(crate) gateway: NameIx,
    pub(crate) record: Record,
}

/// Everything that a file says.
pub(crate) struct Told {
    /// How many of its lines were read before.
    pub(crate) before: u64,
    /// How many lines or messages there were that hold anything.
    pub(crate) lines: u64,
    /// How many there were that hold nothing.
    pub(crate) blank: u64,
    pub(crate) skips: Skips,
    pub(crate) shown: Shown,
    /// What was kept, in order of position; …
    pub(crate) kept: Vec<Kept>,
    /// … and what takes less memory, without its log and file, …
    pub(crate) rows: Vec<Row>,
    /// … with the realms that it names.
    pub(crate) realms: Met<Realm>,
    /// How many parts of it were taken.
    pub(crate) parts: u64,
    /// Up to which offset a binary file was told, …
    pub(crate) offset: Option<u64>,
    /// … but for what waits in it for its templates, in order.
    pub(crate) waiting: Vec<Range<u64>>,
    /// Whether the last line is not ended, so that it may become another: it was not read, or not believed.
    pub(crate) unended: bool,
    /// Why it could not be read to its end.
    pub(crate) broken: Option<ReadError>,
}

impl Told {
    /// Up to where everything was told. A line that was cut is read again when the file goes on.
    fn position(&self) -> u64 {
        let lines =
            || self.before + self.lines + self.blank - u64::from(self.unended && self.broken.is_some());
        self.offset.unwrap_or_else(lines)
    }

    /// What was kept since the part before.
    pub(crate) fn part(&mut self) -> Part {
        let number = self.parts;
        self.parts += 1;
        Part {
            number,
            position: self.position(),
            kept: mem::take(&mut self.kept),
            rows: mem::take(&mut self.rows),
            gateways: self.shown.gateways.names().to_vec(),
            realms: self.realms.names().to_vec(),
        }
    }

    pub(crate) fn nothing(wanted: &Wanted<'_>) -> Self {
        Self {
            before: wanted.before,
            lines: 0,
            blank: 0,
            skips: Skips::default(),
            shown: Shown::of(wanted.gateway),
            kept: Vec::new(),
            rows: Vec::new(),
            realms: Met::nobody(),
            parts: 0,
            offset: None,
            waiting: Vec::new(),
            unended: false,
            broken: None,
        }
    }
}

/// Reads all lines of `input`. Whoever is free takes the next chunk, and hands in what it says when the
/// chunks before it have been handed in; so the answer does not depend on who read what. Gives back the decoder,
/// for what the file may say later.
///
/// # Errors
/// When its times need a zone that nobody gave, and when a part cannot be taken.
pub(crate) fn lines(
    file: &str,
    name: &str,
    input: Input,
    decoder: Box<dyn Decoder>,
    wanted: Wanted<'_>,
) -> Result<(Told, Box<dyn Decoder>), NodeError> {
    let source = Mutex::new(Source { chunks: Chunks::new(input), decoder, turns: 0, broken: None });
    let handed_in = Ordered::new((Told::nothing(&wanted), None));
    let failed = AtomicBool::new(false);
    let refused = Mutex::new(None);
    let readers = on_every_core(|| {
        let _guard = handed_in.guarded();
        let mut reader = Reader::new(wanted);
        let mut numbers = Numbers::default();
        while !failed.load(Ordering::Relaxed) {
            let taken = source.lock().unwrap_or_else(PoisonError::into_inner).take(&mut reader);
            let Some((number, chunk)) = taken else { break };
            if let Some(chunk) = chunk {
                reader.read(chunk);
            }
            let done = mem::take(&mut reader.done);
            let part;
            (reader.done, part) = handed_in.pass(number, |(told, failure)| {
                told.shown.gateways.translate(&reader.shown.gateways, &mut numbers.gateways);
                told.realms.translate(&reader.realms, &mut numbers.realms);
                let left = done.hand_in(name, &numbers, told);
                if let Some(line) = left.needs_zone {
                    failed.store(true, Ordering::Relaxed);
                    failure.get_or_insert(NodeError::NeedsZone { file: file.into(), line });
                }
                let taker = wanted.takes.filter(|taker| taker.is_enough(told));
                (left, taker.map(|taker| (taker, told.part())))
            });
            if let Some((taker, part)) = part
                && let Err(error) = taker.take(part)
            {
                failed.store(true, Ordering::Relaxed);
                refused.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        }
        reader.shown
    });
    let (mut told, failure) = handed_in.into_inner();
    let refused = refused.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(failure) = failure.or(refused) {
        return Err(failure);
    }
    for shown in readers {
        told.shown.add(shown);
    }
    let Source { broken, decoder, .. } = source.into_inner().unwrap_or_else(PoisonError::into_inner);
    told.broken = broken;
    Ok((told, decoder))
}

/// The input, and the decoder that others are forked from.
struct Source {
    chunks: Chunks,
    decoder: Box<dyn Decoder>,
    /// How often lines came that may have changed what later ones mean.
    turns: u64,
    broken: Option<ReadError>,
}

impl Source {
    /// The next chunk for `reader`, with its number; without it, if it had to be read here and now.
    fn take(&mut self, reader: &mut Reader<'_>) -> Option<(u64, Option<Chunk>)> {
        let chunk = match self.chunks.next_chunk(mem::take(&mut reader.buffer)) {
            Ok(chunk) => chunk?,
            Err(broken) => {
                self.broken = Some(broken);
                return None;
            }
        };
        let number = chunk.number;
        if reader.turns != Some(self.turns) {
            reader.decoder = self.decoder.fork();
            reader.turns = Some(self.turns);
        }
        if reader.decoder.is_some() && !self.decoder.turns(&chunk.bytes) {
            return Some((number, Some(chunk)));
        }
        self.turns += 1;
        reader.read_with(&mut *self.decoder, chunk);
        Some((number, None))
    }
}

/// So many records are asked about together, for the answer to each is waited for.
const AT_ONCE: usize = 64;

/// Plain sessions of which is not known yet whether they are kept, …
struct Asked<'l> {
    sessions: Vec<Plain>,
    /// … and what says so of each.
    lines: Vec<Line<'l>>,
}

impl Asked<'_> {
    fn nothing() -> Self {
        Self { sessions: Vec::with_capacity(AT_ONCE), lines: Vec::with_capacity(AT_ONCE) }
    }
}

/// A line with a record.
#[derive(Clone, Copy)]
struct Line<'l> {
    bytes: &'l [u8],
    number: u64,
    /// Whose the record is.
    gateway: NameIx,
}

/// One of those who read.
struct Reader<'w> {
    wanted: Wanted<'w>,
    /// A fork, and after how many turns it was made.
    decoder: Option<Box<dyn Decoder>>,
    turns: Option<u64>,
    shown: Shown,
    realms: Met<Realm>,
    /// What the last chunk said.
    done: Done,
    buffer: Vec<u8>,
    records: Vec<Record>,
}

/// What one chunk says; lines are counted from its start.
#[derive(Default)]
struct Done {
    lines: u64,
    /// How many of those hold nothing.
    blank: u64,
    unreadable: Vec<(u64, Unreadable)>,
    kept: Vec<Kept>,
    rows: Vec<Row>,
    needs_zone: Option<u64>,
    /// Whether the last line is not ended.
    unended: bool,
}

impl<'w> Reader<'w> {
    fn new(wanted: Wanted<'w>) -> Self {
        Self {
            wanted,
            decoder: None,
            turns: None,
            shown: Shown::of(wanted.gateway),
            realms: Met::nobody(),
            done: Done::default(),
            buffer: Vec::new(),
            records: Vec::new(),
        }
    }

    fn read(&mut self, chunk: Chunk) {
        if let Some(mut decoder) = self.decoder.take() {
            self.read_with(&mut *decoder, chunk);
            self.decoder = Some(decoder);
        }
    }

    fn read_with(&mut self, decoder: &mut dyn Decoder, chunk: Chunk) {
        match chunk.part {
            ChunkPart::Lines => {
                let mut asked = Asked::nothing();
                for (range, line) in chunk.lines() {
                    if self.wanted.takes.is_some() && chunk.bytes[range.end - 1] != b'\n' {
                        self.done.unended = true;
                        break;
                    }
                    self.line(decoder, line, &mut asked);
                    if asked.sessions.len() == AT_ONCE {
                        self.sift(decoder, &mut asked);
                    }
                }
                self.sift(decoder, &mut asked);
            }
            ChunkPart::First => self.refuse(TOO_LONG),
            ChunkPart::Cut => {
                self.done.unended = true;
                self.refuse(BREAKS_OFF);
            }
            ChunkPart::More => {}
        }
        self.buffer = chunk.bytes;
    }

    fn refuse(&mut self, why: Unreadable) {
        self.done.unreadable.push((self.done.lines, why));
        self.done.lines += 1;
    }

    fn line<'l>(&mut self, decoder: &mut dyn Decoder, line: &'l [u8], asked: &mut Asked<'l>) {
        if line.trim_ascii_start().is_empty() {
            self.done.blank += 1;
            self.done.lines += 1;
            return;
        }
        if line.len() >= LINE_LIMIT {
            return self.refuse(TOO_LONG);
        }
        if let Some(brief) = decoder.brief(line) {
            let gateway = self.shown.note_brief(&brief);
            if self.wanted.keeps.sieve.is_open() {
                self.keep_brief(&brief, &Line { bytes: line, number: self.done.lines, gateway });
            } else {
                asked.sessions.push(plain(&brief));
                asked.lines.push(Line { bytes: line, number: self.done.lines, gateway });
            }
            self.done.lines += 1;
            return;
        }
        // What is kept is in the order of the lines.
        self.sift(decoder, asked);
        if let Err(why) = decoder.decode(line, &mut self.records) {
            self.done.unreadable.push((self.done.lines, why));
        }
        let mut records = mem::take(&mut self.records);
        for record in records.drain(..) {
            let gateway = self.shown.note(&record);
            if self.wanted.keeps.record(&record) {
                self.keep(record, &Line { bytes: line, number: self.done.lines, gateway });
            }
        }
        self.records = records;
        self.done.lines += 1;
    }

    /// Keeps those that the sieve does. They are few, and read again: of all others nothing was copied.
    fn sift(&mut self, decoder: &mut dyn Decoder, asked: &mut Asked<'_>) {
        let sieve = self.wanted.keeps.sieve;
        sieve.sift(&asked.sessions, |place| {
            let line = &asked.lines[place];
            match decoder.brief(line.bytes) {
                Some(brief) => self.keep_brief(&brief, line),
                None => self.done.unreadable.push((line.number, READS_OTHERWISE)),
            }
        });
        asked.sessions.clear();
        asked.lines.clear();
    }

    fn keep_brief(&mut self, brief: &Brief<'_>, line: &Line<'_>) {
        match self.wanted.whole.then(|| self.brief_row(brief, line)).flatten() {
            Some(row) => self.done.rows.push(row),
            None => self.keep((*brief).into(), line),
        }
    }

    fn keep(&mut self, record: Record, line: &Line<'_>) {
        let Line { bytes, number, gateway } = *line;
        match self.wanted.whole.then(|| row(&record, gateway, number, &mut self.realms)).flatten() {
            Some(row) => self.done.rows.push(row),
            None => {
                let text = if self.wanted.cited { cite(bytes) } else { Arc::default() };
                self.done.kept.push(Kept { position: number, text, gateway, record });
            }
        }
    }

    /// A record in little memory, without anything of it being copied before.
    fn brief_row(&mut self, brief: &Brief<'_>, line: &Line<'_>) -> Option<Row> {
        let Brief { protocol, outside, inside, remote, start, end, inside_realm, .. } = *brief;
        let [outside, inside, remote] =
            [outside, inside, remote].map(|at| Endpoint { ip: (*at.ip()).into(), port: Some(at.port()) });
        let translation = Translation::of_source_nat(protocol, outside, inside, remote);
        whole_row(&translation, [start, end], inside_realm, line.gateway, line.number, &mut self.realms)
    }
}

/// What a sieve looks at of a record.
fn plain(brief: &Brief<'_>) -> Plain {
    let Brief { protocol, outside, inside, remote, start, end, .. } = *brief;
    Plain { protocol, outside, inside, remote, reach: start.hull(end) }
}

/// One reader numbers no more realms than this for rows, so that those of all readers of a file fit.
const REALMS_MAX: usize = 1024;

/// Whether the rows of one more file, the `number`th of log `log`, can be told from those so far, which name
/// `realms` realms. Rows have short numbers for all three.
pub(crate) fn has_room(log: LogIx, number: u32, realms: usize) -> bool {
    let most = usize::from(u16::MAX);
    u16::try_from(log.0).is_ok() && u16::try_from(number).is_ok() && realms + WORKERS_MAX * REALMS_MAX < most
}

/// A record in little memory, if that is possible; gateway and realm are the reader's own.
fn row(record: &Record, gateway: NameIx, line: u64, realms: &mut Met<Realm>) -> Option<Row> {
    let Fact::Whole { start, end, proven: None } = record.fact else { return None };
    if record.request.is_some() {
        return None;
    }
    whole_row(&record.translation, [start, end], record.inside_realm.as_ref(), gateway, line, realms)
}

fn whole_row(
    translation: &Translation,
    [start, end]: [Span; 2],
    realm: Option<&Realm>,
    gateway: NameIx,
    line: u64,
    realms: &mut Met<Realm>,
) -> Option<Row> {
    if realms.names().len() >= REALMS_MAX {
        return None;
    }
    let realm = realm.map(|realm| realms.number(realm));
    let written = Written { gateway: GatewayIx(gateway), log: LogIx(0), file: 0, line, realm };
    Row::of(translation, start, end, &written)
}

/// What a reader's names are called by those that it hands in to.
#[derive(Default)]
struct Numbers {
    gateways: Vec<NameIx>,
    realms: Vec<NameIx>,
}

impl Done {
    /// Adds what a chunk says to what those before it said; gives back what can be used again.
    fn hand_in(mut self, file: &str, numbers: &Numbers, told: &mut Told) -> Self {
        let before = told.before + told.lines + told.blank;
        let line = |at: u64| before + at + 1;
        self.needs_zone = None;
        for (at, why) in self.unreadable.drain(..) {
            if why == Unreadable::NeedsZone {
                self.needs_zone = self.needs_zone.or(Some(line(at)));
            }
            told.skips.add(file, line(at), &why);
        }
        for mut kept in self.kept.drain(..) {
            kept.position = line(kept.position);
            kept.gateway = numbers.gateways[kept.gateway as usize];
            told.kept.push(kept);
        }
        let placed = self.rows.drain(..).filter_map(|row| {
            let gateway = GatewayIx(numbers.gateways[row.gateway().0 as usize]);
            let (_, file, at) = row.place();
            row.renamed(gateway, |realm| numbers.realms[realm as usize])?.at(file, line(at))
        });
        told.rows.extend(placed);
        told.unended |= mem::take(&mut self.unended);
        told.blank += self.blank;
        told.lines += mem::take(&mut self.lines) - mem::take(&mut self.blank);
        self
    }
}

/// Why a line that does not end is not decoded.
pub(crate) const TOO_LONG: Unreadable = Unreadable::because("it is longer than 1 MiB");
/// Why a line is lost of which a decoder says something else when it is asked again: none does.
const READS_OTHERWISE: Unreadable = Unreadable::because("it reads otherwise the second time");
/// Why the last line or message of a file that was cut is not decoded.
pub(crate) const BREAKS_OFF: Unreadable = Unreadable::because("the file breaks off in it");
