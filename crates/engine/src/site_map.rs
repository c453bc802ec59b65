//! The site with its addresses where they are found at once.

use foldhash::fast::FixedState;
use std::{collections::HashMap, net::IpAddr, ops::Deref, time::Duration};
use unmasq_model::{GatewayIx, GatewayName, Realm, Site, Span, Switches, Translator};

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

    /// Sets the switches of every gateway. They have no part in which gateway an address may be of.
    pub fn set_switches(&mut self, of: impl Fn(&GatewayName) -> Switches) {
        for gateway in &mut self.site.gateways {
            gateway.switches = of(&gateway.name);
        }
    }

    /// As [`Site::translators`].
    #[must_use]
    pub fn translators(&self, realm: &Realm, ip: IpAddr, at: Span) -> Vec<Translator> {
        let mut found: Vec<Translator> = self.any_translators(realm, ip, at).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// As [`Site::owners`].
    #[must_use]
    pub fn owners(&self, realm: &Realm, ip: IpAddr, at: Span) -> Vec<GatewayIx> {
        let translators = self.any_translators(realm, ip, at);
        let mut owners: Vec<GatewayIx> = translators.map(|translator| translator.gateway).collect();
        owners.sort_unstable();
        owners.dedup();
        owners
    }

    /// Whether the address may be that of any gateway, so that somebody else may be behind it.
    #[must_use]
    pub fn is_shared(&self, realm: &Realm, ip: IpAddr, at: Span) -> bool {
        self.any_translators(realm, ip, at).next().is_some()
    }

    /// The translators in no order, and perhaps more than once.
    fn any_translators(&self, realm: &Realm, ip: IpAddr, at: Span) -> impl Iterator<Item = Translator> {
        let known = self.by_address.get(&ip).map_or(&[][..], Vec::as_slice);
        let during = at.widened(self.widest_clock_bound);
        let facts = known.iter().chain(&self.planned).map(|&gateway| (gateway, self.site.gateway(gateway)));
        facts.filter(move |(_, facts)| facts.outside_realm == *realm).flat_map(move |(gateway, facts)| {
            facts.names_of(ip, during).map(move |logged_as| Translator { gateway, logged_as })
        })
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
