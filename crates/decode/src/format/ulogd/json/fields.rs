//! The fields of ulogd's JSON by their names.

use crate::{
    Unreadable,
    field::{self, fault},
    json::{Found, Members, scalar},
};
use memchr::memmem::Finder;
use std::borrow::Cow;

/// What a record is made of.
#[derive(Clone, Copy)]
pub(super) enum Field {
    Event,
    Id,
    Timestamp,
    StartSec,
    StartUsec,
    EndSec,
    EndUsec,
    Protocol,
    OrigSaddrStr,
    OrigSaddr,
    SrcIp,
    OrigDaddrStr,
    OrigDaddr,
    DestIp,
    OrigSport,
    SrcPort,
    OrigDport,
    DestPort,
    ReplySaddrStr,
    ReplySaddr,
    ReplyDaddrStr,
    ReplyDaddr,
    ReplySport,
    ReplyDport,
}

/// In the order of [`Field`].
const NAMES: [&str; 24] = [
    "ct.event",
    "ct.id",
    "timestamp",
    "flow.start.sec",
    "flow.start.usec",
    "flow.end.sec",
    "flow.end.usec",
    "orig.ip.protocol",
    "orig.ip.saddr.str",
    "orig.ip.saddr",
    "src_ip",
    "orig.ip.daddr.str",
    "orig.ip.daddr",
    "dest_ip",
    "orig.l4.sport",
    "src_port",
    "orig.l4.dport",
    "dest_port",
    "reply.ip.saddr.str",
    "reply.ip.saddr",
    "reply.ip.daddr.str",
    "reply.ip.daddr",
    "reply.l4.sport",
    "reply.l4.dport",
];

impl Field {
    pub(super) const fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    /// That it says something else than it should.
    pub(super) fn fault(self, what: &str) -> Unreadable {
        fault(self.name(), what)
    }
}

/// Finds the fields in one line after another.
///
/// Lines that tell of an end have members that others lack. Both stand mixed in one log, so that each kind
/// has its own [`Members`]; either would read all.
#[derive(Clone)]
pub(super) struct Reader {
    end: Finder<'static>,
    without_end: Members<{ NAMES.len() }>,
    with_end: Members<{ NAMES.len() }>,
}

impl Reader {
    pub(super) fn new() -> Self {
        let [without_end, with_end] = [NAMES, NAMES].map(Members::new);
        Self { end: Finder::new(Field::EndSec.name()), without_end, with_end }
    }

    /// The fields of a line; `None` if it is no object.
    pub(super) fn read<'a>(&mut self, line: &'a str) -> Option<Fields<'a>> {
        let has_end = self.end.find(line.as_bytes()).is_some();
        let members = if has_end { &mut self.with_end } else { &mut self.without_end };
        members.read(line).map(Fields)
    }
}

/// The fields of one line.
pub(super) struct Fields<'a>(Found<'a, { NAMES.len() }>);

impl<'a> Fields<'a> {
    /// Whether anything at all is there.
    pub(super) const fn has(&self, field: Field) -> bool {
        self.0[field as usize].is_some()
    }

    /// The text or number.
    #[inline]
    pub(super) fn get(&self, field: Field) -> Option<Cow<'a, str>> {
        scalar(self.0[field as usize]?)
    }

    /// The same of one that must be there.
    pub(super) fn required(&self, field: Field) -> Result<Cow<'a, str>, Unreadable> {
        field::required(field.name(), self.get(field))
    }
}

#[cfg(test)]
mod tests;
