//! Field maps: where a detector that writes one JSON object a line has what.
//!
//! ```toml
//! id = "alert_id"                       # only if it is unique for ever
//! sensor = "observer.name"
//! start = "start_time"                  # or `time`, for a single moment
//! end = "end_time"
//! time_unit = "s"                       # s, ms, us: since the Unix epoch; rfc3339: a text with its offset
//! src_ip = "source.ip"
//! src_port = "source.port"
//! dest_ip = "destination.ip"
//! dest_port = "destination.port"
//! protocol = "network.transport"        # a name or an IANA number
//! signature = "rule.name"
//! tls_sni = "tls.client.server_name"
//! ssh_client = "ssh.client"
//!
//! [only]                                # the other lines are no alerts
//! field = "event.kind"
//! values = ["alert"]
//!
//! [opened_by]                           # which values say that the source, or the destination, opened the flow
//! field = "network.direction"
//! src = ["outbound"]
//! dest = ["reply"]
//!
//! [class]                               # everything else is an attack
//! field = "event.category"
//! sensitive = ["data-leak"]
//! both = ["intrusion-with-leak"]
//!
//! [http]
//! host = "url.domain"
//! method = "http.request.method"
//! url = "url.original"
//! agent = "user_agent.original"
//! status = "http.response.status_code"
//! position = "http.request.number"      # of the request on its connection, from 0
//! ```
//!
//! A path is a member's name, or names joined by dots; a member whose own name has the dots comes
//! first. A value may be a number or a text. A time lasts as long as it is coarse: `1773475242` is
//! that whole second.

use serde::Deserialize;

/// Where a detector's JSON has what; made from its TOML form.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "RawFieldMap")]
pub struct FieldMap(pub(super) RawFieldMap);

/// Why a map cannot be used.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum NotAFieldMap {
    /// Neither a moment nor a start is mapped, or both are.
    #[error("a field map needs either `time` or `start`")]
    Time,
    /// An end without a start.
    #[error("a field map with `end` needs `start`")]
    EndWithoutStart,
    /// A path that names nothing, or goes deeper than we follow.
    #[error("`{0}` is not a path of one to {MOST_NAMES} names joined by dots")]
    Path(String),
}

/// How times are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TimeUnit {
    /// Seconds since the Unix epoch, with or without decimals.
    S,
    /// Milliseconds since the Unix epoch.
    Ms,
    /// Microseconds since the Unix epoch.
    Us,
    /// A text such as `2026-03-14T08:00:42.5+08:00`.
    Rfc3339,
}

/// Which lines are alerts.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Only {
    /// The field that decides.
    pub(super) field: String,
    /// Its values in alerts.
    pub(super) values: Vec<String>,
}

/// Which end opened the flow.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenerFields {
    /// The field that says so.
    pub(super) field: String,
    /// Its values where the source did.
    #[serde(default)]
    pub(super) src: Vec<String>,
    /// Its values where the destination did.
    #[serde(default)]
    pub(super) dest: Vec<String>,
}

/// What an alert is about.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClassFields {
    /// The field that says so.
    pub(super) field: String,
    /// Its values for sensitive data that left.
    #[serde(default)]
    pub(super) sensitive: Vec<String>,
    /// Its values for both at once.
    #[serde(default)]
    pub(super) both: Vec<String>,
}

/// Where the fields of an [`HttpContext`](unmasq_model::HttpContext) are; an alert shows a request if it
/// has any of them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpFields {
    pub(super) host: Option<String>,
    pub(super) method: Option<String>,
    pub(super) url: Option<String>,
    pub(super) agent: Option<String>,
    pub(super) status: Option<String>,
    pub(super) position: Option<String>,
}

/// At most this many names in a path.
const MOST_NAMES: usize = 8;

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFieldMap {
    pub(super) id: Option<String>,
    pub(super) sensor: Option<String>,
    pub(super) time: Option<String>,
    pub(super) start: Option<String>,
    pub(super) end: Option<String>,
    pub(super) time_unit: TimeUnit,
    pub(super) src_ip: String,
    pub(super) src_port: Option<String>,
    pub(super) dest_ip: String,
    pub(super) dest_port: Option<String>,
    pub(super) protocol: String,
    pub(super) signature: Option<String>,
    pub(super) tls_sni: Option<String>,
    pub(super) ssh_client: Option<String>,
    pub(super) only: Option<Only>,
    pub(super) opened_by: Option<OpenerFields>,
    pub(super) class: Option<ClassFields>,
    #[serde(default)]
    pub(super) http: HttpFields,
}

impl TryFrom<RawFieldMap> for FieldMap {
    type Error = NotAFieldMap;

    fn try_from(raw: RawFieldMap) -> Result<Self, NotAFieldMap> {
        match (&raw.time, &raw.start, &raw.end) {
            (None, None, Some(_)) | (Some(_), None, Some(_)) => return Err(NotAFieldMap::EndWithoutStart),
            (None, None, None) | (Some(_), Some(_), _) => return Err(NotAFieldMap::Time),
            (Some(_), None, None) | (None, Some(_), _) => {}
        }
        let names = |path: &str| {
            path.split('.').count() <= MOST_NAMES && path.split('.').all(|name| !name.is_empty())
        };
        let bad = raw.paths().into_iter().flatten().find(|path| !names(path)).map(str::to_owned);
        bad.map_or(Ok(Self(raw)), |path| Err(NotAFieldMap::Path(path)))
    }
}

impl RawFieldMap {
    fn paths(&self) -> [Option<&str>; 22] {
        let Self { http, .. } = self;
        [
            self.id.as_deref(),
            self.sensor.as_deref(),
            self.time.as_deref(),
            self.start.as_deref(),
            self.end.as_deref(),
            Some(&self.src_ip),
            self.src_port.as_deref(),
            Some(&self.dest_ip),
            self.dest_port.as_deref(),
            Some(&self.protocol),
            self.signature.as_deref(),
            self.tls_sni.as_deref(),
            self.ssh_client.as_deref(),
            self.only.as_ref().map(|only| only.field.as_str()),
            self.opened_by.as_ref().map(|opener| opener.field.as_str()),
            self.class.as_ref().map(|class| class.field.as_str()),
            http.host.as_deref(),
            http.method.as_deref(),
            http.url.as_deref(),
            http.agent.as_deref(),
            http.status.as_deref(),
            http.position.as_deref(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_that_cannot_work_is_refused() {
        let fields = "time_unit = 's'\nsrc_ip = 's'\ndest_ip = 'd'\nprotocol = 'p'\n";
        for (more, says) in [
            ("", "needs either `time` or `start`"),
            ("time = 't'\nstart = 's'", "needs either `time` or `start`"),
            ("time = 't'\nend = 'e'", "needs `start`"),
            ("time = 't..u'", "not a path"),
            ("time = ''", "not a path"),
            ("time = 'a.b.c.d.e.f.g.h.i'", "not a path"),
            ("time = 't'\nsrc = 'x'", "unknown field `src`"),
            ("time = 't'\n[http]\npath = 'x'", "unknown field `path`"),
        ] {
            let error = toml::from_str::<FieldMap>(&format!("{fields}{more}")).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
