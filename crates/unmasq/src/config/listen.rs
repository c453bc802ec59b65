//! `[[listen]]`: places that logs and alerts are sent to.

use super::{alert_format, duration, session_format};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use unmasq_decode::Framing;
use unmasq_io::listen::{By, Limits, Listen as Place, TlsFiles, Transport, is_name};
use unmasq_node::serve::{Heard, ListenArg, spool};

/// As it is written.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Listen {
    name: String,
    syslog: String,
    #[serde(default)]
    kind: Kind,
    format: Option<String>,
    log_format: Option<String>,
    field_map: Option<PathBuf>,
    header: Option<Header>,
    #[serde(default)]
    by: Sender,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    clients: Option<PathBuf>,
    connections: Option<usize>,
    #[serde(default, deserialize_with = "duration")]
    idle: Option<Duration>,
    spool_bytes: Option<u64>,
    hosts: Option<usize>,
}

#[derive(Deserialize, Debug, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    #[default]
    Sessions,
    Alerts,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Header {
    Keep,
    Cut,
}

#[derive(Deserialize, Debug, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Sender {
    #[default]
    Nobody,
    Address,
    Host,
}

impl Listen {
    /// Makes its paths those from that folder.
    pub(super) fn resolve(&mut self, folder: &Path) {
        let Self { field_map, cert, key, clients, .. } = self;
        for path in [field_map, cert, key, clients].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn is_of_sessions(&self) -> bool {
        matches!(self.kind, Kind::Sessions)
    }

    pub(super) fn arg(&self, data: &Path) -> Result<ListenArg> {
        let name = self.name.as_str();
        self.read(data).with_context(|| format!("[[listen]] `{name}` makes no sense"))
    }

    fn read(&self, data: &Path) -> Result<ListenArg> {
        if !is_name(&self.name) {
            bail!(
                "a name is of letters, digits and `.-_:`, and does not end as the pieces of rotated logs do"
            );
        }
        let Some((scheme, address)) = self.syslog.split_once("://") else {
            bail!("`{}` is not a place: write udp://, tcp:// or tls:// and an address", self.syslog)
        };
        let address: SocketAddr = address
            .parse()
            .with_context(|| format!("`{address}` is not an address and a port, such as 0.0.0.0:514"))?;
        let transport = match (scheme, &self.cert, &self.key) {
            ("udp", None, None) => Transport::Udp,
            ("tcp", None, None) => Transport::Tcp,
            ("tls", Some(certificate), Some(key)) => {
                let (certificate, key) = (certificate.clone(), key.clone());
                Transport::Tls(TlsFiles { certificate, key, clients: self.clients.clone() })
            }
            ("tls", _, _) => bail!("TLS needs `cert` and `key`"),
            ("udp" | "tcp", _, _) => bail!("`cert` and `key` are for tls:// only"),
            _ => bail!("`{scheme}` is not udp, tcp or tls"),
        };
        let Self { kind, format, log_format, field_map, .. } = self;
        let what = heard(*kind, format.as_deref(), log_format.as_deref(), field_map.as_deref())?;
        // No form of alerts knows headers, and every format of sessions that is sent by syslog does.
        let without_header = self.header.map_or(self.kind == Kind::Alerts, |header| header == Header::Cut);
        let by = match self.by {
            Sender::Nobody => By::Nothing,
            Sender::Address => By::Address,
            Sender::Host => By::Host,
        };
        let usual = Limits::default();
        // What waits to be written at once must fit, or a stream would wait for ever.
        if self.spool_bytes.is_some_and(|bytes| bytes < SPOOL_BYTES_MIN) {
            bail!("`spool_bytes` is at least {SPOOL_BYTES_MIN}");
        }
        let limits = Limits {
            connections: self.connections.unwrap_or(usual.connections),
            idle: self.idle.unwrap_or(usual.idle),
            bytes: self.spool_bytes.unwrap_or(usual.bytes),
            logs: self.hosts.unwrap_or(usual.logs),
        };
        let (name, folder) = (self.name.clone(), spool(data, &self.name));
        Ok(ListenArg { listen: Place { name, address, transport, by, without_header, folder, limits }, what })
    }
}

/// What comes to a place, as it is said of it.
pub(super) fn heard(
    kind: Kind,
    format: Option<&str>,
    log_format: Option<&str>,
    field_map: Option<&Path>,
) -> Result<Heard> {
    match (kind, format) {
        (Kind::Sessions, Some(format)) if field_map.is_none() => {
            let format = session_format(format)?;
            if format.traits().framing != Framing::Lines {
                bail!("{} is no format of lines, so it cannot come this way", format.name());
            }
            Ok(Heard::Sessions(format, log_format.map(Arc::from)))
        }
        (Kind::Alerts, format) if log_format.is_none() => match alert_format(format, field_map)? {
            Some(format) => Ok(Heard::Alerts(format)),
            None => bail!("`format` must say what comes"),
        },
        (Kind::Sessions, None) => bail!("`format` must say what comes"),
        _ => bail!("`log_format` is for sessions, and `field_map` for alerts"),
    }
}

/// With less, what is read and what waits to be written could be more than all that is allowed.
pub(super) const SPOOL_BYTES_MIN: u64 = 64 << 20;

/// All of them, each with a name of its own.
pub(super) fn args(listen: &[Listen], data: &Path) -> Result<Vec<ListenArg>> {
    let mut names = BTreeSet::new();
    if let Some(twice) = listen.iter().find(|listen| !names.insert(&listen.name)) {
        bail!("two of [[listen]] are called `{}`", twice.name);
    }
    listen.iter().map(|listen| listen.arg(data)).collect()
}
