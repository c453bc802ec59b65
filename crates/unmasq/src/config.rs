//! The configuration of a service: one TOML file.

mod listen;
mod push;
#[cfg(test)]
mod reference;
mod sinks;

use anyhow::{Context, Result, bail};
use jiff::tz::TimeZone;
use rustls::ServerConfig;
use serde::{Deserialize, Deserializer, de::Error};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use unmasq_decode::{Format, alert::AlertFormat};
use unmasq_io::listen::TlsFiles;
use unmasq_model::{GatewayName, Realm};
use unmasq_node::{
    SessionsArg, Sources, Window,
    batch::{AlertsArg, EvidenceDetail},
    serve::{GatewayOptions, Options, Patience, PushArg},
};
use unmasq_web::{Role, Token};

/// Every key with its meaning; what is commented out is the default. It is the reference in the documents, and
/// `unmasq config example` prints it.
pub(crate) const EXAMPLE: &str = include_str!("config.example.toml");

/// A configuration.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    data: PathBuf,
    inventory: Option<PathBuf>,
    #[serde(default, deserialize_with = "zone")]
    tz: Option<TimeZone>,
    #[serde(default, deserialize_with = "duration")]
    clock_bound: Option<Duration>,
    realm: Option<String>,
    #[serde(default)]
    processes: Vec<String>,
    #[serde(default)]
    sessions: Vec<Sessions>,
    #[serde(default)]
    alerts: Vec<Alerts>,
    #[serde(default)]
    listen: Vec<listen::Listen>,
    #[serde(default)]
    push: Vec<push::Push>,
    #[serde(default)]
    sinks: Vec<sinks::Sink>,
    #[serde(default)]
    gateways: Gateways,
    #[serde(default)]
    answers: Answers,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    pub(crate) http: Http,
    #[serde(default)]
    pub(crate) log: Log,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Sessions {
    path: String,
    format: Option<String>,
    log_format: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Alerts {
    path: String,
    format: Option<String>,
    field_map: Option<PathBuf>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, default)]
struct Gateways {
    on: Vec<String>,
    discovered: Discovered,
}

#[derive(Deserialize, Debug, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Discovered {
    #[default]
    Off,
    On,
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
struct Answers {
    #[serde(default, deserialize_with = "duration")]
    wait: Option<Duration>,
    #[serde(default)]
    waits: BTreeMap<String, Wait>,
    #[serde(default, deserialize_with = "duration")]
    stand: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    keep: Option<Duration>,
    field: Option<String>,
    #[serde(default)]
    evidence: Evidence,
}

/// How long alerts wait that one gateway may have translated.
#[derive(Deserialize, Debug)]
#[serde(transparent)]
struct Wait(#[serde(deserialize_with = "duration")] Option<Duration>);

#[derive(Deserialize, Debug, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Evidence {
    #[default]
    Full,
    Ref,
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
struct Limits {
    open_alerts: Option<usize>,
    #[serde(default, deserialize_with = "duration")]
    keep_sessions: Option<Duration>,
    window_bytes: Option<usize>,
    #[serde(default, deserialize_with = "duration")]
    window: Option<Duration>,
    lot: Option<usize>,
    lots: Option<usize>,
    #[serde(default, deserialize_with = "duration")]
    poll: Option<Duration>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    pub(crate) listen: SocketAddr,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    clients: Option<PathBuf>,
    tokens: Vec<HttpToken>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct HttpToken {
    name: String,
    role: Role,
    sha256: String,
    accounts: Option<BTreeSet<String>>,
}

impl Default for Http {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 7450));
        Self { listen, cert: None, key: None, clients: None, tokens: Vec::new() }
    }
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) form: LogForm,
    pub(crate) level: Level,
}

#[derive(Deserialize, Debug, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogForm {
    #[default]
    Human,
    Json,
}

#[derive(Deserialize, Debug, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

impl Level {
    pub(crate) fn filter(self) -> tracing::Level {
        match self {
            Self::Error => tracing::Level::ERROR,
            Self::Warn => tracing::Level::WARN,
            Self::Info => tracing::Level::INFO,
            Self::Debug => tracing::Level::DEBUG,
        }
    }
}

impl Config {
    /// Reads one. Paths in it are meant from the folder that it lies in.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration `{}`", path.display()))?;
        let mut config: Self =
            // The line itself is not shown: there may be a secret in it.
            toml::from_str(&text).map_err(|error: toml::de::Error| {
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                anyhow::anyhow!("`{}` is not a configuration: line {line}: {}", path.display(), error.message())
            })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.data = folder.join(&config.data);
        config.inventory = config.inventory.map(|path| folder.join(path));
        let sessions = config.sessions.iter_mut().map(|sessions| &mut sessions.path);
        let alerts = config.alerts.iter_mut().map(|alerts| &mut alerts.path);
        for path in sessions.chain(alerts).chain(&mut config.processes) {
            *path = folder.join(&*path).to_string_lossy().into_owned();
        }
        config.sinks.iter_mut().for_each(|sink| sink.resolve(folder));
        config.listen.iter_mut().for_each(|listen| listen.resolve(folder));
        let Http { cert, key, clients, .. } = &mut config.http;
        for path in [cert, key, clients].into_iter().flatten() {
            *path = folder.join(&*path);
        }
        config.push.iter_mut().for_each(|push| push.resolve(folder));
        for map in config.alerts.iter_mut().filter_map(|alerts| alerts.field_map.as_mut()) {
            *map = folder.join(&*map);
        }
        Ok(config)
    }

    /// What the service is to do.
    pub(crate) fn options(&self) -> Result<Options> {
        let usual = Options::new(self.data.clone());
        let Patience { wait, stand } = usual.patience;
        let sinks = sinks::args(&self.sinks)?;
        let is_heard = self.listen.iter().any(listen::Listen::is_of_sessions)
            || self.push.iter().any(push::Push::is_of_sessions);
        if self.sessions.is_empty() && self.inventory.is_none() && !is_heard {
            bail!(
                "nothing to trace with: name session logs under [[sessions]], [[listen]] or [[push]], or an `inventory` that names them"
            );
        }
        Ok(Options {
            sources: Sources {
                inventory: self.inventory.clone(),
                store: None,
                sessions: self.sessions.iter().map(Sessions::arg).collect::<Result<_>>()?,
                heard: Vec::new(),
                processes: self.processes.clone(),
                zone: self.tz.clone(),
                clock_bound: self.clock_bound,
                sensor_realm: self.realm.as_deref().map(Realm::from),
            },
            alerts: self.alerts.iter().map(Alerts::arg).collect::<Result<_>>()?,
            listen: listen::args(&self.listen, &self.data)?,
            push: self.pushes()?,
            zone: self.tz.clone(),
            sinks,
            field: self.answers.field.clone().unwrap_or(usual.field),
            evidence: match self.answers.evidence {
                Evidence::Full => EvidenceDetail::Full,
                Evidence::Ref => EvidenceDetail::Ref,
            },
            gateways: GatewayOptions {
                named: self.gateways.on.iter().map(|name| GatewayName::from(name.as_str())).collect(),
                discovered: self.gateways.discovered == Discovered::On,
            },
            patience: Patience {
                wait: self.answers.wait.unwrap_or(wait),
                stand: self.answers.stand.unwrap_or(stand),
            },
            waits: self
                .answers
                .waits
                .iter()
                .filter_map(|(name, Wait(wait))| Some((GatewayName::from(name.as_str()), (*wait)?)))
                .collect(),
            keep: self.answers.keep.unwrap_or(usual.keep),
            keep_sessions: self.limits.keep_sessions,
            open_max: self.limits.open_alerts.unwrap_or(usual.open_max),
            window: Window {
                length: self.limits.window.unwrap_or(usual.window.length),
                bytes: self.limits.window_bytes.unwrap_or(usual.window.bytes),
            },
            poll: self.limits.poll.unwrap_or(usual.poll),
            lot: self.limits.lot.unwrap_or(usual.lot).max(1),
            lots: self.limits.lots.unwrap_or(usual.lots).max(2),
            data: usual.data,
        })
    }
}

impl Config {
    /// The places of [[push]]; their folders lie beside those of [[listen]].
    fn pushes(&self) -> Result<Vec<PushArg>> {
        let mut names: BTreeSet<&str> = self.listen.iter().map(listen::Listen::name).collect();
        if let Some(twice) = self.push.iter().find(|push| !names.insert(&push.name)) {
            bail!("two of [[listen]] and [[push]] are called `{}`", twice.name);
        }
        self.push.iter().map(push::Push::arg).collect()
    }
}

impl Http {
    /// What is shown by TLS, if that is how it is asked.
    pub(crate) fn tls(&self) -> Result<Option<Arc<ServerConfig>>> {
        match (&self.cert, &self.key) {
            (Some(certificate), Some(key)) => {
                let (certificate, key) = (certificate.clone(), key.clone());
                Ok(Some(TlsFiles { certificate, key, clients: self.clients.clone() }.load()?))
            }
            (None, None) if self.clients.is_none() => Ok(None),
            _ => bail!("TLS under [http] needs `cert` and `key`"),
        }
    }

    /// Who may ask, if the address may be listened on with no others.
    pub(crate) fn tokens(&self) -> Result<Vec<Token>> {
        let mut tokens: Vec<Token> = Vec::new();
        for HttpToken { name, role, sha256, accounts } in &self.tokens {
            if tokens.iter().any(|token| token.name() == name) {
                bail!("two tokens are called `{name}`: name each after whoever has it");
            }
            if name == "configuration" {
                bail!("no token can be called `configuration`: that is who turns switches at the start");
            }
            let token = Token::new(name.clone(), *role, sha256).map_err(anyhow::Error::msg)?;
            tokens.push(match accounts {
                Some(accounts) if accounts.is_empty() => {
                    bail!("the token `{name}` is for no account: name some")
                }
                Some(accounts) => token.for_accounts(accounts.clone()),
                None => token,
            });
        }
        unmasq_web::check(self.listen, &tokens)?;
        Ok(tokens)
    }
}

impl Sessions {
    fn arg(&self) -> Result<SessionsArg> {
        let format = self.format.as_deref().map(session_format);
        let layout = self.log_format.as_deref().map(Arc::from);
        Ok(SessionsArg { format: format.transpose()?, layout, path: self.path.clone() })
    }
}

impl Alerts {
    fn arg(&self) -> Result<AlertsArg> {
        let format = alert_format(self.format.as_deref(), self.field_map.as_deref())?;
        Ok(AlertsArg { format, path: self.path.clone() })
    }
}

fn session_format(name: &str) -> Result<Format> {
    let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
    name.parse().map_err(|_| {
        anyhow::anyhow!("`{name}` is not a format that can be read; there are {}", names.join(", "))
    })
}

/// The form that is called so, or that a field map describes.
fn alert_format(name: Option<&str>, map: Option<&Path>) -> Result<Option<AlertFormat>> {
    let map = map.map(crate::trace::field_map).transpose()?;
    match (name, map) {
        (None | Some("flat"), Some(map)) => Ok(Some(AlertFormat::Flat(map))),
        (Some(name), _) => match AlertFormat::preset(name) {
            Some(format) => Ok(Some(format)),
            None => {
                let known: Vec<&str> = AlertFormat::PRESETS.iter().map(AlertFormat::name).collect();
                bail!(
                    "`{name}` is not a form of alerts; there are {}, and flat with field_map",
                    known.join(", ")
                )
            }
        },
        (None, None) => Ok(None),
    }
}

fn zone<'de, D: Deserializer<'de>>(text: D) -> Result<Option<TimeZone>, D::Error> {
    unmasq_io::zone(&String::deserialize(text)?).map(Some).map_err(D::Error::custom)
}

fn duration<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Duration>, D::Error> {
    unmasq_io::duration(&String::deserialize(text)?).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Options> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("unmasq.toml");
        fs::write(&path, text)?;
        let config = Config::read(&path)?;
        config.http.tokens()?;
        config.options()
    }

    #[test]
    fn the_example_says_the_defaults() {
        let plain = read(EXAMPLE).unwrap();
        let usual = Options::new(plain.data.clone());
        // With everything that is commented out, it is still the same.
        let all: String = EXAMPLE
            .lines()
            .map(|line| line.strip_prefix("#= ").unwrap_or(line))
            .flat_map(|line| [line, "\n"])
            .collect();
        assert_ne!(all, EXAMPLE);
        let said = read(&all).unwrap();
        let facts = |of: &Options| {
            let Options { patience, keep, open_max, poll, lot, lots, field, window, .. } = of.clone();
            (patience, keep, open_max, poll, lot, lots, field, window)
        };
        assert_eq!(facts(&said), facts(&usual));
        let config: Config = toml::from_str(&all).unwrap();
        assert_eq!(config.http.listen, Http::default().listen);
    }

    #[test]
    fn each_token_has_a_name_of_its_own() {
        let hash = "0a".repeat(32);
        let token = format!("[[http.tokens]]\nname = \"siem\"\nrole = \"viewer\"\nsha256 = \"{hash}\"\n");
        let tokens =
            |text: &str| toml::from_str::<Config>(&format!("data = \"x\"\n{text}")).unwrap().http.tokens();
        assert_eq!(tokens(&format!("[http]\nlisten = \"[::]:7450\"\n{token}")).unwrap()[0].name(), "siem");
        assert!(
            tokens(&format!("{token}{token}"))
                .unwrap_err()
                .to_string()
                .contains("two tokens are called `siem`")
        );
    }

    #[test]
    fn slips_are_named() {
        for (text, said) in [
            ("data = \"x\"\nsesions = []", "unknown field `sesions`"),
            ("data = \"x\"\n[answers]\nwait = \"soon\"", "is not a duration"),
            ("data = \"x\"\n[[sessions]]\npath = \"a\"\nformat = \"conntrak\"", "is not a format"),
            ("data = \"x\"", "nothing to trace with"),
            (
                "data = \"x\"\n[[listen]]\nname = \"a.log.1\"\nsyslog = \"udp://127.0.0.1:1\"",
                "a name is of letters",
            ),
            (
                "data = \"x\"\n[[listen]]\nname = \"a\"\nsyslog = \"tls://127.0.0.1:1\"",
                "needs `cert` and `key`",
            ),
            ("data = \"x\"\n[[listen]]\nname = \"a\"\nsyslog = \"udp://x:1\"", "is not an address"),
            ("data = \"x\"\n[[listen]]\nname = \"a\"\nsyslog = \"udp://127.0.0.1:1\"", "`format` must say"),
            ("data = \"x\"\n[[sinks]]", "says nowhere to go"),
            ("data = \"x\"\n[[sinks]]\nfile = \"a\"\nsyslog = \"tcp://a:1\"", "says several places"),
            ("data = \"x\"\n[[sinks]]\nfile = \"a\"\nfrom = \"ecs\"", "unknown field `from`"),
            ("data = \"x\"\n[[sinks]]\nfile = \"a\"\nform = \"cef\"", "unknown variant `cef`"),
            (
                "data = \"x\"\n[[sinks]]\nfile = \"a\"\ntimeout = \"9s\"",
                "`timeout` is for `webhook` and `syslog`",
            ),
            ("data = \"x\"\n[[sinks]]\nsyslog = \"tcp://a:1\"\ntoken = \"x\"", "`token` is for `webhook`"),
            ("data = \"x\"\n[[sinks]]\nsyslog = \"udp://a:1\"\nconfirm = true", "says that anything arrived"),
            (
                "data = \"x\"\n[[sinks]]\nsyslog = \"tcp://a:1\"\nca = \"b\"",
                "`ca` is for https:// and tls://",
            ),
            ("data = \"x\"\n[[sinks]]\nwebhook = \"http://a\"\ntoken = \"key\"", "write https://"),
            ("data = \"x\"\n[[sinks]]\nwebhook = \"https://a\"\nbatch = 0", "`batch` is at least 1"),
            (
                "data = \"x\"\n[[sinks]]\nwebhook = \"https://a/x\"\n[[sinks]]\nwebhook = \"https://a/y\"",
                "two of [[sinks]] are called `webhook:https://a`",
            ),
            ("data = \"x\"\n[[sinks]]\nfile = \"a\"\nname = \"a b\"", "a name is of letters"),
            ("inventory = \"x\"", "missing field `data`"),
            ("data = \"x\"\n[http]\nlisten = \"0.0.0.0:7450\"", "without a token"),
            (
                "data = \"x\"\n[[http.tokens]]\nname = \"a\"\nrole = \"viewer\"\nsha256 = \"a\"",
                "unmasq config token",
            ),
            (
                "data = \"x\"\n[[http.tokens]]\nname = \"a\"\nrole = \"boss\"\nsha256 = \"a\"",
                "unknown variant `boss`",
            ),
        ] {
            let error = format!("{:#}", read(text).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
    }
}
