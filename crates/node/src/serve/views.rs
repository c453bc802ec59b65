//! How a service is doing, as others see it.

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use unmasq_model::{
    AccountId, Arrival, AssetId, GatewayKind, GatewayName, LogTime, Realm, RegionId, Site, SourceName,
    Switches,
};
use unmasq_work::Turned;

/// An account, and what is known to be its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountView {
    /// Its id.
    pub account: AccountId,
    /// Where it has anything.
    pub regions: BTreeSet<RegionId>,
    /// The realms, such as VPCs, that its gateways lead to and its machines are in.
    pub realms: BTreeSet<Realm>,
    /// Its gateways.
    pub gateways: BTreeSet<GatewayName>,
    /// How many machines it has, or had.
    pub assets: usize,
}

impl AccountView {
    /// Every account that the site names, in order.
    pub(super) fn all(site: &Site) -> Vec<Self> {
        let mut known: BTreeMap<AccountId, (Self, BTreeSet<&AssetId>)> = BTreeMap::new();
        let mut of = |account: &AccountId, region: Option<&RegionId>, realm: &Realm| {
            let new = || {
                let (regions, realms, gateways) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
                (Self { account: account.clone(), regions, realms, gateways, assets: 0 }, BTreeSet::new())
            };
            let (view, _) = known.entry(account.clone()).or_insert_with(new);
            view.regions.extend(region.cloned());
            view.realms.insert(realm.clone());
        };
        for gateway in &site.gateways {
            if let Some(account) = &gateway.account {
                of(account, gateway.region.as_ref(), &gateway.inside_realm);
            }
        }
        for holder in site.tenures.iter().map(|tenure| &tenure.holder) {
            if let Some(account) = &holder.account {
                of(account, holder.region.as_ref(), &holder.realm);
            }
        }
        for gateway in &site.gateways {
            if let Some((view, _)) = gateway.account.as_ref().and_then(|account| known.get_mut(account)) {
                view.gateways.insert(gateway.name.clone());
            }
        }
        for holder in site.tenures.iter().map(|tenure| &tenure.holder) {
            if let Some((_, assets)) = holder.account.as_ref().and_then(|account| known.get_mut(account)) {
                assets.insert(&holder.instance);
            }
        }
        known.into_values().map(|(view, assets)| Self { assets: assets.len(), ..view }).collect()
    }
}

/// How well one log is delivered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExporterView {
    /// What the log is called.
    pub log: SourceName,
    /// Whose records it has.
    pub gateways: Vec<GatewayName>,
    /// The name of its format.
    pub format: String,
    /// How many records of it are stored.
    pub records: u64,
    /// How many of its lines could not be read.
    pub skipped: u64,
    /// When a record of it was read last.
    pub seen: Option<Arrival>,
    /// The latest moment of which it tells.
    pub until: Option<LogTime>,
    /// Up to where all of its records should have come.
    pub watermark: Option<LogTime>,
    /// The delays that half, 99 %, 99.9 % and all of the records do not exceed; `None` while too few are known.
    pub delays: [Option<Duration>; 4],
    /// How many records came with a delay up to that, and beyond the one before.
    pub histogram: Vec<(Duration, u64)>,
    /// How many records that is learned of.
    pub measured: u64,
    /// Its last silences that were longer than usual.
    pub silences: Vec<Silence>,
    /// Since when it is silent although alerts need its records.
    pub silent_since: Option<Arrival>,
}

/// A time in which nothing came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Silence {
    /// When something had come last.
    pub from: Arrival,
    /// When something came again.
    pub to: Arrival,
}

/// A gateway, as it is now.
#[derive(Clone, PartialEq, Debug)]
pub struct GatewayView {
    /// What it is called.
    pub name: GatewayName,
    /// What it is.
    pub kind: GatewayKind,
    /// Whose it is.
    pub account: Option<AccountId>,
    /// Where it is.
    pub region: Option<RegionId>,
    /// The realm of its outside addresses.
    pub outside_realm: Realm,
    /// The realm behind it: a VPC, for example.
    pub inside_realm: Realm,
    /// Whether the configuration names it; else it was discovered in a log.
    pub is_named: bool,
    /// The logs of it that are read, by name, each with its format. A gateway without any is not connected.
    pub logs: Vec<(SourceName, String)>,
    /// When it was met first.
    pub met: Arrival,
    /// For which alerts it is traced through.
    pub switches: Switches,
    /// How its switches were turned.
    pub turned: Vec<Turned>,
}
