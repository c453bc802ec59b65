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
    json::{Object, is_blank, text_of},
};
use std::time::Duration;
use unmasq_model::{Endpoint, GatewayName, Realm, Role, Translation};

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
    decoder: |_| Ok(Box::new(Entries)),
};

/// Reads one entry a line.
#[derive(Clone)]
struct Entries;

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
        let entry = Object::parse(&text).ok_or(NO_OBJECT)?;
        let payload = entry.object("jsonPayload").ok_or(OTHER)?;
        let connection = payload.object("connection").filter(|connection| connection.has("src_ip"));
        let status = payload.scalar("allocation_status").ok_or(OTHER)?;
        let connection = connection.ok_or(OTHER)?;
        if status == "DROPPED" {
            return Ok(());
        }
        let protocol = field::protocol("protocol", &required("protocol", connection.scalar("protocol"))?)?;
        let endpoint = |ip: &str, port: &str| {
            let number = field::port(port, &required(port, connection.scalar(port))?)?;
            let ip = field::address(ip, &required(ip, connection.scalar(ip))?)?;
            Ok(Endpoint::new(ip, protocol.has_ports().then_some(number)))
        };
        let remote = endpoint("dest_ip", "dest_port")?;
        let translation = Translation {
            protocol: Some(protocol),
            role: Role::Client,
            outside: endpoint("nat_ip", "nat_port")?.into(),
            remote: Some(remote),
            inside: Some(endpoint("src_ip", "src_port")?),
            inside_remote: Some(remote),
        };
        let written = field::zoned_time(&required("timestamp", entry.scalar("timestamp"))?);
        let written =
            written.ok_or_else(|| fault("timestamp", "is not a time between the years 1970 and 9999"))?;
        let gateway = payload.at("gateway_identifiers.gateway_name");
        let gateway = gateway.or_else(|| entry.at("resource.labels.gateway_name"));
        out.push(Record {
            gateway: gateway.map(GatewayName::from),
            inside_realm: payload.at("vpc.vpc_name").map(Realm::from),
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
