//! Damages the golden corpus at random and feeds it to the fuzz targets' functions, so that an ordinary
//! `cargo test` tries what nobody wrote down.

use crate::{
    corpus::{Case, alert_cases, cases},
    fuzz_corpus::targets,
};
use proptest::prelude::*;
use serde_json::value::RawValue;
use std::{
    collections::BTreeMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
};
use unmasq_decode::{Decoder, Format, Record, Unreadable, alert::AlertFormat};

/// One way to damage a log.
#[derive(Clone, Debug)]
enum Damage {
    Overwrite(usize, u8),
    Insert(usize, u8),
    Cut(usize, usize),
    Repeat(usize, usize),
    Truncate(usize),
}

impl Damage {
    fn apply(&self, log: &mut Vec<u8>) {
        let within = |at: usize| at % log.len().max(1);
        let range = |at: usize, length: usize| within(at)..within(at).saturating_add(length).min(log.len());
        match *self {
            _ if log.is_empty() => {}
            Self::Overwrite(at, byte) => {
                let at = within(at);
                log[at] = byte;
            }
            Self::Insert(at, byte) => log.insert(within(at), byte),
            Self::Cut(at, length) => drop(log.drain(range(at, length))),
            Self::Repeat(at, length) => {
                let again = log[range(at, length)].to_vec();
                let at = within(at);
                log.splice(at..at, again);
            }
            Self::Truncate(at) => log.truncate(within(at)),
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    // Bytes that mean something to a log, and any other.
    let byte = || prop_oneof![proptest::sample::select(&b"0123456789.:=[]{},\"\t\n -"[..]), any::<u8>()];
    prop_oneof![
        4 => (any::<usize>(), byte()).prop_map(|(at, byte)| Damage::Overwrite(at, byte)),
        2 => (any::<usize>(), byte()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        2 => (any::<usize>(), 1..200_usize).prop_map(|(at, length)| Damage::Cut(at, length)),
        1 => (any::<usize>(), 1..400_usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
        1 => any::<usize>().prop_map(Damage::Truncate),
    ]
}

#[test]
fn no_damaged_log_breaks_a_decoder() {
    let cases = cases();
    let strategy = (0..cases.len(), proptest::collection::vec(damage(), 1..12));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&strategy, |(case, damages)| {
            let mut log = cases[case].input.clone();
            for damage in &damages {
                damage.apply(&mut log);
            }
            targets::session_log(cases[case].format, &log);
            Ok(())
        })
        .unwrap();
}

#[test]
fn no_damaged_alerts_break_a_reader() {
    let cases = alert_cases();
    let strategy = (0..cases.len(), proptest::collection::vec(damage(), 1..12));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&strategy, |(case, damages)| {
            let mut alerts = cases[case].input.clone();
            for damage in &damages {
                damage.apply(&mut alerts);
            }
            targets::alert(&alerts);
            Ok(())
        })
        .unwrap();
}

/// A line, a copy of it that was damaged, and the line again: a shape that was learned from one must not
/// be seen in the other.
fn thrice<'a>(log: &'a [u8], damages: &[Damage]) -> Vec<Vec<u8>> {
    let lines = log.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let thrice = |line: &'a [u8]| {
        let mut damaged = line.to_vec();
        damages.iter().for_each(|damage| damage.apply(&mut damaged));
        [line.to_vec(), damaged, line.to_vec()]
    };
    lines.take(12).flat_map(thrice).collect()
}

/// The same with one more member, which nobody asks for and whose name has an escape: what reads objects
/// quickly leaves it to what reads any.
fn read_slowly(line: &[u8]) -> Vec<u8> {
    match line.strip_prefix(b"{") {
        Some(rest) if !rest.trim_ascii_start().starts_with(b"}") => [&br#"{"\u005f":0,"#[..], rest].concat(),
        _ => line.to_vec(),
    }
}

/// Formats whose lines are objects of which but a few members are asked for.
const OBJECTS: [Format; 6] = [
    Format::AlibabaNat,
    Format::AlibabaAlb,
    Format::AlibabaClb,
    Format::Envoy,
    Format::NginxJson,
    Format::Traefik,
];

/// The cases of these formats.
fn cases_of_objects() -> Vec<Case> {
    let is_of_objects = |case: &Case| OBJECTS.contains(&case.format) && case.input.starts_with(b"{");
    cases().into_iter().filter(is_of_objects).collect()
}

/// What a decoder makes of a line; a brief of it, if there is one, must say the same.
fn read(decoder: &mut dyn Decoder, line: &[u8]) -> (Result<(), Unreadable>, Vec<Record>) {
    let brief = decoder.brief(line).map(Record::from);
    let mut records = Vec::new();
    let read = decoder.decode(line, &mut records);
    if let Some(brief) = brief {
        assert_eq!(records, [brief], "{}", String::from_utf8_lossy(line));
    }
    (read, records)
}

#[test]
fn a_damaged_line_reads_as_if_it_were_the_first_and_read_slowly() {
    let cases = cases_of_objects();
    let strategy = (0..cases.len(), proptest::collection::vec(damage(), 1..4));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&strategy, |(case, damages)| {
            let case = &cases[case];
            let fresh = || case.format.decoder(&case.hints).unwrap();
            let mut warm = fresh();
            for line in thrice(&case.input, &damages) {
                let first = read(&mut *fresh(), &line);
                let slow = read(&mut *fresh(), &read_slowly(&line));
                prop_assert_eq!(&first, &slow, "{}", String::from_utf8_lossy(&line));
                prop_assert_eq!(first, read(&mut *warm, &line), "{}", String::from_utf8_lossy(&line));
            }
            Ok(())
        })
        .unwrap();
}

/// An object with its members in another order.
fn shuffled(line: &[u8], seed: u64) -> Option<Vec<u8>> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(line).ok()?;
    let mut members: Vec<_> = members.into_iter().collect();
    let hasher = BuildHasherDefault::<DefaultHasher>::new();
    members.sort_by_key(|(name, _)| hasher.hash_one((seed, name)));
    let members = members.iter().map(|(name, value)| format!("{}:{value}", serde_json::json!(name)));
    Some(format!("{{{}}}", members.collect::<Vec<_>>().join(",")).into_bytes())
}

#[test]
fn members_in_any_order_read_as_if_they_were_read_slowly() {
    let cases = cases_of_objects();
    let strategy = (0..cases.len(), any::<u64>(), proptest::collection::vec(damage(), 0..2));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&strategy, |(case, seed, damages)| {
            let case = &cases[case];
            let fresh = || case.format.decoder(&case.hints).unwrap();
            let mut warm = fresh();
            let lines = case.lines().take(12).zip(seed..=u64::MAX);
            for shuffled in lines.filter_map(|(line, seed)| shuffled(line, seed)) {
                for line in thrice(&shuffled, &damages) {
                    let slow = read(&mut *fresh(), &read_slowly(&line));
                    prop_assert_eq!(slow, read(&mut *warm, &line), "{}", String::from_utf8_lossy(&line));
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_damaged_alert_reads_as_if_it_were_the_first() {
    let case = alert_cases().into_iter().find(|case| case.format == AlertFormat::SuricataEve).unwrap();
    let strategy = proptest::collection::vec(damage(), 1..4);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&strategy, |damages| {
            let fresh = || case.format.reader(case.hints.clone());
            let mut warm = fresh();
            for line in thrice(&case.input, &damages) {
                prop_assert_eq!(fresh().read(&line), warm.read(&line), "{}", String::from_utf8_lossy(&line));
            }
            Ok(())
        })
        .unwrap();
}
