//! The site with its addresses where they are found at once.

use foldhash::fast::FixedState;
use std::{collections::HashMap, net::IpAddr, ops::Deref, time::Duration};
use unmasq_model::{GatewayIx, Realm, Site, Span, Translator};

/// A site as traces look at it: which gateways an address may be of is found without asking each.
///
/// It answers as [`Site`] does, whose methods are the plain form; a test holds the two together.
#[derive(Clone, Debug)]
pub struct SiteMap {
    site: Site,
    /// The gateways that declare an address, show it or have another name for it, in their order.
    by_address: HashMap<IpAddr, Vec<GatewayIx>, FixedState>,
    /// Those that may have an address by a configuration of whole ranges.
    planned: Vec<GatewayIx>,
    widest_clock_bound: Duration,
}

impl SiteMap {
    /// Of a site that will not change.
    #[must_use]
    pub fn of(site: Site) -> Self {
        let mut by_address: HashMap<IpAddr, Vec<GatewayIx>, FixedState> = HashMap::default();
        for (ix, gateway) in site.indexed_gateways() {
            let declared = gateway.addresses.iter().map(|(ip, _)| *ip);
            let renamed = gateway.aliases.iter().map(|alias| alias.outside);
            for ip in declared.chain(renamed).chain(gateway.seen.iter().copied()) {
                let known = by_address.entry(ip).or_default();
                if known.last() != Some(&ix) {
                    known.push(ix);
                }
            }
        }
        let planned = site.indexed_gateways().filter(|(_, gateway)| !gateway.port_plans.is_empty());
        Self {
            planned: planned.map(|(ix, _)| ix).collect(),
            widest_clock_bound: site.widest_clock_bound(),
            by_address,
            site,
        }
    }

    /// As [`Site::translators`].
    #[must_use]
    pub fn translators(&self, realm: &Realm, ip: IpAddr, at: Span) -> Vec<Translator> {
        let known = self.by_address.get(&ip).map_or(&[][..], Vec::as_slice);
        let mut found = Vec::new();
        if known.is_empty() && self.planned.is_empty() {
            return found;
        }
        let during = at.widened(self.widest_clock_bound);
        for &gateway in known.iter().chain(&self.planned) {
            let facts = self.site.gateway(gateway);
            if facts.outside_realm == *realm {
                facts
                    .names_of(ip, during)
                    .for_each(|logged_as| found.push(Translator { gateway, logged_as }));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// As [`Site::owners`].
    #[must_use]
    pub fn owners(&self, realm: &Realm, ip: IpAddr, at: Span) -> Vec<GatewayIx> {
        let translators = self.translators(realm, ip, at);
        let mut owners: Vec<GatewayIx> =
            translators.into_iter().map(|translator| translator.gateway).collect();
        owners.dedup();
        owners
    }

    /// As [`Site::widest_clock_bound`].
    #[must_use]
    pub fn widest_clock_bound(&self) -> Duration {
        self.widest_clock_bound
    }
}

impl Deref for SiteMap {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}
