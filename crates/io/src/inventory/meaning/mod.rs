//! What a written inventory means: a site.

mod gateway;
mod identity;
mod log;
mod network;
mod port_plan;
mod scalar;

use super::{Balancer, InventoryError, LogFile, Notes, path::Path as Key, raw};
use gateway::Gateways;
use network::Networks;
use std::{collections::BTreeMap, path::Path};
use unmasq_model::{LogTime, Site};

/// The version of the format that is read here.
const VERSION: u64 = 1;

/// An inventory, understood.
pub(super) struct Meaning {
    pub(super) site: Site,
    pub(super) logs: Vec<LogFile>,
    pub(super) balancers: Vec<Balancer>,
}

/// Understands `raw`; the files that it names are meant from `folder` on.
pub(super) fn of(raw: &raw::Inventory, folder: &Path, notes: &Notes<'_>) -> Result<Meaning, InventoryError> {
    if let Some(version) = raw.version.filter(|version| *version != VERSION) {
        let why = format!("version {version} of the format is not known here; this program reads {VERSION}");
        return Err(notes.wrong(Key::Root.key("version"), why));
    }
    let networks = Networks::of(raw, notes)?;
    let gateways = Gateways::of(raw, &networks, notes)?;
    let tenures = identity::tenures(raw, &networks, &gateways, notes)?;
    let logs = log::files(raw, folder, notes)?;
    let Gateways { mut all, balancers } = gateways;
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let site = Site {
        sensor_realm: networks.sensor,
        declared: true,
        clock_bound: Site::CLOCK_BOUND,
        gateways: all,
        logs: Vec::new(),
        tenures,
        forgotten: LogTime::BEGINNING,
    };
    Ok(Meaning { site, logs, balancers })
}

/// Refuses an id that is empty or was declared before.
#[derive(Default)]
struct Ids(BTreeMap<String, String>);

impl Ids {
    fn declare(&mut self, table: Key<'_>, id: &str, notes: &Notes<'_>) -> Result<(), InventoryError> {
        if id.trim().is_empty() {
            return Err(notes.wrong(table.key("id"), "an id cannot be empty"));
        }
        match self.0.insert(id.into(), table.to_string()) {
            None => Ok(()),
            Some(first) => Err(notes.wrong(
                table.key("id"),
                format!("`{id}` is already declared as `{first}`; give each its own id"),
            )),
        }
    }
}
