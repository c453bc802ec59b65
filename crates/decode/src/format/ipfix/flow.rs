//! Flow records that carry addresses after translation (FortiGate, MikroTik and others).
//!
//! A router counts each direction of a flow by itself and does not say which came first, so neither
//! side is known to have called.

use super::{
    message::Header,
    row::Row,
    time,
    tuple::{IcmpPorts, Tuple, as_endpoint},
};
use crate::{Cited, Fact, Record, Unreadable};
use std::{collections::BTreeSet, net::IpAddr};
use unmasq_model::{Endpoint, Ports, Role, Span, Translation};

const NO_TIMES: Unreadable = Unreadable::because("a flow without the times of its first and last packet");

/// What a flow record says; nothing if nothing was translated, or if it cannot be told which side is
/// ours: then the other direction's record tells it.
pub(super) fn flow(row: &Row<'_>, header: &Header, out: &mut Vec<Record>) -> Result<(), Unreadable> {
    let Some(tuple) = Tuple::read(row, IcmpPorts::Nothing) else { return Ok(()) };
    let sides = sides(&tuple, role(row));
    if sides == [None, None] {
        return Ok(());
    }
    let (start, end) = times(row, header).ok_or(NO_TIMES)?;
    let record = |translation| Record {
        gateway: None,
        inside_realm: None,
        translation,
        request: None,
        fact: Fact::Whole { start, end, proven: None },
    };
    out.extend(sides.into_iter().flatten().map(record));
    Ok(())
}

/// natOriginatingAddressRealm, where an exporter has it.
fn role(row: &Row<'_>) -> Role {
    match row.number(229) {
        Some(1) => Role::Client,
        Some(2) => Role::Server,
        _ => Role::Unknown,
    }
}

/// When the first and the last packet passed.
fn times(row: &Row<'_>, header: &Header) -> Option<(Span, Span)> {
    let (start, end) = match (time::started(row, header), time::ended(row, header)) {
        (Some(start), Some(end)) => (start, end),
        // An exporter that says how long it was up, but not since when.
        _ => {
            let (end, lasted) = (time::sent(header)?, time::lasted(row)?);
            (Span::between(end.from().minus(lasted), end.to().minus(lasted)), end)
        }
    };
    (start.from() <= end.to()).then_some((start, end))
}

/// What of a packet was translated.
///
/// A source that went on as another is ours, on the way out or answering. A destination that went on
/// as another is the address that the world called, and became ours; but FortiGate writes the packets
/// that come back the other way round, with our address as the destination and the world's as what it
/// "became". Who has a private address is inside; where both have or neither, only exporters that write
/// zeros for what was not changed are known to do so, and theirs are left to the other direction.
fn sides(tuple: &Tuple, role: Role) -> [Option<Translation>; 2] {
    let (source, destination) = tuple.changed();
    let source = source && (is_private(Some(tuple.source.ip)) || !is_private(tuple.post_source.ip));
    let came = tuple.destination.map(|at| at.ip);
    let went = tuple.post_destination.and_then(|at| at.ip);
    let inside = match (destination, is_private(came), is_private(went)) {
        (false, ..) => None,
        (true, false, true) => tuple.destination_side(role),
        (true, true, false) => returning(tuple, role),
        (true, ..) if tuple.posts == 2 => tuple.destination_side(role),
        (true, ..) => None,
    };
    let outgoing = source.then(|| tuple.source_side(role)).map(|told| match told.outside.ports {
        // What came back names the inside without its port; both must name the same.
        Ports::Any => Translation { inside: told.inside.map(|at| Endpoint { port: None, ..at }), ..told },
        _ => told,
    });
    [outgoing, inside]
}

/// Leaves out those of one message's records that do not know the outside port, where another does:
/// MikroTik tells each flow twice, on its way out without that port, on its way back with it.
pub(super) fn without_vaguer(records: &mut Vec<Cited>, first: usize) {
    let key = |t: &Translation| (t.protocol, t.outside.ip, t.remote, t.inside.map(|inside| inside.ip));
    let translation = |cited: &Cited| cited.record.translation;
    let exact: BTreeSet<_> = records[first..]
        .iter()
        .map(translation)
        .filter(|t| t.outside.ports != Ports::Any)
        .map(|t| key(&t))
        .collect();
    let mut place = 0;
    records.retain(|cited| {
        place += 1;
        let t = translation(cited);
        place <= first || t.outside.ports != Ports::Any || !exact.contains(&key(&t))
    });
}

/// A packet on its way back to us, written with our address as its destination.
fn returning(tuple: &Tuple, role: Role) -> Option<Translation> {
    let remote: Option<Endpoint> = Some(tuple.source);
    Some(Translation {
        protocol: tuple.protocol,
        role,
        outside: tuple.post_destination?,
        remote,
        inside: tuple.destination,
        inside_remote: as_endpoint(tuple.post_source),
    })
}

/// Whether an address can only be met within somebody's own network.
fn is_private(ip: Option<IpAddr>) -> bool {
    match ip {
        Some(IpAddr::V4(ip)) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            ip.is_private() || ip.is_link_local() || ip.is_loopback() || shared
        }
        Some(IpAddr::V6(ip)) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback(),
        None => false,
    }
}
