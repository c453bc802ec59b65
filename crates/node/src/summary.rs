//! What a run came to, counted.

use crate::{Skips, Unread};
use std::collections::BTreeMap;
use unmasq_engine::SiteMap;
use unmasq_model::{
    Alert, AssetId, Certainty, End, GatewayName, Reason, SourceName, Status, Trace,
    trace::{EndTrace, MaskedEnd},
};

/// Counts of one run. Every line is counted once: lines = alerts + not alerts + skipped.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Summary {
    /// The alert files and their formats, in the order they were read.
    pub inputs: Vec<(SourceName, String)>,
    /// Lines read.
    pub lines: u64,
    /// Alerts, each of which has a trace.
    pub alerts: u64,
    /// Lines that are something else.
    pub not_alerts: u64,
    /// Lines that could not be read; they were passed on.
    pub skips: Skips,
    /// Inputs that could not be read.
    pub unread: Vec<Unread>,
    /// Alerts by what became of them.
    pub status: BTreeMap<Status, u64>,
    /// Traced and partial ends by how sure they are.
    pub certainty: BTreeMap<Certainty, u64>,
    /// Masked ends that are not traced, by reason.
    pub reasons: BTreeMap<(Status, Reason), u64>,
    /// Masked ends by gateway.
    pub gateways: BTreeMap<GatewayName, GatewayCount>,
    /// Named instances, by how many ends.
    pub assets: BTreeMap<(AssetId, String), u64>,
    /// Alerts without a usable address or time.
    pub unusable: Skips,
    /// Answers that later records may change.
    pub not_final: u64,
}

/// What became of the ends at one gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GatewayCount {
    /// One inside endpoint remained.
    pub traced: u64,
    /// Proven up to an inner gateway.
    pub partial: u64,
    /// Several remained.
    pub ambiguous: u64,
    /// None did.
    pub untraced: u64,
}

impl Summary {
    pub(crate) fn count(&mut self, site: &SiteMap, alert: &Alert, trace: &Trace) {
        self.alerts += 1;
        self.not_final += u64::from(!trace.is_final);
        *self.status.entry(trace.status).or_default() += 1;
        for (end, answer) in [(End::Src, &trace.src), (End::Dest, &trace.dest)] {
            if let EndTrace::Masked(masked) = answer {
                self.count_end(masked);
                for gateway in gateways(site, alert, end, masked) {
                    self.gateways.entry(gateway).or_default().add(masked.status);
                }
            }
        }
    }

    fn count_end(&mut self, end: &MaskedEnd) {
        if let Some(reason) = end.reason {
            *self.reasons.entry((end.status, reason)).or_default() += 1;
        }
        if let (Status::Traced | Status::Partial, Some(certainty)) = (end.status, end.certainty) {
            *self.certainty.entry(certainty).or_default() += 1;
        }
        if let Some(asset) = end.asset.as_ref().filter(|_| end.status == Status::Traced) {
            let name = asset.name.as_deref().unwrap_or_default().to_owned();
            *self.assets.entry((asset.id.clone(), name)).or_default() += 1;
        }
    }

    pub(crate) fn count_unusable(&mut self) {
        self.alerts += 1;
        *self.status.entry(Status::Untraced).or_default() += 1;
        *self.reasons.entry((Status::Untraced, Reason::Unreadable)).or_default() += 1;
    }

    /// Takes in what another counted: of the same files, or of those after them.
    pub(crate) fn append(&mut self, other: Self) {
        let Self {
            inputs,
            lines,
            alerts,
            not_alerts,
            skips,
            unread,
            status,
            certainty,
            reasons,
            gateways,
            assets,
            unusable,
            not_final,
        } = other;
        self.inputs.extend(inputs);
        self.lines += lines;
        self.alerts += alerts;
        self.not_alerts += not_alerts;
        self.not_final += not_final;
        self.skips.append(skips);
        self.unusable.append(unusable);
        self.unread.extend(unread);
        status.into_iter().for_each(|(key, count)| *self.status.entry(key).or_default() += count);
        certainty.into_iter().for_each(|(key, count)| *self.certainty.entry(key).or_default() += count);
        reasons.into_iter().for_each(|(key, count)| *self.reasons.entry(key).or_default() += count);
        assets.into_iter().for_each(|(key, count)| *self.assets.entry(key).or_default() += count);
        for (gateway, count) in gateways {
            let GatewayCount { traced, partial, ambiguous, untraced } = count;
            let own = self.gateways.entry(gateway).or_default();
            own.traced += traced;
            own.partial += partial;
            own.ambiguous += ambiguous;
            own.untraced += untraced;
        }
    }
}

impl GatewayCount {
    fn add(&mut self, status: Status) {
        match status {
            Status::Traced => self.traced += 1,
            Status::Partial => self.partial += 1,
            Status::Ambiguous => self.ambiguous += 1,
            Status::Untraced => self.untraced += 1,
            Status::NotMasked => {}
        }
    }
}

/// The gateway that an end was traced through, else those that may own its address.
fn gateways(site: &SiteMap, alert: &Alert, end: End, masked: &MaskedEnd) -> Vec<GatewayName> {
    if let Some(hop) = masked.hops.first() {
        return vec![hop.gateway.clone()];
    }
    let owners = site.owners(&alert.realm, alert.ends[end].ip, alert.at);
    owners.into_iter().map(|owner| site.gateway(owner).name.clone()).collect()
}
