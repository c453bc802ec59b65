//! Address spaces: the VPCs, what else is a realm, and whose they are.

use super::Ids;
use crate::inventory::{InventoryError, Notes, path::Path as Key, raw};
use std::collections::{BTreeMap, BTreeSet};
use unmasq_model::{AccountId, Realm, RegionId};

/// An account and a region, as far as somebody says.
pub(super) type Owner = (Option<AccountId>, Option<RegionId>);

/// The address spaces of a site.
pub(super) struct Networks {
    /// Where the sensor listens.
    pub(super) sensor: Realm,
    defaults: Owner,
    vpcs: BTreeMap<String, Owner>,
    /// Every name that may stand where a realm is meant.
    known: BTreeSet<String>,
}

impl Networks {
    pub(super) fn of(raw: &raw::Inventory, notes: &Notes<'_>) -> Result<Self, InventoryError> {
        let (mut ids, mut vpcs) = (Ids::default(), BTreeMap::new());
        let key = Key::Root.key("vpcs");
        for (ix, vpc) in raw.vpcs.iter().enumerate() {
            ids.declare(key.item(ix), &vpc.id, notes)?;
            vpcs.insert(vpc.id.clone(), owner(vpc.account.as_ref(), vpc.region.as_ref()));
        }
        let public = Realm::public().as_str().to_owned();
        let insides = raw.gateways.iter().filter_map(|gateway| gateway.inside.network.clone());
        let mut known: BTreeSet<String> = vpcs.keys().cloned().chain(insides).chain([public]).collect();
        // A sensor may listen in a realm of its own: whatever it is called, it is meant.
        known.extend(raw.sensor_realm.clone());
        Ok(Self {
            sensor: raw.sensor_realm.as_deref().map_or_else(Realm::public, Realm::from),
            defaults: owner(raw.account.as_ref(), raw.region.as_ref()),
            vpcs,
            known,
        })
    }

    /// The realm of a VPC; the one realm of a site that names none.
    pub(super) fn realm(&self, table: Key<'_>, vpc: Option<&String>, notes: &Notes<'_>) -> Realm {
        match vpc {
            Some(vpc) => self.named(table.key("vpc"), vpc, notes),
            None => Realm::default_realm(),
        }
    }

    /// The realm of that name; a name that is declared nowhere looks like a mistake.
    pub(super) fn named(&self, key: Key<'_>, name: &str, notes: &Notes<'_>) -> Realm {
        self.check(key, name, notes);
        Realm::from(name)
    }

    /// Whose something is: by its own word, else its VPC's, else the inventory's.
    pub(super) fn owner(
        &self,
        account: Option<&String>,
        region: Option<&String>,
        vpc: Option<&String>,
    ) -> Owner {
        let own = owner(account, region);
        let vpc = vpc.and_then(|vpc| self.vpcs.get(vpc)).cloned().unwrap_or_default();
        let (account, region) = self.defaults.clone();
        (own.0.or(vpc.0).or(account), own.1.or(vpc.1).or(region))
    }

    /// Without any VPC declared, every name is taken for what it says.
    fn check(&self, key: Key<'_>, name: &str, notes: &Notes<'_>) {
        if self.vpcs.is_empty() || self.known.contains(name) {
            return;
        }
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        notes.odd(key, format!("no network `{name}` is declared; known are {}", known.join(", ")));
    }
}

fn owner(account: Option<&String>, region: Option<&String>) -> Owner {
    (account.map(|id| id.as_str().into()), region.map(|id| id.as_str().into()))
}
