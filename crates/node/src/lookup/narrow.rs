//! Which one more fact would leave fewer.

use super::{Fact, Lookup, Narrowing, fit::Fit, row::HolderKey};
use std::collections::{BTreeMap, BTreeSet};
use unmasq_model::LogTime;

/// What each fact that is not known yet would leave, the most useful first.
pub(super) fn would_narrow(asked: &Lookup, fits: &[Fit]) -> Vec<Narrowing> {
    let by = |value: &dyn Fn(&Fit) -> String| {
        let mut holders: BTreeMap<String, BTreeSet<&HolderKey>> = BTreeMap::new();
        for fit in fits {
            holders.entry(value(fit)).or_default().insert(&fit.holder);
        }
        holders.values().map(BTreeSet::len).max().unwrap_or_default()
    };
    let mut facts = Vec::new();
    if asked.outside.port.is_none() {
        facts.push((Fact::Port, by(&|fit| format!("{:?}", fit.flow.outside.port))));
    }
    if asked.remote.is_none_or(|remote| remote.port.is_none()) {
        facts.push((Fact::Remote, by(&|fit| fit.flow.remote.to_string())));
    }
    if asked.protocol.is_none() {
        facts.push((Fact::Protocol, by(&|fit| fit.flow.protocol.to_string())));
    }
    facts.push((Fact::Time, at_once(fits)));
    let all: BTreeSet<&HolderKey> = fits.iter().map(|fit| &fit.holder).collect();
    let mut useful: Vec<Narrowing> = facts
        .into_iter()
        .filter(|(_, left)| *left < all.len())
        .map(|(fact, holders_at_most)| Narrowing { fact, holders_at_most })
        .collect();
    useful.sort_by_key(|narrowing| (narrowing.holders_at_most, narrowing.fact));
    useful
}

/// The most holders that were there at any one moment: a sweep over all beginnings and ends.
fn at_once(fits: &[Fit]) -> usize {
    let mut turns: Vec<(LogTime, bool, &HolderKey)> = fits
        .iter()
        .flat_map(|fit| [(fit.reach.from(), false, &fit.holder), (fit.reach.to(), true, &fit.holder)])
        .collect();
    // Whoever begins in the moment that another ends was there with it.
    turns.sort_unstable();
    let mut there: BTreeMap<&HolderKey, usize> = BTreeMap::new();
    let mut most = 0;
    for (_, ends, holder) in turns {
        let sessions = there.entry(holder).or_default();
        if ends {
            *sessions -= 1;
            if *sessions == 0 {
                there.remove(holder);
            }
        } else {
            *sessions += 1;
        }
        most = most.max(there.len());
    }
    most
}
