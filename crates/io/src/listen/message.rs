//! What becomes of a message: one line.

use std::net::IpAddr;
use unmasq_decode::syslog;

/// What tells the logs apart that come to one place.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum By {
    /// Nothing: they are one.
    #[default]
    Nothing,
    /// The address that a message comes from.
    Address,
    /// The host that its header names, which are its sender's own words; without one, the address.
    Host,
}

/// How messages become lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) by: By,
    pub(super) without_header: bool,
}

/// Lines of one log, as messages come.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) bytes: Vec<u8>,
    pub(super) count: u64,
}

impl Form {
    /// Which log a message belongs to, and what of it is kept.
    pub(super) fn read(self, message: &[u8], from: IpAddr) -> (String, &[u8]) {
        let of_address = || from.to_canonical().to_string();
        if self.by != By::Host && !self.without_header {
            return (if self.by == By::Nothing { String::new() } else { of_address() }, message);
        }
        let header = std::str::from_utf8(message).ok().map(syslog);
        let host = header.and_then(|header| header.host).filter(|host| is_name(host));
        let log = match self.by {
            By::Nothing => String::new(),
            By::Address => of_address(),
            By::Host => host.map_or_else(of_address, ToOwned::to_owned),
        };
        (log, header.filter(|_| self.without_header).map_or(message, |header| header.message.as_bytes()))
    }
}

impl Lines {
    /// Adds a message as one line. Line feeds and NULs in it become `#012` and `#000` (RFC 5424, 8.2).
    pub(super) fn add(&mut self, message: &[u8]) {
        self.count += 1;
        let mut rest = message;
        while let Some(at) = memchr::memchr2(b'\n', 0, rest) {
            self.bytes.extend_from_slice(&rest[..at]);
            self.bytes.extend_from_slice(if rest[at] == 0 { b"#000" } else { b"#012" });
            rest = &rest[at + 1..];
        }
        self.bytes.extend_from_slice(rest);
        self.bytes.push(b'\n');
    }
}

/// Whether a log may be called so: letters, digits and `.-_:`, 64 at most, and nothing that the pieces of a rotated
/// log end in.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    (1..=64).contains(&text.len())
        && text.bytes().all(plain)
        && !text.starts_with('.')
        && crate::source::family(text) == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        let mut lines = Lines::default();
        lines.add(b"<14>a\nb\0");
        lines.add(b"\xff\xfe");
        assert_eq!(lines.bytes, b"<14>a#012b#000\n\xff\xfe\n");
        assert_eq!(lines.count, 2);
    }

    #[test]
    fn logs_are_told_apart_by_names_that_are_none_of_a_path() {
        let from: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        let line = |host: &str| format!("<14>1 2026-03-01T10:00:01Z {host} nat - - - {{\"a\":1}}");
        for (host, log) in [
            ("gw-1", "gw-1"),
            ("gw.example.org", "gw.example.org"),
            ("../../etc", "192.0.2.7"),
            ("gw.1", "192.0.2.7"),
            ("-", "192.0.2.7"),
            (&"x".repeat(65), "192.0.2.7"),
        ] {
            let form = Form { by: By::Host, without_header: true };
            assert_eq!(form.read(line(host).as_bytes(), from), (log.into(), &b"{\"a\":1}"[..]), "{host}");
        }
        let form = Form { by: By::Address, without_header: false };
        assert_eq!(form.read(b"\xff", from), ("192.0.2.7".into(), &b"\xff"[..]));
        let bare = br#"{"timestamp": "x"}"#;
        let form = Form { by: By::Nothing, without_header: true };
        assert_eq!(form.read(bare, from), (String::new(), &bare[..]));
    }
}
