//! Requests: what a balancer's log tells about what it carried.

use crate::Endpoint;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What one record of a balancer's log says about the request or connection that it carried.
///
/// Texts are as the client sent them: escapes of the log's own have been undone by its decoder. What a
/// log leaves out is `None` and excludes nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Request {
    /// What the record is about.
    pub layer: Layer,
    /// Whether the client's address comes from a header: the client's own words, never a key.
    pub client_claimed: bool,
    /// The Host header or authority, with its port if it had one.
    pub host: Option<Arc<str>>,
    /// The method.
    pub method: Option<Arc<str>>,
    /// The path with its query.
    pub path: Option<Arc<str>>,
    /// The User-Agent header.
    pub agent: Option<Arc<str>>,
    /// The status that the client got; `None` also where it left before there was one.
    pub status: Option<u16>,
    /// Bytes of body that the client got.
    pub body_bytes: Option<u64>,
    /// The number of the request on its connection, from 0, where the log itself counts.
    pub position: Option<u64>,
    /// The balancer's own number for the client's connection; unique while the balancer runs.
    pub connection: Option<u64>,
    /// The backends that were tried, in order of time; none if the balancer answered itself.
    pub tries: Vec<Try>,
}

impl Request {
    /// A request of which nothing is known but the layer.
    #[must_use]
    pub const fn new(layer: Layer) -> Self {
        Self {
            layer,
            client_claimed: false,
            host: None,
            method: None,
            path: None,
            agent: None,
            status: None,
            body_bytes: None,
            position: None,
            connection: None,
            tries: Vec::new(),
        }
    }
}

/// What a balancer's record is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// One HTTP request, of perhaps several on its connection.
    Request,
    /// A whole connection, carried without looking inside.
    Connection,
}

/// One backend that a request was sent to, or at least meant for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Try {
    /// Its endpoint; `None` where the log names it otherwise, or only counts the try.
    pub backend: Option<Endpoint>,
    /// The log's own name for it, such as `be_web/s2`.
    pub server: Option<Arc<str>>,
    /// The balancer's own endpoint towards it.
    pub from: Option<Endpoint>,
    /// What it answered.
    pub status: Option<u16>,
    /// What became of it, in the log's own words.
    pub outcome: Option<Arc<str>>,
}
