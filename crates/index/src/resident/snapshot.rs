//! What readers see: everything that was known at one moment.

use super::{
    hour::{Hour, Key},
    reader::Reader,
};
use crate::{Arena, memory::carried};
use std::{collections::BTreeMap, sync::Arc};
use unmasq_model::{RequestsQuestion, Session, SessionsQuestion, Span};

/// All sessions that were known when it was taken; nothing that comes later changes it. A clone costs a
/// few bytes for each hour.
#[derive(Clone, Default, Debug)]
pub struct Snapshot {
    pub(super) hours: BTreeMap<Key, Arc<Hour>>,
}

impl Snapshot {
    /// How many sessions there are; one that came twice may still be counted twice.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hours.values().map(|hour| hour.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    /// How many bytes it takes, whoever else shares them.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.hours.values().map(|hour| hour.memory()).sum()
    }

    /// One that looks up sessions. Whoever looks up more than once keeps it.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader::of(self)
    }

    /// Which sessions explain an outside endpoint? See [`SessionsQuestion`] for what is promised.
    #[must_use]
    pub fn sessions<'a>(&'a self, asked: &SessionsQuestion, room: &'a Arena<Session>) -> Vec<&'a Session> {
        self.reader().sessions(asked, room)
    }

    /// The same for many questions, in their order; see [`Reader::sessions_of_each`].
    #[must_use]
    pub fn sessions_of_each<'a>(
        &'a self,
        asked: &[SessionsQuestion],
        room: &'a Arena<Session>,
    ) -> Vec<Vec<&'a Session>> {
        self.reader().sessions_of_each(asked, room)
    }

    /// What did a balancer carry for a client? See [`RequestsQuestion`] for what is promised.
    #[must_use]
    pub fn requests(&self, asked: &RequestsQuestion) -> Vec<&Session> {
        let clients = match asked.client {
            Some(client) => vec![Some(None), Some(Some(client.ip))],
            None => vec![None],
        };
        let tables = self.touched(asked.during).flat_map(Hour::wide);
        let near =
            tables.flat_map(|wide| clients.iter().flat_map(|client| wide.of_client(asked.gateway, *client)));
        let mut found: Vec<&Session> = near.filter(|session| carried(session, asked)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn touched(&self, during: Span) -> impl Iterator<Item = &Hour> {
        self.hours
            .values()
            .map(Arc::as_ref)
            .filter(move |hour| hour.reach().is_some_and(|reach| reach.touches(during)))
    }
}
