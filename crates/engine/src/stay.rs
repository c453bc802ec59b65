//! Sessions on the sensor's clock: what one inside endpoint's hold of a translation looked like.
//!
//! Records become stays in four steps: ends that nobody saw are bounded by the next holder; edges
//! are widened by the exporter's clock bound; records of one session in several logs narrow each
//! other down; and capture windows of one session are joined.

use std::time::Duration;
use unmasq_model::{LogTime, Session, Site, Span};

/// One hold of a translation by one inside endpoint, by the sensor's clock.
#[derive(Clone, Debug)]
pub(crate) struct Stay<'k> {
    /// When it began.
    pub(crate) start: Span,
    /// When its last packet was possible.
    pub(crate) end: Span,
    /// Where a record by itself excludes every other holder.
    pub(crate) proven: Option<Span>,
    /// Silent stretches between joined records: it may not have held there at all.
    pub(crate) gaps: Vec<Span>,
    /// The records that show it.
    pub(crate) records: Vec<&'k Session>,
}

/// Capture windows that follow each other this closely leave no gap: whole seconds, cut off.
const TOUCHING: Duration = Duration::from_secs(1);

impl Stay<'_> {
    /// From the earliest to the latest moment that one of its packets could have passed.
    pub(crate) fn reach(&self) -> Span {
        Span::between(self.start.from(), self.end.to())
    }

    /// Whether one of its packets could have passed during `at`.
    pub(crate) fn touches(&self, at: Span) -> bool {
        self.reach().touches(at)
    }

    /// Whether `at` lies in a silent stretch, so that only its neighbours speak for it.
    pub(crate) fn is_gap(&self, at: Span) -> bool {
        self.gaps.iter().any(|gap| gap.touches(at))
    }

    /// Whether this hold by itself excludes every other holder during `at`.
    pub(crate) fn proves(&self, at: Span) -> bool {
        self.proven.is_some_and(|proven| proven.contains(at))
    }

    fn same_translation(&self, other: &Self) -> bool {
        let key =
            |stay: &Self| stay.records.first().map(|s| (s.gateway, s.translation, s.inside_realm.clone()));
        key(self) == key(other)
    }

    /// Whether another inside endpoint held the same tuple.
    fn contends(&self, other: &Self) -> bool {
        match (self.records.first(), other.records.first()) {
            (Some(a), Some(b)) => a.same_tuple(b) && a.translation.inside != b.translation.inside,
            _ => false,
        }
    }
}

/// The stays that the sessions of one gateway show, in order of their start.
pub(crate) fn stays<'k>(site: &Site, sessions: &[&'k Session]) -> Vec<Stay<'k>> {
    let mut stays: Vec<Stay<'k>> = sessions.iter().map(|session| stay(site, session, sessions)).collect();
    stays.sort_by(|a, b| (a.start, a.end, &a.records).cmp(&(b.start, b.end, &b.records)));
    join_windows(site, &fuse_logs(stays))
}

fn stay<'k>(site: &Site, session: &'k Session, all: &[&Session]) -> Stay<'k> {
    let bound = session.log().map_or(site.clock_bound, |log| site.log(log).clock_bound);
    let end = match next_holder(session, all) {
        Some(next) if session.end.to() == LogTime::FOREVER => {
            let latest = next.start.to().max(session.end.from());
            Span::between(session.end.from(), latest)
        }
        _ => session.end,
    };
    Stay {
        start: session.start.widened(bound),
        end: end.widened(bound),
        proven: session.proven.and_then(|proven| proven.narrowed(bound)),
        gaps: Vec::new(),
        records: vec![session],
    }
}

/// The next session of the same translated tuple in the same log, so by the same clock: a NAT gives
/// a tuple to one holder at a time.
fn next_holder<'k>(session: &Session, all: &[&'k Session]) -> Option<&'k Session> {
    all.iter()
        .copied()
        .filter(|other| other.rivals(session) && other.log() == session.log())
        .filter(|other| other.start.from() > session.start.from())
        .min_by_key(|other| other.start)
}

/// Makes one stay of those that several logs of a gateway tell of one session: each log's edges
/// narrow the others'. Only where exactly one partner fits; else both stand, which excludes nobody.
fn fuse_logs(stays: Vec<Stay<'_>>) -> Vec<Stay<'_>> {
    let mut fused: Vec<Stay<'_>> = Vec::with_capacity(stays.len());
    for stay in stays {
        let fits = |other: &&mut Stay<'_>| {
            let logs_differ = other.records.iter().all(|record| record.log() != stay.records[0].log());
            logs_differ && other.same_translation(&stay) && edges_agree(other, &stay)
        };
        let mut partners: Vec<&mut Stay<'_>> = fused.iter_mut().filter(fits).collect();
        match partners.as_mut_slice() {
            [partner] => narrow(partner, stay),
            _ => fused.push(stay),
        }
    }
    fused
}

fn edges_agree(a: &Stay<'_>, b: &Stay<'_>) -> bool {
    a.start.touches(b.start) && a.end.touches(b.end)
}

fn narrow<'k>(into: &mut Stay<'k>, other: Stay<'k>) {
    into.start = into.start.intersection(other.start).unwrap_or(into.start);
    into.end = into.end.intersection(other.end).unwrap_or(into.end);
    into.proven = match (into.proven, other.proven) {
        (Some(a), Some(b)) if a.touches(b) => Some(a.hull(b)),
        (a, b) => a.or(b),
    };
    into.records.extend(other.records);
}

/// Joins records of one session that a log writes in several windows: those that follow closely,
/// and those with a silence shorter than the gateway's idle time-out in which nobody else stood.
fn join_windows<'k>(site: &Site, stays: &[Stay<'k>]) -> Vec<Stay<'k>> {
    let mut joined: Vec<Stay<'k>> = Vec::with_capacity(stays.len());
    for (place, stay) in stays.iter().enumerate() {
        let idle = stay.records[0].log().and_then(|log| site.log(log).idle_timeout);
        let previous = joined.iter_mut().rev().find(|earlier| earlier.same_translation(stay));
        match (idle, previous) {
            (Some(idle), Some(earlier)) if earlier.end.to().plus(idle.max(TOUCHING)) >= stay.start.from() => {
                let silence = Span::new(earlier.end.to(), stay.start.from()).ok();
                let close = earlier.end.to().plus(TOUCHING) >= stay.start.from();
                let others = stays.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, other)| other);
                match silence {
                    Some(gap) if !close => {
                        if others.into_iter().any(|other| other.contends(stay) && other.touches(gap)) {
                            joined.push(stay.clone());
                            continue;
                        }
                        earlier.gaps.push(gap);
                    }
                    _ => {}
                }
                earlier.end = Span::between(
                    earlier.end.from().max(stay.end.from()),
                    earlier.end.to().max(stay.end.to()),
                );
                earlier.records.extend(stay.records.iter().copied());
            }
            _ => joined.push(stay.clone()),
        }
    }
    joined
}
