//! What the records of a log show of the site, whether any of them is kept or not.

use crate::{
    coverage::{Covered, Moments},
    met::{Met, NameIx},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use unmasq_decode::Record;
use unmasq_model::GatewayName;

/// What records show: the same in whatever order they come, and however they are dealt out to several.
pub(crate) struct Shown {
    /// How many there were.
    pub(crate) records: u64,
    /// When.
    moments: Moments,
    /// Whose they were; the log's own gateway is the first.
    pub(crate) gateways: Met<GatewayName>,
    /// Each gateway's outside addresses, and whether somebody else was behind it.
    outsides: BTreeMap<(NameIx, IpAddr), bool>,
    /// What was just noted, by a few bits of the address: traffic goes through few addresses.
    recent: Vec<Option<(NameIx, IpAddr, bool)>>,
}

/// How many addresses are remembered as just noted.
const RECENT: usize = 1024;
impl Shown {
    /// For a log of that gateway.
    pub(crate) fn of(gateway: &GatewayName) -> Self {
        let mut gateways = Met::nobody();
        gateways.number(gateway);
        Self {
            records: 0,
            moments: Moments::default(),
            gateways,
            outsides: BTreeMap::new(),
            recent: vec![None; RECENT],
        }
    }

    /// Notes a record, and says whose it is.
    pub(crate) fn note(&mut self, record: &Record) -> NameIx {
        self.records += 1;
        self.moments.note(&record.fact);
        let gateway = record.gateway.as_ref().map_or(0, |name| self.gateways.number(name));
        let (outside, inside) = (record.translation.outside.ip, record.translation.inside);
        if let Some((outside, inside)) = outside.zip(inside) {
            // A NAT may change a port alone, to avoid a clash; that does not make an inside address shared.
            let shared = inside.ip != outside;
            let noted = Some((gateway, outside, shared));
            let recent = &mut self.recent[spread(outside) % RECENT];
            if *recent != noted {
                *recent = noted;
                *self.outsides.entry((gateway, outside)).or_default() |= shared;
            }
        }
        gateway
    }

    /// Takes in what another reader of the same log was shown, and says what its names are here.
    pub(crate) fn add(&mut self, other: Self) -> Vec<NameIx> {
        let mut here = Vec::new();
        self.gateways.translate(&other.gateways, &mut here);
        self.records += other.records;
        self.moments.add(other.moments);
        for ((name, ip), shared) in other.outsides {
            *self.outsides.entry((here[name as usize], ip)).or_default() |= shared;
        }
        here
    }

    /// When they were.
    pub(crate) fn covered(&self) -> Option<Covered> {
        self.moments.covered()
    }

    /// The outside addresses that somebody was behind, its own or another.
    pub(crate) fn addresses(&self) -> BTreeSet<IpAddr> {
        self.outsides.keys().map(|(_, ip)| *ip).collect()
    }

    /// The outside addresses that are shared, each with its gateway.
    pub(crate) fn shared(&self) -> impl Iterator<Item = (NameIx, IpAddr)> {
        self.outsides.iter().filter(|(_, shared)| **shared).map(|((name, ip), _)| (*name, *ip))
    }
}

/// The bits of an address in which neighbours differ.
fn spread(ip: IpAddr) -> usize {
    match ip {
        IpAddr::V4(ip) => u32::from(ip) as usize,
        IpAddr::V6(ip) => ip.segments().iter().fold(0, |sum, part| sum * 31 + usize::from(*part)),
    }
}
