//! On disk nobody is touched less, or more, than in memory.

use super::*;
use crate::serve::open::tests::typical;
use proptest::prelude::*;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};
use unmasq_engine::{OpenQuestions, SaidSoFar};
use unmasq_model::{
    AlertId, Arrival, Endpoint, GatewayIx, Outside, Ports, Protocol, Question, RequestsQuestion, Role,
    SessionsQuestion, SourceName, Translation,
};
use unmasq_work::NewAlert;

fn second(at: u32) -> LogTime {
    LogTime::from_unix_seconds(1_700_000_000 + i64::from(at)).unwrap()
}

fn during(from: u32, length: u32) -> Span {
    Span::between(second(from), second(from + length))
}

fn ip(host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, host))
}

/// One question, of few.
fn question() -> impl Strategy<Value = Question> {
    (0..5_u8, 0..3_u8, 0..3_u8, 0..200_u32, 0..30_u32).prop_map(|(kind, ours, theirs, from, length)| {
        let remote = Endpoint::new(ip(100 + theirs), Some(443));
        let outside = match kind {
            0 => (Some(ip(ours)), Some(u16::from(theirs) + 1024)),
            1 => (None, Some(u16::from(theirs) + 1024)),
            2 => (Some(ip(ours)), None),
            _ => (None, None),
        };
        let (protocol, during) = (Protocol::TCP, during(from, length));
        match kind {
            4 => Question::Requests(RequestsQuestion {
                gateway: GatewayIx(0),
                protocol,
                client: Some(remote).filter(|_| ours > 0),
                during,
            }),
            _ => Question::Sessions(SessionsQuestion {
                gateway: None,
                protocol: Some(protocol),
                outside,
                remote: Some(remote),
                during,
            }),
        }
    })
}

fn work(alerts: usize) -> (tempfile::TempDir, Work, Vec<u64>) {
    let folder = tempfile::tempdir().unwrap();
    let mut work = Work::open(&folder.path().join("work.sqlite")).unwrap();
    let source = SourceName::from("eve.json");
    let new = (0..alerts).map(|at| NewAlert {
        kind: None,
        name: Box::new(move |_| AlertId(format!("{at}").into())),
        arrived: Arrival::from_unix_us(0),
        source: &source,
        format: "suricata-eve",
        facts: None,
        raw: b"{}",
    });
    let taken = work.take(&new.collect::<Vec<_>>(), None).unwrap();
    let numbers = taken.into_iter().map(|taken| taken.unwrap().number).collect();
    (folder, work, numbers)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn old_questions_touch_whom_those_in_memory_do(
        asked in prop::collection::vec(prop::collection::vec(question(), 0..4), 1..12),
        records in prop::collection::vec((0..4_u8, 0..3_u8, 0..3_u8, 0..250_u32, 0..20_u32, any::<bool>()), 1..12),
    ) {
        let (_folder, mut work, numbers) = work(asked.len());
        let (mut open, mut old) = (OpenQuestions::default(), Old::default());
        for (number, asked) in numbers.iter().zip(&asked) {
            open.ask(*number, asked);
        }
        let kept: Vec<(u64, Vec<OldQuestion>)> = open.of(numbers.iter().copied()).into_iter().collect();
        // What is kept twice is there once.
        work.keep_questions(&kept).unwrap();
        work.keep_questions(&kept).unwrap();
        kept.into_iter().flat_map(|(_, questions)| questions).for_each(|question| old.expect(question));
        for (kind, ours, theirs, from, length, is_timed) in records {
            let port = u16::from(theirs) + 1024;
            let translation = Translation {
                protocol: Some(Protocol::TCP),
                role: Role::Client,
                outside: Outside {
                    ip: Some(ip(ours)).filter(|_| kind != 3),
                    ports: if kind == 1 { Ports::Any } else { Ports::One(port) },
                },
                remote: Some(Endpoint::new(ip(100 + theirs), Some(443))).filter(|_| kind != 2),
                inside: None,
                inside_remote: None,
            };
            let reach = Some(during(from, length)).filter(|_| is_timed);
            let (mut in_memory, mut on_disk) = (BTreeSet::new(), BTreeSet::new());
            open.touch(&translation, None, reach, &mut in_memory);
            old.news.note(&translation, None, reach);
            old.look_up(&work).unwrap();
            while let Some((number, ())) = old.touched.pop_first() {
                on_disk.insert(number);
            }
            if kind == 3 && is_timed {
                // In memory everybody is touched, on disk whoever asks about that time.
                let span = reach.unwrap();
                let meets = |question: &Question| match question {
                    Question::Sessions(asked) => asked.during.touches(span),
                    Question::Requests(asked) => asked.during.touches(span),
                    _ => false,
                };
                let needed = numbers.iter().zip(&asked).filter(|(_, asked)| asked.iter().any(meets));
                let needed: BTreeSet<u64> = needed.map(|(number, _)| *number).collect();
                prop_assert!(needed.is_subset(&on_disk) && on_disk.is_subset(&in_memory));
            } else {
                prop_assert_eq!(on_disk, in_memory);
            }
        }
        work.drop_before(Arrival::from_unix_us(0).plus(Duration::from_secs(1)), 100).unwrap();
        let mut left = 0;
        work.each_question(|_| left += 1).unwrap();
        prop_assert_eq!(left, 0, "questions go with their alerts");
    }
}

/// Says what that cost; `UNMASQ_ALERTS` says another number than the usual one:
/// `UNMASQ_ALERTS=200000 cargo test -p unmasq-node --lib -- --nocapture whoever_was_put_away`
#[test]
#[expect(clippy::disallowed_methods, reason = "it measures time")]
fn whoever_was_put_away_is_touched_by_what_comes_late() {
    let alerts = std::env::var("UNMASQ_ALERTS").ok().and_then(|alerts| alerts.parse().ok()).unwrap_or(4_000);
    let (folder, mut work, numbers) = work(alerts);
    let alerts = u32::try_from(alerts).unwrap();
    let (mut old, path) = (Old::default(), folder.path().join("work.sqlite"));
    let size = || std::fs::metadata(&path).unwrap().len();
    let (before, mut took, mut slowest) = (size(), Duration::ZERO, Duration::ZERO);
    let of_alert = |number: u64| typical(u32::try_from(number).unwrap());
    for numbers in numbers.chunks(PUT_AWAY) {
        let mut open = OpenAlerts::default();
        for number in numbers {
            let at = Arrival::from_unix_us(0);
            open.add(*number, SaidSoFar::revision(at, 1, 1), at);
            open.questions.ask(*number, &of_alert(*number));
        }
        while !open.next(Arrival::from_unix_us(0), 10 * PUT_AWAY, false).is_empty() {}
        let begun = Instant::now();
        old.put_away(&mut open, &mut work, 0).unwrap();
        assert_eq!(open.count(), 0);
        took += begun.elapsed();
        slowest = slowest.max(begun.elapsed());
    }
    println!("put away: {:?} an alert, {PUT_AWAY} in {slowest:?} at most", took / alerts);
    work.backup(&folder.path().join("copy.sqlite")).unwrap();
    let bytes = std::fs::metadata(folder.path().join("copy.sqlite")).unwrap().len();
    println!("{} bytes an alert on disk, with its own row", (bytes - before.min(bytes)) / u64::from(alerts));
    // What comes late for one alert of ten, all at once.
    let late = numbers.iter().step_by(10);
    for question in late.flat_map(|number| of_alert(*number)) {
        let Question::Sessions(SessionsQuestion { protocol, outside, remote, during, .. }) = question else {
            continue;
        };
        let outside = Outside { ip: outside.0.or(Some(ip(1))), ports: Ports::One(outside.1.unwrap()) };
        let translation =
            Translation { protocol, role: Role::Client, outside, remote, inside: None, inside_remote: None };
        old.news.note(&translation, None, Some(during));
    }
    let (keys, begun, mut turns) = (old.news.len(), Instant::now(), 0);
    while !old.news.is_empty() {
        old.look_up(&work).unwrap();
        turns += 1;
    }
    let took = begun.elapsed();
    println!(
        "{keys} keys of late records looked up in {took:?}, {:?} a turn; {} touched",
        took / turns,
        old.touched.len()
    );
    assert!(old.touched.len() >= numbers.len() / 10);
}
