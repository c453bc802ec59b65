//! Whatever is asked of a file is what a filter over its rows gives.

use crate::rows::{file, names, open, row, told};
use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use unmasq_segment::{
    Asked, Columns, Key, Names, Plain, Segment, Unwritten, Writer, merge, write, write_lot,
};

fn all(segment: &Segment<Bytes>, hours: impl Fn(i32) -> bool, columns: Columns) -> Vec<Plain> {
    let mut rows = Vec::new();
    segment.scan(hours, columns, |batch| rows.extend_from_slice(batch)).unwrap();
    rows
}

fn tell(rows: &[Plain], names: &Names) -> Vec<(Plain, [String; 4])> {
    rows.iter().map(|row| told(row, names)).collect()
}

/// Questions that something answers, or nearly.
fn asked() -> impl Strategy<Value = Asked> {
    (row(), 0..8u8, row()).prop_map(|(row, open, other)| Asked {
        hour: row.hour,
        outside_ip: row.outside_ip,
        outside_port: (open & 1 == 0).then_some(row.outside_port),
        remote: (open & 2 == 0).then_some((row.remote_ip, row.remote_port())),
        during: (row.start.min(other.start), row.start.max(other.start)),
    })
}

/// Ends are not before starts; the format would take them, but nobody's reach is empty.
fn lot(rows: &[Plain]) -> Bytes {
    let mut bytes = Vec::new();
    write_lot(rows, &names(), &mut bytes).unwrap();
    bytes.into()
}

fn sorted(mut rows: Vec<Plain>) -> Vec<Plain> {
    for row in &mut rows {
        (row.start, row.end) = (row.start.min(row.end), row.start.max(row.end));
    }
    rows.sort_unstable();
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_has_what_was_written(rows in vec(row(), 0..300).prop_map(|mut rows| { rows.sort_unstable(); rows })) {
        let segment = open(&file(&rows, &names()));
        segment.verify().unwrap();
        prop_assert_eq!(segment.rows(), rows.len() as u64);
        prop_assert_eq!(tell(&all(&segment, |_| true, Columns::All), segment.names()), tell(&rows, &names()));
        let some: Vec<Plain> = rows.iter().copied().filter(|row| row.hour % 2 == 0).collect();
        prop_assert_eq!(tell(&all(&segment, |hour| hour % 2 == 0, Columns::All), segment.names()), tell(&some, &names()));
        prop_assert_eq!(segment.facts(), &[("source".to_owned(), "a test".to_owned())]);
    }

    #[test]
    fn a_search_finds_what_a_filter_does(rows in vec(row(), 0..300).prop_map(sorted), other in row()) {
        let segment = open(&file(&rows, &names()));
        let hours = |hour: i32| hour % 2 == 0;
        let wanted = |ip: u32, port: u16| ip % 3 == other.remote_ip % 3 || port == other.outside_port;
        let mut found = Vec::new();
        segment.search(hours, wanted, |row| found.push(*row)).unwrap();
        let filtered = rows.iter().filter(|row| hours(row.hour) && wanted(row.remote_ip, row.outside_port));
        let filtered: Vec<Plain> = filtered.copied().collect();
        prop_assert_eq!(tell(&found, segment.names()), tell(&filtered, &names()));
    }

    #[test]
    fn a_look_up_finds_what_a_filter_does(
        rows in vec(row(), 0..300).prop_map(sorted),
        asked in vec(asked(), 0..20),
    ) {
        let segment = open(&file(&rows, &names()));
        let mut many = vec![Vec::new(); asked.len()];
        segment.find_many(&asked, |number, row| many[number].push(*row)).unwrap();
        for (asked, many) in asked.iter().zip(many) {
            let mut found = Vec::new();
            segment.find(asked, &mut found).unwrap();
            prop_assert_eq!(&found, &many);
            let expected: Vec<Plain> = rows.iter().copied().filter(|row| asked.is_answered_by(row)).collect();
            prop_assert_eq!(tell(&found, segment.names()), tell(&expected, &names()));
        }
    }

    #[test]
    fn a_merged_file_has_every_row_of_its_parts_once(
        parts in prop_oneof![vec(vec(row(), 0..80), 0..5), vec(vec(row(), 0..6), 0..40)],
    ) {
        let files: Vec<Bytes> = parts.iter().enumerate().map(|(number, rows)| {
            if number % 2 == 1 {
                return lot(rows);
            }
            let mut rows = rows.clone();
            rows.sort_unstable();
            file(&rows, &names())
        }).collect();
        let segments: Vec<_> = files.iter().map(open).collect();
        let mut merged = Vec::new();
        let written = merge(&segments.iter().collect::<Vec<_>>(), |hour| hour != 0, &[], &mut merged).unwrap();
        let mut expected: Vec<Plain> = parts.concat().into_iter().filter(|row| row.hour != 0).collect();
        expected.sort_unstable();
        expected.dedup();
        let merged = open(&merged.into());
        prop_assert_eq!(written.rows, expected.len() as u64);
        prop_assert_eq!(tell(&all(&merged, |_| true, Columns::All), merged.names()), tell(&expected, &names()));
    }

    #[test]
    fn a_lot_has_what_came(rows in prop_oneof![vec(row(), 0..4), vec(row(), 0..300)]) {
        let segment = open(&lot(&rows));
        segment.verify().unwrap();
        let mut expected = rows;
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(tell(&all(&segment, |_| true, Columns::All), segment.names()), tell(&expected, &names()));
    }

    #[test]
    fn the_numbers_of_names_and_the_size_of_batches_leave_no_mark(
        rows in vec(row(), 0..200).prop_map(|mut rows| { rows.sort_unstable(); rows }),
        batch in 1..50usize,
    ) {
        let mut turned = names();
        turned.gateways.reverse();
        turned.realms.reverse();
        turned.logs.push("nobody's".into());
        let mut again: Vec<Plain> = rows.iter().map(|row| {
            let mut row = *row;
            row.gateway = 2 - row.gateway;
            row.set_realm(row.realm().map(|realm| 2 - realm));
            row
        }).collect();
        again.sort_unstable();
        let mut writer = Writer::new(Vec::new(), &turned).unwrap();
        for batch in again.chunks(batch) {
            writer.push(batch).unwrap();
        }
        let (written, bytes) = writer.finish(&[("source", "a test")]).unwrap();
        prop_assert_eq!(written.bytes, bytes.len() as u64);
        prop_assert_eq!(written.checksum, crc32fast::hash(&bytes));
        prop_assert_eq!(Bytes::from(bytes), file(&rows, &names()));
    }
}

#[test]
fn a_lot_is_what_was_written_in_whatever_order() {
    let rows = crate::workload::rows(200_000);
    let names = crate::workload::names();
    let mut lot: Vec<Plain> = rows.iter().chain(rows.iter().step_by(5)).copied().collect();
    lot.sort_unstable_by_key(|row| row.line.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut bytes = Vec::new();
    let written = write_lot(&lot, &names, &mut bytes).unwrap();
    assert_eq!(written.rows, rows.len() as u64);
    let segment = open(&bytes.into());
    segment.verify().unwrap();
    assert_eq!(tell(&all(&segment, |_| true, Columns::All), segment.names()), tell(&rows, &names));
    // Merged it is the very file that it would have been.
    let (mut merged, mut at_once) = (Vec::new(), Vec::new());
    merge(&[&segment], |_| true, &[], &mut merged).unwrap();
    write(&rows, &names, &[], &mut at_once).unwrap();
    assert_eq!(merged, at_once);
}

#[test]
fn a_large_file_is_what_was_written() {
    let rows = crate::workload::rows(300_000);
    let names = crate::workload::names();
    let mut bytes = Vec::new();
    let written = write(&rows, &names, &[], &mut bytes).unwrap();
    assert_eq!(written.rows, rows.len() as u64);
    assert_eq!(written.hours.iter().map(|hour| hour.1).sum::<u64>(), written.rows);
    let segment = open(&bytes.into());
    segment.verify().unwrap();
    assert_eq!(segment.span().map(|span| span.0.hour), written.span.map(|span| span.0.hour));
    assert_eq!(tell(&all(&segment, |_| true, Columns::All), segment.names()), tell(&rows, &names));
    for row in rows.iter().step_by(997) {
        let asked = Asked {
            hour: row.hour,
            outside_ip: row.outside_ip,
            outside_port: Some(row.outside_port),
            remote: None,
            during: (row.start, row.start),
        };
        let mut found = Vec::new();
        segment.find(&asked, &mut found).unwrap();
        let key = Key { hour: row.hour, outside_ip: row.outside_ip, outside_port: row.outside_port };
        let key_of =
            |row: &Plain| Key { hour: row.hour, outside_ip: row.outside_ip, outside_port: row.outside_port };
        let begin = rows.partition_point(|row| key_of(row) < key);
        let end = rows.partition_point(|row| key_of(row) <= key);
        let expected: Vec<Plain> =
            rows[begin..end].iter().copied().filter(|row| asked.is_answered_by(row)).collect();
        assert_eq!(tell(&found, segment.names()), tell(&expected, &names));
    }
    let sizes = segment.memory() as f64 / rows.len() as f64;
    assert!(sizes < 0.3, "{sizes} bytes of memory per row");
}

#[test]
fn rows_out_of_order_and_names_that_are_none_are_refused() {
    let mut row = Plain::default();
    row.line = 1;
    let write = |rows: &[Plain]| write(rows, &names(), &[], std::io::sink());
    assert!(matches!(write(&[row, Plain::default()]), Err(Unwritten::Unsorted(1))));
    row.gateway = 3;
    assert!(matches!(write(&[row]), Err(Unwritten::Nameless(0))));
}
