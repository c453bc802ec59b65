//! Who held a translated tuple before and after somebody else.

use crate::{Endpoint, GatewayIx, LogIx, LogTime, Outside, Protocol, Session};
use std::collections::HashMap;

/// Sessions of one log by translated tuple, in order of time: one log tells by one clock, and a NAT
/// gives a tuple to one holder at a time.
///
/// Made once for many sessions, so that a tuple that is used ten thousand times costs ten thousand
/// steps and not their square.
#[derive(Debug)]
pub struct Rivals<'k> {
    tuples: HashMap<Tuple, Turns<'k>>,
}

type Tuple = (Option<LogIx>, GatewayIx, Option<Protocol>, Outside, Option<Endpoint>);

#[derive(Debug, Default)]
struct Turns<'k> {
    by_start: Vec<&'k Session>,
    by_last_there: Vec<&'k Session>,
}

fn tuple(session: &Session) -> Tuple {
    let translation = &session.translation;
    (session.log(), session.gateway, translation.protocol, translation.outside, translation.remote)
}

impl<'k> Rivals<'k> {
    /// Of these sessions; those whose tuple does not tell flows apart have no rivals.
    pub fn of(sessions: impl Iterator<Item = &'k Session>) -> Self {
        let mut tuples: HashMap<Tuple, Turns<'k>> = HashMap::new();
        for session in sessions.filter(|session| session.is_exclusive()) {
            tuples.entry(tuple(session)).or_default().by_start.push(session);
        }
        for turns in tuples.values_mut() {
            turns.by_last_there.clone_from(&turns.by_start);
            turns.by_start.sort_by_key(|session| (session.start.from(), session.start.to(), *session));
            turns.by_last_there.sort_by_key(|session| (session.end.from(), *session));
        }
        Self { tuples }
    }

    /// The next to begin after `session` did, if nobody saw `session` end.
    #[must_use]
    pub fn after(&self, session: &Session) -> Option<&'k Session> {
        let turns = self.tuples.get(&tuple(session)).filter(|_| session.end.to() == LogTime::FOREVER)?;
        let later = turns.by_start.partition_point(|other| other.start.from() <= session.start.from());
        turns.by_start.get(later).copied()
    }

    /// The last to be there before `session` surely was, if nobody saw `session` begin.
    #[must_use]
    pub fn before(&self, session: &Session) -> Option<&'k Session> {
        let turns =
            self.tuples.get(&tuple(session)).filter(|_| session.start.from() == LogTime::BEGINNING)?;
        let earlier = turns.by_last_there.partition_point(|other| other.end.from() < session.start.to());
        turns.by_last_there[..earlier].last().copied()
    }
}
