//! The resident index under the oracle of the plain one: a scan over everything.

use crate::index::{REALMS, scan, whole, without_copies};
use proptest::{collection::vec, option, prelude::*};
use std::{net::Ipv4Addr, sync::Arc, time::Duration};
use unmasq_index::{Arena, Dropped, Limits, Resident, Row, Snapshot, Written};
use unmasq_model::{
    Endpoint, Evidence, GatewayIx, LogIx, LogTime, Protocol, Realm, RequestsQuestion, Session,
    SessionsQuestion, Span, Translation,
};
use unmasq_testkit::generate;

const HOUR: Duration = Duration::from_secs(3_600);
const NO_LIMITS: Limits = Limits { bytes: usize::MAX };

/// What may happen to an index.
#[derive(Clone, Debug)]
enum Step {
    Rows(Vec<Session>),
    Sessions(Vec<Session>),
    Expire(LogTime),
    Settle(LogTime),
}

/// The tuple of every second session and question, so that holders of one tuple follow each other.
fn tuple() -> Translation {
    let endpoint = |ip: [u8; 4]| Endpoint::new(ip.into(), Some(20_001));
    let (outside, remote) = (endpoint([203, 0, 113, 7]), endpoint([198, 51, 100, 9]));
    Translation::of_source_nat(Protocol::TCP, outside, endpoint([10, 0, 0, 11]), remote)
}

/// A session that is one of that tuple, if `alike`, but for whose it is.
fn of_tuple(mut session: Session, alike: bool) -> Session {
    if alike {
        let inside = session.translation.inside;
        session.gateway = GatewayIx(0);
        session.translation = Translation { inside, ..tuple() };
        session.evidence[0].log = LogIx(0);
    }
    session
}

/// A session that may be hours later, and may have begun long before.
fn session() -> impl Strategy<Value = Session> {
    let longer = [0, 0, 0, 600_000_000, 5_400_000_123, 7_200_000_000, 50 * 86_400_000_000];
    (generate::session(), 0..4u32, proptest::sample::select(longer.to_vec()), any::<bool>()).prop_map(
        |(session, hours, longer, alike)| {
            let session = of_tuple(session, alike);
            let later = HOUR * hours;
            let earlier = |at: LogTime| at.plus(later).minus(Duration::from_micros(longer));
            Session {
                start: Span::between(earlier(session.start.from()), earlier(session.start.to())),
                end: Span::between(session.end.from().plus(later), session.end.to().plus(later)),
                ..session
            }
        },
    )
}

fn question() -> impl Strategy<Value = SessionsQuestion> {
    let during = option::weighted(0.8, 0..4u32);
    let port = proptest::bool::weighted(0.9);
    (generate::question(), during, port, any::<bool>()).prop_map(|(mut asked, hours, port, alike)| {
        if alike {
            let Translation { protocol, outside, remote, .. } = tuple();
            let gateway = Some(GatewayIx(0));
            asked = SessionsQuestion {
                gateway,
                protocol,
                outside: (outside.ip, outside.port()),
                remote,
                ..asked
            };
        }
        let at = |at: LogTime, hours| at.plus(HOUR * hours);
        let shifted = |h| Span::between(at(asked.during.from(), h), at(asked.during.to(), h));
        let outside = (asked.outside.0, asked.outside.1.filter(|_| port));
        SessionsQuestion { outside, during: hours.map_or(Span::ALWAYS, shifted), ..asked }
    })
}

fn moment() -> impl Strategy<Value = LogTime> {
    (generate::instant(), 0..5u32).prop_map(|(at, hours)| at.plus(HOUR * hours))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => vec(session(), 0..25).prop_map(Step::Rows),
        3 => vec(session(), 0..12).prop_map(Step::Sessions),
        1 => moment().prop_map(Step::Expire),
        1 => moment().prop_map(Step::Settle),
    ]
}

/// Those that are rows, as an index that holds rows tells of them.
fn uncited(sessions: &[Session]) -> Vec<Session> {
    let cited = |mut session: Session| {
        let Evidence { log, line, .. } = session.evidence[0];
        session.evidence = vec![Evidence { log, file: 3, line, record: Arc::default() }];
        session
    };
    sessions.iter().filter_map(whole).map(cited).collect()
}

/// As rows. Batches need not count realms alike.
fn rows(sessions: &[Session], realms: &[Realm]) -> Vec<Row> {
    let row = |session: &Session| {
        let realm = realms.iter().position(|realm| session.inside_realm.as_ref() == Some(realm));
        let Evidence { log, file, line, .. } = session.evidence[0];
        let realm = realm.and_then(|realm| u32::try_from(realm).ok());
        let written = Written { gateway: session.gateway, log, file, line, realm };
        Row::of(&session.translation, session.start, session.end, &written).unwrap()
    };
    sessions.iter().map(row).collect()
}

fn insert(index: &mut Resident, sessions: &[Session], turned: bool) -> Option<Dropped> {
    let mut realms = REALMS.map(Realm::from).to_vec();
    if turned {
        realms.reverse();
    }
    index.insert_rows(&rows(sessions, &realms), &realms)
}

/// Whether an hour that ended before `before` has this session.
fn is_expired(session: &Session, before: LogTime) -> bool {
    let hour = 3_600_000_000;
    let after = |end: LogTime| (end.as_unix_us().div_euclid(hour) + 1) * hour;
    session.end.to().finite().is_some_and(|end| after(end) <= before.as_unix_us())
}

/// What is known without an index.
#[derive(Default)]
struct Known {
    rows: Vec<Session>,
    others: Vec<Session>,
}

impl Known {
    fn sessions(&self) -> Vec<Session> {
        let mut sessions = without_copies(self.rows.clone());
        sessions.extend_from_slice(&self.others);
        sessions
    }
}

fn answer(snapshot: &Snapshot, asked: &SessionsQuestion) -> Vec<Session> {
    let room = Arena::new();
    snapshot.sessions(asked, &room).into_iter().cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_snapshot_agrees_for_ever_with_a_scan_of_what_was_known(
        steps in vec(step(), 1..10),
        asked in question(),
    ) {
        let (mut index, mut known, mut snapshots) = (Resident::new(NO_LIMITS), Known::default(), Vec::new());
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Rows(sessions) => {
                    let sessions = uncited(&sessions);
                    prop_assert_eq!(insert(&mut index, &sessions, at % 2 == 1), None);
                    known.rows.extend(sessions);
                }
                Step::Sessions(sessions) => {
                    prop_assert_eq!(index.insert_sessions(sessions.clone()), None);
                    known.others.extend(sessions);
                }
                Step::Expire(before) => {
                    index.expire(before);
                    known.rows.retain(|session| !is_expired(session, before));
                    known.others.retain(|session| !is_expired(session, before));
                }
                Step::Settle(before) => while index.settle(before) {},
            }
            let sessions = known.sessions();
            let expected: Vec<Session> = scan(&sessions, &asked).into_iter().cloned().collect();
            snapshots.push((index.snapshot(), expected));
        }
        for (snapshot, expected) in snapshots {
            prop_assert_eq!(answer(&snapshot, &asked), expected);
        }
    }

    #[test]
    fn neither_order_nor_batches_nor_copies_change_an_answer(
        sessions in vec(session(), 0..60),
        asked in vec(question(), 1..5),
        size in 1..20usize,
    ) {
        let (mut there, mut back) = (Resident::new(NO_LIMITS), Resident::new(NO_LIMITS));
        insert(&mut there, &uncited(&sessions), false);
        there.insert_sessions(sessions.clone());
        let turned: Vec<Session> = sessions.iter().rev().chain(&sessions[..sessions.len() / 2]).cloned().collect();
        for batch in turned.chunks(size) {
            back.insert_sessions(batch.to_vec());
            insert(&mut back, &uncited(batch), true);
        }
        let (there, back) = (there.snapshot(), back.snapshot());
        let (room, together) = (Arena::new(), Arena::new());
        let each = back.sessions_of_each(&asked, &together);
        for (asked, each) in asked.iter().zip(each) {
            let alone = there.sessions(asked, &room);
            prop_assert_eq!(&alone, &each);
            prop_assert_eq!(alone, back.sessions(asked, &room));
        }
    }

    #[test]
    fn at_its_limits_it_gives_up_the_oldest_and_tells(
        batches in vec(vec(session(), 0..30), 1..8),
        asked in question(),
        bytes in 20_000..60_000usize,
    ) {
        let mut index = Resident::new(Limits { bytes });
        let (mut known, mut told) = (Vec::new(), 0);
        for batch in &batches {
            let batch = uncited(batch);
            told += insert(&mut index, &batch, false).map_or(0, |dropped| dropped.sessions);
            prop_assert!(index.memory() <= bytes);
            known.extend(batch);
        }
        prop_assert_eq!(told, index.dropped().map_or(0, |dropped| dropped.sessions));
        prop_assert!(index.len() + told <= known.len());
        // What ended later than anything that was given up is all there; nothing is there that never was.
        let until = index.dropped().map_or(LogTime::BEGINNING, |dropped| dropped.until);
        let known = without_copies(known);
        let found = answer(&index.snapshot(), &asked);
        let expected = scan(&known, &asked);
        prop_assert!(found.iter().all(|session| until > session.end.to() || expected.contains(&session)));
        prop_assert!(expected.iter().all(|session| session.end.to() < until || found.contains(session)));
    }

    #[test]
    fn requests_are_found_by_their_client(sessions in generate::sessions(30), pick in 0..30usize) {
        let mut sessions = sessions;
        for session in &mut sessions {
            let request = unmasq_model::Request::new(unmasq_model::Layer::Request);
            session.request = Some(Arc::new(request));
        }
        let (mut index, mut memory) = (Resident::new(NO_LIMITS), unmasq_index::Memory::default());
        for batch in sessions.chunks(7) {
            index.insert_sessions(batch.to_vec());
            batch.iter().for_each(|session| memory.insert(session.clone()));
        }
        if let Some(session) = sessions.get(pick) {
            let protocol = session.translation.protocol.unwrap();
            let during = session.reach();
            for client in [None, session.translation.remote] {
                let asked = RequestsQuestion { gateway: session.gateway, protocol, client, during };
                let snapshot = index.snapshot();
                prop_assert_eq!(snapshot.requests(&asked), memory.requests(&asked).into_vec());
            }
        }
    }
}

/// Some second of an hour.
fn second(hour: u32, second: u32) -> LogTime {
    LogTime::from_unix_seconds(1_772_323_200)
        .unwrap()
        .plus(HOUR * hour)
        .plus(Duration::from_secs(second.into()))
}

/// A session of one second in an hour, of an outside address of many.
fn brief(outside: u32, hour: u32, at: u32) -> Session {
    let outside = Endpoint::new(Ipv4Addr::from(0xcb00_7100 + outside).into(), Some(20_001));
    let Translation { inside, remote, .. } = tuple();
    let (inside, remote) = (inside.unwrap(), remote.unwrap());
    let translation = Translation::of_source_nat(Protocol::TCP, outside, inside, remote);
    Session {
        gateway: GatewayIx(0),
        translation,
        request: None,
        inside_realm: Some("default".into()),
        start: Span::at(second(hour, at)),
        end: Span::at(second(hour, at + 1)),
        proven: None,
        evidence: vec![Evidence { log: LogIx(0), file: 3, line: u64::from(at) + 1, record: Arc::default() }],
    }
}

/// What is asked about who had a session's outside then.
fn about(session: &Session) -> SessionsQuestion {
    let Translation { protocol, outside, remote, .. } = session.translation;
    SessionsQuestion {
        gateway: Some(session.gateway),
        protocol,
        outside: (outside.ip, outside.port()),
        remote,
        during: session.reach(),
    }
}

/// More rows of one flow than a guide has room for, among addresses of which each has few.
#[test]
fn many_rows_of_one_flow_and_few_of_many_addresses_are_found() {
    let alike = (0..700).map(|at| brief(40, 0, at));
    let others = (0..900).map(|at| brief(at % 300, at % 2, 700 + at));
    let known: Vec<Session> = alike.chain(others).collect();
    let mut index = Resident::new(NO_LIMITS);
    for first in 0..7 {
        // In no order.
        let batch: Vec<Session> = known.iter().skip(first).step_by(7).rev().cloned().collect();
        insert(&mut index, &batch, first % 2 == 1);
    }
    let asked: Vec<SessionsQuestion> = known.iter().map(about).collect();
    for _ in 0..2 {
        let (snapshot, room) = (index.snapshot(), Arena::new());
        let mut reader = snapshot.reader();
        let together = reader.sessions_of_each(&asked, &room);
        for (asked, found) in asked.iter().zip(together) {
            assert_eq!(found, scan(&known, asked));
            assert_eq!(found, reader.sessions(asked, &room));
        }
        while index.settle(LogTime::FOREVER) {}
    }
}

#[test]
fn an_hour_to_which_no_more_rows_come_is_settled_as_others_come() {
    let mut index = Resident::new(NO_LIMITS);
    let batch =
        |hour, first: u32| -> Vec<Session> { (first..first + 50).map(|at| brief(at, hour, at)).collect() };
    for first in [0, 200, 50, 100, 150] {
        insert(&mut index, &batch(0, first), false);
    }
    let (held, known) = (index.snapshot(), index.len());
    // Late, a few.
    insert(&mut index, &[brief(7, 0, 3_000)], false);
    for at in 0..20 {
        insert(&mut index, &batch(1, 50 * at), false);
    }
    assert!(!index.settle(second(1, 0)), "nothing lies apart in the hour before");
    assert_eq!((held.len(), index.len()), (known, known + 1 + 20 * 50));
    assert_eq!(answer(&held, &about(&brief(7, 0, 3_000))), []);
    assert_eq!(answer(&index.snapshot(), &about(&brief(7, 0, 3_000))), [brief(7, 0, 3_000)]);
}
