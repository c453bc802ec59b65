//! How fast lines are read: `cargo bench -p unmasq-decode`.
//!
//! One core, everything in memory and warm. The figures that count are items and bytes a second.

mod lines;

use divan::{
    Bencher, black_box,
    counter::{BytesCount, ItemsCount},
};
use unmasq_decode::{
    Carrier, Format, Hints, Record,
    alert::{AlertFormat, AlertIdentity, AlertIds, Reading},
};

/// Lines of one bench: enough to learn their shape, few enough to stay in the cache as a block of a
/// real file would.
const LINES: usize = 2_000;

fn main() {
    divan::main();
}

/// Measures one decoder over a log, which it must be able to read whole.
fn decode(bencher: Bencher<'_, '_>, format: Format, layout: Option<&str>, log: &[u8]) {
    let (mut decoder, lines) = lines::readable(format, layout, log);
    let mut records: Vec<Record> = Vec::with_capacity(2 * lines.len());
    assert_eq!(lines.len(), LINES);
    bencher.counter(ItemsCount::new(lines.len())).counter(BytesCount::of_slice(log)).bench_local(|| {
        records.clear();
        for line in &lines {
            // As a run does it: what is brief is looked at, and owned only if it is wanted.
            if black_box(decoder.brief(black_box(line))).is_none() {
                let _ = black_box(decoder.decode(black_box(line), &mut records));
            }
        }
    });
}

#[divan::bench]
fn nat_json_same_order(bencher: Bencher<'_, '_>) {
    decode(bencher, Format::AlibabaNat, None, &lines::nat_json(LINES));
}

#[divan::bench]
fn nat_json_any_order(bencher: Bencher<'_, '_>) {
    decode(bencher, Format::AlibabaNat, None, &lines::nat_json_shuffled(LINES));
}

#[divan::bench]
fn nat_json_as_the_log_service_writes_it(bencher: Bencher<'_, '_>) {
    decode(bencher, Format::AlibabaNat, None, &lines::nat_json_texts(LINES));
}

#[divan::bench]
fn nat_csv(bencher: Bencher<'_, '_>) {
    decode(bencher, Format::AlibabaNatCsv, None, &lines::nat_csv(LINES));
}

#[divan::bench]
fn conntrack_events(bencher: Bencher<'_, '_>) {
    decode(bencher, Format::ConntrackText, None, &lines::conntrack(LINES));
}

#[divan::bench]
fn haproxy(bencher: Bencher<'_, '_>) {
    decode(bencher, Format::Haproxy, None, &lines::haproxy(LINES));
}

#[divan::bench]
fn nginx_combined(bencher: Bencher<'_, '_>) {
    decode(bencher, Format::Nginx, None, &lines::nginx_combined(LINES));
}

#[divan::bench]
fn nginx_upstreams(bencher: Bencher<'_, '_>) {
    decode(bencher, Format::Nginx, Some(lines::NGINX_UPSTREAMS), &lines::nginx_upstreams(LINES));
}

#[divan::bench]
fn alb_json(bencher: Bencher<'_, '_>) {
    decode(bencher, Format::AlibabaAlb, None, &lines::alb_json(LINES));
}

const TRACE: &str = r#"{"version":1,"alert_id":"a6a5c0f0b2f34dd0a3c1f5b9e9d7c001","status":"traced"}"#;

/// Reads every alert and writes it with a trace in it.
#[divan::bench(args = ["short", "http"])]
fn eve_read_and_splice(bencher: Bencher<'_, '_>, kind: &str) {
    let log = if kind == "short" { lines::eve(LINES) } else { lines::eve_http(LINES) };
    let lines = lines::lines_of(&log);
    let mut reader = AlertFormat::SuricataEve.reader(Hints::default());
    let mut written = Vec::with_capacity(2 * log.len());
    bencher.counter(ItemsCount::new(lines.len())).counter(BytesCount::of_slice(&log)).bench_local(|| {
        written.clear();
        for line in &lines {
            let Reading::Alert(facts) = reader.read(black_box(line)) else { panic!("not an alert") };
            black_box(facts);
            Carrier::Member.put_into(line, "trace", TRACE, &mut written).unwrap();
        }
        black_box(&written);
    });
}

/// Names every alert.
#[divan::bench]
fn alert_ids(bencher: Bencher<'_, '_>) {
    let log = lines::eve(LINES);
    let lines = lines::lines_of(&log);
    let identity = AlertIdentity::default();
    bencher.counter(ItemsCount::new(lines.len())).counter(BytesCount::of_slice(&log)).bench_local(|| {
        let mut ids = AlertIds::default();
        for line in &lines {
            black_box(ids.id(&identity, line, "trace"));
        }
    });
}

/// Reads every alert, and nothing else.
#[divan::bench(args = ["short", "http"])]
fn eve_read(bencher: Bencher<'_, '_>, kind: &str) {
    let log = if kind == "short" { lines::eve(LINES) } else { lines::eve_http(LINES) };
    let lines = lines::lines_of(&log);
    let mut reader = AlertFormat::SuricataEve.reader(Hints::default());
    bencher.counter(ItemsCount::new(lines.len())).counter(BytesCount::of_slice(&log)).bench_local(|| {
        for line in &lines {
            let Reading::Alert(facts) = reader.read(black_box(line)) else { panic!("not an alert") };
            black_box(facts);
        }
    });
}
