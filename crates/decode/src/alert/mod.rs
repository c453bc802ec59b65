//! Alerts: what detectors write, one file per way of writing it.
//!
//! A reader takes one line and says what a trace needs of it; the line itself is kept beside that,
//! never rebuilt from it. An alert without a usable address or time is still an alert: it gets a trace
//! that says so.

mod flat;
mod id;
mod map;
mod suricata;

pub use id::AlertIds;
pub use map::{FieldMap, NotAFieldMap};

use crate::{
    Guess, Unreadable, field,
    json::{Object, is_blank, text_of},
    sample::share_of_lines,
};
use std::{borrow::Cow, fmt, sync::Arc};
use unmasq_model::{
    Alert, AlertClass, AlertId, Context, End, Endpoint, LogTime, PerEnd, Protocol, Realm, Span,
};

/// A form that alerts can be written in, one JSON object a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AlertFormat {
    /// Suricata's EVE.
    SuricataEve,
    /// The alert log of Alibaba Cloud's NDR: a field map that we know.
    AlibabaNdr,
    /// Any JSON object, by a map of its fields.
    Flat(Arc<FieldMap>),
}

/// What a line of a detector's output is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reading {
    /// An alert that can be traced.
    Alert(Box<AlertFacts>),
    /// An alert without a usable address, protocol or time: it gets a trace with the reason
    /// [`unreadable`](unmasq_model::Reason::Unreadable).
    Unusable(Box<UnusableAlert>),
    /// Something else that the detector writes into the same file, or a blank line.
    NotAnAlert,
    /// Nothing that this form has.
    Unreadable(Unreadable),
}

/// What an alert says about itself and its author.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AlertIdentity {
    /// The detector's own id, where it is unique.
    pub own_id: Option<Arc<str>>,
    /// The sensor, as the alert itself names it.
    pub sensor: Option<Arc<str>>,
}

/// Everything that an alert says; its id and the realm of its sensor come from elsewhere.
///
/// The fields are those of [`Alert`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertFacts {
    /// Who it is and who says it.
    pub identity: AlertIdentity,
    /// When the packets that it is about passed, with the detector's lag and the resolution in
    /// which the time is written.
    pub at: Span,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The two ends; ports only where the protocol has ports.
    pub ends: PerEnd<Endpoint>,
    /// Which end opened the flow, if the detector says.
    pub opened_by: Option<End>,
    /// When the detector saw the flow begin.
    pub flow_start: Option<LogTime>,
    /// What it is about.
    pub class: AlertClass,
    /// What it says about the conversation.
    pub context: Context,
}

/// An alert that cannot be traced, and as much as it says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnusableAlert {
    /// Who it is and who says it.
    pub identity: AlertIdentity,
    /// When, if that can be read.
    pub at: Option<Span>,
    /// The ends that can be read.
    pub ends: PerEnd<Option<Endpoint>>,
    /// What it is about.
    pub class: AlertClass,
    /// What it lacks.
    pub why: Unreadable,
}

impl AlertFacts {
    /// The alert, once its id and its sensor's realm are known.
    #[must_use]
    pub fn into_alert(self, id: AlertId, realm: Realm) -> Alert {
        let Self { identity: _, at, protocol, ends, opened_by, flow_start, class, context } = self;
        Alert { id, realm, at, protocol, ends, opened_by, flow_start, class, context }
    }
}

impl AlertFormat {
    /// The forms that need no further word, in order of name.
    pub const PRESETS: [Self; 2] = [Self::AlibabaNdr, Self::SuricataEve];

    /// The name that the command line, configuration and documents use.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SuricataEve => "suricata-eve",
            Self::AlibabaNdr => "alibaba-ndr",
            Self::Flat(_) => "flat",
        }
    }

    /// The form of that name, unless it is `flat`, which needs a map.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        Self::PRESETS.into_iter().find(|format| format.name() == name)
    }

    /// What one line says. No line makes it panic, and it keeps nothing.
    #[must_use]
    pub fn read(&self, line: &[u8]) -> Reading {
        if is_blank(line) {
            return Reading::NotAnAlert;
        }
        let text = text_of(line);
        let Some(object) = Object::parse(&text) else {
            return Reading::Unreadable(Unreadable::because("it is not one JSON object"));
        };
        match self {
            Self::SuricataEve => suricata::read(&object),
            Self::AlibabaNdr => flat::read(&flat::ALIBABA_NDR, &object),
            Self::Flat(map) => flat::read(map, &object),
        }
    }
}

impl fmt::Display for AlertFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Which forms of alert the first lines of a file fit, best first; empty if none. A field map is
/// never guessed.
#[must_use]
pub fn detect(sample: &[u8]) -> Vec<Guess<AlertFormat>> {
    let mut guesses: Vec<_> = AlertFormat::PRESETS
        .into_iter()
        .map(|format| {
            let percent = share_of_lines(sample, |line| fits(&format, line));
            Guess { format, percent }
        })
        .filter(|guess| guess.percent > 0)
        .collect();
    guesses.sort_by_key(|guess| std::cmp::Reverse(guess.percent));
    guesses
}

fn fits(format: &AlertFormat, line: &[u8]) -> bool {
    let text = text_of(line);
    let marks: &[&str] = match format {
        AlertFormat::SuricataEve => &["event_type", "timestamp"],
        AlertFormat::AlibabaNdr => &["ndr_log_type", "start_time", "src_ip", "dst_ip"],
        AlertFormat::Flat(_) => return false,
    };
    Object::parse(&text).is_some_and(|object| marks.iter().all(|mark| object.raw(mark).is_some()))
}

/// What a reader found, before it is known whether that is enough.
struct Draft {
    identity: AlertIdentity,
    at: Result<Span, Unreadable>,
    protocol: Result<Protocol, Unreadable>,
    src: Result<Endpoint, Unreadable>,
    dest: Result<Endpoint, Unreadable>,
    opened_by: Option<End>,
    flow_start: Option<LogTime>,
    class: AlertClass,
    context: Context,
}

impl Draft {
    fn finish(self) -> Reading {
        let Self { identity, opened_by, flow_start, class, context, .. } = self;
        match (self.at, self.src, self.dest, self.protocol) {
            (Ok(at), Ok(src), Ok(dest), Ok(protocol)) => {
                let protocol = field::in_family(protocol, src.ip);
                let ends = PerEnd { src, dest };
                Reading::Alert(Box::new(AlertFacts {
                    identity,
                    at,
                    protocol,
                    ends,
                    opened_by,
                    flow_start,
                    class,
                    context,
                }))
            }
            (at, src, dest, protocol) => {
                let faults =
                    [at.as_ref().err(), src.as_ref().err(), dest.as_ref().err(), protocol.as_ref().err()];
                let first = faults.into_iter().flatten().next();
                let why = first.cloned().unwrap_or(Unreadable::because("it says too little"));
                let ends = PerEnd { src: src.ok(), dest: dest.ok() };
                Reading::Unusable(Box::new(UnusableAlert { identity, at: at.ok(), ends, class, why }))
            }
        }
    }
}

/// An end out of its two texts. A port that the protocol does not have is not one; a protocol that
/// cannot be read does not take the port away.
fn end(
    [ip_name, port_name]: [&str; 2],
    [ip, port]: [Option<Cow<'_, str>>; 2],
    protocol: &Result<Protocol, Unreadable>,
) -> Result<Endpoint, Unreadable> {
    let ip = field::address(ip_name, &field::required(ip_name, ip)?)?;
    let port = match (protocol, port) {
        (Ok(protocol), _) if !protocol.has_ports() => None,
        (_, None) => None,
        (_, Some(port)) => Some(field::port(port_name, &port)?),
    };
    Ok(Endpoint::new(ip, port))
}

/// A text that is kept.
fn kept(text: Option<Cow<'_, str>>) -> Option<Arc<str>> {
    text.map(Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_form_is_found_by_its_name() {
        for format in AlertFormat::PRESETS {
            assert_eq!(AlertFormat::preset(format.name()), Some(format));
        }
        assert_eq!(AlertFormat::preset("flat"), None);
    }

    #[test]
    fn detection_asks_for_the_marks_of_each_form() {
        let eve = "{\"event_type\":\"flow\",\"timestamp\":\"x\"}\n{\"event_type\":\"alert\"}\n";
        assert_eq!(detect(eve.as_bytes()), [Guess { format: AlertFormat::SuricataEve, percent: 50 }]);
        let ndr = "{\"ndr_log_type\":\"TLS\",\"start_time\":1,\"src_ip\":\"\",\"dst_ip\":\"\"}\n";
        assert_eq!(detect(ndr.as_bytes()), [Guess { format: AlertFormat::AlibabaNdr, percent: 100 }]);
        assert_eq!(detect(b"hello\nworld\n"), []);
    }

    #[test]
    fn what_is_no_object_is_unreadable_and_a_blank_line_is_nothing() {
        for format in AlertFormat::PRESETS {
            assert_eq!(format.read(b" \r\n"), Reading::NotAnAlert);
            assert!(matches!(format.read(b"[1]"), Reading::Unreadable(_)));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
            for format in AlertFormat::PRESETS {
                let _ = (format.read(&line), detect(&line));
            }
        }

        #[test]
        fn no_odd_value_is_a_panic(values in prop::collection::vec(
            prop_oneof![Just("null"), Just("-1"), Just("1e400"), Just("\"\\ud800\""), Just("{}"), Just("[]"),
                Just("\"alert\""), Just("\"2026-11-22T10:57:52.3+0000\""), Just("\"::1\""), Just("\"TCP\""),
                Just("65536"), Just("1773475242"), Just("\"\"")], 24)
        ) {
            let names = ["event_type", "timestamp", "src_ip", "dest_ip", "src_port", "dest_port", "proto", "flow",
                "http", "alert", "direction", "pkt_src", "tx_id", "host", "tls", "ssh", "start_time", "end_time",
                "dst_ip", "dst_port", "l4_protocol", "net_connect_dir", "alert_id", "alert_name"];
            let members: Vec<_> = names.iter().zip(&values).map(|(n, v)| format!("\"{n}\":{v}")).collect();
            let line = format!("{{{}}}", members.join(","));
            for format in AlertFormat::PRESETS {
                let _ = format.read(line.as_bytes());
            }
        }
    }
}
