//! Several logs of one gateway: what a coarse one leaves open, a finer one may rule out.
//!
//! A coarse log says that somebody *may* still have held a tuple; a finer one tells of the very same
//! hold that it was over. Which record of one is which of the other is not written anywhere: a holder
//! may come back within the blink that tells them apart. So holds are not paired one by one. The
//! records of both that may be of the same holds are put together, and a hold is ruled out only if the
//! other log, one that leaves none out and tells each to its end, has at least as many of them and not
//! one touches the alert. Where each log tells of every hold, the true one is among both, and is never
//! ruled out; where both lost lines it may be, so an answer that rests on this is never certain.

use crate::stay::Stay;
use std::collections::BTreeSet;
use unmasq_model::{LogIx, Session, Site, Span};

/// More holds of one tuple by one inside endpoint are not held against each other, each with each.
const HOLDS_MAX: usize = 128;

/// Whether another log of the same gateway rules out that `stay`, one of `all`, was there during `at`.
pub(crate) fn ruled_out(site: &Site, stay: &Stay<'_>, all: &[Stay<'_>], at: Span) -> bool {
    let Some(own) = stay.records.first().filter(|record| record.request.is_none()) else { return false };
    let logs = &site.gateway(own.gateway).logs;
    if logs.len() < 2 {
        return false;
    }
    let same: Vec<&Stay<'_>> = all.iter().filter(|other| may_be_same_holder(stay, other)).collect();
    same.len() <= HOLDS_MAX
        && logs.iter().any(|&log| {
            Some(log) != own.log() && !site.log(log).best_effort && rules_out(log, stay, &same, at)
        })
}

/// Whether `log` has as many holds as there may be in the log of `stay`, and none of them touches `at`.
fn rules_out(log: LogIx, stay: &Stay<'_>, same: &[&Stay<'_>], at: Span) -> bool {
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
