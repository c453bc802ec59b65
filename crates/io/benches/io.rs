//! How fast a file becomes lines, many at a time: `cargo bench -p unmasq-io`.
//!
//! One core. The file has just been written, so it is in the page cache; the figure that counts is bytes a
//! second, of the file before compression.

use divan::{
    Bencher, black_box,
    counter::{BytesCount, ItemsCount},
};
use flate2::{Compression, write::GzEncoder};
use std::{fmt::Write as _, io::Write as _, mem, path::PathBuf};
use unmasq_io::source::{Chunks, Location, Meter, open};

/// Lines of the file: some 60 MB.
const LINES: u64 = 200_000;

fn main() {
    divan::main();
}

/// Lines as long as those of a NAT's log, of which a compressor makes as little.
fn log() -> String {
    let mut log = String::new();
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..LINES {
        let mut roll = |sides| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            (dice >> 20) % sides
        };
        let _ = write!(log, r#"{{"instance":"ngw-d73a9a3d941e7e{:02}","protocol":6,"#, roll(4));
        let _ = write!(log, r#""pri_ip":"10.0.{}.{}","pri_port":{},"#, roll(256), roll(256), roll(65_536));
        let _ = write!(log, r#""pub_ip":"198.18.{}.{}","pub_port":443,"#, roll(256), roll(256));
        let _ = write!(log, r#""nat_ip":"203.0.113.{}","nat_port":{},"#, roll(256), roll(65_536));
        let _ = write!(log, r#""bytes_from_pub":{},"pkts_from_pub":{},"#, roll(1_000_000), roll(1_000));
        let _ = write!(log, r#""bytes_from_vpc":{},"pkts_from_vpc":{},"#, roll(100_000), roll(500));
        let start = 1_795_345_000 + roll(600);
        let _ = writeln!(log, r#""start_time":{start},"end_time":{}}}"#, start + roll(30));
    }
    log
}

/// Reads a whole file and gives each buffer back, as the workers that share a log do.
fn read(path: &Location) -> usize {
    let mut chunks = Chunks::new(open(path, &Meter::default()).unwrap());
    let (mut buffer, mut bytes) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next_chunk(mem::take(&mut buffer)).unwrap() {
        bytes += black_box(&chunk).bytes.len();
        buffer = chunk.bytes;
    }
    bytes
}

#[divan::bench(args = ["plain", "gzip", "zstd"], sample_count = 20, sample_size = 1)]
fn chunks(bencher: Bencher<'_, '_>, compression: &str) {
    let log = log();
    let written = match compression {
        "gzip" => {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
            gzip.write_all(log.as_bytes()).unwrap();
            gzip.finish().unwrap()
        }
        "zstd" => zstd::encode_all(log.as_bytes(), 0).unwrap(),
        _ => log.clone().into_bytes(),
    };
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("log");
    std::fs::write(&path, written).unwrap();
    let path = Location::File(path);
    assert_eq!(read(&path), log.len());
    let counted = bencher.counter(BytesCount::of_str(&log)).counter(ItemsCount::new(LINES));
    counted.bench_local(|| read(black_box(&path)));
}
