//! `[[push]]`: places that batches are handed over at.

use super::listen::{Kind, SPOOL_BYTES_MIN, heard};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use unmasq_io::listen::is_name;
use unmasq_node::serve::PushArg;

/// As it is written.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Push {
    pub(super) name: String,
    #[serde(default)]
    kind: Kind,
    format: Option<String>,
    log_format: Option<String>,
    field_map: Option<PathBuf>,
    batch_bytes: Option<usize>,
    spool_bytes: Option<u64>,
}

/// A batch has so many bytes at most, unpacked, if nobody says otherwise …
const BATCH_BYTES: usize = 16 << 20;
/// … and never more: several are held in memory at a time.
const BATCH_BYTES_MAX: usize = 256 << 20;
/// So much of what was handed over waits to be read, if nobody says otherwise.
const SPOOL_BYTES: u64 = 4 << 30;

impl Push {
    /// Makes its paths those from that folder.
    pub(super) fn resolve(&mut self, folder: &Path) {
        if let Some(map) = &mut self.field_map {
            *map = folder.join(&*map);
        }
    }

    pub(super) const fn is_of_sessions(&self) -> bool {
        matches!(self.kind, Kind::Sessions)
    }

    pub(super) fn arg(&self) -> Result<PushArg> {
        self.read().with_context(|| format!("[[push]] `{}` makes no sense", self.name))
    }

    fn read(&self) -> Result<PushArg> {
        let Self { name, kind, format, log_format, field_map, .. } = self;
        if !is_name(name) {
            bail!(
                "a name is of letters, digits and `.-_:`, and does not end as the pieces of rotated logs do"
            );
        }
        let batch_bytes = self.batch_bytes.unwrap_or(BATCH_BYTES);
        if !(1..=BATCH_BYTES_MAX).contains(&batch_bytes) {
            bail!("`batch_bytes` is from 1 to {BATCH_BYTES_MAX}");
        }
        let spool_bytes = self.spool_bytes.unwrap_or(SPOOL_BYTES);
        let least = SPOOL_BYTES_MIN.max(2 * batch_bytes as u64);
        if spool_bytes < least {
            bail!("`spool_bytes` is at least {least}: twice as much as a batch");
        }
        Ok(PushArg {
            name: name.clone(),
            what: heard(*kind, format.as_deref(), log_format.as_deref(), field_map.as_deref())?,
            batch_bytes,
            spool_bytes,
        })
    }
}
