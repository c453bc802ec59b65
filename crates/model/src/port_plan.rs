//! Deterministic NAT (RFC 7422): which host owns a port follows from the configuration.

use crate::{SourceName, Span};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

/// A configuration by which each inside address owns a fixed block of ports of one outside address.
///
/// It is right for as long as it was in force, and only for ports inside the blocks: what a NAT gives
/// beyond them, out of a dynamic pool, needs a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortPlan {
    /// The inside addresses, in the order in which they are served.
    pub inside: Ipv4Ranges,
    /// The outside addresses, in the order in which they are filled.
    pub outside: Ipv4Ranges,
    /// The first and the last port that blocks are cut from.
    pub ports: (u16, u16),
    /// How many ports each inside address owns.
    pub block: u16,
    /// How blocks are given out.
    pub order: PortOrder,
    /// When it was in force.
    pub held: Span,
    /// The inventory that says so.
    pub inventory: SourceName,
    /// Where in it, such as `gateways[0].port_plans[0]`.
    pub path: Arc<str>,
}

/// How a deterministic NAT gives out its blocks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PortOrder {
    /// All blocks of one outside address before the next (RFC 7422's sequential allocation).
    Sequential,
    /// The first block of every outside address before the second of any.
    Striped,
}

/// IPv4 addresses in a fixed order: ranges, one after the other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ipv4Ranges(Vec<(u32, u32)>);

impl PortPlan {
    /// The inside address that owns `port` of `outside`.
    #[must_use]
    pub fn owner(&self, outside: IpAddr, port: u16) -> Option<Ipv4Addr> {
        let IpAddr::V4(outside) = outside else { return None };
        let (first, last) = self.ports;
        let address = self.outside.position(outside)?;
        let ports = u64::from(last.checked_sub(first)?) + 1;
        let blocks = ports.checked_div(u64::from(self.block))?;
        let block = u64::from(port.checked_sub(first)?) / u64::from(self.block);
        if block >= blocks {
            return None;
        }
        self.inside.nth(match self.order {
            PortOrder::Sequential => address * blocks + block,
            PortOrder::Striped => block * self.outside.len() + address,
        })
    }

    /// Whether it gives out ports of `ip`.
    #[must_use]
    pub fn covers(&self, ip: IpAddr) -> bool {
        matches!(ip, IpAddr::V4(ip) if self.outside.position(ip).is_some())
    }
}

impl Ipv4Ranges {
    /// These ranges, first and last address included. `None` if one ends before it begins.
    #[must_use]
    pub fn new(ranges: impl IntoIterator<Item = (Ipv4Addr, Ipv4Addr)>) -> Option<Self> {
        let ranges = ranges
            .into_iter()
            .map(|(first, last)| (first <= last).then(|| (first.to_bits(), last.to_bits())));
        ranges.collect::<Option<_>>().map(Self)
    }

    /// How many addresses there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.iter().map(|&range| Self::size(range)).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of an address, from 0.
    #[must_use]
    pub fn position(&self, ip: Ipv4Addr) -> Option<u64> {
        let mut before = 0;
        for &(first, last) in &self.0 {
            if (first..=last).contains(&ip.to_bits()) {
                return Some(before + u64::from(ip.to_bits() - first));
            }
            before += Self::size((first, last));
        }
        None
    }

    /// The address of that number.
    #[must_use]
    pub fn nth(&self, mut number: u64) -> Option<Ipv4Addr> {
        for &(first, last) in &self.0 {
            let size = Self::size((first, last));
            if number < size {
                return Some(Ipv4Addr::from_bits(first + u32::try_from(number).ok()?));
            }
            number -= size;
        }
        None
    }

    fn size((first, last): (u32, u32)) -> u64 {
        u64::from(last - first) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(order: PortOrder) -> PortPlan {
        let ip = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        PortPlan {
            inside: Ipv4Ranges::new([
                (ip("100.64.0.0"), ip("100.64.0.1")),
                (ip("100.64.8.0"), ip("100.64.8.9")),
            ])
            .unwrap(),
            outside: Ipv4Ranges::new([(ip("192.0.2.1"), ip("192.0.2.2"))]).unwrap(),
            ports: (1024, 4095),
            block: 1000,
            order,
            held: Span::ALWAYS,
            inventory: "inventory.json".into(),
            path: "gateways[0].port_plans[0]".into(),
        }
    }

    fn owner(order: PortOrder, ip: &str, port: u16) -> Option<String> {
        plan(order).owner(ip.parse().unwrap(), port).map(|ip| ip.to_string())
    }

    #[test]
    fn blocks_are_given_out_in_order() {
        let sequential = |ip, port| owner(PortOrder::Sequential, ip, port);
        assert_eq!(sequential("192.0.2.1", 1024).as_deref(), Some("100.64.0.0"));
        assert_eq!(sequential("192.0.2.1", 2023).as_deref(), Some("100.64.0.0"));
        assert_eq!(sequential("192.0.2.1", 2024).as_deref(), Some("100.64.0.1"));
        assert_eq!(sequential("192.0.2.1", 3024).as_deref(), Some("100.64.8.0"));
        assert_eq!(sequential("192.0.2.2", 1024).as_deref(), Some("100.64.8.1"));
        let striped = |ip, port| owner(PortOrder::Striped, ip, port);
        assert_eq!(striped("192.0.2.2", 1024).as_deref(), Some("100.64.0.1"));
        assert_eq!(striped("192.0.2.1", 2024).as_deref(), Some("100.64.8.0"));
    }

    #[test]
    fn what_lies_in_no_block_has_no_owner() {
        for (ip, port) in [
            ("192.0.2.1", 1023),
            ("192.0.2.1", 4024),
            ("192.0.2.1", 65535),
            ("192.0.2.3", 1024),
            ("2001:db8::1", 1024),
        ] {
            assert_eq!(owner(PortOrder::Sequential, ip, port), None, "{ip} {port}");
        }
        let nothing = PortPlan { block: 0, ..plan(PortOrder::Sequential) };
        assert_eq!(nothing.owner("192.0.2.1".parse().unwrap(), 1024), None);
    }
}
