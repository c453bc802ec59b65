//! Records that are no plain sessions: events, requests, blocks of ports, IPv6.
//!
//! A file of them is lines of JSON, sorted, packed by zstd in frames of some hundred lines; a skippable frame
//! at the end says where each frame begins. So `zstdcat FILE | jq` reads it, and so does DuckDB's `read_json`;
//! and who seeks the records of one endpoint unpacks a frame or two. Each line begins with the key under which
//! it is filed, so that files are merged as lines.

mod frames;
mod key;
mod old;

pub use key::Key;
pub(crate) use old::OPEN_KEPT;

use crate::{StoreError, place::Place};
use frames::{Frames, Packer};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    io::Write,
    mem,
    path::Path,
    sync::{Arc, OnceLock},
};
use unmasq_decode::Record;
use unmasq_model::{GatewayName, LogTime, SourceName, Span};

/// A record in its place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Other {
    /// The log.
    pub log: SourceName,
    /// Which file of it.
    pub file: SourceName,
    /// Which line of that, or the offset.
    pub position: u64,
    /// The gateway that it is about.
    pub gateway: GatewayName,
    /// What it says.
    pub record: Record,
    /// As it is cited.
    pub text: Arc<str>,
}

/// A line of a file.
#[derive(Serialize, Deserialize)]
struct Line<O> {
    key: String,
    #[serde(flatten)]
    other: O,
}

/// Writes records; one that has two keys is written twice.
pub(crate) fn write(others: &[Other], out: &mut impl Write) -> std::io::Result<Written> {
    let mut lines: Vec<String> = Vec::with_capacity(others.len());
    let mut told = None;
    for other in others {
        for key in Key::of(&other.record) {
            let line = Line { key: key.to_string(), other };
            lines.push(serde_json::to_string(&line).expect("a record holds nothing that JSON cannot"));
        }
        told = wider(told, old::last_moment(&other.record));
    }
    lines.sort_unstable();
    lines.dedup();
    let mut packer = Packer::new(out);
    for line in &lines {
        packer.line(line)?;
    }
    Ok(Written { told, ..packer.finish()? })
}

/// What was written.
pub(crate) struct Written {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    pub(crate) checksum: u32,
    /// From the earliest to the latest of the last moments of which records tell, if they were looked at.
    pub(crate) told: Option<Span>,
}

/// A line of a file, and what it says.
pub(crate) struct Filed {
    key: String,
    line: String,
    other: Other,
}

/// No more lines of one key than this are looked at together.
const KEY_LINES: usize = 1 << 16;

/// Merges files into one: each line once.
pub(crate) fn merge(files: &[Others], out: &mut impl Write) -> Result<Written, StoreError> {
    let mut packer = Packer::new(out);
    each_once(files, |line| packer.line(&line).map_err(written(files)))?;
    packer.finish().map_err(written(files))
}

/// The same without what ended before a moment.
pub(crate) fn merge_since(
    before: LogTime,
    files: &[Others],
    out: &mut impl Write,
) -> Result<Written, StoreError> {
    retain(files, out, |filed| old::leave_out(before, filed))
}

/// Writes what a file has of all logs but one; says how many records it had of that.
pub(crate) fn without(
    file: Others,
    log: &SourceName,
    out: &mut impl Write,
) -> Result<(Written, u64), StoreError> {
    let mut left_out = 0;
    let is_first = |filed: &Filed| {
        Key::of(&filed.other.record).first().is_some_and(|first| first.to_string() == filed.key)
    };
    let written = retain(&[file], out, |filed| {
        filed.retain(|filed| {
            let is_kept = filed.other.log != *log;
            left_out += u64::from(!is_kept && is_first(filed));
            is_kept
        });
    })?;
    Ok((written, left_out))
}

/// Merges files into one, of each key only what `keep` leaves of it.
fn retain(
    files: &[Others],
    out: &mut impl Write,
    mut keep: impl FnMut(&mut Vec<Filed>),
) -> Result<Written, StoreError> {
    let mut packer = Packer::new(out);
    let (mut same, mut told) = (Vec::<Filed>::new(), None);
    let mut pack = |same: &mut Vec<Filed>| {
        keep(same);
        same.drain(..).try_for_each(|filed| {
            told = wider(told, old::last_moment(&filed.other.record));
            packer.line(&filed.line)
        })
    };
    each_once(files, |line| {
        let Line { key, other }: Line<Other> = files[0].parsed(&line)?;
        if same.last().is_some_and(|last| last.key != key) || same.len() == KEY_LINES {
            pack(&mut same).map_err(written(files))?;
        }
        same.push(Filed { key, line, other });
        Ok(())
    })?;
    pack(&mut same).map_err(written(files))?;
    Ok(Written { told, ..packer.finish().map_err(written(files))? })
}

/// Gives every line of some files to `take`, in order, each once.
fn each_once(
    files: &[Others],
    mut take: impl FnMut(String) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut inputs = Vec::new();
    for file in files {
        let mut lines = file.frames.lines();
        if let Some(first) = lines.next().transpose()? {
            inputs.push((first, lines));
        }
    }
    let mut last = String::new();
    // Files are few, and lines are long: to look at each file's next line costs little beside packing one.
    while let Some(least) = (0..inputs.len()).min_by(|one, other| inputs[*one].0.cmp(&inputs[*other].0)) {
        let next = inputs[least].1.next().transpose()?;
        let line = match next {
            Some(next) => mem::replace(&mut inputs[least].0, next),
            None => inputs.swap_remove(least).0,
        };
        if line != last {
            last.clone_from(&line);
            take(line)?;
        }
    }
    Ok(())
}

/// What went wrong with writing what some files become.
fn written(files: &[Others]) -> impl Fn(std::io::Error) -> StoreError + '_ {
    |error| StoreError::write(files.first().map_or(Path::new(""), |file| file.frames.path()))(error)
}

fn wider(told: Option<Span>, at: LogTime) -> Option<Span> {
    Some(told.map_or(Span::at(at), |told| Span::between(told.from().min(at), told.to().max(at))))
}

/// A file of them.
#[derive(Debug)]
pub(crate) struct Others {
    frames: Frames,
    has_ends: OnceLock<bool>,
}

/// What the lines of a key begin with.
fn begins(prefix: &str) -> String {
    format!("{{\"key\":\"{prefix}")
}

impl Others {
    pub(crate) fn open(place: &Place, name: &str) -> Result<Self, StoreError> {
        Ok(Self { frames: Frames::open(place, name)?, has_ends: OnceLock::new() })
    }

    /// Adds those filed under a key that begins so.
    pub(crate) fn find(&self, prefix: &str, found: &mut BTreeSet<Other>) -> Result<(), StoreError> {
        self.frames.each(&begins(prefix), |line| {
            found.insert(self.read(line)?);
            Ok(())
        })
    }

    /// Whether there are records that do not say what was translated.
    pub(crate) fn has_ends(&self) -> Result<bool, StoreError> {
        if let Some(known) = self.has_ends.get() {
            return Ok(*known);
        }
        let mut any = false;
        self.frames.each(&begins(Key::REALS), |_| {
            any = true;
            Ok(())
        })?;
        Ok(*self.has_ends.get_or_init(|| any))
    }

    /// Adds those that are filed under outside endpoints or clients, and that `wanted` wants.
    pub(crate) fn search(
        &self,
        prefix: &str,
        wanted: impl Fn(&Other) -> bool,
        found: &mut BTreeSet<Other>,
    ) -> Result<(), StoreError> {
        self.frames.each(&begins(prefix), |line| {
            found.extend(Some(self.read(line)?).filter(&wanted));
            Ok(())
        })
    }

    /// Whether any of them is of a log.
    pub(crate) fn has(&self, log: &SourceName) -> Result<bool, StoreError> {
        for line in self.frames.lines() {
            if self.read(&line?)?.log == *log {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// From the earliest to the latest of the last moments of which they tell; `None` if there is none.
    pub(crate) fn told(&self) -> Result<Option<Span>, StoreError> {
        let mut told = None;
        for line in self.frames.lines() {
            told = wider(told, old::last_moment(&self.read(&line?)?.record));
        }
        Ok(told)
    }

    /// Gives each to `take`; one that has two keys comes twice.
    pub(crate) fn each(&self, mut take: impl FnMut(&Other)) -> Result<(), StoreError> {
        self.frames.lines().try_for_each(|line| {
            take(&self.read(&line?)?);
            Ok(())
        })
    }

    /// Reads all of it.
    pub(crate) fn verify(&self) -> Result<u64, StoreError> {
        let mut lines = 0;
        for line in self.frames.lines() {
            self.read(&line?)?;
            lines += 1;
        }
        Ok(lines)
    }

    fn read(&self, line: &str) -> Result<Other, StoreError> {
        Ok(self.parsed(line)?.other)
    }

    fn parsed(&self, line: &str) -> Result<Line<Other>, StoreError> {
        serde_json::from_str(line).map_err(|error| StoreError::Damaged {
            path: self.frames.path().to_owned(),
            what: format!("a line is no record: {error}"),
        })
    }
}
