//! Syslog over TCP (RFC 6587) and TLS (RFC 5425): a thread for each connection, and a bounded number of them.
//!
//! Whoever closes its side and waits for ours to be closed knows that everything is on disk: it is closed only then.

use super::{
    Event, Surroundings,
    framer::{Framed, Framer},
    inbox::{Batch, Inbox},
    message::Form,
};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{SockRef, TcpKeepalive};
use std::{
    io::{self, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// How often a connection that is silent looks whether the service stops.
const WAIT: Duration = Duration::from_millis(100);
/// How often it is looked whether somebody connects.
const LOOK: Duration = Duration::from_millis(10);
/// A connection that has brought no message after so long is closed.
const FIRST: Duration = Duration::from_secs(30);
/// The kernel asks a silent peer so often whether it is there.
const ALIVE: Duration = Duration::from_secs(60);
/// So much is read at a time.
const READ_BYTES: usize = 64 * 1024;
/// So much at most is still read of a connection when the service stops.
const LAST_BYTES: usize = 4 << 20;

/// How connections are treated.
pub(super) struct Rules {
    pub(super) connections: usize,
    pub(super) idle: Duration,
    pub(super) form: Form,
    pub(super) tls: Option<Arc<ServerConfig>>,
}

/// Takes connections until the service stops, and what was sent on them by then.
pub(super) fn receive(
    listener: &TcpListener,
    rules: &Rules,
    inbox: &Inbox,
    around: &dyn Surroundings,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let open = AtomicUsize::new(0);
    let open = &open;
    thread::scope(|scope| {
        while !around.is_stopping() {
            match listener.accept() {
                Ok((stream, peer)) => {
                    if open.load(Ordering::Acquire) >= rules.connections {
                        around.count(Event::Refused, 1);
                        continue;
                    }
                    around.count(Event::Opened, 1);
                    open.fetch_add(1, Ordering::AcqRel);
                    let serve = move || {
                        connection(stream, peer, rules, inbox, around);
                        open.fetch_sub(1, Ordering::AcqRel);
                        around.count(Event::Closed, 1);
                    };
                    if let Err(error) = thread::Builder::new().spawn_scoped(scope, serve) {
                        open.fetch_sub(1, Ordering::AcqRel);
                        around.count(Event::Closed, 1);
                        around.failed("cannot serve a connection", &error);
                    }
                }
                Err(error) if super::is_wait(&error) => thread::sleep(LOOK),
                Err(error) => {
                    // Such as one that was gone at once, or too many open files.
                    around.failed("cannot accept a connection", &error);
                    thread::sleep(WAIT);
                }
            }
        }
    });
    Ok(())
}

/// One connection, to its end. What is wrong with it ends it, and nothing else.
fn connection(stream: TcpStream, peer: SocketAddr, rules: &Rules, inbox: &Inbox, around: &dyn Surroundings) {
    if prepare(&stream).is_err() {
        return;
    }
    let mut talk = Talk { from: peer.ip(), rules, inbox, around, framer: Framer::default(), group: None };
    match &rules.tls {
        None => {
            let mut stream = stream;
            if talk.read(&mut stream) {
                end_well(&stream);
            }
        }
        Some(config) => {
            let Ok(server) = ServerConnection::new(Arc::clone(config)) else { return };
            let mut stream = StreamOwned::new(server, stream);
            if talk.read(&mut stream) {
                stream.conn.send_close_notify();
                let _ = stream.flush();
                end_well(&stream.sock);
            }
        }
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(FIRST))?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(ALIVE))?;
    // However it ends, also if this process is killed: its peer sees a reset, unless we say otherwise.
    socket.set_linger(Some(Duration::ZERO))
}

/// Ends a connection so that its peer sees that everything was kept.
fn end_well(stream: &TcpStream) {
    if SockRef::from(stream).set_linger(None).is_ok() {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// What one peer says.
struct Talk<'a> {
    from: IpAddr,
    rules: &'a Rules,
    inbox: &'a Inbox,
    around: &'a dyn Surroundings,
    framer: Framer,
    /// In which group its last lines are.
    group: Option<u64>,
}

impl Talk<'_> {
    /// Reads until the peer has closed its side, or has to go; says whether all that it sent is on disk.
    fn read(&mut self, stream: &mut impl Read) -> bool {
        let mut bytes = vec![0; READ_BYTES];
        let (mut since, mut patience) = (self.around.now(), self.rules.idle.min(FIRST));
        let mut last = LAST_BYTES;
        let is_whole = loop {
            let is_stopping = self.around.is_stopping();
            match stream.read(&mut bytes) {
                Ok(0) => break true,
                Ok(length) => match self.take(&bytes[..length]) {
                    Ok(true) => (since, patience) = (self.around.now(), self.rules.idle),
                    Ok(false) => {}
                    Err(Dropped) => break false,
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if super::is_wait(&error) && !is_stopping => {}
                // It broke off, or what it says is no TLS; if the service stops, there may be more on the way.
                Err(_) => break false,
            }
            if is_stopping {
                last = last.saturating_sub(READ_BYTES);
                if last == 0 {
                    break false;
                }
            }
            if self.around.now().since(since) >= patience {
                self.around.count(Event::Idle, 1);
                break false;
            }
        };
        let is_cut = self.framer.is_within();
        self.around.count(Event::Received, u64::from(is_cut));
        self.around.count(Event::Cut, u64::from(is_cut));
        self.group.is_none_or(|group| self.inbox.wait_for(group)) && is_whole && !is_cut
    }

    /// Hands on what is whole by now; says whether there was anything.
    fn take(&mut self, bytes: &[u8]) -> Result<bool, Dropped> {
        let (form, from) = (self.rules.form, self.from);
        let (mut batch, mut too_long) = (Batch::new(), 0);
        self.framer.take(bytes, |framed| match framed {
            Framed::Message(message) => {
                let (log, text) = form.read(message, from);
                match batch.get_mut(log.as_str()) {
                    Some(lines) => lines.add(text),
                    None => batch.entry(log).or_default().add(text),
                }
            }
            Framed::TooLong => too_long += 1,
        });
        self.around.count(Event::Received, too_long);
        self.around.count(Event::Cut, too_long);
        if batch.is_empty() {
            return Ok(false);
        }
        self.group = Some(self.inbox.hand_over(batch, self.around).ok_or(Dropped)?);
        Ok(true)
    }
}

/// Nobody could keep it.
struct Dropped;
