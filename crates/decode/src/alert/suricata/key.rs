//! Of EVE's lines only that by which a trace asks.

use super::{at, front, text, whole};
use crate::{
    alert::{AlertKey, draft::end},
    field,
    json::Members,
};
use unmasq_model::PerEnd;

/// Reads the few members that say by what a trace asks, and passes over all others.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    event: Members<{ KEY.len() }>,
    /// The objects that most alerts have, of which nothing is wanted: how each was written in a line before.
    passed: [Members<0>; PASSED.len()],
}

/// What says that an event is an alert, and by what its trace asks; and what is passed over.
const KEY: [&str; 11] = [
    PASSED[0],
    PASSED[1],
    PASSED[2],
    "event_type",
    "timestamp",
    "src_ip",
    "src_port",
    "dest_ip",
    "dest_port",
    "proto",
    "pkt_src",
];
const PASSED: [&str; 3] = ["alert", "flow", "http"];

impl Keys {
    pub(super) fn new() -> Self {
        Self { event: Members::new(KEY), passed: PASSED.map(|_| Members::new([])) }
    }

    /// By what the trace of the alert in `line` asks, as the reader of whole alerts has it.
    pub(super) fn read(&mut self, line: &str) -> Option<AlertKey> {
        let mut known = [None; PASSED.len()];
        let mut in_passing = |slot: usize, text| front(self.passed.get(slot)?, text, known.get_mut(slot)?);
        let event = match self.event.read_nested(line, &mut in_passing) {
            Some(event) => event,
            None => self.event.read(line)?,
        };
        let [objects @ .., event_type, timestamp, src_ip, src_port, dest_ip, dest_port, proto, pkt_src] =
            event;
        for ((object, known), members) in objects.into_iter().zip(known).zip(&mut self.passed) {
            // It was passed over the long way; the next one like it need not be.
            let _: Option<_> =
                object.and_then(|object| whole(object, known).or_else(|| members.read(object)));
        }
        text(event_type).filter(|kind| kind == "alert")?;
        let protocol = field::protocol("proto", &text(proto)?);
        let src = end(["src_ip", "src_port"], [src_ip, src_port].map(text), &protocol).ok()?;
        let dest = end(["dest_ip", "dest_port"], [dest_ip, dest_port].map(text), &protocol).ok()?;
        Some(AlertKey {
            at: at(text(timestamp), text(pkt_src)).ok()?,
            protocol: field::in_family(protocol.ok()?, src.ip),
            ends: PerEnd { src, dest },
        })
    }
}
