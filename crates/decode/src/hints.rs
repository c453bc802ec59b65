//! What must be known beside the bytes of a log to read it.

use jiff::tz::TimeZone;
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};
use unmasq_model::{Endpoint, LogTime};

/// What somebody said about a log; nothing of it is needed by every format.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    /// The zone of times that carry none.
    pub zone: Option<TimeZone>,
    /// The writer's own format string: nginx's `log_format`, HAProxy's `log-format` and their like.
    pub layout: Option<Arc<str>>,
    /// When a snapshot was taken.
    pub taken: Option<LogTime>,
    /// When the file was last written to: the year of times that carry none is that of this moment, or
    /// the one before if they would lie more than two days after it.
    pub written: Option<LogTime>,
    /// What the names in a balancer's log mean.
    pub names: Arc<Names>,
}

/// A balancer's listeners and servers by the names that its log has for them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names {
    /// The addresses that it listens on.
    pub addresses: Vec<IpAddr>,
    /// Its own address towards the servers.
    pub private_ip: Option<IpAddr>,
    /// What it listens on, in the order of the inventory.
    pub listeners: Vec<NamedListener>,
    /// Backend and server name → endpoint.
    pub servers: BTreeMap<(Arc<str>, Arc<str>), Endpoint>,
}

/// A listener as a log names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedListener {
    /// Its name, such as HAProxy's frontend.
    pub name: Option<Arc<str>>,
    /// Its port.
    pub port: u16,
    /// The format string of this listener alone.
    pub layout: Option<Arc<str>>,
}

/// A format string that cannot be used. The text says which part of it, and why.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
#[error("the format string cannot be used: {0}")]
pub struct BadLayout(pub String);
