//! What is in a store, counted.

use crate::{Store, StoreError, hours};
use serde::Serialize;
use std::collections::BTreeMap;
use unmasq_model::{GatewayName, SourceName};
use unmasq_segment::Columns;

/// What is in a store.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Stats {
    /// Its logs: each with its gateway, its format, how many files and how many records of it there are.
    pub logs: Vec<LogStats>,
    /// Plain sessions by hour; a session stands in every hour that it touches.
    pub hours: Vec<HourStats>,
    /// Other records, as lines.
    pub others: u64,
    /// How many files it consists of.
    pub files: usize,
    /// How many of them wait to be merged.
    pub unmerged: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// How many files are no part of it any more, and go when nobody can be reading them.
    pub dropped: usize,
}

/// A log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LogStats {
    /// What it is called.
    pub name: SourceName,
    /// Whose it is.
    pub gateway: GatewayName,
    /// Its format.
    pub format: String,
    /// How many files of it are known.
    pub files: usize,
    /// How many records they have.
    pub records: u64,
    /// How many of its lines could not be read.
    pub skipped: u64,
}

/// An hour.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct HourStats {
    /// Hours since the Unix epoch; the greatest number of 32 bits for [long sessions](crate::hours::LONG).
    pub hour: i32,
    /// How many sessions are filed under it.
    pub sessions: u64,
    /// How many of them are each gateway's.
    pub gateways: BTreeMap<GatewayName, u64>,
    /// How many bytes its files have; one that has several hours is shared out by rows.
    pub bytes: u64,
}

impl HourStats {
    /// The hour as people write it.
    #[must_use]
    pub fn name(&self) -> String {
        hours::name(self.hour)
    }
}

impl Store {
    /// Counts what is in it; all plain sessions are looked at.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        let mut hours: BTreeMap<i32, HourStats> = BTreeMap::new();
        let manifest = self.manifest();
        for entry in &manifest.segments {
            let path = self.place().path_of(&entry.name);
            let segment = self.segment(&entry.name)?;
            let mut counts: BTreeMap<(i32, u32), u64> = BTreeMap::new();
            segment
                .scan(
                    |_| true,
                    Columns::Trace,
                    |rows| {
                        for same in rows.chunk_by(|a, b| (a.hour, a.gateway) == (b.hour, b.gateway)) {
                            *counts.entry((same[0].hour, same[0].gateway)).or_default() += same.len() as u64;
                        }
                    },
                )
                .map_err(|error| StoreError::segment(&path, error))?;
            for (hour, rows) in &entry.hours {
                let empty = || HourStats { hour: *hour, sessions: 0, gateways: BTreeMap::new(), bytes: 0 };
                let stats = hours.entry(*hour).or_insert_with(empty);
                stats.sessions += rows;
                stats.bytes += u64::try_from(
                    u128::from(entry.bytes) * u128::from(*rows) / u128::from(entry.rows.max(1)),
                )
                .unwrap_or(entry.bytes);
            }
            for ((hour, gateway), count) in counts {
                let name = segment.names().gateways.get(gateway as usize);
                if let Some((stats, name)) = hours.get_mut(&hour).zip(name) {
                    *stats.gateways.entry(name.clone()).or_default() += count;
                }
            }
        }
        let logs = manifest.logs.iter().map(|log| LogStats {
            name: log.name.clone(),
            gateway: log.gateway.clone(),
            format: log.format.clone(),
            files: log.files.len(),
            records: log.shown.records,
            skipped: log.files.iter().map(|file| file.skipped).sum(),
        });
        Ok(Stats {
            logs: logs.collect(),
            hours: hours.into_values().collect(),
            others: manifest.records.iter().map(|entry| entry.lines).sum(),
            files: manifest.segments.len() + manifest.records.len(),
            unmerged: manifest.segments.iter().filter(|entry| !entry.is_sealed()).count(),
            bytes: manifest.bytes(),
            dropped: manifest.dropped.len(),
        })
    }
}
