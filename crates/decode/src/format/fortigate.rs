//! FortiGate traffic logs, as FortiOS writes them: `key=value`, values perhaps in quotes.
//!
//! ```text
//! date=2026-03-01 time=10:00:13 eventtime=1772359213000000000 tz="+0000" logid="0000000013" type="traffic" subtype="forward" vd="root" srcip=10.2.0.7 srcport=40111 dstip=203.0.113.9 dstport=443 proto=6 action="close" sessionid=77 trandisp="snat" transip=198.51.100.8 transport=52210 duration=12
//! ```
//!
//! The packet as it came is `src` to `dst`. `trandisp` says what was translated: `snat` into
//! `transip`/`transport`, `dnat` into `tranip`/`tranport` (mind the names), `snat+dnat` both, `noop` nothing.
//!
//! A record is written when a session is over; of a long one also every few minutes, with its length so
//! far (`logid` …20), and, if `logtraffic-start` is on, when it begins (`action="start"`). `eventtime` is
//! seconds up to FortiOS 6.0 and nanoseconds since; without it `date`, `time` and `tz` count. Other clocks in
//! the line (a relay's header, `timestamp`, `itime`) are not used. ICMP has no ports here.
//! <https://docs.fortinet.com/document/fortigate/7.4.0/fortios-log-message-reference/357866/log-message-fields>

use super::{Definition, FormatTraits};
use crate::{
    Decoder, Event, EventKind, Hints, Record, Unreadable,
    field::{self, UnixUnit, fault, required},
    flow::{self, Flow, Leg},
    json::{is_blank, text_of},
    pairs::Pairs,
};
use std::time::Duration;
use unmasq_model::{Endpoint, Span};

/// The default form, with whichever header.
pub(super) const PAIRS: Definition = Definition {
    name: "fortigate",
    aliases: &["fortigate-traffic"],
    // A session is told of when it is over, a long one every few minutes.
    traits: FormatTraits { delay: Duration::from_secs(3600), ..FormatTraits::NAT },
    decoder: |hints| Ok(Box::new(Traffic { hints: hints.clone() })),
};

/// Reads one record a line.
#[derive(Clone)]
struct Traffic {
    hints: Hints,
}

const OTHER: Unreadable = Unreadable::because("no record of a FortiGate's log");
const ABSURD: &str = "is not a time between the years 1970 and 9999";

/// How long the device may take to write a record.
const LAG: Duration = Duration::from_secs(2);

/// How long a session that is over may stay before it is written.
const AGING: Duration = Duration::from_secs(60);

impl Decoder for Traffic {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let line = text_of(frame);
        let pairs = Pairs::read(&line);
        let (Some(kind), Some(log)) = (pairs.get("type"), pairs.get("logid").or_else(|| pairs.get("log_id")))
        else {
            return Err(OTHER);
        };
        let (source, destination) = match pairs.get("trandisp").as_deref() {
            Some("snat") => (true, false),
            Some("dnat") => (false, true),
            Some("snat+dnat") => (true, true),
            _ => return Ok(()),
        };
        if kind != "traffic" {
            return Ok(());
        }
        let flow = flow_of(&pairs, source, destination)?;
        let written = written(&pairs, &self.hints)?;
        let event = if pairs.get("action").as_deref() == Some("start") {
            Event::new(EventKind::New, written, LAG)
        } else {
            let seconds = required("duration", pairs.get("duration"))?;
            let elapsed = field::number::<u32>(&seconds).ok_or(fault("duration", "is no number"))?;
            let ended = flow::ended(written, Duration::from_secs(elapsed.into()), AGING, LAG)?;
            // It goes on: this is a sign of life.
            let still_there = Event { kind: EventKind::Update, stopped: None, ..ended.clone() };
            if log.ends_with("000020") { still_there } else { ended }
        };
        let event = Event { entry: pairs.get("sessionid").and_then(|id| field::number(&id)), ..event };
        out.extend(flow.translations().map(|translation| flow::record(translation, event.clone())));
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

fn flow_of(pairs: &Pairs<'_>, source: bool, destination: bool) -> Result<Flow, Unreadable> {
    let text = |name: &str| required(name, pairs.get(name));
    let protocol = field::protocol("proto", &text("proto")?)?;
    let has_ports = protocol.has_ports();
    let endpoint = |ip: &str, port: &str| {
        let number = if has_ports { Some(field::port(port, &text(port)?)?) } else { None };
        Ok(Endpoint::new(field::address(ip, &text(ip)?)?, number))
    };
    let came = Leg { src: endpoint("srcip", "srcport")?, dst: endpoint("dstip", "dstport")? };
    // An address that was translated without its port has 0 there.
    let translated = |is: bool, ip: &str, port: &str, meant: Endpoint| {
        if !is {
            return Ok(meant);
        }
        let left = endpoint(ip, port)?;
        Ok(if left.port == Some(0) { Endpoint { port: meant.port, ..left } } else { left })
    };
    let left = Leg {
        src: translated(source, "transip", "transport", came.src)?,
        dst: translated(destination, "tranip", "tranport", came.dst)?,
    };
    Ok(Flow { protocol: field::in_family(protocol, came.src.ip), came, left })
}

/// When the record was written.
fn written(pairs: &Pairs<'_>, hints: &Hints) -> Result<Span, Unreadable> {
    if let Some(number) = pairs.get("eventtime") {
        // Ten digits are seconds until the year 2286; the finer units are read as microseconds.
        let micros = match number.len() {
            0..=11 => {
                return field::unix_time(&number, UnixUnit::Seconds)
                    .ok_or_else(|| fault("eventtime", ABSURD));
            }
            12..=14 => {
                return field::unix_time(&number, UnixUnit::Milliseconds)
                    .ok_or_else(|| fault("eventtime", ABSURD));
            }
            15..=17 => number.as_ref(),
            _ if number.is_ascii() => &number[..number.len().min(40) - 3],
            _ => return Err(fault("eventtime", ABSURD)),
        };
        return field::unix_time(micros, UnixUnit::Microseconds).ok_or_else(|| fault("eventtime", ABSURD));
    }
    let (date, time) = (required("date", pairs.get("date"))?, required("time", pairs.get("time"))?);
    let zone = pairs.get("tz").unwrap_or_default();
    let text = format!("{date}T{time}{zone}");
    let span = match field::zoned_time(&text) {
        Some(span) => return Ok(span),
        None => field::civil_time(&text, hints.zone.as_ref()),
    };
    span.unwrap_or_else(|| Err(fault("date", ABSURD)))
}
