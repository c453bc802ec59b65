//! Many whole sessions in little memory: dense rows, sorted, each found by its outside or by its peer.
//!
//! Sketch: a row is 64 bytes and has 18 more to be found by. A look-up touches three places in memory: a
//! start, the keys that begin there, and the row.

mod finder;
mod row;

pub use row::{Row, Written};

use crate::answers;
use finder::Finder;
use std::net::IpAddr;
use unmasq_model::{Evidence, Realm, Session, SessionsQuestion};

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

    /// The sessions that answer a question, in no order; see [`SessionsQuestion`] for what is promised. None of
    /// them is bounded by another.
    pub fn sessions(&self, asked: &SessionsQuestion) -> Vec<Session> {
        let mut found: Vec<Session> = Vec::new();
        let mut last: Option<&Row> = None;
        let sought = row::Sought::by(asked);
        for row in self.near(asked).filter(|row| sought.may_be(row)) {
            if !row.reach().touches(asked.during) {
                continue;
            }
            // Copies lie side by side, and differ in where they are written.
            match (last.is_some_and(|last| last.is_copy_of(row)), found.last_mut()) {
                (true, Some(session)) => session.evidence.push(row.evidence()),
                _ => {
                    let session = row.session(&self.realms);
                    if !answers(&session, asked) {
                        continue;
                    }
                    found.push(session);
                    last = Some(row);
                }
            }
        }
        for session in &mut found {
            session.evidence.sort_unstable();
        }
        found
    }

    /// The rows that may answer, and not many more.
    fn near(&self, asked: &SessionsQuestion) -> Box<dyn Iterator<Item = &Row> + '_> {
        let rows = |number: usize| &self.rows[number];
        match (asked.outside, asked.remote) {
            ((Some(IpAddr::V4(ip)), Some(port)), _) => {
                Box::new(self.by_outside.find(row::key_of_outside(ip, port)).map(rows))
            }
            ((Some(IpAddr::V4(ip)), None), _) => {
                let from = self.rows.partition_point(|row| row.outside_ip() < ip);
                Box::new(self.rows[from..].iter().take_while(move |row| row.outside_ip() == ip))
            }
            ((Some(IpAddr::V6(_)), _), _) => Box::new(std::iter::empty()),
            ((None, Some(port)), Some(remote)) => match row::key_of_peer(remote, port) {
                Some(key) => Box::new(self.by_peer.find(key).map(rows)),
                None => Box::new(std::iter::empty()),
            },
            ((None, _), _) => Box::new(self.rows.iter()),
        }
    }
}

impl Row {
    fn session(&self, realms: &[Realm]) -> Session {
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

    fn evidence(&self) -> Evidence {
        let (log, file, line) = self.place();
        Evidence { log, file, line, record: Default::default() }
    }
}
