//! Endpoints, and the two ends of an alert.

use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, ops::Index};

/// An address with, where the protocol has one and it is known, a port.
///
/// An endpoint says nothing without its realm: private ranges overlap. The ICMP query id stands in
/// `port` where a log carries it (RFC 5508 treats it so).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// The address. IPv4 written as IPv6 (`::ffff:192.0.2.1`) has been made IPv4.
    pub ip: IpAddr,
    /// The port; `None` where the protocol has none or nobody knows it.
    pub port: Option<u16>,
}

impl Endpoint {
    /// An endpoint; an IPv4-mapped IPv6 address becomes the IPv4 address it means.
    #[must_use]
    pub fn new(ip: IpAddr, port: Option<u16>) -> Self {
        Self { ip: ip.to_canonical(), port }
    }

    /// Whether `asked` may mean this endpoint: same address, and the same port where both know one.
    #[must_use]
    pub fn answers(self, asked: Self) -> bool {
        self.ip == asked.ip && (self.port.is_none() || asked.port.is_none() || self.port == asked.port)
    }
}

/// Whether the world may meet this address: it is not of those that everybody may use inside (RFC 1918,
/// RFC 6598, RFC 4193), nor of one link or host (RFC 3927, RFC 4291).
#[must_use]
#[inline]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => match ip.octets() {
            [10 | 127, ..] => false,
            [100, second, ..] => !(64..128).contains(&second),
            [169, second, ..] => second != 254,
            [172, second, ..] => !(16..32).contains(&second),
            [192, second, ..] => second != 168,
            _ => true,
        },
        IpAddr::V6(ip) => !(ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback()),
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.ip, self.port) {
            (ip, None) => ip.fmt(f),
            (IpAddr::V4(ip), Some(port)) => write!(f, "{ip}:{port}"),
            (IpAddr::V6(ip), Some(port)) => write!(f, "[{ip}]:{port}"),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One of an alert's two ends, as its own `src_*` and `dest_*` fields name them.
///
/// They follow the packet that fired the rule, not the flow: a client may be either.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The packet's source.
    Src,
    /// The packet's destination.
    Dest,
}

impl End {
    /// Both ends, source first.
    pub const BOTH: [Self; 2] = [Self::Src, Self::Dest];

    /// The opposite end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Src => Self::Dest,
            Self::Dest => Self::Src,
        }
    }
}

/// One thing for each end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PerEnd<T> {
    /// What belongs to the source.
    pub src: T,
    /// What belongs to the destination.
    pub dest: T,
}

impl<T> Index<End> for PerEnd<T> {
    type Output = T;

    fn index(&self, end: End) -> &T {
        match end {
            End::Src => &self.src,
            End::Dest => &self.dest,
        }
    }
}

/// What an end is in its flow: who opened it, and who was called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It opened the flow.
    Client,
    /// It was called.
    Server,
    /// Neither a session nor the alert says.
    Unknown,
}

impl Role {
    /// The role of the opposite end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
            Self::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn public_is_what_no_document_keeps_for_inside() {
        for (first, second) in (0..=255).flat_map(|first| (0..=255).map(move |second| (first, second))) {
            let ip = Ipv4Addr::new(first, second, 7, 1);
            let shared = first == 100 && second & 0xc0 == 64;
            let inside = ip.is_private() || shared || ip.is_link_local() || ip.is_loopback();
            assert_eq!(is_public(ip.into()), !inside, "{ip}");
        }
    }
}
