//! Syslog over UDP (RFC 5426): a datagram is a message.

use super::{
    Event, Surroundings,
    framer::trimmed,
    inbox::{Batch, Inbox},
    message::Form,
};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

/// As much as the kernel is asked to hold until we come; it may give less.
const RECEIVE_BYTES: usize = 16 << 20;
/// How long it is waited for a datagram before anything else is looked after.
const WAIT: Duration = Duration::from_millis(100);
/// So many datagrams at most are still taken when the service stops.
const LAST: usize = 100_000;
/// How often it is asked what the kernel has dropped.
const ASK: Duration = Duration::from_secs(1);
/// No datagram is longer.
const DATAGRAM_BYTES: usize = 64 * 1024;

pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // More is better, and whatever there is will do.
    let _ = socket.set_recv_buffer_size(RECEIVE_BYTES);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Takes datagrams until the service stops, and then those that wait.
pub(super) fn receive(
    socket: &UdpSocket,
    form: Form,
    inbox: &Inbox,
    around: &dyn Surroundings,
) -> io::Result<()> {
    socket.set_read_timeout(Some(WAIT))?;
    let mut datagram = vec![0; DATAGRAM_BYTES];
    let mut kernel = Kernel::of(socket, around);
    let mut left = LAST;
    loop {
        let is_stopping = around.is_stopping();
        match socket.recv_from(&mut datagram) {
            Ok((length, from)) => {
                let message = trimmed(&datagram[..length]);
                if !message.is_empty() {
                    let (log, text) = form.read(message, from.ip());
                    let mut batch = Batch::new();
                    batch.entry(log).or_default().add(text);
                    inbox.hand_over_or_drop(batch, around);
                }
                left -= usize::from(is_stopping);
            }
            Err(_) if is_stopping => left = 0,
            Err(error) if super::is_wait(&error) => {}
            // Such as what ICMP tells of a datagram that nobody sent.
            Err(error) => {
                around.failed("cannot receive", &error);
                std::thread::sleep(WAIT);
            }
        }
        kernel.ask(around);
        if left == 0 {
            return Ok(());
        }
    }
}

/// What the kernel drops because nobody comes in time, where it says so.
struct Kernel {
    /// How the socket is called in its table.
    inode: Option<String>,
    dropped: u64,
    asked: unmasq_model::Arrival,
    datagrams: u32,
}

impl Kernel {
    fn of(socket: &UdpSocket, around: &dyn Surroundings) -> Self {
        Self { inode: inode(socket), dropped: 0, asked: around.now(), datagrams: 0 }
    }

    fn ask(&mut self, around: &dyn Surroundings) {
        // The time is not asked for each datagram of a flood.
        self.datagrams = self.datagrams.wrapping_add(1);
        if !self.datagrams.is_multiple_of(64) && !around.is_stopping() {
            return;
        }
        let now = around.now();
        let Some(inode) = &self.inode else { return };
        if now.since(self.asked) < ASK && !around.is_stopping() {
            return;
        }
        self.asked = now;
        for table in ["/proc/net/udp", "/proc/net/udp6"] {
            let table = std::fs::read_to_string(table).unwrap_or_default();
            if let Some(dropped) = dropped(&table, inode) {
                around.count(Event::LostByKernel, dropped.saturating_sub(self.dropped));
                self.dropped = dropped.max(self.dropped);
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn inode(socket: &UdpSocket) -> Option<String> {
    use std::os::fd::AsRawFd;
    let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?;
    Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
}

#[cfg(not(target_os = "linux"))]
fn inode(_: &UdpSocket) -> Option<String> {
    None
}

/// How many datagrams the table of the kernel calls dropped at a socket: its last column.
fn dropped(table: &str, inode: &str) -> Option<u64> {
    let mut rows = table.lines().map(|row| row.split_ascii_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.get(9) == Some(&inode))?;
    row.get(12)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_drops_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
             1220: 0100007F:159A 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 15923 2 0000000000000000 0\n\
             1221: 0100007F:159B 00000000:0000 07 00000000:0001D000 00:00000000 00000000  1000        0 15924 2 0000000000000000 417\n";
        assert_eq!(dropped(table, "15924"), Some(417));
        assert_eq!(dropped(table, "15925"), None);
        assert_eq!(dropped("what is this", "15925"), None);
    }
}
