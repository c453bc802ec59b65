//! When a request or connection began and ended, out of whichever dates and timers a line has.

use super::{layout::Item, values::Values};
use crate::{
    Hints, Unreadable,
    access::{self, ASSUMED_LONGEST, ROUND},
    field::{self, UnixUnit, fault},
    syslog::Written,
};
use std::time::Duration;
use unmasq_model::{Layer, LogTime, Span};

/// How long before a connection was accepted its first packet may have come: the handshake, and one
/// packet of it that was lost.
const HANDSHAKE: Duration = Duration::from_secs(1);

/// Timers are cut to the millisecond.
const MILLISECOND: Duration = Duration::from_millis(1);

/// How long after the end a header may be written.
const WRITING: Duration = Duration::from_secs(1);

/// The two edges of what one line is about.
pub(super) struct Edges {
    pub(super) start: Span,
    pub(super) end: Span,
}

/// A timer; with a plus (`option logasap`) it was still running when the line was written.
struct Timer {
    lasted: Duration,
    running: bool,
}

/// The edges of what one line tells; `written` is the time of its syslog header.
pub(super) fn edges(
    values: &Values<'_>,
    layer: Layer,
    written: Option<Written<'_>>,
    hints: &Hints,
) -> Result<Edges, Unreadable> {
    let accepted = accepted(values, hints)?;
    let requested = match values.get(Item::RequestDate)? {
        Some(text) => Some(access::clf_time("%tr", text, hints.zone.as_ref())?),
        None => first_byte(values, accepted)?,
    };
    let Some(known) = requested.or(accepted) else { return unbegun(values, written, hints) };
    let totals = [(accepted, timer(values, Item::Total)?), (requested, timer(values, Item::Active)?)];
    let ends = totals
        .iter()
        .filter_map(|(from, timer)| Some((later((*from)?, timer.as_ref()?.lasted), timer.as_ref()?)));
    let end = match ends.min_by_key(|(_, timer)| timer.running) {
        Some((end, Timer { running: false, .. })) => end.widened(ROUND),
        Some((end, _)) => Span::between(end.from().minus(ROUND), LogTime::FOREVER),
        None => {
            let written = written.and_then(|written| header(written, known, hints)).map(Span::to);
            let last = written.filter(|at| known.from() <= *at).unwrap_or(LogTime::FOREVER);
            Span::between(known.from(), last)
        }
    };
    let start = match (layer, requested) {
        (Layer::Connection, _) => {
            let first = accepted.unwrap_or(known);
            Span::between(first.from().minus(HANDSHAKE), first.to().plus(ROUND))
        }
        (Layer::Request, Some(at)) => at.widened(ROUND),
        // On a connection kept alive, a request is accepted when the answer before it ends.
        (Layer::Request, None) => Span::between(known.from().minus(ROUND), end.to()),
    };
    Ok(Edges { start, end })
}

/// The edges of a line without a date of its own: it is written at the end.
fn unbegun(values: &Values<'_>, written: Option<Written<'_>>, hints: &Hints) -> Result<Edges, Unreadable> {
    let written = written.ok_or(Unreadable::because("nothing in it tells when it was"))?.span(hints)?;
    let end = Span::between(written.from().minus(WRITING), written.to());
    let timer = timer(values, Item::Total)?.or(timer(values, Item::Active)?);
    let start = match timer.filter(|timer| !timer.running) {
        Some(Timer { lasted, .. }) => {
            Span::between(end.from().minus(lasted).minus(MILLISECOND), end.to().minus(lasted)).widened(ROUND)
        }
        None => Span::between(end.from().minus(ASSUMED_LONGEST), end.to()),
    };
    Ok(Edges { start, end })
}

/// When the connection was accepted.
fn accepted(values: &Values<'_>, hints: &Hints) -> Result<Option<Span>, Unreadable> {
    if let Some(text) = values.get(Item::AcceptDate)? {
        return access::clf_time("%t", text, hints.zone.as_ref()).map(Some);
    }
    let Some(seconds) = values.get(Item::AcceptSeconds)? else { return Ok(None) };
    let text = match values.get(Item::AcceptMillis)?.and_then(field::number::<u16>).filter(|ms| *ms < 1_000) {
        Some(millis) => format!("{seconds}.{millis:03}"),
        None => seconds.to_owned(),
    };
    field::unix_time(&text, UnixUnit::Seconds).map(Some).ok_or_else(|| fault("%Ts", "is not a time"))
}

/// When the request's first byte came, by how long handshake and idling took.
fn first_byte(values: &Values<'_>, accepted: Option<Span>) -> Result<Option<Span>, Unreadable> {
    let timers = (accepted, timer(values, Item::Handshake)?, timer(values, Item::Idle)?);
    let (Some(accepted), Some(handshake), Some(idle)) = timers else { return Ok(None) };
    Ok(Some(later(later(accepted, handshake.lasted), idle.lasted)))
}

fn timer(values: &Values<'_>, item: Item) -> Result<Option<Timer>, Unreadable> {
    // Minus one: this was never reached.
    let Some(text) = values.get(item)?.filter(|text| !text.starts_with('-')) else { return Ok(None) };
    let digits = text.strip_prefix('+').unwrap_or(text);
    let lasted =
        access::duration(digits, UnixUnit::Milliseconds).ok_or_else(|| fault("a timer", "is no number"))?;
    Ok(Some(Timer { lasted, running: text.starts_with('+') }))
}

/// `at` and a timer, which is cut to the millisecond, after it.
fn later(at: Span, lasted: Duration) -> Span {
    Span::between(at.from().plus(lasted), at.to().plus(lasted).plus(MILLISECOND))
}

/// When a header says that the line was written. It carries no year: the line's own date does.
fn header(written: Written<'_>, known: Span, hints: &Hints) -> Option<Span> {
    let hints =
        Hints { zone: hints.zone.clone(), written: Some(known.to().plus(WRITING)), ..Hints::default() };
    written.span(&hints).ok()
}
