//! NAT events (RFC 8158, Cisco NEL) and firewall events (Cisco ASA NSEL).

use super::{
    message::Header,
    row::Row,
    time,
    tuple::{IcmpPorts, Tuple},
};
use crate::{
    Event, EventKind, Fact, Record, Unreadable,
    format::conntrack::{DESTROY_LAG, EVENT_LAG},
};
use unmasq_model::{Endpoint, Outside, Ports, Role, Span, Translation};

const NO_TUPLE: Unreadable = Unreadable::because("a NAT event without an inside and an outside address");
const NO_BLOCK: Unreadable = Unreadable::because("a port block without its first and last port");
const INTERLEAVED: Unreadable = Unreadable::because("a port block that is interleaved with others");

/// What a natEvent is about.
enum About {
    Session,
    /// A binding: who is spoken to is open.
    Binding,
    Block,
}

/// What a natEvent (element 230) says; nothing if it is about no translation.
pub(super) fn nat(
    event: u64,
    row: &Row<'_>,
    header: &Header,
    out: &mut Vec<Record>,
) -> Result<(), Unreadable> {
    let (about, kind) = match event {
        1 | 4 | 6 => (About::Session, EventKind::New),
        2 | 5 | 7 => (About::Session, EventKind::Destroy),
        8 | 10 | 14 => (About::Binding, EventKind::New),
        9 | 11 | 15 => (About::Binding, EventKind::Destroy),
        16 => (About::Block, EventKind::New),
        17 => (About::Block, EventKind::Destroy),
        _ => return Ok(()),
    };
    let tuple = Tuple::read(row, IcmpPorts::QueryId).ok_or(NO_TUPLE)?;
    let translations = match about {
        About::Session => session(&tuple, row)?,
        About::Binding => [Some(binding(&tuple)?), None],
        About::Block => [Some(block(&tuple, row)?), None],
    };
    let edge = if kind == EventKind::New { time::started } else { time::ended };
    let at = time::observed(row)?.or_else(|| edge(row, header)).or_else(|| time::sent(header));
    let event = at_moment(kind, at.ok_or(time::NO_TIME)?, row);
    out.extend(translations.into_iter().flatten().map(|translation| record(translation, event.clone())));
    Ok(())
}

/// What a firewall event (233, once 40005) says; nothing if it made or ended no flow, or if that was
/// not translated.
pub(super) fn firewall(
    event: u64,
    row: &Row<'_>,
    header: &Header,
    out: &mut Vec<Record>,
) -> Result<(), Unreadable> {
    let kind = match event {
        1 => EventKind::New,
        2 => EventKind::Destroy,
        5 => EventKind::Update,
        _ => return Ok(()),
    };
    let Some(tuple) = Tuple::read(row, IcmpPorts::QueryId) else { return Ok(()) };
    let at = time::observed(row)?.or_else(|| time::sent(header)).ok_or(time::NO_TIME)?;
    let started = time::started(row, header);
    // The event that made a flow may be told later than it happened.
    let told = started.filter(|_| kind == EventKind::New).unwrap_or(at);
    let stopped = (kind == EventKind::Destroy).then_some(at);
    let event = Event { started, stopped, ..at_moment(kind, told, row) };
    out.extend(tuple.opened().into_iter().flatten().map(|translation| record(translation, event.clone())));
    Ok(())
}

/// An event of which only its moment is known.
fn at_moment(kind: EventKind, at: Span, row: &Row<'_>) -> Event {
    // How late an exporter looks is not documented: as late as the kernel, at most.
    let lag = if kind == EventKind::Destroy { DESTROY_LAG } else { EVENT_LAG };
    Event { entry: row.number(148), ..Event::new(kind, at, lag) }
}

fn record(translation: Translation, event: Event) -> Record {
    Record { gateway: None, inside_realm: None, translation, request: None, fact: Fact::Event(event) }
}

/// Both sides of one session.
fn session(tuple: &Tuple, row: &Row<'_>) -> Result<[Option<Translation>; 2], Unreadable> {
    let mut sides = tuple.opened();
    // natOriginatingAddressRealm: some exporters write our side as the source whoever opened it.
    if let ([Some(ours), None], Some(2)) = (&mut sides, row.number(229)) {
        ours.role = Role::Server;
    }
    if tuple.posts == 0 { Err(NO_TUPLE) } else { Ok(sides) }
}

/// Which outside address, and port if it is about one, stands for an inside one.
fn binding(tuple: &Tuple) -> Result<Translation, Unreadable> {
    let inside = Some(tuple.source);
    let bound = Translation { remote: None, inside_remote: None, inside, ..tuple.source_side(Role::Unknown) };
    if bound.outside == Outside::from(tuple.source) { Err(NO_TUPLE) } else { Ok(bound) }
}

/// Which ports of an outside address belong to an inside one: from portRangeStart (361) to portRangeEnd
/// (362), or as many as portRangeNumPorts (364) says.
fn block(tuple: &Tuple, row: &Row<'_>) -> Result<Translation, Unreadable> {
    let number = |element| row.number(element).and_then(|n| u16::try_from(n).ok());
    if number(363).is_some_and(|step| step > 1) {
        return Err(INTERLEAVED);
    }
    let first = number(361).ok_or(NO_BLOCK)?;
    let counted = || first.checked_add(number(364)?.checked_sub(1)?);
    let last = number(362).or_else(counted).filter(|&last| first <= last).ok_or(NO_BLOCK)?;
    let outside = Outside { ports: Ports::Block(first, last), ..tuple.post_source };
    if outside.ip == Some(tuple.source.ip) {
        return Err(NO_TUPLE);
    }
    Ok(Translation {
        protocol: tuple.protocol,
        role: Role::Unknown,
        outside,
        remote: None,
        inside: Some(Endpoint { port: None, ..tuple.source }),
        inside_remote: None,
    })
}
