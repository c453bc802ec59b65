//! Holds forks to the decoder that they come from: a log that several of them share reads as it does in
//! one piece.

use crate::corpus::{alert_cases, cases};
use proptest::prelude::*;
use unmasq_decode::{Decoder, Framing, Record, Unreadable, alert::AlertFormat};

type Told = (Vec<Record>, Vec<(usize, Unreadable)>);

/// Reads lines of which the first is the `from`th of its log.
fn read(decoder: &mut dyn Decoder, from: usize, lines: &[&[u8]], told: &mut Told) {
    for (number, line) in (from..).zip(lines) {
        if let Err(why) = decoder.decode(line, &mut told.0) {
            told.1.push((number, why));
        }
    }
}

/// The same in pieces that end before these lines, each given to a fork unless it may turn the meaning
/// of what follows. Every fork has read other pieces before, as those of a real run have.
fn read_in_pieces(mut decoder: Box<dyn Decoder>, lines: &[&[u8]], ends: &[usize]) -> Option<Told> {
    let mut told = Told::default();
    let mut fork = decoder.fork()?;
    let mut from = 0;
    for &end in ends {
        let piece = &lines[from..end];
        if decoder.turns(&piece.concat()) {
            read(&mut *decoder, from, piece, &mut told);
            fork = decoder.fork()?;
        } else {
            read(&mut *fork, from, piece, &mut told);
        }
        from = end;
    }
    Some(told)
}

#[test]
fn a_log_in_pieces_reads_as_the_whole() {
    let cases: Vec<_> =
        cases().into_iter().filter(|case| case.format.traits().framing == Framing::Lines).collect();
    let cuts = proptest::collection::vec(any::<prop::sample::Index>(), 0..12);
    let strategy = (0..cases.len(), 0..cases.len(), cuts);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&strategy, |(case, other, cuts)| {
            let case = &cases[case];
            // Two logs of one format in one file, so that headers come again.
            let more = Some(&cases[other]).filter(|other| other.format == case.format).unwrap_or(case);
            let log = [&case.input[..], b"\n", &more.input].concat();
            let lines: Vec<&[u8]> = log.split_inclusive(|&byte| byte == b'\n').collect();
            let mut ends: Vec<usize> =
                cuts.iter().map(|cut| cut.index(lines.len())).chain([lines.len()]).collect();
            ends.sort_unstable();
            let decoder = || case.format.decoder(&case.hints).unwrap();
            let mut whole = Told::default();
            read(&mut *decoder(), 0, &lines, &mut whole);
            let pieces = read_in_pieces(decoder(), &lines, &ends);
            prop_assert_eq!(pieces, Some(whole), "{} {:?}", case.name(), ends);
            Ok(())
        })
        .unwrap();
}

#[test]
fn alerts_in_pieces_read_as_the_whole() {
    let cases = alert_cases();
    let cuts = proptest::collection::vec(any::<prop::sample::Index>(), 0..12);
    let strategy = (0..cases.len(), 0..cases.len(), cuts);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    runner
        .run(&strategy, |(case, other, cuts)| {
            let (case, other) = (&cases[case], &cases[other]);
            let log = [&case.input[..], b"\n", &other.input].concat();
            // An alert may stand in an envelope; a header never does, unless somebody forges one.
            let envelope = |line: &[u8]| {
                format!(
                    "{{\"alert\":{},\"trace\":{{\"version\":1,\"alert_id\":\"x\"}}}}\n",
                    serde_json::Value::from(String::from_utf8_lossy(line))
                )
            };
            let enveloped: Vec<u8> =
                log.split(|&byte| byte == b'\n').flat_map(|line| envelope(line).into_bytes()).collect();
            let log = if case.format == AlertFormat::ZeekTsv && cuts.len() % 2 == 0 {
                [&log[..], &enveloped].concat()
            } else {
                log
            };
            let lines: Vec<&[u8]> = log.split_inclusive(|&byte| byte == b'\n').collect();
            let mut ends: Vec<usize> =
                cuts.iter().map(|cut| cut.index(lines.len())).chain([lines.len()]).collect();
            ends.sort_unstable();

            let alert_of = |line| case.format.carrier().alert_of(line, "trace");
            let mut whole = case.format.reader(case.hints.clone());
            let mut first = case.format.reader(case.hints.clone());
            let mut fork = first.fork();
            let mut from = 0;
            for end in ends {
                let piece = &lines[from..end];
                let turns = first.turns(&piece.concat());
                let reader = if turns { &mut first } else { &mut fork };
                for line in piece {
                    let line = alert_of(line);
                    prop_assert_eq!(reader.read(&line), whole.read(&line), "{}", case.name());
                }
                if turns {
                    fork = first.fork();
                }
                from = end;
            }
            Ok(())
        })
        .unwrap();
}
