//! Sessions on the sensor's clock: what one inside endpoint's hold of a translation looked like.
//!
//! Records become stays in four steps: ends that nobody saw are bounded by the next holder; edges
//! are widened by the exporter's clock bound; records of one session in several logs narrow each
//! other down; and capture windows of one session are joined.

use std::time::Duration;
use unmasq_model::{LogIx, LogTime, Session, Site, Span};

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

    /// The log of its first record.
    fn log(&self) -> Option<LogIx> {
        self.records.first().and_then(|record| record.log())
    }

    /// Whether another log's `other` may be the same session: only whole sessions whose beginning
    /// somebody saw can be told. A window's start is not that of its session, and one that was only
    /// heard of may be a later use.
    fn may_be(&self, other: &Self, site: &Site) -> bool {
        let told = |stay: &Self| {
            let whole = stay.log().is_some_and(|log| site.log(log).idle_timeout.is_none());
            whole && stay.start.from() != LogTime::BEGINNING
        };
        let edges_agree = self.start.touches(other.start) && self.end.touches(other.end);
        self.log() != other.log() && told(self) && told(other) && self.same_translation(other) && edges_agree
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

/// Whether what several logs tell of one session is put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Logs {
    /// They narrow each other down: the best guess of what was.
    Together,
    /// Each stands for itself: nothing is left out by putting the wrong two together.
    Apart,
}

/// The stays that the sessions of one gateway show, in order of their start.
pub(crate) fn stays<'k>(site: &Site, sessions: &[&'k Session], logs: Logs) -> Vec<Stay<'k>> {
    let mut stays: Vec<Stay<'k>> = sessions.iter().map(|session| stay(site, session, sessions)).collect();
    stays.sort_by(|a, b| (a.start, a.end, &a.records).cmp(&(b.start, b.end, &b.records)));
    let stays = if logs == Logs::Together { fuse_logs(site, &stays) } else { stays };
    join_windows(site, &stays)
}

fn stay<'k>(site: &Site, session: &'k Session, all: &[&Session]) -> Stay<'k> {
    let bound = session.log().map_or(site.clock_bound, |log| site.log(log).clock_bound);
    let (start, end) = (start(session, all), end(session, all));
    Stay {
        start: start.widened(bound),
        end: end.widened(bound),
        proven: session.proven.and_then(|proven| proven.narrowed(bound)),
        gaps: Vec::new(),
        records: vec![session],
    }
}

/// Its rivals in the same log, so by the same clock: a NAT gives a tuple to one holder at a time.
fn rivals<'k>(session: &'k Session, all: &[&'k Session]) -> impl Iterator<Item = &'k Session> {
    all.iter().copied().filter(|other| other.rivals(session) && other.log() == session.log())
}

/// When it began; where nobody saw it, not before the holder before it was last there.
fn start(session: &Session, all: &[&Session]) -> Span {
    if session.start.from() != LogTime::BEGINNING {
        return session.start;
    }
    let before =
        rivals(session, all).map(|other| other.end.from()).filter(|there| *there < session.start.to());
    Span::between(before.max().unwrap_or(LogTime::BEGINNING), session.start.to())
}

/// When its last packet was possible; where nobody saw it end, not after the next holder began.
fn end(session: &Session, all: &[&Session]) -> Span {
    if session.end.to() != LogTime::FOREVER {
        return session.end;
    }
    let after = rivals(session, all).filter(|other| other.start.from() > session.start.from());
    match after.min_by_key(|other| other.start) {
        Some(next) => Span::between(session.end.from(), next.start.to().max(session.end.from())),
        None => session.end,
    }
}

/// Makes one stay of those that several logs of a gateway tell of one session: each log's edges
/// narrow the others'. Only where two are each other's only match; else both stand, which excludes
/// nobody.
fn fuse_logs<'k>(site: &Site, stays: &[Stay<'k>]) -> Vec<Stay<'k>> {
    let matches = |one: &Stay<'k>, other: &Stay<'k>| {
        stays.iter().filter(|third| third.log() == other.log() && one.may_be(third, site)).count()
    };
    let paired = |one: &Stay<'k>, other: &Stay<'k>| {
        one.may_be(other, site) && matches(one, other) == 1 && matches(other, one) == 1
    };
    let mut fused: Vec<Stay<'k>> = Vec::with_capacity(stays.len());
    let mut taken = vec![false; stays.len()];
    for (place, stay) in stays.iter().enumerate() {
        if taken[place] {
            continue;
        }
        let mut whole = stay.clone();
        for (other_place, other) in stays.iter().enumerate().skip(place + 1) {
            if !taken[other_place] && paired(stay, other) {
                taken[other_place] = true;
                narrow(&mut whole, other);
            }
        }
        fused.push(whole);
    }
    fused
}

fn narrow<'k>(into: &mut Stay<'k>, other: &Stay<'k>) {
    into.start = into.start.intersection(other.start).unwrap_or(into.start);
    into.end = into.end.intersection(other.end).unwrap_or(into.end);
    into.proven = match (into.proven, other.proven) {
        (Some(a), Some(b)) if a.touches(b) => Some(a.hull(b)),
        (a, b) => a.or(b),
    };
    into.records.extend(&other.records);
}

/// Joins records of one session that a log writes in several windows.
fn join_windows<'k>(site: &Site, stays: &[Stay<'k>]) -> Vec<Stay<'k>> {
    let mut joined: Vec<Stay<'k>> = Vec::with_capacity(stays.len());
    for stay in stays {
        let idle = stay.records[0].log().and_then(|log| site.log(log).idle_timeout);
        let earlier = joined.iter_mut().rev().find(|earlier| earlier.same_translation(stay));
        match (idle, earlier) {
            (Some(idle), Some(earlier)) if goes_on(earlier, stay, idle, stays) => append(earlier, stay),
            _ => joined.push(stay.clone()),
        }
    }
    joined
}

/// Whether `stay` is `earlier` going on: they follow each other closely, or with a silence shorter
/// than the gateway's idle time-out in which nobody else stood. All by the exporter's own clock.
fn goes_on(earlier: &Stay<'_>, stay: &Stay<'_>, idle: Duration, all: &[Stay<'_>]) -> bool {
    let Some(silence) = silence(earlier, stay) else { return true };
    let alone = || {
        let contenders = all.iter().filter(|other| other.contends(stay)).flat_map(|other| &other.records);
        !contenders.into_iter().any(|record| record.reach().touches(silence))
    };
    silence.from().plus(TOUCHING) >= silence.to() || (silence.from().plus(idle) >= silence.to() && alone())
}

/// The time between the last record of `earlier` and the first of `stay`, if there is any.
fn silence(earlier: &Stay<'_>, stay: &Stay<'_>) -> Option<Span> {
    let last = earlier.records.iter().map(|record| record.end.to()).max()?;
    let first = stay.records.iter().map(|record| record.start.from()).min()?;
    Span::new(last, first).ok()
}

fn append<'k>(earlier: &mut Stay<'k>, stay: &Stay<'k>) {
    if silence(earlier, stay).is_some_and(|silence| silence.from().plus(TOUCHING) < silence.to()) {
        earlier.gaps.extend(Span::new(earlier.end.to(), stay.start.from()));
    }
    earlier.end = Span::between(earlier.end.from().max(stay.end.from()), earlier.end.to().max(stay.end.to()));
    earlier.records.extend(stay.records.iter().copied());
}
