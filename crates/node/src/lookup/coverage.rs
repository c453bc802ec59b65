//! How far the logs of the gateways tell that may have translated the endpoint.

use super::{Gap, GatewayRow, Lookup};
use crate::Knowledge;
use unmasq_model::{GatewayIx, LogTime, Realm, Span};

/// The gateways that may have translated the endpoint then.
fn owners(knowledge: &Knowledge, asked: &Lookup, realm: &Realm) -> Vec<GatewayIx> {
    knowledge.site.owners(realm, asked.outside.ip, asked.during)
}

/// Those gateways, each with what its logs do not tell.
pub(super) fn gateways(knowledge: &Knowledge, asked: &Lookup, realm: &Realm) -> Vec<GatewayRow> {
    let site = &knowledge.site;
    owners(knowledge, asked, realm)
        .into_iter()
        .map(|owner| GatewayRow {
            gateway: site.gateway(owner).name.clone(),
            connected: !site.gateway(owner).logs.is_empty(),
            gaps: gaps(
                asked.during,
                site.logs_of(owner).map(|log| (log.coverage.since, log.coverage.watermark())),
            ),
        })
        .collect()
}

/// Whether every record about the asked time should have arrived, of whoever may own the address.
pub(super) fn is_settled(knowledge: &Knowledge, asked: &Lookup, realm: &Realm) -> bool {
    owners(knowledge, asked, realm).into_iter().all(|owner| knowledge.site.is_settled(owner, asked.during))
}

/// What of `during` none of the covered stretches contains.
fn gaps(during: Span, covered: impl Iterator<Item = (LogTime, LogTime)>) -> Vec<Gap> {
    // A log that has only begun may cover nothing yet; so may one of which what it covered was dropped.
    let mut covered: Vec<(LogTime, LogTime)> = covered.filter(|(since, until)| since < until).collect();
    if during.from() == during.to() {
        let is_covered = covered.iter().any(|(since, until)| (*since..=*until).contains(&during.from()));
        return if is_covered { Vec::new() } else { vec![Gap { from: during.from(), to: during.to() }] };
    }
    covered.sort_unstable();
    let mut gaps = Vec::new();
    let mut from = during.from();
    for (since, until) in covered {
        if since > from && from < during.to() {
            gaps.push(Gap { from, to: since.min(during.to()) });
        }
        from = from.max(until);
    }
    if from < during.to() {
        gaps.push(Gap { from, to: during.to() });
    }
    gaps
}
