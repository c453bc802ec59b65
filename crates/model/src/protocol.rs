//! Transport protocols, as IANA numbers them.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr};

/// A transport protocol by its IANA number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(u8);

/// A text that names no protocol we know.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a protocol such as tcp, udp, icmp or an IANA number")]
pub struct NotAProtocol(pub String);

impl Protocol {
    /// Internet Control Message Protocol.
    pub const ICMP: Self = Self(1);
    /// Transmission Control Protocol.
    pub const TCP: Self = Self(6);
    /// User Datagram Protocol.
    pub const UDP: Self = Self(17);
    /// ICMP for IPv6.
    pub const ICMPV6: Self = Self(58);
    /// Stream Control Transmission Protocol.
    pub const SCTP: Self = Self(132);

    const NAMES: [(&'static str, Self); 9] = [
        ("tcp", Self::TCP),
        ("udp", Self::UDP),
        ("icmp", Self::ICMP),
        ("icmpv6", Self::ICMPV6),
        ("ipv6-icmp", Self::ICMPV6),
        ("sctp", Self::SCTP),
        ("gre", Self(47)),
        ("dccp", Self(33)),
        ("udplite", Self(136)),
    ];

    /// By IANA number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        Self(number)
    }

    /// The IANA number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Whether both ends have ports, so that a flow can be told from its neighbours by them.
    #[must_use]
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::SCTP | Self(33 | 136))
    }

    /// Whether it is ICMP for either family: a NAT translates its query id, which alerts do not carry.
    #[must_use]
    pub const fn is_icmp(self) -> bool {
        matches!(self, Self::ICMP | Self::ICMPV6)
    }
}

/// Reads a name in any case (`TCP`, `IPv6-ICMP`) or an IANA number.
impl FromStr for Protocol {
    type Err = NotAProtocol;

    fn from_str(text: &str) -> Result<Self, NotAProtocol> {
        Self::NAMES
            .iter()
            .find_map(|(name, protocol)| name.eq_ignore_ascii_case(text).then_some(*protocol))
            .or_else(|| text.parse().ok().map(Self))
            .ok_or_else(|| NotAProtocol(text.into()))
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(_, protocol)| protocol == self) {
            Some((name, _)) => f.pad(name),
            None => f.pad(&self.0.to_string()),
        }
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Protocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Protocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
