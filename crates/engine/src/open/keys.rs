//! Under which keys questions are asked, and under which keys records answer them.
//!
//! A record that may answer a question has one of its keys, or the key of [`EVERYBODY`]. Keys have 48 bits, the first
//! ones of a word.

use crate::sieve::{key_of, key_of_ip};
use foldhash::fast::FixedState;
use smallvec::{SmallVec, smallvec};
use std::hash::BuildHasher;
use unmasq_model::{Question, Request, RequestsQuestion, SessionsQuestion, Span, Translation};

/// What a key is made of: keys of different kinds never meet but by chance.
#[derive(Clone, Copy)]
enum Kind {
    /// A translated five-tuple without our address: a log may know that by another name.
    Flow = 1,
    /// Our address where the whole tuple is asked for, for records that leave parts of it open.
    Part,
    /// Our address where nothing else is known.
    Host,
    /// The peer's address, where ours is not known.
    Peer,
    /// The address of a balancer's client.
    Client,
}

/// Stands for every address.
const ANY: u64 = 0;

/// Records of which nobody can say whom they concern.
pub(super) const EVERYBODY: u64 = 0;

fn of(kind: Kind, key: u64) -> u64 {
    FixedState::with_seed(kind as u64).hash_one(key) >> 16 << 16
}

/// Under which keys a question is found, and about when it asks; `None` if no session answers it.
pub(super) fn of_question(question: &Question) -> Option<(SmallVec<[u64; 2]>, Span)> {
    match question {
        Question::Sessions(SessionsQuestion { protocol, outside, remote, during, .. }) => {
            let ip = outside.0.map_or(ANY, key_of_ip);
            let keys = match (outside, protocol, remote.filter(|remote| remote.port.is_some())) {
                ((_, Some(port)), Some(protocol), Some(remote)) if protocol.has_ports() => {
                    smallvec![of(Kind::Flow, key_of(*protocol, *port, remote)), of(Kind::Part, ip)]
                }
                ((Some(_), _), ..) => smallvec![of(Kind::Host, ip)],
                ((None, _), ..) => {
                    let peer = remote.map_or(ANY, |remote| key_of_ip(remote.ip));
                    smallvec![of(Kind::Peer, peer), of(Kind::Peer, ANY)]
                }
            };
            Some((keys, *during))
        }
        Question::Requests(RequestsQuestion { client, during, .. }) => {
            let client = client.map_or(ANY, |client| key_of_ip(client.ip));
            Some((smallvec![of(Kind::Client, client)], *during))
        }
        Question::Holders(_) | Question::Sockets(_) => None,
    }
}

/// Under which keys a record of this translation answers questions; `None` if it may concern everybody.
pub(super) fn of_record(translation: &Translation, request: Option<&Request>) -> Option<SmallVec<[u64; 4]>> {
    let Translation { protocol, outside, remote, .. } = *translation;
    if let Some(request) = request {
        // Whose it was if its address is not known or not to be believed, nobody can tell.
        let client = remote.filter(|_| !request.client_claimed)?;
        return Some(smallvec![of(Kind::Client, ANY), of(Kind::Client, key_of_ip(client.ip))]);
    }
    let ip = key_of_ip(outside.ip?);
    let whole = remote.filter(|remote| remote.port.is_some()).zip(outside.port()).zip(protocol);
    let peer = of(Kind::Peer, remote.map_or(ANY, |remote| key_of_ip(remote.ip)));
    Some(match whole {
        Some(((remote, port), protocol)) => {
            smallvec![of(Kind::Flow, key_of(protocol, port, remote)), of(Kind::Host, ip), peer]
        }
        None => smallvec![of(Kind::Part, ip), of(Kind::Part, ANY), of(Kind::Host, ip), peer],
    })
}

/// The same for a record that does not say what was translated, but whom it is about.
pub(super) fn of_addresses(translation: &Translation) -> SmallVec<[u64; 10]> {
    let Translation { outside, inside, remote, .. } = *translation;
    let told = [outside.ip, inside.map(|inside| inside.ip), remote.map(|remote| remote.ip)];
    let told = told.into_iter().flatten().map(key_of_ip);
    let kinds = [Kind::Part, Kind::Host, Kind::Peer];
    told.flat_map(|ip| kinds.map(|kind| of(kind, ip))).chain([of(Kind::Part, ANY)]).collect()
}
