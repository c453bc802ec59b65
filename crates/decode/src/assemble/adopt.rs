//! Ends that do not say what was translated.
//!
//! A Cisco ASA tells the translated endpoint where a connection is built, and where it is torn down only
//! the connection's id and its two real endpoints. Such an end has no outside address; it takes over what
//! the beginning says that has the same id, the same endpoints, and lies as far back as the end says
//! that the connection lasted.

use super::{Moment, life::stated_start};
use crate::EventKind;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use unmasq_model::{Endpoint, GatewayIx, LogIx, LogTime, Protocol, Realm, Translation};

/// How far the beginning may lie from where the end says: two clocks, one of which was corrected while
/// the connection lasted. Ids begin anew with the device, which takes longer than that.
const APART_AT_MOST: Duration = Duration::from_secs(30);

/// One connection as both its lines know it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Connection {
    gateway: GatewayIx,
    log: LogIx,
    inside_realm: Option<Realm>,
    id: u64,
    protocol: Option<Protocol>,
    /// In order: the end does not tell who is whose peer.
    real: [Option<Endpoint>; 2],
}

impl Connection {
    fn of(moment: &Moment) -> Option<Self> {
        let entry = &moment.entry;
        let Translation { outside, inside, remote, .. } = entry.translation;
        // The gateway's own endpoint is real and not translated.
        let own = outside.ip.map(|ip| Endpoint::new(ip, outside.port()));
        let mut real = [inside.or(own), remote];
        real.sort_unstable();
        Some(Self {
            gateway: entry.gateway,
            log: entry.log,
            inside_realm: entry.inside_realm.clone(),
            id: entry.id?,
            protocol: entry.translation.protocol,
            real,
        })
    }
}

/// The moments, each of an entry with an outside; ends that no beginning explains are left out.
pub(super) fn named(moments: Vec<Moment>) -> Vec<Moment> {
    let (mut named, nameless): (Vec<_>, Vec<_>) =
        moments.into_iter().partition(|moment| moment.entry.translation.outside.ip.is_some());
    let sought: BTreeSet<Connection> = nameless.iter().filter_map(Connection::of).collect();
    let mut begun: BTreeMap<Connection, Vec<(LogTime, Translation)>> = BTreeMap::new();
    for moment in named.iter().filter(|moment| moment.event.kind == EventKind::New) {
        if let Some(connection) = Connection::of(moment).filter(|connection| sought.contains(connection)) {
            begun.entry(connection).or_default().push((moment.event.at, moment.entry.translation));
        }
    }
    for beginnings in begun.values_mut() {
        beginnings.sort_unstable();
        beginnings.dedup();
    }
    for end in nameless {
        let beginnings = Connection::of(&end).and_then(|connection| begun.get(&connection));
        for translation in explained(&end, beginnings.map_or(&[], Vec::as_slice)) {
            let mut end = end.clone();
            end.entry.translation = translation;
            named.push(end);
        }
    }
    named
}

/// What the last of the beginnings before this end says; one connection may be translated on both sides.
fn explained(end: &Moment, beginnings: &[(LogTime, Translation)]) -> Vec<Translation> {
    let before = &beginnings[..beginnings.partition_point(|(at, _)| *at <= end.event.at)];
    let Some((last, _)) = before.last() else { return Vec::new() };
    let stated = stated_start(&end.event).map(|start| start.widened(APART_AT_MOST));
    if stated.is_none_or(|stated| *last < stated.from() || stated.to() < *last) {
        return Vec::new();
    }
    let together = before.iter().rev().take_while(|(at, _)| at == last);
    let found: Vec<_> = together.take(3).map(|(_, translation)| *translation).collect();
    // Three sides are none: somebody lies.
    if found.len() < 3 { found } else { Vec::new() }
}
