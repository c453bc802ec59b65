//! Who held an inside address, as of the session's time.

use crate::known::Inquiry;
use std::net::IpAddr;
use unmasq_model::{
    Certainty, Holder, HoldersQuestion, LogTime, Realm, Span, Tenure,
    trace::{AddressNow, Asset, AssetKind, Container, Held, StateNow},
};

/// Who may have held an address.
pub(crate) enum Identity<'k> {
    /// Nobody that the inventory knows.
    Nobody,
    /// One holder, and how sure that is.
    One(Named<'k>),
    /// Several within the clock bound, in order of tenure.
    Several(Vec<Named<'k>>),
}

/// One holder with how sure it is that it was this one.
#[derive(Clone)]
pub(crate) struct Named<'k> {
    pub(crate) tenure: &'k Tenure,
    pub(crate) certainty: Certainty,
    now: AddressNow,
}

/// Who held an address during `at`. `None`: ask first.
pub(crate) fn identify<'k>(
    realm: &Realm,
    ip: IpAddr,
    at: Span,
    inquiry: &Inquiry<'_, '_, 'k>,
) -> Option<Identity<'k>> {
    let tenures = inquiry.holders(HoldersQuestion { realm: realm.clone(), ip, during: Span::ALWAYS })?;
    if tenures.is_empty() {
        return Some(Identity::Nobody);
    }
    let seen = at.widened(inquiry.site().clock_bound);
    let mut found: Vec<Named<'k>> = Vec::new();
    for tenure in tenures.iter().copied().filter(|tenure| tenure.held.touches(seen)) {
        let certainty = if tenure.held.contains(seen) { Certainty::Certain } else { Certainty::Likely };
        let named = Named { tenure, certainty, now: address_now(tenure, &tenures) };
        match found.iter_mut().find(|other| other.tenure.holder == tenure.holder) {
            // Two tenures of one holder: whichever moment it was, it was this one.
            Some(other) => other.certainty = other.certainty.max(certainty),
            None => found.push(named),
        }
    }
    Some(match found.len() {
        0 => Identity::Nobody,
        1 => Identity::One(found.remove(0)),
        _ => Identity::Several(found),
    })
}

fn address_now(tenure: &Tenure, all: &[&Tenure]) -> AddressNow {
    if tenure.held.to() == LogTime::FOREVER {
        return AddressNow::Unknown;
    }
    let later = all.iter().filter(|other| other.held.from() >= tenure.held.to());
    match later.max_by_key(|other| other.held) {
        None => AddressNow::Free,
        Some(last) if last.holder == tenure.holder => AddressNow::Same,
        Some(_) => AddressNow::Reassigned,
    }
}

impl Named<'_> {
    pub(crate) fn holder(&self) -> &Holder {
        &self.tenure.holder
    }

    /// The instance, as the contract shows it.
    pub(crate) fn asset(&self) -> Asset {
        let holder = self.holder();
        Asset {
            kind: AssetKind::Instance,
            id: holder.instance.clone(),
            name: holder.name.clone(),
            account: holder.account.clone(),
            region: holder.region.clone(),
            realm: holder.realm.clone(),
            certainty: self.certainty,
            held: Held { from: self.tenure.held.from(), to: self.tenure.held.to() },
            state_now: StateNow::Unknown,
            address_now: self.now,
        }
    }

    /// The container, if one held the address.
    pub(crate) fn container(&self) -> Option<Container> {
        self.holder().container.as_ref().map(|facts| Container {
            id: facts.id.clone(),
            name: facts.name.clone(),
            pod: facts.pod.clone(),
            namespace: facts.namespace.clone(),
            image: facts.image.clone(),
            certainty: self.certainty,
        })
    }
}
