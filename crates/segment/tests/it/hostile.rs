//! Files that are cut, bent and made up.

use crate::rows::{file, open};
use bytes::Bytes;
use unmasq_segment::{Asked, Columns, Damaged, Names, Plain, Segment};

fn rows() -> (Vec<Plain>, Names) {
    let mut rows = crate::workload::rows(1_500);
    for (i, row) in rows.iter_mut().enumerate() {
        if i % 5 == 0 {
            row.set_realm(None);
            row.set_inside_port(None);
        }
    }
    rows.sort_unstable();
    (rows, crate::workload::names())
}

fn asked(row: &Plain) -> Asked {
    Asked {
        hour: row.hour,
        outside_ip: row.outside_ip,
        outside_port: Some(row.outside_port),
        remote: None,
        during: (row.start, row.end),
    }
}

/// What a bent file gives must be what the whole one does, or nothing.
fn look_around(bent: Bytes, whole: &Segment<Bytes>, expected: &[Plain]) -> Result<(), Damaged> {
    let segment = Segment::open(bent)?;
    let mut read = Vec::new();
    let scanned = segment.scan(|_| true, Columns::All, |batch| read.extend_from_slice(batch));
    assert!(expected.starts_with(&read));
    for row in expected.iter().step_by(expected.len() / 2) {
        let (mut found, mut expected) = (Vec::new(), Vec::new());
        if segment.find(&asked(row), &mut found).is_ok() {
            whole.find(&asked(row), &mut expected).unwrap();
            assert_eq!(found, expected);
        }
    }
    segment.verify()?;
    scanned
}

#[test]
fn a_file_that_is_cut_is_no_file() {
    let (rows, names) = rows();
    let bytes = file(&rows, &names);
    for length in (0..bytes.len()).step_by(97) {
        assert!(Segment::open(bytes.slice(..length)).is_err(), "cut at {length}");
    }
}

#[test]
fn no_bit_can_be_turned_unnoticed() {
    let (rows, names) = rows();
    let bytes = file(&rows, &names);
    let whole = open(&bytes);
    let mut expected = Vec::new();
    whole.scan(|_| true, Columns::All, |batch| expected.extend_from_slice(batch)).unwrap();
    look_around(bytes.clone(), &whole, &expected).unwrap();
    // All over the file, and all of its end.
    let step = bytes.len() * 8 / 1_500;
    let end = bytes.len().saturating_sub(300) * 8..bytes.len() * 8;
    for bit in (0..bytes.len() * 8).step_by(step | 1).chain(end.step_by(3)) {
        let mut bent = bytes.to_vec();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(look_around(bent.into(), &whole, &expected).is_err(), "bit {bit} was turned");
    }
}

#[test]
fn a_file_of_no_rows_is_a_file() {
    let bytes = file(&[], &Names::default());
    let segment = open(&bytes);
    segment.verify().unwrap();
    assert_eq!((segment.rows(), segment.span()), (0, None));
    let mut found = Vec::new();
    segment.find(&asked(&Plain::default()), &mut found).unwrap();
    assert!(found.is_empty());
    assert!(matches!(Segment::open(Bytes::new()), Err(Damaged::Directory(_))));
}
