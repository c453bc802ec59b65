//! The session log of Alibaba Cloud's NAT gateways, as the log service exports it.
//!
//! JSON, one object a line, every value a text or a number; or CSV with a header row:
//!
//! ```text
//! {"__time__":1773475392,"__topic__":"","instance":"ngw-demo-prod","vpc_id":"vpc-demo-prod","protocol":"6",
//!  "pri_ip":"10.20.8.31","pri_port":"47176","pub_ip":"198.51.100.77","pub_port":"443","nat_ip":"10.20.250.10",
//!  "nat_port":"48155","start_time":"1773475241","end_time":"1773475392"}
//!
//! instance,vpc_id,protocol,pri_ip,pri_port,pub_ip,pub_port,nat_ip,nat_port,start_time,end_time
//! ```
//!
//! | theirs | ours |
//! | --- | --- |
//! | `instance`, or `intstance` | the gateway |
//! | `vpc_id` | the inside realm |
//! | `protocol`, or `portocol` | the protocol, by IANA number |
//! | `nat_ip`, `nat_port` | outside; with EIPs bound in NAT mode `nat_ip` is the private address that stands for the EIP: an alias |
//! | `pub_ip`, `pub_port` | remote, and inside remote: it is the destination, whatever its name says |
//! | `pri_ip`, `pri_port` | inside |
//! | `start_time`, `end_time` | start and end, each as long as it is coarse |
//!
//! Quirks: for ICMP the two ports of our side are query ids, and the remote has none. A record covers
//! one window of about ten minutes and may hide several uses of one tuple, so it proves nothing against
//! rivals. Not every session is delivered; destination NAT never is. The unit of the times is not
//! documented: seconds as seen, milliseconds (13 digits) and ISO 8601 are read as well. `__time__` is
//! when the record was written or received, and never used.
//! <https://www.alibabacloud.com/help/en/nat-gateway/user-guide/session-log-overview>

use super::{
    Definition, FormatTraits, Tells,
    rows::{Needed, Rows},
};
use crate::{
    Decoder, Fact, Record, Unreadable,
    field::{self, UnixUnit, fault, required},
    json::{Object, is_blank, text_of},
};
use jiff::tz::TimeZone;
use std::{borrow::Cow, time::Duration};
use unmasq_model::{Endpoint, GatewayName, Realm, Role, Span, Translation};

/// The JSON form.
pub(super) const JSON: Definition = Definition {
    name: "alibaba-nat",
    aliases: &[],
    traits: TRAITS,
    decoder: |hints| Ok(Box::new(JsonDecoder::new(hints.zone.clone()))),
};

/// The CSV form.
pub(super) const CSV: Definition = Definition {
    name: "alibaba-nat-csv",
    aliases: &[],
    traits: TRAITS,
    decoder: |hints| Ok(Box::new(CsvDecoder::new(hints.zone.clone()))),
};

const TRAITS: FormatTraits = FormatTraits {
    // A window of ten minutes, and five more to deliver it.
    delay: Duration::from_secs(15 * 60),
    best_effort: true,
    shows_inbound: false,
    // The gateway's idle time-out for every protocol.
    idle_timeout: Some(Duration::from_secs(900)),
    tells: Tells::BothEdges,
    ..FormatTraits::NAT
};

/// Reads the JSON form.
struct JsonDecoder {
    zone: Option<TimeZone>,
}

impl JsonDecoder {
    const fn new(zone: Option<TimeZone>) -> Self {
        Self { zone }
    }
}

impl Decoder for JsonDecoder {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let text = text_of(frame);
        let object = Object::parse(&text).ok_or(Unreadable::because("it is not one JSON object"))?;
        out.push(record(&|name| object.scalar(name), self.zone.as_ref())?);
        Ok(())
    }
}

/// Reads the CSV form; the header row names the columns.
struct CsvDecoder {
    zone: Option<TimeZone>,
    rows: Rows,
}

impl CsvDecoder {
    const NEEDED: &[Needed] = &[
        &["pri_ip"],
        &["pri_port"],
        &["pub_ip"],
        &["pub_port"],
        &["nat_ip"],
        &["nat_port"],
        &["start_time"],
        &["end_time"],
        &["protocol", "portocol"],
    ];

    const fn new(zone: Option<TimeZone>) -> Self {
        Self { zone, rows: Rows::new(Self::NEEDED) }
    }
}

impl Decoder for CsvDecoder {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        if let Some(row) = self.rows.read(&text_of(frame))? {
            let cell = |name: &str| row.cell(name).filter(|cell| !cell.is_empty()).map(Cow::Borrowed);
            out.push(record(&cell, self.zone.as_ref())?);
        }
        Ok(())
    }
}

/// Finds a field's text by its name; an empty one is absent.
type Fields<'f, 'a> = &'f dyn Fn(&str) -> Option<Cow<'a, str>>;

/// One record out of its fields, however they were written down.
fn record(fields: Fields<'_, '_>, zone: Option<&TimeZone>) -> Result<Record, Unreadable> {
    // An export fills a missing value with what its job was told; a dash is usual.
    let optional = |name: &str| fields(name).filter(|text| text != "-");
    let number = required("protocol", optional("protocol").or_else(|| optional("portocol")))?;
    let protocol = field::protocol("protocol", &number)?;
    let ours = protocol.has_ports() || protocol.is_icmp();
    let endpoint = |[ip, port]: [&str; 2], has_port: bool| {
        let ip = field::address(ip, &required(ip, optional(ip))?)?;
        let port = if has_port { Some(field::port(port, &required(port, optional(port))?)?) } else { None };
        Ok(Endpoint::new(ip, port))
    };
    let outside = endpoint(["nat_ip", "nat_port"], ours)?;
    let inside = endpoint(["pri_ip", "pri_port"], ours)?;
    let remote = endpoint(["pub_ip", "pub_port"], protocol.has_ports())?;

    let start = moment("start_time", &required("start_time", optional("start_time"))?, zone)?;
    let end = moment("end_time", &required("end_time", optional("end_time"))?, zone)?;
    // An end that is written more coarsely than its start may mean a moment before it; it does not.
    let end = Span::new(end.from().max(start.from()), end.to())
        .map_err(|_| fault("end_time", "is before `start_time`"))?;
    Ok(Record {
        gateway: optional("instance").or_else(|| optional("intstance")).map(GatewayName::from),
        inside_realm: optional("vpc_id").map(Realm::from),
        translation: Translation {
            protocol: Some(protocol),
            role: Role::Client,
            outside: outside.into(),
            remote: Some(remote),
            inside: Some(inside),
            inside_remote: Some(remote),
        },
        request: None,
        fact: Fact::Whole { start, end, proven: None },
    })
}

/// Seconds or milliseconds by the number of digits, or ISO 8601.
fn moment(name: &str, text: &str, zone: Option<&TimeZone>) -> Result<Span, Unreadable> {
    let absurd = || fault(name, "is not a time between the years 1970 and 9999");
    let whole = text.split('.').next().unwrap_or_default();
    if whole.bytes().all(|byte| byte.is_ascii_digit()) {
        // An unset time would make the session last since 1970, and somebody's for ever.
        if whole.bytes().all(|byte| byte == b'0') {
            return Err(fault(name, "is not set"));
        }
        let unit = if whole.len() == 13 { UnixUnit::Milliseconds } else { UnixUnit::Seconds };
        return field::unix_time(text, unit).ok_or_else(absurd);
    }
    match field::zoned_time(text) {
        Some(span) => Ok(span),
        None => field::civil_time(text, zone).unwrap_or_else(|| Err(absurd())),
    }
}

#[cfg(test)]
mod tests;
