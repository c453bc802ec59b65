//! A10 Thunder CGN: translations, sessions and port blocks, in its ASCII and CEF forms.
//!
//! ```text
//! Mar  1 10:00:00 cgn1 NAT-UDP-C: 10.1.1.9:5000 -> 198.51.100.5:10000
//! Mar  1 10:00:00 cgn1 NAT-TCP-C: 10.1.1.9:5001<-->198.51.100.5:10001 to 203.0.113.9:443
//! Mar  1 10:00:00 cgn1 NAT-TCP-C: 10.1.1.9:5001<->203.0.113.9:443,203.0.113.9:443<-->198.51.100.5:10001
//! Mar  1 10:00:00 cgn1 FIXED-NAT-PORTS 10.1.1.9->198.51.100.5:3000-4000
//! Mar  1 10:00:00 cgn1 CEF:0|A10|CFW|6.0.0-P1|CGN 106|Nat Port Batch Pool Allocated|5|proto=UDP src=10.1.1.9 sourceTranslatedAddress=198.51.100.5 sourceTranslatedPort=22016 cn3=22271 cn3Label=Last Nat Port
//! ```
//!
//! The letter after the protocol is `C` when a translation is created and `D` or `F` when it is freed. A session
//! says four endpoints: as it came, and how it is answered; of the answer, the one that is not the peer is the
//! translated one. In CEF, `CGN 100` and `101` are a port given and taken back (the destination is only the
//! first peer), `106` and `107` a batch of ports. The compact and RADIUS forms are not read.
//! <https://documentation.a10networks.com/ACOS-Docs/axapi/602p1/cgnv6_template_logging.html>

use super::{Definition, FormatTraits};
use crate::{
    Decoder, Event, EventKind, Hints, Record, Unreadable,
    field::{self, required},
    flow,
    json::{is_blank, text_of},
    pairs::Pairs,
    syslog::Syslog,
};
use std::time::Duration;
use unmasq_model::{Endpoint, Protocol, Translation};

/// All forms.
pub(super) const LINES: Definition = Definition {
    name: "a10-cgn",
    aliases: &["a10-cgnat"],
    traits: FormatTraits { delay: Duration::from_secs(5), shows_inbound: false, ..FormatTraits::NAT },
    decoder: |hints| Ok(Box::new(Lines { hints: hints.clone() })),
};

/// Reads one event a line.
#[derive(Clone)]
struct Lines {
    hints: Hints,
}

const OTHER: Unreadable = Unreadable::because("no event of an A10 carrier-grade NAT");
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
        let said = match header.app {
            Some(app) if app.starts_with("NAT-") => mapping(app, header.message)?,
            _ => match header.message.split_once(' ') {
                Some(("FIXED-NAT-PORTS", text)) => Some((EventKind::New, fixed(text)?)),
                _ if header.message.contains("CEF:0|A10|") => cef(header.message)?,
                _ => return Err(OTHER),
            },
        };
        let Some((kind, translation)) = said else { return Ok(()) };
        let written = header.time.ok_or(NO_TIME)?.span(&self.hints)?;
        out.push(flow::record(translation, Event::new(kind, written, LAG)));
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

type Said = Option<(EventKind, Translation)>;

/// `NAT-TCP-C` and the endpoints after it.
fn mapping(tag: &str, text: &str) -> Result<Said, Unreadable> {
    let mut parts = tag.split('-').skip(1);
    let (protocol, letter) = (parts.next().ok_or(CUT)?, parts.next().ok_or(CUT)?);
    let kind = match letter {
        "C" => EventKind::New,
        "D" | "F" => EventKind::Destroy,
        _ => return Ok(None),
    };
    let protocol = field::protocol("protocol", protocol)?;
    let text = text.trim_ascii();
    if let Some((asked, answered)) = text.split_once(',') {
        return Ok(Some((kind, session(protocol, asked, answered)?)));
    }
    let (pair, peer) = match text.split_once(" to ") {
        Some((pair, peer)) => (pair, Some(endpoint(peer)?)),
        None => (text, None),
    };
    let (inside, outside) = pair.split_once("<-->").or_else(|| pair.split_once("->")).ok_or(CUT)?;
    let binding = flow::binding(protocol, endpoint(inside)?, endpoint(outside)?);
    let remote = peer.map(|peer| of_peer(protocol, peer));
    Ok(Some((kind, Translation { remote, inside_remote: remote, ..binding })))
}

/// `10.1.1.9:5001<->203.0.113.9:443` and `203.0.113.9:443<-->198.51.100.5:10001`
fn session(protocol: Protocol, asked: &str, answered: &str) -> Result<Translation, Unreadable> {
    let (inside, peer) = asked.split_once("<->").ok_or(CUT)?;
    let (one, other) = answered.split_once("<-->").or_else(|| answered.split_once("<->")).ok_or(CUT)?;
    let (inside, peer, one, other) = (endpoint(inside)?, endpoint(peer)?, endpoint(one)?, endpoint(other)?);
    let outside = match (one == peer, other == peer) {
        (true, false) => other,
        (false, true) => one,
        _ => return Err(Unreadable::because("which of its endpoints is the translated one cannot be told")),
    };
    let remote = Some(of_peer(protocol, peer));
    Ok(Translation { remote, inside_remote: remote, ..flow::binding(protocol, inside, outside) })
}

/// The number of an ICMP query stands at whoever asked.
fn of_peer(protocol: Protocol, peer: Endpoint) -> Endpoint {
    Endpoint { port: peer.port.filter(|_| protocol.has_ports()), ..peer }
}

/// `10.1.1.9->198.51.100.5:3000-4000`
fn fixed(text: &str) -> Result<Translation, Unreadable> {
    let (inside, outside) = text.trim_ascii().split_once("->").ok_or(CUT)?;
    let (outside, ports) = outside.rsplit_once(':').ok_or(CUT)?;
    let (first, last) = ports.split_once('-').ok_or(CUT)?;
    flow::block(
        field::address("inside address", inside)?,
        field::address("outside address", outside)?,
        (field::port("first port", first)?, field::port("last port", last)?),
    )
}

/// `CEF:0|A10|CFW|6.0.0-P1|CGN 106|…|5|proto=UDP …`
fn cef(message: &str) -> Result<Said, Unreadable> {
    let mut columns = message.splitn(8, '|').skip(4);
    let (event, fields) = (columns.next().ok_or(CUT)?, columns.nth(2).ok_or(CUT)?);
    let (kind, is_batch) = match event {
        "CGN 100" => (EventKind::New, false),
        "CGN 101" => (EventKind::Destroy, false),
        "CGN 106" => (EventKind::New, true),
        "CGN 107" => (EventKind::Destroy, true),
        _ => return Ok(None),
    };
    let pairs = Pairs::read(fields);
    let text = |name: &str| required(name, pairs.get(name));
    let ip = |name: &str| field::address(name, &text(name)?);
    let port = |name: &str| field::port(name, &text(name)?);
    let protocol = field::protocol("proto", &text("proto")?)?;
    let (inside, outside) = (ip("src")?, ip("sourceTranslatedAddress")?);
    let translation = if is_batch {
        let ports = (port("sourceTranslatedPort")?, port("cn3")?);
        Translation { protocol: Some(protocol), ..flow::block(inside, outside, ports)? }
    } else {
        let inside = Endpoint::new(inside, Some(port("spt")?));
        flow::binding(protocol, inside, Endpoint::new(outside, Some(port("sourceTranslatedPort")?)))
    };
    Ok(Some((kind, translation)))
}

/// `10.1.1.9:5000`, perhaps with a blank before the port.
fn endpoint(text: &str) -> Result<Endpoint, Unreadable> {
    let (ip, port) = text.rsplit_once(':').ok_or(CUT)?;
    let ip = ip.trim_ascii().trim_start_matches('[').trim_end_matches(']');
    Ok(Endpoint::new(field::address("address", ip)?, Some(field::port("port", port.trim_ascii())?)))
}
