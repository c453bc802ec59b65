//! How fast a store answers: `cargo run --release -p unmasq-store --example figures DIR [LOOK-UPS]`.
//!
//! Asks for sessions that are in it, drawn at random, by their outside endpoint, peer and start; once to warm
//! the page cache, and once more to measure.

use bytes::Bytes;
use std::{env, fs, path::Path, time::Instant};
use unmasq_model::{Question, SessionsQuestion, Span};
use unmasq_segment::{Columns, Plain, Segment};
use unmasq_store::{Store, session_of};
use unmasq_testkit::rng::Rng;

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn now() -> Instant {
    Instant::now()
}

fn main() {
    let mut words = env::args().skip(1);
    let folder = words.next().expect("name the store's folder");
    let count: usize = words.next().and_then(|word| word.parse().ok()).unwrap_or(10_000);
    let begin = now();
    let store = Store::open(Path::new(&folder)).expect("there is a store");
    println!("manifest read in {} us", begin.elapsed().as_micros());
    let rows: u64 = store.manifest().segments.iter().map(|entry| entry.rows).sum();
    let bytes: u64 = store.manifest().segments.iter().map(|entry| entry.bytes).sum();
    println!("{rows} rows, {} thousandths of a byte each", bytes * 1000 / rows.max(1));
    let mut questions = drawn(&store, Path::new(&folder), count, rows);
    Rng::new(1).shuffle(&mut questions);
    ask(&store, &questions);
    let took = ask(&store, &questions);
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    println!("one at a time: p50 {} us, p90 {} us, p99 {} us", at(50), at(90), at(99));
    let all: Vec<&Question> = questions.iter().collect();
    let begin = now();
    store.find(&all).expect("the store is whole");
    println!("all at once: {} us each", begin.elapsed().as_micros() / all.len() as u128);
}

/// Asks one question after another; the microseconds of each, in order of length.
fn ask(store: &Store, questions: &[Question]) -> Vec<u128> {
    let mut took = Vec::new();
    for question in questions {
        let begin = now();
        let found = store.find(&[question]).expect("the store is whole");
        took.push(begin.elapsed().as_micros());
        assert!(!found.plain.is_empty(), "what was drawn is found");
    }
    took.sort_unstable();
    took
}

/// Questions about sessions of the store, evenly over all.
fn drawn(store: &Store, folder: &Path, count: usize, rows: u64) -> Vec<Question> {
    let every = usize::try_from(rows).unwrap_or(usize::MAX) / count.max(1) + 1;
    let (mut questions, mut seen) = (Vec::new(), 0);
    for entry in &store.manifest().segments {
        let bytes = fs::read(folder.join(&entry.name)).expect("the file is there");
        let segment = Segment::open(Bytes::from(bytes)).expect("it is whole");
        let mut take = |row: &Plain| {
            seen += 1;
            (seen % every == 0).then(|| question(row)).flatten()
        };
        segment
            .scan(|_| true, Columns::Trace, |rows| questions.extend(rows.iter().filter_map(&mut take)))
            .expect("it is whole");
    }
    questions
}

fn question(row: &Plain) -> Option<Question> {
    let (translation, start, _) = session_of(row)?;
    Some(Question::Sessions(SessionsQuestion {
        gateway: None,
        protocol: translation.protocol,
        outside: (translation.outside.ip, translation.outside.port()),
        remote: translation.remote,
        during: Span::at(start.to()),
    }))
}
