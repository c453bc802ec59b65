//! F5 BIG-IP's large-scale NAT: translations and port blocks, by high-speed logging or local syslog.
//!
//! ```text
//! Mar  1 10:00:00 bigip LSN_ADD 10.1.1.9%0:33950 6 198.51.100.5%0:1025 203.0.113.9 443
//! lsn_event="LSN_DELETE",start="1772359200000",cli="10.1.1.9:33950",nat="198.51.100.5:1025",duration="8080",pem_subscriber_id="No-lookup"
//! lsn_event="LSN_PB_ALLOCATED",lsn_client="10.1.1.9",lsn_pb="198.51.100.5: 1088 - 1151"
//! ```
//!
//! | event | is |
//! | --- | --- |
//! | `LSN_ADD`, `LSN_DELETE` | a port is given to a host and taken back; with a peer, if the log profile names it |
//! | `LSN_INBOUND_ADD`, `…_DELETE` | the same, opened from outside |
//! | `LSN_PB_ALLOCATED`, `LSN_PB_RELEASED` | a block of ports |
//!
//! The second and third lines are the "Splunk" type of log destination. `start` is milliseconds (seconds, where it
//! has ten digits); the unit of `duration` is nowhere said, so that without a header's time it is read as
//! seconds, which is surely late enough. `%0` is the route domain and not used.
//! <https://techdocs.f5.com/en-us/bigip-15-0-0/big-ip-cgnat-implementations/using-cgnat-logging-and-subscriber-traceability.html>

use super::{Definition, FormatTraits};
use crate::{
    Decoder, Event, EventKind, Hints, Record, Unreadable,
    field::{self, UnixUnit, fault, required},
    flow,
    json::{is_blank, text_of},
    pairs::Pairs,
    syslog::Syslog,
};
use std::{net::IpAddr, time::Duration};
use unmasq_model::{Endpoint, LogTime, Realm, Role, Span, Translation};

/// Both forms.
pub(super) const LINES: Definition = Definition {
    name: "f5-lsn",
    aliases: &["f5-cgnat"],
    traits: FormatTraits { delay: Duration::from_secs(5), ..FormatTraits::NAT },
    decoder: |hints| Ok(Box::new(Lines { hints: hints.clone() })),
};

/// Reads one event a line.
#[derive(Clone)]
struct Lines {
    hints: Hints,
}

const OTHER: Unreadable = Unreadable::because("no event of a BIG-IP's large-scale NAT");
const NO_TIME: Unreadable = Unreadable::because("it carries no time");
const CUT: Unreadable = Unreadable::because("cut short, or not in the form that this event has");

/// How long the device may take to write an event.
const LAG: Duration = Duration::from_secs(2);

impl Decoder for Lines {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let line = text_of(frame);
        let header = Syslog::read(&line);
        let written = header.time.map(|time| time.span(&self.hints));
        let record = if line.contains("lsn_event=") {
            let pairs = Pairs::read(&line);
            let name = required("lsn_event", pairs.get("lsn_event"))?;
            let Some(kind) = kind_of(&name) else { return Ok(()) };
            let client = pairs.get("cli").or_else(|| pairs.get("lsn_client"));
            let record = flow::record(translation(&pairs, &name)?, event(&pairs, kind, written)?);
            Record { inside_realm: client.as_deref().and_then(route_domain), ..record }
        } else {
            // `LSN_ADD`, perhaps in quotes, is the first word of the message.
            let words: Vec<&str> =
                header.message.split([' ', '"', ',']).filter(|word| !word.is_empty()).take(16).collect();
            let at = words.iter().take(2).position(|word| word.starts_with("LSN_")).ok_or(OTHER)?;
            let name = words[at];
            let Some(kind) = kind_of(name) else { return Ok(()) };
            let translation = columns(name, &words[at + 1..])?;
            let record = flow::record(translation, Event::new(kind, written.ok_or(NO_TIME)??, LAG));
            Record { inside_realm: words.get(at + 1).copied().and_then(route_domain), ..record }
        };
        out.push(record);
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

fn kind_of(name: &str) -> Option<EventKind> {
    match name {
        "LSN_ADD" | "LSN_INBOUND_ADD" | "LSN_PB_ALLOCATED" => Some(EventKind::New),
        "LSN_DELETE" | "LSN_INBOUND_DELETE" | "LSN_PB_RELEASED" => Some(EventKind::Destroy),
        _ => None,
    }
}

fn role_of(name: &str) -> Role {
    if name.starts_with("LSN_INBOUND_") { Role::Server } else { Role::Client }
}

/// `10.1.1.9%0:33950 6 198.51.100.5%0:1025 203.0.113.9 443`, or the client and its block.
fn columns(name: &str, words: &[&str]) -> Result<Translation, Unreadable> {
    if name.starts_with("LSN_PB_") {
        let [client, block @ ..] = words else { return Err(CUT) };
        return port_block(client, &block.concat());
    }
    let [client, protocol, nat, peer @ ..] = words else { return Err(CUT) };
    let translation =
        flow::binding(field::protocol("protocol", protocol)?, endpoint(client)?, endpoint(nat)?);
    let remote = match peer {
        [ip, port, ..] => Some(Endpoint::new(address(ip)?, Some(field::port("port", port)?))),
        _ => None,
    };
    Ok(Translation { role: role_of(name), remote, inside_remote: remote, ..translation })
}

fn translation(pairs: &Pairs<'_>, name: &str) -> Result<Translation, Unreadable> {
    let text = |name: &str| required(name, pairs.get(name));
    if name.starts_with("LSN_PB_") {
        return port_block(&text("lsn_client")?, &text("lsn_pb")?);
    }
    let protocol = pairs.get("ip_protocol").map(|text| field::protocol("ip_protocol", &text)).transpose()?;
    let inside = endpoint(&text("cli")?)?;
    let outside = endpoint(&text("nat")?)?;
    let remote = pairs.get("dest").or_else(|| pairs.get("dst")).map(|text| endpoint(&text)).transpose()?;
    Ok(Translation {
        protocol,
        role: role_of(name),
        outside: outside.into(),
        remote,
        inside: Some(inside),
        inside_remote: remote,
    })
}

/// `10.1.1.9` and `198.51.100.5: 1088 - 1151`
fn port_block(client: &str, block: &str) -> Result<Translation, Unreadable> {
    let (outside, ports) = block.rsplit_once(':').ok_or(CUT)?;
    let (first, last) = ports.split_once('-').ok_or(CUT)?;
    let port = |text: &str| field::port("port", text.trim_ascii());
    flow::block(address(client)?, address(outside)?, (port(first)?, port(last)?))
}

/// When a line of pairs was written, and what it says of the beginning.
fn event(
    pairs: &Pairs<'_>,
    kind: EventKind,
    written: Option<Result<Span, Unreadable>>,
) -> Result<Event, Unreadable> {
    let Some(start) = pairs.get("start") else { return Ok(Event::new(kind, written.ok_or(NO_TIME)??, LAG)) };
    let unit = if start.len() > 11 { UnixUnit::Milliseconds } else { UnixUnit::Seconds };
    let began = field::unix_time(&start, unit)
        .ok_or_else(|| fault("start", "is not a time between the years 1970 and 9999"))?;
    if kind == EventKind::New {
        return Ok(Event::new(kind, began, LAG));
    }
    let count = required("duration", pairs.get("duration"))?;
    let count = field::number::<u32>(&count).ok_or_else(|| fault("duration", "is no number"))?;
    // Read as seconds it is over for certain, whatever the unit is; the header knows better.
    let latest = began.to().plus(Duration::from_secs(count.into())).plus(LAG);
    let written = written.transpose()?.map_or(latest, Span::to);
    if written < began.from() {
        return Err(fault("start", "is after the line was written"));
    }
    if LogTime::from_unix_us(written.as_unix_us()).is_none() {
        return Err(fault("duration", "ends after the year 9999"));
    }
    Ok(Event {
        started: Some(Span::between(began.from().minus(LAG), began.to())),
        ..Event::new(EventKind::Destroy, Span::at(written), LAG)
    })
}

/// `10.1.1.9%0:33950`
fn endpoint(text: &str) -> Result<Endpoint, Unreadable> {
    let (ip, port) = text.rsplit_once([':', '.']).filter(|_| text.contains(':')).ok_or(CUT)?;
    Ok(Endpoint::new(address(ip)?, Some(field::port("port", port)?)))
}

/// `%7` of `10.1.1.9%7:33950`: other customers may have the same address in another route domain. The
/// default one is the gateway's own realm.
fn route_domain(client: &str) -> Option<Realm> {
    let (_, rest) = client.split_once('%')?;
    let number = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
    let is_default = number.bytes().all(|digit| digit == b'0');
    (!is_default).then(|| Realm::from(&*format!("%{number}")))
}

/// `10.1.1.9%0`
fn address(text: &str) -> Result<IpAddr, Unreadable> {
    field::address("address", text.split('%').next().unwrap_or(text))
}
