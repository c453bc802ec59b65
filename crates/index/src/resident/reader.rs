//! Looking up sessions in a snapshot.

use super::{
    found::{Finds, Found, HeldRow, HeldWhole},
    hour::Hour,
    look_up::Seeker,
    snapshot::Snapshot,
};
use crate::{Arena, answers};
use std::{borrow::Cow, collections::BTreeSet};
use unmasq_model::{LogTime, Rivals, Session, SessionsQuestion, Span};

/// Looks up sessions in a [`Snapshot`]. What it takes to do so is used again: to make one costs about as much as
/// to answer a question.
pub struct Reader<'s> {
    /// Each hour that has sessions, and their reach.
    hours: Vec<(Span, &'s Hour)>,
    /// The hours that may have an answer, by question.
    touched: Vec<(usize, &'s Hour)>,
    seeker: Seeker<'s>,
    finds: Finds<'s>,
}

/// So many questions are answered together: what they read stays in the nearest cache until it is used.
const TOGETHER: usize = 64;

impl<'s> Reader<'s> {
    pub(super) fn of(snapshot: &'s Snapshot) -> Self {
        let hours = snapshot.hours.values().filter_map(|hour| Some((hour.reach()?, hour.as_ref())));
        Self {
            hours: hours.collect(),
            touched: Vec::new(),
            seeker: Seeker::default(),
            finds: Finds::default(),
        }
    }

    /// What answers each of some questions, in their order. Each waits for memory as the next does, and all of them
    /// wait together.
    pub fn find_each(&mut self, asked: &[SessionsQuestion]) -> impl Iterator<Item = Found<'_, 's>> {
        self.finds.clear();
        for asked in asked.chunks(TOGETHER) {
            self.answer(asked);
        }
        self.finds.each()
    }

    /// Which sessions explain an outside endpoint? See [`SessionsQuestion`] for what is promised.
    #[must_use]
    pub fn sessions<'a>(&mut self, asked: &SessionsQuestion, room: &'a Arena<Session>) -> Vec<&'a Session>
    where
        's: 'a,
    {
        self.find_each(std::slice::from_ref(asked)).flat_map(|found| found.in_order(room)).collect()
    }

    /// The same for many questions, in their order; see [`find_each`](Self::find_each).
    #[must_use]
    pub fn sessions_of_each<'a>(
        &mut self,
        asked: &[SessionsQuestion],
        room: &'a Arena<Session>,
    ) -> Vec<Vec<&'a Session>>
    where
        's: 'a,
    {
        let mut sessions = Vec::with_capacity(asked.len());
        for asked in asked.chunks(TOGETHER) {
            sessions.extend(self.find_each(asked).map(|found| found.in_order(room)));
        }
        sessions
    }

    /// Finds what answers these questions, after those that were answered before.
    fn answer(&mut self, asked: &[SessionsQuestion]) {
        let Finds { asked: before, rows, whole } = &mut self.finds;
        self.touched.clear();
        for (place, asked) in asked.iter().enumerate() {
            let touched = self.hours.iter().filter(|(reach, _)| reach.touches(asked.during));
            self.touched.extend(touched.map(|(_, hour)| (place, *hour)));
        }
        let first = rows.len();
        self.seeker.rows(&self.touched, asked, rows);
        rows[first..].iter_mut().for_each(|row| row.asked += *before);
        for touched in self.touched.chunk_by(|(place, _), (other, _)| place == other) {
            if touched.iter().any(|(_, hour)| hour.wide().next().is_some()) {
                let place = touched[0].0;
                let add = |session| whole.push(HeldWhole { asked: *before + place, session });
                wide(&self.hours, touched, &asked[place], add);
            }
        }
        *before += asked.len();
    }
}

/// Adds the sessions that answer and are no rows, and what bounds them; `touched` are those of the hours that may have
/// some.
fn wide<'s>(
    hours: &[(Span, &'s Hour)],
    touched: &[(usize, &'s Hour)],
    asked: &SessionsQuestion,
    mut add: impl FnMut(Cow<'s, Session>),
) {
    let mut open: Vec<&Session> = Vec::new();
    for wide in touched.iter().flat_map(|(_, hour)| hour.wide()) {
        for session in wide.near(asked) {
            if answers(session, asked) && session.reach().touches(asked.during) {
                add(Cow::Borrowed(session));
                if session.start.from() == LogTime::BEGINNING || session.end.to() == LogTime::FOREVER {
                    open.push(session);
                }
            }
        }
    }
    if open.is_empty() {
        return;
    }
    let port = |s: &Session| (s.translation.outside.ip, s.gateway, s.translation.outside.port());
    let ports: BTreeSet<_> = open.iter().map(|session| port(session)).collect();
    let every: Vec<(usize, &Hour)> = hours.iter().map(|(_, hour)| (0, *hour)).collect();
    let (mut others, mut rows): (Vec<&Session>, Vec<HeldRow>) = (Vec::new(), Vec::new());
    for key in ports.iter().filter(|(ip, ..)| ip.is_some()) {
        others.extend(hours.iter().flat_map(|(_, hour)| hour.wide()).flat_map(|wide| wide.of_port(key)));
        if let (ip, gateway, Some(port)) = *key {
            let asked = SessionsQuestion {
                gateway: Some(gateway),
                protocol: None,
                outside: (ip, Some(port)),
                remote: None,
                during: Span::ALWAYS,
            };
            Seeker::default().rows(&every, &[asked], &mut rows);
        }
    }
    let unfolded: Vec<Session> = Found::of_rows(&rows).sessions().map(Cow::into_owned).collect();
    let rivals = Rivals::of(others.into_iter().chain(&unfolded));
    let bounding = open.iter().flat_map(|s| rivals.before(s).into_iter().chain(rivals.after(s)));
    bounding.for_each(|session| add(Cow::Owned(session.clone())));
}
