//! Reading alerts of one input, line after line.

use super::{AlertFormat, AlertKey, Reading, flat, guardduty, ocsf, snort, suricata, zeek};
use crate::{
    Hints, Unreadable,
    json::{Object, is_blank, text_of},
};

/// Reads the lines of one input, in their order: a header says what the lines below it mean.
///
/// It keeps what the last header said, never an alert.
#[derive(Clone, Debug)]
pub struct AlertReader {
    format: AlertFormat,
    hints: Hints,
    /// The header that came last, where the form has one.
    table: zeek::Table,
    eve: suricata::Eve,
}

impl AlertReader {
    pub(super) fn new(format: AlertFormat, hints: Hints) -> Self {
        Self { format, hints, table: zeek::Table::default(), eve: suricata::Eve::new() }
    }

    /// What one line says, given those before it. No line makes it panic.
    ///
    /// Where the form is not JSON, give it what [`Carrier::alert_of`](crate::Carrier::alert_of) makes
    /// of the line, so that what was traced before reads as it did.
    #[must_use]
    pub fn read(&mut self, line: &[u8]) -> Reading {
        if is_blank(line) {
            return Reading::NotAnAlert;
        }
        let text = text_of(line);
        let object = |read: &dyn Fn(&Object<'_>) -> Reading| match Object::parse(&text) {
            Some(object) => read(&object),
            None => Reading::Unreadable(Unreadable::because("it is not one JSON object")),
        };
        match &self.format {
            AlertFormat::AlibabaNdr => object(&|line| flat::read(&flat::ALIBABA_NDR, line)),
            AlertFormat::AwsGuardDuty => object(&guardduty::read),
            AlertFormat::OcsfFinding => object(&ocsf::read),
            AlertFormat::Snort3Json => object(&|line| snort::read(line, &self.hints)),
            AlertFormat::SuricataEve => self.eve.read(&text),
            AlertFormat::ZeekJson => object(&zeek::read_json),
            AlertFormat::ZeekTsv => self.table.read(&text),
            AlertFormat::Flat(map) => object(&|line| flat::read(map, line)),
        }
    }

    /// By what the trace of the alert in one line asks, as [`read`](Self::read) has it but for less;
    /// `None` where the line is no alert that can be traced.
    #[must_use]
    pub fn key(&mut self, line: &[u8]) -> Option<AlertKey> {
        if self.format == AlertFormat::SuricataEve {
            return self.eve.key(&text_of(line));
        }
        match self.read(line) {
            Reading::Alert(facts) => Some(facts.key()),
            _ => None,
        }
    }

    /// Another reader that reads every later line as this one would, so that several can share an input.
    #[must_use]
    pub fn fork(&self) -> Self {
        self.clone()
    }

    /// Whether one of these lines may change what those after it mean, as a header does. Such lines are
    /// given to the reader that others are [forked](Self::fork) from, in their place; all others may be
    /// given to any fork, in any order. A wrong `true` costs time, never an answer.
    #[must_use]
    pub fn turns(&self, lines: &[u8]) -> bool {
        self.format == AlertFormat::ZeekTsv && lines.split(|&byte| byte == b'\n').any(zeek::may_be_header)
    }

    /// Whether a header came that says what lines mean.
    pub(super) fn knows_its_header(&self) -> bool {
        self.table.is_known()
    }
}
