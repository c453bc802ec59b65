//! What a log makes of a translator's table: late, coarse, out of order, doubled, and with holes.

use super::{
    nat::{Entry, Kind, Mapping, Nat},
    plan::{MS, SECOND, Us},
};
use crate::rng::Rng;
use std::{collections::BTreeMap, net::IpAddr, time::Duration};
use unmasq_decode::{Event, EventKind, Fact, Record};
use unmasq_model::{Endpoint, LogTime, Protocol, Span};

/// When the world begins: 2026-11-22T10:00:00Z.
const EPOCH_US: i64 = 1_795_341_600_000_000;

/// A log, and how its writer errs.
#[derive(Clone, Debug)]
pub struct LogPlan {
    /// An index into the plan's gateways.
    pub gateway: usize,
    /// How it writes.
    pub style: Style,
    /// What its clock adds to true time.
    pub offset: Us,
    /// How far its clock may be from the sensor's, as declared.
    pub clock_bound: Us,
    /// How many of its records are lost, in percent.
    pub loss: u8,
    /// How many are delivered twice, in percent.
    pub doubled: u8,
    /// How long after it was written a record may be delivered.
    pub transit: Us,
    /// What it calls an outside address, if not by its name.
    pub alias: Option<(IpAddr, IpAddr)>,
    /// Whether echoes carry their ids.
    pub echo_ids: bool,
    /// Whether it shows what the outside opened.
    pub inbound: bool,
}

/// How a log writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// One line for each event of an entry, as the Linux kernel's connection tracking tells them.
    Events(Detail),
    /// One record for each inside, outside and peer in each capture window of this length.
    Windows(Us),
    /// One record for each entry, at its end.
    Sessions(Edge),
}

/// What the last line of an entry tells besides that it is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// When it began and ended, in whole seconds.
    Stamps,
    /// How long it lived.
    Delta,
    /// Nothing.
    Bare,
}

/// What a record calls the end of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edge {
    /// The second of its last packet.
    LastPacket,
    /// The second in which its tuple became free.
    Release,
}

/// A record on its way.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it says.
    pub record: Record,
    /// When it was written, in true time.
    pub written: Us,
    /// When it arrives, in true time.
    pub arrives: Us,
}

/// The latest that a kernel's last line of an entry was seen to come after the entry's end.
const LATEST_DESTROY: Us = 51 * SECOND;
/// The latest that a kernel's first line of an entry was seen to come after its first packet.
const LATEST_NEW: Us = 25 * MS;

/// True time as a clock has it that is ahead by `offset`.
#[must_use]
pub fn stamp(at: Us, offset: Us) -> LogTime {
    let us = EPOCH_US.saturating_add(at).saturating_add(offset);
    LogTime::from_unix_us(us).unwrap_or(if us < 0 { LogTime::BEGINNING } else { LogTime::FOREVER })
}

/// The whole second that a clock shows.
fn second(at: Us, offset: Us) -> Span {
    let from = (at + offset).div_euclid(SECOND) * SECOND;
    Span::between(stamp(from, 0), stamp(from + SECOND - 1, 0))
}

impl LogPlan {
    /// How long after the fact its records may arrive: what an operator would declare.
    #[must_use]
    pub fn delay(&self, nat: &Nat) -> Duration {
        let longest = nat.entries.iter().map(|e| e.stop - e.start()).max().unwrap_or(0);
        let writing = match self.style {
            Style::Events(_) => LATEST_DESTROY + LATEST_NEW,
            Style::Windows(length) => length,
            Style::Sessions(_) => longest,
        };
        let us = writing + self.transit + SECOND;
        Duration::from_micros(u64::try_from(us).unwrap_or(0))
    }

    /// Everything that it writes about `nat`, in order of arrival.
    #[must_use]
    pub fn write(&self, nat: &Nat, rng: &mut Rng) -> Vec<Line> {
        let shown: Vec<&Entry> = nat.entries.iter().filter(|e| self.shows(e)).collect();
        let mut lines = match self.style {
            Style::Events(detail) => self.events(&shown, detail, rng),
            Style::Windows(length) => self.windows(&shown, length),
            Style::Sessions(edge) => self.sessions(&shown, edge),
        };
        lines.retain(|_| !rng.chance(self.loss));
        let doubles: Vec<Line> = lines.iter().filter(|_| rng.chance(self.doubled)).cloned().collect();
        lines.extend(doubles);
        for line in &mut lines {
            line.arrives = line.written + rng.between(0, self.transit);
        }
        lines.sort_by_key(|line| line.arrives);
        lines
    }

    fn shows(&self, entry: &Entry) -> bool {
        self.inbound || entry.translation.role == unmasq_model::Role::Client
    }

    /// The tuple as this log writes it.
    fn logged(&self, translation: &Mapping) -> Mapping {
        let mut logged = *translation;
        if let Some((alias, outside)) = self.alias
            && logged.outside.ip == outside
        {
            logged.outside.ip = alias;
        }
        if logged.protocol == Protocol::ICMP && !self.echo_ids {
            logged.outside.port = None;
            logged.inside = logged.inside.map(|inside| Endpoint { port: None, ..inside });
        }
        logged
    }

    fn record(&self, translation: &Mapping, fact: Fact) -> Record {
        let translation = self.logged(translation).into();
        Record { gateway: None, inside_realm: None, translation, request: None, fact }
    }

    fn events(&self, entries: &[&Entry], detail: Detail, rng: &mut Rng) -> Vec<Line> {
        let ids = rng.chance(70);
        let mut lines = Vec::new();
        // When the last line of a tuple's previous entry was written: the next one's first comes after.
        let mut freed: BTreeMap<(Protocol, Endpoint, Endpoint), Us> = BTreeMap::new();
        for (place, entry) in entries.iter().enumerate() {
            let t = &entry.translation;
            let key = (t.protocol, t.outside, t.remote);
            let successor = entries[place + 1..]
                .iter()
                .find(|e| (e.translation.protocol, e.translation.outside, e.translation.remote) == key);
            let lag = if rng.chance(90) { rng.between(0, 3 * MS) } else { rng.between(0, LATEST_NEW) };
            let new = (entry.start() + lag).max(freed.get(&key).map_or(i64::MIN, |last| last + 1));
            let id = ids.then(|| self.unused(rng.next_u64() % 6, place, entries));
            let mut last = new;
            let mut say = |kind, at: Us, last: &mut Us, event: &dyn Fn(Event) -> Event| {
                *last = at.max(*last);
                let plain = Event {
                    kind,
                    at: stamp(*last, self.offset),
                    coarse: Duration::ZERO,
                    entry: id,
                    timeout: None,
                    state: None,
                    lasted: None,
                    started: None,
                    stopped: None,
                };
                let record = self.record(t, Fact::Event(event(plain)));
                lines.push(Line { record, written: *last, arrives: *last });
            };
            let mut shown: Option<Kind> = None;
            for &(at, kind, timeout) in &entry.packets {
                let event = if shown.is_none() { EventKind::New } else { EventKind::Update };
                let at = if shown.is_none() { new } else { at + rng.between(0, 3 * MS) };
                // A kernel tells of a change of state, not of each packet.
                if shown != Some(kind) {
                    let timeout = Duration::from_micros(u64::try_from(timeout).unwrap_or(0));
                    say(event, at, &mut last, &|e| Event { timeout: Some(timeout), state: state(kind), ..e });
                }
                shown = Some(kind);
            }
            let latest = successor.map_or(entry.stop + LATEST_DESTROY, |next| {
                (next.start() + rng.between(0, 3 * MS)).min(entry.stop + LATEST_DESTROY)
            });
            let lazy = rng.pick(&[SECOND, 10 * SECOND, LATEST_DESTROY]);
            let destroyed = (entry.stop + rng.between(0, lazy)).min(latest).max(entry.stop);
            say(EventKind::Destroy, destroyed, &mut last, &|e| self.farewell(e, entry, detail));
            freed.insert(key, last);
        }
        lines
    }

    /// What the last line of an entry tells.
    fn farewell(&self, event: Event, entry: &Entry, detail: Detail) -> Event {
        let (started, stopped) = (second(entry.start(), self.offset), second(entry.stop, self.offset));
        match detail {
            Detail::Stamps => Event { started: Some(started), stopped: Some(stopped), ..event },
            Detail::Delta => {
                // libnetfilter_conntrack cuts both moments to seconds before it takes their difference.
                let us = stopped.from().as_unix_us() - started.from().as_unix_us();
                let lasted = Duration::from_micros(u64::try_from(us).unwrap_or(0));
                Event { lasted: Some(lasted), ..event }
            }
            Detail::Bare => event,
        }
    }

    /// An id that no entry has whose lines could stand among this one's.
    fn unused(&self, id: u64, place: usize, entries: &[&Entry]) -> u64 {
        let entry = entries[place];
        let near =
            entries[..place].iter().filter(|e| e.stop + LATEST_DESTROY + LATEST_NEW >= entry.start()).count();
        // Ids return after a while, but never while the last bearer may still be spoken of.
        if near == 0 { id } else { 10 + u64::try_from(place).unwrap_or(0) }
    }

    fn windows(&self, entries: &[&Entry], length: Us) -> Vec<Line> {
        let mut seen: BTreeMap<(Mapping, Us), (Us, Us)> = BTreeMap::new();
        for entry in entries {
            let translation = self.logged(&entry.translation);
            for (at, _, _) in &entry.packets {
                let window = (at + self.offset).div_euclid(length);
                let edges = seen.entry((translation, window)).or_insert((*at, *at));
                *edges = (edges.0.min(*at), edges.1.max(*at));
            }
        }
        let lines = seen.into_iter().map(|((translation, window), (first, last))| {
            let (start, end) = (second(first, self.offset), second(last, self.offset));
            let fact = Fact::Whole { start, end, proven: None };
            let written = (window + 1) * length - self.offset;
            Line { record: self.record(&translation, fact), written, arrives: written }
        });
        lines.collect()
    }

    fn sessions(&self, entries: &[&Entry], edge: Edge) -> Vec<Line> {
        let lines = entries.iter().map(|entry| {
            let last = match edge {
                Edge::LastPacket => entry.packets.iter().map(|p| p.0).max().unwrap_or(entry.stop),
                Edge::Release => entry.stop,
            };
            let (start, end) = (second(entry.start(), self.offset), second(last, self.offset));
            // An echo without its id does not exclude another host's echo.
            let alone = self.echo_ids || entry.translation.protocol != Protocol::ICMP;
            let proven = Span::new(start.to(), end.from()).ok().filter(|_| alone);
            let fact = Fact::Whole { start, end, proven };
            Line { record: self.record(&entry.translation, fact), written: entry.stop, arrives: entry.stop }
        });
        lines.collect()
    }
}

/// The state as the Linux kernel words it.
fn state(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Open => Some("SYN_SENT"),
        Kind::Data => Some("ESTABLISHED"),
        Kind::Close => Some("TIME_WAIT"),
        Kind::Datagram => None,
    }
}
