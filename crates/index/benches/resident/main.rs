//! What the last hours of sessions take, and how fast they come in and are found:
//! `cargo bench -p unmasq-index --bench resident -- 50`, for 50 million sessions; without a number one million.
//!
//! The log is the testkit's workload: late and out of order, in whole seconds. One core: between batches questions are
//! answered on a snapshot that is held while the next batch comes. Divan tells means; here the slow ones count.

use std::{
    hint::black_box,
    net::SocketAddrV4,
    time::{Duration, Instant},
};
use unmasq_index::{Arena, Limits, Reader, Resident, Row, Snapshot, Written};
use unmasq_model::{Endpoint, GatewayIx, LogIx, LogTime, Protocol, SessionsQuestion, Span, Translation};
use unmasq_testkit::workload::{self, BEGIN_UNIX_S, CLOCK_BOUND_US, Plan, Record};

/// Rows that come at once.
const BATCH: usize = 100_000;
/// Rows that are loaded.
const LOADED: usize = 10_000_000;
/// Questions that are answered between two batches.
const BETWEEN: usize = 500;
/// Questions of one round.
const ASKED: usize = 200_000;
/// So often all of them are asked.
const ROUNDS: u32 = 10;
/// Questions that are asked together.
const TOGETHER: usize = 1_000;

fn main() {
    let millions = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(1);
    let plan = Plan { seed: 1, records: millions * 1_000_000 };
    let mut index = Resident::new(Limits { bytes: usize::MAX });
    let (mut records, mut line) = (workload::records(&plan), 0);
    let mut asked: Vec<SessionsQuestion> = Vec::new();
    let each = usize::try_from(plan.records).unwrap().div_ceil(ASKED);
    let before = status("VmRSS:");
    let (mut inserting, mut answering) = (Duration::ZERO, Duration::ZERO);
    let mut slowest = Duration::ZERO;
    loop {
        let batch: Vec<Record> = records.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        let rows: Vec<Row> = batch.iter().zip(line + 1..).map(|(record, line)| row(record, line)).collect();
        line += rows.len() as u64;
        asked.extend(batch.iter().step_by(each).map(question));
        let snapshot = index.snapshot();
        let took = busy(|| _ = index.insert_rows(&rows, &[]));
        (inserting, slowest) = (inserting + took, slowest.max(took));
        let recent = &asked[asked.len().saturating_sub(BETWEEN)..];
        answering += busy(|| {
            let mut reader = snapshot.reader();
            recent.iter().for_each(|asked| _ = is_found(&mut reader, asked));
        });
    }
    let sessions = index.len();
    println!("{sessions} sessions of {} rows", plan.records);
    memory("after the last batch", before, &index);
    println!("  highest resident ever, with the generator: {} MB", status("VmHWM:") / 1_000_000);
    let rate = |time: Duration| plan.records as f64 / time.as_secs_f64() / 1e6;
    println!(
        "inserted {:.1} M/s, {:.1} M/s with {BETWEEN} answers after each batch; slowest batch {slowest:?}",
        rate(inserting),
        rate(inserting + answering)
    );
    // In no order, as alerts come.
    let count = asked.len();
    let asked: Vec<SessionsQuestion> = (0..count).map(|place| asked[place * 7_919 % count]).collect();
    look_up("as the batches left it", &index.snapshot(), &asked);
    let took = busy(|| while index.settle(LogTime::FOREVER) {});
    println!("settled in {took:?}");
    memory("settled", before, &index);
    look_up("settled", &index.snapshot(), &asked);
    drop(index);
    load(&plan);
}

/// How fast rows come in that lie in order of hour and key, as they are stored: the first of them, in hours as full
/// as all are.
fn load(plan: &Plan) {
    let records = workload::records(plan).take(LOADED).zip(1..);
    let mut rows: Vec<Row> = records.map(|(record, line)| row(&record, line)).collect();
    rows.sort_unstable_by_key(|row| (row.end().to().as_unix_us() / 3_600_000_000, *row));
    let mut index = Resident::new(Limits { bytes: usize::MAX });
    let took = busy(|| rows.chunks(BATCH).for_each(|rows| _ = index.insert_rows(rows, &[])));
    println!("loaded {:.1} M/s, of {} rows", rows.len() as f64 / took.as_secs_f64() / 1e6, rows.len());
}

/// How long something short takes.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn timed(what: impl FnOnce()) -> Duration {
    let start = Instant::now();
    what();
    start.elapsed()
}

/// How long the processor is busy with something long, whoever else wants it; as long as it takes where the system does
/// not tell.
fn busy(what: impl FnOnce()) -> Duration {
    let busy = || {
        let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
        text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    };
    let before: Option<Duration> = busy();
    let took = timed(what);
    before.zip(busy()).map_or(took, |(before, after)| after.saturating_sub(before))
}

fn memory(when: &str, before: usize, index: &Resident) {
    let (counted, sessions) = (index.memory(), index.len() as f64);
    println!(
        "memory {when}: {:.2} B a session counted, {:.2} B resident",
        counted as f64 / sessions,
        status("VmRSS:").saturating_sub(before) as f64 / sessions
    );
}

fn look_up(when: &str, snapshot: &Snapshot, asked: &[SessionsQuestion]) {
    let mut reader = snapshot.reader();
    assert!(asked.iter().all(|asked| is_found(&mut reader, asked)), "every question is about a session");
    let mut alone: Vec<Duration> =
        asked.iter().map(|asked| timed(|| _ = is_found(&mut reader, asked))).collect();
    alone.sort_unstable();
    let part = |percent: usize| alone[(alone.len() - 1) * percent / 100];
    println!("look-ups {when}: p50 {:?}, p99 {:?}", part(50), part(99));
    let each = |took: Duration| took / u32::try_from(asked.len()).unwrap() / ROUNDS;
    let together = rounds(|| {
        for asked in asked.chunks(TOGETHER) {
            assert!(reader.find_each(asked).all(|found| !black_box(found).is_empty()));
        }
    });
    let made = rounds(|| {
        for asked in asked.chunks(TOGETHER) {
            let room = Arena::new();
            black_box(reader.sessions_of_each(asked, &room));
        }
    });
    println!("  together {:?} each, {:?} with sessions made", each(together), each(made));
    let peers: Vec<SessionsQuestion> = asked.iter().take(2_000).map(by_peer).collect();
    let took = busy(|| peers.iter().for_each(|asked| assert!(is_found(&mut reader, asked))));
    println!("  by peer alone {:?} each", took / 2_000);
}

/// How long the processor is busy with all rounds of something: the system tells it in steps of milliseconds.
fn rounds(mut what: impl FnMut()) -> Duration {
    busy(|| (0..ROUNDS).for_each(|_| what()))
}

fn is_found(reader: &mut Reader<'_>, asked: &SessionsQuestion) -> bool {
    let mut found = reader.find_each(std::slice::from_ref(black_box(asked)));
    found.next().is_some_and(|found| !black_box(found).is_empty())
}

/// Moments of a record as the log has them.
fn second(at: u64) -> LogTime {
    LogTime::from_unix_seconds((BEGIN_UNIX_S + at / 1_000_000).cast_signed()).unwrap()
}

fn endpoint(address: SocketAddrV4) -> Endpoint {
    Endpoint::new((*address.ip()).into(), Some(address.port()))
}

fn row(record: &Record, line: u64) -> Row {
    let opened = |at: LogTime| Span::between(at, at.plus(Duration::from_micros(999_999)));
    let translation = Translation::of_source_nat(
        Protocol::from_number(record.tuple.protocol),
        endpoint(record.tuple.outside),
        endpoint(record.inside),
        endpoint(record.tuple.remote),
    );
    let written = Written { gateway: gateway(record), log: LogIx(0), file: 0, line, realm: None };
    Row::of(&translation, opened(second(record.start)), opened(second(record.end)), &written).unwrap()
}

fn gateway(record: &Record) -> GatewayIx {
    GatewayIx(record.gateway.into())
}

/// What an alert asks that was raised at the record's end.
fn question(record: &Record) -> SessionsQuestion {
    let at = LogTime::from_unix_us((BEGIN_UNIX_S * 1_000_000 + record.end).cast_signed()).unwrap();
    SessionsQuestion {
        gateway: Some(gateway(record)),
        protocol: Some(Protocol::from_number(record.tuple.protocol)),
        outside: (Some((*record.tuple.outside.ip()).into()), Some(record.tuple.outside.port())),
        remote: Some(endpoint(record.tuple.remote)),
        during: Span::at(at).widened(Duration::from_micros(CLOCK_BOUND_US)),
    }
}

/// The same where the log has another name for our address.
fn by_peer(asked: &SessionsQuestion) -> SessionsQuestion {
    SessionsQuestion { gateway: None, outside: (None, asked.outside.1), ..*asked }
}

/// Bytes that the system counts for this process; 0 where it does not tell.
fn status(what: &str) -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(what));
    let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    number.map_or(0, |kilobytes| kilobytes * 1_024)
}
