//! Alerts: what a detector said about a flow at a moment.

use crate::{End, Endpoint, LogTime, PerEnd, Protocol, Realm, Span};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc, time::Duration};

/// What identifies an alert for ever: the detector's own unique id, else a hash of what it said.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlertId(pub Arc<str>);

impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an alert is about; the switches of a gateway are per class.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertClass {
    /// An attack, or traffic that looks like one.
    #[default]
    Attack,
    /// Sensitive data that left.
    Sensitive,
    /// Both at once.
    Both,
}

/// What a trace needs of an alert. The alert's own bytes are kept beside it, never through it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Alert {
    /// Who it is.
    pub id: AlertId,
    /// The realm that the sensor listens in; both ends are meant in it.
    pub realm: Realm,
    /// When the packets that it is about passed, by the sensor's clock, with the detector's lag.
    pub at: Span,
    /// How long before `at` the request that it is about may have been sent: a rule on the reply fires
    /// after it.
    pub request_lag: Duration,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The two ends as the alert's own `src_*` and `dest_*` fields name them.
    pub ends: PerEnd<Endpoint>,
    /// Which end opened the flow, if the detector says.
    pub opened_by: Option<End>,
    /// When the detector saw the flow begin: context only, for one flow may span several sessions.
    pub flow_start: Option<LogTime>,
    /// What it is about.
    pub class: AlertClass,
    /// What it says about the request, for matching at balancers and for people.
    pub context: Context,
}

/// What an alert shows of the conversation.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Context {
    /// What the detector calls it, such as a signature's text.
    pub signature: Option<Arc<str>>,
    /// The HTTP request, if one is shown.
    pub http: Option<HttpContext>,
    /// The TLS server name.
    pub tls_sni: Option<Arc<str>>,
    /// The SSH client's software.
    pub ssh_client: Option<Arc<str>>,
}

/// One HTTP request as an alert shows it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HttpContext {
    /// The Host header.
    pub host: Option<Arc<str>>,
    /// The method.
    pub method: Option<Arc<str>>,
    /// The path with its query, as sent.
    pub url: Option<Arc<str>>,
    /// The User-Agent header.
    pub agent: Option<Arc<str>>,
    /// The status of the response.
    pub status: Option<u16>,
    /// The number of the request on its connection, from 0.
    pub position: Option<u64>,
}

impl HttpContext {
    /// Whether it says anything by which a request can be told from another.
    #[must_use]
    pub fn shows_a_request(&self) -> bool {
        self.host.is_some() || self.method.is_some() || self.url.is_some() || self.agent.is_some()
    }
}
