//! Rotated logs: which files are the pieces of one log, and in which order they were written.
//!
//! The rule, from the end of the name: compression endings (`.gz`, `.zst`, …) fall away; so does a
//! number after a dot (`.1`, at most three digits, unless the part before it is a number too: `192.0.2.1`
//! is an address); so does a date after `.`, `-` or `_` (`-20261122`, `.2026-11-22T10`, `-1795345055`),
//! also before the last ending (`conntrack-20261122.log`). Everything else is part of the name:
//! `gw-1.log` and `gw-2.log` are two logs.

use super::{Found, Location};
use std::{cmp::Reverse, collections::BTreeMap, path::PathBuf};

/// The pieces of one log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Family {
    /// The name that they share, such as `conntrack.log`.
    pub stem: String,
    /// The pieces, oldest first, as far as names tell.
    pub files: Vec<Found>,
}

/// The name of the log that a file is a piece of, without rotation and compression endings.
#[must_use]
pub fn family(name: &str) -> String {
    Piece::of(name).stem
}

/// Puts the pieces of one log in one folder together, in order of folder and name; each file once.
#[must_use]
pub fn families(found: Vec<Found>) -> Vec<Family> {
    /// Pieces in order of age; two of one age in order of path.
    type Pieces = BTreeMap<(Turn, Location), Found>;
    let mut grouped: BTreeMap<(Option<PathBuf>, String), Pieces> = BTreeMap::new();
    for found in found {
        let folder = match &found.location {
            Location::File(path) => Some(path.parent().map(Into::into).unwrap_or_default()),
            Location::Stdin => None,
        };
        let Piece { stem, turn } = Piece::of(found.location.name().as_str());
        let pieces = grouped.entry((folder, stem)).or_default();
        pieces.entry((turn, found.location.clone())).or_insert(found);
    }
    grouped
        .into_iter()
        .map(|((_, stem), files)| Family { stem, files: files.into_values().collect() })
        .collect()
}

struct Piece {
    stem: String,
    turn: Turn,
}

/// When a piece was written, oldest first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Turn {
    /// A date as text; a log's pieces all have the same form of it.
    Dated(String),
    /// The larger the number, the older the piece.
    Numbered(Reverse<u16>),
    /// Still being written.
    Current,
}

impl Piece {
    fn of(name: &str) -> Self {
        let mut rest = uncompressed(name);
        let mut turn = Turn::Current;
        // A piece that was rotated twice, as in `eve.json-20261122.1`, is named by the outermost turn
        // first; the innermost date orders best.
        while let Some((head, found)) = numbered(rest).or_else(|| dated(rest)) {
            rest = uncompressed(head);
            turn = found;
        }
        if let Some((base, ending)) = rest.rsplit_once('.')
            && ending.bytes().any(|b| b.is_ascii_alphabetic())
            && let Some((head, date)) = dated(base)
        {
            return Self { stem: format!("{head}.{ending}"), turn: date };
        }
        Self { stem: rest.into(), turn }
    }
}

fn uncompressed(mut name: &str) -> &str {
    const ENDINGS: [&str; 7] = [".gz", ".gzip", ".zst", ".zstd", ".bz2", ".xz", ".lz4"];
    while let Some(head) = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending))
        && !head.is_empty()
    {
        name = head;
    }
    name
}

/// `conntrack.log.1` → `conntrack.log`, 1.
fn numbered(name: &str) -> Option<(&str, Turn)> {
    let (head, number) = name.rsplit_once('.')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let before = head.rsplit('.').next().unwrap_or(head);
    if head.is_empty() || number.len() > 3 || !is_number(number) || is_number(before) {
        return None;
    }
    Some((head, Turn::Numbered(Reverse(number.parse().ok()?))))
}

/// `conntrack.log-20261122` → `conntrack.log`, `20261122`.
fn dated(name: &str) -> Option<(&str, Turn)> {
    name.match_indices(['.', '-', '_'])
        .map(|(at, _)| (&name[..at], &name[at + 1..]))
        .find(|(head, tail)| !head.is_empty() && is_date(tail))
        .map(|(head, date)| (head, Turn::Dated(date.into())))
}

/// Whether `text` is a day, with or without a time of it, or ten digits of Unix seconds.
fn is_date(text: &str) -> bool {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let day_and_time = shape.strip_prefix("0000-00-00").or_else(|| shape.strip_prefix("00000000"));
    let time = day_and_time.map(|time| time.trim_start_matches(['T', '-', '_', '.']));
    let known_time = ["", "00", "0000", "000000", "00:00", "00-00", "00:00:00", "00-00-00", "00_00_00"];
    if !time.is_some_and(|time| known_time.contains(&time)) {
        return false;
    }
    let number = |range: std::ops::Range<usize>| digits.get(range).and_then(|n| n.parse::<u32>().ok());
    let day = number(0..4).is_some_and(|year| (1990..2100).contains(&year))
        && number(4..6).is_some_and(|month| (1..=12).contains(&month))
        && number(6..8).is_some_and(|day| (1..=31).contains(&day));
    day || (shape == "0000000000" && digits.starts_with(['1', '2']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Origin;

    #[test]
    fn the_pieces_of_one_log_have_one_name() {
        for name in [
            "conntrack.log",
            "conntrack.log.gz",
            "conntrack.log.1",
            "conntrack.log.12.gz",
            "conntrack.log-20261122",
            "conntrack.log-20261122.gz",
            "conntrack.log-2026112210.zst",
            "conntrack.log-1795345055",
            "conntrack.log.2026-11-22",
            "conntrack.log.2026-11-22T10",
            "conntrack.log.2026-11-22T10:57:52Z",
            "conntrack.log.20261122-105752.1",
            "conntrack-20261122.log.zst",
            "conntrack_2026-11-22_10-57-52.log",
            "conntrack.2026-11-22.log",
        ] {
            assert_eq!(family(name), "conntrack.log", "{name}");
        }
    }

    #[test]
    fn two_gateways_are_never_one_log() {
        for name in [
            "gw-1.log",
            "gw-2",
            "192.0.2.1",
            "fw-192.0.2.1",
            "192.0.2.1.log",
            "fw-12345678.log",
            "fw-9999999999",
            "gw-a.conntrack.log",
            "20261122.log",
            ".gz",
            "-20261122",
            "",
            "日志.log",
        ] {
            assert_eq!(family(name), name);
        }
    }

    #[test]
    fn pieces_come_oldest_first_and_folders_stay_apart() {
        let found = |path: &str| Found {
            location: Location::File(path.into()),
            origin: Origin::Searched,
            bytes: None,
        };
        let given =
            ["b/nat.log", "a/nat.log", "a/nat.log.1", "a/nat.log.10.gz", "a/nat.log.2.gz", "a/nat.log"];
        let families = families(given.map(found).into());
        let names: Vec<Vec<String>> =
            families.iter().map(|f| f.files.iter().map(|f| f.location.to_string()).collect()).collect();
        assert_eq!(
            names,
            [vec!["a/nat.log.10.gz", "a/nat.log.2.gz", "a/nat.log.1", "a/nat.log"], vec!["b/nat.log"]]
        );
        assert!(families.iter().all(|family| family.stem == "nat.log"));
    }
}
