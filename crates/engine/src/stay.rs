//! Sessions on the sensor's clock: what one inside endpoint's hold of a translation looked like.
//!
//! Records become stays in three steps: beginnings and ends that nobody saw are bounded by the
//! holders before and after; edges are widened by the exporter's clock bound; and capture windows of
//! one session are joined. What several logs tell of one session stands side by side: to guess which
//! record of one is which of the other could leave out the right one.

use crate::SiteMap;
use foldhash::fast::FixedState;
use smallvec::SmallVec;
use std::{collections::HashMap, time::Duration};
use unmasq_model::{LogIx, LogTime, Realm, Rivals, Session, Span, Translation};

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
    /// The latest end that its records tell, by the exporter's own clock.
    told_until: LogTime,
    /// The records that show it.
    pub(crate) records: SmallVec<[&'k Session; 1]>,
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

    /// Whether another inside endpoint held the same tuple.
    fn contends(&self, other: &Self) -> bool {
        match (self.records.first(), other.records.first()) {
            (Some(a), Some(b)) => a.same_tuple(b) && a.translation.inside != b.translation.inside,
            _ => false,
        }
    }
}

/// The stays that the sessions of one gateway show, in order of their start.
pub(crate) fn stays<'k>(site: &SiteMap, sessions: &[&'k Session]) -> Vec<Stay<'k>> {
    // Only what nobody saw begin or end is bounded by others.
    let half_told = |s: &&Session| s.start.from() == LogTime::BEGINNING || s.end.to() == LogTime::FOREVER;
    let rivals = sessions.iter().any(half_told).then(|| Rivals::of(sessions.iter().copied()));
    let stay = |session: &&'k Session| {
        let bounded = rivals.as_ref().map(|rivals| (start(session, rivals), end(session, rivals)));
        let (start, end) = bounded.unwrap_or((session.start, session.end));
        stay(site, session, start, end)
    };
    let mut stays: Vec<Stay<'k>> = sessions.iter().map(stay).collect();
    if stays.len() < 2 {
        return stays;
    }
    stays.sort_by(|a, b| (a.start, a.end, &a.records).cmp(&(b.start, b.end, &b.records)));
    join_windows(site, &stays)
}

fn stay<'k>(site: &SiteMap, session: &'k Session, start: Span, end: Span) -> Stay<'k> {
    let bound = session.log().map_or(site.clock_bound, |log| site.log(log).clock_bound);
    Stay {
        start: start.widened(bound),
        end: end.widened(bound),
        proven: session.proven.and_then(|proven| proven.narrowed(bound)),
        gaps: Vec::new(),
        told_until: session.end.to(),
        records: SmallVec::from_buf([session]),
    }
}

/// When it began; where nobody saw it, not before the holder before it was last there.
fn start(session: &Session, rivals: &Rivals<'_>) -> Span {
    let bound = rivals.before(session).map_or(session.start.from(), |before| before.end.from());
    Span::between(bound, session.start.to())
}

/// When its last packet was possible; where nobody saw it end, not after the next holder began.
fn end(session: &Session, rivals: &Rivals<'_>) -> Span {
    match rivals.after(session) {
        Some(next) => Span::between(session.end.from(), next.start.to().max(session.end.from())),
        None => session.end,
    }
}

/// Joins records of one session that a log writes in several windows.
fn join_windows<'k>(site: &SiteMap, stays: &[Stay<'k>]) -> Vec<Stay<'k>> {
    let mut joined: Vec<Stay<'k>> = Vec::with_capacity(stays.len());
    let mut latest: HashMap<(Option<LogIx>, Translation, Option<&Realm>), usize, FixedState> =
        HashMap::default();
    for stay in stays {
        let record = stay.records[0];
        let idle = record.log().and_then(|log| site.log(log).idle_timeout);
        let session = (record.log(), record.translation, record.inside_realm.as_ref());
        let place = latest.entry(session).or_insert(joined.len());
        match (idle, joined.get_mut(*place)) {
            (Some(idle), Some(earlier)) if goes_on(earlier, stay, idle, stays) => append(earlier, stay),
            _ => {
                *place = joined.len();
                joined.push(stay.clone());
            }
        }
    }
    joined
}

/// Whether `stay` is `earlier` going on: they follow each other closely, or with a silence shorter
/// than the gateway's idle time-out in which nobody else stood. All by the exporter's own clock.
fn goes_on<'k>(earlier: &Stay<'_>, stay: &Stay<'k>, idle: Duration, all: &[Stay<'k>]) -> bool {
    let Some(silence) = silence(earlier, stay) else { return true };
    let alone = || {
        let contenders = all.iter().filter(|other| other.contends(stay)).flat_map(|other| &other.records);
        !contenders.into_iter().any(|record| record.reach().touches(silence))
    };
    silence.from().plus(TOUCHING) >= silence.to() || (silence.from().plus(idle) >= silence.to() && alone())
}

/// The time between the last record of `earlier` and the first of `stay`, if there is any.
fn silence(earlier: &Stay<'_>, stay: &Stay<'_>) -> Option<Span> {
    let first = stay.records.first()?.start.from();
    Span::new(earlier.told_until, first).ok()
}

fn append<'k>(earlier: &mut Stay<'k>, stay: &Stay<'k>) {
    if silence(earlier, stay).is_some_and(|silence| silence.from().plus(TOUCHING) < silence.to()) {
        earlier.gaps.extend(Span::new(earlier.end.to(), stay.start.from()));
    }
    earlier.end = Span::between(earlier.end.from().max(stay.end.from()), earlier.end.to().max(stay.end.to()));
    earlier.told_until = earlier.told_until.max(stay.told_until);
    earlier.records.extend(stay.records.iter().copied());
}
