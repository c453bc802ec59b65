//! When packets were possible in one life of a translation entry.

use super::Moment;
use crate::{Event, EventKind};
use std::time::Duration;
use unmasq_model::{LogTime, Protocol, Session, Span};

/// Durations in whole seconds: the truth may be almost this much longer, and, where both its ends
/// were cut off before they were subtracted, almost this much shorter.
const CUT_OFF: Duration = Duration::from_secs(1);

/// The session of one life: its moments, at least one, in order.
pub(super) fn session(moments: &[Moment]) -> Session {
    let (first, last) = (&moments[0], &moments[moments.len() - 1]);
    let life = Life::new(moments);
    let mut evidence = vec![first.evidence.clone(), last.evidence.clone()];
    evidence.sort_unstable();
    evidence.dedup();
    Session {
        gateway: first.entry.gateway,
        translation: first.entry.translation,
        request: None,
        inside_realm: first.entry.inside_realm.clone(),
        start: life.start,
        end: life.end(first.entry.translation.protocol),
        proven: life.proven().filter(|_| first.entry.has_one_holder()),
        evidence,
    }
}

/// When an entry began, as its `DESTROY` alone tells; `None` if it does not.
pub(super) fn stated_start(destroy: &Event) -> Option<Span> {
    if destroy.kind != EventKind::Destroy {
        return None;
    }
    believable(destroy).or_else(|| {
        let lasted = destroy.lasted?;
        let stated = destroy.at.minus(lasted);
        let latest = stated.plus(CUT_OFF).min(destroy.at);
        Some(Span::between(stated.minus(destroy.lag).minus(CUT_OFF), latest))
    })
}

/// When the kernel says that the entry began, unless that is after the line itself: then somebody
/// set the clock back in between, or lies.
fn believable(event: &Event) -> Option<Span> {
    event.started.filter(|started| started.from() <= event.at)
}

/// What the lines of one life say.
struct Life<'a> {
    moments: &'a [Moment],
    new: Option<&'a Event>,
    destroy: Option<&'a Event>,
    /// When the first packet passed.
    start: Span,
    /// When the last packet passed that a line shows; the truth is no earlier.
    seen: Span,
}

impl<'a> Life<'a> {
    fn new(moments: &'a [Moment]) -> Self {
        let of = |moment: &'a Moment, kind| (moment.event.kind == kind).then_some(&moment.event);
        let new = moments.first().and_then(|moment| of(moment, EventKind::New));
        let destroy = moments.last().and_then(|moment| of(moment, EventKind::Destroy));
        let start = start(moments, new, destroy);
        let signs = &moments[..moments.len() - usize::from(destroy.is_some())];
        // Without a sign of life, the one packet that is sure is the one that made the entry; no other
        // came before it.
        let seen = signs.last().map_or(start, |sign| happened(&sign.event));
        let seen = Span::between(seen.from().max(start.from()), seen.to().max(start.from()));
        Self { moments, new, destroy, start, seen }
    }

    /// When the last packet was possible.
    fn end(&self, protocol: Option<Protocol>) -> Span {
        let Some(released) = self.released() else {
            return Span::between(self.seen.from(), LogTime::FOREVER);
        };
        match self.quiet_before_release(protocol, released) {
            Some(quiet) => Span::between(
                self.seen.from().max(released.from().minus(quiet)),
                self.seen.to().max(released.to().minus(quiet)),
            ),
            None => Span::between(self.seen.from(), released.to()),
        }
    }

    /// When the entry was released, so that its outside port could be given to somebody else.
    fn released(&self) -> Option<Span> {
        let destroy = self.destroy?;
        let (lasted, stopped) = (destroy.lasted, destroy.stopped);
        // A bound that lies before a sign of life is not about this life, or its clock jumped.
        let latest = [stopped.map(Span::to), lasted.map(|lasted| self.start.to().plus(lasted).plus(CUT_OFF))];
        let plausible = |bound: &LogTime| *bound >= self.seen.from();
        let to = latest.into_iter().flatten().filter(plausible).fold(destroy.at, LogTime::min);
        let earliest =
            [stopped.map(Span::from), lasted.map(|lasted| self.start.from().plus(lasted).minus(CUT_OFF))];
        let from = earliest.into_iter().flatten().fold(self.seen.from(), LogTime::max);
        Some(Span::between(from.min(to), to))
    }

    /// How long no packet passed before the release, where that can be told.
    ///
    /// In TIME_WAIT and CLOSE a packet changes nothing, so no line tells of it; but it winds the
    /// timer up again. An entry that died of its timer was therefore silent for all of the time-out.
    /// One that was killed earlier (a new connection on the same tuple) tells nothing: its `DESTROY`
    /// still has time left, or comes before the time-out that the last line printed.
    fn quiet_before_release(&self, protocol: Option<Protocol>, released: Span) -> Option<Duration> {
        let destroy = self.destroy?;
        let last = self
            .moments
            .iter()
            .map(|m| &m.event)
            .rfind(|e| e.kind != EventKind::Destroy && e.state.is_some())?;
        let timeout = last.timeout?;
        let idle = protocol == Some(Protocol::TCP) && matches!(last.state, Some("TIME_WAIT" | "CLOSE"));
        let same_state = destroy.state.is_none() || destroy.state == last.state;
        let time_left = destroy.timeout.is_some_and(|left| !left.is_zero());
        // A coarse line may come later than it says: a kill just before the time-out would look like it.
        let open = if released.to() == destroy.at { last.lag } else { Duration::ZERO };
        let timed_out = released.to() >= self.seen.to().plus(timeout).plus(open);
        (idle && same_state && !time_left && timed_out).then_some(timeout)
    }

    /// Over which span nobody else can have held the tuple, whatever lines were lost.
    ///
    /// `NEW` and `DESTROY` may be of two lives joined, so only what holds for either reading is
    /// proven. Not even a `NEW` within the second that `started` means is sure to be this life's:
    /// resets and full tables free a tuple at once, and the same id can be back within the second.
    fn proven(&self) -> Option<Span> {
        let destroy = self.destroy?;
        match (believable(destroy), destroy.stopped, destroy.lasted, self.new) {
            (Some(started), stopped, lasted, _) => {
                let lived = lasted.map(|lasted| started.to().plus(lasted).minus(CUT_OFF));
                Span::new(started.to(), stopped.map(Span::from).or(lived)?.min(destroy.at)).ok()
            }
            (None, _, Some(lasted), Some(new)) => Span::new(
                destroy.at.minus(lasted).plus(CUT_OFF),
                new.at.minus(new.lag).plus(lasted).minus(CUT_OFF),
            )
            .ok(),
            _ => None,
        }
    }
}

/// When the first packet passed.
fn start(moments: &[Moment], new: Option<&Event>, destroy: Option<&Event>) -> Span {
    if let Some(new) = new {
        return first_packet(new, destroy);
    }
    // Whatever line came first, the entry was there by then.
    let by = moments.first().map_or(LogTime::FOREVER, |first| first.event.at);
    let started = moments.iter().rev().find_map(|moment| believable(&moment.event));
    match started.or_else(|| destroy.and_then(stated_start)) {
        Some(stated) => Span::between(stated.from().min(by), stated.to().min(by)),
        None => Span::between(LogTime::BEGINNING, by),
    }
}

/// When the packet passed that made an entry of which the first line tells; bounded by what its
/// `DESTROY` says, if that is finer and agrees.
fn first_packet(new: &Event, destroy: Option<&Event>) -> Span {
    let told = happened(new);
    let length = |span: Span| span.to().as_unix_us().saturating_sub(span.from().as_unix_us());
    let finer = destroy.and_then(believable).filter(|started| length(*started) < length(told));
    finer.and_then(|started| started.intersection(told)).unwrap_or(told)
}

/// When the packet passed of which this line tells.
fn happened(sign: &Event) -> Span {
    Span::between(sign.at.minus(sign.lag), sign.at)
}
