//! Logs into a store: each record once, however often, in whatever order and under whatever name its file
//! is given.
//!
//! A file is known by what it begins with, and up to where it was read; that is stored together with the
//! records up to there. So what is imported again is passed over, a file that has grown is read on, and after
//! a crash no more is read again than was not yet stored.

pub(crate) mod file;
pub(crate) mod groups;
pub(crate) mod stored;

use crate::{
    NodeError, Progress, SourceReport, Unread, history,
    knowledge::Prepared,
    plan::{LogPlan, Sources},
};
use groups::Groups;
#[cfg(test)]
pub(crate) use groups::plain;
use std::{fs, path::Path};
use unmasq_model::SourceName;
use unmasq_store::{KeptInventory, Merged, StoreError, Writer};

/// What an import came to.
#[derive(Debug)]
pub struct Imported {
    /// What became of each log.
    pub logs: Vec<ImportedLog>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// What in the inventory may be a slip.
    pub warnings: Vec<String>,
    /// What was merged in the end.
    pub merged: Merged,
}

/// What became of one log.
#[derive(Debug)]
pub struct ImportedLog {
    /// What was read of it now.
    pub report: SourceReport,
    /// How many of its files were in the store already, and had not changed.
    pub unchanged: usize,
    /// How many records were stored now.
    pub stored: u64,
}

/// Puts everything that `sources` names into the store at `path`, which is made if there is none; `lot`
/// sessions at a time.
///
/// # Errors
/// When the store cannot be written, the inventory cannot be used, the format of a named file cannot be told,
/// or a log's times need a zone. What was stored before that stays.
pub fn import(
    path: &Path,
    sources: &Sources,
    lot: usize,
    progress: &dyn Progress,
) -> Result<Imported, NodeError> {
    // What was said before holds until something else is said.
    let kept = match &sources.inventory {
        Some(_) => None,
        None => kept_inventory(path)?,
    };
    let inventory = sources.inventory.clone().or_else(|| kept.as_ref().map(|kept| kept.path().to_owned()));
    // Nothing is made before it is clear what is to be read.
    let Prepared { plans, unread, warnings, .. } =
        Prepared::of(&Sources { inventory, ..sources.clone() }, true)?;
    let mut writer = Writer::open(path).map_err(NodeError::Store)?;
    if let Some(inventory) = &sources.inventory {
        keep_inventory(&mut writer, inventory)?;
    }
    let groups = Groups::of(writer, lot);
    let mut imported = Imported { logs: Vec::new(), unread, warnings, merged: Merged::default() };
    for plan in &plans {
        let log = log(plan, &groups, &mut imported.unread, progress)?;
        imported.logs.push(log);
    }
    groups.flush()?;
    let mut writer = groups.into_writer();
    imported.merged = history::merge(&mut writer, progress)?;
    Ok(imported)
}

fn log(
    plan: &LogPlan,
    groups: &Groups,
    unread: &mut Vec<Unread>,
    progress: &dyn Progress,
) -> Result<ImportedLog, NodeError> {
    let name = groups.name_of(plan);
    let mut imported = ImportedLog { report: SourceReport::of(plan), unchanged: 0, stored: 0 };
    // The templates of a binary log may be in an earlier file of it.
    let mut templates = None;
    for number in 0..plan.files.len() {
        let number = u32::try_from(number).expect("fewer files than 2³²");
        file::read(plan, &name, number, &mut templates, groups, &mut imported, unread, progress)?;
    }
    imported.report.sessions = imported.stored;
    Ok(imported)
}

/// The inventory that the store keeps; one that is not there yet keeps none.
fn kept_inventory(path: &Path) -> Result<Option<KeptInventory>, NodeError> {
    match unmasq_store::inventory_of(path) {
        Err(StoreError::NoStore { .. }) => Ok(None),
        kept => kept.map_err(NodeError::Store),
    }
}

/// Keeps a copy of the inventory, so that who reads the store needs no other.
pub(crate) fn keep_inventory(writer: &mut Writer, path: &Path) -> Result<(), NodeError> {
    let unreadable = |source| {
        NodeError::Read(unmasq_io::source::ReadError::Open { file: path.display().to_string(), source })
    };
    let bytes = fs::read(path).map_err(unreadable)?;
    let called = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    writer.set_inventory(SourceName::from(called), &bytes).map_err(NodeError::Store)
}
