//! The plain index.

use crate::{Arena, Block};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    ops::Bound,
};
use unmasq_model::{
    Answer, AssetId, Endpoint, GatewayIx, HoldersQuestion, LogTime, Protocol, Question, Realm,
    RequestsQuestion, Rivals, Rows, Session, SessionsQuestion, Socket, SocketsQuestion, Tenure, Translation,
};

/// Everything known, in ordered maps.
///
/// Sketch: a look-up touches the sessions of one outside ip:port (all remotes, all time), or of one
/// outside address if the port is not known, and every port block of that address. Rows are as large as a [`Session`] with its evidence.
#[derive(Default, Debug)]
pub struct Memory {
    sessions: Vec<Session>,
    /// More of them, of which each record tells all.
    block: Block,
    /// Places in `sessions` by gateway, outside address and port. Those that are not of one port (none
    /// known, or a block of them) sort first.
    by_outside: BTreeMap<(GatewayIx, IpAddr, Option<u16>), Vec<usize>>,
    /// The same by peer, for an outside address that is logged under an alias nobody told us.
    by_remote: BTreeMap<Endpoint, Vec<usize>>,
    /// Those that a balancer carried, by client; `None` for one that is unknown or only claimed.
    by_client: BTreeMap<(GatewayIx, Option<IpAddr>), Vec<usize>>,
    tenures: BTreeMap<(Realm, IpAddr), Vec<Tenure>>,
    sockets: BTreeMap<(AssetId, Protocol, Endpoint), Vec<Socket>>,
}

impl Memory {
    /// Adds a session. Sessions are a set: the same one twice changes no answer.
    pub fn insert(&mut self, session: Session) {
        let (gateway, translation) = (session.gateway, session.translation);
        let place = self.sessions.len();
        if let Some(request) = &session.request {
            let client = translation.remote.filter(|_| !request.client_claimed).map(|client| client.ip);
            self.by_client.entry((gateway, client)).or_default().push(place);
        } else {
            if let Some(ip) = translation.outside.ip {
                let outside = (gateway, ip, translation.outside.port());
                self.by_outside.entry(outside).or_default().push(place);
            }
            if let Some(remote) = translation.remote {
                self.by_remote.entry(remote).or_default().push(place);
            }
        }
        self.sessions.push(session);
    }

    /// Every inside address of a session, with the realm that its record names and its gateway.
    pub fn insides(&self) -> impl Iterator<Item = (Option<&Realm>, IpAddr, GatewayIx)> {
        let told = self.sessions.iter().filter_map(|session| {
            let inside = session.translation.inside?;
            Some((session.inside_realm.as_ref(), inside.ip, session.gateway))
        });
        told.chain(self.block.insides())
    }

    /// Keeps these sessions in place of all that were kept; who held an address, and sockets, stay.
    pub fn replace_sessions(&mut self, sessions: Vec<Session>, block: Block) {
        let (tenures, sockets) = (std::mem::take(&mut self.tenures), std::mem::take(&mut self.sockets));
        *self = Self { block, tenures, sockets, ..Self::default() };
        sessions.into_iter().for_each(|session| self.insert(session));
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

    /// Keeps sessions of which each record tells all, in less memory; what was kept so before is dropped.
    pub fn set_block(&mut self, block: Block) {
        self.block = block;
    }

    /// Those sessions.
    #[must_use]
    pub const fn block(&self) -> &Block {
        &self.block
    }

    /// Answers any question; `room` is where sessions are unfolded that are kept in less memory.
    #[must_use]
    pub fn answer<'a>(&'a self, question: &Question, room: &'a Arena<Session>) -> Answer<'a> {
        match question {
            Question::Sessions(asked) => Answer::Sessions(self.sessions(asked, room)),
            Question::Requests(asked) => Answer::Requests(self.requests(asked)),
            Question::Holders(asked) => Answer::Holders(self.holders(asked)),
            Question::Sockets(asked) => Answer::Sockets(self.sockets(asked)),
        }
    }

    /// Which sessions explain an outside endpoint? See [`SessionsQuestion`] for what is promised.
    #[must_use]
    pub fn sessions<'a>(&'a self, asked: &SessionsQuestion, room: &'a Arena<Session>) -> Rows<'a, Session> {
        let mut found = Rows::new();
        if !self.sessions.is_empty() {
            let near = self.near(asked);
            found.extend(near.filter(|s| answers(s, asked) && s.reach().touches(asked.during)));
            let bounding = self.bounding(&found);
            found.extend(bounding);
        }
        self.block.sessions(asked, room, &mut found);
        if found.len() > 1 {
            put_in_order(&mut found);
        }
        found
    }

    /// What did a balancer carry for a client? See [`RequestsQuestion`] for what is promised.
    #[must_use]
    pub fn requests(&self, asked: &RequestsQuestion) -> Rows<'_, Session> {
        let of = |client| self.by_client.get(&(asked.gateway, client)).into_iter().flatten();
        let places: Box<dyn Iterator<Item = &usize>> = match asked.client {
            Some(client) => Box::new(of(None).chain(of(Some(client.ip)))),
            None => {
                let (first, next) = ((asked.gateway, None), (GatewayIx(asked.gateway.0 + 1), None));
                Box::new(self.by_client.range(first..next).flat_map(|(_, places)| places))
            }
        };
        let sessions = places.map(|&place| &self.sessions[place]);
        let mut found: Rows<'_, Session> = sessions.filter(|session| carried(session, asked)).collect();
        put_in_order(&mut found);
        found
    }

    /// Who held an inside address?
    #[must_use]
    pub fn holders(&self, asked: &HoldersQuestion) -> Rows<'_, Tenure> {
        if self.tenures.is_empty() {
            return Rows::new();
        }
        let rows = self.tenures.get(&(asked.realm.clone(), asked.ip)).into_iter().flatten();
        let mut found: Rows<'_, Tenure> = rows.filter(|tenure| tenure.held.touches(asked.during)).collect();
        found.sort_by(|a, b| (a.held, &a.holder).cmp(&(b.held, &b.holder)));
        found.dedup();
        found
    }

    /// Which socket was it?
    #[must_use]
    pub fn sockets(&self, asked: &SocketsQuestion) -> Rows<'_, Socket> {
        let key = |port| (asked.instance.clone(), asked.protocol, Endpoint { port, ..asked.local });
        let every = || self.sockets.range(key(None)..=key(Some(u16::MAX)));
        let rows: Box<dyn Iterator<Item = &Socket>> = match asked.local.port {
            Some(port) => Box::new(self.sockets.get(&key(Some(port))).into_iter().flatten()),
            None => Box::new(every().flat_map(|(_, sockets)| sockets)),
        };
        let mut found: Rows<'_, Socket> = rows
            .filter(|s| asked.remote.is_none_or(|remote| s.remote.answers(remote)))
            .filter(|s| s.lived.touches(asked.during))
            .collect();
        put_in_order(&mut found);
        found
    }

    /// The sessions that the ordered maps put near a question; the filters decide.
    fn near(&self, asked: &SessionsQuestion) -> Box<dyn Iterator<Item = &Session> + '_> {
        let places: Box<dyn Iterator<Item = &usize>> = match (asked.outside, asked.remote, asked.gateway) {
            ((Some(ip), Some(port)), _, Some(gateway)) => {
                let at = move |port| self.by_outside.get(&(gateway, ip, port)).into_iter().flatten();
                Box::new(at(Some(port)).chain(at(None)))
            }
            ((Some(ip), None), _, Some(gateway)) => {
                let (first, last) = ((gateway, ip, None), (gateway, ip, Some(u16::MAX)));
                let rows = self.by_outside.range((Bound::Included(first), Bound::Included(last)));
                Box::new(rows.flat_map(|(_, places)| places))
            }
            ((None, _), Some(remote), _) => Box::new(self.by_remote.get(&remote).into_iter().flatten()),
            ((Some(_), _), _, None) => Box::new(self.by_outside.values().flatten()),
            ((None, _), None, _) => Box::new(std::iter::empty()),
        };
        Box::new(places.map(|&place| &self.sessions[place]))
    }

    /// What bounds sessions that nobody saw begin or end: the holders of their tuples before and after.
    fn bounding(&self, found: &[&Session]) -> Vec<&Session> {
        let half_told =
            |s: &&&Session| s.start.from() == LogTime::BEGINNING || s.end.to() == LogTime::FOREVER;
        let open: Vec<&Session> = found.iter().filter(half_told).copied().collect();
        if open.is_empty() {
            return Vec::new();
        }
        let port = |s: &Session| Some((s.gateway, s.translation.outside.ip?, s.translation.outside.port()));
        let ports: BTreeSet<_> = open.iter().filter_map(|session| port(session)).collect();
        let places = ports.iter().filter_map(|port| self.by_outside.get(port)).flatten();
        let rivals = Rivals::of(places.map(|&place| &self.sessions[place]));
        open.iter()
            .flat_map(|session| rivals.before(session).into_iter().chain(rivals.after(session)))
            .collect()
    }
}

/// Puts them in their natural order, each once.
fn put_in_order<T: Ord>(found: &mut Rows<'_, T>) {
    found.sort_unstable();
    found.dedup();
}

/// Whether a session answers a question, whenever it was.
pub(crate) fn answers(session: &Session, asked: &SessionsQuestion) -> bool {
    let translation = &session.translation;
    let (ip, port) = asked.outside;
    asked.gateway.is_none_or(|gateway| gateway == session.gateway)
        && translation.outside.answers(ip, port)
        && both(asked.protocol, translation.protocol, |asked, told| asked == told)
        && both(asked.remote, translation.remote, |asked, told| told.answers(asked))
}

/// Whether a session is what a balancer carried for whom is asked about, then.
pub(crate) fn carried(session: &Session, asked: &RequestsQuestion) -> bool {
    let Translation { protocol, remote, .. } = session.translation;
    let claimed = session.request.as_ref().is_none_or(|request| request.client_claimed);
    session.reach().touches(asked.during)
        && both(Some(asked.protocol), protocol, |asked, told| asked == told)
        && (claimed || both(asked.client, remote, |asked, told| told.answers(asked)))
}

/// Whether what is asked and what is told agree, as far as both are known.
fn both<T>(asked: Option<T>, told: Option<T>, agree: impl FnOnce(T, T) -> bool) -> bool {
    match (asked, told) {
        (Some(asked), Some(told)) => agree(asked, told),
        _ => true,
    }
}
