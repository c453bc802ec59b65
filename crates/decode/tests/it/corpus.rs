//! The corpus: `corpus/<format>/<case>/`, each with an `input.*` and, where its times carry no zone,
//! a `zone`.

use jiff::tz::TimeZone;
use std::{
    fs,
    path::{Path, PathBuf},
};
use unmasq_decode::Format;

/// One folder of the corpus.
pub(crate) struct Case {
    pub(crate) format: Format,
    pub(crate) folder: PathBuf,
    pub(crate) input: Vec<u8>,
    pub(crate) zone: Option<TimeZone>,
}

/// Every case of every format in the registry, in order of name.
pub(crate) fn cases() -> Vec<Case> {
    Format::ALL.into_iter().flat_map(cases_of).collect()
}

fn cases_of(format: Format) -> Vec<Case> {
    let cases = entries(&repository().join("corpus").join(format.name()));
    assert!(!cases.is_empty(), "corpus/{format}/ has no case");
    cases.into_iter().map(|folder| Case::read(format, folder)).collect()
}

impl Case {
    fn read(format: Format, folder: PathBuf) -> Self {
        let is_input = |path: &&PathBuf| path.file_stem().is_some_and(|stem| stem == "input");
        let files = entries(&folder);
        let input =
            files.iter().find(is_input).unwrap_or_else(|| panic!("{} has no input.*", folder.display()));
        let zone = fs::read_to_string(folder.join("zone")).ok();
        Self {
            format,
            input: fs::read(input).unwrap(),
            zone: zone.map(|name| TimeZone::get(name.trim()).unwrap()),
            folder,
        }
    }

    /// Its name in messages.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.format, self.folder.file_name().unwrap_or_default().display())
    }
}

/// The repository's root.
pub(crate) fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// What a folder holds, in order of name; nothing if it is not there.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(listed) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = listed.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
