//! Gateways and load balancers.

use super::{Ids, Networks, port_plan};
use crate::inventory::{Balancer, InventoryError, Notes, path::Path as Key, raw};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};
use unmasq_decode::{NamedListener, Names};
use unmasq_model::{
    Alias, AssetId, DnatRule, Endpoint, Gateway, GatewayKind, GatewayName, Listener, Protocol, Realm, Span,
};

/// All that is shared.
pub(super) struct Gateways {
    /// In the order of the inventory.
    pub(super) all: Vec<Gateway>,
    /// What is known about the balancers among them, in the order of the inventory.
    pub(super) balancers: Vec<Balancer>,
}

impl Gateways {
    pub(super) fn of(
        raw: &raw::Inventory,
        networks: &Networks,
        notes: &Notes<'_>,
    ) -> Result<Self, InventoryError> {
        let mut ids = Ids::default();
        let mut found = Self { all: Vec::new(), balancers: Vec::new() };
        let key = Key::Root.key("gateways");
        for (ix, raw) in raw.gateways.iter().enumerate() {
            ids.declare(key.item(ix), &raw.id, notes)?;
            found.all.push(gateway(key.item(ix), raw, networks, notes)?);
        }
        let key = Key::Root.key("load_balancers");
        for (ix, raw) in raw.load_balancers.iter().enumerate() {
            ids.declare(key.item(ix), &raw.id, notes)?;
            let (gateway, facts) = balancer(key.item(ix), raw, networks, notes)?;
            found.all.push(gateway);
            found.balancers.push(facts);
        }
        let machines: BTreeSet<&str> = raw.instances.iter().map(|instance| instance.id.as_str()).collect();
        let key = Key::Root.key("gateways");
        for (ix, gateway) in raw.gateways.iter().enumerate() {
            if let Some(id) = gateway.instance.as_deref().filter(|id| !machines.contains(id)) {
                notes.odd(key.item(ix).key("instance"), format!("no instance `{id}` is declared"));
            }
        }
        Ok(found)
    }
}

fn gateway(
    table: Key<'_>,
    raw: &raw::Gateway,
    networks: &Networks,
    notes: &Notes<'_>,
) -> Result<Gateway, InventoryError> {
    let kind = kind(table, raw, notes)?;
    let vpc = networks.realm(table, raw.vpc.as_ref(), notes);
    let (outside_table, inside_table) = (table.key("outside"), table.key("inside"));
    let outside_realm = match (&raw.outside.network, kind) {
        (Some(name), _) => networks.named(outside_table.key("network"), name, notes),
        // A node hides its containers from its own VPC; only what that lets out is public.
        (None, GatewayKind::Node) => vpc.clone(),
        (None, _) => Realm::public(),
    };
    let inside_realm = match (&raw.inside.network, kind) {
        (Some(name), _) => Realm::from(name.as_str()),
        // The same private range stands behind every node, so each is a realm of its own.
        (None, GatewayKind::Node) => Realm::from(raw.id.as_str()),
        (None, _) => vpc,
    };
    check_mapping(table, raw, notes)?;
    let key = inside_table.key("addresses");
    for (ix, held) in raw.inside.addresses.iter().enumerate() {
        notes.interface(key.item(ix), &held.ip)?;
        notes.span(key.item(ix), held.from.as_ref(), held.to.as_ref())?;
    }
    let addresses = addresses(outside_table.key("addresses"), &raw.outside.addresses, notes)?;
    let (account, region) = networks.owner(raw.account.as_ref(), raw.region.as_ref(), raw.vpc.as_ref());
    Ok(Gateway {
        account,
        region,
        dnat: dnat(table.key("dnat"), raw.dnat.as_deref(), &addresses, notes)?,
        aliases: aliases(table.key("aliases"), &raw.aliases, notes)?,
        port_plans: port_plan::all(table.key("port_plans"), &raw.port_plans, notes)?,
        addresses,
        instance: raw.instance.as_deref().map(AssetId::from),
        ..Gateway::named(GatewayName::from(raw.id.as_str()), kind, outside_realm, inside_realm)
    })
}

fn kind(table: Key<'_>, raw: &raw::Gateway, notes: &Notes<'_>) -> Result<GatewayKind, InventoryError> {
    match raw.kind.as_deref() {
        None | Some("nat") => Ok(GatewayKind::Nat),
        Some("node" | "node-masquerade") => Ok(GatewayKind::Node),
        Some(other) => {
            let why = format!(
                "`{other}` is not a kind of gateway; write `nat` or `node`, and put balancers under `load_balancers`"
            );
            Err(notes.wrong(table.key("kind"), why))
        }
    }
}

/// The word is checked here so that a slip is seen; no answer depends on it yet.
fn check_mapping(table: Key<'_>, raw: &raw::Gateway, notes: &Notes<'_>) -> Result<(), InventoryError> {
    const KNOWN: [&str; 4] =
        ["endpoint-independent", "address-dependent", "address-and-port-dependent", "unknown"];
    match raw.mapping.as_deref() {
        Some(word) if !KNOWN.contains(&word) => {
            let why = format!("`{word}` is not a mapping; write one of {}", KNOWN.join(", "));
            Err(notes.wrong(table.key("mapping"), why))
        }
        _ => Ok(()),
    }
}

fn addresses(
    list: Key<'_>,
    raw: &[raw::Held],
    notes: &Notes<'_>,
) -> Result<Vec<(IpAddr, Span)>, InventoryError> {
    let held = raw.iter().enumerate().map(|(ix, held)| notes.held(list.item(ix), held, Span::ALWAYS));
    held.collect()
}

fn dnat(
    list: Key<'_>,
    raw: Option<&[raw::Dnat]>,
    addresses: &[(IpAddr, Span)],
    notes: &Notes<'_>,
) -> Result<Option<Vec<DnatRule>>, InventoryError> {
    let Some(raw) = raw else { return Ok(None) };
    let rules = raw.iter().enumerate().map(|(ix, raw)| {
        let table = list.item(ix);
        let protocol = match raw.proto.as_deref() {
            None | Some("any" | "all") => None,
            Some(name) => {
                let protocol: Result<Protocol, _> = name.parse();
                Some(protocol.map_err(|error| notes.wrong(table.key("proto"), error))?)
            }
        };
        let outside = notes.endpoint(table.key("public"), &raw.public)?;
        if !addresses.iter().any(|(ip, _)| *ip == outside.ip) {
            let text = format!("{} is none of this gateway's `outside.addresses`", outside.ip);
            notes.odd(table.key("public"), text);
        }
        Ok(DnatRule {
            protocol,
            outside,
            inside: notes.endpoint(table.key("private"), &raw.private)?,
            held: notes.span(table, raw.from.as_ref(), raw.to.as_ref())?,
            inventory: notes.name.clone(),
            path: table.to_string().into(),
        })
    });
    rules.collect::<Result<_, _>>().map(Some)
}

fn aliases(list: Key<'_>, raw: &[raw::Alias], notes: &Notes<'_>) -> Result<Vec<Alias>, InventoryError> {
    let aliases = raw.iter().enumerate().map(|(ix, raw)| {
        let table = list.item(ix);
        Ok(Alias {
            logged: notes.address(table.key("logged"), &raw.logged)?,
            outside: notes.address(table.key("outside"), &raw.outside)?,
            held: notes.span(table, raw.from.as_ref(), raw.to.as_ref())?,
        })
    });
    aliases.collect()
}

fn balancer(
    table: Key<'_>,
    raw: &raw::Balancer,
    networks: &Networks,
    notes: &Notes<'_>,
) -> Result<(Gateway, Balancer), InventoryError> {
    let name = GatewayName::from(raw.id.as_str());
    let outside = table.key("outside");
    let outside_realm = match &raw.outside.network {
        Some(network) => networks.named(outside.key("network"), network, notes),
        None => Realm::public(),
    };
    let inside_realm = networks.realm(table, raw.vpc.as_ref(), notes);
    let mut vips = addresses(table.key("vips"), &raw.vips, notes)?;
    vips.extend(addresses(outside.key("addresses"), &raw.outside.addresses, notes)?);
    let (account, region) = networks.owner(raw.account.as_ref(), raw.region.as_ref(), raw.vpc.as_ref());
    let gateway = Gateway {
        account,
        region,
        addresses: vips,
        listeners: listeners(table.key("listeners"), &raw.listeners, notes)?,
        instance: raw.instance.as_deref().map(AssetId::from),
        ..Gateway::named(name.clone(), GatewayKind::Balancer, outside_realm, inside_realm)
    };
    let private_ip = raw.private_ip.as_ref();
    let names = Names {
        addresses: gateway.addresses.iter().map(|(ip, _)| *ip).collect(),
        private_ip: private_ip.map(|ip| notes.interface(table.key("private_ip"), ip)).transpose()?,
        listeners: raw.listeners.iter().map(named).collect(),
        servers: servers(table.key("backends"), &raw.backends, notes)?,
    };
    Ok((gateway, Balancer { gateway: name, kind: raw.kind.clone(), names: names.into() }))
}

fn named(raw: &raw::Listener) -> NamedListener {
    let text = |text: &Option<String>| text.as_deref().map(Arc::from);
    NamedListener { name: text(&raw.name), port: raw.port, layout: text(&raw.log) }
}

/// What it listens on; `None` if nothing is said.
fn listeners(
    list: Key<'_>,
    raw: &[raw::Listener],
    notes: &Notes<'_>,
) -> Result<Option<Vec<Listener>>, InventoryError> {
    let listeners = raw.iter().enumerate().map(|(ix, raw)| {
        let table = list.item(ix);
        let mode = raw.mode.as_deref().map(str::to_ascii_lowercase);
        let proto = raw.proto.as_deref().or(mode.as_deref().filter(|mode| *mode == "udp"));
        let protocol: Result<Protocol, _> = proto.unwrap_or("tcp").parse();
        Ok(Listener {
            protocol: protocol.map_err(|error| notes.wrong(table.key("proto"), error))?,
            port: raw.port,
            requests: !matches!(mode.as_deref(), Some("tcp" | "udp" | "tls" | "tcp_udp")),
        })
    });
    let listeners: Vec<Listener> = listeners.collect::<Result<_, InventoryError>>()?;
    Ok((!listeners.is_empty()).then_some(listeners))
}

/// Backend and server name → endpoint.
type Servers = BTreeMap<(Arc<str>, Arc<str>), Endpoint>;

/// The servers that have names; those that are only listed cannot be meant by one.
fn servers(
    table: Key<'_>,
    raw: &BTreeMap<String, raw::Servers>,
    notes: &Notes<'_>,
) -> Result<Servers, InventoryError> {
    let mut found = BTreeMap::new();
    for (backend, servers) in raw {
        let key = table.key(backend);
        match servers {
            raw::Servers::Named(servers) => {
                for (server, at) in servers {
                    let at = notes.endpoint(key.key(server), at)?;
                    found.insert((backend.as_str().into(), server.as_str().into()), at);
                }
            }
            raw::Servers::Listed(servers) => {
                for (ix, at) in servers.iter().enumerate() {
                    notes.endpoint(key.item(ix), at)?;
                }
            }
        }
    }
    Ok(found)
}
