//! The site: what the operator told us about gateways, logs and who holds which address.

use crate::{
    AccountId, AssetId, ContainerId, Endpoint, GatewayName, LogTime, PortPlan, Protocol, Realm, RegionId,
    SourceName, Span, Switches,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

/// A gateway by its place in [`Site::gateways`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GatewayIx(pub u32);

/// A log by its place in [`Site::logs`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LogIx(pub u32);

/// What is known about the place that the alerts come from.
#[derive(Clone, PartialEq, Debug)]
pub struct Site {
    /// The realm in which the sensor listens.
    pub sensor_realm: Realm,
    /// Whether somebody wrote an inventory: without one nothing says which gateways are missing.
    pub declared: bool,
    /// How far a clock may be from the sensor's, where nothing else is said (host agents, for example).
    pub clock_bound: Duration,
    /// The gateways, in order of name.
    pub gateways: Vec<Gateway>,
    /// The logs, in order of name.
    pub logs: Vec<Log>,
    /// Who held which address when, in order of realm and address.
    pub tenures: Vec<Tenure>,
    /// Of earlier times not every session is there any more: what ended well before this may have been dropped.
    pub forgotten: LogTime,
}

/// A shared egress or ingress point.
#[derive(Clone, PartialEq, Debug)]
pub struct Gateway {
    /// What the inventory calls it, else what its log is called.
    pub name: GatewayName,
    /// What it is.
    pub kind: GatewayKind,
    /// Whose it is.
    pub account: Option<AccountId>,
    /// Where it is.
    pub region: Option<RegionId>,
    /// The realm of its outside addresses.
    pub outside_realm: Realm,
    /// The realm of the endpoints behind it.
    pub inside_realm: Realm,
    /// Its outside addresses, and when they were its own.
    pub addresses: Vec<(IpAddr, Span)>,
    /// Outside addresses that its logs show, declared or not.
    pub seen: BTreeSet<IpAddr>,
    /// Addresses by which its log names an outside address.
    pub aliases: Vec<Alias>,
    /// Its destination NAT rules; `None` if nobody declared whether there are any.
    pub dnat: Option<Vec<DnatRule>>,
    /// Configurations by which an outside port tells its host.
    pub port_plans: Vec<PortPlan>,
    /// What a balancer listens on; `None` if nobody declared it.
    pub listeners: Option<Vec<Listener>>,
    /// The instance that it runs on, if it is a machine of ours (a Kubernetes node).
    pub instance: Option<AssetId>,
    /// Its logs that could be read.
    pub logs: BTreeSet<LogIx>,
    /// For which alerts it is traced through.
    pub switches: Switches,
}

/// What a gateway is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GatewayKind {
    /// A network address translator.
    Nat,
    /// A host that masquerades its containers.
    Node,
    /// A load balancer or reverse proxy.
    Balancer,
}

/// A log's own word for an outside address, while it held: the private address of an EIP, for example.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Alias {
    /// What the log writes.
    pub logged: IpAddr,
    /// What the world sees.
    pub outside: IpAddr,
    /// When this was so.
    pub held: Span,
}

/// A destination NAT rule: what arrives for `outside` goes to `inside`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DnatRule {
    /// The transport protocol; `None` is every one.
    pub protocol: Option<Protocol>,
    /// What the world calls; without a port, every port.
    pub outside: Endpoint,
    /// Who is meant; without a port, the one that was called.
    pub inside: Endpoint,
    /// When the rule was in force.
    pub held: Span,
    /// The inventory that says so.
    pub inventory: SourceName,
    /// Where in it, such as `gateways[0].dnat[0]`.
    pub path: Arc<str>,
}

/// What a balancer listens on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Listener {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
    /// Whether it understands requests; else it forwards connections or packets (layer 4).
    pub requests: bool,
}

/// A log: what one exporter wrote, in one or more files.
#[derive(Clone, PartialEq, Debug)]
pub struct Log {
    /// What it is called in evidence.
    pub name: SourceName,
    /// The names of its files, in the order that [`crate::Evidence::file`] counts them.
    pub files: Vec<SourceName>,
    /// How far its clock may be from the sensor's, either way.
    pub clock_bound: Duration,
    /// Which span it covers.
    pub coverage: Coverage,
    /// Whether it may leave records out, or tell of a session only in part: then what it does not show
    /// may have been all the same.
    pub best_effort: bool,
    /// Whether it also shows flows that the outside opened; a source NAT log may not.
    pub shows_inbound: bool,
    /// Whether a balancer's log also shows connections that it forwards without looking inside.
    pub shows_connections: bool,
    /// How long a silent session may live: records of one session this far apart are joined.
    ///
    /// `None` where every record is a whole session, so that a gap is a gap.
    pub idle_timeout: Option<Duration>,
}

/// Which span of time a log covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Coverage {
    /// What began before may be missing.
    pub since: LogTime,
    /// The latest moment of which it tells.
    pub until: LogTime,
    /// Somebody declared that nothing between `since` and `until` is missing.
    pub complete: bool,
    /// How long after the fact its records may come.
    pub delay: Duration,
}

/// An address held by somebody over a span: a row of the identity timeline.
#[derive(Clone, PartialEq, Debug)]
pub struct Tenure {
    /// The address space.
    pub realm: Realm,
    /// The address.
    pub ip: IpAddr,
    /// When it was held; an inventory without times holds for all time.
    pub held: Span,
    /// By whom.
    pub holder: Holder,
}

/// Who can hold an address: an instance, or a container on one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Holder {
    /// The instance's id; for a container, that of the host that it ran on.
    pub instance: AssetId,
    /// The instance's name.
    pub name: Option<Arc<str>>,
    /// The instance's realm.
    pub realm: Realm,
    /// The account it belongs to.
    pub account: Option<AccountId>,
    /// The region it is in.
    pub region: Option<RegionId>,
    /// Whether an agent on it reports sockets; `None` if nobody says.
    pub agent: Option<bool>,
    /// The container that held the address, if it was one.
    pub container: Option<ContainerFacts>,
}

/// What is known about a container.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ContainerFacts {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// Its Kubernetes pod.
    pub pod: Option<Arc<str>>,
    /// The pod's namespace.
    pub namespace: Option<Arc<str>>,
    /// The image that it ran.
    pub image: Option<Arc<str>>,
}

/// A gateway that may have translated an outside address, and how its log would name that address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Translator {
    /// The gateway.
    pub gateway: GatewayIx,
    /// The address as its log writes it.
    pub logged_as: IpAddr,
}

impl Site {
    /// The clock bound where nobody says another.
    pub const CLOCK_BOUND: Duration = Duration::from_millis(500);

    /// How much later than another one log may tell of an end: two minutes for the kernel's collector,
    /// and one for what it leaves open.
    pub const LATE_END: Duration = Duration::from_secs(180);

    /// A site of which nobody told us anything: one realm, gateways as their logs name them.
    #[must_use]
    pub fn undeclared() -> Self {
        Self {
            sensor_realm: Realm::default_realm(),
            declared: false,
            clock_bound: Self::CLOCK_BOUND,
            gateways: Vec::new(),
            logs: Vec::new(),
            tenures: Vec::new(),
            forgotten: LogTime::BEGINNING,
        }
    }

    /// The gateway at `ix`.
    #[must_use]
    pub fn gateway(&self, ix: GatewayIx) -> &Gateway {
        &self.gateways[ix.0 as usize]
    }

    /// The log at `ix`.
    #[must_use]
    pub fn log(&self, ix: LogIx) -> &Log {
        &self.logs[ix.0 as usize]
    }

    /// Every gateway with its index.
    pub fn indexed_gateways(&self) -> impl Iterator<Item = (GatewayIx, &Gateway)> {
        (0u32..).map(GatewayIx).zip(&self.gateways)
    }

    /// The gateways that may have translated `ip` in `realm` during `at` by the sensor's clock, once
    /// for each name that their logs may have for it.
    ///
    /// An address that somebody declared for another time is not this gateway's now, whatever its
    /// log once showed.
    #[must_use]
    pub fn translators(&self, realm: &Realm, ip: IpAddr, at: Span) -> Vec<Translator> {
        let during = at.widened(self.widest_clock_bound());
        let mut found = BTreeSet::new();
        for (gateway, facts) in self.indexed_gateways().filter(|(_, g)| &g.outside_realm == realm) {
            found.extend(facts.names_of(ip, during).map(|logged_as| Translator { gateway, logged_as }));
        }
        found.into_iter().collect()
    }

    /// Those gateways, each once.
    #[must_use]
    pub fn owners(&self, realm: &Realm, ip: IpAddr, at: Span) -> Vec<GatewayIx> {
        let mut owners: Vec<GatewayIx> =
            self.translators(realm, ip, at).into_iter().map(|translator| translator.gateway).collect();
        owners.dedup();
        owners
    }

    /// The largest clock bound of any log, for asking widely enough.
    #[must_use]
    pub fn widest_clock_bound(&self) -> Duration {
        self.logs.iter().map(|log| log.clock_bound).fold(self.clock_bound, Duration::max)
    }

    /// The span to ask a gateway about `at`.
    #[must_use]
    pub fn asked_about(&self, gateway: GatewayIx, at: Span) -> Span {
        at.widened(self.margin(gateway))
    }

    /// How much further a gateway is asked: widely enough for every clock bound, for the records on
    /// either side of a silence that a live session may keep, and, where it has several logs, for what
    /// one of them knows to be over while another still waits for the end.
    #[must_use]
    pub fn margin(&self, gateway: GatewayIx) -> Duration {
        let idle = self.logs_of(gateway).filter_map(|log| log.idle_timeout).max().unwrap_or_default();
        let several = if self.gateway(gateway).logs.len() > 1 { Self::LATE_END } else { Duration::ZERO };
        self.widest_clock_bound().saturating_add(idle.max(several))
    }

    /// Whether every record of this gateway about `at` should have arrived.
    #[must_use]
    pub fn is_settled(&self, gateway: GatewayIx, at: Span) -> bool {
        at.to() <= self.settled_until(gateway)
    }

    /// Up to when, by the sensor's clock, every record of a gateway should have arrived. A gateway without a
    /// log has nothing more to say.
    #[must_use]
    pub fn settled_until(&self, gateway: GatewayIx) -> LogTime {
        let until = self.logs_of(gateway).map(|log| log.coverage.watermark().minus(log.clock_bound));
        until.max().unwrap_or(LogTime::FOREVER)
    }

    /// The logs of one gateway that could be read.
    pub fn logs_of(&self, gateway: GatewayIx) -> impl Iterator<Item = &Log> {
        self.gateway(gateway).logs.iter().map(|&log| self.log(log))
    }
}

impl Gateway {
    /// A gateway of which only the name is known.
    #[must_use]
    pub fn named(name: GatewayName, kind: GatewayKind, outside_realm: Realm, inside_realm: Realm) -> Self {
        Self {
            name,
            kind,
            account: None,
            region: None,
            outside_realm,
            inside_realm,
            addresses: Vec::new(),
            seen: BTreeSet::new(),
            aliases: Vec::new(),
            dnat: None,
            port_plans: Vec::new(),
            listeners: None,
            instance: None,
            logs: BTreeSet::new(),
            switches: Switches::default(),
        }
    }

    /// What its logs may call `ip`, if that may have been one of its outside addresses at some moment of
    /// `during`.
    pub fn names_of(&self, ip: IpAddr, during: Span) -> impl Iterator<Item = IpAddr> {
        let holds = self.held(ip).any(|held| held.touches(during));
        let names = self.names(ip).filter(move |(_, called)| holds && called.touches(during));
        names.map(|(name, _)| name)
    }

    /// When `ip` may have been one of its outside addresses.
    pub fn held(&self, ip: IpAddr) -> impl Iterator<Item = Span> {
        let declared = self.addresses.iter().filter(move |(own, _)| *own == ip).map(|(_, held)| *held);
        let undeclared = declared.clone().next().is_none();
        let plans = self.port_plans.iter().filter(move |plan| undeclared && plan.covers(ip));
        let seen = undeclared && self.seen.contains(&ip) && !self.aliases.iter().any(|a| a.logged == ip);
        declared.chain(plans.map(|plan| plan.held)).chain(seen.then_some(Span::ALWAYS))
    }

    /// What its logs may call `ip`, and when.
    pub fn names(&self, ip: IpAddr) -> impl Iterator<Item = (IpAddr, Span)> {
        let aliases = self.aliases.iter().filter(move |alias| alias.outside == ip);
        std::iter::once((ip, Span::ALWAYS)).chain(aliases.map(|alias| (alias.logged, alias.held)))
    }
}

impl Coverage {
    /// Up to where every record should have arrived: `until` less the delay, by estimate; `until`
    /// itself where somebody declared the log complete.
    #[must_use]
    pub fn watermark(&self) -> LogTime {
        if self.complete { self.until } else { self.until.minus(self.delay) }
    }
}
