//! Lines posted over HTTP (newline-delimited JSON), with TLS by rustls.
//!
//! A batch is one request, and it was told when the answer is 2xx. Nothing else moves on: a redirection is an answer
//! like any other, for whoever gets alerts and a token is to be written down.
//!
//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header: a string in quotes) is made of the sink's name, the first and the last
//! sequence of the batch and a hash of its bytes: the same batch has the same key whenever it is sent, and no other
//! has it, also after a service began anew.

use super::{
    Message, Secret, Sink, SinkError, Told,
    address::{Address, NotAPlace},
    tls::{provider, roots},
};
use jiff::{Timestamp, fmt::rfc2822};
use std::{
    fmt,
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use ureq::{
    Agent, Body,
    http::{HeaderName, HeaderValue, Response, Uri, header},
    tls::{Certificate, RootCerts, TlsConfig},
};
use xxhash_rust::xxh3::xxh3_64;

/// A connection is made within this time, or that of the whole request if it is shorter.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// So much is read of an answer, so that its connection can be used again; …
const ANSWER_BYTES: u64 = 64 * 1024;
/// … and so much of it is shown if it is no good one.
const SHOWN_CHARS: usize = 300;
/// An answer's head is no longer.
const HEAD_BYTES: usize = 64 * 1024;

/// What lines are posted to.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    address: Address,
    uri: Uri,
    headers: Vec<Header>,
    /// Whose certificates are believed, in PEM; without it, those that the system trusts.
    pub ca: Option<PathBuf>,
    /// From the connection to the end of the answer.
    pub timeout: Duration,
    /// So many messages are sent together at most.
    pub messages: usize,
    /// So many bytes, unless one message alone is longer.
    pub bytes: usize,
}

/// One header that is sent along.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Header {
    name: HeaderName,
    /// What stands before the secret.
    before: &'static str,
    secret: Secret,
}

/// What each request says of itself; nobody else may.
const OURS: [HeaderName; 5] =
    [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::HOST, KEY];
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl Webhook {
    /// That of an address.
    ///
    /// # Errors
    /// When it is none, or is not `http` or `https`.
    pub fn new(url: &str) -> Result<Self, NotAPlace> {
        let (address, uri) = Address::read(url)?;
        if !matches!(address.scheme.as_str(), "http" | "https") {
            return Err(NotAPlace("it is not http:// or https://"));
        }
        let (timeout, messages, bytes) = (Duration::from_secs(30), 500, 1 << 20);
        Ok(Self { address, uri, headers: Vec::new(), ca: None, timeout, messages, bytes })
    }

    /// With `Authorization: Bearer` and that token (RFC 6750).
    ///
    /// # Errors
    /// When it would go over the network in the clear.
    pub fn with_token(self, token: Secret) -> Result<Self, NotAPlace> {
        self.with(Header { name: header::AUTHORIZATION, before: "Bearer ", secret: token })
    }

    /// With one more header.
    ///
    /// # Errors
    /// When it has no such name, is one of those that say what is posted, or would go over the network in the clear.
    pub fn with_header(self, name: &str, value: Secret) -> Result<Self, NotAPlace> {
        let name: HeaderName = name.parse().map_err(|_| NotAPlace("no header has such a name"))?;
        if OURS.contains(&name) {
            return Err(NotAPlace("that header says what is posted: it is not for others to say"));
        }
        self.with(Header { name, before: "", secret: value })
    }

    fn with(mut self, header: Header) -> Result<Self, NotAPlace> {
        if !self.is_encrypted() && !self.address.is_this_machine() {
            return Err(NotAPlace("whoever listens on the way would read its secret: write https://"));
        }
        if self.headers.iter().any(|known| known.name == header.name) {
            return Err(NotAPlace("one header is there twice"));
        }
        self.headers.push(header);
        Ok(self)
    }

    /// What of its address is no secret.
    pub(super) fn shown(&self) -> String {
        self.address.to_string()
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.address.scheme == "https"
    }

    fn agent(&self) -> Result<Agent, SinkError> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // No environment variable decides where alerts go.
            .proxy(None)
            .user_agent(concat!("unmasq/", env!("CARGO_PKG_VERSION")))
            .max_response_header_size(HEAD_BYTES)
            .timeout_global(Some(self.timeout))
            .timeout_connect(Some(self.timeout.min(CONNECT_TIME)));
        if !self.is_encrypted() {
            return Ok(config.build().new_agent());
        }
        let roots = roots(self.ca.as_deref())?;
        let roots = roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(provider())
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .build();
        Ok(config.tls_config(tls).build().new_agent())
    }

    /// The headers as they are now, each with its secret.
    fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue, String)>, SinkError> {
        let value = |header: &Header| {
            let secret = header.secret.read()?;
            let value = HeaderValue::from_str(&format!("{}{secret}", header.before));
            let mut value = value.map_err(|_| SinkError::Secret {
                from: header.secret.place(),
                why: "no header can hold it".into(),
            })?;
            value.set_sensitive(true);
            Ok((header.name.clone(), value, secret))
        };
        self.headers.iter().map(value).collect()
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("address", &self.shown())
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// Posts.
pub(super) struct Poster {
    webhook: Webhook,
    /// What the sink is called.
    name: String,
    agent: Agent,
    /// So many messages are sent together by now: fewer when the receiver has called that too much.
    messages: usize,
}

impl Poster {
    pub(super) fn new(webhook: &Webhook, name: &str) -> Result<Self, SinkError> {
        // What is wrong with a secret is said at once. It is read again for each request, for it may be renewed.
        webhook.headers()?;
        let (agent, messages) = (webhook.agent()?, webhook.messages.max(1));
        Ok(Self { webhook: webhook.clone(), name: name.to_owned(), agent, messages })
    }

    /// How many of these go together, as lines.
    fn batch(&self, messages: &[Message]) -> (usize, Vec<u8>) {
        let (mut count, mut body) = (0, Vec::new());
        for message in messages.iter().take(self.messages) {
            if count > 0 && body.len() + message.text.len() + 1 > self.webhook.bytes {
                break;
            }
            body.extend_from_slice(&message.text);
            body.push(b'\n');
            count += 1;
        }
        (count, body)
    }

    fn post(&self, told: &[Message], body: &[u8]) -> Result<(), SinkError> {
        let [Message { sequence: first, .. }, ..] = told else { return Ok(()) };
        let last = told.last().map_or(*first, |message| message.sequence);
        let key = format!("\"{}-{first}-{last}-{:016x}\"", self.name, xxh3_64(body));
        let headers = self.webhook.headers()?;
        let mut request = self
            .agent
            .post(&self.webhook.uri)
            .header(header::CONTENT_TYPE, "application/x-ndjson")
            .header(KEY, key);
        for (name, value, _) in &headers {
            request = request.header(name, value);
        }
        let mut answer = request.send(body).map_err(|error| SinkError::Send(without_address(error)))?;
        let status = answer.status().as_u16();
        let text = start(&mut answer);
        if answer.status().is_success() {
            return Ok(());
        }
        let text = shown(&text, headers.iter().map(|(.., secret)| secret.as_str()));
        Err(SinkError::Answer { status, text, retry_after: retry_after(&answer) })
    }
}

impl Sink for Poster {
    fn tell(&mut self, messages: &[Message]) -> Result<Told, SinkError> {
        loop {
            let (count, body) = self.batch(messages);
            match self.post(&messages[..count], &body) {
                // RFC 9110, 15.5.14: content too large. It is for as long as this runs.
                Err(SinkError::Answer { status: 413, .. }) if count > 1 => self.messages = count / 2,
                Err(error) => return Err(error),
                Ok(()) => return Ok(Told::all(count)),
            }
        }
    }
}

/// Of all its errors, one repeats the address.
fn without_address(error: ureq::Error) -> io::Error {
    match error {
        ureq::Error::BadUri(_) => io::Error::new(io::ErrorKind::InvalidInput, "the address cannot be used"),
        other => other.into_io(),
    }
}

/// How an answer begins. What cannot be read of it is not there: its status is known.
fn start(answer: &mut Response<Body>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = answer.body_mut().as_reader().take(ANSWER_BYTES).read_to_end(&mut bytes);
    bytes
}

/// That start as a line for people, without any secret that the receiver may have repeated.
fn shown<'s>(bytes: &[u8], secrets: impl Iterator<Item = &'s str>) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    for secret in secrets {
        text = text.replace(secret, "***");
    }
    let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().take(SHOWN_CHARS).collect()
}

/// RFC 9110, 10.2.3: seconds, or a date. A date is held against that of the answer, so that no clock of ours matters.
fn retry_after(answer: &Response<Body>) -> Option<Duration> {
    let header = |name| answer.headers().get(name)?.to_str().ok();
    let text = header(header::RETRY_AFTER)?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment =
        |text: &str| -> Option<Timestamp> { rfc2822::DateTimeParser::new().parse_timestamp(text).ok() };
    let wait = moment(text)?.duration_since(moment(header(header::DATE)?)?);
    Some(Duration::try_from(wait).unwrap_or_default())
}
