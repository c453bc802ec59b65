//! Messages and their sets: IPFIX (RFC 7011 §3) and NetFlow v9 (RFC 3954 §5).

use crate::Unreadable;

/// Which of the two a message is; each has its own templates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Version {
    NetFlow9,
    Ipfix,
}

/// What a message says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) version: Version,
    /// Observation domain, or source id: whose templates are meant.
    pub(super) domain: u32,
    /// When it was sent: Unix seconds, cut off.
    pub(super) exported: u32,
    /// How long the exporter had been up, in milliseconds; NetFlow v9 only.
    pub(super) uptime: Option<u32>,
}

/// One set (a flowset, in NetFlow's words) in its message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Set<'a> {
    pub(super) id: u16,
    /// Where `body` begins in the message.
    pub(super) at: usize,
    pub(super) body: &'a [u8],
}

/// The sets of one message, in order.
pub(super) struct Sets<'a> {
    message: &'a [u8],
    at: usize,
}

/// A number of two bytes at `at`.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// A number of four bytes at `at`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// A message's header and sets.
pub(super) fn parse(message: &[u8]) -> Result<(Header, Sets<'_>), Unreadable> {
    let head = || {
        let word = |at| u32_at(message, at);
        match u16_at(message, 0)? {
            9 => {
                let header = Header {
                    version: Version::NetFlow9,
                    uptime: Some(word(4)?),
                    exported: word(8)?,
                    domain: word(16)?,
                };
                Some((header, Sets { message, at: 20 }))
            }
            10 => {
                let header =
                    Header { version: Version::Ipfix, uptime: None, exported: word(4)?, domain: word(12)? };
                Some((header, Sets { message, at: 16 }))
            }
            _ => None,
        }
    };
    head().ok_or(Unreadable::because("no IPFIX or NetFlow v9 message"))
}

impl<'a> Iterator for Sets<'a> {
    type Item = Result<Set<'a>, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.message.get(self.at..).unwrap_or_default();
        // Some exporters fill a message up with zeros.
        if rest.iter().all(|&byte| byte == 0) {
            return None;
        }
        let start = self.at;
        let set = || {
            let (id, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
            Some((id, length, rest.get(4..length)?))
        };
        let Some((id, length, body)) = set() else {
            self.at = self.message.len();
            return Some(Err(Unreadable::because("a set in it is cut, or its length lies")));
        };
        self.at += length;
        Some(Ok(Set { id, at: start + 4, body }))
    }
}
