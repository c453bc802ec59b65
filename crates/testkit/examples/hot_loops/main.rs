//! The hot loops, each by itself: what `cargo xtask budgets` counts the instructions of.
//!
//! `hot_loops` names them, a line each. `hot_loops NAME PASSES` makes what the loop works on, works through it
//! so many times, and prints how many items that were. Making it costs the same whatever the number of passes,
//! so two runs tell what an item costs.
//!
//! The input is that of the benches, so that a budget and a bench speak of the same thing.

#[path = "../../../index/benches/index/flows.rs"]
mod flows;
#[path = "../../../engine/benches/engine/known.rs"]
mod known;
#[path = "../../../decode/benches/decode/lines.rs"]
mod lines;

use std::{env, hint::black_box, process::ExitCode};
use unmasq_decode::{
    Carrier, Format, Hints, Record,
    alert::{AlertFormat, Reading},
};
use unmasq_engine::settle;
use unmasq_index::Arena;
use unmasq_model::Status;

/// Items of one pass: enough that no single line decides.
const ITEMS: usize = 2_000;

/// Alerts that the sieve knows.
const SIEVED_ALERTS: usize = 10_000;

/// A loop by name, and what works through its items so many times.
type HotLoop = (&'static str, fn(usize));

const LOOPS: [HotLoop; 14] = [
    ("nat_json_same_order", |passes| decode(Format::AlibabaNat, None, &lines::nat_json(ITEMS), passes)),
    ("nat_json_any_order", |passes| {
        decode(Format::AlibabaNat, None, &lines::nat_json_shuffled(ITEMS), passes);
    }),
    ("nat_json_texts", |passes| decode(Format::AlibabaNat, None, &lines::nat_json_texts(ITEMS), passes)),
    ("nat_csv", |passes| decode(Format::AlibabaNatCsv, None, &lines::nat_csv(ITEMS), passes)),
    ("conntrack_events", |passes| decode(Format::ConntrackText, None, &lines::conntrack(ITEMS), passes)),
    ("haproxy", |passes| decode(Format::Haproxy, None, &lines::haproxy(ITEMS), passes)),
    ("nginx_combined", |passes| decode(Format::Nginx, None, &lines::nginx_combined(ITEMS), passes)),
    ("nginx_upstreams", |passes| {
        let layout = Some(lines::NGINX_UPSTREAMS);
        decode(Format::Nginx, layout, &lines::nginx_upstreams(ITEMS), passes);
    }),
    ("alb_json", |passes| decode(Format::AlibabaAlb, None, &lines::alb_json(ITEMS), passes)),
    ("eve_read_and_put", |passes| read_and_put(&lines::eve(ITEMS), passes)),
    ("eve_http_read_and_put", |passes| read_and_put(&lines::eve_http(ITEMS), passes)),
    ("eve_key", |passes| read_keys(&lines::eve(ITEMS), passes)),
    ("sieve_miss", sieve_miss),
    ("settle_one_session", settle_one_session),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => LOOPS.iter().for_each(|(name, _)| println!("{name}")),
        [name, passes] => match (LOOPS.iter().find(|(known, _)| *known == name), passes.parse::<usize>()) {
            (Some((_, run)), Ok(passes)) => {
                run(passes);
                println!("{}", passes * ITEMS);
            }
            _ => return usage(),
        },
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: hot_loops [NAME PASSES]");
    ExitCode::from(2)
}

/// Reads lines and drops what they say, as a run does with nearly every record: what is brief is looked at, and
/// not owned.
fn decode(format: Format, layout: Option<&str>, log: &[u8], passes: usize) {
    let (mut decoder, lines) = lines::readable(format, layout, log);
    let mut records: Vec<Record> = Vec::new();
    assert_eq!(lines.len(), ITEMS);
    for _ in 0..passes {
        for line in &lines {
            if black_box(decoder.brief(black_box(line))).is_none() {
                records.clear();
                let _ = decoder.decode(black_box(line), &mut records);
                black_box(&records);
            }
        }
    }
}

const TRACE: &str = r#"{"version":1,"alert_id":"a6a5c0f0b2f34dd0a3c1f5b9e9d7c001","status":"traced"}"#;

/// Reads alerts and writes each with a trace in it. They are not named: their hash is made by the processor
/// where that can do it, and by thousands of instructions where, as here, it is not seen to be able to.
fn read_and_put(log: &[u8], passes: usize) {
    let lines = lines::lines_of(log);
    let mut reader = AlertFormat::SuricataEve.reader(Hints::default());
    let mut written = Vec::new();
    for _ in 0..passes {
        written.clear();
        for line in &lines {
            let Reading::Alert(facts) = reader.read(black_box(line)) else { panic!("not an alert") };
            black_box(facts);
            Carrier::Member.put_into(line, "trace", TRACE, &mut written).unwrap();
        }
        black_box(&written);
    }
}

/// Reads by what the traces of alerts ask.
fn read_keys(log: &[u8], passes: usize) {
    let lines = lines::lines_of(log);
    let mut reader = AlertFormat::SuricataEve.reader(Hints::default());
    for _ in 0..passes {
        for line in &lines {
            assert!(black_box(reader.key(black_box(line))).is_some(), "not an alert");
        }
    }
}

/// Asks a sieve about records that concern no alert.
fn sieve_miss(passes: usize) {
    let sieve = known::sieve(&flows::flows(1, SIEVED_ALERTS));
    let records = known::plain(&flows::flows(2, ITEMS));
    assert_eq!(known::kept(&sieve, &records), 0);
    for _ in 0..passes {
        black_box(known::kept(&sieve, black_box(&records)));
    }
}

/// Traces alerts that have one session each.
fn settle_one_session(passes: usize) {
    let flows = flows::flows(1, ITEMS);
    let (site, memory) = known::knowledge(&flows);
    let alerts: Vec<_> = flows.iter().map(known::alert).collect();
    for _ in 0..passes {
        for alert in &alerts {
            let room = Arena::new();
            let trace = settle(black_box(alert), &site, |question| memory.answer(question, &room));
            assert_eq!(trace.status, Status::Traced);
            black_box(trace);
        }
    }
}
