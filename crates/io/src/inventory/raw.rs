//! An inventory as it is written: version 1 of the format, field for field.
//!
//! `docs/inventory.md` says what each key means; [`super::meaning`] does what it says.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use std::{collections::BTreeMap, fmt};

/// A key that is known and not used: whatever stands there is accepted.
#[derive(Deserialize, Default, Clone, PartialEq, Eq, Debug)]
pub(super) struct Known;

/// A text, or a number by its text: times and lengths of time.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
pub(super) struct Written(pub(super) String);

/// The whole document.
#[derive(Deserialize)]
#[serde(default, expecting = "a table")]
#[derive(Default)]
pub(super) struct Inventory {
    pub(super) version: Option<u64>,
    pub(super) sensor_realm: Option<String>,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) vpcs: Vec<Vpc>,
    pub(super) gateways: Vec<Gateway>,
    pub(super) load_balancers: Vec<Balancer>,
    pub(super) instances: Vec<Instance>,
    pub(super) containers: Vec<Container>,
    #[serde(rename = "$schema")]
    _schema: Known,
    #[serde(rename = "profile")]
    _profile: Known,
    #[serde(rename = "peering")]
    _peering: Known,
}

/// A private network.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct Vpc {
    pub(super) id: String,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    #[serde(default, rename = "name")]
    _name: Known,
    #[serde(default, rename = "cidrs")]
    _cidrs: Known,
}

/// A NAT gateway, or a host that masquerades its containers.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct Gateway {
    pub(super) id: String,
    pub(super) kind: Option<String>,
    pub(super) vpc: Option<String>,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) instance: Option<String>,
    #[serde(default)]
    pub(super) inside: Side,
    #[serde(default)]
    pub(super) outside: Side,
    pub(super) mapping: Option<String>,
    pub(super) dnat: Option<Vec<Dnat>>,
    #[serde(default)]
    pub(super) port_plans: Vec<PortPlan>,
    #[serde(default)]
    pub(super) aliases: Vec<Alias>,
    #[serde(default)]
    pub(super) logs: Vec<Log>,
    #[serde(default, rename = "name")]
    _name: Known,
    #[serde(default, rename = "snat")]
    _snat: Known,
}

/// One side of a gateway.
#[derive(Deserialize, Default)]
#[serde(default, expecting = "a table")]
pub(super) struct Side {
    pub(super) network: Option<String>,
    pub(super) addresses: Vec<Held>,
}

/// An address, held over a span; written as the address alone if it is held for all time.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(expecting = "an address or a table")]
pub(super) struct Held {
    pub(super) ip: String,
    pub(super) from: Option<Written>,
    pub(super) to: Option<Written>,
}

/// A destination NAT rule.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct Dnat {
    pub(super) proto: Option<String>,
    pub(super) public: String,
    pub(super) private: String,
    pub(super) from: Option<Written>,
    pub(super) to: Option<Written>,
}

/// A deterministic NAT's configuration.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct PortPlan {
    pub(super) inside: Vec<String>,
    pub(super) outside: Vec<String>,
    pub(super) ports: String,
    pub(super) ports_per_host: u16,
    pub(super) order: Option<String>,
    pub(super) from: Option<Written>,
    pub(super) to: Option<Written>,
}

/// A log's own word for an outside address.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct Alias {
    pub(super) logged: String,
    pub(super) outside: String,
    pub(super) from: Option<Written>,
    pub(super) to: Option<Written>,
}

/// A log of a gateway or a balancer.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct Log {
    pub(super) file: String,
    pub(super) format: Option<String>,
    pub(super) log_format: Option<String>,
    pub(super) tz: Option<String>,
    pub(super) since: Option<Written>,
    pub(super) until: Option<Written>,
    pub(super) taken: Option<Written>,
    pub(super) complete: Option<bool>,
    pub(super) clock_bound: Option<String>,
    pub(super) derived_from: Option<String>,
}

/// A load balancer or reverse proxy.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct Balancer {
    pub(super) id: String,
    pub(super) kind: Option<String>,
    pub(super) vpc: Option<String>,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    pub(super) instance: Option<String>,
    #[serde(default)]
    pub(super) outside: Side,
    #[serde(default)]
    pub(super) vips: Vec<Held>,
    pub(super) private_ip: Option<String>,
    #[serde(default)]
    pub(super) listeners: Vec<Listener>,
    #[serde(default)]
    pub(super) backends: BTreeMap<String, Servers>,
    #[serde(default)]
    pub(super) logs: Vec<Log>,
    #[serde(default, rename = "name")]
    _name: Known,
}

/// What a balancer listens on.
#[derive(Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(expecting = "a table")]
pub(super) struct Listener {
    /// The name by which its log names it, such as `fe_web`.
    pub(super) name: Option<String>,
    /// The port.
    pub(super) port: u16,
    /// `http`, `tcp` and the like.
    pub(super) mode: Option<String>,
    /// The transport protocol; `tcp` if nothing is said.
    pub(super) proto: Option<String>,
    /// The log format of this listener alone.
    pub(super) log: Option<String>,
}

/// The servers of a backend as `address:port`: by the names that the log uses, or just listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Servers {
    /// Name → endpoint.
    Named(BTreeMap<String, String>),
    /// Endpoints.
    Listed(Vec<String>),
}

impl<'de> Deserialize<'de> for Servers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ServersVisitor;
        impl<'de> Visitor<'de> for ServersVisitor {
            type Value = Servers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of endpoints, or a table of names and endpoints")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Servers, A::Error> {
                let mut servers = BTreeMap::new();
                while let Some((name, endpoint)) = map.next_entry()? {
                    servers.insert(name, endpoint);
                }
                Ok(Servers::Named(servers))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Servers, A::Error> {
                let mut servers = Vec::new();
                while let Some(endpoint) = list.next_element()? {
                    servers.push(endpoint);
                }
                Ok(Servers::Listed(servers))
            }
        }
        deserializer.deserialize_any(ServersVisitor)
    }
}

/// A machine.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct Instance {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) vpc: Option<String>,
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    #[serde(default)]
    pub(super) private_ips: Vec<Held>,
    #[serde(default)]
    pub(super) public_ips: Vec<Held>,
    pub(super) from: Option<Written>,
    pub(super) to: Option<Written>,
    pub(super) agent: Option<bool>,
    #[serde(default, rename = "listeners")]
    _listeners: Known,
}

/// A container on a machine.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct Container {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) node: Option<String>,
    pub(super) instance: Option<String>,
    pub(super) vpc: Option<String>,
    pub(super) ip: Option<Held>,
    pub(super) from: Option<Written>,
    pub(super) to: Option<Written>,
    pub(super) pod: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) image: Option<String>,
}
