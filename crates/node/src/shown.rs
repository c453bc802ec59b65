//! What the records of a log show of the site, whether any of them is kept or not.

use crate::{
    coverage::{Covered, Moments},
    met::{Met, NameIx},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use unmasq_decode::{Brief, Fact, Record};
use unmasq_index::Row;
use unmasq_model::{GatewayName, LogTime, Translation};
use unmasq_store::{LogEntry, ShownEntry};

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
        let moments = match &record.fact {
            Fact::Event(event) => [event.at, event.at],
            Fact::Whole { start, end, .. } => [start.from(), end.to()],
        };
        let gateway = self.heard(record.gateway.as_ref(), moments);
        let (outside, inside) = (record.translation.outside.ip, record.translation.inside);
        if let Some((outside, inside)) = outside.zip(inside) {
            self.pair(gateway, outside, inside.ip);
        }
        gateway
    }

    /// The same.
    #[inline]
    pub(crate) fn note_brief(&mut self, brief: &Brief<'_>) -> NameIx {
        let gateway = self.heard(brief.gateway, [brief.start.from(), brief.end.to()]);
        self.pair(gateway, (*brief.outside.ip()).into(), (*brief.inside.ip()).into());
        gateway
    }

    /// The same of a row whose gateway has its number here already.
    pub(crate) fn note_row(&mut self, row: &Row) {
        self.records += 1;
        self.moments.note([row.start().from(), row.end().to()]);
        let Translation { outside, inside, .. } = row.translation();
        if let Some((outside, inside)) = outside.ip.zip(inside) {
            self.pair(row.gateway().0, outside, inside.ip);
        }
    }

    #[inline]
    fn heard(&mut self, gateway: Option<&GatewayName>, moments: [LogTime; 2]) -> NameIx {
        self.records += 1;
        self.moments.note(moments);
        gateway.map_or(0, |name| self.gateways.number(name))
    }

    /// Notes that somebody is behind an address.
    #[inline(always)]
    fn pair(&mut self, gateway: NameIx, outside: IpAddr, inside: IpAddr) {
        // A NAT may change a port alone, to avoid a clash; that does not make an inside address shared.
        let noted = Some((gateway, outside, inside != outside));
        let recent = &mut self.recent[spread(gateway, outside)];
        if *recent != noted {
            *recent = noted;
            self.behind(gateway, outside, inside != outside);
        }
    }

    #[cold]
    fn behind(&mut self, gateway: NameIx, outside: IpAddr, shared: bool) {
        *self.outsides.entry((gateway, outside)).or_default() |= shared;
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

    /// What a store keeps of it.
    pub(crate) fn entry(&self) -> ShownEntry {
        ShownEntry {
            records: self.records,
            stretches: self.moments.entries(),
            gateways: self.gateways.names().to_vec(),
            outsides: self.outsides.iter().map(|((name, ip), shared)| (*name, *ip, *shared)).collect(),
        }
    }

    /// What a store kept.
    pub(crate) fn of_entry(entry: &ShownEntry) -> Self {
        let mut gateways = Met::nobody();
        entry.gateways.iter().for_each(|name| {
            gateways.number(name);
        });
        Self {
            records: entry.records,
            moments: Moments::of_entries(&entry.stretches),
            gateways,
            outsides: entry.outsides.iter().map(|(name, ip, shared)| ((*name, *ip), *shared)).collect(),
            recent: vec![None; RECENT],
        }
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

/// The latest moment of which logs in a store tell, but for clocks that are wrong.
pub(crate) fn latest(logs: &[LogEntry]) -> Option<LogTime> {
    logs.iter().filter_map(|log| Shown::of_entry(&log.shown).covered()).map(|covered| covered.span.to()).max()
}

/// One of the places for what was just noted.
#[inline(always)]
fn spread(gateway: NameIx, ip: IpAddr) -> usize {
    let ip = match ip {
        IpAddr::V4(ip) => u64::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.segments().iter().fold(0, |sum, part| sum * 31 + u64::from(*part)),
    };
    let spread = (ip ^ u64::from(gateway) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(spread >> 32).unwrap_or_default() % RECENT
}
