//! Where answers go: files, standard output, webhooks, syslog.
//!
//! A [`Sink`] is told messages in order, and again until it took them: each of them at least once. What it was told
//! twice is the same both times; the alert's id and the revision say which it is.
//!
//! Invariant: what [`Sink::tell`] has returned from, the receiver has, as far as its protocol can say so.
//! Invariant: no secret is in an error, in a name or in what `Debug` prints.
//! Invariant: of what a receiver answers, only a named number of bytes is ever held.

mod address;
mod lines;
mod secret;
mod syslog;
mod tls;
mod webhook;

pub use address::NotAPlace;
pub use secret::Secret;
pub use syslog::{Syslog, Transport};
pub use webhook::Webhook;

use crate::tls::Unusable;
use std::{io, path::PathBuf, time::Duration};
use unmasq_model::{AlertId, Arrival, Status};

/// One revision, as it is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Its place among all that were said.
    pub sequence: u64,
    /// Whose answer it is.
    pub alert: AlertId,
    /// Which answer it is, from 1.
    pub revision: u32,
    /// What became of the alert.
    pub status: Status,
    /// When it was said.
    pub said: Arrival,
    /// What is told: lines, without the last one's end.
    pub text: Vec<u8>,
}

/// How much of it a sink has taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told {
    /// So many messages, from the first one on; at least one.
    pub messages: usize,
    /// So many of them went without their text, because it was too long for the transport.
    pub cut: usize,
}

impl Told {
    const fn all(messages: usize) -> Self {
        Self { messages, cut: 0 }
    }
}

/// Something that can be told.
pub trait Sink: Send {
    /// Tells as many of these messages as go together. There is at least one.
    ///
    /// # Errors
    /// When it cannot be known that they arrived: then all of them are to be told again, after
    /// [`SinkError::pause`].
    fn tell(&mut self, messages: &[Message]) -> Result<Told, SinkError>;
}

/// A place that answers go to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// A file that lines are added to.
    File(PathBuf),
    /// Standard output.
    Stdout,
    /// Something that lines are posted to.
    Webhook(Webhook),
    /// A receiver of syslog.
    Syslog(Syslog),
}

impl Place {
    /// What it is called, if nobody says otherwise. Of an address only what is no secret: scheme, host and port.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => format!("file:{}", path.display()),
            Self::Stdout => "stdout".into(),
            Self::Webhook(webhook) => format!("webhook:{}", webhook.shown()),
            Self::Syslog(syslog) => format!("syslog:{}", syslog.shown()),
        }
    }

    /// Whether it is sent to over TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        match self {
            Self::File(_) | Self::Stdout => false,
            Self::Webhook(webhook) => webhook.is_encrypted(),
            Self::Syslog(syslog) => syslog.transport == Transport::Tls,
        }
    }

    /// Makes what can be told under that name, without connecting to anything yet.
    ///
    /// # Errors
    /// When a certificate or a secret cannot be used.
    pub fn open(&self, name: &str) -> Result<Box<dyn Sink>, SinkError> {
        Ok(match self {
            Self::File(path) => Box::new(lines::File::new(path.clone())),
            Self::Stdout => Box::new(lines::Stdout),
            Self::Webhook(webhook) => Box::new(webhook::Poster::new(webhook, name)?),
            Self::Syslog(syslog) => Box::new(syslog::Sender::new(syslog)?),
        })
    }
}

/// Why a sink could not be told.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// A file cannot be written.
    #[error("cannot write")]
    Write(#[source] io::Error),
    /// The receiver cannot be reached, or the connection broke.
    #[error("cannot send")]
    Send(#[source] io::Error),
    /// It took everything, and then did not end the connection in time, so that nobody knows what it has read.
    #[error(
        "the receiver does not say that it has read everything; if it never does, `confirm = false` goes without"
    )]
    Unconfirmed(#[source] io::Error),
    /// A webhook did not take it.
    #[error("the answer was {status}{}", said(.text))]
    Answer {
        /// The status of its answer.
        status: u16,
        /// How the answer began.
        text: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// A certificate cannot be used.
    #[error("cannot use `{}` for TLS: {why}", .path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The system trusts nobody, as far as it says.
    #[error("the system has no certificates to check the receiver's by: name some with `ca`")]
    NoRoots,
    /// A secret cannot be read.
    #[error("cannot read the secret out of {from}: {why}")]
    Secret {
        /// Where it should be.
        from: String,
        /// Why.
        why: String,
    },
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// What failed here is tried again after so long.
const HERE: Duration = Duration::from_secs(1);
/// What failed elsewhere waits twice as long each time, and no longer than this.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// A receiver that asks for more time gets so much at most.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

impl SinkError {
    /// How long to wait before telling it again, after so many failures in a row.
    ///
    /// A receiver that refuses (a status of 4xx) is asked again once a minute: what it refuses may be a token that
    /// somebody is about to renew, and nothing is ever passed over.
    #[must_use]
    pub fn pause(&self, failures: u32) -> Duration {
        let growing = Duration::from_secs(1 << failures.saturating_sub(1).min(6)).min(PAUSE_MAX);
        match self {
            Self::Write(_) => HERE,
            Self::Answer { retry_after: Some(time), .. } => growing.max(*time).min(RETRY_AFTER_MAX),
            Self::Answer { .. } if self.is_refusal() => PAUSE_MAX,
            _ => growing,
        }
    }

    /// Whether the receiver is there and does not want it: somebody has to look.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        // RFC 9110: 408 is about time, and RFC 6585: 429 about too many at once; both pass.
        matches!(self, Self::Answer { status, .. } if *status < 500 && *status != 408 && *status != 429)
    }
}

impl From<Unusable> for SinkError {
    fn from(Unusable { path, why }: Unusable) -> Self {
        Self::Tls { path, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_elsewhere_is_tried_less_and_less_often() {
        let seconds = |error: &SinkError, failures| error.pause(failures).as_secs();
        let gone = SinkError::Send(io::ErrorKind::ConnectionRefused.into());
        assert_eq!([1, 2, 3, 6, 7, 99].map(|failures| seconds(&gone, failures)), [1, 2, 4, 32, 60, 60]);
        let answer = |status, retry_after: Option<u64>| {
            let retry_after = retry_after.map(Duration::from_secs);
            SinkError::Answer { status, text: String::new(), retry_after }
        };
        assert_eq!(seconds(&answer(503, None), 3), 4);
        assert_eq!(seconds(&answer(429, Some(17)), 1), 17, "it says when");
        assert_eq!(seconds(&answer(503, Some(17)), 7), 60, "it says so again and again");
        assert_eq!(seconds(&answer(429, Some(u64::MAX)), 1), 3600, "nobody is silenced for ever");
        assert_eq!(seconds(&answer(401, None), 1), 60);
        assert_eq!(seconds(&SinkError::Write(io::ErrorKind::StorageFull.into()), 50), 1);
        assert!(answer(400, None).is_refusal() && answer(302, None).is_refusal());
        assert!(![408, 429, 500, 599].map(|status| answer(status, None).is_refusal()).contains(&true));
    }
}
