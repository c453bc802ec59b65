//! Palo Alto Networks' traffic log, as PAN-OS sends it by syslog: CSV, with or without a header before it.
//!
//! ```text
//! <14>1 2020-10-09T18:39:02-04:00 fw - - - - 1,2020/10/09 17:43:54,007200001056,TRAFFIC,end,1210,2020/10/09 17:43:54,10.10.30.69,203.0.113.12,198.51.100.210,203.0.113.12,allow-all,,,ssl,…
//! ```
//!
//! | column, from 0 | is |
//! | --- | --- |
//! | 3, 4 | `TRAFFIC`, and `start`, `end`, `deny` or `drop` |
//! | 6 | when it was written, local time |
//! | 7, 24; 8, 25 | the packet as it came: source, destination |
//! | 9, 26; 10, 27 | as it left; `0.0.0.0` and port 0: not translated |
//! | 22 | the session's id |
//! | 29 | the protocol, as a word |
//! | 35, 36 | when the session began, local time, and how many seconds it took |
//!
//! By default only the end of a session is logged. Begin and length count to its last packet; the session
//! then ages (15 s after a TCP close, 30 s for UDP, an hour for a silent TCP session) before the line is
//! written. The header's time is the relay's and is not used. For ICMP the ports are not used. `drop` is a
//! packet that was not passed.
//! <https://docs.paloaltonetworks.com/pan-os/11-1/pan-os-admin/monitoring/use-syslog-for-monitoring/syslog-field-descriptions/traffic-log-fields>

use super::{Definition, FormatTraits};
use crate::{
    Decoder, Event, EventKind, Hints, Record, Unreadable,
    field::{self, fault},
    flow::{self, Flow, Leg},
    json::{is_blank, text_of},
    syslog::Syslog,
};
use std::{net::IpAddr, time::Duration};
use unmasq_model::{Endpoint, Span};

/// The CSV form.
pub(super) const CSV: Definition = Definition {
    name: "panos-traffic",
    aliases: &["panos-csv"],
    // Unless the start is logged too, a session is told of when it is over.
    traits: FormatTraits { delay: Duration::from_secs(3600), ..FormatTraits::NAT },
    decoder: |hints| Ok(Box::new(Traffic { hints: hints.clone() })),
};

/// Reads one record a line.
#[derive(Clone)]
struct Traffic {
    hints: Hints,
}

const OTHER: Unreadable = Unreadable::because("no record of a PAN-OS log");
const CUT: Unreadable = Unreadable::because("cut short: its columns end before the session's length");

/// How long after the fact a line may carry its time.
const LAG: Duration = Duration::from_secs(2);

/// A line has about a hundred columns; more are a lie.
const COLUMNS_AT_MOST: usize = 512;

impl Decoder for Traffic {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let text = text_of(frame);
        let cells = cells(&text).ok_or(OTHER)?;
        let cell = |at: usize| cells.get(at).map(str::trim).ok_or(CUT);
        let kind = match (cell(3)?, cell(4)?) {
            ("TRAFFIC", "start") => EventKind::New,
            // A session that a policy ended once it knew the application.
            ("TRAFFIC", "end" | "deny") => EventKind::Destroy,
            _ => return Ok(()),
        };
        let flow = flow_of(&cell)?;
        let time = |name: &str, at: usize| local(name, cell(at)?, &self.hints);
        let written = time("generated time", 6)?;
        let event = match kind {
            EventKind::Destroy => {
                let began = time("start time", 35)?;
                let seconds = cell(36)?;
                let elapsed = field::number::<u32>(seconds).filter(|_| !seconds.is_empty());
                let elapsed =
                    Duration::from_secs(elapsed.ok_or(fault("elapsed time", "is no number"))?.into());
                ended(written, began, elapsed)?
            }
            _ => Event::new(kind, written, LAG),
        };
        let event = Event { entry: field::number(cell(22)?), ..event };
        out.extend(flow.translations().map(|translation| flow::record(translation, event.clone())));
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

/// The columns of the record, without the header before it.
fn cells(line: &str) -> Option<csv::StringRecord> {
    // Whatever the header was, the record begins with a column that has no use, and its time.
    let read = Syslog::read(line);
    let message = if begins(read.message) { read.message } else { line };
    if !begins(message) {
        return None;
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).buffer_capacity(1024).from_reader(message.as_bytes());
    let mut row = csv::StringRecord::new();
    let read = reader.read_record(&mut row).ok()?;
    (read && row.len() <= COLUMNS_AT_MOST).then_some(row)
}

/// `1,2020/10/09 17:43:54,serial,`
fn begins(message: &str) -> bool {
    let mut cells = message.splitn(4, ',');
    let unused = cells.next().is_some_and(|cell| cell.len() <= 3);
    let dated = cells.next().is_some_and(|cell| cell.len() == 19 && cell.as_bytes()[4] == b'/');
    unused && dated && cells.next().is_some()
}

fn flow_of<'c>(cell: &dyn Fn(usize) -> Result<&'c str, Unreadable>) -> Result<Flow, Unreadable> {
    let protocol = field::protocol("protocol", cell(29)?)?;
    let ip = |name: &str, at: usize| field::address(name, cell(at)?);
    let port = |name: &str, at: usize| field::port(name, cell(at)?);
    let src = (ip("source address", 7)?, port("source port", 24)?);
    let dst = (ip("destination address", 8)?, port("destination port", 25)?);
    let translated = |name: &str, at: (usize, usize), meant: (IpAddr, u16)| {
        if matches!(cell(at.0)?, "" | "0.0.0.0" | "::") {
            return Ok(meant);
        }
        let port = port(name, at.1)?;
        Ok((ip(name, at.0)?, if port == 0 { meant.1 } else { port }))
    };
    let nat_src = translated("NAT source", (9, 26), src)?;
    let nat_dst = translated("NAT destination", (10, 27), dst)?;
    let protocol = field::in_family(protocol, src.0);
    let endpoint = |(ip, port): (IpAddr, u16)| Endpoint::new(ip, protocol.has_ports().then_some(port));
    Ok(Flow {
        protocol,
        came: Leg { src: endpoint(src), dst: endpoint(dst) },
        left: Leg { src: endpoint(nat_src), dst: endpoint(nat_dst) },
    })
}

/// The end of a session: it was there from `began` for `elapsed`, and then until it was `written`.
fn ended(written: Span, began: Span, elapsed: Duration) -> Result<Event, Unreadable> {
    if written.to() < began.from() {
        return Err(fault("start time", "is after the record was written"));
    }
    if began.from().plus(elapsed) > written.to().plus(LAG) {
        return Err(fault("elapsed time", "is longer than from its start to when it was written"));
    }
    // Both are cut to the second; their difference may have been rounded.
    let told = began.from().plus(elapsed).minus(Duration::from_secs(1)).max(began.from()).min(written.to());
    Ok(Event {
        started: Some(Span::between(began.from().minus(LAG), began.to())),
        stopped: Some(Span::between(told, written.to())),
        ..Event::new(EventKind::Destroy, written, LAG)
    })
}

/// `2020/10/09 17:43:54`
fn local(name: &str, text: &str, hints: &Hints) -> Result<Span, Unreadable> {
    let iso = text.replacen('/', "-", 2);
    field::civil_time(&iso, hints.zone.as_ref())
        .unwrap_or_else(|| Err(fault(name, "is not a time between the years 1970 and 9999")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_behind_any_header() {
        const RECORD: &str = "1,2026/03/01 10:00:00,0072,TRAFFIC,end,1,\"a,b\"";
        for header in [
            "",
            "<14>",
            "<14>Mar  1 10:00:00 fw ",
            "Mar  1 10:00:00 ",
            "<14>1 2026-03-01T10:00:00Z fw - - - - ",
        ] {
            let row = cells(&format!("{header}{RECORD}")).expect(header);
            assert_eq!((row.len(), row.get(6)), (7, Some("a,b")), "{header}");
        }
        assert!(cells("Mar  1 10:00:00 fw kernel: 1,2,3,4").is_none());
    }
}
