//! Writes a session log as fast as asked: the workload's, over and over, each time later by its own length.

use anyhow::{Context, Result, ensure};
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

/// How long the workload's log is.
const LENGTH_SECONDS: u64 = 6 * 3600;
/// So many sessions are in one file; a gateway's log is rotated at times.
const FILE: u64 = 1_000_000;
/// So many files are there at once; what is older has been read long ago, or the service is far behind.
const FILES: usize = 12;

/// So much is written at one go: little enough to lie in a core's own cache until it is.
const PIECE: usize = 256 << 10;

/// A log that grows.
pub(super) struct Feed<'f> {
    folder: &'f Path,
    /// The workload's, with the times that its lines have when they are written next.
    lines: Vec<u8>,
    /// Up to where they were written in this round.
    at: usize,
    /// By how many seconds a line is later than it was when it was written last.
    by: u64,
    out: File,
    files: Vec<PathBuf>,
    in_file: u64,
    /// How many sessions were written.
    pub(super) written: u64,
    /// The moment at which the last one ended, in seconds.
    pub(super) latest: u64,
}

impl<'f> Feed<'f> {
    pub(super) fn new(source: &Path, folder: &'f Path) -> Result<Self> {
        // Reading it again and again would take as long as writing it.
        let lines = fs::read(source).with_context(|| format!("cannot read {}", source.display()))?;
        ensure!(lines.ends_with(b"\n"), "the workload ends within a line");
        let mut files = Vec::new();
        let out = next_file(folder, &mut files, 0)?;
        Ok(Self { folder, lines, at: 0, by: 0, out, files, in_file: 0, written: 0, latest: 0 })
    }

    /// Writes so many more.
    pub(super) fn write(&mut self, sessions: u64) -> Result<()> {
        let mut left = sessions;
        while left > 0 {
            if self.at == self.lines.len() {
                (self.at, self.by) = (0, LENGTH_SECONDS);
            }
            let begin = self.at;
            while left > 0
                && self.at < self.lines.len().min(begin + PIECE)
                && let Some(length) = memchr::memchr(b'\n', &self.lines[self.at..])
            {
                let line = &mut self.lines[self.at..=self.at + length];
                self.latest = self.latest.max(later(line, self.by)?);
                self.at += line.len();
                self.written += 1;
                self.in_file += 1;
                left -= 1;
            }
            self.out.write_all(&self.lines[begin..self.at]).context("cannot write the log")?;
            if self.in_file >= FILE {
                self.in_file = 0;
                self.out = next_file(self.folder, &mut self.files, self.written)?;
            }
        }
        Ok(())
    }
}

fn next_file(folder: &Path, files: &mut Vec<PathBuf>, number: u64) -> Result<File> {
    // As logs are called that were rotated: all are the pieces of one.
    let path = folder.join(format!("sessions-{}.jsonl", 1_800_000_000 + number / FILE));
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    files.push(path);
    if files.len() > FILES {
        let oldest = files.remove(0);
        fs::remove_file(&oldest).with_context(|| format!("cannot remove {}", oldest.display()))?;
    }
    Ok(file)
}

/// Moves the two times that end a line of the workload, and says when it ends then.
fn later(line: &mut [u8], by: u64) -> Result<u64> {
    const BETWEEN: &[u8] = b",\"end_time\":";
    const DIGITS: usize = 10;
    let mut moved = 0;
    for from_end in [2 * DIGITS + BETWEEN.len(), DIGITS] {
        let start = line.len().saturating_sub(from_end + b"}\n".len());
        let digits = line.get_mut(start..start + DIGITS).context("a line of the workload is too short")?;
        ensure!(digits.iter().all(u8::is_ascii_digit), "a line of the workload does not end with its times");
        let at = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
        moved = at + by;
        let mut rest = moved;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).expect("a digit");
            rest /= 10;
        }
    }
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_times_of_a_line_are_moved() {
        let mut line = b"{\"a\":1,\"start_time\":1772323200,\"end_time\":1772323201}\n".to_vec();
        assert_eq!(later(&mut line, 21_600).unwrap(), 1_772_344_801);
        assert_eq!(line, b"{\"a\":1,\"start_time\":1772344800,\"end_time\":1772344801}\n");
        assert!(later(&mut b"{}\n".to_vec(), 1).is_err());
    }
}
