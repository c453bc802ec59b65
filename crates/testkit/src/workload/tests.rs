use super::{alerts::touches, *};
use std::{collections::HashMap, net::SocketAddrV4};

/// As many as show the distribution, and as dense as the real thing is where it matters.
const PLAN: Plan = Plan { seed: 7, records: 60_000 };

fn written(plan: &Plan, shape: Shape) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, shape).expect("memory takes it");
    for record in records(plan) {
        writer.write(&record).expect("memory takes it");
    }
    out
}

/// FNV-1a: enough to see a changed byte.
fn print(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn the_same_plan_gives_the_same_bytes_for_ever() {
    // Changed on purpose? Then raise `GENERATION`, too, so that nobody measures with what was kept.
    let plan = Plan { seed: 1, records: 2_000 };
    assert_eq!(GENERATION, 1);
    let prints = [Shape::Json, Shape::Sls, Shape::Csv].map(|shape| print(&written(&plan, shape)));
    assert_eq!(prints, [18_316_004_361_768_612_467, 13_681_196_705_334_368_164, 17_892_940_415_310_155_620]);
    let mut out = Vec::new();
    for alert in alerts(&plan, 200) {
        write_alert(&mut out, &alert).expect("memory takes it");
        write_truth(&mut out, &alert).expect("memory takes it");
    }
    assert_eq!(print(&out), 15_066_412_745_399_873_517);
}

#[test]
fn another_seed_is_another_log() {
    let plan = |seed| Plan { seed, records: 100 };
    assert_ne!(written(&plan(1), Shape::Json), written(&plan(2), Shape::Json));
}

#[test]
fn the_log_is_as_long_as_was_asked_and_in_order_of_delivery() {
    let log: Vec<Record> = records(&PLAN).collect();
    assert_eq!(log.len() as u64, PLAN.records);
    assert!(log.is_sorted_by_key(|record| record.delivered));
    for record in &log {
        assert!(record.start < record.end && record.end <= record.delivered);
        assert!(record.end - record.start <= 600 * SECOND_US);
    }
    // What is late is late by minutes; a log in order of its times would be an easy one.
    assert!(!log.is_sorted_by_key(|record| record.start));
    assert!(log.iter().any(|record| record.delivered - record.end > 200 * SECOND_US));
}

/// A session is what is left when the windows of one holder of one tuple are put together again.
fn sessions(log: &[Record]) -> HashMap<Tuple, Vec<(u64, u64, SocketAddrV4)>> {
    let mut by_number = log.to_vec();
    by_number.sort_unstable_by_key(|record| record.number);
    let mut sessions: HashMap<Tuple, Vec<(u64, u64, SocketAddrV4)>> = HashMap::new();
    for record in by_number {
        let of_tuple = sessions.entry(record.tuple).or_default();
        match of_tuple.last_mut() {
            Some((_, end, inside)) if *end == record.start && *inside == record.inside => *end = record.end,
            _ => of_tuple.push((record.start, record.end, record.inside)),
        }
    }
    sessions
}

#[test]
fn no_five_tuple_has_two_live_holders_but_many_endpoints_have() {
    let log: Vec<Record> = records(&PLAN).collect();
    let mut endpoints: HashMap<SocketAddrV4, Vec<(u64, u64)>> = HashMap::new();
    #[expect(clippy::disallowed_methods, reason = "nothing that comes out depends on the order")]
    for of_tuple in sessions(&log).values() {
        for pair in of_tuple.windows(2) {
            assert!(pair[0].1 < pair[1].0, "{pair:?}");
        }
    }
    for record in &log {
        endpoints.entry(record.tuple.outside).or_default().push((record.start, record.end));
    }
    let shared = log.iter().filter(|record| {
        let live = |&(start, end): &(u64, u64)| start <= record.end && record.start <= end;
        endpoints[&record.tuple.outside].iter().filter(|span| live(span)).count() > 1
    });
    assert!(shared.count() > 100);
}

#[test]
fn sessions_are_short_few_are_long_and_many_follow_another_host() {
    let log: Vec<Record> = records(&PLAN).collect();
    let sessions = sessions(&log);
    #[expect(clippy::disallowed_methods, reason = "nothing that comes out depends on the order")]
    let all: Vec<&Vec<(u64, u64, SocketAddrV4)>> = sessions.values().collect();
    let total = all.iter().map(|of_tuple| of_tuple.len()).sum::<usize>() as f64;
    let share = |fits: &dyn Fn(u64) -> bool| {
        all.iter().flat_map(|of_tuple| of_tuple.iter()).filter(|(start, end, _)| fits(end - start)).count()
            as f64
            / total
    };
    assert!((share(&|length| length < 5 * SECOND_US) - 0.5).abs() < 0.01, "the median is 5 s");
    assert!((share(&|length| length > 600 * SECOND_US) - 0.0083).abs() < 0.002, "some have several windows");
    let followed = all.iter().flat_map(|of_tuple| of_tuple.windows(2)).collect::<Vec<_>>();
    assert!((followed.len() as f64 / total - 0.15).abs() < 0.015, "15 % take over");
    assert!(followed.iter().all(|pair| pair[0].2 != pair[1].2));
}

#[test]
fn each_shape_has_the_same_values_under_the_same_names() {
    let plan = Plan { seed: 3, records: 50 };
    let text = |shape| String::from_utf8(written(&plan, shape)).expect("it is text");
    let (json, sls, csv) = (text(Shape::Json), text(Shape::Sls), text(Shape::Csv));
    let mut rows = csv.lines();
    let columns: Vec<&str> = rows.next().expect("there is a header").split(',').collect();
    assert_eq!(columns.len(), 15);
    for ((json, sls), row) in json.lines().zip(sls.lines()).zip(rows) {
        let object = |line| serde_json::from_str::<serde_json::Value>(line).expect("it is JSON");
        let (json, sls) = (object(json), object(sls));
        for (column, cell) in columns.iter().zip(row.split(',')) {
            assert_eq!(sls[column], cell);
            let number = cell.parse::<u64>().ok();
            assert_eq!(json[column].as_u64().or(number), number);
            assert_eq!(json[column].as_str().unwrap_or(cell), cell);
        }
        assert!(sls["__time__"].is_string() && sls["__tag__:__receive_time__"].is_string());
    }
    let per_line = text(Shape::Json).len() / 50;
    assert!((300..360).contains(&per_line), "{per_line} bytes a line");
}

#[test]
fn the_truth_is_what_a_scan_of_the_log_finds() {
    let log: Vec<Record> = records(&PLAN).collect();
    let alerts = alerts(&PLAN, 1_000);
    assert!(alerts.is_sorted_by_key(|alert| alert.at));
    for (flow_id, alert) in (1..).zip(&alerts) {
        assert_eq!(alert.flow_id, flow_id);
        let within = |bound| {
            let touching = log.iter().filter(|record| record.tuple == alert.tuple);
            let mut insides: Vec<SocketAddrV4> = touching
                .filter(|record| touches(record, alert.at, bound))
                .map(|record| record.inside)
                .collect();
            insides.sort_unstable();
            insides.dedup();
            insides
        };
        let candidates = within(CLOCK_BOUND_US);
        assert_eq!(candidates.len(), alert.truth.candidates);
        match alert.truth.holder {
            Some(holder) => assert!(candidates.contains(&holder), "{alert:?}"),
            None => assert!(within(2 * SECOND_US).is_empty(), "{alert:?}"),
        }
    }
}

#[test]
fn alerts_are_of_every_kind_in_the_promised_parts() {
    let alerts = alerts(&PLAN, 20_000);
    let share = |fits: &dyn Fn(&Alert) -> bool| {
        alerts.iter().filter(|alert| fits(alert)).count() as f64 / alerts.len() as f64
    };
    assert!((share(&|alert| alert.outside_is_source) - 0.7).abs() < 0.01);
    assert!((share(&|alert| alert.kind == Kind::Skewed) - 0.1).abs() < 0.01);
    assert!((share(&|alert| alert.truth.holder.is_none()) - 0.05).abs() < 0.01);
    assert!(share(&|alert| alert.kind == Kind::UnheldTime) > 0.01);
    // They are more the denser the log is: one of ten million records has thirty times as many.
    assert!(share(&|alert| alert.truth.candidates > 1) > 0.0);
    assert_eq!(super::alerts(&PLAN, 0), []);
    assert_eq!(super::alerts(&Plan { seed: 1, records: 0 }, 5), []);
}
