//! One session in 29 bytes, and what it shares with many others.

use crate::Row;
use bytemuck::{Pod, Zeroable};
use foldhash::fast::FixedState;
use std::{collections::HashMap, net::Ipv4Addr};
use unmasq_model::Realm;

/// How long the span is whose sessions are kept together, by their latest end: an hour.
pub(super) const HOUR_US: i64 = 3_600_000_000;

/// What a row tells but for its outside address, which is that of the rows around it.
///
/// Numbers are bytes, for they need not stand where a processor would put them. The end is told from the beginning of
/// the hour.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable, Debug)]
#[repr(C)]
pub(super) struct Dense {
    outside_port: [u8; 2],
    remote: [u8; 6],
    inside: [u8; 6],
    end: [u8; 4],
    lasted: [u8; 4],
    kind: [u8; 2],
    line: [u8; 5],
}

const _: () = assert!(size_of::<Dense>() == 29);

/// What few rows of an hour differ in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Kind {
    gateway: u32,
    start_open: u32,
    end_open: u32,
    log: u16,
    realm: u16,
    file: u16,
    /// What of the time that it lasted is less than a unit, in microseconds.
    rest: u16,
    /// The upper byte of the line's number.
    line: u8,
    protocol: u8,
    /// Whether the ports of the peer and of the inside are known.
    ports: u8,
}

/// The hour in which a row is kept, and the unit in which it tells how long it lasted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// The beginning of the hour, in microseconds since the Unix epoch.
    pub(super) base: i64,
    /// A microsecond, or a millisecond where sessions may last for days.
    pub(super) unit: i64,
}

/// The kinds and realms that rows of one hour name by number.
#[derive(Clone, Default, Debug)]
pub(super) struct Names {
    kinds: Vec<Kind>,
    numbers: HashMap<Kind, u16, FixedState>,
    pub(super) realms: Vec<Realm>,
}

impl Names {
    /// The number of a kind, if it is known.
    fn number(&self, kind: &Kind) -> Option<u16> {
        self.numbers.get(kind).copied()
    }

    /// The number of a kind that may be new; `None` when there are too many.
    fn add(&mut self, kind: Kind) -> Option<u16> {
        let number = u16::try_from(self.kinds.len()).ok()?;
        self.kinds.push(kind);
        self.numbers.insert(kind, number);
        Some(number)
    }

    /// Which of the hour's realms this is, from 0; it may be new.
    pub(super) fn realm(&mut self, realm: &Realm) -> u32 {
        let place = self.realms.iter().position(|other| other == realm).unwrap_or_else(|| {
            self.realms.push(realm.clone());
            self.realms.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// How many bytes it takes.
    pub(super) fn memory(&self) -> usize {
        let table = self.numbers.capacity() * 8 / 7 * (size_of::<(Kind, u16)>() + 1);
        let texts: usize = self.realms.iter().map(|realm| realm.as_str().len()).sum();
        self.kinds.capacity() * size_of::<Kind>()
            + table
            + self.realms.capacity() * size_of::<Realm>()
            + texts
    }
}

/// Makes rows dense; it remembers the last kinds, for the next row is mostly of one of them.
pub(super) struct Packer<'n> {
    names: &'n mut std::sync::Arc<Names>,
    measure: Measure,
    /// By gateway: a log is often of several in turn.
    last: [Option<(Kind, u16)>; LAST],
}

const LAST: usize = 64;

impl<'n> Packer<'n> {
    pub(super) fn new(names: &'n mut std::sync::Arc<Names>, measure: Measure) -> Self {
        Self { names, measure, last: [None; LAST] }
    }

    /// A row as a dense one; `None` if it lasted too long, or is of one kind too many.
    #[inline]
    pub(super) fn dense(&mut self, row: &Row) -> Option<Dense> {
        let Measure { base, unit } = self.measure;
        let lasted = row.end - row.start;
        let kind = Kind {
            gateway: row.gateway,
            start_open: row.start_open,
            end_open: row.end_open,
            log: row.log,
            realm: row.realm,
            file: low(row.place >> 48),
            rest: low((lasted % unit).cast_unsigned()),
            line: row.place.to_be_bytes()[2],
            protocol: row.outside.to_le_bytes()[0],
            ports: row.remote.to_le_bytes()[0] & 1 | (row.inside.to_le_bytes()[0] & 1) << 1,
        };
        let last = &mut self.last[(row.gateway as usize * 4 + usize::from(kind.protocol)) % LAST];
        let number = match *last {
            Some((last, number)) if last == kind => number,
            _ => {
                let known = self.names.number(&kind);
                // Copied if a reader still has the old ones; new kinds are rare.
                known.or_else(|| std::sync::Arc::make_mut(self.names).add(kind))?
            }
        };
        *last = Some((kind, number));
        let [_, _, _, _, _, a, b, _] = row.outside.to_be_bytes();
        let [_, _, _, line @ ..] = row.place.to_be_bytes();
        Some(Dense {
            outside_port: [a, b],
            remote: endpoint_bytes(row.remote),
            inside: endpoint_bytes(row.inside),
            end: u32::try_from(row.end - base).ok()?.to_be_bytes(),
            lasted: u32::try_from(lasted / unit).ok()?.to_be_bytes(),
            kind: number.to_be_bytes(),
            line,
        })
    }
}

/// The lowest bits.
fn low(of: u64) -> u16 {
    let [a, b, ..] = of.to_le_bytes();
    u16::from_le_bytes([a, b])
}

/// Address and port of an endpoint as rows have it, without the bit that tells whether there is a port.
fn endpoint_bytes(key: u64) -> [u8; 6] {
    let [_, _, bytes @ ..] = (key >> 1).to_be_bytes();
    bytes
}

fn endpoint_key(bytes: [u8; 6], known: bool) -> u64 {
    let [a, b, c, d, e, f] = bytes;
    u64::from_be_bytes([0, 0, a, b, c, d, e, f]) << 1 | u64::from(known)
}

/// A number of an outside port and a peer's address, spread evenly over all values: ports by themselves are not.
#[inline]
pub(super) fn flow(outside_port: u16, remote_ip: u32) -> u32 {
    let key = u64::from(outside_port) << 32 | u64::from(remote_ip);
    let [.., a, b, c, d] = key.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

impl Dense {
    /// What rows of one outside address are sorted by first.
    #[inline]
    pub(super) fn flow(&self) -> u32 {
        flow(self.port(), self.remote_ip())
    }

    /// The peer's address.
    #[inline]
    pub(super) fn remote_ip(&self) -> u32 {
        let [a, b, c, d, ..] = self.remote;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The outside port.
    #[inline]
    pub(super) fn port(&self) -> u16 {
        u16::from_be_bytes(self.outside_port)
    }

    /// The earliest start and the latest end, in microseconds since the Unix epoch, but for what is less than
    /// a unit: it may have started up to a unit earlier.
    #[inline]
    pub(super) fn reach(&self, measure: Measure) -> (i64, i64) {
        let end = measure.base + i64::from(u32::from_be_bytes(self.end));
        (end - i64::from(u32::from_be_bytes(self.lasted)) * measure.unit, end)
    }

    /// Something of its first and of its last bytes: who has read them has it near.
    #[inline]
    pub(super) fn edges(&self) -> u8 {
        self.outside_port[0] ^ self.line[4]
    }

    /// The row that it was made of, its realm as the names count it.
    #[inline]
    pub(super) fn row(&self, ip: Ipv4Addr, names: &Names, measure: Measure) -> Option<Row> {
        let kind = names.kinds.get(usize::from(u16::from_be_bytes(self.kind)))?;
        let (start, end) = self.reach(measure);
        let [a, b, c, d, e] = self.line;
        let [f, g] = kind.file.to_be_bytes();
        Some(Row {
            outside: u64::from(kind.protocol) | u64::from(self.port()) << 8 | u64::from(u32::from(ip)) << 24,
            remote: endpoint_key(self.remote, kind.ports & 1 == 1),
            inside: endpoint_key(self.inside, kind.ports & 2 == 2),
            gateway: kind.gateway,
            log: kind.log,
            realm: kind.realm,
            start: start - i64::from(kind.rest),
            start_open: kind.start_open,
            end_open: kind.end_open,
            end,
            place: u64::from_be_bytes([f, g, kind.line, a, b, c, d, e]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_dense_row_unfolds_to_what_it_was_made_of() {
        let row = Row {
            outside: 17 | 40_001 << 8 | u64::from(u32::from(Ipv4Addr::new(203, 0, 113, 7))) << 24,
            remote: 0xc633_6409 << 17 | 443 << 1 | 1,
            inside: 0x0a00_0001 << 17,
            gateway: 70_000,
            log: 3,
            realm: 2,
            start: 7_199_999_999 - 3_000_000_123,
            start_open: 999_999,
            end_open: u32::MAX,
            end: 7_199_999_999,
            place: 0x0102_f304_0506_0708,
        };
        for unit in [1, 1_000] {
            let (mut names, measure) = (Arc::new(Names::default()), Measure { base: HOUR_US, unit });
            let dense = Packer::new(&mut names, measure).dense(&row).unwrap();
            assert_eq!(dense.row(Ipv4Addr::new(203, 0, 113, 7), &names, measure), Some(row));
        }
    }
}
