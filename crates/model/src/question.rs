//! The questions that a trace may ask.

use crate::{AssetId, Endpoint, GatewayIx, Protocol, Realm, Session, Socket, Span, Tenure};
use smallvec::SmallVec;
use std::net::IpAddr;

/// What must be known before an alert can be answered.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Question {
    /// Which sessions explain an outside endpoint?
    Sessions(SessionsQuestion),
    /// Which requests did a client's connection carry to a balancer?
    Requests(RequestsQuestion),
    /// Who held an inside address?
    Holders(HoldersQuestion),
    /// Which socket was it?
    Sockets(SocketsQuestion),
}

/// What is known in answer to a [`Question`], in the natural order of its rows, each once.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer<'k> {
    /// To [`Question::Sessions`].
    Sessions(Rows<'k, Session>),
    /// To [`Question::Requests`].
    Requests(Rows<'k, Session>),
    /// To [`Question::Holders`].
    Holders(Rows<'k, Tenure>),
    /// To [`Question::Sockets`].
    Sockets(Rows<'k, Socket>),
}

/// Rows that answer a question. Nearly always there is one, or none.
pub type Rows<'k, T> = SmallVec<[&'k T; 2]>;

/// Which sessions explain an outside endpoint during a span?
///
/// The answer holds every session that answers the endpoints and whose reach touches `during`; and
/// what bounds those more closely: for each that nobody saw begin, the session of its rivals in the
/// same log before it; for each that nobody saw end, the one after it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionsQuestion {
    /// Whose sessions; `None` asks for everybody's.
    pub gateway: Option<GatewayIx>,
    /// The transport protocol; `None` asks for every one.
    pub protocol: Option<Protocol>,
    /// Our endpoint as the gateway logs it; without an address, every address (an unknown alias).
    pub outside: (Option<IpAddr>, Option<u16>),
    /// The peer; `None` asks for every one.
    pub remote: Option<Endpoint>,
    /// When; already widened by every bound that may apply.
    pub during: Span,
}

/// What did a balancer carry for a client during a span?
///
/// The answer holds every session of the gateway that has a [`crate::Request`], answers the client and
/// whose reach touches `during`. One whose client is only claimed answers for every client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestsQuestion {
    /// The balancer.
    pub gateway: GatewayIx,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The client; without a port, every port of it; `None` asks for every client.
    pub client: Option<Endpoint>,
    /// When; already widened by every bound that may apply.
    pub during: Span,
}

/// Who held an inside address during a span?
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HoldersQuestion {
    /// The address space in which the address is meant.
    pub realm: Realm,
    /// The address.
    pub ip: IpAddr,
    /// When.
    pub during: Span,
}

/// Which socket of one host had this five-tuple during a span?
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SocketsQuestion {
    /// The host's instance.
    pub instance: AssetId,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The inside endpoint.
    pub local: Endpoint,
    /// The peer as the inside leg sees it; `None` if no record tells.
    pub remote: Option<Endpoint>,
    /// When.
    pub during: Span,
}
