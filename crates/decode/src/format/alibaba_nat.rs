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
    field::{self, UnixUnit, fault, plain},
    interned::Interned,
    json::{Members, is_blank, scalar, text_of},
};
use jiff::tz::TimeZone;
use std::{borrow::Cow, marker::PhantomData, net::IpAddr, time::Duration};
use unmasq_model::{Endpoint, GatewayName, Protocol, Realm, Role, Span, Translation};

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

/// What a record is made of, by their names.
#[derive(Clone, Copy)]
enum Field {
    Protocol,
    Portocol,
    NatIp,
    NatPort,
    PriIp,
    PriPort,
    PubIp,
    PubPort,
    StartTime,
    EndTime,
    Instance,
    Intstance,
    VpcId,
}

/// In the order of [`Field`].
const NAMES: [&str; 13] = [
    "protocol",
    "portocol",
    "nat_ip",
    "nat_port",
    "pri_ip",
    "pri_port",
    "pub_ip",
    "pub_port",
    "start_time",
    "end_time",
    "instance",
    "intstance",
    "vpc_id",
];

/// Reads the JSON form.
#[derive(Clone)]
struct JsonDecoder {
    zone: Option<TimeZone>,
    members: Members<{ NAMES.len() }>,
    names: Interned,
}

impl JsonDecoder {
    fn new(zone: Option<TimeZone>) -> Self {
        Self { zone, members: Members::new(NAMES), names: Interned::default() }
    }
}

impl Decoder for JsonDecoder {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let text = text_of(frame);
        let mut found = [None; NAMES.len()];
        if !self.members.read_into(&text, &mut found) {
            return Err(Unreadable::because("it is not one JSON object"));
        }
        read::<Json>(&found, self.zone.as_ref(), &mut self.names, out)
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

/// Reads the CSV form; the header row names the columns.
#[derive(Clone)]
struct CsvDecoder {
    zone: Option<TimeZone>,
    rows: Rows<{ NAMES.len() }>,
    names: Interned,
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

    fn new(zone: Option<TimeZone>) -> Self {
        Self { zone, rows: Rows::new(Self::NEEDED, NAMES), names: Interned::default() }
    }
}

impl Decoder for CsvDecoder {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let text = text_of(frame);
        self.rows.read(&text, |cells| read::<Cells>(&cells, self.zone.as_ref(), &mut self.names, out))
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }

    fn turns(&self, lines: &[u8]) -> bool {
        self.rows.turns(lines)
    }
}

/// How a line writes a value.
trait Form {
    /// Its text as far as that is digits and the like, which nobody escapes.
    fn plain(value: &str) -> &[u8];

    /// Its text, if it has any.
    fn text(value: &str) -> Option<Cow<'_, str>>;
}

/// As JSON: between quotes, if it is a text.
struct Json;

/// As it is.
struct Cells;

impl Form for Json {
    #[inline]
    fn plain(value: &str) -> &[u8] {
        match value.as_bytes() {
            [b'"', text @ .., b'"'] => text,
            number => number,
        }
    }

    #[inline]
    fn text(value: &str) -> Option<Cow<'_, str>> {
        scalar(value)
    }
}

impl Form for Cells {
    #[inline]
    fn plain(value: &str) -> &[u8] {
        value.as_bytes()
    }

    #[inline]
    fn text(value: &str) -> Option<Cow<'_, str>> {
        (!value.is_empty()).then_some(Cow::Borrowed(value))
    }
}

/// Appends the record out of its values, however they were written down.
#[inline]
fn read<F: Form>(
    values: &[Option<&str>; NAMES.len()],
    zone: Option<&TimeZone>,
    names: &mut Interned,
    out: &mut Vec<Record>,
) -> Result<(), Unreadable> {
    let fields = Fields::<F> { values, zone, form: PhantomData };
    let protocol = fields.protocol()?;
    let ours = protocol.has_ports() || protocol.is_icmp();
    let outside = fields.endpoint(Field::NatIp, Field::NatPort, ours)?;
    let inside = fields.endpoint(Field::PriIp, Field::PriPort, ours)?;
    let remote = fields.endpoint(Field::PubIp, Field::PubPort, protocol.has_ports())?;
    let start = fields.moment(Field::StartTime)?;
    let end = fields.moment(Field::EndTime)?;
    // An end that is written more coarsely than its start may mean a moment before it; it does not.
    let end = Span::new(end.from().max(start.from()), end.to())
        .map_err(|_| fault("end_time", "is before `start_time`"))?;
    let mut name = |field| names.get(values[field as usize]?, some_text::<F>);
    let gateway = name(Field::Instance).or_else(|| name(Field::Intstance));
    out.push(Record {
        gateway: gateway.map(GatewayName::from),
        inside_realm: name(Field::VpcId).map(Realm::from),
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
    });
    Ok(())
}

/// A value's text. An export fills a missing value with what its job was told; a dash is usual.
fn some_text<F: Form>(value: &str) -> Option<Cow<'_, str>> {
    F::text(value).filter(|text| text != "-")
}

/// The fields of one record. Each is read as nearly all are written; what is not is read again, slowly.
struct Fields<'f, 'a, F> {
    values: &'f [Option<&'a str>; NAMES.len()],
    zone: Option<&'f TimeZone>,
    form: PhantomData<F>,
}

impl<'a, F: Form> Fields<'_, 'a, F> {
    #[inline]
    fn plain<T>(&self, field: Field, read: impl FnOnce(&'a [u8]) -> Option<T>) -> Option<T> {
        read(F::plain(self.values[field as usize]?))
    }

    fn text(&self, field: Field) -> Option<Cow<'a, str>> {
        some_text::<F>(self.values[field as usize]?)
    }

    fn required(&self, field: Field) -> Result<Cow<'a, str>, Unreadable> {
        field::required(NAMES[field as usize], self.text(field))
    }

    #[inline]
    fn protocol(&self) -> Result<Protocol, Unreadable> {
        let number = |text| plain::number(text)?.try_into().ok();
        if let Some(number) = self.plain(Field::Protocol, number) {
            return Ok(Protocol::from_number(number));
        }
        self.any_protocol()
    }

    #[cold]
    fn any_protocol(&self) -> Result<Protocol, Unreadable> {
        let text = self.text(Field::Protocol).or_else(|| self.text(Field::Portocol));
        field::protocol("protocol", &field::required("protocol", text)?)
    }

    #[inline(always)]
    fn endpoint(&self, ip: Field, port: Field, has_port: bool) -> Result<Endpoint, Unreadable> {
        let ip = match self.plain(ip, plain::address) {
            Some(ip) => ip,
            None => self.any_address(ip)?,
        };
        let port = match self.plain(port, plain::port) {
            _ if !has_port => None,
            Some(port) => Some(port),
            None => Some(self.any_port(port)?),
        };
        Ok(Endpoint { ip, port })
    }

    #[cold]
    fn any_address(&self, field: Field) -> Result<IpAddr, Unreadable> {
        field::address(NAMES[field as usize], &self.required(field)?)
    }

    #[cold]
    fn any_port(&self, field: Field) -> Result<u16, Unreadable> {
        field::port(NAMES[field as usize], &self.required(field)?)
    }

    #[inline(always)]
    fn moment(&self, field: Field) -> Result<Span, Unreadable> {
        match self.plain(field, plain::seconds) {
            Some(second) => Ok(second),
            None => self.any_moment(field),
        }
    }

    #[cold]
    fn any_moment(&self, field: Field) -> Result<Span, Unreadable> {
        moment(NAMES[field as usize], &self.required(field)?, self.zone)
    }
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
