//! The nouns of unmasq, and nothing else.
//!
//! Invariant: nothing here waits, reads, spawns, draws random numbers or asks what time it is.
//! Invariant: every type prints and compares in a stable order, so that equal knowledge gives equal bytes.
//!
//! Read in this order: [`LogTime`] and [`Span`] (when), [`Endpoint`] (where), [`Session`] and
//! [`Request`] (what a gateway did), [`Alert`] (what a detector said), [`Site`] (what the operator told us),
//! [`Question`] (what a trace must know), [`Trace`] (the answer).

mod alert;
mod arrival;
mod endpoint;
mod name;
mod port_plan;
mod protocol;
mod question;
mod reason;
mod request;
mod rivals;
mod session;
mod site;
mod socket;
mod switch;
mod time;
pub mod trace;

pub use alert::{Alert, AlertClass, AlertId, Context, HttpContext};
pub use arrival::Arrival;
pub use endpoint::{End, Endpoint, PerEnd, Role, is_public};
pub use name::{AccountId, AssetId, ContainerId, GatewayName, Realm, RegionId, SourceName};
pub use port_plan::{Ipv4Ranges, PortOrder, PortPlan};
pub use protocol::Protocol;
pub use question::{
    Answer, HoldersQuestion, Question, RequestsQuestion, Rows, SessionsQuestion, SocketsQuestion,
};
pub use reason::{Certainty, Reason, Status};
pub use request::{Layer, Request, Try};
pub use rivals::Rivals;
pub use session::{Evidence, Outside, Ports, Session, Translation};
pub use site::{
    Alias, ContainerFacts, Coverage, DnatRule, Gateway, GatewayIx, GatewayKind, Holder, Listener, Log, LogIx,
    Site, Tenure, Translator,
};
pub use socket::{Process, Socket};
pub use switch::{Switch, Switches};
pub use time::{EmptySpan, LogTime, NotATime, Span};
pub use trace::Trace;
