//! The site with its addresses where they are found at once.

use foldhash::fast::FixedState;
use smallvec::SmallVec;
use std::{collections::HashMap, net::IpAddr, ops::Deref, time::Duration};
use unmasq_model::{GatewayIx, GatewayKind, GatewayName, LogTime, Realm, Site, Span, Switches, Translator};

/// A site as traces look at it: which gateways an address may be of is found without asking each.
///
/// It answers as [`Site`] does, whose methods are the plain form; a test holds the two together.
#[derive(Clone, Debug)]
pub struct SiteMap {
    site: Site,
    /// Which gateways declare an address, show it or have another name for it, in their order.
    by_address: HashMap<IpAddr, Vec<Claim>, FixedState>,
    /// Those that may have an address by a configuration of whole ranges.
    planned: Vec<GatewayIx>,
    widest_clock_bound: Duration,
    /// What each gateway is asked, and has told.
    horizons: Vec<Horizon>,
    /// The balancers whose addresses nobody declared: any address may be theirs.
    undeclared: Vec<GatewayIx>,
}

/// What is worked out once for each gateway.
#[derive(Clone, Copy, Debug)]
struct Horizon {
    margin: Duration,
    settled_until: LogTime,
}

/// What one gateway says of an outside address.
#[derive(Clone, Debug)]
struct Claim {
    gateway: GatewayIx,
    /// When it may have had the address.
    held: SmallVec<[Span; 1]>,
    /// What its logs may call it, and when.
    names: SmallVec<[(IpAddr, Span); 1]>,
}

/// Translators, of which there hardly ever are several.
pub type Translators = SmallVec<[Translator; 2]>;

impl Claim {
    fn names(&self, during: Span) -> impl Iterator<Item = Translator> {
        let holds = self.held.iter().any(|held| held.touches(during));
        let names = self.names.iter().filter(move |(_, called)| holds && called.touches(during));
        names.map(|(name, _)| Translator { gateway: self.gateway, logged_as: *name })
    }
}

impl SiteMap {
    /// Of a site that will not change.
    #[must_use]
    pub fn of(site: Site) -> Self {
        let mut by_address: HashMap<IpAddr, Vec<Claim>, FixedState> = HashMap::default();
        for (ix, gateway) in site.indexed_gateways() {
            let declared = gateway.addresses.iter().map(|(ip, _)| *ip);
            let renamed = gateway.aliases.iter().map(|alias| alias.outside);
            for ip in declared.chain(renamed).chain(gateway.seen.iter().copied()) {
                let known = by_address.entry(ip).or_default();
                if known.last().is_none_or(|last| last.gateway != ix) {
                    let (held, names) = (gateway.held(ip).collect(), gateway.names(ip).collect());
                    known.push(Claim { gateway: ix, held, names });
                }
            }
        }
        let planned = site.indexed_gateways().filter(|(_, gateway)| !gateway.port_plans.is_empty());
        let horizons = site
            .indexed_gateways()
            .map(|(ix, _)| Horizon { margin: site.margin(ix), settled_until: site.settled_until(ix) });
        let undeclared = site.indexed_gateways().filter(|(_, gateway)| {
            gateway.kind == GatewayKind::Balancer && gateway.addresses.is_empty() && !gateway.logs.is_empty()
        });
        Self {
            undeclared: undeclared.map(|(ix, _)| ix).collect(),
            planned: planned.map(|(ix, _)| ix).collect(),
            widest_clock_bound: site.widest_clock_bound(),
            horizons: horizons.collect(),
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
    pub fn translators(&self, realm: &Realm, ip: IpAddr, at: Span) -> Translators {
        match self.by_address.get(&ip) {
            // Nearly every address is nobody's.
            None if self.planned.is_empty() => Translators::new(),
            claims => self.translators_among(claims.map_or(&[], Vec::as_slice), realm, ip, at),
        }
    }

    fn translators_among(&self, claims: &[Claim], realm: &Realm, ip: IpAddr, at: Span) -> Translators {
        let mut found = Translators::new();
        let during = at.widened(self.widest_clock_bound);
        for claim in claims {
            if self.site.gateway(claim.gateway).outside_realm == *realm {
                claim.names(during).for_each(|translator| found.push(translator));
            }
        }
        for &gateway in &self.planned {
            let facts = self.site.gateway(gateway);
            if facts.outside_realm == *realm {
                let names = facts.names_of(ip, during);
                found.extend(names.map(|logged_as| Translator { gateway, logged_as }));
            }
        }
        if found.len() > 1 {
            found.sort_unstable();
            found.dedup();
        }
        found
    }

    /// As [`Site::owners`].
    #[must_use]
    pub fn owners(&self, realm: &Realm, ip: IpAddr, at: Span) -> Vec<GatewayIx> {
        let translators = self.translators(realm, ip, at).into_iter();
        let mut owners: Vec<GatewayIx> = translators.map(|translator| translator.gateway).collect();
        owners.dedup();
        owners
    }

    /// Whether the address may be that of any gateway, so that somebody else may be behind it.
    #[must_use]
    pub fn is_shared(&self, realm: &Realm, ip: IpAddr, at: Span) -> bool {
        !self.translators(realm, ip, at).is_empty()
    }

    /// As [`Site::asked_about`].
    #[must_use]
    pub fn asked_about(&self, gateway: GatewayIx, at: Span) -> Span {
        at.widened(self.horizons[gateway.0 as usize].margin)
    }

    /// As [`Site::is_settled`].
    #[must_use]
    pub fn is_settled(&self, gateway: GatewayIx, at: Span) -> bool {
        at.to() <= self.horizons[gateway.0 as usize].settled_until
    }

    /// The balancers whose addresses nobody declared, if they are in this realm: any address may be theirs.
    pub(crate) fn undeclared_balancers(&self, realm: &Realm) -> impl Iterator<Item = GatewayIx> {
        self.undeclared.iter().copied().filter(|ix| self.site.gateway(*ix).outside_realm == *realm)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};
    use std::net::Ipv4Addr;
    use unmasq_model::{Alias, Gateway, Ipv4Ranges, LogTime, PortOrder, PortPlan};

    fn ip() -> impl Strategy<Value = IpAddr> {
        (1..6u8).prop_map(|last| Ipv4Addr::new(203, 0, 113, last).into())
    }

    fn span() -> impl Strategy<Value = Span> {
        let edge = || (0..100i64).prop_map(|second| LogTime::from_unix_seconds(1_000 + second).unwrap());
        prop_oneof![
            Just(Span::ALWAYS),
            edge().prop_map(Span::at),
            (edge(), edge()).prop_map(|(a, b)| Span::between(a, b)),
        ]
    }

    fn realm() -> impl Strategy<Value = Realm> {
        prop_oneof![Just(Realm::public()), Just(Realm::default_realm())]
    }

    fn port_plan() -> impl Strategy<Value = PortPlan> {
        (ip(), span()).prop_map(|(ip, held)| {
            let IpAddr::V4(ip) = ip else { unreachable!("all are IPv4") };
            let of = |ip| Ipv4Ranges::new([(ip, ip)]).unwrap();
            PortPlan {
                inside: of(Ipv4Addr::new(10, 0, 0, 1)),
                outside: of(ip),
                ports: (1_024, 65_535),
                block: 1_000,
                order: PortOrder::Sequential,
                held,
                inventory: "inventory.json".into(),
                path: "gateways[0].port_plans[0]".into(),
            }
        })
    }

    prop_compose! {
        fn gateway()(
            realm in realm(),
            addresses in vec((ip(), span()), 0..3),
            seen in vec(ip(), 0..3),
            aliases in vec((ip(), ip(), span()), 0..3),
            port_plans in vec(port_plan(), 0..2),
        ) -> Gateway {
            let alias = |(logged, outside, held)| Alias { logged, outside, held };
            Gateway {
                addresses,
                seen: seen.into_iter().collect(),
                aliases: aliases.into_iter().map(alias).collect(),
                port_plans,
                ..Gateway::named("gateway".into(), GatewayKind::Nat, realm.clone(), realm)
            }
        }
    }

    proptest! {
        #[test]
        fn a_map_answers_as_its_site(
            gateways in vec(gateway(), 0..4),
            realm in realm(),
            ip in ip(),
            at in span(),
        ) {
            let site = Site { gateways, ..Site::undeclared() };
            let map = SiteMap::of(site.clone());
            let translators = site.translators(&realm, ip, at);
            prop_assert_eq!(map.is_shared(&realm, ip, at), !translators.is_empty());
            prop_assert_eq!(map.translators(&realm, ip, at).into_vec(), translators);
            prop_assert_eq!(map.owners(&realm, ip, at), site.owners(&realm, ip, at));
        }
    }
}
