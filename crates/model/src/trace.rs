//! The `trace` object, version 1: the contract with everything that reads our answers.
//!
//! Serializing a [`Trace`] gives the contract's JSON, members in the contract's order.
//! `docs/trace.schema.json` says it exactly; a test holds the two together.

use crate::{
    AccountId, AlertId, AssetId, Certainty, ContainerId, Endpoint, GatewayKind, GatewayName, LogTime, Realm,
    Reason, RegionId, Role, SourceName, Status,
};
use serde::Serialize;
use std::{net::IpAddr, sync::Arc};

/// The version of the contract that we write.
pub const VERSION: u32 = 1;

/// At most this many candidates are listed; `candidates_total` counts all.
pub const CANDIDATES_LISTED: usize = 32;

/// The answer for one alert.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Trace {
    /// The version of this contract.
    pub version: u32,
    /// Whose answer it is.
    pub alert_id: AlertId,
    /// The weakest end that is ours; not masked if no end is.
    pub status: Status,
    /// Nothing that may still arrive is expected to change it.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// When the missing records are due; `None` if unknown, or if none are missing.
    pub expected_by: Option<LogTime>,
    /// Which answer this is, from 1.
    pub revision: u32,
    /// Issued after the first answer.
    pub late: bool,
    /// From the alert's arrival to this answer, in milliseconds; 0 in batch.
    pub waited_ms: u64,
    /// An operator had it traced as if nothing was ever switched off; left out where nobody did.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub backfill: bool,
    /// The source's end.
    pub src: EndTrace,
    /// The destination's end.
    pub dest: EndTrace,
}

/// The answer for one end of an alert.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum EndTrace {
    /// The address is shared, or should be known and is not.
    Masked(Box<MaskedEnd>),
    /// The address is not shared.
    NotMasked(NotMaskedEnd),
}

/// An end whose address is shared.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MaskedEnd {
    /// Who opened the flow: the session decides it when there is one.
    pub role: Role,
    /// What became of it.
    pub status: Status,
    /// Why not better.
    pub reason: Option<Reason>,
    /// How sure the answer is; `None` where there is none.
    pub certainty: Option<Certainty>,
    /// The endpoint as the alert shows it; `None` if it shows none.
    pub outside: Option<Place>,
    /// The endpoint at the end of the chain, as of the session.
    pub inside: Option<Place>,
    /// The nearest thing that can be acted on.
    pub asset: Option<Asset>,
    /// The container that was reached, if one was.
    pub container: Option<Container>,
    /// The process whose socket it was; `None` if no instance was reached.
    pub process: Option<ProcessTrace>,
    /// The gateways crossed, from the outside to the inside.
    pub hops: Vec<Hop>,
    /// For balancers: every backend that received the request, when more than one did.
    pub attempts: Vec<Attempt>,
    /// What remains when more than one inside endpoint does.
    pub candidates: Vec<Candidate>,
    /// How many candidates there are, listed or not.
    pub candidates_total: usize,
}

/// An end whose address is not shared.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NotMaskedEnd {
    /// Who opened the flow.
    pub role: Role,
    /// Always [`Status::NotMasked`].
    pub status: Status,
    /// Whose address it is.
    pub owner: Owner,
    /// Who held it, if it is ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset: Option<Box<Asset>>,
}

/// Whose an unshared address is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// The inventory knows it.
    Ours,
    /// Nobody here.
    Theirs,
}

/// An endpoint in its realm.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Place {
    /// The address space in which the address is meant.
    pub realm: Realm,
    /// The address.
    pub ip: IpAddr,
    /// The port, where the protocol has one and it is known.
    pub port: Option<u16>,
}

/// An instance, as of the session's time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Asset {
    /// What kind of thing it is.
    pub kind: AssetKind,
    /// Its own id: what to act on.
    pub id: AssetId,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// Its account.
    pub account: Option<AccountId>,
    /// Its region.
    pub region: Option<RegionId>,
    /// Its realm.
    pub realm: Realm,
    /// How sure it is that this asset held the address.
    pub certainty: Certainty,
    /// Since when and until when it held the address; `null` where nobody says.
    pub held: Held,
    /// What became of it.
    pub state_now: StateNow,
    /// What became of its address.
    pub address_now: AddressNow,
}

/// What kind of thing an asset is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssetKind {
    /// A machine, virtual or not.
    Instance,
}

/// The span of a tenure, open where nobody says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Held {
    /// Since when.
    pub from: LogTime,
    /// Until when.
    pub to: LogTime,
}

/// Whether an asset still runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateNow {
    /// It does.
    Running,
    /// It does not.
    Ended,
    /// Nobody says.
    Unknown,
}

/// Who has an asset's address by now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressNow {
    /// The same asset.
    Same,
    /// Another one.
    Reassigned,
    /// Nobody.
    Free,
    /// Nobody says.
    Unknown,
}

/// A container, as of the session's time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Container {
    /// Its own id: what to act on.
    pub id: ContainerId,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// Its Kubernetes pod.
    pub pod: Option<Arc<str>>,
    /// The pod's namespace.
    pub namespace: Option<Arc<str>>,
    /// The image it ran.
    pub image: Option<Arc<str>>,
    /// How sure it is.
    pub certainty: Certainty,
}

/// What is known of the process behind an end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ProcessTrace {
    /// Whether one could be named.
    pub status: ProcessStatus,
    /// Its id in the host's own namespace.
    pub pid: Option<u32>,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// Its command line.
    pub command: Option<Arc<str>>,
    /// Its parent's name.
    pub parent: Option<Arc<str>>,
    /// The user it ran as.
    pub user: Option<Arc<str>>,
    /// When it was started; with the pid, what to act on.
    pub started: Option<LogTime>,
    /// How sure it is; `None` unless one is named.
    pub certainty: Option<Certainty>,
}

/// Whether a process could be named.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessStatus {
    /// One process had the socket.
    Named,
    /// Several had it.
    Ambiguous,
    /// The host has an agent, and the agent has no such socket.
    NoRecord,
    /// The host has no agent.
    NoAgent,
}

/// One gateway crossed, with the session that proves it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Hop {
    /// The gateway's name.
    pub gateway: GatewayName,
    /// What it is.
    pub kind: GatewayKind,
    /// Whose it is.
    pub account: Option<AccountId>,
    /// Where it is.
    pub region: Option<RegionId>,
    /// Our endpoint on its outside.
    pub outside: Place,
    /// The peer on its outside.
    pub remote: Option<Place>,
    /// Our endpoint on its inside.
    pub inside: Option<Place>,
    /// The peer on its inside.
    pub inside_remote: Option<Place>,
    /// From when to when; `None` where a rule stands for the record.
    pub session: Option<SessionSpan>,
    /// What proves it, in order of source and line.
    pub evidence: Vec<Proof>,
}

/// From when to when a session lasted, by its exporter's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct SessionSpan {
    /// Its start.
    pub start: LogTime,
    /// The last moment at which a packet was possible; `null` if nobody saw it end.
    pub end: LogTime,
}

/// What proves a hop.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(untagged)]
pub enum Proof {
    /// A line of a log.
    Record {
        /// The log's name.
        source: SourceName,
        /// The line, from 1.
        line: u64,
        /// The line itself, unless left out.
        #[serde(skip_serializing_if = "Option::is_none")]
        record: Option<Arc<str>>,
    },
    /// A rule that the inventory declares.
    Rule {
        /// The inventory's name.
        inventory: SourceName,
        /// Where it stands in it.
        path: Arc<str>,
        /// When it was in force.
        valid: Held,
    },
}

/// A backend that received a request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Attempt {
    /// The backend's endpoint; `None` for a try that the log counts but does not name.
    pub inside: Option<Place>,
    /// Who held it.
    pub asset: Option<Asset>,
    /// When the try began.
    pub start: Option<LogTime>,
    /// What became of it.
    pub outcome: Option<Arc<str>>,
    /// What the backend answered.
    pub status: Option<u16>,
    /// Whether the log names it.
    pub known: bool,
}

/// One of several inside endpoints that remain.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Candidate {
    /// The endpoint.
    pub inside: Place,
    /// Who held it.
    pub asset: Option<Asset>,
    /// How sure it is that this session was there at all.
    pub certainty: Certainty,
    /// Why it remains.
    pub why: Arc<str>,
    /// The way to it.
    pub hops: Vec<Hop>,
}

impl Place {
    /// An endpoint in a realm.
    #[must_use]
    pub fn new(realm: Realm, endpoint: Endpoint) -> Self {
        Self { realm, ip: endpoint.ip, port: endpoint.port }
    }

    /// The endpoint without its realm.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint { ip: self.ip, port: self.port }
    }
}

impl EndTrace {
    /// What became of the end.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Masked(end) => end.status,
            Self::NotMasked(end) => end.status,
        }
    }

    /// The end's masked side, if its address is shared.
    #[must_use]
    pub fn masked(&self) -> Option<&MaskedEnd> {
        match self {
            Self::Masked(end) => Some(end),
            Self::NotMasked(_) => None,
        }
    }
}

impl MaskedEnd {
    /// An end of which nothing is known behind `outside`, and why.
    #[must_use]
    pub fn untraced(outside: Option<Place>, role: Role, reason: Reason) -> Self {
        Self {
            role,
            status: Status::Untraced,
            reason: Some(reason),
            certainty: None,
            outside,
            inside: None,
            asset: None,
            container: None,
            process: None,
            hops: Vec::new(),
            attempts: Vec::new(),
            candidates: Vec::new(),
            candidates_total: 0,
        }
    }
}
