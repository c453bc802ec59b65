//! What every reader ends in: an alert, or one that lacks something.

use super::{AlertFacts, AlertIdentity, Reading, UnusableAlert};
use crate::{Unreadable, field};
use std::{borrow::Cow, sync::Arc, time::Duration};
use unmasq_model::{AlertClass, Context, End, Endpoint, LogTime, PerEnd, Protocol, Realm, Span};

/// What a reader found, before it is known whether that is enough.
pub(super) struct Draft {
    pub(super) identity: AlertIdentity,
    pub(super) realm: Option<Realm>,
    pub(super) at: Result<Span, Unreadable>,
    pub(super) request_lag: Duration,
    pub(super) protocol: Result<Protocol, Unreadable>,
    pub(super) src: Result<Endpoint, Unreadable>,
    pub(super) dest: Result<Endpoint, Unreadable>,
    pub(super) opened_by: Option<End>,
    pub(super) flow_start: Option<LogTime>,
    pub(super) class: AlertClass,
    pub(super) context: Context,
}

impl Draft {
    /// The alert, if all is there; else what is there, and the first that is not.
    pub(super) fn finish(self) -> Reading {
        let Self { identity, realm, request_lag, opened_by, flow_start, class, context, .. } = self;
        match (self.at, self.src, self.dest, self.protocol) {
            (Ok(at), Ok(src), Ok(dest), Ok(protocol)) => {
                let protocol = field::in_family(protocol, src.ip);
                let ends = PerEnd { src, dest };
                Reading::Alert(Box::new(AlertFacts {
                    identity,
                    realm,
                    at,
                    request_lag,
                    protocol,
                    ends,
                    opened_by,
                    flow_start,
                    class,
                    context,
                }))
            }
            (at, src, dest, protocol) => {
                let faults =
                    [at.as_ref().err(), src.as_ref().err(), dest.as_ref().err(), protocol.as_ref().err()];
                let first = faults.into_iter().flatten().next();
                let why = first.cloned().unwrap_or(Unreadable::because("it says too little"));
                let ends = PerEnd { src: src.ok(), dest: dest.ok() };
                Reading::Unusable(Box::new(UnusableAlert { identity, at: at.ok(), ends, class, why }))
            }
        }
    }
}

/// An end out of its two texts. A port that the protocol does not have is not one; a protocol that
/// cannot be read does not take the port away.
pub(super) fn end(
    [ip_name, port_name]: [&str; 2],
    [ip, port]: [Option<Cow<'_, str>>; 2],
    protocol: &Result<Protocol, Unreadable>,
) -> Result<Endpoint, Unreadable> {
    let ip = field::address(ip_name, &field::required(ip_name, ip)?)?;
    let port = match (protocol, port) {
        (Ok(protocol), _) if !protocol.has_ports() => None,
        (_, None) => None,
        (_, Some(port)) => Some(field::port(port_name, &port)?),
    };
    Ok(Endpoint::new(ip, port))
}

/// A text that is kept.
pub(super) fn kept(text: Option<Cow<'_, str>>) -> Option<Arc<str>> {
    text.map(Arc::from)
}
