//! What a firewall did to one flow: a packet of its opener as it came, and as it left.

use crate::{Event, EventKind, Fact, Record, Unreadable};
use std::{net::IpAddr, time::Duration};
use unmasq_model::{Endpoint, LogTime, Outside, Ports, Protocol, Role, Span, Translation};

/// The first packet of a flow on either side of a translator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flow {
    pub(crate) protocol: Protocol,
    /// As it came: who opened the flow, and whom they meant.
    pub(crate) came: Leg,
    /// As it left.
    pub(crate) left: Leg,
}

/// A packet's two endpoints on one side of a translator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Leg {
    pub(crate) src: Endpoint,
    pub(crate) dst: Endpoint,
}

impl Flow {
    /// What was translated: the opener's side, the other's, both, or nothing.
    ///
    /// A firewall also passes flows untouched; they name nobody that the packet did not.
    pub(crate) fn translations(self) -> impl Iterator<Item = Translation> {
        let Self { came, left, .. } = self;
        let protocol = Some(self.protocol);
        let client = (came.src != left.src).then(|| Translation {
            protocol,
            role: Role::Client,
            outside: left.src.into(),
            remote: Some(left.dst),
            inside: Some(came.src),
            inside_remote: Some(came.dst),
        });
        let server = (came.dst != left.dst).then(|| Translation {
            protocol,
            role: Role::Server,
            outside: came.dst.into(),
            remote: Some(came.src),
            inside: Some(left.dst),
            inside_remote: Some(left.src),
        });
        [client, server].into_iter().flatten()
    }

    /// Both ends of a flow that began at, or ended on, the translator itself.
    pub(crate) fn of_itself(self) -> impl Iterator<Item = Translation> {
        let itself = |role, outside: Endpoint, remote| Translation {
            protocol: Some(self.protocol),
            role,
            outside: outside.into(),
            remote: Some(remote),
            inside: None,
            inside_remote: None,
        };
        let Leg { src, dst } = self.came;
        [itself(Role::Client, src, dst), itself(Role::Server, dst, src)].into_iter()
    }
}

/// A block of ports that was given to one host, whatever the protocol and the peer.
///
/// # Errors
/// When its last port is before its first.
pub(crate) fn block(inside: IpAddr, outside: IpAddr, ports: (u16, u16)) -> Result<Translation, Unreadable> {
    if ports.1 < ports.0 {
        return Err(Unreadable::because("its block of ports ends before it begins"));
    }
    Ok(Translation {
        protocol: None,
        role: Role::Client,
        outside: Outside { ip: Some(outside), ports: Ports::Block(ports.0, ports.1) },
        remote: None,
        inside: Some(Endpoint::new(inside, None)),
        inside_remote: None,
    })
}

/// A port that was given to one host, towards whichever peer.
pub(crate) fn binding(protocol: Protocol, inside: Endpoint, outside: Endpoint) -> Translation {
    Translation {
        protocol: Some(protocol),
        role: Role::Client,
        outside: outside.into(),
        remote: None,
        inside: Some(inside),
        inside_remote: None,
    }
}

/// A record of a log whose gateway and realm the inventory knows.
pub(crate) fn record(translation: Translation, event: Event) -> Record {
    Record { gateway: None, inside_realm: None, translation, request: None, fact: Fact::Event(event) }
}

/// The end of a session, out of a line that also says how long it took.
///
/// `written`: when the line was. A firewall writes it when it frees the session, at most `lag` before.
/// Whether its count goes on while a silent session ages, nobody says: `aging` is how long that may take.
/// Counts in whole seconds are cut off, or rounded.
///
/// # Errors
/// When it would have begun before 1970.
pub(crate) fn ended(
    written: Span,
    elapsed: Duration,
    aging: Duration,
    lag: Duration,
) -> Result<Event, Unreadable> {
    let earliest = written.from().minus(elapsed).minus(aging).minus(lag).minus(COUNTED);
    let latest = written.to().minus(elapsed).plus(COUNTED).min(written.to());
    if LogTime::from_unix_us(earliest.as_unix_us()).is_none() {
        return Err(Unreadable::because("its session began before 1970"));
    }
    Ok(Event {
        started: Some(Span::between(earliest, latest)),
        stopped: Some(Span::between(written.from().minus(lag), written.to())),
        ..Event::new(EventKind::Destroy, written, lag)
    })
}

/// How far a duration in whole seconds may be from the truth.
const COUNTED: Duration = Duration::from_secs(1);
