//! The corpus: `corpus/<format>/<case>/`, each with an `input.*` and, where more must be known to read
//! it, a `hints.json`.

use jiff::tz::TimeZone;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fmt::Display,
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};
use unmasq_decode::{Format, Hints, NamedListener, Names, alert::AlertFormat};
use unmasq_model::{Endpoint, LogTime};

/// One folder of the corpus: a session log, or alerts.
pub(crate) struct Case<F = Format> {
    pub(crate) format: F,
    pub(crate) folder: PathBuf,
    pub(crate) input: Vec<u8>,
    pub(crate) hints: Hints,
}

/// Every case of every format in the registry, in order of name.
pub(crate) fn cases() -> Vec<Case> {
    Format::ALL.iter().copied().flat_map(cases_of).collect()
}

/// Every case of every form of alerts, in order of name.
pub(crate) fn alert_cases() -> Vec<Case<AlertFormat>> {
    AlertFormat::PRESETS.into_iter().flat_map(cases_of).collect()
}

fn cases_of<F: Display + Clone>(format: F) -> Vec<Case<F>> {
    let cases = entries(&repository().join("corpus").join(format.to_string()));
    assert!(!cases.is_empty(), "corpus/{format}/ has no case");
    cases.into_iter().map(|folder| Case::read(format.clone(), folder)).collect()
}

impl<F: Display> Case<F> {
    fn read(format: F, folder: PathBuf) -> Self {
        let is_input = |path: &&PathBuf| path.file_stem().is_some_and(|stem| stem == "input");
        let files = entries(&folder);
        let input =
            files.iter().find(is_input).unwrap_or_else(|| panic!("{} has no input.*", folder.display()));
        let hints = fs::read(folder.join("hints.json")).ok();
        let hints: Option<WrittenHints> = hints.map(|json| serde_json::from_slice(&json).unwrap());
        Self {
            format,
            input: fs::read(input).unwrap(),
            hints: hints.map(Hints::from).unwrap_or_default(),
            folder,
        }
    }

    /// Its lines, without their ends.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self.input.strip_suffix(b"\n").unwrap_or(&self.input);
        lines.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Its name in messages.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.format, self.folder.file_name().unwrap_or_default().display())
    }
}

/// [`Hints`] as a case writes them.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct WrittenHints {
    zone: Option<String>,
    layout: Option<Arc<str>>,
    taken: Option<LogTime>,
    written: Option<LogTime>,
    addresses: Vec<IpAddr>,
    private_ip: Option<IpAddr>,
    listeners: Vec<WrittenListener>,
    /// `backend/server` → `ip:port`.
    servers: BTreeMap<String, SocketAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenListener {
    name: Option<Arc<str>>,
    port: u16,
    layout: Option<Arc<str>>,
}

impl From<WrittenHints> for Hints {
    fn from(written: WrittenHints) -> Self {
        let listeners = written
            .listeners
            .into_iter()
            .map(|WrittenListener { name, port, layout }| NamedListener { name, port, layout });
        let servers = written.servers.into_iter().map(|(name, at)| {
            let (backend, server) = name.split_once('/').expect("backend/server");
            ((backend.into(), server.into()), Endpoint::new(at.ip(), Some(at.port())))
        });
        let names = Names {
            addresses: written.addresses,
            private_ip: written.private_ip,
            listeners: listeners.collect(),
            servers: servers.collect(),
        };
        Self {
            zone: written.zone.map(|name| TimeZone::get(&name).unwrap()),
            layout: written.layout,
            taken: written.taken,
            written: written.written,
            names: Arc::new(names),
        }
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
