//! Rows that collide, and files of them.

use bytes::Bytes;
use proptest::prelude::*;
use unmasq_segment::{Names, Plain, Segment, write};

/// Few values of everything, so that rows collide; and the extremes.
pub(crate) fn row() -> impl Strategy<Value = Plain> {
    let port = || prop::option::of(prop::sample::select(vec![0, 53, 443, u16::MAX]));
    let ip = || prop::sample::select(vec![0, 1, 0x0a00_0001, 0xf000_0001, u32::MAX]);
    let time = || {
        prop::sample::select(vec![i64::MIN, -1, 0, 1_772_323_200_000_000, 1_772_323_201_000_000, i64::MAX])
    };
    let open = || prop::sample::select(vec![0, 999_999, u32::MAX]);
    let key = (
        prop::sample::select(vec![i32::MIN, 0, 492_312, 492_313, i32::MAX]),
        ip(),
        0..3u16,
        ip(),
        port(),
        0..3u8,
    );
    let rest = (time(), time(), open(), open(), ip(), port());
    let names =
        (0..3u32, prop::option::of(0..3u32), 0..2u32, 0..2u32, prop::sample::select(vec![0, 7, u64::MAX]));
    (key, rest, names).prop_map(|(key, rest, names)| {
        let mut row = Plain::default();
        let (remote_port, inside_port, realm);
        (row.hour, row.outside_ip, row.outside_port, row.remote_ip, remote_port, row.protocol) = key;
        (row.start, row.end, row.start_open, row.end_open, row.inside_ip, inside_port) = rest;
        (row.gateway, realm, row.log, row.file, row.line) = names;
        row.set_remote_port(remote_port);
        row.set_inside_port(inside_port);
        row.set_realm(realm);
        row
    })
}

/// Names whose order is that of their numbers.
pub(crate) fn names() -> Names {
    let list = |names: [&'static str; 3]| names;
    Names {
        gateways: list(["", "ngw-1", "ngw-2"]).map(Into::into).into(),
        realms: list(["a \"realm\"", "b", "c"]).map(Into::into).into(),
        logs: list(["log", "nat", "nät"]).map(Into::into).into(),
        files: list(["0.jsonl", "1.jsonl", "2.jsonl"]).map(Into::into).into(),
    }
}

/// A file of these rows, which are in order.
pub(crate) fn file(rows: &[Plain], names: &Names) -> Bytes {
    let mut file = Vec::new();
    write(rows, names, &[("source", "a test")], &mut file).unwrap();
    file.into()
}

pub(crate) fn open(file: &Bytes) -> Segment<Bytes> {
    Segment::open(file.clone()).unwrap()
}

/// A row with the names' texts for their numbers, so that rows of two files can be compared.
pub(crate) fn told(row: &Plain, names: &Names) -> (Plain, [String; 4]) {
    let place = |number: u32| usize::try_from(number).unwrap();
    let realm = row.realm().map(|realm| names.realms[place(realm)].to_string());
    let texts = [
        names.gateways[place(row.gateway)].to_string(),
        realm.map_or_else(String::new, |realm| format!("={realm}")),
        names.logs[place(row.log)].to_string(),
        names.files[place(row.file)].to_string(),
    ];
    let mut row = *row;
    (row.gateway, row.log, row.file) = (0, 0, 0);
    row.set_realm(None);
    (row, texts)
}
