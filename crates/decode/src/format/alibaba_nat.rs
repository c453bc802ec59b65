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

use super::{Definition, FormatTraits};
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
    header: Header,
}

enum Header {
    Missing,
    Faulty(Unreadable),
    Known { delimiter: u8, columns: Vec<String> },
}

impl CsvDecoder {
    const fn new(zone: Option<TimeZone>) -> Self {
        Self { zone, header: Header::Missing }
    }
}

impl Decoder for CsvDecoder {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let text = text_of(frame);
        let line = text.strip_prefix('\u{feff}').unwrap_or(&text).trim_end_matches(['\r', '\n']);
        if let Some(header) = header(line) {
            // Files are joined as they are: a header may come again, with other columns.
            self.header = header;
            return match &self.header {
                Header::Faulty(why) => Err(why.clone()),
                Header::Missing | Header::Known { .. } => Ok(()),
            };
        }
        let (delimiter, columns) = match &self.header {
            Header::Known { delimiter, columns } => (*delimiter, columns),
            Header::Faulty(why) => return Err(why.clone()),
            Header::Missing => {
                return Err(Unreadable::because(
                    "no header row before it names the columns: export with a header",
                ));
            }
        };
        let cells = cells(line, delimiter).filter(|cells| cells.len() == columns.len());
        let cells = cells.ok_or(Unreadable::because("it has more or fewer columns than the header row"))?;
        let cell = |name: &str| {
            let at = columns.iter().position(|column| column == name)?;
            Some(Cow::Borrowed(cells[at].trim())).filter(|cell| !cell.is_empty())
        };
        out.push(record(&cell, self.zone.as_ref())?);
        Ok(())
    }
}

/// The columns that `line` names; `None` if it is no header row.
fn header(line: &str) -> Option<Header> {
    const NEEDED: [&str; 8] =
        ["pri_ip", "pri_port", "pub_ip", "pub_port", "nat_ip", "nat_port", "start_time", "end_time"];
    // An address never reads `nat_ip`, so a row cannot pass for a header.
    if !line.contains("nat_ip") && !line.contains("pri_ip") {
        return None;
    }
    let named = b",|\t ".iter().filter_map(|&delimiter| Some((delimiter, cells(line, delimiter)?)));
    let known =
        |cells: &[String]| NEEDED.iter().filter(|name| cells.iter().any(|cell| cell == *name)).count();
    let (delimiter, columns) = named
        .map(|(delimiter, cells)| {
            (delimiter, cells.iter().map(|cell| cell.trim().to_owned()).collect::<Vec<_>>())
        })
        .max_by_key(|(_, columns)| known(columns))
        .filter(|(_, columns)| known(columns) > 1)?;
    let has = |name: &str| columns.iter().any(|column| column == name);
    let missing = NEEDED.into_iter().find(|name| !has(name));
    let missing = missing.or_else(|| (!has("protocol") && !has("portocol")).then_some("protocol"));
    if let Some(name) = missing {
        return Some(Header::Faulty(fault(name, "is not among the columns of the header row")));
    }
    let mut names: Vec<&String> = columns.iter().filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Some(Header::Faulty(Unreadable::because("the header row names a column twice")));
    }
    Some(Header::Known { delimiter, columns })
}

/// The cells of one row.
fn cells(line: &str, delimiter: u8) -> Option<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .buffer_capacity(512)
        .from_reader(line.as_bytes());
    let mut row = csv::StringRecord::new();
    let read = reader.read_record(&mut row).ok()?;
    read.then(|| row.iter().map(str::to_owned).collect())
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
