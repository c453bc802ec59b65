//! Sockets: what a host agent says about who spoke.

use crate::{AssetId, ContainerId, Endpoint, LogTime, Protocol, Realm, Role, Span};
use std::sync::Arc;

/// One socket of one process, as a host agent reported it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Socket {
    /// The host's instance.
    pub instance: AssetId,
    /// The realm that the record names for its host, if it does.
    pub realm: Option<Realm>,
    /// The container, if the socket was in one.
    pub container: Option<ContainerId>,
    /// The transport protocol.
    pub protocol: Protocol,
    /// Whether the process opened the flow or was called.
    pub role: Role,
    /// This end, as the process saw it.
    pub local: Endpoint,
    /// The peer, as the process saw it.
    pub remote: Endpoint,
    /// From when to when the socket lived, by the agent's clock; to forever if still open.
    pub lived: Span,
    /// The process.
    pub process: Process,
}

/// A process, by the only name that is never reused: its pid together with its host and time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Process {
    /// The process id in the host's own namespace.
    pub pid: u32,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// Its command line.
    pub command: Option<Arc<str>>,
    /// The name of its parent.
    pub parent: Option<Arc<str>>,
    /// The user it ran as: a name, else the number.
    pub user: Option<Arc<str>>,
    /// When it was started, if the agent says.
    pub started: Option<LogTime>,
}
