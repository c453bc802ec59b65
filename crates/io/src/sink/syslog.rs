//! Syslog (RFC 5424), over TCP (RFC 6587, with octet counting), TLS (RFC 5425) or UDP (RFC 5426).
//!
//! ```text
//! <84>1 2026-11-22T10:57:52.309137Z host unmasq - trace [unmasq@32473 alert="…" revision="1" status="traced"] {…}
//! ```
//!
//! Nothing in syslog says that a message arrived. Over TCP and TLS each batch therefore has a connection of its own:
//! it is sent, our side is closed, and the batch was told when the receiver closes its side. A receiver does that when it
//! has read to the end; one that closes with anything unread resets the connection (RFC 1122, 4.2.2.13), and the
//! batch is sent again. So each message arrives at least once.
//!
//! Over UDP nothing at all is known: what was sent counts as told.

use super::{
    Message, Sink, SinkError, Told,
    address::{Address, NotAPlace},
    tls::client,
};
use crate::listen::is_wait;
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};
use std::{
    fmt::Write as _,
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket},
    path::PathBuf,
    sync::Arc,
    thread,
    time::Duration,
};
use unmasq_model::{LogTime, Status};

/// RFC 5424, 6.2.1: security and authorization messages, which few may read.
const FACILITY: u8 = 10;
/// An id of structured data that nobody registered has the number of an enterprise; this one is for examples (RFC 5612),
/// and nobody's.
const DATA_ID: &str = "unmasq@32473";
/// What an IPv4 datagram holds at most.
const DATAGRAM_BYTES: usize = 65_507;
/// What is said at nearly the same time has one connection.
const GATHER: Duration = Duration::from_millis(50);
/// A receiver has nothing to say. So often it is listened to nevertheless, before its connection is given up.
const READS_MAX: usize = 16;

/// A receiver of syslog.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Syslog {
    address: Address,
    port: u16,
    /// How it is sent to.
    pub transport: Transport,
    /// Whose certificates are believed, in PEM; without it, those that the system trusts. For TLS.
    pub ca: Option<PathBuf>,
    /// How long it may take to connect, to take what was sent, and to close its side.
    pub timeout: Duration,
    /// Whether only what it closed its side for was told. Some receivers never do.
    pub confirm: bool,
}

/// How messages are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// RFC 5426.
    Udp,
    /// RFC 6587, with octet counting.
    Tcp,
    /// RFC 5425.
    Tls,
}

impl Syslog {
    /// That of `udp://host:port`, `tcp://host:port` or `tls://host:port`.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn new(url: &str) -> Result<Self, NotAPlace> {
        let (address, uri) = Address::read(url)?;
        let transport = match address.scheme.as_str() {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "tls" => Transport::Tls,
            _ => return Err(NotAPlace("it is not udp://, tcp:// or tls://")),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(NotAPlace("nothing stands behind a host and a port"));
        }
        let Some(port) = address.port else { return Err(NotAPlace("it names no port, such as `:6514`")) };
        Ok(Self { address, port, transport, ca: None, timeout: Duration::from_secs(30), confirm: true })
    }

    pub(super) fn shown(&self) -> String {
        self.address.to_string()
    }

    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<_> = (self.address.host.as_str(), self.port).to_socket_addrs()?.collect();
        if found.is_empty() { Err(io::ErrorKind::AddrNotAvailable.into()) } else { Ok(found) }
    }
}

/// The first of these that it works with, or why the last one did not.
fn first<T>(addresses: &[SocketAddr], connect: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for address in addresses {
        match connect(*address) {
            Ok(connected) => return Ok(connected),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Sends.
pub(super) struct Sender {
    syslog: Syslog,
    host: String,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Sender {
    pub(super) fn new(syslog: &Syslog) -> Result<Self, SinkError> {
        let tls = match syslog.transport {
            Transport::Tls => {
                let name = ServerName::try_from(syslog.address.host.clone());
                let name = name.map_err(|error| SinkError::Send(io::Error::other(error)))?;
                Some((client(syslog.ca.as_deref())?, name))
            }
            Transport::Tcp | Transport::Udp => None,
        };
        Ok(Self { syslog: syslog.clone(), host: host(), tls })
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let timeout = self.syslog.timeout;
        let stream = first(&self.syslog.addresses()?, |to| TcpStream::connect_timeout(&to, timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        stream.set_read_timeout(Some(timeout))?;
        Ok(stream)
    }

    fn send(&self, messages: &[Message]) -> Result<(), SinkError> {
        thread::sleep(GATHER);
        let mut bytes = Vec::new();
        for message in messages {
            let framed = framed(message, &self.host);
            // RFC 6587, 3.4.1: the length, a space, and as many bytes.
            bytes.extend_from_slice(format!("{} ", framed.len()).as_bytes());
            bytes.extend_from_slice(&framed);
        }
        let stream = self.connect().map_err(SinkError::Send)?;
        let Some((config, name)) = &self.tls else {
            return self.hand_over(stream, &bytes, |stream| stream.shutdown(Shutdown::Write));
        };
        let client = ClientConnection::new(Arc::clone(config), name.clone());
        let client = client.map_err(|error| SinkError::Send(io::Error::other(error)))?;
        self.hand_over(StreamOwned::new(client, stream), &bytes, |stream| {
            // RFC 5425, 4.4: whoever has nothing more to send says so.
            stream.conn.send_close_notify();
            stream.flush()?;
            stream.sock.shutdown(Shutdown::Write)
        })
    }

    fn hand_over<S: Read + Write>(
        &self,
        mut stream: S,
        bytes: &[u8],
        close: impl FnOnce(&mut S) -> io::Result<()>,
    ) -> Result<(), SinkError> {
        let sent = stream.write_all(bytes).and_then(|()| stream.flush());
        sent.and_then(|()| close(&mut stream)).map_err(SinkError::Send)?;
        if !self.syslog.confirm {
            return Ok(());
        }
        let mut scrap = [0; 1024];
        for _ in 0..READS_MAX {
            match stream.read(&mut scrap) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // TLS that ends without a word may have been cut by anybody (RFC 8446, 6.1).
                Err(error) if is_wait(&error) || error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(SinkError::Unconfirmed(error));
                }
                Err(error) => return Err(SinkError::Send(error)),
            }
        }
        Err(SinkError::Unconfirmed(io::Error::other("it sends something itself")))
    }

    /// Sends each as a datagram; how many went without their text.
    fn datagrams(&self, messages: &[Message]) -> io::Result<usize> {
        let socket = first(&self.syslog.addresses()?, |to| {
            let any: SocketAddr = match to {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(any)?;
            socket.connect(to)?;
            Ok(socket)
        })?;
        let mut cut = 0;
        for message in messages {
            let mut datagram = framed(message, &self.host);
            if datagram.len() > DATAGRAM_BYTES {
                // Half an object is none. Whose answer it is, and what it is, stands in the header.
                datagram = head(message, &self.host, true).into_bytes();
                cut += 1;
            }
            socket.send(&datagram)?;
        }
        Ok(cut)
    }
}

impl Sink for Sender {
    fn tell(&mut self, messages: &[Message]) -> Result<Told, SinkError> {
        match self.syslog.transport {
            Transport::Udp => {
                let cut = self.datagrams(messages).map_err(SinkError::Send)?;
                Ok(Told { messages: messages.len(), cut })
            }
            Transport::Tcp | Transport::Tls => self.send(messages).map(|()| Told::all(messages.len())),
        }
    }
}

fn framed(message: &Message, host: &str) -> Vec<u8> {
    let mut bytes = head(message, host, false).into_bytes();
    bytes.push(b' ');
    bytes.extend_from_slice(&message.text);
    bytes
}

/// RFC 5424, 6: everything before the message itself. There is no process id in it, so that what is told again is the
/// same; and no byte order mark, for what comes is an object and not a text.
fn head(message: &Message, host: &str, is_cut: bool) -> String {
    let priority = FACILITY * 8 + severity(message.status);
    let said = LogTime::from_unix_us(message.said.as_unix_us()).map_or("-".to_owned(), |at| at.to_string());
    let mut head = format!("<{priority}>1 {said} {host} unmasq - trace [{DATA_ID} alert=\"");
    for char in message.alert.0.chars() {
        // RFC 5424, 6.3.3: these three are escaped. A control character would end the message for some.
        match char {
            '"' | '\\' | ']' => head.extend(['\\', char]),
            control if control.is_control() => head.push('\u{fffd}'),
            other => head.push(other),
        }
    }
    let cut = if is_cut { " cut=\"1\"" } else { "" };
    // Writing to a String cannot fail.
    let _ = write!(head, "\" revision=\"{}\" status=\"{}\"{cut}]", message.revision, message.status);
    head
}

/// A machine that is named is a warning: somebody should look at it. That one is not named yet is a notice.
fn severity(status: Status) -> u8 {
    match status {
        Status::Traced | Status::Partial => 4,
        Status::Ambiguous | Status::Untraced => 5,
        Status::NotMasked => 6,
    }
}

/// What this machine is called, as RFC 5424, 6.2.4 has it; `-` if nobody says.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    let is_name = (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    if is_name { name.to_owned() } else { "-".to_owned() }
}
