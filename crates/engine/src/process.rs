//! Whose socket it was.

use crate::{identity::Named, known::Inquiry, way::Way};
use unmasq_model::{
    Certainty, Process, Protocol, Socket, SocketsQuestion, Span,
    trace::{ProcessStatus, ProcessTrace},
};

/// Which process of the holder of `way`'s end had its socket. `None`: ask first.
pub(crate) fn identify(
    way: &Way,
    holder: &Named<'_>,
    protocol: Protocol,
    at: Span,
    inquiry: &Inquiry<'_, '_, '_>,
) -> Option<ProcessTrace> {
    if holder.holder().agent == Some(false) {
        return Some(unnamed(ProcessStatus::NoAgent));
    }
    let bound = inquiry.site().clock_bound;
    // A socket is matched with its session, not with the alert alone: a detector may speak after the
    // socket was closed, while the gateway still kept the session.
    let during = way.reach.hull(at).widened(bound);
    let question = SocketsQuestion {
        instance: holder.holder().instance.clone(),
        protocol,
        local: way.place.endpoint(),
        remote: way.remote,
        during,
    };
    let container = holder.holder().container.as_ref().map(|container| &container.id);
    let mut sockets = inquiry.sockets(question)?;
    sockets.retain(|socket| socket.container.is_none() || socket.container.as_ref() == container);
    let seen = at.widened(bound);
    if sockets.iter().any(|socket| socket.lived.touches(seen)) {
        sockets.retain(|socket| socket.lived.touches(seen));
    }
    let mut processes: Vec<&Process> = sockets.iter().map(|socket| &socket.process).collect();
    processes.sort_unstable();
    processes.dedup();
    Some(match processes.as_slice() {
        [] if holder.holder().agent.is_none() => unnamed(ProcessStatus::NoAgent),
        [] => unnamed(ProcessStatus::NoRecord),
        [process] => named(process, certainty(way, holder, &sockets, at, bound)),
        _ => unnamed(ProcessStatus::Ambiguous),
    })
}

fn certainty(
    way: &Way,
    holder: &Named<'_>,
    sockets: &[&Socket],
    at: Span,
    bound: std::time::Duration,
) -> Certainty {
    let lived = |socket: &&Socket| socket.lived.narrowed(bound).is_some_and(|lived| lived.contains(at));
    let own = if sockets.iter().any(lived) { Certainty::Certain } else { Certainty::Likely };
    own.min(way.certainty).min(holder.certainty)
}

fn unnamed(status: ProcessStatus) -> ProcessTrace {
    ProcessTrace {
        status,
        pid: None,
        name: None,
        command: None,
        parent: None,
        user: None,
        started: None,
        certainty: None,
    }
}

fn named(process: &Process, certainty: Certainty) -> ProcessTrace {
    ProcessTrace {
        status: ProcessStatus::Named,
        pid: Some(process.pid),
        name: process.name.clone(),
        command: process.command.clone(),
        parent: process.parent.clone(),
        user: process.user.clone(),
        started: process.started,
        certainty: Some(certainty),
    }
}
