//! Damages the golden corpus at random and feeds it to the fuzz targets' functions, so that an ordinary
//! `cargo test` tries what nobody wrote down.

use crate::{
    corpus::{alert_cases, cases},
    fuzz_corpus::targets,
};
use proptest::prelude::*;

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
