//! How large files of the workload are and how fast they are read: `cargo run --release --example sizes 4`
//! for 4 million records; a folder behind that is given the files.

#[path = "../tests/it/workload.rs"]
mod workload;

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::{collections::BTreeMap, env, fs, time::Instant};
use unmasq_segment::{Asked, Columns, Plain, Segment, merge, write};

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn now() -> Instant {
    Instant::now()
}

fn main() {
    let million = env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(4);
    let rows = workload::rows(million * 1_000_000);
    let names = workload::names();
    let mut hours: BTreeMap<i32, Vec<Plain>> = BTreeMap::new();
    for row in &rows {
        hours.entry(row.hour).or_default().push(*row);
    }
    println!("{million} M records, {} rows in {} hours", rows.len(), hours.len());

    let begin = now();
    let files: Vec<Bytes> = hours
        .values()
        .map(|rows| {
            let mut file = Vec::new();
            write(rows, &names, &[], &mut file).expect("memory takes everything");
            file.into()
        })
        .collect();
    rate("write", rows.len(), begin);
    sizes(&files, rows.len());
    if let Some(folder) = env::args().nth(2) {
        for (hour, file) in hours.keys().zip(&files) {
            fs::write(format!("{folder}/{hour}.parquet"), file).expect("the folder takes files");
        }
    }

    let segments: Vec<Segment<Bytes>> =
        files.iter().map(|file| Segment::open(file.clone()).expect("it was just written")).collect();
    let memory: usize = segments.iter().map(Segment::memory).sum();
    println!("memory {:.3} B/row", memory as f64 / rows.len() as f64);

    for columns in [Columns::Trace, Columns::All] {
        let begin = now();
        let mut count = 0;
        for segment in &segments {
            segment.scan(|_| true, columns, |rows| count += rows.len()).expect("it is whole");
        }
        assert_eq!(count, rows.len());
        rate(&format!("scan {columns:?}"), count, begin);
    }
    merging(&hours);
    finding(&segments, &rows);
}

fn rate(what: &str, rows: usize, begin: Instant) {
    let seconds = begin.elapsed().as_secs_f64();
    println!("{what}: {:.2} M rows/s ({seconds:.2} s)", rows as f64 / seconds / 1e6);
}

fn sizes(files: &[Bytes], rows: usize) {
    let mut columns: Vec<(String, i64, String)> = Vec::new();
    for file in files {
        let reader = SerializedFileReader::new(file.clone()).expect("it is Parquet");
        for group in reader.metadata().row_groups() {
            for (i, chunk) in group.columns().iter().enumerate() {
                let way: Vec<_> = chunk.encodings().map(|encoding| format!("{encoding}")).collect();
                let way = format!("{} {}", way.join(" "), chunk.compression());
                if columns.len() == i {
                    columns.push((chunk.column_path().string(), 0, way));
                }
                columns[i].1 += chunk.compressed_size();
            }
        }
    }
    let total: usize = files.iter().map(Bytes::len).sum();
    let per_row = |bytes: i64| bytes as f64 / rows as f64;
    for (name, bytes, way) in &columns {
        println!("{name:14} {:8.4} {way}", per_row(*bytes));
    }
    let all: i64 = columns.iter().map(|column| column.1).sum();
    let trace: i64 = columns.iter().take(14).map(|column| column.1).sum();
    println!("trace columns  {:8.4}", per_row(trace));
    println!("all columns    {:8.4}", per_row(all));
    println!("whole files    {:8.4}", total as f64 / rows as f64);
}

/// The densest hour, which came in eight files.
fn merging(hours: &BTreeMap<i32, Vec<Plain>>) {
    let Some(rows) = hours.values().max_by_key(|rows| rows.len()) else { return };
    let names = workload::names();
    let parts: Vec<Segment<Bytes>> = (0..8)
        .map(|part| {
            let rows: Vec<Plain> = rows.iter().copied().filter(|row| row.line % 8 == part).collect();
            let mut file = Vec::new();
            write(&rows, &names, &[], &mut file).expect("memory takes everything");
            Segment::open(Bytes::from(file)).expect("it was just written")
        })
        .collect();
    let begin = now();
    let written = merge(&parts.iter().collect::<Vec<_>>(), |_| true, &[], std::io::sink());
    assert_eq!(written.map(|written| written.rows).ok(), Some(rows.len() as u64));
    rate("merge", rows.len(), begin);
}

fn finding(segments: &[Segment<Bytes>], rows: &[Plain]) {
    let mut asked: Vec<(usize, Asked)> = Vec::new();
    for i in 0..20_000 {
        let row = rows[i * 7_919_773 % rows.len()];
        let segment = segments
            .iter()
            .position(|segment| segment.span().is_some_and(|(first, _)| first.hour == row.hour));
        let remote = Some((row.remote_ip, row.remote_port()));
        let (ip, port) = (row.outside_ip, Some(row.outside_port));
        let asked_of = Asked {
            hour: row.hour,
            outside_ip: ip,
            outside_port: port,
            remote,
            during: (row.start, row.end),
        };
        asked.push((segment.unwrap_or(0), asked_of));
    }
    for remote in [true, false] {
        let mut times = Vec::new();
        let mut found = Vec::new();
        for (segment, asked) in &asked {
            let asked = if remote { *asked } else { Asked { remote: None, ..*asked } };
            found.clear();
            let begin = now();
            segments[*segment].find(&asked, &mut found).expect("it is whole");
            times.push(begin.elapsed());
            assert!(!found.is_empty());
        }
        times.sort_unstable();
        let at = |part: usize| times[times.len() * part / 1_000];
        println!("find (remote {remote}): p50 {:?} p99 {:?} p99.9 {:?}", at(500), at(990), at(999));
    }
    let questions: Vec<Asked> = asked.iter().filter(|asked| asked.0 == 0).map(|asked| asked.1).collect();
    let begin = now();
    let mut count = 0;
    segments[0].find_many(&questions, |_, _| count += 1).expect("it is whole");
    let each = begin.elapsed() / u32::try_from(questions.len()).unwrap_or(1);
    println!("find_many: {} questions, {count} rows, {each:?} each", questions.len());
}
