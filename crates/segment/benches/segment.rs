//! What a row costs that is written, read and merged, and what a look-up costs.

#[path = "../tests/it/workload.rs"]
mod workload;

use bytes::Bytes;
use divan::{Bencher, counter::ItemsCount};
use std::{cell::Cell, io, sync::LazyLock};
use unmasq_segment::{Asked, Columns, Plain, Segment, merge, write};

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
