//! What answers a question, as it is held.

use crate::{Arena, Row};
use std::borrow::Cow;
use unmasq_model::{Realm, Session};

/// What answers a question, as it is held: to find it costs less than to make sessions of it.
#[derive(Clone, Copy)]
pub struct Found<'r, 's> {
    rows: &'r [HeldRow<'s>],
    whole: &'r [HeldWhole<'s>],
}

/// A row that answers.
pub(super) struct HeldRow<'s> {
    /// Which question.
    pub(super) asked: usize,
    pub(super) row: Row,
    /// The realms that it counts.
    pub(super) realms: &'s [Realm],
}

/// A session that answers and is no row, or that bounds one.
pub(super) struct HeldWhole<'s> {
    /// Which question.
    pub(super) asked: usize,
    pub(super) session: Cow<'s, Session>,
}

impl<'r, 's> Found<'r, 's> {
    /// Of these rows alone.
    pub(super) fn of_rows(rows: &'r [HeldRow<'s>]) -> Self {
        Self { rows, whole: &[] }
    }

    /// Whether nothing answers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.whole.is_empty()
    }

    /// The sessions, in no order. One that is held both as a row and whole may come twice.
    pub fn sessions(self) -> impl Iterator<Item = Cow<'s, Session>> {
        let made = self.copies().map(|copies| Cow::Owned(session(copies)));
        made.chain(self.whole.iter().map(|whole| whole.session.clone()))
    }

    /// The sessions in order, each once.
    pub(super) fn in_order<'a>(self, room: &'a Arena<Session>) -> Vec<&'a Session>
    where
        's: 'a,
    {
        let mut sessions: Vec<&Session> = Vec::with_capacity(self.rows.len() + self.whole.len());
        for copies in self.copies() {
            sessions.push(room.alloc(session(copies)));
        }
        sessions.extend(self.whole.iter().map(|whole| match &whole.session {
            Cow::Borrowed(session) => *session,
            Cow::Owned(session) => room.alloc(session.clone()),
        }));
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    /// Rows that tell the same lie side by side: they differ in where they are written.
    fn copies(self) -> impl Iterator<Item = &'r [HeldRow<'s>]> {
        self.rows.chunk_by(|a, b| a.row.is_copy_of(&b.row))
    }
}

/// What all these copies of a row tell.
fn session(copies: &[HeldRow<'_>]) -> Session {
    let mut session = copies[0].row.session(copies[0].realms);
    session.evidence.extend(copies[1..].iter().map(|copy| copy.row.evidence()));
    session.evidence.sort_unstable();
    session
}

/// What answers some questions, in their order. Its room is used again.
#[derive(Default)]
pub(super) struct Finds<'s> {
    /// How many questions there are.
    pub(super) asked: usize,
    pub(super) rows: Vec<HeldRow<'s>>,
    pub(super) whole: Vec<HeldWhole<'s>>,
}

impl<'s> Finds<'s> {
    pub(super) fn clear(&mut self) {
        self.asked = 0;
        self.rows.clear();
        self.whole.clear();
    }

    /// What answers each question.
    pub(super) fn each(&self) -> impl Iterator<Item = Found<'_, 's>> {
        let (mut rows, mut whole) = (self.rows.as_slice(), self.whole.as_slice());
        (0..self.asked).map(move |place| Found {
            rows: first(&mut rows, |row| row.asked == place),
            whole: first(&mut whole, |whole| whole.asked == place),
        })
    }
}

/// Takes those away from the beginning of which something is true.
fn first<'r, T>(of: &mut &'r [T], is_one: impl Fn(&T) -> bool) -> &'r [T] {
    let (first, others) = of.split_at(of.iter().take_while(|one| is_one(one)).count());
    *of = others;
    first
}
