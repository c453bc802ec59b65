//! `conntrack -E -o xml,timestamp,id[,ktimestamp]`: one `<flow>` per line, as the tool writes it.
//!
//! ```text
//! <flow type="destroy"><meta direction="original"><layer3 protonum="2" protoname="ipv4"><src>10.0.0.14</src><dst>198.51.100.80</dst></layer3><layer4 protonum="6" protoname="tcp"><sport>44588</sport><dport>80</dport></layer4><counters><packets>6</packets><bytes>455</bytes></counters></meta><meta direction="reply">…</meta><meta direction="independent"><state>TIME_WAIT</state><id>1960821598</id><assured/><timestamp><start>1795345114765650815</start><stop>1795345117768092899</stop></timestamp><deltatime>3</deltatime></meta><when><hour>10</hour><min>59</min><sec>16</sec><wday>1</wday><day>22</day><month>11</month><year>2026</year></when></flow>
//! ```
//!
//! The lines between which the flows stand (`<?xml …?>`, `<conntrack>`, `</conntrack>`) say nothing and
//! may be missing. `<when>` is local, in whole seconds of a clock that is itself up to a tick behind;
//! `<start>` and `<stop>` are the kernel's, nanoseconds since 1970. ICMP's `<layer4>` is empty: the
//! query ids are lost.

use super::{
    super::{Definition, FormatTraits},
    clock,
    entry::{CUT, Entry, Parts, QueryIds, TWICE, address, number, set, state},
    line::not_wrapped,
};
use crate::{Decoder, Event, EventKind, Fact, Record, Unreadable};
use jiff::{civil::DateTime, tz::TimeZone};
use quick_xml::{
    Reader,
    events::{BytesStart, Event as Tag},
};
use std::{borrow::Cow, time::Duration};
use unmasq_model::{LogTime, Protocol, Span};

/// The kernel's log is complete unless its socket overflowed.
pub(in crate::format) const XML: Definition = Definition {
    name: "conntrack-xml",
    aliases: &[],
    traits: FormatTraits::NAT,
    decoder: |hints| Ok(Box::new(ConntrackXml { zone: hints.zone.clone() })),
};

const NOT_XML: Unreadable = Unreadable::because("not XML as conntrack writes it");
const STRANGE: Unreadable = Unreadable::because("an element in it belongs to no conntrack flow");
const A_DUMP: Unreadable =
    Unreadable::because("a flow of conntrack -L: a dump has no times; log events with conntrack -E");
const NO_WHEN: Unreadable = Unreadable::because("it carries no time; run conntrack with -o xml,timestamp");
const NO_TIME: Unreadable = Unreadable::because("a time in it is none");

/// Elements within elements; conntrack's go five deep.
const DEPTH_MAX: usize = 8;

/// Reads the lines of `conntrack -E -o xml`.
#[derive(Clone)]
struct ConntrackXml {
    zone: Option<TimeZone>,
}

impl Decoder for ConntrackXml {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        let text = str::from_utf8(frame).map_err(|_| NOT_XML)?.trim_ascii();
        let text = text.strip_suffix("</conntrack>").unwrap_or(text);
        let Some(flow) = Flow::parse(text)? else { return Ok(()) };
        let entry = Entry::of(flow.protocol.ok_or(CUT)?, flow.tuples, QueryIds::IfKnown)?;
        let written = clock::second(flow.when()?, self.zone.as_ref())?.ok_or(NO_TIME)?;
        out.extend(entry.records(&Fact::Event(flow.event(written)?)));
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

/// What one `<flow>` says.
#[derive(Default)]
struct Flow {
    kind: Option<EventKind>,
    protocol: Option<Protocol>,
    tuples: [Parts; 2],
    id: Option<u64>,
    state: Option<&'static str>,
    timeout: Option<Duration>,
    lasted: Option<Duration>,
    /// Nanoseconds since 1970.
    start: Option<u64>,
    stop: Option<u64>,
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    hour: Option<i8>,
    minute: Option<i8>,
    second: Option<i8>,
}

/// Which part of a flow an element stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Tuple(usize),
    Independent,
}

impl Flow {
    /// The flow in a line; `None` if it is one of the lines around them.
    fn parse(text: &str) -> Result<Option<Self>, Unreadable> {
        let mut reader = Reader::from_str(text);
        let mut walk = Walk::default();
        loop {
            match reader.read_event().map_err(|_| NOT_XML)? {
                Tag::Start(tag) => walk.open(&tag)?,
                Tag::Empty(tag) => {
                    walk.open(&tag)?;
                    walk.close("")?;
                }
                Tag::End(_) => {
                    let text = std::mem::take(&mut walk.text);
                    walk.close(&text)?;
                }
                Tag::Text(text) => walk.text(text.into_inner())?,
                Tag::Decl(_) => {}
                Tag::Eof => break,
                _ => return Err(STRANGE),
            }
        }
        match (walk.path.as_slice(), walk.flow) {
            ([] | ["conntrack"], Some(flow)) => Ok(Some(flow)),
            ([] | ["conntrack"], None) if walk.strangers == 0 => Ok(None),
            _ => Err(CUT),
        }
    }

    fn when(&self) -> Result<DateTime, Unreadable> {
        let Self { year, month, day, hour, minute, second, .. } = *self;
        let when = || Some((year?, month?, day?, hour?, minute?, second?));
        let (year, month, day, hour, minute, second) = when().ok_or(NO_WHEN)?;
        DateTime::new(year, month, day, hour, minute, second, 0).map_err(|_| NO_TIME)
    }

    fn event(&self, written: Span) -> Result<Event, Unreadable> {
        let kind = self.kind.ok_or(A_DUMP)?;
        Ok(Event {
            entry: self.id,
            timeout: self.timeout,
            state: self.state,
            lasted: self.lasted.filter(not_wrapped),
            started: nanoseconds(self.start)?,
            stopped: nanoseconds(self.stop)?,
            ..Event::new(kind, clock::ticked(written), clock::lag(kind))
        })
    }
}

/// A kernel time; the kernel writes 0 where it noted none.
fn nanoseconds(since_1970: Option<u64>) -> Result<Option<Span>, Unreadable> {
    let Some(ns) = since_1970.filter(|ns| *ns > 0) else { return Ok(None) };
    let at = i64::try_from(ns / 1_000).ok().and_then(LogTime::from_unix_us).ok_or(NO_TIME)?;
    Ok(Some(Span::at(at)))
}

/// Where in a line the reader is.
#[derive(Default)]
struct Walk<'a> {
    path: Vec<&'static str>,
    part: Option<Part>,
    text: Cow<'a, str>,
    flow: Option<Flow>,
    /// Elements outside a flow that are not conntrack's.
    strangers: usize,
}

impl<'a> Walk<'a> {
    fn text(&mut self, text: Cow<'a, str>) -> Result<(), Unreadable> {
        if matches!(self.path.as_slice(), [] | ["conntrack"]) && !text.trim_ascii().is_empty() {
            return Err(NOT_XML);
        }
        self.text = text;
        Ok(())
    }

    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), Unreadable> {
        let name = known(tag.name().as_ref());
        if self.path.len() >= DEPTH_MAX {
            return Err(STRANGE);
        }
        match (self.path.as_slice(), name) {
            ([] | ["conntrack"], "flow") => {
                let kind = attribute(tag, "type")?.as_deref().map(kind).transpose()?;
                set(&mut self.flow, Flow { kind, ..Flow::default() })?;
            }
            ([], "conntrack") => {}
            ([.., "flow"], "meta") => self.part = part(attribute(tag, "direction")?.as_deref()),
            ([.., "flow", "meta"], "layer4") => self.layer4(tag)?,
            ([] | ["conntrack"], _) => self.strangers += 1,
            _ => {}
        }
        self.path.push(name);
        self.text = Cow::Borrowed("");
        Ok(())
    }

    /// Both directions name the protocol, and the same one.
    fn layer4(&mut self, tag: &BytesStart<'_>) -> Result<(), Unreadable> {
        let (Some(flow), Some(text)) = (&mut self.flow, attribute(tag, "protonum")?) else { return Ok(()) };
        let protocol = Protocol::from_number(number(&text)?);
        if flow.protocol.replace(protocol).is_some_and(|before| before != protocol) {
            return Err(TWICE);
        }
        Ok(())
    }

    /// Keeps what stood in the element that ends here.
    fn close(&mut self, text: &str) -> Result<(), Unreadable> {
        let name = self.path.pop().ok_or(NOT_XML)?;
        let Some(flow) = &mut self.flow else { return Ok(()) };
        let seconds = || Ok::<_, Unreadable>(Duration::from_secs(number(text)?));
        match (self.path.as_slice(), self.part, name) {
            ([.., "layer3"], Some(Part::Tuple(at)), "src") => set(&mut flow.tuples[at].src, address(text)?),
            ([.., "layer3"], Some(Part::Tuple(at)), "dst") => set(&mut flow.tuples[at].dst, address(text)?),
            ([.., "layer4"], Some(Part::Tuple(at)), "sport") => {
                set(&mut flow.tuples[at].sport, number(text)?)
            }
            ([.., "layer4"], Some(Part::Tuple(at)), "dport") => {
                set(&mut flow.tuples[at].dport, number(text)?)
            }
            ([.., "layer4"], Some(Part::Tuple(at)), "id") => set(&mut flow.tuples[at].id, number(text)?),
            ([.., "meta"], Some(Part::Independent), "id") => set(&mut flow.id, number(text)?),
            ([.., "meta"], Some(Part::Independent), "state") => {
                set(&mut flow.state, state(text).ok_or(STRANGE)?)
            }
            ([.., "meta"], Some(Part::Independent), "timeout") => set(&mut flow.timeout, seconds()?),
            ([.., "meta"], Some(Part::Independent), "deltatime") => set(&mut flow.lasted, seconds()?),
            ([.., "timestamp"], _, "start") => set(&mut flow.start, number(text)?),
            ([.., "timestamp"], _, "stop") => set(&mut flow.stop, number(text)?),
            ([.., "when"], _, "year") => set(&mut flow.year, number(text)?),
            ([.., "when"], _, "month") => set(&mut flow.month, number(text)?),
            ([.., "when"], _, "day") => set(&mut flow.day, number(text)?),
            ([.., "when"], _, "hour") => set(&mut flow.hour, number(text)?),
            ([.., "when"], _, "min") => set(&mut flow.minute, number(text)?),
            ([.., "when"], _, "sec") => set(&mut flow.second, number(text)?),
            ([.., "flow"], _, "meta") => {
                self.part = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The names that mean something to us; every other is none.
fn known(name: &str) -> &'static str {
    const NAMES: [&str; 24] = [
        "conntrack",
        "flow",
        "meta",
        "layer3",
        "layer4",
        "src",
        "dst",
        "sport",
        "dport",
        "id",
        "state",
        "timeout",
        "deltatime",
        "timestamp",
        "start",
        "stop",
        "when",
        "year",
        "month",
        "day",
        "hour",
        "min",
        "sec",
        "counters",
    ];
    NAMES.into_iter().find(|known| *known == name).unwrap_or("")
}

fn attribute<'t>(tag: &'t BytesStart<'_>, name: &str) -> Result<Option<Cow<'t, str>>, Unreadable> {
    let found = tag.try_get_attribute(name).map_err(|_| NOT_XML)?;
    Ok(found.map(|attribute| attribute.value))
}

fn part(direction: Option<&str>) -> Option<Part> {
    match direction {
        Some("original") => Some(Part::Tuple(0)),
        Some("reply") => Some(Part::Tuple(1)),
        Some("independent") => Some(Part::Independent),
        _ => None,
    }
}

fn kind(text: &str) -> Result<EventKind, Unreadable> {
    match text {
        "new" => Ok(EventKind::New),
        "update" => Ok(EventKind::Update),
        "destroy" => Ok(EventKind::Destroy),
        _ => Err(STRANGE),
    }
}
