//! The testkit's workload as rows.

use unmasq_segment::{Names, Plain};
use unmasq_testkit::workload::{BEGIN_UNIX_S, Plan, Record, records};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;

/// The rows of a log of so many records, in order, each filed under every hour that it touches.
pub(crate) fn rows(count: u64) -> Vec<Plain> {
    let mut rows: Vec<Plain> = records(&Plan { seed: 1, records: count })
        .zip(1..)
        .flat_map(|(record, line)| filed(&record, line))
        .collect();
    rows.sort_unstable();
    rows
}

/// What the numbers in rows stand for.
pub(crate) fn names() -> Names {
    let id =
        |kind: &str, number: u32| format!("{kind}-{:016x}", (u64::from(number) + 1) * 0x00a7_4f1d_93c2_5b6e);
    Names {
        gateways: (0..16).map(|gateway| id("ngw", gateway).into()).collect(),
        realms: (0..8).map(|realm| id("vpc", realm).into()).collect(),
        logs: vec!["nat".into()],
        files: vec!["sessions.jsonl".into()],
    }
}

/// As the decoder for the Alibaba format has it: a moment is as long as it is coarse.
fn filed(record: &Record, line: u64) -> impl Iterator<Item = Plain> + use<> {
    let second = |at: u64| i64::try_from(BEGIN_UNIX_S + at / 1_000_000).unwrap() * SECOND;
    let mut row = Plain::default();
    row.outside_ip = (*record.tuple.outside.ip()).into();
    row.outside_port = record.tuple.outside.port();
    row.remote_ip = (*record.tuple.remote.ip()).into();
    row.inside_ip = (*record.inside.ip()).into();
    row.protocol = record.tuple.protocol;
    row.start = second(record.start);
    row.start_open = 999_999;
    row.end = second(record.end) + 999_999;
    row.end_open = 999_999;
    row.gateway = record.gateway.into();
    row.line = line;
    row.set_remote_port(Some(record.tuple.remote.port()));
    row.set_inside_port(Some(record.inside.port()));
    row.set_realm(Some(u32::from(record.gateway) / 2));
    (row.start / HOUR..=row.end / HOUR).map(move |hour| {
        let mut filed = row;
        filed.hour = i32::try_from(hour).unwrap();
        filed
    })
}
