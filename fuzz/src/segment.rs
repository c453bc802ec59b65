//! Targets of the segment crate. A file may say anything: nothing panics, nothing hangs, memory is bounded, and
//! what one way of reading gives every other gives too.

use bytes::Bytes;
use unmasq_segment::{Asked, Columns, Plain, Segment};

/// A file of plain sessions, read in every way.
///
/// # Panics
/// When a promise is broken.
pub fn file(bytes: &[u8]) {
    let Ok(segment) = Segment::open(Bytes::copy_from_slice(bytes)) else { return };
    let mut rows: Vec<Plain> = Vec::new();
    let scanned = segment.scan(|_| true, Columns::All, |batch| rows.extend_from_slice(batch));
    if segment.verify().is_ok() {
        assert!(scanned.is_ok(), "it is whole, and cannot be read");
        assert_eq!(rows.len() as u64, segment.rows(), "rows that nobody can read");
        assert!(rows.is_sorted(), "rows that are not in order");
    }
    for row in rows.iter().step_by(rows.len() / 8 + 1) {
        let asked = Asked {
            hour: row.hour,
            outside_ip: row.outside_ip,
            outside_port: Some(row.outside_port),
            remote: None,
            during: (row.start, row.start.max(row.end)),
        };
        let mut found = Vec::new();
        if segment.find(&asked, &mut found).is_ok() && scanned.is_ok() && segment.verify().is_ok() {
            assert!(found.iter().all(|row| asked.is_answered_by(row)), "an answer to another question");
        }
        let _ = segment.search(|_| true, |ip, port| (ip, port) == (row.remote_ip, row.outside_port), |_| {});
    }
}
