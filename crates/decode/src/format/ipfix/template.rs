//! Templates: what the records of a set consist of.

use super::message::{Header, Version, u16_at, u32_at};
use crate::Unreadable;
use std::collections::{HashMap, VecDeque};

/// A field's length in IPFIX if each record says it (RFC 7011 §7).
pub(super) const VARIABLE: u16 = u16::MAX;

/// One field of a template.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Field {
    /// The information element, or NetFlow v9 field type.
    pub(super) element: u16,
    /// Whose element it is; 0 is IANA's.
    pub(super) enterprise: u32,
    /// In bytes, or [`VARIABLE`].
    pub(super) length: u16,
}

/// What the records of one kind consist of.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Template {
    /// Fields without a length are left out: they carry nothing, and a record may claim thousands.
    pub(super) fields: Box<[Field]>,
    /// How long a record is at least, in bytes; at least one.
    pub(super) shortest: usize,
    /// Whether each record describes the exporter, not a flow.
    pub(super) options: bool,
}

/// Whose template: ids are meant in one observation domain of one protocol version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct TemplateId {
    version: Version,
    domain: u32,
    id: u16,
}

impl TemplateId {
    pub(super) const fn of(header: &Header, id: u16) -> Self {
        Self { version: header.version, domain: header.domain, id }
    }
}

/// The templates that were seen, within bounds: at most [`TEMPLATES_MAX`], with at most [`FIELDS_MAX`]
/// fields together. Beyond that the oldest are forgotten; exporters send theirs again every few minutes.
#[derive(Default)]
pub(super) struct Templates {
    known: HashMap<TemplateId, Template>,
    /// In order of their first definition.
    oldest: VecDeque<TemplateId>,
    fields: usize,
}

/// No exporter has more than a few dozen.
const TEMPLATES_MAX: usize = 8192;
/// Eight bytes each.
const FIELDS_MAX: usize = 512 * 1024;

impl Templates {
    pub(super) fn get(&self, id: TemplateId) -> Option<&Template> {
        self.known.get(&id)
    }

    /// How many are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Defines a template anew; says whether it was not known just like that.
    pub(super) fn define(&mut self, id: TemplateId, template: Template) -> bool {
        let fields = template.fields.len();
        match self.known.get(&id) {
            Some(known) if *known == template => return false,
            Some(known) => self.fields -= known.fields.len(),
            None => self.oldest.push_back(id),
        }
        self.fields += fields;
        self.known.insert(id, template);
        while self.known.len() > TEMPLATES_MAX || self.fields > FIELDS_MAX {
            let Some(oldest) = self.oldest.pop_front() else { break };
            let forgotten = self.known.remove(&oldest);
            self.fields -= forgotten.map_or(0, |template| template.fields.len());
        }
        true
    }
}

/// Which templates a set defines, in order; one that is cut ends it. Options templates have scope
/// fields before the others; both are fields of the record.
pub(super) fn definitions<'a>(
    header: &'a Header,
    set: u16,
    body: &'a [u8],
) -> impl Iterator<Item = Result<(u16, Template), Unreadable>> + 'a {
    let options = matches!(set, 1 | 3);
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let (id, count, skipped) = head(header.version, options, body.get(at..)?)?;
            // Padding looks like a template whose id is too small.
            if id < 256 {
                return None;
            }
            let mut next = at + skipped;
            let Some(fields) = fields(header.version, count, body, &mut next) else {
                at = body.len();
                return Some(Err(Unreadable::because("a template in it is cut")));
            };
            at = next;
            let shortest = fields.iter().map(least).sum();
            // A withdrawal, or a record of nothing.
            if shortest > 0 {
                return Some(Ok((id, Template { fields, shortest, options })));
            }
        }
    })
}

/// A template's id, how many fields it has, and how many bytes say so.
fn head(version: Version, options: bool, body: &[u8]) -> Option<(u16, usize, usize)> {
    let id = u16_at(body, 0)?;
    let number = |at| u16_at(body, at).map(usize::from);
    Some(match (version, options) {
        (_, false) => (id, number(2)?, 4),
        // The number of all fields, and of the scope's among them; a withdrawal has no second one.
        (Version::Ipfix, true) if number(2)? == 0 => (id, 0, 4),
        (Version::Ipfix, true) => (id, number(2)?, 6),
        // The lengths of the scope's and of the other fields' definitions, in bytes.
        (Version::NetFlow9, true) => (id, (number(2)? + number(4)?) / 4, 6),
    })
}

/// `count` fields from `at` on, without those that have no length.
fn fields(version: Version, count: usize, body: &[u8], at: &mut usize) -> Option<Box<[Field]>> {
    let mut fields = Vec::new();
    for _ in 0..count {
        let (element, length) = (u16_at(body, *at)?, u16_at(body, *at + 2)?);
        *at += 4;
        let foreign = version == Version::Ipfix && element & 0x8000 != 0;
        let enterprise = if foreign { u32_at(body, *at)? } else { 0 };
        *at += if foreign { 4 } else { 0 };
        let element = if foreign { element & 0x7fff } else { element };
        // NetFlow v9 has no variable lengths: so long a field fits into no message.
        if version == Version::NetFlow9 && length == VARIABLE {
            return None;
        }
        if length > 0 {
            fields.push(Field { element, enterprise, length });
        }
    }
    Some(fields.into())
}

/// How many bytes of a record a field takes at least.
fn least(field: &Field) -> usize {
    if field.length == VARIABLE { 1 } else { field.length.into() }
}
