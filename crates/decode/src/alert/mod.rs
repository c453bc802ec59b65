//! Alerts: what detectors write, one file per way of writing it.
//!
//! A [reader](AlertReader) takes one line and says what a trace needs of it; the line itself is kept
//! beside that, never rebuilt from it. An alert without a usable address or time is still an alert: it
//! gets a trace that says so.

mod detect;
mod draft;
mod flat;
mod guardduty;
mod id;
mod map;
mod ocsf;
mod reader;
mod snort;
mod suricata;
mod zeek;

pub use detect::detect;
pub use id::{AlertIds, Fingerprint};
pub use map::{FieldMap, NotAFieldMap};
pub use reader::AlertReader;

use crate::{Carrier, Hints, Unreadable};
use std::{fmt, sync::Arc, time::Duration};
use unmasq_model::{
    Alert, AlertClass, AlertId, Context, End, Endpoint, LogTime, PerEnd, Protocol, Realm, Span,
};

/// A form that alerts can be written in, one alert a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AlertFormat {
    /// The alert log of Alibaba Cloud's NDR: a field map that we know.
    AlibabaNdr,
    /// Findings of AWS GuardDuty, as exported to S3, sent by EventBridge or given by its API.
    AwsGuardDuty,
    /// Detection findings and data security findings of OCSF.
    OcsfFinding,
    /// Snort 3's `alert_json`.
    Snort3Json,
    /// Suricata's EVE.
    SuricataEve,
    /// Zeek's connections and notices as JSON lines.
    ZeekJson,
    /// Zeek's connections and notices as lines of columns under a `#fields` header.
    ZeekTsv,
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
    /// The detector's own name of the flow or connection, as written: EVE's `flow_id`, Zeek's `uid`.
    /// Several alerts may share it.
    pub flow_id: Option<Arc<str>>,
}

/// Everything that an alert says; its id and the realm of its sensor come from elsewhere.
///
/// The fields are those of [`Alert`], and what the matching of its time and realm needs beside them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertFacts {
    /// Who it is and who says it.
    pub identity: AlertIdentity,
    /// The realm that the alert itself means its ends in; `None` where that is its sensor's.
    pub realm: Option<Realm>,
    /// When the packets that it is about passed, with the detector's lag and the resolution in
    /// which the time is written.
    pub at: Span,
    /// How long before `at` the request that the alert is about may have been sent: a rule on the
    /// reply fires after it. Zero where `at` covers the whole exchange.
    pub request_lag: Duration,
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

/// By what the trace of an alert asks; what else the alert says only decides between the answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AlertKey {
    /// As [`AlertFacts::at`].
    pub at: Span,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The two ends.
    pub ends: PerEnd<Endpoint>,
}

impl AlertFacts {
    /// By what its trace asks.
    #[must_use]
    pub const fn key(&self) -> AlertKey {
        AlertKey { at: self.at, protocol: self.protocol, ends: self.ends }
    }

    /// The alert, once its id is known and the realm in which its ends are meant.
    #[must_use]
    pub fn into_alert(self, id: AlertId, realm: Realm) -> Alert {
        let Self {
            identity: _,
            realm: _,
            at,
            request_lag,
            protocol,
            ends,
            opened_by,
            flow_start,
            class,
            context,
        } = self;
        Alert { id, realm, at, request_lag, protocol, ends, opened_by, flow_start, class, context }
    }
}

impl AlertFormat {
    /// The forms that need no further word, in order of name.
    pub const PRESETS: [Self; 7] = [
        Self::AlibabaNdr,
        Self::AwsGuardDuty,
        Self::OcsfFinding,
        Self::Snort3Json,
        Self::SuricataEve,
        Self::ZeekJson,
        Self::ZeekTsv,
    ];

    /// The name that the command line, configuration and documents use.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AlibabaNdr => "alibaba-ndr",
            Self::AwsGuardDuty => "aws-guardduty",
            Self::OcsfFinding => "ocsf-finding",
            Self::Snort3Json => "snort3-json",
            Self::SuricataEve => "suricata-eve",
            Self::ZeekJson => "zeek-json",
            Self::ZeekTsv => "zeek-tsv",
            Self::Flat(_) => "flat",
        }
    }

    /// The form of that name, unless it is `flat`, which needs a map.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        Self::PRESETS.into_iter().find(|format| format.name() == name)
    }

    /// A fresh reader, for one input: what a line means may depend on those before it. Of the hints it
    /// uses the zone and when the input was written.
    #[must_use]
    pub fn reader(&self, hints: Hints) -> AlertReader {
        AlertReader::new(self.clone(), hints)
    }

    /// How a trace is put beside an alert of this form.
    #[must_use]
    pub const fn carrier(&self) -> Carrier {
        match self {
            Self::ZeekTsv => Carrier::Envelope,
            _ => Carrier::Member,
        }
    }
}

impl fmt::Display for AlertFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests;
