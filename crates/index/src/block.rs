//! Many whole sessions in little memory: dense rows, sorted, each found by its outside or by its peer.
//!
//! Sketch: a row is 64 bytes and has 18 more to be found by. A look-up touches three places in memory: a
//! start, the keys that begin there, and the row.

mod finder;
mod row;

pub use row::{Row, Written};

use crate::Arena;
use finder::Finder;
use std::{hint::black_box, net::IpAddr};
use unmasq_model::{Endpoint, Evidence, Realm, Rows, Session, SessionsQuestion};

/// An immutable run of rows.
#[derive(Debug, Default)]
pub struct Block {
    rows: Vec<Row>,
    /// Rows by the address and port of their outside.
    by_outside: Finder,
    /// Rows by their peer and the port of their outside.
    by_peer: Finder,
    realms: Vec<Realm>,
}

impl Block {
    /// Of rows in any order; `realms` are those that they count.
    ///
    /// # Panics
    /// When there are more than 2³² rows.
    #[must_use]
    pub fn of(mut rows: Vec<Row>, realms: Vec<Realm>) -> Self {
        rows.sort_unstable();
        rows.dedup();
        let by_outside = Finder::of(rows.iter().map(Row::outside_key));
        let by_peer = Finder::of(rows.iter().map(Row::peer_key));
        Self { rows, by_outside, by_peer, realms }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Every inside address of a row, with the realm that the row names and its gateway.
    pub fn insides(&self) -> impl Iterator<Item = (Option<&Realm>, IpAddr, unmasq_model::GatewayIx)> {
        self.rows.iter().filter_map(|row| Some((row.realm(&self.realms), row.inside()?, row.gateway())))
    }

    /// Fetches what questions about these endpoints of ours, each with its peer, will read. A look-up by
    /// itself waits for memory three times, and knows only then what it needs next; many wait together.
    pub fn bring_near(&self, flows: impl Iterator<Item = (Endpoint, Endpoint)>) {
        if self.is_empty() {
            return;
        }
        let (mut outsides, mut peers) = (Vec::new(), Vec::new());
        for (ours, remote) in flows {
            let (IpAddr::V4(ip), Some(port)) = (ours.ip, ours.port) else { continue };
            outsides.push(row::key_of_outside(ip, port));
            peers.extend(row::key_of_peer(remote, port));
        }
        self.by_outside.bring_near(&outsides);
        self.by_peer.bring_near(&peers);
        let places = outsides.iter().flat_map(|key| self.by_outside.find(*key));
        black_box(places.fold(0, |all, place| all ^ self.rows[place].edges()));
    }

    /// Adds the sessions that answer a question to `found`, in no order; see [`SessionsQuestion`] for what is
    /// promised. None of them is bounded by another. They are unfolded in `room`.
    pub fn sessions<'a>(
        &self,
        asked: &SessionsQuestion,
        room: &'a Arena<Session>,
        found: &mut Rows<'a, Session>,
    ) {
        let mut rows: Rows<'_, Row> = Rows::new();
        self.each_near(asked, &mut |row| {
            if row.answers(asked) && row.reach().touches(asked.during) {
                rows.push(row);
            }
        });
        // Copies lie side by side, and differ in where they are written.
        for copies in rows.chunk_by(|one, other| one.is_copy_of(other)) {
            found.push(room.alloc(self.session(copies)));
        }
    }

    /// What all these copies of a row tell.
    fn session(&self, copies: &[&Row]) -> Session {
        let mut session = copies[0].session(&self.realms);
        session.evidence.extend(copies[1..].iter().map(|copy| copy.evidence()));
        session.evidence.sort_unstable();
        session
    }

    /// Shows `see` the rows that may answer, and not many more.
    fn each_near<'b>(&'b self, asked: &SessionsQuestion, see: &mut dyn FnMut(&'b Row)) {
        match (asked.outside, asked.remote) {
            ((Some(IpAddr::V4(ip)), Some(port)), _) => {
                let places = self.by_outside.find(row::key_of_outside(ip, port));
                places.for_each(|place| see(&self.rows[place]));
            }
            ((Some(IpAddr::V4(ip)), None), _) => {
                let from = self.rows.partition_point(|row| row.outside_ip() < ip);
                self.rows[from..].iter().take_while(|row| row.outside_ip() == ip).for_each(see);
            }
            ((Some(IpAddr::V6(_)), _), _) => {}
            ((None, Some(port)), Some(remote)) => {
                let key = row::key_of_peer(remote, port);
                let places = key.into_iter().flat_map(|key| self.by_peer.find(key));
                places.for_each(|place| see(&self.rows[place]));
            }
            ((None, _), _) => self.rows.iter().for_each(see),
        }
    }
}

impl Row {
    pub(crate) fn session(&self, realms: &[Realm]) -> Session {
        Session {
            gateway: self.gateway(),
            translation: self.translation(),
            request: None,
            inside_realm: self.realm(realms).cloned(),
            start: self.start(),
            end: self.end(),
            proven: None,
            evidence: vec![self.evidence()],
        }
    }

    pub(crate) fn evidence(&self) -> Evidence {
        let (log, file, line) = self.place();
        Evidence { log, file, line, record: Default::default() }
    }
}
