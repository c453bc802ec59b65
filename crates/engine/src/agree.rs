//! Several logs of one gateway: what a coarse one leaves open, a finer one may rule out.
//!
//! A coarse log says that somebody *may* still have held a tuple; a finer one tells of the very same
//! hold that it was over. Which record of one is which of the other is not written anywhere: a holder
//! may come back within the blink that tells them apart. So holds are not paired one by one. The
//! records of both that may be of the same holds are put together, and a hold is ruled out only if the
//! other log, one that leaves none out and tells each to its end, has at least as many of them and not
//! one touches the alert. Where each log tells of every hold, the true one is among both, and is never
//! ruled out; where both lost lines it may be, so an answer that rests on this is never certain.

use crate::SiteMap;
use crate::stay::Stay;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use unmasq_model::{Log, LogIx, Session, Span};

/// More holds of one tuple by one inside endpoint are not held against each other, each with each.
const HOLDS_MAX: usize = 128;

/// Stays of one gateway by the inside address and the outside port that they tell: those that may be of
/// the same holder are found without comparing each with each.
pub(crate) struct Holders<'s, 'k> {
    by_place: BTreeMap<(Option<IpAddr>, Option<u16>), Vec<&'s Stay<'k>>>,
}

impl<'s, 'k> Holders<'s, 'k> {
    pub(crate) fn of(all: &'s [Stay<'k>]) -> Self {
        let mut by_place: BTreeMap<_, Vec<&Stay<'k>>> = BTreeMap::new();
        for stay in all {
            if let Some(place) = place(stay) {
                by_place.entry(place).or_default().push(stay);
            }
        }
        Self { by_place }
    }

    /// The stays that may be of the holder of `stay`; at most one more than are held against each other.
    fn same(&self, stay: &Stay<'k>) -> Vec<&'s Stay<'k>> {
        let Some((inside, port)) = place(stay) else { return Vec::new() };
        let (first, last) = match port {
            Some(port) => (port, port),
            None => (0, u16::MAX),
        };
        let told = self.by_place.range((inside, Some(first))..=(inside, Some(last)));
        let near = told.map(|(_, stays)| stays).chain(self.by_place.get(&(inside, None))).flatten();
        near.copied().filter(|other| may_be_same_holder(stay, other)).take(HOLDS_MAX + 1).collect()
    }
}

fn place(stay: &Stay<'_>) -> Option<(Option<IpAddr>, Option<u16>)> {
    let translation = stay.records.first()?.translation;
    Some((translation.inside.map(|inside| inside.ip), translation.outside.port()))
}

/// Whether another log of the same gateway rules out that `stay`, one of `all`, was there during `at`.
pub(crate) fn ruled_out<'k>(site: &SiteMap, stay: &Stay<'k>, all: &Holders<'_, 'k>, at: Span) -> bool {
    let Some(own) = stay.records.first().filter(|record| record.request.is_none()) else { return false };
    let logs = &site.gateway(own.gateway).logs;
    if logs.len() < 2 {
        return false;
    }
    let same = all.same(stay);
    same.len() <= HOLDS_MAX
        && logs.iter().any(|&log| {
            let Log { best_effort, clock_bound, coverage, .. } = site.log(log);
            // A log that had stopped by then, or not begun, knows of no hold that was there.
            let seen = at.widened(*clock_bound);
            let covers = coverage.since <= seen.from() && seen.to() <= coverage.watermark();
            Some(log) != own.log() && !best_effort && covers && rules_out(log, stay, &same, at)
        })
}

/// Whether `log` has as many holds as there may be in the log of `stay`, and none of them touches `at`.
fn rules_out<'k>(log: LogIx, stay: &Stay<'k>, same: &[&Stay<'k>], at: Span) -> bool {
    let own = stay.records.first().and_then(|record| record.log());
    let (mut here, mut there) = (BTreeSet::new(), BTreeSet::new());
    let mut reached = vec![stay];
    while let Some(one) = reached.pop() {
        let from_here = one.records.first().and_then(|record| record.log()) == own;
        let (seen, others_log) = if from_here { (&mut here, Some(log)) } else { (&mut there, own) };
        if !seen.insert((one.start, one.end, &one.records)) {
            continue;
        }
        let of = |other: &&&Stay<'_>| other.records.first().and_then(|record| record.log()) == others_log;
        reached.extend(same.iter().copied().filter(|other| of(&other) && may_be_one_hold(one, other)));
    }
    let touched = there.iter().any(|(start, end, _)| Span::between(start.from(), end.to()).touches(at));
    !there.is_empty() && there.len() >= here.len() && !touched
}

/// Whether two holds may be one, told by two logs: they began when the other did.
fn may_be_one_hold(one: &Stay<'_>, other: &Stay<'_>) -> bool {
    one.start.touches(other.start) && one.reach().touches(other.reach())
}

/// Whether two holds are of one inside endpoint on one tuple, as far as both tell.
fn may_be_same_holder(one: &Stay<'_>, other: &Stay<'_>) -> bool {
    let (Some(one), Some(other)) = (one.records.first(), other.records.first()) else { return false };
    let told = |session: &Session| (session.translation.inside, session.translation.remote);
    let ((inside, remote), (others_inside, others_remote)) = (told(one), told(other));
    let agree = |a: Option<unmasq_model::Endpoint>, b: Option<unmasq_model::Endpoint>| match (a, b) {
        (Some(a), Some(b)) => a.answers(b),
        (a, b) => a.is_none() == b.is_none(),
    };
    let (a, b) = (one.translation, other.translation);
    one.gateway == other.gateway
        && other.request.is_none()
        && a.protocol == b.protocol
        && a.role == b.role
        && a.outside.ip == b.outside.ip
        && (a.outside.ports == b.outside.ports || a.outside.port().is_none() || b.outside.port().is_none())
        && agree(inside, others_inside)
        && agree(remote, others_remote)
        && one.inside_realm == other.inside_realm
}
