//! Who was behind an endpoint: the question of an abuse mail, which may lack the port, the peer or
//! the exact time.
//!
//! Every translation that fits is traced like an alert of its own, by the same function; the answers
//! are then counted by who they name. Where nothing fits, the endpoint itself is traced, so that the
//! reason is the engine's too.

mod coverage;
mod fit;
mod narrow;
mod row;
mod search;
mod sessions;
mod when;

pub use search::lookup;
pub use sessions::{Line, Moments, SessionRow, SessionsAnswer, sessions};
pub use when::{WhenError, when};

use serde::Serialize;
use std::net::SocketAddr;
use unmasq_model::{
    Certainty, Endpoint, GatewayName, LogTime, Protocol, Realm, Reason, Span,
    trace::{Asset, Container, Place, ProcessTrace},
};

/// What is asked; whatever is `None` is not known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lookup {
    /// The endpoint as the world sees it, with its port if that is known.
    pub outside: Endpoint,
    /// The peer, with its port if that is known.
    pub remote: Option<Endpoint>,
    /// The transport protocol.
    pub protocol: Option<Protocol>,
    /// When.
    pub during: Span,
    /// The address space in which the endpoint is meant; the sensor's if not said.
    pub realm: Option<Realm>,
}

/// An endpoint as people write it: `203.0.113.7`, `203.0.113.7:40112` or `[2001:db8::7]:40112`.
///
/// # Errors
/// When it is none; it says how one looks.
pub fn endpoint(text: &str) -> Result<Endpoint, String> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Ok(Endpoint::new(socket.ip(), Some(socket.port())));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse()
        .map(|ip| Endpoint::new(ip, None))
        .map_err(|_| "an endpoint looks like 203.0.113.7, 203.0.113.7:40112 or [2001:db8::7]:40112".into())
}

/// Who was there.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LookupAnswer {
    /// The endpoint that was asked for.
    pub outside: Place,
    /// From when.
    pub from: LogTime,
    /// Until when.
    pub to: LogTime,
    /// Who held it, the one with the most sessions first.
    pub holders: Vec<HolderRow>,
    /// Whether nothing that may still arrive is expected to change this.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Why nobody is named, if nobody is.
    pub reason: Option<Reason>,
    /// The gateways that may have translated the endpoint then, and how far their logs tell.
    pub gateways: Vec<GatewayRow>,
    /// What else would help, the most useful first; empty if one holder is named.
    pub would_narrow: Vec<Narrowing>,
    /// How many more fitted than a trace lists: more have held the endpoint than `holders` says.
    pub unlisted: usize,
}

/// One who held the endpoint.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct HolderRow {
    /// The inside address; with a port if there was just one.
    pub inside: Place,
    /// Who held it.
    pub asset: Option<Asset>,
    /// The container, if one was reached.
    pub container: Option<Container>,
    /// The process, if there was one session and its socket is known.
    pub process: Option<ProcessTrace>,
    /// As sure as the least sure of the sessions that name it; `None` if none names it alone.
    pub certainty: Option<Certainty>,
    /// How many translations of it fit: the sum of the three that follow.
    pub sessions: u64,
    /// Those that name it alone.
    pub traced: u64,
    /// Those that name it alone, but as a masking address: it may be something behind it.
    pub partial: u64,
    /// Those of which it is one of several that remain.
    pub ambiguous: u64,
    /// When the first of them began.
    pub first: LogTime,
    /// When the last of them ended; `null` if nobody saw it end.
    pub last: LogTime,
    /// The gateways crossed, from the outside to the inside.
    pub via: Vec<GatewayName>,
}

/// A gateway that may have translated the endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct GatewayRow {
    /// Its name.
    pub gateway: GatewayName,
    /// Whether a log of it could be read.
    pub connected: bool,
    /// The stretches of the asked time that no log of it covers, or of which records may still come.
    pub gaps: Vec<Gap>,
}

/// A stretch of time that no log covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Gap {
    /// Its start.
    pub from: LogTime,
    /// Its end.
    pub to: LogTime,
}

/// What one more fact would leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Narrowing {
    /// The fact.
    pub fact: Fact,
    /// How many holders would remain at worst, whatever the fact's value.
    pub holders_at_most: usize,
}

/// A fact that an asker may find out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// The outside port.
    Port,
    /// The peer's address and port.
    Remote,
    /// The time, to the second.
    Time,
    /// The transport protocol.
    Protocol,
}
