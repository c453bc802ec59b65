//! What a service answers over HTTP: whether it lives, what it counts, and the API.
//!
//! One thread with a runtime of its own ([`serve`]); nothing else of a service knows that it is there. What is read
//! from disk is read on other threads, a few at a time.
//!
//! Invariant: nothing here writes anything: what is to be done, the service is asked to do. Nothing a client sends or leaves
//! unsent holds the service up.
//! Invariant: `routes.rs` is the only place that says which paths there are.

mod access;
mod asked;
mod document;
mod metrics;
mod patient;
mod problem;
mod reading;
mod routes;
mod schemas;
mod scope;
mod sent;
mod server;
mod v1;

pub use access::{Role, Token};
pub use document::document;
pub use server::{check, listen, serve};

use rustls::ServerConfig;
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use unmasq_node::serve::{Control, Counters};

/// What is served.
#[derive(Clone, Debug)]
pub struct State {
    /// The folder that the service keeps everything in.
    pub data: PathBuf,
    /// What the service counts.
    pub counters: Arc<Counters>,
    /// What the service shows of itself, and what it is asked to do.
    pub control: Arc<Control>,
    /// Who may ask; without any, only this machine may.
    pub tokens: Vec<Token>,
    /// What is shown to those who connect, if that is to be by TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// Which version it is.
    pub version: &'static str,
}

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: another address is set by `listen` under [http]")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Others could ask, and nobody would know who they are.
    #[error(
        "`listen = \"{address}\"` under [http] without a token would let everybody who reaches it read everything: add \
         one (`unmasq config token`), or listen on 127.0.0.1"
    )]
    Unguarded {
        /// Where.
        address: SocketAddr,
    },
    /// The runtime could not be started, or the listener not be used with it.
    #[error("cannot serve HTTP")]
    Start(#[source] std::io::Error),
}
