//! Files of what was heard: written once, whole lines, read like any other log, and removed when they were read.
//!
//! ```text
//! spool/haproxy/haproxy-1795345055        one log; the number is when the file was begun, in seconds
//! spool/haproxy/haproxy-1795348655
//! spool/nat/192.0.2.1/192.0.2.1-1795345055  one log of several that come to one place
//! ```
//!
//! The names are those of a rotated log's pieces, so that they are read as one log, oldest first, called like the
//! folder. Each begins with a blank line that no other has: two files that begin alike would be taken for one.
//! A process never goes on with a file of the one before it, whose last line may be half of one.

use super::Surroundings;
use crate::source::end_of_lines;
use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};
use unmasq_model::Arrival;
use xxhash_rust::xxh3::xxh3_64;

/// How much a spool keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// All files of it have so many bytes at most; what was not read yet is never removed.
    pub(super) bytes: u64,
    /// One file has so many, or a group more.
    pub(super) file: u64,
    /// What was read is kept for so long after it was written, as far as there is room.
    pub(super) keep: Duration,
    /// There are so many logs at most.
    pub(super) logs: usize,
}

/// What one listener hears, on disk.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    /// What its only log is called; without it, each has a folder of its own.
    name: Option<String>,
    bounds: Bounds,
    logs: BTreeMap<String, Log>,
}

/// One log of a spool.
#[derive(Debug)]
struct Log {
    folder: PathBuf,
    name: String,
    /// Oldest first; the last one is written to, if it is open.
    files: VecDeque<SpoolFile>,
    open: Option<File>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct SpoolFile {
    number: u64,
    bytes: u64,
    /// Up to where it has whole lines.
    lines_end: u64,
}

impl Spool {
    /// Opens what an earlier process left there, or begins.
    pub(super) fn open(folder: &Path, name: Option<&str>, bounds: Bounds, now: Arrival) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut logs = BTreeMap::new();
        match name {
            Some(name) => {
                let mut log = Log::open(folder, name)?;
                // There is a file from the start, so that the log is known to be connected.
                log.begin(now)?;
                logs.insert(String::new(), log);
            }
            None => {
                for entry in fs::read_dir(folder)? {
                    let entry = entry?;
                    if let Ok(name) = entry.file_name().into_string()
                        && super::is_name(&name)
                        && entry.file_type()?.is_dir()
                    {
                        logs.insert(name.clone(), Log::open(&entry.path(), &name)?);
                    }
                }
            }
        }
        Ok(Self { folder: folder.to_owned(), name: name.map(ToOwned::to_owned), bounds, logs })
    }

    /// Whether there is a log of that name, or room for one more.
    pub(super) fn takes(&self, log: &str) -> bool {
        self.logs.contains_key(log) || self.logs.len() < self.bounds.logs
    }

    /// How many bytes more there is room for.
    pub(super) fn room(&self) -> u64 {
        let bytes: u64 = self.logs.values().flat_map(|log| &log.files).map(|file| file.bytes).sum();
        self.bounds.bytes.saturating_sub(bytes)
    }

    /// Adds whole lines to a log. They are on disk when this has returned, or not there at all.
    pub(super) fn add(&mut self, log: &str, lines: &[u8], now: Arrival) -> io::Result<()> {
        if !self.logs.contains_key(log) {
            let name = self.name.as_deref().unwrap_or(log);
            let folder = if self.name.is_some() { self.folder.clone() } else { self.folder.join(log) };
            self.logs.insert(log.to_owned(), Log::open(&folder, name)?);
        }
        match self.logs.get_mut(log) {
            Some(log) => log.add(lines, self.bounds.file, now),
            None => Ok(()),
        }
    }

    /// Removes what was read and is old; whatever was read, while there is no room for `needed` bytes.
    pub(super) fn tidy(&mut self, needed: u64, around: &dyn Surroundings) {
        let now = around.now();
        let mut room = self.room();
        for log in self.logs.values_mut() {
            while let Some(file) = log.files.front() {
                let path = log.path(file.number);
                let is_read = file.bytes > 0 && around.read_up_to(&path) >= file.lines_end;
                let is_old = || written(&path).is_none_or(|at| now.since(at) >= self.bounds.keep);
                if !is_read || (room >= needed && !is_old()) || fs::remove_file(&path).is_err() {
                    break;
                }
                room += file.bytes;
                log.files.pop_front();
                if log.files.is_empty() {
                    log.open = None;
                }
            }
        }
        if self.name.is_none() {
            self.logs.retain(|_, log| !log.files.is_empty() || fs::remove_dir(&log.folder).is_err());
        }
    }
}

impl Log {
    fn open(folder: &Path, name: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let number = entry.file_name().to_str().and_then(|file| number_of(file, name));
            let (Some(number), path) = (number, entry.path()) else { continue };
            let file = File::open(&path)?;
            match file.metadata()?.len() {
                0 => fs::remove_file(&path)?,
                bytes => files.push(SpoolFile { number, bytes, lines_end: end_of_lines(&file)? }),
            }
        }
        files.sort_by_key(|file| file.number);
        Ok(Self { folder: folder.to_owned(), name: name.to_owned(), files: files.into(), open: None })
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{}-{number}", self.name))
    }

    /// Begins the next file.
    fn begin(&mut self, now: Arrival) -> io::Result<()> {
        self.open = None;
        let second = u64::try_from(now.as_unix_us() / 1_000_000).unwrap_or_default();
        let number = self.files.back().map_or(second, |last| second.max(last.number + 1));
        // Ten digits, as the pieces of a rotated log have them.
        let number = number.clamp(FIRST, LAST);
        fs::create_dir_all(&self.folder)?;
        let file = OpenOptions::new().write(true).create_new(true).open(self.path(number))?;
        // Its name is to last as its lines are.
        #[cfg(unix)]
        File::open(&self.folder)?.sync_all()?;
        self.open = Some(file);
        self.files.push_back(SpoolFile { number, bytes: 0, lines_end: 0 });
        Ok(())
    }

    fn add(&mut self, lines: &[u8], most: u64, now: Arrival) -> io::Result<()> {
        if self.open.is_none() || self.files.back().is_none_or(|file| file.bytes >= most) {
            self.begin(now)?;
        }
        let path = self.files.back().map(|file| self.path(file.number)).unwrap_or_default();
        let (Some(open), Some(file)) = (&mut self.open, self.files.back_mut()) else { return Ok(()) };
        let before = file.bytes;
        let first = if before == 0 { blank(&path) } else { Vec::new() };
        let written =
            open.write_all(&first).and_then(|()| open.write_all(lines)).and_then(|()| open.sync_data());
        if let Err(error) = written {
            // What of it is there must not be there twice when it is tried again.
            let _ = open.set_len(before);
            file.bytes = open.metadata().map_or(before, |facts| facts.len());
            self.open = None;
            return Err(error);
        }
        file.bytes = before + (first.len() + lines.len()) as u64;
        file.lines_end = file.bytes;
        Ok(())
    }
}

/// Ten digits that look like seconds; until 2065.
const FIRST: u64 = 1_000_000_000;
const LAST: u64 = 2_999_999_999;

fn number_of(file: &str, name: &str) -> Option<u64> {
    let number: u64 = file.strip_prefix(name)?.strip_prefix('-')?.parse().ok()?;
    (FIRST..=LAST).contains(&number).then_some(number)
}

fn written(path: &Path) -> Option<Arrival> {
    let at = fs::metadata(path).and_then(|facts| facts.modified()).ok()?;
    let us = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    Some(Arrival::from_unix_us(i64::try_from(us).unwrap_or(i64::MAX)))
}

/// A blank line that no other file begins with: the hash of its path, in blanks and tabs.
fn blank(path: &Path) -> Vec<u8> {
    let hash = xxh3_64(path.as_os_str().as_encoded_bytes());
    let mut line: Vec<u8> = (0..64).map(|bit| if hash >> bit & 1 == 0 { b' ' } else { b'\t' }).collect();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        listen::Event,
        source::{expand_in, families},
    };
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    /// The time, and whether everything was read.
    #[derive(Default)]
    struct Here(AtomicU64, AtomicU64);

    impl Surroundings for Here {
        fn now(&self) -> Arrival {
            Arrival::from_unix_us(i64::try_from(self.0.load(Relaxed)).unwrap() * 1_000_000)
        }

        fn is_stopping(&self) -> bool {
            false
        }

        fn read_up_to(&self, _: &Path) -> u64 {
            self.1.load(Relaxed)
        }

        fn count(&self, _: Event, _: u64) {}

        fn failed(&self, _: &str, _: &io::Error) {}
    }

    const BOUNDS: Bounds = Bounds { bytes: 400, file: 100, keep: Duration::from_secs(3600), logs: 2 };

    fn texts(folder: &Path) -> Vec<String> {
        let found = expand_in(folder, "").unwrap_or_default();
        let families = families(found);
        assert!(families.len() <= 1, "the files are one log: {families:?}");
        let files = families.into_iter().flat_map(|family| family.files);
        files
            .map(|found| fs::read_to_string(found.location.to_string()).unwrap().trim_start().to_owned())
            .collect()
    }

    #[test]
    fn files_are_begun_read_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("nat.log");
        let now = |second: i64| Arrival::from_unix_us(second * 1_000_000);
        let mut spool = Spool::open(&folder, Some("nat.log"), BOUNDS, now(1_795_345_055)).unwrap();
        assert_eq!(texts(&folder), [""], "there is a file from the start");
        for line in ["one\n", "two\n", "three\n"] {
            spool.add("", format!("{}{line}", "x".repeat(60)).as_bytes(), now(1_795_345_055)).unwrap();
        }
        let lines = |n: &[&str]| n.iter().map(|n| format!("{}{n}\n", "x".repeat(60))).collect::<Vec<_>>();
        assert_eq!(texts(&folder), lines(&["one", "two", "three"]));
        let starts: std::collections::BTreeSet<Vec<u8>> = fs::read_dir(&folder)
            .unwrap()
            .map(|file| fs::read(file.unwrap().path()).unwrap()[..65].to_vec())
            .collect();
        assert_eq!(starts.len(), 3, "no two begin alike");
        // Another process, a moment earlier by its clock; the last line of the one before broke off.
        drop(spool);
        let last = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).max().unwrap();
        OpenOptions::new().append(true).open(&last).unwrap().write_all(b"half").unwrap();
        let mut spool = Spool::open(&folder, Some("nat.log"), BOUNDS, now(1_795_345_000)).unwrap();
        assert_eq!(texts(&folder).len(), 4);
        let here = Here::default();
        here.0.store(1_000_000_000, Relaxed);
        spool.tidy(400, &here);
        assert_eq!(texts(&folder).len(), 4, "what nobody has read stays");
        here.1.store(1000, Relaxed);
        spool.tidy(0, &here);
        assert_eq!(texts(&folder).len(), 4, "what was written just now stays");
        spool.tidy(spool.room() + 1, &here);
        assert_eq!(texts(&folder).len(), 3, "unless there is no room");
        here.0.store(3_000_000_000, Relaxed);
        spool.tidy(0, &here);
        assert_eq!(texts(&folder), [""], "what nothing was written to is not read yet");
        spool.add("", b"four\n", now(1_795_345_055)).unwrap();
        assert_eq!(texts(&folder), ["four\n"]);
    }

    #[test]
    fn logs_that_come_to_one_place_lie_apart() {
        let folder = tempfile::tempdir().unwrap();
        let now = Arrival::from_unix_us(1_795_345_055_000_000);
        let mut spool = Spool::open(folder.path(), None, BOUNDS, now).unwrap();
        spool.add("gw-a", b"a\n", now).unwrap();
        spool.add("192.0.2.1", b"b\n", now).unwrap();
        assert!(spool.takes("gw-a") && !spool.takes("gw-c"), "no more than two");
        assert_eq!(texts(&folder.path().join("gw-a")), ["a\n"]);
        let mut spool = Spool::open(folder.path(), None, BOUNDS, now).unwrap();
        assert!(spool.takes("192.0.2.1") && !spool.takes("gw-c"));
        let here = Here::default();
        here.0.store(3_000_000_000, Relaxed);
        here.1.store(1000, Relaxed);
        spool.tidy(0, &here);
        assert!(spool.takes("gw-c"), "what is silent for long makes room");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
