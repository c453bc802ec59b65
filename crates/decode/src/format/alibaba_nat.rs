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
    Brief, Decoder, Fact, Record, Unreadable,
    field::{self, UnixUnit, fault, plain::Short},
    interned::Interned,
    json::{Members, is_blank, scalar, str_of, text_of},
    places::Places,
};
use jiff::tz::TimeZone;
use std::{borrow::Cow, marker::PhantomData, net::SocketAddrV4, time::Duration};
use unmasq_model::{Endpoint, GatewayName, Protocol, Realm, Span, Translation};

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
    names: RecordNames,
}

impl JsonDecoder {
    fn new(zone: Option<TimeZone>) -> Self {
        Self { zone, members: Members::new(NAMES), names: RecordNames::default() }
    }
}

impl Decoder for JsonDecoder {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let (text, mut places) = (text_of(frame), Places::nowhere());
        if !self.members.find(&text, &mut places) {
            return Err(Unreadable::because("it is not one JSON object"));
        }
        out.push(Fields::<Json>::new(text.as_bytes(), &places).record(self.zone.as_ref(), &mut self.names)?);
        Ok(())
    }

    fn brief(&mut self, frame: &[u8]) -> Option<Brief<'_>> {
        let mut places = Places::nowhere();
        let is_object = self.members.find_in_bytes(frame, &mut places);
        is_object.then(|| Fields::<Json>::new(frame, &places))?.brief(&mut self.names)
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
    names: RecordNames,
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
        Self { zone, rows: Rows::new(Self::NEEDED, NAMES), names: RecordNames::default() }
    }
}

impl Decoder for CsvDecoder {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let text = text_of(frame);
        self.rows.find(&text, |row, places| {
            out.push(
                Fields::<Cells>::new(row.as_bytes(), places).record(self.zone.as_ref(), &mut self.names)?,
            );
            Ok(())
        })
    }

    fn brief(&mut self, frame: &[u8]) -> Option<Brief<'_>> {
        let mut places = Places::nowhere();
        let is_row = self.rows.plain(frame, &mut places);
        is_row.then(|| Fields::<Cells>::new(frame, &places))?.brief(&mut self.names)
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
    /// Where in its line its text stands, if that is digits and the like, which nobody escapes.
    fn place(line: &[u8], start: usize, end: usize) -> (usize, usize);

    /// Its text, if it has any.
    fn text(value: &str) -> Option<Cow<'_, str>>;
}

/// As JSON: between quotes, if it is a text.
struct Json;

/// As it is.
struct Cells;

impl Form for Json {
    #[inline(always)]
    fn place(line: &[u8], start: usize, end: usize) -> (usize, usize) {
        if line.get(start) == Some(&b'"') { (start + 1, end - 1) } else { (start, end) }
    }

    #[inline]
    fn text(value: &str) -> Option<Cow<'_, str>> {
        scalar(value)
    }
}

impl Form for Cells {
    #[inline(always)]
    fn place(_: &[u8], start: usize, end: usize) -> (usize, usize) {
        (start, end)
    }

    #[inline]
    fn text(value: &str) -> Option<Cow<'_, str>> {
        (!value.is_empty()).then_some(Cow::Borrowed(value))
    }
}

/// A value's text. An export fills a missing value with what its job was told; a dash is usual.
fn some_text<F: Form>(value: &str) -> Option<Cow<'_, str>> {
    F::text(value).filter(|text| text != "-")
}

/// The names in records.
#[derive(Clone, Default)]
struct RecordNames {
    gateways: Interned<GatewayName>,
    realms: Interned<Realm>,
}

/// The fields of one record, however they were written down.
struct Fields<'f, 'a, F> {
    line: &'a [u8],
    places: &'f Places<{ NAMES.len() }>,
    form: PhantomData<F>,
}

impl<'f, 'a, F: Form> Fields<'f, 'a, F> {
    #[inline(always)]
    const fn new(line: &'a [u8], places: &'f Places<{ NAMES.len() }>) -> Self {
        Self { line, places, form: PhantomData }
    }

    /// The record.
    fn record(&self, zone: Option<&TimeZone>, names: &mut RecordNames) -> Result<Record, Unreadable> {
        match self.brief(names) {
            Some(brief) => Ok(brief.into()),
            None => self.any_record(zone, names),
        }
    }

    /// The same, slow and without doubt.
    #[inline(never)]
    fn any_record(&self, zone: Option<&TimeZone>, names: &mut RecordNames) -> Result<Record, Unreadable> {
        let text = self.text(Field::Protocol).or_else(|| self.text(Field::Portocol));
        let protocol = field::protocol("protocol", &field::required("protocol", text)?)?;
        let ours = protocol.has_ports() || protocol.is_icmp();
        let outside = self.endpoint(Field::NatIp, Field::NatPort, ours)?;
        let inside = self.endpoint(Field::PriIp, Field::PriPort, ours)?;
        let remote = self.endpoint(Field::PubIp, Field::PubPort, protocol.has_ports())?;
        let start = self.moment(Field::StartTime, zone)?;
        let end = no_earlier(start, self.moment(Field::EndTime, zone)?)
            .ok_or_else(|| fault("end_time", "is before `start_time`"))?;
        let (gateway, inside_realm) = self.names(names);
        Ok(Record {
            gateway: gateway.cloned(),
            inside_realm: inside_realm.cloned(),
            translation: Translation::of_source_nat(protocol, outside, inside, remote),
            request: None,
            fact: Fact::Whole { start, end, proven: None },
        })
    }

    fn endpoint(&self, ip: Field, port: Field, has_port: bool) -> Result<Endpoint, Unreadable> {
        let ip = field::address(NAMES[ip as usize], &self.required(ip)?)?;
        let port = || field::port(NAMES[port as usize], &self.required(port)?);
        Ok(Endpoint { ip, port: has_port.then(port).transpose()? })
    }

    fn moment(&self, field: Field, zone: Option<&TimeZone>) -> Result<Span, Unreadable> {
        moment(NAMES[field as usize], &self.required(field)?, zone)
    }

    fn required(&self, field: Field) -> Result<Cow<'a, str>, Unreadable> {
        field::required(NAMES[field as usize], self.text(field))
    }

    fn text(&self, field: Field) -> Option<Cow<'a, str>> {
        some_text::<F>(str_of(self.written(field)?)?)
    }

    /// A value as it is written.
    #[inline(always)]
    fn written(&self, field: Field) -> Option<&'a [u8]> {
        let (start, end) = self.places.get(field as usize)?;
        self.line.get(start..end)
    }

    #[inline(always)]
    fn names<'n>(&self, names: &'n mut RecordNames) -> (Option<&'n GatewayName>, Option<&'n Realm>) {
        let RecordNames { gateways, realms } = names;
        // The right spelling is the usual one, and goes first if both are there.
        let gateway = match self.written(Field::Intstance) {
            Some(other) if self.text(Field::Instance).is_none() => Some(other),
            _ => self.written(Field::Instance),
        };
        let realm = self.written(Field::VpcId);
        (
            gateway.and_then(|written| gateways.look(written, some_text::<F>)),
            realm.and_then(|written| realms.look(written, some_text::<F>)),
        )
    }

    /// The record as nearly all are written; `None` says nothing.
    #[inline(always)]
    fn brief<'n>(&self, names: &'n mut RecordNames) -> Option<Brief<'n>> {
        let protocol = self.short(Field::Protocol).or_else(|| self.short(Field::Portocol))?;
        let protocol = Protocol::from_number(protocol.byte()?);
        if !protocol.has_ports() {
            return None;
        }
        let outside = self.socket(Field::NatIp, Field::NatPort)?;
        let inside = self.socket(Field::PriIp, Field::PriPort)?;
        let remote = self.socket(Field::PubIp, Field::PubPort)?;
        let start = self.short(Field::StartTime)?.seconds()?;
        let end = no_earlier(start, self.short(Field::EndTime)?.seconds()?)?;
        let (gateway, inside_realm) = self.names(names);
        Some(Brief { gateway, inside_realm, protocol, outside, inside, remote, start, end })
    }

    #[inline(always)]
    fn socket(&self, ip: Field, port: Field) -> Option<SocketAddrV4> {
        Some(SocketAddrV4::new(self.short(ip)?.address()?, self.short(port)?.port()?))
    }

    #[inline(always)]
    fn short(&self, field: Field) -> Option<Short> {
        let (start, end) = self.places.at(field as usize);
        let (start, end) = F::place(self.line, start, end);
        Short::within(self.line, start, end)
    }
}

/// An end that is written more coarsely than its start may mean a moment before it; it does not. `None` if all of
/// it is before.
#[inline]
fn no_earlier(start: Span, end: Span) -> Option<Span> {
    Span::new(end.from().max(start.from()), end.to()).ok()
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
