//! The budgets as a file.

use super::surroundings::Surroundings;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

const HEAD: &str = "\
# How many instructions an item of each hot loop may take. `cargo xtask budgets` holds the loops to it, and
# `cargo xtask budgets --update` writes this file; docs/performance.md says what the loops are.
";

/// What the loops may take, and where that was counted.
#[derive(PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub(super) counted_with: Surroundings,
    /// Instructions per item.
    pub(super) instructions: BTreeMap<String, f64>,
}

impl Table {
    /// What was counted here and now.
    pub(super) fn of(counted_with: Surroundings, counted: &[(String, f64)]) -> Self {
        Self { counted_with, instructions: counted.iter().cloned().collect() }
    }

    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path);
        let table = text.map_err(anyhow::Error::from).and_then(|text| Ok(toml::from_str(&text)?));
        table.with_context(|| format!("cannot read {}", path.display()))
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, self.text()).with_context(|| format!("cannot write {}", path.display()))
    }

    /// In order of name, so that a difference of two versions shows what changed and nothing else.
    fn text(&self) -> String {
        let mut text = HEAD.to_owned() + "\n[counted_with]\n";
        for (name, value) in self.counted_with.named() {
            // Neither a version nor a processor has a letter in its name that TOML would have escaped.
            let _ = writeln!(text, "{name} = {value:?}");
        }
        text += "\n[instructions]\n";
        for (name, instructions) in &self.instructions {
            let _ = writeln!(text, "{name} = {instructions:.1}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let here = Surroundings {
            rustc: "rustc 1.95.0 (59807616e 2026-04-14)".into(),
            valgrind: "valgrind-3.19.0".into(),
            libc: "glibc 2.36".into(),
            processor: "x86_64 with avx2".into(),
        };
        let table = Table::of(here, &[("nat_csv".into(), 1_234.5), ("haproxy".into(), 30.0)]);
        let text = table.text();
        assert!(text.ends_with("[instructions]\nhaproxy = 30.0\nnat_csv = 1234.5\n"), "{text}");
        assert_eq!(toml::from_str::<Table>(&text).expect("it is TOML"), table);
    }

    #[test]
    fn the_table_of_the_repository_can_be_read() {
        let table = Table::read(&super::super::path()).expect("it can be read");
        assert!(table.instructions.values().all(|instructions| *instructions > 0.0));
    }
}
