//! What records are filed under.

use std::{fmt, net::IpAddr};
use unmasq_decode::Record;
use unmasq_model::{Endpoint, Outside};

/// What a record is filed under; keys sort as their texts do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key {
    /// An outside endpoint; without a port, a record about several ports or one that names none.
    Outside(IpAddr, Option<u16>),
    /// The client of a balancer; nobody, if it is unknown or claimed.
    Client(Option<Endpoint>),
    /// One of the two endpoints of a record that does not say what was translated.
    Real(Endpoint),
}

impl Key {
    /// The keys of a record.
    #[must_use]
    pub fn of(record: &Record) -> Vec<Self> {
        let translation = &record.translation;
        if let Some(request) = &record.request {
            return vec![Self::Client(translation.remote.filter(|_| !request.client_claimed))];
        }
        match translation.outside {
            Outside { ip: Some(ip), .. } => vec![Self::Outside(ip, translation.outside.port())],
            Outside { ip: None, .. } => {
                [translation.inside, translation.remote].into_iter().flatten().map(Self::Real).collect()
            }
        }
    }

    /// What the text of every outside key begins with.
    pub(crate) const OUTSIDES: &'static str = "o";
    /// What the text of every client's key begins with.
    pub(crate) const CLIENTS: &'static str = "c";
    /// What the text of every real endpoint's key begins with.
    pub(crate) const REALS: &'static str = "r";

    /// What the text of a key begins with, whatever its port.
    pub(crate) fn prefix(letter: &str, ip: IpAddr) -> String {
        match ip {
            IpAddr::V4(ip) => format!("{letter}4{:08x}:", ip.to_bits()),
            IpAddr::V6(ip) => format!("{letter}6{:032x}:", ip.to_bits()),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (letter, ip, port) = match *self {
            Self::Outside(ip, port) => (Self::OUTSIDES, Some(ip), port),
            Self::Client(client) => (Self::CLIENTS, client.map(|at| at.ip), client.and_then(|at| at.port)),
            Self::Real(at) => (Self::REALS, Some(at.ip), at.port),
        };
        match (ip, port) {
            (None, _) => write!(f, "{letter}-"),
            (Some(ip), None) => write!(f, "{}-", Self::prefix(letter, ip)),
            (Some(ip), Some(port)) => write!(f, "{}{port:04x}", Self::prefix(letter, ip)),
        }
    }
}
