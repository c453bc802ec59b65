//! The tuple of a flow before and after translation.

use super::row::Row;
use std::net::IpAddr;
use unmasq_model::{Endpoint, Outside, Protocol, Role, Translation};

/// Elements by what they say; the first that a record has counts. Those from 40001 on are Cisco ASA's
/// own of NetFlow v9, before it used the registered ones.
const SOURCE: [u16; 2] = [8, 27];
const DESTINATION: [u16; 2] = [12, 28];
const SOURCE_PORT: [u16; 3] = [7, 180, 182];
const DESTINATION_PORT: [u16; 3] = [11, 181, 183];
const POST_SOURCE: [u16; 3] = [225, 281, 40001];
const POST_DESTINATION: [u16; 3] = [226, 282, 40002];
const POST_SOURCE_PORT: [u16; 2] = [227, 40003];
const POST_DESTINATION_PORT: [u16; 2] = [228, 40004];

/// What was translated into what: the packet's tuple as it came, and as it went on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tuple {
    pub(super) protocol: Option<Protocol>,
    pub(super) source: Endpoint,
    pub(super) destination: Option<Endpoint>,
    /// The source as it went on; as it came, if nothing is said. Its port is open where an address
    /// was changed and no port is told.
    pub(super) post_source: Outside,
    pub(super) post_destination: Option<Outside>,
    /// How many of the two addresses after translation the record tells. Zeros tell none.
    pub(super) posts: usize,
}

/// What stands in the ports of ICMP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum IcmpPorts {
    /// The query id, on the side that asked.
    QueryId,
    /// Type and code, or nothing.
    Nothing,
}

impl Tuple {
    /// What a record says, if it has a source at all.
    pub(super) fn read(row: &Row<'_>, icmp: IcmpPorts) -> Option<Self> {
        let protocol = row.number(4).and_then(|n| u8::try_from(n).ok()).map(Protocol::from_number);
        let silent = icmp == IcmpPorts::Nothing && protocol.is_some_and(Protocol::is_icmp);
        let port = |elements: &[u16]| row.port(elements).filter(|&port| port != 0 && !silent);
        let endpoint = |ip: &[u16], at: &[u16]| Some(Endpoint::new(row.address(ip)?, port(at)));
        let source = endpoint(&SOURCE, &SOURCE_PORT)?;
        let destination = endpoint(&DESTINATION, &DESTINATION_PORT);
        let (post_source, post_destination) = (row.address(&POST_SOURCE), row.address(&POST_DESTINATION));
        Some(Self {
            protocol,
            source,
            destination,
            post_source: went_on(source, post_source, port(&POST_SOURCE_PORT)),
            post_destination: match (destination, post_destination) {
                (Some(came), went) => Some(went_on(came, went, port(&POST_DESTINATION_PORT))),
                (None, Some(ip)) => Some(Endpoint::new(ip, port(&POST_DESTINATION_PORT)).into()),
                (None, None) => None,
            },
            posts: post_source.iter().chain(&post_destination).count(),
        })
    }

    /// What happened to the source and to the destination of a flow's first packet, where anything
    /// did: our side called, or was called.
    pub(super) fn opened(&self) -> [Option<Translation>; 2] {
        let (client, server) = self.changed();
        [
            client.then(|| self.source_side(Role::Client)),
            server.then(|| self.destination_side(Role::Server)).flatten(),
        ]
    }

    /// Whether source and destination went on as others. Where one packet changes its family
    /// (NAT64), the side with the IPv6 address is ours.
    pub(super) fn changed(&self) -> (bool, bool) {
        let client = changed(self.source, self.post_source);
        let server =
            self.destination.zip(self.post_destination).is_some_and(|(came, went)| changed(came, went));
        match (self.source.ip, self.post_source.ip) {
            (IpAddr::V6(_), Some(IpAddr::V4(_))) => (client, false),
            (IpAddr::V4(_), Some(IpAddr::V6(_))) => (false, server),
            _ => (client, server),
        }
    }

    /// The translation of the source: it is inside.
    pub(super) fn source_side(&self, role: Role) -> Translation {
        let remote = self.post_destination.and_then(as_endpoint).or(self.destination);
        // Between the families (NAT64) a peer's address changes, not its port.
        let other_family =
            self.destination.filter(|came| remote.is_some_and(|at| at.ip.is_ipv4() != came.ip.is_ipv4()));
        let port = other_family.and_then(|came| came.port);
        let remote = remote.map(|at| Endpoint { port: at.port.or(port), ..at });
        Translation {
            protocol: self.protocol,
            role,
            outside: self.post_source,
            remote: self.peer(remote),
            inside: Some(self.source),
            inside_remote: self.peer(self.destination),
        }
    }

    /// The translation of the destination: what it became is inside.
    pub(super) fn destination_side(&self, role: Role) -> Option<Translation> {
        let (came, went) = (self.destination?, self.post_destination?);
        // Who asks from outside has the query id.
        let id = self.source.port.filter(|_| self.is_icmp());
        Some(Translation {
            protocol: self.protocol,
            role,
            outside: Endpoint { port: came.port.or(id), ..came }.into(),
            remote: self.peer(Some(self.source)),
            inside: as_endpoint(went).map(|inside| Endpoint { port: inside.port.or(id), ..inside }),
            inside_remote: self.peer(as_endpoint(self.post_source)),
        })
    }

    /// A peer has a port, unless that is a query id: it belongs to our side of the translation.
    fn peer(&self, at: Option<Endpoint>) -> Option<Endpoint> {
        at.map(|at| Endpoint { port: at.port.filter(|_| !self.is_icmp()), ..at })
    }

    fn is_icmp(&self) -> bool {
        self.protocol.is_some_and(Protocol::is_icmp)
    }
}

/// What `came` went on as. A changed address whose port nobody tells may have any.
fn went_on(came: Endpoint, ip: Option<IpAddr>, port: Option<u16>) -> Outside {
    let same = ip.is_none_or(|ip| ip == came.ip);
    let port = port.or(came.port.filter(|_| same));
    Endpoint { ip: ip.unwrap_or(came.ip), port }.into()
}

fn changed(came: Endpoint, went: Outside) -> bool {
    went != Outside::from(came)
}

/// As one endpoint.
pub(super) fn as_endpoint(outside: Outside) -> Option<Endpoint> {
    Some(Endpoint { ip: outside.ip?, port: outside.port() })
}
