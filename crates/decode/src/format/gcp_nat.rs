//! Google Cloud NAT's log, as Cloud Logging exports its entries: JSON, one object a line.
//!
//! ```text
//! {"logName":"projects/p1/logs/compute.googleapis.com%2Fnat_flows","timestamp":"2026-03-01T10:00:00.123456789Z",
//!  "jsonPayload":{"allocation_status":"OK","connection":{"src_ip":"10.8.0.9","src_port":52348,
//!  "nat_ip":"198.51.100.20","nat_port":1024,"dest_ip":"203.0.113.80","dest_port":443,"protocol":6},
//!  "gateway_identifiers":{"gateway_name":"gw-1","router_name":"r-1","region":"europe-west1"},
//!  "vpc":{"vpc_name":"prod","subnetwork_name":"s1","project_id":"p1"}}}
//! ```
//!
//! | theirs | ours |
//! | --- | --- |
//! | `gateway_identifiers.gateway_name`, else `resource.labels.gateway_name` | the gateway |
//! | `vpc.vpc_name` | the inside realm |
//! | `connection.nat_*`, `dest_*`, `src_*` | outside, remote, inside |
//! | `timestamp` | when the connection was made |
//!
//! Only the making of a connection is logged, of TCP and UDP: nobody tells when it ended, so that it may
//! last until somebody else is given its tuple. The log is capped for each machine and best effort. An entry
//! with `allocation_status` `DROPPED` is a connection that got no port. Exports may write numbers as texts.
//! <https://cloud.google.com/nat/docs/monitoring>

use super::{Definition, FormatTraits};
use crate::{
    Decoder, Event, EventKind, Fact, Record, Unreadable,
    field::{self, fault, required},
    interned::Interned,
    json::{Found, Members, is_blank, scalar, text_of},
};
use std::{sync::Arc, time::Duration};
use unmasq_model::{Endpoint, GatewayName, Realm, Translation};

/// Cloud Logging's JSON.
pub(super) const JSON: Definition = Definition {
    name: "gcp-cloud-nat",
    aliases: &["gcp-nat"],
    traits: FormatTraits {
        delay: Duration::from_secs(120),
        best_effort: true,
        shows_inbound: false,
        ..FormatTraits::NAT
    },
    decoder: |_| Ok(Box::new(Entries::new())),
};

/// Reads one entry a line.
///
/// Each kind of object is written in the same way again and again, so each has its own [`Members`].
#[derive(Clone)]
struct Entries {
    entry: Members<{ ENTRY.len() }>,
    payload: Members<{ PAYLOAD.len() }>,
    connection: Members<{ CONNECTION.len() }>,
    names: Names,
}

/// The members of an entry. A dotted name may be one member, or members within members.
const ENTRY: [&str; 5] =
    [JSON_PAYLOAD, "timestamp", "resource", "resource.labels", "resource.labels.gateway_name"];
const JSON_PAYLOAD: &str = "jsonPayload";
const PAYLOAD: [&str; 6] = [
    "allocation_status",
    "connection",
    "gateway_identifiers",
    "gateway_identifiers.gateway_name",
    "vpc",
    "vpc.vpc_name",
];
const CONNECTION: [&str; 7] =
    ["protocol", "src_ip", "src_port", "nat_ip", "nat_port", "dest_ip", "dest_port"];
const RESOURCE: [&str; 2] = ["labels", "labels.gateway_name"];
const GATEWAY: [&str; 1] = ["gateway_name"];
const VPC: [&str; 1] = ["vpc_name"];

const NO_OBJECT: Unreadable = Unreadable::because("it is not one JSON object");
const OTHER: Unreadable = Unreadable::because("no entry of Cloud NAT's log");

/// How long after the first packet an entry may carry its time.
const LAG: Duration = Duration::from_secs(1);

impl Decoder for Entries {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let text = text_of(frame);
        let (entry, payload) = self.read(&text)?;
        let [_, timestamp, resource @ ..] = entry;
        let [status, connection, gateway, gateway_name, vpc, vpc_name] = payload;
        let status = status.and_then(scalar).ok_or(OTHER)?;
        let connection = connection.and_then(|connection| self.connection.read(connection)).ok_or(OTHER)?;
        let [protocol, src_ip, src_port, nat_ip, nat_port, dest_ip, dest_port] = connection;
        if src_ip.is_none() {
            return Err(OTHER);
        }
        if status == "DROPPED" {
            return Ok(());
        }
        let protocol = field::protocol("protocol", &required("protocol", protocol.and_then(scalar))?)?;
        let endpoint = |names: [&str; 2], [ip, port]: [Option<&str>; 2]| {
            let number = field::port(names[1], &required(names[1], port.and_then(scalar))?)?;
            let ip = field::address(names[0], &required(names[0], ip.and_then(scalar))?)?;
            Ok(Endpoint::new(ip, protocol.has_ports().then_some(number)))
        };
        let remote = endpoint(["dest_ip", "dest_port"], [dest_ip, dest_port])?;
        let outside = endpoint(["nat_ip", "nat_port"], [nat_ip, nat_port])?;
        let inside = endpoint(["src_ip", "src_port"], [src_ip, src_port])?;
        let translation = Translation::of_source_nat(protocol, outside, inside, remote);
        let written = field::zoned_time(&required("timestamp", timestamp.and_then(scalar))?);
        let written =
            written.ok_or_else(|| fault("timestamp", "is not a time between the years 1970 and 9999"))?;
        let gateway = self.names.gateway([gateway, gateway_name]);
        out.push(Record {
            gateway: gateway.or_else(|| self.names.labelled(resource)),
            inside_realm: self.names.realm([vpc, vpc_name]),
            translation,
            request: None,
            fact: Fact::Event(Event::new(EventKind::New, written, LAG)),
        });
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

impl Entries {
    fn new() -> Self {
        Self {
            entry: Members::new(ENTRY),
            payload: Members::new(PAYLOAD),
            connection: Members::new(CONNECTION),
            names: Names::new(),
        }
    }

    /// The members of an entry and of its payload.
    fn read<'a>(&mut self, line: &'a str) -> Result<(OfEntry<'a>, OfPayload<'a>), Unreadable> {
        // A payload that is written as the one before is read in passing.
        let mut passed = None;
        let mut in_passing = |slot: usize, object: &'a str| {
            let front = if ENTRY[slot] == JSON_PAYLOAD { self.payload.read_front(object) } else { None };
            let (found, length) = front.unzip();
            passed = found;
            length
        };
        let entry = match self.entry.read_nested(line, &mut in_passing) {
            Some(entry) => entry,
            None => {
                passed = None;
                self.entry.read(line).ok_or(NO_OBJECT)?
            }
        };
        // One of two payloads may have been read, and neither counts: then what is written is empty.
        let written = entry[0].filter(|written| !written.is_empty()).ok_or(OTHER)?;
        let payload = passed.or_else(|| self.payload.read(written)).ok_or(OTHER)?;
        Ok((entry, payload))
    }
}

type OfEntry<'a> = Found<'a, { ENTRY.len() }>;
type OfPayload<'a> = Found<'a, { PAYLOAD.len() }>;

/// Reads the names in entries, which come again and again.
#[derive(Clone)]
struct Names {
    gateway: Members<{ GATEWAY.len() }>,
    resource: Members<{ RESOURCE.len() }>,
    labels: Members<{ GATEWAY.len() }>,
    vpc: Members<{ VPC.len() }>,
    gateways: Interned<GatewayName>,
    realms: Interned<Realm>,
}

impl Names {
    fn new() -> Self {
        Self {
            gateway: Members::new(GATEWAY),
            resource: Members::new(RESOURCE),
            labels: Members::new(GATEWAY),
            vpc: Members::new(VPC),
            gateways: Interned::default(),
            realms: Interned::default(),
        }
    }

    /// `gateway_identifiers.gateway_name`, out of the object and the dotted member.
    fn gateway(&mut self, written: [Option<&str>; 2]) -> Option<GatewayName> {
        member(written, &mut self.gateway, &mut self.gateways)
    }

    /// `vpc.vpc_name`, out of the same.
    fn realm(&mut self, written: [Option<&str>; 2]) -> Option<Realm> {
        member(written, &mut self.vpc, &mut self.realms)
    }

    /// `resource.labels.gateway_name`, whichever of its dots part members.
    fn labelled(&mut self, [resource, labels, name]: [Option<&str>; 3]) -> Option<GatewayName> {
        let Self { resource: members, labels: label, gateways, .. } = self;
        member([None, name], label, gateways)
            .or_else(|| member(members.read(resource?)?, label, gateways))
            .or_else(|| member([labels, None], label, gateways))
    }
}

/// A name that is a dotted member, or else the one member within an object.
fn member<T: From<Arc<str>> + Clone>(
    [object, dotted]: [Option<&str>; 2],
    members: &mut Members<1>,
    names: &mut Interned<T>,
) -> Option<T> {
    let mut kept = |written: Option<&str>| names.get(written?, scalar);
    kept(dotted).or_else(|| kept(members.read(object?)?[0]))
}

#[cfg(test)]
mod tests;
