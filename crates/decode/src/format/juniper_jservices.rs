//! Juniper's carrier-grade NAT on services cards (MS-MPC, MS-MIC, MS-DPC): port blocks and sessions.
//!
//! ```text
//! Mar  1 10:00:00 mx1 (FPC Slot 2, PIC Slot 0) 2026-03-01 10:00:00: {sset1}[jservices-nat]: JSERVICES_NAT_PORT_BLOCK_ALLOC: 10.1.1.9 -> 198.51.100.3:1024-1535 0x69a40d60
//! Mar  1 10:00:00 mx1 (FPC Slot 2, PIC Slot 0) 2026-03-01 10:00:00: {sset1}[jservices-sfw]: JSERVICES_SESSION_OPEN: application:none, ge-2/1/4.0 10.1.1.9:56350 [198.51.100.3:1024] -> 203.0.113.9:443 (TCP)
//! ```
//!
//! | message | is |
//! | --- | --- |
//! | `…_NAT_PORT_BLOCK_ALLOC`, `…_RELEASE` | a block of ports is given to a host and taken back |
//! | `…_NAT_PORT_BLOCK_ACTIVE` | the block is still the host's: interim logging repeats it |
//! | `…_SESSION_OPEN`, `…_SESSION_CLOSE` | one session; what was translated stands in brackets behind each party |
//!
//! A block names its host for every port and protocol, towards whichever peer. The header's time is used;
//! the card's own, behind it, may be in another zone, and what the hexadecimal number at the end counts is
//! not relied on. Older cards write `ASP_` in place of `JSERVICES_`. ICMP's numbers are not used.
//! <https://www.juniper.net/documentation/us/en/software/junos/interfaces-adaptive-services/topics/topic-map/secured-port-block-allocation.html>,
//! <https://www.juniper.net/documentation/us/en/software/junos/interfaces-next-gen-services/topics/concept/usf-udp-syslog-error-messages.html>

use super::{Definition, FormatTraits};
use crate::{
    Decoder, Event, EventKind, Hints, Record, Unreadable,
    field::{self, fault},
    flow::{self, Flow, Leg},
    json::{is_blank, text_of},
    syslog::Syslog,
};
use std::time::Duration;
use unmasq_model::{Endpoint, Protocol, Translation};

/// The text form.
pub(super) const SYSLOG: Definition = Definition {
    name: "juniper-jservices",
    aliases: &["juniper-cgnat"],
    traits: FormatTraits { delay: Duration::from_secs(5), shows_inbound: false, ..FormatTraits::NAT },
    decoder: |hints| Ok(Box::new(Messages { hints: hints.clone() })),
};

/// Reads one message a line.
#[derive(Clone)]
struct Messages {
    hints: Hints,
}

const OTHER: Unreadable = Unreadable::because("no message of a Juniper services card");
const NO_TIME: Unreadable = Unreadable::because("it carries no time");
const CUT: Unreadable = Unreadable::because("cut short, or not in the form that this message has");

/// How long the card may take to write a message.
const LAG: Duration = Duration::from_secs(2);

impl Decoder for Messages {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let line = text_of(frame);
        let header = Syslog::read(&line);
        let (name, text) = message(&line, &header).ok_or(OTHER)?;
        let event = |kind| {
            let written = header.time.ok_or(NO_TIME)?.span(&self.hints)?;
            Ok::<_, Unreadable>(Event::new(kind, written, LAG))
        };
        match name {
            "NAT_PORT_BLOCK_ALLOC" => out.push(flow::record(block(text)?, event(EventKind::New)?)),
            "NAT_PORT_BLOCK_ACTIVE" => out.push(flow::record(block(text)?, event(EventKind::Update)?)),
            "NAT_PORT_BLOCK_RELEASE" => out.push(flow::record(block(text)?, event(EventKind::Destroy)?)),
            "SESSION_OPEN" | "SESSION_CLOSE" => {
                let kind = if name == "SESSION_OPEN" { EventKind::New } else { EventKind::Destroy };
                let (flow, event) = (session(text)?, event(kind)?);
                out.extend(flow.translations().map(|translation| flow::record(translation, event.clone())));
            }
            _ => {}
        }
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

/// The name of the first message in the line, without its prefix, and what follows it.
fn message<'a>(line: &'a str, header: &Syslog<'_>) -> Option<(&'a str, &'a str)> {
    const PREFIXES: [&str; 2] = ["JSERVICES_", "ASP_"];
    // The card's own header, `(FPC Slot 2, PIC Slot 0) … {sset1}[jservices-nat]:`, is no program's name.
    let ours = |app: &str| app.contains("jservices") || PREFIXES.iter().any(|prefix| app.starts_with(prefix));
    if header.app.is_some_and(|app| !ours(app)) {
        return None;
    }
    let starts = PREFIXES.into_iter().filter_map(|prefix| Some(line.find(prefix)? + prefix.len()));
    line[starts.min()?..].split_once(':')
}

/// `10.1.1.9 -> 198.51.100.3:1024-1535 0x69a40d60`
fn block(text: &str) -> Result<Translation, Unreadable> {
    let (inside, outside) = text.split_once(" -> ").ok_or(CUT)?;
    let outside = outside.split_ascii_whitespace().next().ok_or(CUT)?;
    let (outside, ports) = outside.rsplit_once(':').ok_or(CUT)?;
    let (first, last) = ports.split_once('-').ok_or(CUT)?;
    flow::block(
        field::address("inside address", inside.trim_ascii())?,
        field::address("outside address", outside)?,
        (field::port("first port", first)?, field::port("last port", last)?),
    )
}

/// `application:none, ge-2/1/4.0 10.1.1.9:56350 [198.51.100.3:1024] -> 203.0.113.9:443 (TCP)`
fn session(text: &str) -> Result<Flow, Unreadable> {
    let (parties, protocol) = text.rsplit_once('(').ok_or(CUT)?;
    let protocol = protocol.split([')', ' ']).next().unwrap_or_default();
    let protocol = field::protocol("protocol", protocol)?;
    let (src, dst) = parties.split_once(" -> ").ok_or(CUT)?;
    let ((src, src_left), (dst, dst_left)) = (party(src, protocol)?, party(dst, protocol)?);
    let protocol = field::in_family(protocol, src.ip);
    Ok(Flow { protocol, came: Leg { src, dst }, left: Leg { src: src_left, dst: dst_left } })
}

/// An endpoint and what it was translated into, in brackets on either side of it.
fn party(text: &str, protocol: Protocol) -> Result<(Endpoint, Endpoint), Unreadable> {
    let mut plain = None;
    let mut bracketed = None;
    // Before the source stand the application and the interface.
    for word in text.split_ascii_whitespace().rev().take(2) {
        match word.strip_prefix('[').and_then(|word| word.strip_suffix(']')) {
            Some(word) if bracketed.is_none() => bracketed = Some(word),
            None if plain.is_none() => plain = Some(word),
            _ => {}
        }
    }
    let meant = endpoint(plain.ok_or(CUT)?, protocol)?;
    let left = match bracketed {
        None => meant,
        // Only the address was translated.
        Some(word) => match word.parse() {
            Ok(ip) => Endpoint::new(ip, meant.port),
            Err(_) => endpoint(word, protocol)?,
        },
    };
    Ok((meant, left))
}

/// `10.1.1.9:56350`, `2001:db8::2:54045`
fn endpoint(text: &str, protocol: Protocol) -> Result<Endpoint, Unreadable> {
    let (ip, port) = text.rsplit_once(':').ok_or_else(|| fault("port", "is missing"))?;
    let port = field::port("port", port)?;
    Ok(Endpoint::new(field::address("address", ip)?, protocol.has_ports().then_some(port)))
}
