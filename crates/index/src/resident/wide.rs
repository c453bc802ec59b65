//! Sessions that no dense row can hold: IPv6, NAT64, open ends, whole blocks of ports, requests, cited lines.

use std::{mem::size_of, net::IpAddr};
use unmasq_model::{Endpoint, Evidence, GatewayIx, Request, Session, SessionsQuestion, Try};

/// An immutable table of sessions in order, each once.
///
/// Sketch: a session as it is, and four bytes more to find it by. A look-up searches those, and reads sessions as it
/// goes.
#[derive(Default, Debug)]
pub(super) struct Wide {
    sessions: Vec<Session>,
    /// Places of those without a request whose outside address is known, by [`outside`].
    by_outside: Vec<u32>,
    /// Places of all without a request, by [`peer`].
    by_peer: Vec<u32>,
    /// Places of those with a request, by [`client`].
    by_client: Vec<u32>,
    /// How many bytes the sessions have beside them.
    beside: usize,
}

type ByOutside = (Option<IpAddr>, GatewayIx, Option<u16>);

fn outside(session: &Session) -> ByOutside {
    let outside = session.translation.outside;
    (outside.ip, session.gateway, outside.port())
}

fn peer(session: &Session) -> (Option<IpAddr>, Option<u16>) {
    let remote = session.translation.remote;
    (remote.map(|remote| remote.ip), remote.and_then(|remote| remote.port))
}

/// The client of a balancer, unless it is unknown or only claimed.
fn client(session: &Session) -> (GatewayIx, Option<IpAddr>) {
    let claimed = session.request.as_ref().is_none_or(|request| request.client_claimed);
    (session.gateway, session.translation.remote.filter(|_| !claimed).map(|client| client.ip))
}

impl Wide {
    /// Of sessions in any order.
    pub(super) fn of(mut sessions: Vec<Session>) -> Self {
        sessions.sort_unstable();
        sessions.dedup();
        sessions.shrink_to_fit();
        let is_request = |session: &Session| session.request.is_some();
        let by_outside = sorted(&sessions, |s| !is_request(s) && s.translation.outside.ip.is_some(), outside);
        let by_peer = sorted(&sessions, |s| !is_request(s), peer);
        let by_client = sorted(&sessions, is_request, client);
        let beside = sessions.iter().map(beside).sum();
        Self { sessions, by_outside, by_peer, by_client, beside }
    }

    /// The sessions, in order.
    pub(super) fn into_sessions(self) -> Vec<Session> {
        self.sessions
    }

    /// The sessions, in order.
    pub(super) fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// How many bytes it takes. What sessions share is counted for each.
    pub(super) fn memory(&self) -> usize {
        let places = [&self.by_outside, &self.by_peer, &self.by_client];
        size_of::<Self>()
            + self.sessions.capacity() * size_of::<Session>()
            + self.beside
            + places.map(|places| places.capacity() * size_of::<u32>()).iter().sum::<usize>()
    }

    /// The sessions that may answer a question, and not many more.
    pub(super) fn near(&self, asked: &SessionsQuestion) -> Box<dyn Iterator<Item = &Session> + '_> {
        match (asked.outside, asked.gateway, asked.remote) {
            ((Some(ip), Some(port)), Some(gateway), _) => {
                let at = |port| self.of_port(&(Some(ip), gateway, port));
                Box::new(at(Some(port)).chain(at(None)))
            }
            ((Some(ip), _), Some(gateway), _) => {
                let key = move |s: &Session| (s.translation.outside.ip, s.gateway);
                Box::new(self.alike(&self.by_outside, key, &(Some(ip), gateway)))
            }
            ((Some(ip), _), None, _) => {
                Box::new(self.alike(&self.by_outside, |s| s.translation.outside.ip, &Some(ip)))
            }
            ((None, _), _, Some(Endpoint { ip, port: Some(port) })) => {
                let at = |key| self.alike(&self.by_peer, peer, &key);
                Box::new(at((Some(ip), Some(port))).chain(at((Some(ip), None))).chain(at((None, None))))
            }
            ((None, _), _, Some(Endpoint { ip, port: None })) => {
                let at = |ip| self.alike(&self.by_peer, |s| peer(s).0, &ip);
                Box::new(at(Some(ip)).chain(at(None)))
            }
            ((None, _), _, None) => Box::new(self.at(&self.by_peer)),
        }
    }

    /// The sessions of a gateway's outside address and just this port, or of none or several ports.
    pub(super) fn of_port(&self, key: &ByOutside) -> impl Iterator<Item = &Session> + use<'_> {
        self.alike(&self.by_outside, outside, key)
    }

    /// What a balancer carried for a client, or for those that are unknown; for everybody if none is named.
    pub(super) fn of_client(
        &self,
        gateway: GatewayIx,
        asked: Option<Option<IpAddr>>,
    ) -> Box<dyn Iterator<Item = &Session> + '_> {
        match asked {
            Some(ip) => Box::new(self.alike(&self.by_client, client, &(gateway, ip))),
            None => Box::new(self.alike(&self.by_client, |session| session.gateway, &gateway)),
        }
    }

    fn at<'a>(&'a self, places: &'a [u32]) -> impl Iterator<Item = &'a Session> {
        places.iter().map(|place| &self.sessions[*place as usize])
    }

    /// Those of the places, which are in order of a key, that have this one.
    fn alike<'a, K: Ord, F: Fn(&Session) -> K>(
        &'a self,
        places: &'a [u32],
        key: F,
        sought: &K,
    ) -> impl Iterator<Item = &'a Session> + use<'a, K, F> {
        let from = places.partition_point(|place| key(&self.sessions[*place as usize]) < *sought);
        let places = &places[from..];
        let to = places.partition_point(|place| key(&self.sessions[*place as usize]) <= *sought);
        self.at(&places[..to])
    }
}

/// The places of some sessions in order of a key.
fn sorted<K: Ord>(
    sessions: &[Session],
    which: impl Fn(&Session) -> bool,
    key: impl Fn(&Session) -> K,
) -> Vec<u32> {
    let of = |place: u32| &sessions[place as usize];
    let count = u32::try_from(sessions.len()).expect("a table has fewer than 2³² sessions");
    let mut places: Vec<u32> = (0..count).filter(|place| which(of(*place))).collect();
    places.sort_by_key(|place| key(of(*place)));
    places.shrink_to_fit();
    places
}

/// How many bytes a session has beside it.
fn beside(session: &Session) -> usize {
    let lines: usize = session.evidence.iter().map(|evidence| evidence.record.len()).sum();
    let request = session.request.as_deref().map_or(0, |request| {
        let Request { host, method, path, agent, tries, .. } = request;
        let told = [host, method, path, agent].into_iter();
        let tried = tries.iter().flat_map(|tried| [&tried.server, &tried.outcome]);
        let texts: usize = told.chain(tried).flatten().map(|text| text.len()).sum();
        size_of::<Request>() + tries.capacity() * size_of::<Try>() + texts
    });
    session.evidence.capacity() * size_of::<Evidence>() + lines + request
}
