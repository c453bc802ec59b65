//! Syslog that is sent to us: received, and kept as files that are followed like any other log.
//!
//! ```text
//! UDP, TCP, TLS ─► Framer ─► Inbox ─► Spool (files of whole lines) ─► whoever follows them
//! ```
//!
//! A [`Listener`] has a thread for its socket, one for each connection, and one that writes. What it has received is
//! written and synced in groups, after 50 ms or 1 MiB. From then on it is a log like any other: where it was read up
//! to, what happens after a crash, and that each line counts once, is the follower's.
//!
//! Headers stay in front of messages, for the decoders read them, unless somebody says otherwise.
//!
//! Invariant: memory is bounded, whatever peers send: [`MESSAGE_LIMIT`] for each connection, and a few MiB for all.
//! Invariant: a line is a whole message, or it is not there; what is not there is counted.

mod framer;
mod inbox;
mod message;
mod pushed;
mod spool;
mod stream;
mod tls;
mod udp;

pub use framer::MESSAGE_LIMIT;
pub use message::{By, is_name};
pub use pushed::{Coding, PushError, Pushed, unpack};
pub use tls::TlsFiles;

use inbox::Inbox;
use message::Form;
use rustls::ServerConfig;
use spool::{Bounds, Spool};
use std::{
    io,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};
use unmasq_model::Arrival;

/// What is listened to, and where it is kept.
#[derive(Clone, Debug)]
pub struct Listen {
    /// What the log is called; see [`is_name`].
    pub name: String,
    /// Where senders send to.
    pub address: SocketAddr,
    /// How.
    pub transport: Transport,
    /// What tells several logs apart that come to this place.
    pub by: By,
    /// Whether headers are cut off: for what is read by somebody who does not know them.
    pub without_header: bool,
    /// The folder of its files, which nothing else is in.
    pub folder: PathBuf,
    /// How much there may be of everything.
    pub limits: Limits,
}

/// How messages are sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Transport {
    /// RFC 5426: nothing says that a message was lost.
    Udp,
    /// RFC 6587, both of its framings.
    Tcp,
    /// RFC 5425; the other framing is read too.
    Tls(TlsFiles),
}

/// How much there may be of what peers decide about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections; more are refused.
    pub connections: usize,
    /// A connection without a message for so long is closed; after 30 s if there never was one.
    pub idle: Duration,
    /// Bytes on disk. When there are so many that nobody has read, streams are not read any more, and datagrams
    /// are dropped.
    pub bytes: u64,
    /// Logs that are told apart; messages of more are dropped.
    pub logs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 256, idle: Duration::from_secs(3600), bytes: 4 << 30, logs: 256 }
    }
}

/// One file of a spool has so many bytes, …
const FILE_BYTES: u64 = 64 << 20;
/// … or this share of all, if that is less.
const FILE_SHARE: u64 = 4;
/// What was read is kept for so long.
const KEEP: Duration = Duration::from_secs(3600);

/// Something that happens, and is counted.
///
/// Received = spooled + dropped + cut; opened = open + closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Messages came, as far as it was read.
    Received,
    /// They are on disk.
    Spooled,
    /// There was no room for them, on disk or in time.
    Dropped,
    /// They were too long, or their connection ended within them.
    Cut,
    /// The kernel dropped datagrams that nobody took in time; they are none of those that were received.
    LostByKernel,
    /// Connections were taken.
    Opened,
    /// They ended.
    Closed,
    /// There were too many of them.
    Refused,
    /// They ended because they brought no message for too long.
    Idle,
}

/// What a listener must be told, and whom it tells.
pub trait Surroundings: Sync {
    /// What time it is.
    fn now(&self) -> Arrival;
    /// Whether it is to stop.
    fn is_stopping(&self) -> bool;
    /// Up to which byte a file was read, so that nobody needs it any more.
    fn read_up_to(&self, file: &Path) -> u64;
    /// So many more of that happened.
    fn count(&self, event: Event, more: u64);
    /// Something did not work, and is tried again.
    fn failed(&self, what: &str, error: &io::Error);
}

/// Why nothing can be listened to.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is taken, or not ours.
    #[error("cannot listen to {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A certificate or a key cannot be used.
    #[error("cannot use `{}` for TLS: {why}", .path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The folder of the spool cannot be used.
    #[error("cannot use the folder `{}`", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Listen {
    /// Says whether it could be listened to, as far as that can be said without doing it.
    ///
    /// # Errors
    /// When a certificate or a key cannot be used.
    pub fn check(&self) -> Result<(), ListenError> {
        self.tls().map(drop)
    }

    fn tls(&self) -> Result<Option<Arc<ServerConfig>>, ListenError> {
        match &self.transport {
            Transport::Tls(files) => files.load().map(Some),
            Transport::Udp | Transport::Tcp => Ok(None),
        }
    }
}

/// Something that is listened to.
#[derive(Debug)]
pub struct Listener {
    listen: Listen,
    socket: Socket,
    tls: Option<Arc<ServerConfig>>,
    spool: Spool,
}

#[derive(Debug)]
enum Socket {
    Datagrams(UdpSocket),
    Streams(TcpListener),
}

impl Listener {
    /// Takes the address; what is sent to it waits until [`receive`](Self::receive) is called.
    ///
    /// # Errors
    /// When the address, the certificate or the folder cannot be used.
    pub fn bind(listen: &Listen, now: Arrival) -> Result<Self, ListenError> {
        let tls = listen.tls()?;
        let address = listen.address;
        let socket = match listen.transport {
            Transport::Udp => udp::bind(address).map(Socket::Datagrams),
            Transport::Tcp | Transport::Tls(_) => TcpListener::bind(address).map(Socket::Streams),
        };
        let socket = socket.map_err(|source| ListenError::Bind { address, source })?;
        let Limits { bytes, logs, .. } = listen.limits;
        let bounds = Bounds { bytes, file: FILE_BYTES.min(bytes / FILE_SHARE), keep: KEEP, logs };
        let name = (listen.by == By::Nothing).then_some(listen.name.as_str());
        let spool = Spool::open(&listen.folder, name, bounds, now)
            .map_err(|source| ListenError::Folder { path: listen.folder.clone(), source })?;
        Ok(Self { listen: listen.clone(), socket, tls, spool })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When nobody can tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        match &self.socket {
            Socket::Datagrams(socket) => socket.local_addr(),
            Socket::Streams(listener) => listener.local_addr(),
        }
    }

    /// Receives until it is to stop; whatever it took by then is on disk when this returns, or counted as dropped.
    pub fn receive(self, around: &dyn Surroundings) {
        let Self { listen, socket, tls, mut spool } = self;
        let form = Form { by: listen.by, without_header: listen.without_header };
        let inbox = Inbox::default();
        thread::scope(|scope| {
            let writer = scope.spawn(|| inbox.write(&mut spool, around));
            let received = match &socket {
                Socket::Datagrams(socket) => udp::receive(socket, form, &inbox, around),
                Socket::Streams(listener) => {
                    let Limits { connections, idle, .. } = listen.limits;
                    let rules = stream::Rules { connections, idle, form, tls };
                    stream::receive(listener, &rules, &inbox, around)
                }
            };
            if let Err(error) = received {
                around.failed("cannot listen", &error);
            }
            inbox.end();
            // If it panicked, so does the scope.
            let _ = writer.join();
        });
    }
}

/// Whether nothing has come yet.
pub(crate) fn is_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
