//! A binary record as a person reads it: `name=value`, by IANA's names.

use super::{
    row::{Row, address, number},
    template::Field,
};
use std::fmt::Write;
use unmasq_model::LogTime;

/// Nothing longer is cited.
const LENGTH_MAX: usize = 4096;
/// Of a field that nobody can read, so many bytes are shown.
const HEX_MAX: usize = 16;

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Address,
    Number,
    Milliseconds,
    Seconds,
    Text,
}

/// The fields of a record in order; what nobody knows by its number, in hexadecimal digits.
pub(super) fn render(row: &Row<'_>) -> String {
    let mut text = String::with_capacity(512);
    for (field, bytes) in row.fields() {
        let before = text.len();
        if before > 0 {
            text.push(' ');
        }
        write(&mut text, field, bytes);
        if text.len() > LENGTH_MAX {
            text.truncate(before);
            break;
        }
    }
    text
}

fn write(text: &mut String, field: Field, bytes: &[u8]) {
    let known = NAMES.iter().find(|(element, ..)| *element == field.element && field.enterprise == 0);
    // Writing to a string cannot fail.
    let _ = match (known, field.enterprise) {
        (Some((_, name, _)), _) => write!(text, "{name}="),
        (None, 0) => write!(text, "element{}=", field.element),
        (None, enterprise) => write!(text, "enterprise{enterprise}/{}=", field.element),
    };
    let written = known.and_then(|(_, _, kind)| value(text, *kind, bytes));
    if written.is_none() {
        hex(text, bytes);
    }
}

/// Writes a value of a kind; `None` if these bytes are none.
fn value(text: &mut String, kind: Kind, bytes: &[u8]) -> Option<()> {
    let moment = |scale: u64| {
        let us = number(bytes)?.checked_mul(scale)?;
        LogTime::from_unix_us(i64::try_from(us).ok()?)
    };
    match kind {
        Kind::Address => write!(text, "{}", address(bytes)?),
        Kind::Number => write!(text, "{}", number(bytes)?),
        Kind::Milliseconds => write!(text, "{}", moment(1_000)?),
        Kind::Seconds => write!(text, "{}", moment(1_000_000)?),
        Kind::Text => {
            let name = std::str::from_utf8(bytes).ok()?.trim_end_matches('\0');
            name.bytes().all(|b| b.is_ascii_graphic()).then(|| text.write_str(name))?
        }
    }
    .ok()
}

fn hex(text: &mut String, bytes: &[u8]) {
    text.push_str("0x");
    for byte in bytes.iter().take(HEX_MAX) {
        let _ = write!(text, "{byte:02x}");
    }
    if bytes.len() > HEX_MAX {
        text.push('…');
    }
}

/// The elements that tell of a flow and its translation, as
/// <https://www.iana.org/assignments/ipfix/> names them; from 40000 on as Cisco's NSEL guide does.
const NAMES: &[(u16, &str, Kind)] = &[
    (1, "octetDeltaCount", Kind::Number),
    (2, "packetDeltaCount", Kind::Number),
    (4, "protocolIdentifier", Kind::Number),
    (6, "tcpControlBits", Kind::Number),
    (7, "sourceTransportPort", Kind::Number),
    (8, "sourceIPv4Address", Kind::Address),
    (10, "ingressInterface", Kind::Number),
    (11, "destinationTransportPort", Kind::Number),
    (12, "destinationIPv4Address", Kind::Address),
    (14, "egressInterface", Kind::Number),
    (15, "ipNextHopIPv4Address", Kind::Address),
    (21, "flowEndSysUpTime", Kind::Number),
    (22, "flowStartSysUpTime", Kind::Number),
    (27, "sourceIPv6Address", Kind::Address),
    (28, "destinationIPv6Address", Kind::Address),
    (61, "flowDirection", Kind::Number),
    (85, "octetTotalCount", Kind::Number),
    (136, "flowEndReason", Kind::Number),
    (148, "flowId", Kind::Number),
    (150, "flowStartSeconds", Kind::Seconds),
    (151, "flowEndSeconds", Kind::Seconds),
    (152, "flowStartMilliseconds", Kind::Milliseconds),
    (153, "flowEndMilliseconds", Kind::Milliseconds),
    (160, "systemInitTimeMilliseconds", Kind::Milliseconds),
    (176, "icmpTypeIPv4", Kind::Number),
    (177, "icmpCodeIPv4", Kind::Number),
    (225, "postNATSourceIPv4Address", Kind::Address),
    (226, "postNATDestinationIPv4Address", Kind::Address),
    (227, "postNAPTSourceTransportPort", Kind::Number),
    (228, "postNAPTDestinationTransportPort", Kind::Number),
    (229, "natOriginatingAddressRealm", Kind::Number),
    (230, "natEvent", Kind::Number),
    (233, "firewallEvent", Kind::Number),
    (234, "ingressVRFID", Kind::Number),
    (235, "egressVRFID", Kind::Number),
    (236, "VRFname", Kind::Text),
    (281, "postNATSourceIPv6Address", Kind::Address),
    (282, "postNATDestinationIPv6Address", Kind::Address),
    (283, "natPoolId", Kind::Number),
    (284, "natPoolName", Kind::Text),
    (322, "observationTimeSeconds", Kind::Seconds),
    (323, "observationTimeMilliseconds", Kind::Milliseconds),
    (361, "portRangeStart", Kind::Number),
    (362, "portRangeEnd", Kind::Number),
    (363, "portRangeStepSize", Kind::Number),
    (364, "portRangeNumPorts", Kind::Number),
    (463, "natInstanceID", Kind::Number),
    (33002, "extendedFirewallEvent", Kind::Number),
    (40001, "xlateSourceIPv4Address", Kind::Address),
    (40002, "xlateDestinationIPv4Address", Kind::Address),
    (40003, "xlateSourcePort", Kind::Number),
    (40004, "xlateDestinationPort", Kind::Number),
    (40005, "firewallEvent", Kind::Number),
];
