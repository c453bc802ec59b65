//! What stands before the first packet: gateways, their hosts, and the remotes that those call.

use super::draw::Zipf;
use crate::rng::Rng;
use std::net::{Ipv4Addr, SocketAddrV4};

/// How many gateways there are.
pub(super) const GATEWAYS: u8 = 16;
const ADDRESSES: u64 = 4;
const HOSTS: u32 = 60_000;
const REMOTES: u32 = 200_000;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// Somebody on the internet, and what is usually asked of him.
#[derive(Clone, Copy)]
pub(super) struct Remote {
    pub(super) at: SocketAddrV4,
    pub(super) protocol: u8,
}

/// Hosts, gateways and remotes.
pub(super) struct Network {
    remotes: Vec<Remote>,
    popularity: Zipf,
    activity: Zipf,
}

impl Network {
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self {
            remotes: (0..REMOTES).map(|_| remote(rng)).collect(),
            popularity: Zipf::new(REMOTES, 1.05),
            // Servers and desktops: unlike, but none of them is most of the traffic.
            activity: Zipf::new(HOSTS, 0.6),
        }
    }

    /// Who calls: a busy host more often than a quiet one.
    pub(super) fn host(&self, rng: &mut Rng) -> usize {
        self.activity.draw(rng)
    }

    /// Whom it calls.
    pub(super) fn remote(&self, rng: &mut Rng) -> Remote {
        self.remotes[self.popularity.draw(rng)]
    }
}

/// The gateway that a host is behind.
pub(super) fn gateway(host: usize) -> u8 {
    let spread = scatter(1, host as u64) % u64::from(GATEWAYS);
    u8::try_from(spread).unwrap_or(0)
}

/// A host's private address; hosts behind different gateways have different ones.
pub(super) fn inside_ip(host: usize) -> Ipv4Addr {
    let host = u32::try_from(host).unwrap_or(0);
    let network = u32::from(gateway(host as usize)) << 18;
    Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() | network | host)
}

/// The address that a gateway uses for one host towards one remote: always the same. Out of the range for
/// benchmarks (RFC 2544), so that nobody's address is in the logs.
pub(super) fn outside_ip(host: usize, remote: Ipv4Addr) -> Ipv4Addr {
    let address = scatter(u64::from(remote.to_bits()), host as u64) % ADDRESSES;
    Ipv4Addr::new(198, 18, gateway(host), 10 + u8::try_from(address).unwrap_or(0))
}

/// A gateway's id, as a cloud would call it.
pub(super) fn gateway_name(gateway: u8) -> String {
    format!("ngw-{:016x}", scatter(2, u64::from(gateway)))
}

/// The id of the network that a gateway serves; two gateways serve each.
pub(super) fn vpc_name(gateway: u8) -> String {
    format!("vpc-{:016x}", scatter(3, u64::from(gateway / 2)))
}

/// The same number always, and unlike that of its neighbours.
pub(super) fn scatter(kind: u64, number: u64) -> u64 {
    Rng::new(kind << 32 ^ number).fork().next_u64()
}

fn remote(rng: &mut Rng) -> Remote {
    let (port, protocol) = match rng.below(100) {
        0..70 => (443, TCP),
        70..80 => (80, TCP),
        80..88 => (53, UDP),
        88..92 => (443, UDP),
        92..94 => (123, UDP),
        94..96 => (22, TCP),
        _ => (port(rng, 1_024, u16::MAX), if rng.chance(25) { UDP } else { TCP }),
    };
    // 240.0.0.0/4 is reserved for ever: as good as the public addresses, and nobody's.
    let ip = Ipv4Addr::from_bits(0xf000_0000 | low_bits(rng) & 0x0fff_ffff);
    Remote { at: SocketAddrV4::new(ip, port), protocol }
}

/// From `low` to `high`, both included.
pub(super) fn port(rng: &mut Rng, low: u16, high: u16) -> u16 {
    u16::try_from(rng.between(i64::from(low), i64::from(high))).unwrap_or(low)
}

/// 32 random bits.
pub(super) fn low_bits(rng: &mut Rng) -> u32 {
    u32::try_from(rng.next_u64() >> 32).unwrap_or(0)
}
