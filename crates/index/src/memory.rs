//! The plain index.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    ops::Bound,
};
use unmasq_model::{
    Answer, AssetId, Endpoint, GatewayIx, HoldersQuestion, LogTime, Protocol, Question, Realm, Rivals,
    Session, SessionsQuestion, Socket, SocketsQuestion, Tenure,
};

/// Everything known, in ordered maps.
///
/// Sketch: a look-up touches the sessions of one outside ip:port (all remotes, all time), or of one
/// outside address if the port is not known. Rows are as large as a [`Session`] with its evidence.
#[derive(Default, Debug)]
pub struct Memory {
    sessions: Vec<Session>,
    /// Places in `sessions` by gateway and outside endpoint. Sessions without a port sort first.
    by_outside: BTreeMap<(GatewayIx, IpAddr, Option<u16>), Vec<usize>>,
    /// The same by peer, for an outside address that is logged under an alias nobody told us.
    by_remote: BTreeMap<(GatewayIx, Endpoint), Vec<usize>>,
    tenures: BTreeMap<(Realm, IpAddr), Vec<Tenure>>,
    sockets: BTreeMap<(AssetId, Protocol, Endpoint), Vec<Socket>>,
}

impl Memory {
    /// Adds a session. Sessions are a set: the same one twice changes no answer.
    pub fn insert(&mut self, session: Session) {
        let (gateway, translation) = (session.gateway, session.translation);
        let outside = (gateway, translation.outside.ip, translation.outside.port);
        let place = self.sessions.len();
        self.sessions.push(session);
        self.by_outside.entry(outside).or_default().push(place);
        self.by_remote.entry((gateway, translation.remote)).or_default().push(place);
    }

    /// Adds who held an address.
    pub fn insert_tenure(&mut self, tenure: Tenure) {
        self.tenures.entry((tenure.realm.clone(), tenure.ip)).or_default().push(tenure);
    }

    /// Adds a socket.
    pub fn insert_socket(&mut self, socket: Socket) {
        let key = (socket.instance.clone(), socket.protocol, socket.local);
        self.sockets.entry(key).or_default().push(socket);
    }

    /// Answers any question.
    #[must_use]
    pub fn answer(&self, question: &Question) -> Answer<'_> {
        match question {
            Question::Sessions(asked) => Answer::Sessions(self.sessions(asked)),
            Question::Holders(asked) => Answer::Holders(self.holders(asked)),
            Question::Sockets(asked) => Answer::Sockets(self.sockets(asked)),
        }
    }

    /// Which sessions explain an outside endpoint? See [`SessionsQuestion`] for what is promised.
    #[must_use]
    pub fn sessions(&self, asked: &SessionsQuestion) -> Vec<&Session> {
        let mut found: Vec<&Session> =
            self.near(asked).filter(|s| answers(s, asked) && s.reach().touches(asked.during)).collect();
        let bounding = self.bounding(&found);
        found.extend(bounding);
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Who held an inside address?
    #[must_use]
    pub fn holders(&self, asked: &HoldersQuestion) -> Vec<&Tenure> {
        let rows = self.tenures.get(&(asked.realm.clone(), asked.ip)).into_iter().flatten();
        let mut found: Vec<&Tenure> = rows.filter(|tenure| tenure.held.touches(asked.during)).collect();
        found.sort_by(|a, b| (a.held, &a.holder).cmp(&(b.held, &b.holder)));
        found.dedup();
        found
    }

    /// Which socket was it?
    #[must_use]
    pub fn sockets(&self, asked: &SocketsQuestion) -> Vec<&Socket> {
        let key = (asked.instance.clone(), asked.protocol, asked.local);
        let rows = self.sockets.get(&key).into_iter().flatten();
        let mut found: Vec<&Socket> = rows
            .filter(|s| asked.remote.is_none_or(|remote| s.remote.answers(remote)))
            .filter(|s| s.lived.touches(asked.during))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The sessions that the ordered maps put near a question; the filters decide.
    fn near(&self, asked: &SessionsQuestion) -> Box<dyn Iterator<Item = &Session> + '_> {
        let places: Box<dyn Iterator<Item = &usize>> = match (asked.outside, asked.remote) {
            ((Some(ip), Some(port)), _) => {
                let at = |port| self.by_outside.get(&(asked.gateway, ip, port)).into_iter().flatten();
                Box::new(at(Some(port)).chain(at(None)))
            }
            ((Some(ip), None), _) => {
                let (first, last) = ((asked.gateway, ip, None), (asked.gateway, ip, Some(u16::MAX)));
                let rows = self.by_outside.range((Bound::Included(first), Bound::Included(last)));
                Box::new(rows.flat_map(|(_, places)| places))
            }
            ((None, _), Some(remote)) => {
                Box::new(self.by_remote.get(&(asked.gateway, remote)).into_iter().flatten())
            }
            ((None, _), None) => Box::new(std::iter::empty()),
        };
        Box::new(places.map(|&place| &self.sessions[place]))
    }

    /// What bounds sessions that nobody saw begin or end: the holders of their tuples before and after.
    fn bounding(&self, found: &[&Session]) -> Vec<&Session> {
        let half_told =
            |s: &&&Session| s.start.from() == LogTime::BEGINNING || s.end.to() == LogTime::FOREVER;
        let open: Vec<&Session> = found.iter().filter(half_told).copied().collect();
        let ports: BTreeSet<_> =
            open.iter().map(|s| (s.gateway, s.translation.outside.ip, s.translation.outside.port)).collect();
        let places = ports.iter().filter_map(|port| self.by_outside.get(port)).flatten();
        let rivals = Rivals::of(places.map(|&place| &self.sessions[place]));
        open.iter()
            .flat_map(|session| rivals.before(session).into_iter().chain(rivals.after(session)))
            .collect()
    }
}

fn answers(session: &Session, asked: &SessionsQuestion) -> bool {
    let translation = &session.translation;
    let (ip, port) = asked.outside;
    let outside = ip.is_none_or(|ip| ip == translation.outside.ip)
        && (port.is_none() || translation.outside.port.is_none() || port == translation.outside.port);
    outside
        && asked.protocol.is_none_or(|protocol| protocol == translation.protocol)
        && asked.remote.is_none_or(|remote| translation.remote.answers(remote))
}
