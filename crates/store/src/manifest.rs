//! What a store consists of: one small document, replaced whole.
//!
//! A manifest has a number, and its name is made of that: whoever writes the next one must be the first to
//! have the name, so that of two writers one is refused (on an object store: a conditional put). Each is
//! written twice; a damaged one is read from its copy.

use crate::{StoreError, others, place::Place};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use unmasq_io::source::Content;
use unmasq_model::{GatewayName, LogTime, SourceName};
use unmasq_segment::Written;

/// What a store consists of.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// How many manifests there were before it.
    pub number: u64,
    /// Drawn by whoever wrote it, so that two never write the same.
    #[serde(default)]
    pub writer: u64,
    /// Its segments, in order of name.
    pub segments: Vec<SegmentEntry>,
    /// Its files of other records, in order of name.
    pub records: Vec<RecordsEntry>,
    /// Its logs, in order of name.
    pub logs: Vec<LogEntry>,
    /// The inventory that was given last.
    pub inventory: Option<InventoryEntry>,
    /// Sessions that ended before this may have been dropped.
    pub expired: Option<Moment>,
    /// Files that are no part of it any more and that somebody may still be reading.
    pub dropped: Vec<DroppedEntry>,
}

/// Microseconds since the Unix epoch.
pub type Moment = i64;

/// A file of sessions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SegmentEntry {
    /// Its name within the store.
    pub name: String,
    /// How many rows it has; a session that touches two hours is two.
    pub rows: u64,
    /// How long it is.
    pub bytes: u64,
    /// The CRC-32 of all its bytes.
    pub checksum: u32,
    /// Each hour with its rows; see [`crate::hours`].
    pub hours: Vec<(i32, u64)>,
}

impl SegmentEntry {
    pub(crate) fn of(name: String, told: Written) -> Self {
        let Written { rows, bytes, checksum, hours, .. } = told;
        Self { name, rows, bytes, checksum, hours }
    }

    /// Whether it is all of one hour, merged.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.name.starts_with(crate::HOURS)
    }
}

/// A file of records that are no plain sessions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RecordsEntry {
    /// Its name within the store.
    pub name: String,
    /// How many lines it has; a record that is filed under two endpoints is two.
    pub lines: u64,
    /// How long it is.
    pub bytes: u64,
    /// The CRC-32 of all its bytes.
    pub checksum: u32,
    /// Each of its records tells of no moment after some last one: the earliest and the latest of those, if they are
    /// known. The earliest may be too early.
    #[serde(default)]
    pub told: Option<(Moment, Moment)>,
}

impl RecordsEntry {
    /// `None` if there is nothing in it.
    pub(crate) fn of(name: String, written: &others::Written) -> Option<Self> {
        let others::Written { lines, bytes, checksum, told } = *written;
        let told = told.map(|told| (told.from().as_unix_us(), told.to().as_unix_us()));
        (lines > 0).then_some(Self { name, lines, bytes, checksum, told })
    }

    /// Whether any of it may have ended before a moment.
    pub(crate) fn may_be_older(&self, before: LogTime) -> bool {
        self.told.is_none_or(|(first, _)| first < before.as_unix_us())
    }
}

/// A log that was imported, and what it showed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct LogEntry {
    /// What evidence calls it.
    pub name: SourceName,
    /// The gateway that wrote it.
    pub gateway: GatewayName,
    /// Its format's name.
    pub format: String,
    /// What was said about it when it was imported last.
    pub facts: LogFacts,
    /// Its files, in the order in which they came.
    pub files: Vec<FileEntry>,
    /// What all its records show of the site.
    pub shown: ShownEntry,
}

/// What somebody said about a log.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LogFacts {
    /// How far its clock may be from the sensor's, in microseconds.
    pub clock_bound_us: Option<u64>,
    /// When its writing began.
    pub since: Option<Moment>,
    /// When its writing ended.
    pub until: Option<Moment>,
    /// Whether nothing in between is missing.
    pub complete: bool,
}

/// A file of a log, and up to where it is in the store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileEntry {
    /// What evidence calls it.
    pub name: SourceName,
    /// What it begins with: whichever name it is given, it is the same file.
    pub head: Content,
    /// Up to which line, or which offset in a binary file, its records are in the store.
    pub position: u64,
    /// Before that, from where to where in a binary file data stands whose templates have not come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<(u64, u64)>,
    /// All of it, once it was read to its end.
    pub whole: Option<Content>,
    /// How many lines of it could not be read, and how many could.
    pub skipped: u64,
    /// How many records it has.
    pub records: u64,
    /// Whether it broke off before its end.
    pub broken: bool,
    /// The last moment of which a record of it tells.
    #[serde(default)]
    pub last: Option<Moment>,
}

/// What records show of the site.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ShownEntry {
    /// How many there were.
    pub records: u64,
    /// Stretches of time with how many of their moments lie in each, the first and the last of them.
    pub stretches: Vec<(i64, u64, Moment, Moment)>,
    /// Whose they were; the log's own gateway is the first.
    pub gateways: Vec<GatewayName>,
    /// Each gateway's outside addresses, and whether somebody else was behind it.
    pub outsides: Vec<(u32, IpAddr, bool)>,
}

/// The inventory as it was given.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct InventoryEntry {
    /// Where it lies within the store.
    pub name: String,
    /// What evidence calls it.
    pub called: SourceName,
    /// The CRC-32 of its bytes.
    pub checksum: u32,
}

/// A file that is no part of the store any more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DroppedEntry {
    /// Its name within the store.
    pub name: String,
    /// When it was dropped, in seconds since the Unix epoch, by the writer's clock.
    pub at: u64,
}

impl DroppedEntry {
    /// Whether other programs would read it beside what has taken its place.
    pub(crate) fn is_data(&self) -> bool {
        !self.name.starts_with(crate::INVENTORY)
    }
}

/// The first line of a manifest's file.
#[derive(Serialize, Deserialize)]
struct Head {
    /// What it is; the number is the version of what follows.
    unmasq_manifest: u32,
    bytes: usize,
    crc32: u32,
}

/// The version of manifests that is written and read here.
const VERSION: u32 = 1;

/// What a manifest's file is called.
const PREFIX: &str = "manifest-";

fn name(number: u64) -> String {
    format!("{PREFIX}{number:010}.json")
}

fn copy_name(number: u64) -> String {
    format!("{PREFIX}{number:010}.copy.json")
}

/// The number in a manifest's name, its copy's too.
fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?;
    digits.strip_suffix(".copy.json").or_else(|| digits.strip_suffix(".json"))?.parse().ok()
}

/// How many manifests before the newest are kept.
const KEPT: u64 = 2;

impl Manifest {
    /// The newest one, and what is wrong with those that could not be read; `None` if there is none.
    ///
    /// # Errors
    /// When there are manifests and none of them can be read.
    pub(crate) fn newest(place: &Place) -> Result<Option<(Self, Vec<StoreError>)>, StoreError> {
        let mut numbers: Vec<u64> = place.names("")?.iter().filter_map(|name| number(name)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut wrong = Vec::new();
        for number in numbers.iter().rev() {
            let mut damaged = Vec::new();
            for name in [name(*number), copy_name(*number)] {
                match read(place, &name) {
                    // Where its copy is whole nothing is lost.
                    Ok(manifest) => return Ok(Some((manifest, wrong))),
                    Err(error @ StoreError::Later { .. }) => return Err(error),
                    Err(error) => damaged.push(error),
                }
            }
            wrong.append(&mut damaged);
        }
        match wrong.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(None),
        }
    }

    /// Puts it in the place of the one before.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if somebody else has done so already.
    pub(crate) fn publish(&self, place: &Place) -> Result<(), StoreError> {
        let bytes = written(self);
        place.put(&name(self.number), &bytes)?;
        place.put(&copy_name(self.number), &bytes)?;
        let names = place.names("")?;
        let numbered = || names.iter().filter_map(|name| Some((name, number(name)?)));
        // Where nothing but its name keeps a second writer off, one that comes very late finds the name free
        // again. But a name is only free again when there are so many newer ones.
        if numbered().any(|(_, number)| number > self.number + KEPT) {
            place.remove(&name(self.number))?;
            place.remove(&copy_name(self.number))?;
            return Err(StoreError::Fenced { path: place.path_of(&name(self.number)) });
        }
        let old = numbered().filter(|(_, number)| number + KEPT < self.number);
        old.map(|(name, _)| name).try_for_each(|name| place.remove(name))
    }

    /// Who wrote the one of that number, if it can be read.
    pub(crate) fn writer_of(place: &Place, number: u64) -> Option<u64> {
        read(place, &name(number)).ok().map(|manifest| manifest.writer)
    }

    /// Whether there is none, not even a damaged one, with a higher number.
    pub(crate) fn is_newest(&self, place: &Place) -> Result<bool, StoreError> {
        Ok(place.names("")?.iter().filter_map(|name| number(name)).all(|number| number <= self.number))
    }

    /// Every manifest's file that cannot be read, or is not there.
    pub(crate) fn damaged(&self, place: &Place) -> Result<Vec<StoreError>, StoreError> {
        let mut names: Vec<String> =
            place.names("")?.into_iter().filter(|name| number(name).is_some()).collect();
        names.extend([name(self.number), copy_name(self.number)]);
        names.sort_unstable();
        names.dedup();
        Ok(names.iter().filter_map(|name| read(place, name).err()).collect())
    }

    /// How many bytes its segments and its files of other records have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let segments = self.segments.iter().map(|entry| entry.bytes);
        segments.chain(self.records.iter().map(|entry| entry.bytes)).sum()
    }

    /// The names of all files that it consists of.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        let inventory = self.inventory.iter().map(|inventory| inventory.name.as_str());
        let segments = self.segments.iter().map(|segment| segment.name.as_str());
        segments.chain(self.records.iter().map(|records| records.name.as_str())).chain(inventory)
    }
}

fn written(manifest: &Manifest) -> Vec<u8> {
    let body = serde_json::to_vec(manifest).expect("a manifest holds nothing that JSON cannot");
    let head = Head { unmasq_manifest: VERSION, bytes: body.len(), crc32: crc32fast::hash(&body) };
    let mut bytes = serde_json::to_vec(&head).expect("so does its head");
    bytes.push(b'\n');
    bytes.extend(body);
    bytes.push(b'\n');
    bytes
}

fn read(place: &Place, name: &str) -> Result<Manifest, StoreError> {
    let bytes = place.read(name)?;
    let damaged = |what: &str| StoreError::Damaged { path: place.path_of(name), what: what.to_owned() };
    let line = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("it is cut off"))?;
    let head: Head = serde_json::from_slice(&bytes[..line]).map_err(|_| damaged("it is no manifest"))?;
    if head.unmasq_manifest > VERSION {
        return Err(StoreError::Later { path: place.path_of(name) });
    }
    let body = bytes[line + 1..].strip_suffix(b"\n").ok_or_else(|| damaged("it is cut off"))?;
    if body.len() != head.bytes || crc32fast::hash(body) != head.crc32 {
        return Err(damaged("its checksum does not fit"));
    }
    let manifest: Manifest = serde_json::from_slice(body).map_err(|error| damaged(&error.to_string()))?;
    match number(name) {
        Some(own) if own == manifest.number => Ok(manifest),
        _ => Err(damaged("it has another's name")),
    }
}

impl LogFacts {
    /// One of its moments.
    #[must_use]
    pub fn moment(us: Option<Moment>) -> Option<LogTime> {
        us.and_then(LogTime::from_unix_us)
    }
}
