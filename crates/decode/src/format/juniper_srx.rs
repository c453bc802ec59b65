//! Juniper SRX session logs (`RT_FLOW`), as structured data or as text.
//!
//! ```text
//! <14>1 2026-03-01T10:00:12.100Z srx RT_FLOW - RT_FLOW_SESSION_CLOSE [junos@2636.1.1.1.2.129 reason="TCP FIN" source-address="10.2.0.7" source-port="40111" destination-address="203.0.113.9" destination-port="443" nat-source-address="198.51.100.8" nat-source-port="52210" nat-destination-address="203.0.113.9" nat-destination-port="443" protocol-id="6" session-id-32="77" elapsed-time="12"]
//! <14>Mar  1 10:00:00 srx RT_FLOW: RT_FLOW_SESSION_CREATE: session created 10.2.0.7/40111->203.0.113.9/443 junos-https 198.51.100.8/52210->203.0.113.9/443 out-nat None 6 allow trust untrust 77 N/A(N/A) vlan.10
//! ```
//!
//! The packet as it came is `source` to `destination`; as it left, `nat-source` to `nat-destination`. Where
//! both are alike, the flow was routed and names nobody.
//!
//! `CREATE` begins a session, `CLOSE` ends it and tells how long it took (`elapsed-time`, whole seconds),
//! `DENY` is none. Quirks: releases put more words between the two pairs (`0x0`, the application), and
//! call the session `session-id` or `session-id-32`; absent NAT is `None`, `N/A`, or `0.0.0.0` and port 0;
//! for ICMP the two ports are an id and a sequence number in an order that is nowhere said, and are not
//! used. Next Gen Services call the messages `…_USF`.
//! <https://www.juniper.net/documentation/us/en/software/junos/network-mgmt/topics/topic-map/system-logging-for-a-security-device.html>

use super::{Definition, FormatTraits};
use crate::{
    Decoder, Event, EventKind, Hints, Record, Unreadable,
    field::{self, required},
    flow::{self, Flow, Leg},
    json::{is_blank, text_of},
    syslog::{self, Syslog},
};
use std::time::Duration;
use unmasq_model::{Endpoint, Protocol};

/// Both forms.
pub(super) const SYSLOG: Definition = Definition {
    name: "juniper-srx",
    aliases: &["juniper-rt-flow"],
    // Unless `session-init` is logged too, a session is told of when it is over.
    traits: FormatTraits { delay: Duration::from_secs(3600), ..FormatTraits::NAT },
    decoder: |hints| Ok(Box::new(Sessions { hints: hints.clone() })),
};

/// Reads one message a line.
#[derive(Clone)]
struct Sessions {
    hints: Hints,
}

const OTHER: Unreadable = Unreadable::because("no message of a Junos device about a session");
const NO_TIME: Unreadable = Unreadable::because("it carries no time");
const CUT: Unreadable = Unreadable::because("cut short, or not in the form that this message has");

/// How long the device may take to write a message.
const LAG: Duration = Duration::from_secs(2);

/// How long a session that is over may stay before it is closed.
const AGING: Duration = Duration::from_secs(60);

impl Decoder for Sessions {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let line = text_of(frame);
        let header = Syslog::innermost(&line);
        let Some((kind, fields)) = message(&header)? else { return Ok(()) };
        let said = match fields {
            Fields::Structured(data) => Said::structured(data, kind)?,
            Fields::Text(text) => Said::text(text, kind)?,
        };
        let written = header.time.ok_or(NO_TIME)?.span(&self.hints)?;
        let event = match said.elapsed {
            Some(elapsed) => flow::ended(written, elapsed, AGING, LAG)?,
            None => Event::new(kind, written, LAG),
        };
        let event = Event { entry: said.session, ..event };
        out.extend(said.flow.translations().map(|translation| flow::record(translation, event.clone())));
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

/// Where a message has its fields.
enum Fields<'a> {
    Structured(&'a str),
    Text(&'a str),
}

/// What the message is about; `None` if it is about no session.
fn message<'a>(header: &Syslog<'a>) -> Result<Option<(EventKind, Fields<'a>)>, Unreadable> {
    let kind_of = |name: &str| match name.strip_suffix("_USF").unwrap_or(name) {
        "RT_FLOW_SESSION_CREATE" | "RT_FLOW_SESSION_CREATE_LS" => Some(EventKind::New),
        "RT_FLOW_SESSION_CLOSE" | "RT_FLOW_SESSION_CLOSE_LS" => Some(EventKind::Destroy),
        _ => None,
    };
    if let (Some(name), Some(data)) = (header.id, header.structured) {
        let ours = data.starts_with("[junos@");
        return if ours {
            Ok(kind_of(name).map(|kind| (kind, Fields::Structured(data))))
        } else {
            Err(OTHER)
        };
    }
    // `RT_FLOW: RT_FLOW_SESSION_CREATE: …`, or without the first.
    let (name, text) = match header.app {
        Some(name) if name.starts_with("RT_FLOW_") => (name, header.message),
        Some(app) if !app.starts_with("RT_") => return Err(OTHER),
        _ => header.message.split_once(": ").unwrap_or((header.message, "")),
    };
    if header.app.is_none() && !name.starts_with("RT_") {
        return Err(OTHER);
    }
    Ok(kind_of(name).map(|kind| (kind, Fields::Text(text))))
}

/// What a message says, but for the time.
struct Said {
    flow: Flow,
    session: Option<u64>,
    /// Of a session that is over.
    elapsed: Option<Duration>,
}

impl Said {
    fn structured(data: &str, kind: EventKind) -> Result<Self, Unreadable> {
        let value = |name: &str| syslog::param(data, name);
        let text = |name: &str| required(name, value(name));
        let protocol = field::protocol("protocol-id", &text("protocol-id")?)?;
        let endpoint = |ip: &str, port: &str| {
            let number = field::port(port, &text(port)?)?;
            Ok((field::address(ip, &text(ip)?)?, number))
        };
        // Absent NAT is told in several ways, or not at all.
        let translated = |ip: &str, port: &str, meant: (std::net::IpAddr, u16)| {
            let written = |name: &str| {
                value(name).filter(|text| !matches!(&**text, "None" | "N/A" | "0.0.0.0" | "::" | ""))
            };
            match written(ip) {
                None => Ok(meant),
                Some(_) => endpoint(ip, port).map(|(ip, port)| (ip, if port == 0 { meant.1 } else { port })),
            }
        };
        let src = endpoint("source-address", "source-port")?;
        let dst = endpoint("destination-address", "destination-port")?;
        let came = (src, dst);
        let left = (
            translated("nat-source-address", "nat-source-port", src)?,
            translated("nat-destination-address", "nat-destination-port", dst)?,
        );
        let elapsed = match kind {
            EventKind::Destroy => Some(seconds(&text("elapsed-time")?)?),
            _ => None,
        };
        let session = value("session-id-32").or_else(|| value("session-id"));
        Ok(Self {
            flow: flow_of(protocol, came, left),
            session: session.and_then(|id| field::number(&id)),
            elapsed,
        })
    }

    /// `session created A/p->B/p [0x0] service A/p->B/p [0x0] rule rule proto policy zone zone id …`, or
    /// `session closed REASON: A/p->B/p …`.
    fn text(text: &str, kind: EventKind) -> Result<Self, Unreadable> {
        let words: Vec<&str> = text.split_ascii_whitespace().take(64).collect();
        let pairs: Vec<usize> = (0..words.len()).filter(|&at| words[at].contains("->")).collect();
        let [first, second] = pairs[..] else { return Err(CUT) };
        let (came, left) = (pair(words[first])?, pair(words[second])?);
        // Then come one or two NAT rules, each perhaps with its type, and the protocol as a number.
        let rest = &words[second + 1..];
        let protocol =
            rest.iter().enumerate().skip(1).find_map(|(at, word)| Some((at, field::number::<u8>(word)?)));
        let (at, protocol) = protocol.ok_or(CUT)?;
        let after = &rest[at + 1..];
        // policy, source zone, destination zone, session id
        let session = after.get(3).and_then(|word| field::number(word));
        let elapsed = match kind {
            // `12(3980) 10(9120) 12`: packets and bytes either way, then seconds.
            EventKind::Destroy => {
                let counts: Vec<usize> = (4..after.len()).filter(|&at| is_count(after[at])).collect();
                let [_, last, ..] = counts[..] else { return Err(CUT) };
                Some(seconds(after.get(last + 1).ok_or(CUT)?)?)
            }
            _ => None,
        };
        Ok(Self { flow: flow_of(Protocol::from_number(protocol), came, left), session, elapsed })
    }
}

type Written = (std::net::IpAddr, u16);

fn flow_of(protocol: Protocol, came: (Written, Written), left: (Written, Written)) -> Flow {
    let protocol = field::in_family(protocol, came.0.0);
    let endpoint = |(ip, port): Written| Endpoint::new(ip, protocol.has_ports().then_some(port));
    let leg = |(src, dst)| Leg { src: endpoint(src), dst: endpoint(dst) };
    Flow { protocol, came: leg(came), left: leg(left) }
}

/// `10.2.0.7/40111->203.0.113.9/443`
fn pair(word: &str) -> Result<(Written, Written), Unreadable> {
    let (src, dst) = word.split_once("->").ok_or(CUT)?;
    let endpoint = |text: &str| {
        let (ip, port) = text.rsplit_once('/').ok_or(CUT)?;
        Ok((field::address("address", ip)?, field::port("port", port)?))
    };
    Ok((endpoint(src)?, endpoint(dst)?))
}

/// `12(3980)`
fn is_count(word: &str) -> bool {
    let counted = word.strip_suffix(')').and_then(|word| word.split_once('('));
    counted.is_some_and(|(packets, bytes)| {
        !packets.is_empty()
            && field::number::<u64>(packets).is_some()
            && field::number::<u64>(bytes).is_some()
    })
}

fn seconds(text: &str) -> Result<Duration, Unreadable> {
    let seconds = field::number::<u32>(text).filter(|_| !text.is_empty()).ok_or(CUT)?;
    Ok(Duration::from_secs(seconds.into()))
}
