//! Many whole sessions in little memory: dense rows, sorted, each found by its outside or by its peer.
//!
//! Sketch: a row is 64 bytes and has 16 more to be found by. A look-up is a binary search over keys that lie
//! side by side, and touches only the rows that it finds.

mod row;

pub use row::{Row, Written};

use crate::answers;
use row::key_of_peer;
use std::net::IpAddr;
use unmasq_model::{Evidence, Realm, Session, SessionsQuestion};

/// An immutable run of rows.
#[derive(Debug, Default)]
pub struct Block {
    rows: Vec<Row>,
    /// The outside of each row, in the order of rows.
    outsides: Vec<u64>,
    /// A key of each row's peer and outside port, with the row, in order.
    peers: Vec<(u32, u32)>,
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
        let outsides = rows.iter().map(Row::outside).collect();
        let number = |at: usize| u32::try_from(at).expect("a block has fewer than 2³² rows");
        let mut peers: Vec<(u32, u32)> =
            rows.iter().enumerate().map(|(at, row)| (row.peer(), number(at))).collect();
        peers.sort_unstable();
        Self { rows, outsides, peers, realms }
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
        for row in self.near(asked) {
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
        let (first, last) = match (asked.outside, asked.remote) {
            ((Some(IpAddr::V4(ip)), Some(port)), _) => {
                let key = row::key_of_outside(ip, port);
                (key, key)
            }
            ((Some(IpAddr::V4(ip)), None), _) => {
                (row::key_of_outside(ip, 0), row::key_of_outside(ip, u16::MAX))
            }
            ((Some(IpAddr::V6(_)), _), _) => return Box::new(std::iter::empty()),
            ((None, Some(port)), Some(remote)) => {
                let Some(key) = key_of_peer(remote, port) else { return Box::new(std::iter::empty()) };
                let from = self.peers.partition_point(|(peer, _)| *peer < key);
                let same = self.peers[from..].iter().take_while(move |(peer, _)| *peer == key);
                return Box::new(same.map(|(_, row)| &self.rows[*row as usize]));
            }
            ((None, _), _) => return Box::new(self.rows.iter()),
        };
        let from = self.outsides.partition_point(|outside| *outside < first);
        let to = from + self.outsides[from..].partition_point(|outside| *outside <= last);
        Box::new(self.rows[from..to].iter())
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
