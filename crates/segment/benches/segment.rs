//! What a row costs that is written, read and merged, and what a look-up costs.

#[path = "../tests/it/workload.rs"]
mod workload;

use bytes::Bytes;
use divan::{Bencher, counter::ItemsCount};
use std::{cell::Cell, io, sync::LazyLock};
use unmasq_segment::{Asked, Columns, Plain, Segment, merge, write, write_lot};

/// The densest hour of a log of two million records.
static ROWS: LazyLock<Vec<Plain>> = LazyLock::new(|| {
    let mut rows = workload::rows(2_000_000);
    let middle = rows[rows.len() / 2].hour;
    rows.retain(|row| row.hour == middle);
    rows
});

fn main() {
    divan::main();
}

fn segment(rows: &[Plain]) -> Segment<Bytes> {
    let mut file = Vec::new();
    write(rows, &workload::names(), &[], &mut file).expect("memory takes everything");
    Segment::open(Bytes::from(file)).expect("it was just written")
}

/// As many rows as a service stores at once, in the order in which they were delivered.
fn lot(number: u64) -> Vec<Plain> {
    let mut rows: Vec<Plain> = ROWS.iter().copied().filter(|row| row.line % LOTS == number).collect();
    rows.sort_by_key(|row| row.line);
    rows
}

/// So many lots are merged.
const LOTS: u64 = 16;

#[divan::bench]
fn written(bencher: Bencher<'_, '_>) {
    let names = workload::names();
    bencher.counter(ItemsCount::new(ROWS.len())).bench(|| write(&ROWS, &names, &[], io::sink()));
}

#[divan::bench(args = [Columns::Trace, Columns::All])]
fn scanned(bencher: Bencher<'_, '_>, columns: Columns) {
    let segment = segment(&ROWS);
    bencher.counter(ItemsCount::new(ROWS.len())).bench(|| {
        let mut ends = 0;
        segment
            .scan(|_| true, columns, |rows| ends ^= rows.iter().fold(0, |ends, row| ends ^ row.end))
            .map(|()| ends)
    });
}

#[divan::bench]
fn lot_written(bencher: Bencher<'_, '_>) {
    let (names, rows) = (workload::names(), lot(0));
    bencher.counter(ItemsCount::new(rows.len())).bench(|| write_lot(&rows, &names, io::sink()));
}

#[divan::bench]
fn lots_merged(bencher: Bencher<'_, '_>) {
    let file = |number| {
        let mut file = Vec::new();
        write_lot(&lot(number), &workload::names(), &mut file).expect("memory takes everything");
        Segment::open(Bytes::from(file)).expect("it was just written")
    };
    let lots: Vec<_> = (0..LOTS).map(file).collect();
    let lots: Vec<_> = lots.iter().collect();
    bencher.counter(ItemsCount::new(ROWS.len())).bench(|| merge(&lots, |_| true, &[], io::sink()));
}

#[divan::bench]
fn merged(bencher: Bencher<'_, '_>) {
    let part = |part| ROWS.iter().copied().filter(|row| row.line % 8 == part).collect::<Vec<_>>();
    let parts: Vec<_> = (0..8).map(|number| segment(&part(number))).collect();
    let parts: Vec<_> = parts.iter().collect();
    bencher.counter(ItemsCount::new(ROWS.len())).bench(|| merge(&parts, |_| true, &[], io::sink()));
}

/// A flow that one session carried.
#[divan::bench(sample_count = 1_000, sample_size = 4)]
fn found(bencher: Bencher<'_, '_>) {
    let segment = segment(&ROWS);
    let next = Cell::new(0);
    let asked = || {
        next.set((next.get() + 7_919_773) % ROWS.len());
        let row = ROWS[next.get()];
        Asked {
            hour: row.hour,
            outside_ip: row.outside_ip,
            outside_port: Some(row.outside_port),
            remote: Some((row.remote_ip, row.remote_port())),
            during: (row.start, row.end),
        }
    };
    bencher.with_inputs(asked).bench_local_values(|asked| {
        let mut found = Vec::new();
        segment.find(&asked, &mut found).map(|()| found)
    });
}
