//! One data record: its fields' bytes, and what they say.

use super::template::{Field, Template, VARIABLE};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The fields of one record, borrowed from its message.
#[derive(Debug)]
pub(super) struct Row<'a> {
    fields: Vec<(Field, &'a [u8])>,
}

impl<'a> Row<'a> {
    /// Reads one record from the start of `body`; `None` if it is cut. Also how long it was.
    pub(super) fn read(template: &Template, body: &'a [u8]) -> Option<(Self, usize)> {
        let mut fields = Vec::with_capacity(template.fields.len());
        let mut at = 0;
        for &field in &template.fields {
            let length = if field.length == VARIABLE {
                let short = usize::from(*body.get(at)?);
                let long = [*body.get(at + 1).unwrap_or(&0), *body.get(at + 2).unwrap_or(&0)];
                at += if short == 255 { 3 } else { 1 };
                if short == 255 { u16::from_be_bytes(long).into() } else { short }
            } else {
                usize::from(field.length)
            };
            fields.push((field, body.get(at..at + length)?));
            at += length;
        }
        Some((Self { fields }, at))
    }

    /// Every field in order.
    pub(super) fn fields(&self) -> impl Iterator<Item = (Field, &'a [u8])> {
        self.fields.iter().copied()
    }

    /// The bytes of IANA's element; of one that is there twice, the first.
    fn bytes(&self, element: u16) -> Option<&'a [u8]> {
        let is_it = |(field, _): &&(Field, &[u8])| field.element == element && field.enterprise == 0;
        self.fields.iter().find(is_it).map(|(_, bytes)| *bytes)
    }

    /// An unsigned number, in up to eight bytes (RFC 7011 §6.2 lets exporters use fewer).
    pub(super) fn number(&self, element: u16) -> Option<u64> {
        number(self.bytes(element)?)
    }

    /// The first of some elements that is there, as a port.
    pub(super) fn port(&self, elements: &[u16]) -> Option<u16> {
        elements.iter().find_map(|&element| u16::try_from(self.number(element)?).ok())
    }

    /// The first of some elements that is there and an address of a machine.
    pub(super) fn address(&self, elements: &[u16]) -> Option<IpAddr> {
        let addresses = elements.iter().filter_map(|&element| address(self.bytes(element)?));
        addresses.map(|ip| ip.to_canonical()).find(|ip| !ip.is_unspecified())
    }
}

/// Big-endian, up to eight bytes.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    let mut wide = [0; 8];
    wide.get_mut(8_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    (!bytes.is_empty()).then(|| u64::from_be_bytes(wide))
}

/// Four bytes, or sixteen.
pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = |bytes: [u8; 4]| IpAddr::V4(Ipv4Addr::from(bytes));
    let v6 = |bytes: [u8; 16]| IpAddr::V6(Ipv6Addr::from(bytes));
    bytes.try_into().map(v4).or_else(|_| bytes.try_into().map(v6)).ok()
}
