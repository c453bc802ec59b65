use proptest::prelude::*;
use unmasq_index::{Arena, Block, Memory, Row, Written};
use unmasq_model::{Evidence, LogIx, LogTime, Ports, Realm, Role, Session, SessionsQuestion};
use unmasq_testkit::generate;

/// What the question promises, as a scan over everything.
pub(crate) fn scan<'s>(sessions: &'s [Session], asked: &SessionsQuestion) -> Vec<&'s Session> {
    let asked_for: Vec<&Session> =
        sessions.iter().filter(|s| answers(s, asked) && s.reach().touches(asked.during)).collect();
    let mut found = asked_for.clone();
    for session in asked_for {
        let rivals = || {
            let same = |other: &&Session| other.same_tuple(session) && other.log() == session.log();
            sessions.iter().filter(same).filter(|_| session.is_exclusive())
        };
        if session.end.to() == LogTime::FOREVER {
            let later = rivals().filter(|s| s.start.from() > session.start.from());
            found.extend(later.min_by_key(|s| (s.start, *s)));
        }
        if session.start.from() == LogTime::BEGINNING {
            let earlier = rivals().filter(|s| s.end.from() < session.start.to());
            found.extend(earlier.max_by_key(|s| (s.end.from(), *s)));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn answers(session: &Session, asked: &SessionsQuestion) -> bool {
    let t = &session.translation;
    let (ip, port) = asked.outside;
    asked.gateway.is_none_or(|gateway| gateway == session.gateway)
        && asked.protocol.is_none_or(|protocol| t.protocol.is_none_or(|told| told == protocol))
        && ip.is_none_or(|ip| t.outside.ip.is_none_or(|told| told == ip))
        && port.is_none_or(|port| t.outside.ports.hold(port))
        && asked.remote.is_none_or(|remote| t.remote.is_none_or(|told| told.answers(remote)))
}

pub(crate) const REALMS: [&str; 3] = ["vpc-a", "vpc-b", "default"];

/// A session as a row can hold it, if it can be made one.
pub(crate) fn whole(session: &Session) -> Option<Session> {
    let mut whole = Session { proven: None, request: None, ..session.clone() };
    let ip = whole.translation.outside.ip.filter(std::net::IpAddr::is_ipv4)?;
    let finite = whole.start.from().is_finite() && whole.end.to().is_finite() && whole.start.to().is_finite();
    let known =
        matches!(whole.translation.outside.ports, Ports::One(_)) && whole.translation.protocol.is_some();
    let v4 = |end: Option<unmasq_model::Endpoint>| end.is_some_and(|end| end.ip.is_ipv4());
    whole.translation.role = Role::Client;
    whole.translation.inside_remote = whole.translation.remote;
    whole.inside_realm = Some(REALMS[usize::from(ip.is_loopback())].into());
    (finite && known && v4(whole.translation.inside) && v4(whole.translation.remote)).then_some(whole)
}

/// Copies are one session with all evidence.
pub(crate) fn without_copies(mut sessions: Vec<Session>) -> Vec<Session> {
    sessions.sort_unstable();
    sessions.dedup();
    let bare = |session: &Session| Session { evidence: Vec::new(), ..session.clone() };
    sessions.dedup_by(|next, first| {
        let same = bare(next) == bare(first);
        first.evidence.extend(next.evidence.iter().filter(|_| same).cloned());
        same
    });
    sessions
}

proptest! {
    #[test]
    fn the_index_agrees_with_a_scan(sessions in generate::sessions(40), asked in generate::question()) {
        let mut memory = Memory::default();
        for session in &sessions {
            memory.insert(session.clone());
        }
        let room = Arena::new();
        prop_assert_eq!(memory.sessions(&asked, &room).into_vec(), scan(&sessions, &asked));
    }

    #[test]
    fn a_block_agrees_with_a_scan(sessions in generate::sessions(60), asked in generate::question()) {
        let mut sessions: Vec<Session> = sessions.iter().filter_map(whole).collect();
        let realms: Vec<Realm> = REALMS.map(Realm::from).to_vec();
        let rows = sessions.iter().enumerate().map(|(line, session)| {
            let realm = realms.iter().position(|realm| session.inside_realm.as_ref() == Some(realm));
            let written = Written {
                gateway: session.gateway,
                log: LogIx(0),
                file: 3,
                line: line as u64,
                realm: realm.and_then(|realm| u32::try_from(realm).ok()),
            };
            Row::of(&session.translation, session.start, session.end, &written).unwrap()
        });
        let rows: Vec<Row> = rows.collect();
        for (line, session) in sessions.iter_mut().enumerate() {
            session.evidence = vec![Evidence { log: LogIx(0), file: 3, line: line as u64, record: "".into() }];
        }
        let sessions = without_copies(sessions);
        let mut memory = Memory::default();
        memory.set_block(Block::of(rows, realms));
        let room = Arena::new();
        prop_assert_eq!(memory.sessions(&asked, &room).into_vec(), scan(&sessions, &asked));
    }

    #[test]
    fn the_order_of_insertion_changes_no_answer(
        sessions in generate::sessions(20),
        asked in generate::question(),
    ) {
        let (mut there, mut back) = (Memory::default(), Memory::default());
        sessions.iter().for_each(|session| there.insert(session.clone()));
        sessions.iter().rev().for_each(|session| back.insert(session.clone()));
        let room = Arena::new();
        prop_assert_eq!(there.sessions(&asked, &room), back.sessions(&asked, &room));
    }
}
