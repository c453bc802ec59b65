//! One row.

use std::cmp::Ordering;

/// A plain session, filed under one hour: IPv4, one outside port, source NAT, a peer that both legs see
/// alike, both edges known. 72 bytes of numbers; what is a name is its number in the [`crate::Names`].
///
/// Ordered as files are: by hour, outside, remote, protocol and start, then by all the rest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Plain {
    /// Under which hour it is filed: whole hours since the Unix epoch, or what the caller means by it.
    pub hour: i32,
    /// Our address as the world sees it.
    pub outside_ip: u32,
    /// The peer's address.
    pub remote_ip: u32,
    /// The address that belongs to us.
    pub inside_ip: u32,
    /// The earliest moment at which it may have begun; microseconds since the Unix epoch, UTC.
    pub start: i64,
    /// The latest moment at which it may have ended; as `start`.
    pub end: i64,
    /// How many microseconds after `start` it may have begun at the latest.
    pub start_open: u32,
    /// How many microseconds before `end` it may have ended at the earliest.
    pub end_open: u32,
    /// Whose translation it was.
    pub gateway: u32,
    /// The log that it is written in.
    pub log: u32,
    /// The file of that log.
    pub file: u32,
    realm: u32,
    /// The line of that file.
    pub line: u64,
    /// Our port as the world sees it.
    pub outside_port: u16,
    remote_port: u16,
    inside_port: u16,
    /// The transport protocol's number.
    pub protocol: u8,
    /// Which of the three that may be missing are there. What is missing is 0.
    known: u8,
}

const REMOTE_PORT: u8 = 1;
const INSIDE_PORT: u8 = 2;
const REALM: u8 = 4;

impl Plain {
    /// The peer's port, if it is known.
    #[must_use]
    #[inline]
    pub fn remote_port(&self) -> Option<u16> {
        (self.known & REMOTE_PORT != 0).then_some(self.remote_port)
    }

    /// The inside port, if it is known.
    #[must_use]
    #[inline]
    pub fn inside_port(&self) -> Option<u16> {
        (self.known & INSIDE_PORT != 0).then_some(self.inside_port)
    }

    /// The realm of the inside pair, if the record itself names one.
    #[must_use]
    #[inline]
    pub fn realm(&self) -> Option<u32> {
        (self.known & REALM != 0).then_some(self.realm)
    }

    /// Sets the peer's port.
    #[inline]
    pub fn set_remote_port(&mut self, port: Option<u16>) {
        self.remote_port = port.unwrap_or(0);
        self.know(REMOTE_PORT, port.is_some());
    }

    /// Sets the inside port.
    #[inline]
    pub fn set_inside_port(&mut self, port: Option<u16>) {
        self.inside_port = port.unwrap_or(0);
        self.know(INSIDE_PORT, port.is_some());
    }

    /// Sets the realm of the inside pair.
    #[inline]
    pub fn set_realm(&mut self, realm: Option<u32>) {
        self.realm = realm.unwrap_or(0);
        self.know(REALM, realm.is_some());
    }

    #[inline]
    fn know(&mut self, what: u8, known: bool) {
        self.known = if known { self.known | what } else { self.known & !what };
    }

    /// Where it stands in its file, as far as most rows differ: hour, outside and the peer's address.
    #[inline]
    pub(crate) fn place(&self) -> u128 {
        // The sign bit turned over, negative hours come first.
        let hour = self.hour.cast_unsigned() ^ 1 << 31;
        u128::from(hour) << 80
            | u128::from(self.outside_ip) << 48
            | u128::from(self.outside_port) << 32
            | u128::from(self.remote_ip)
    }

    /// Where it stands, as far as that goes into 96 bits, and which of many it is.
    #[inline]
    pub(crate) fn place_of(&self, number: u32) -> u128 {
        self.place() >> 16 << 32 | u128::from(number)
    }

    /// Which of many it is of which this is the place.
    #[inline]
    pub(crate) fn number_in(place: u128) -> usize {
        usize::try_from(place & u128::from(u32::MAX)).unwrap_or(usize::MAX)
    }

    /// Everything but its names and where it is written, in order.
    fn facts(&self) -> impl Ord + use<> {
        (
            (self.place(), self.remote_port(), self.protocol),
            (self.start, self.start_open, self.end, self.end_open),
            (self.inside_ip, self.inside_port()),
        )
    }

    /// How the two compare in all but their names and where they are written.
    #[inline]
    pub(crate) fn cmp_facts(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place()).then_with(|| self.facts().cmp(&other.facts()))
    }
}

impl Ord for Plain {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let names = |row: &Self| (row.gateway, row.realm(), row.log, row.file, row.line);
        self.place()
            .cmp(&other.place())
            .then_with(|| self.facts().cmp(&other.facts()))
            .then_with(|| names(self).cmp(&names(other)))
    }
}

impl PartialOrd for Plain {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// How large a row may be: a group of a million of them is held while it is written.
const _: () = assert!(size_of::<Plain>() == 72);
