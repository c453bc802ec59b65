//! The logs that an inventory names.

use crate::{
    duration,
    inventory::{InventoryError, LogFile, Notes, path::Path as Key, raw},
    source::{ExpandError, Location, expand_in, families},
    zone,
};
use std::path::{Path, PathBuf};
use unmasq_model::GatewayName;

/// Every log of every gateway and balancer, in the order of the inventory.
pub(super) fn files(
    raw: &raw::Inventory,
    folder: &Path,
    notes: &Notes<'_>,
) -> Result<Vec<LogFile>, InventoryError> {
    let mut files = Vec::new();
    let gateways = raw.gateways.iter().map(|gateway| (gateway.id.as_str(), gateway.logs.as_slice()));
    let balancers =
        raw.load_balancers.iter().map(|balancer| (balancer.id.as_str(), balancer.logs.as_slice()));
    add(Key::Root.key("gateways"), gateways, folder, notes, &mut files)?;
    add(Key::Root.key("load_balancers"), balancers, folder, notes, &mut files)?;
    Ok(files)
}

fn add<'a>(
    list: Key<'_>,
    owners: impl Iterator<Item = (&'a str, &'a [raw::Log])>,
    folder: &Path,
    notes: &Notes<'_>,
    files: &mut Vec<LogFile>,
) -> Result<(), InventoryError> {
    for (owner_ix, (owner, logs)) in owners.enumerate() {
        let owner_table = list.item(owner_ix);
        let logs_key = owner_table.key("logs");
        for (ix, raw) in logs.iter().enumerate() {
            let table = logs_key.item(ix);
            let log = log(table, owner, raw, notes)?;
            for (path, present) in find(table.key("file"), folder, &raw.file, notes)? {
                let name = Location::File(path.clone()).name();
                files.push(LogFile { path, present, name, ..log.clone() });
            }
        }
    }
    Ok(())
}

/// The log, but for which file it is.
fn log(table: Key<'_>, owner: &str, raw: &raw::Log, notes: &Notes<'_>) -> Result<LogFile, InventoryError> {
    let since = notes.moment_at(table, "since", raw.since.as_ref())?;
    let until = notes.moment_at(table, "until", raw.until.as_ref())?;
    if let (Some(since), Some(until)) = (since, until)
        && until < since
    {
        return Err(notes.wrong(table.key("until"), format!("{until} is before `since`, {since}")));
    }
    let zone = raw.tz.as_deref().map(zone).transpose();
    let clock_bound = raw.clock_bound.as_deref().map(duration).transpose();
    Ok(LogFile {
        gateway: GatewayName::from(owner),
        format: raw.format.clone(),
        log_format: raw.log_format.clone(),
        path: PathBuf::new(),
        present: false,
        name: "".into(),
        zone: zone.map_err(|error| notes.wrong(table.key("tz"), error))?,
        since,
        until,
        taken: notes.moment_at(table, "taken", raw.taken.as_ref())?,
        complete: raw.complete.unwrap_or(false),
        clock_bound: clock_bound.map_err(|error| notes.wrong(table.key("clock_bound"), error))?,
        derived_from: raw.derived_from.clone(),
        key: table.to_string(),
    })
}

/// The files that `file` means, the pieces of a rotated log oldest first, and whether they are there. What cannot be looked at is left to whoever opens it.
fn find(
    key: Key<'_>,
    folder: &Path,
    file: &str,
    notes: &Notes<'_>,
) -> Result<Vec<(PathBuf, bool)>, InventoryError> {
    if file.trim().is_empty() {
        return Err(notes.wrong(key, "a file name cannot be empty"));
    }
    match expand_in(folder, file) {
        Ok(found) => Ok(families(found)
            .into_iter()
            .flat_map(|family| family.files)
            .filter_map(|found| match found.location {
                Location::File(path) => Some((path, true)),
                Location::Stdin => None,
            })
            .collect()),
        Err(error @ ExpandError::Pattern { .. }) => {
            Err(notes.wrong(key, format!("{error}; {}", error.hint())))
        }
        Err(error) => Ok(vec![(folder.join(file), !error.is_absence())]),
    }
}
