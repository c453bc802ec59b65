//! Records become sessions.
//!
//! A record that tells a whole session is one. Events are moments in the life of a translation
//! entry: [`adopt`] finds out what the ends are about that do not say, [`split`] finds the lives, and
//! [`life`] says when a packet was possible in each.
//!
//! Invariant: the result does not depend on the order of the input, so neither on how a log was cut
//! into batches' worth of lines nor on how many readers there were.

mod adopt;
mod life;
mod split;

use crate::{Event, EventKind, Fact, Record, Sighting};
use std::{cmp::Ordering, time::Duration};
use unmasq_model::{Evidence, GatewayIx, LogIx, Ports, Realm, Session, Translation};

/// Makes sessions of everything that one log says, in order, each once.
///
/// Sessions that differ in nothing but where they are written are one, with all evidence. An end that
/// does not say what was translated, and whose beginning is not there, makes none. Pure: the same
/// sightings in any order give the same sessions.
#[must_use]
pub fn assemble(sightings: Vec<Sighting>) -> Vec<Session> {
    let mut sessions = Vec::new();
    let mut moments = Vec::new();
    for Sighting { gateway, evidence, record } in sightings {
        let Record { gateway: _, inside_realm, translation, request, fact } = record;
        match fact {
            Fact::Whole { start, end, proven } => {
                let evidence = vec![evidence];
                sessions.push(Session {
                    gateway,
                    translation,
                    request,
                    inside_realm,
                    start,
                    end,
                    proven,
                    evidence,
                });
            }
            Fact::Event(event) => {
                let log = evidence.log;
                let entry = Entry { gateway, log, inside_realm, translation, id: event.entry };
                moments.push(Moment { entry, event, evidence });
            }
        }
    }
    let mut moments = adopt::named(moments);
    moments.sort_unstable();
    for moments in moments.chunk_by_mut(|one, next| one.entry == next.entry) {
        let moments = without_repetitions(moments);
        sessions.extend(split::lives(moments).map(life::session));
    }
    sessions.sort_unstable();
    merge_copies(sessions)
}

/// What one log calls one thing. Two logs of a gateway tell the same story twice; they are kept
/// apart here, or the second telling of a `NEW` would end the first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Entry {
    gateway: GatewayIx,
    log: LogIx,
    inside_realm: Option<Realm>,
    translation: Translation,
    /// Ids come back, and they are not there unless asked for: a name, not a proof.
    id: Option<u64>,
}

impl Entry {
    /// Whether nobody else can have it at the same time; see [`Session::is_exclusive`].
    fn has_one_holder(&self) -> bool {
        match self.translation.outside.ports {
            Ports::Any => false,
            Ports::One(_) => self.translation.remote.is_some(),
            Ports::Block(..) => true,
        }
    }
}

/// An event in its place.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Moment {
    entry: Entry,
    event: Event,
    evidence: Evidence,
}

/// By entry, then by time; where the clock did not move, as written.
impl Ord for Moment {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |m: &Self| (m.event.at, m.evidence.file, m.evidence.line);
        self.entry
            .cmp(&other.entry)
            .then_with(|| key(self).cmp(&key(other)))
            .then_with(|| self.event.cmp(&other.event))
            .then_with(|| self.evidence.cmp(&other.evidence))
    }
}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The moments of one entry without those that say again what was said at the same microsecond:
/// overlapping files of a rotated log, or one file given twice. In whole seconds two lives may have all
/// their lines in one, so there only another file repeats.
fn without_repetitions(moments: &mut [Moment]) -> &[Moment] {
    const COARSE: Duration = Duration::from_secs(1);
    let coarse = moments.iter().any(|m| m.event.kind != EventKind::Destroy && m.event.lag >= COARSE);
    let mut kept = 0;
    for next in 0..moments.len() {
        let same_time = |m: &&Moment| m.event.at == moments[next].event.at;
        let said = moments[..kept].iter().rev().take_while(same_time);
        let repeats = |m: &Moment| {
            m.event == moments[next].event && (!coarse || m.evidence.file != moments[next].evidence.file)
        };
        if !said.take(REPETITIONS_SOUGHT).any(repeats) {
            moments.swap(kept, next);
            kept += 1;
        }
    }
    &moments[..kept]
}

/// An entry has a handful of events in one microsecond; a log that claims thousands must not make
/// us compare each with each.
const REPETITIONS_SOUGHT: usize = 16;

/// Joins sessions that are alike in all but evidence. `sessions` is sorted.
fn merge_copies(sessions: Vec<Session>) -> Vec<Session> {
    let mut merged: Vec<Session> = Vec::with_capacity(sessions.len());
    for mut session in sessions {
        match merged.last_mut() {
            Some(last) if same_but_for_evidence(last, &session) => {
                last.evidence.append(&mut session.evidence);
            }
            _ => merged.push(session),
        }
    }
    for session in &mut merged {
        session.evidence.sort_unstable();
        session.evidence.dedup();
    }
    merged
}

fn same_but_for_evidence(one: &Session, other: &Session) -> bool {
    let key = |s: &Session| (s.gateway, s.translation, s.start, s.end, s.proven);
    key(one) == key(other) && one.inside_realm == other.inside_realm && one.request == other.request
}

#[cfg(test)]
mod tests;
