use proptest::prelude::*;
use unmasq_index::Memory;
use unmasq_model::{LogTime, Session, SessionsQuestion};
use unmasq_testkit::generate;

/// What the question promises, as a scan over everything.
fn scan<'s>(sessions: &'s [Session], asked: &SessionsQuestion) -> Vec<&'s Session> {
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

proptest! {
    #[test]
    fn the_index_agrees_with_a_scan(sessions in generate::sessions(40), asked in generate::question()) {
        let mut memory = Memory::default();
        for session in &sessions {
            memory.insert(session.clone());
        }
        prop_assert_eq!(memory.sessions(&asked), scan(&sessions, &asked));
    }

    #[test]
    fn the_order_of_insertion_changes_no_answer(
        sessions in generate::sessions(20),
        asked in generate::question(),
    ) {
        let (mut there, mut back) = (Memory::default(), Memory::default());
        sessions.iter().for_each(|session| there.insert(session.clone()));
        sessions.iter().rev().for_each(|session| back.insert(session.clone()));
        prop_assert_eq!(there.sessions(&asked), back.sessions(&asked));
    }
}
