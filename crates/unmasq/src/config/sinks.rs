//! `[[sinks]]`: places that answers go to.

use super::duration;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, de};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};
use unmasq_io::sink::{Place, Secret, Syslog, Transport, Webhook};
use unmasq_node::{forms::Form, serve::SinkArg};

/// As it is written.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Sink {
    name: Option<String>,
    file: Option<PathBuf>,
    webhook: Option<Hidden>,
    syslog: Option<Hidden>,
    #[serde(default)]
    form: WrittenForm,
    ca: Option<PathBuf>,
    token: Option<Hidden>,
    #[serde(default)]
    headers: BTreeMap<String, Hidden>,
    #[serde(default, deserialize_with = "duration")]
    timeout: Option<Duration>,
    batch: Option<usize>,
    batch_bytes: Option<usize>,
    confirm: Option<bool>,
    /// The folder that its paths are meant from.
    #[serde(skip)]
    folder: PathBuf,
}

/// A text in which a secret may stand.
#[derive(Deserialize)]
#[serde(transparent)]
struct Hidden(String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A form by its name.
#[derive(Debug, Default, Clone, Copy)]
struct WrittenForm(Form);

impl<'de> Deserialize<'de> for WrittenForm {
    fn deserialize<D: de::Deserializer<'de>>(text: D) -> Result<Self, D::Error> {
        const NAMES: [&str; Form::ALL.len()] = [Form::ALL[0].0, Form::ALL[1].0, Form::ALL[2].0];
        let text = String::deserialize(text)?;
        let form = Form::ALL.iter().find(|(name, _)| *name == text);
        form.map(|(_, form)| Self(*form)).ok_or_else(|| de::Error::unknown_variant(&text, &NAMES))
    }
}

impl Sink {
    /// Makes its paths those from that folder.
    pub(super) fn resolve(&mut self, folder: &Path) {
        folder.clone_into(&mut self.folder);
        for path in [&mut self.file, &mut self.ca].into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }

    fn arg(&self) -> Result<SinkArg> {
        let place = match (&self.file, &self.webhook, &self.syslog) {
            (Some(file), None, None) => Place::File(file.clone()),
            (None, Some(url), None) => Place::Webhook(self.webhook(&url.0)?),
            (None, None, Some(url)) => Place::Syslog(self.syslog(&url.0)?),
            (None, None, None) => bail!("it says nowhere to go: give `file`, `webhook` or `syslog`"),
            _ => bail!("it says several places: give one of `file`, `webhook` and `syslog`"),
        };
        self.only_what_fits(&place)?;
        let name = match &self.name {
            Some(name) if !is_name(name) => {
                bail!("a name is of letters, digits and `.-_`, 64 at most, and not `stdout`")
            }
            Some(name) => name.clone(),
            None => place.name(),
        };
        Ok(SinkArg { name, place, form: self.form.0 })
    }

    fn webhook(&self, url: &str) -> Result<Webhook> {
        let secret = |text: &Hidden| Secret::written(&text.0, &self.folder);
        let mut webhook = Webhook::new(url).context("cannot use `webhook`")?;
        if let Some(token) = &self.token {
            webhook = webhook.with_token(secret(token)).context("cannot use `token`")?;
        }
        for (name, value) in &self.headers {
            let with = webhook.with_header(name, secret(value));
            webhook = with.with_context(|| format!("cannot use the header `{name}`"))?;
        }
        for (name, bound) in [("batch", self.batch), ("batch_bytes", self.batch_bytes)] {
            if bound == Some(0) {
                bail!("`{name}` is at least 1");
            }
        }
        webhook.ca.clone_from(&self.ca);
        webhook.timeout = self.timeout.unwrap_or(webhook.timeout);
        webhook.messages = self.batch.unwrap_or(webhook.messages);
        webhook.bytes = self.batch_bytes.unwrap_or(webhook.bytes);
        Ok(webhook)
    }

    fn syslog(&self, url: &str) -> Result<Syslog> {
        let mut syslog = Syslog::new(url).context("cannot use `syslog`")?;
        if syslog.transport == Transport::Udp && self.confirm == Some(true) {
            bail!(
                "nothing that is sent by UDP says that anything arrived: `confirm` is for tcp:// and tls://"
            );
        }
        syslog.ca.clone_from(&self.ca);
        syslog.timeout = self.timeout.unwrap_or(syslog.timeout);
        syslog.confirm = self.confirm.unwrap_or(syslog.confirm);
        Ok(syslog)
    }

    /// What would change nothing is a slip.
    fn only_what_fits(&self, place: &Place) -> Result<()> {
        let (is_webhook, is_syslog) = (self.webhook.is_some(), self.syslog.is_some());
        for (name, is_there, fits, what) in [
            ("token", self.token.is_some(), is_webhook, "`webhook`"),
            ("headers", !self.headers.is_empty(), is_webhook, "`webhook`"),
            ("batch", self.batch.is_some(), is_webhook, "`webhook`"),
            ("batch_bytes", self.batch_bytes.is_some(), is_webhook, "`webhook`"),
            ("confirm", self.confirm.is_some(), is_syslog, "`syslog`"),
            ("timeout", self.timeout.is_some(), is_webhook || is_syslog, "`webhook` and `syslog`"),
            ("ca", self.ca.is_some(), place.is_encrypted(), "https:// and tls://"),
        ] {
            if is_there && !fits {
                bail!("`{name}` is for {what}");
            }
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    let is_of = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    // Standard output has that name.
    (1..=64).contains(&name.len()) && name.bytes().all(is_of) && name != "stdout"
}

/// All of them, each with a name of its own: it says up to where each was told.
pub(super) fn args(sinks: &[Sink]) -> Result<Vec<SinkArg>> {
    let (mut names, mut args) = (BTreeSet::new(), Vec::new());
    for (number, sink) in (1..).zip(sinks) {
        let arg = sink.arg().with_context(|| format!("number {number} of [[sinks]] makes no sense"))?;
        if !names.insert(arg.name.clone()) {
            bail!("two of [[sinks]] are called `{}`: give one a `name`", arg.name);
        }
        args.push(arg);
    }
    Ok(args)
}
