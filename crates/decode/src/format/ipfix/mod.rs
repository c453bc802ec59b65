//! IPFIX and NetFlow v9 with translations: NAT events (RFC 8158), Cisco's firewall events (NSEL), and
//! flow records that carry addresses after translation.
//!
//! A log is messages, one after the other ([`crate::Framing::FlowMessages`]). A message holds sets;
//! templates say what the records of a set consist of. One NAT event, as it is cited:
//!
//! ```text
//! observationTimeMilliseconds=2026-11-22T10:57:49.109Z natEvent=4 protocolIdentifier=6
//! sourceIPv4Address=10.0.0.14 postNATSourceIPv4Address=203.0.113.10 sourceTransportPort=51648
//! postNAPTSourceTransportPort=20038 destinationIPv4Address=198.51.100.66 …
//! ```
//!
//! | theirs | ours |
//! | --- | --- |
//! | source (8, 27; port 7) | inside, if it went on as another |
//! | source after (225, 281; port 227) | outside |
//! | destination after (226, 282; port 228), else destination (12, 28; port 11) | remote |
//! | a destination that went on as another | outside, and what it became is inside: our side was called |
//! | natEvent (230), firewallEvent (233, once 40005) | made or gone |
//! | flowId (148) | the entry's id |
//! | observationTime (322 to 325), else flowStart and flowEnd (150 to 157, 21, 22), else the message's own time | when |
//!
//! Quirks are told in [`flow`] (who writes what is not changed, and which direction), [`time`] and
//! [`event`]. Templates and data that come before them are kept within bounds: [`template`], [`held`].
//! Elements: <https://www.iana.org/assignments/ipfix/>.

mod event;
mod flow;
mod held;
mod message;
mod render;
mod row;
mod template;
mod time;
mod tuple;

use super::{Definition, FormatTraits};
use crate::{Cited, Decoder, Framing, Record, Said, Unreadable};
use held::Held;
use message::{Header, Set, Version};
use row::Row;
use std::{sync::Arc, time::Duration};
use template::{Template, TemplateId, Templates, definitions};

/// Events: each session is told when it begins and when it ends.
pub(super) const NAT: Definition = Definition {
    name: "ipfix-nat",
    aliases: &["cisco-nel", "cisco-nsel"],
    traits: FormatTraits {
        framing: Framing::FlowMessages,
        // Exporters fill a message before they send it.
        delay: Duration::from_secs(10),
        ..FormatTraits::NAT
    },
    decoder: |_| Ok(Box::new(FlowMessages::new(Told::Events))),
};

/// Flow records: each is told when it is over, or has gone on for long.
pub(super) const FLOW: Definition = Definition {
    name: "ipfix-flow",
    aliases: &["netflow-v9"],
    traits: FormatTraits {
        framing: Framing::FlowMessages,
        // The active time-out of most exporters is up to half an hour.
        delay: Duration::from_secs(31 * 60),
        // Flows may be sampled, and caches overflow.
        best_effort: true,
        ..FormatTraits::NAT
    },
    decoder: |_| Ok(Box::new(FlowMessages::new(Told::Flows))),
};

/// What a log is read for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    /// Where an exporter also sends flows, its events tell all that they do, and better.
    Events,
    Flows,
}

/// Reads messages.
struct FlowMessages {
    told: Told,
    templates: Templates,
    held: Held,
}

impl FlowMessages {
    fn new(told: Told) -> Self {
        Self { told, templates: Templates::default(), held: Held::default() }
    }

    /// Learns the templates of a set, and reads what waited for them.
    fn learn(&mut self, header: &Header, set: Set<'_>, position: u64, out: &mut Said) {
        for defined in definitions(header, set.id, set.body) {
            let (id, template) = match defined {
                Ok((id, template)) => (TemplateId::of(header, id), template),
                Err(why) => {
                    out.unreadable.push((position, why));
                    return;
                }
            };
            if self.templates.define(id, template) {
                for set in self.held.take(id) {
                    if let Some(template) = self.templates.get(id) {
                        self.records(template, &set.header, set.position, &set.body, out);
                    }
                }
            }
        }
    }

    /// Reads the records of one set of data. `position` is where `body` begins in the file.
    fn records(&self, template: &Template, header: &Header, position: u64, body: &[u8], out: &mut Said) {
        if !self.is_told(template) {
            return;
        }
        let (mut at, mut found) = (0, Vec::new());
        // What is shorter than a record is padding.
        while body.len() - at >= template.shortest {
            let place = position + at as u64;
            let Some((row, length)) = Row::read(template, &body[at..]) else {
                out.unreadable.push((place, Unreadable::because("a record in it is cut")));
                return;
            };
            at += length;
            if let Err(why) = self.record(&row, header, &mut found) {
                out.unreadable.push((place, why));
            }
            if !found.is_empty() {
                let text: Arc<str> = render::render(&row).into();
                let cited = |record| Cited { position: place, text: Arc::clone(&text), record };
                out.records.extend(found.drain(..).map(cited));
            }
        }
    }

    fn record(&self, row: &Row<'_>, header: &Header, out: &mut Vec<Record>) -> Result<(), Unreadable> {
        match (self.told, row.number(NAT_EVENT), row.port(&FIREWALL_EVENT)) {
            (Told::Events, Some(event), _) => event::nat(event, row, header, out),
            (Told::Events, None, Some(event)) => event::firewall(event.into(), row, header, out),
            (Told::Flows, None, None) => flow::flow(row, header, out),
            _ => Ok(()),
        }
    }

    /// Whether the records of a template can be what this log is read for.
    fn is_told(&self, template: &Template) -> bool {
        let any = |elements: &[u16]| {
            template.fields.iter().any(|field| field.enterprise == 0 && elements.contains(&field.element))
        };
        let events = any(&[NAT_EVENT]) || any(&FIREWALL_EVENT);
        !template.options
            && match self.told {
                Told::Events => events,
                Told::Flows => !events && any(&POST),
            }
    }
}

const NAT_EVENT: u16 = 230;
const FIREWALL_EVENT: [u16; 2] = [233, 40005];
/// Addresses after translation.
const POST: [u16; 4] = [225, 226, 281, 282];

impl Decoder for FlowMessages {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        let mut said = Said::default();
        self.read_at(0, frame, &mut said);
        let understood = said.records.into_iter().map(|cited| cited.record);
        match said.unreadable.pop() {
            Some((_, why)) if understood.len() == 0 => Err(why),
            _ => {
                out.extend(understood);
                Ok(())
            }
        }
    }

    fn read_at(&mut self, position: u64, frame: &[u8], out: &mut Said) {
        let (header, sets) = match message::parse(frame) {
            Ok(parts) => parts,
            Err(why) => return out.unreadable.push((position, why)),
        };
        let first = out.records.len();
        for set in sets {
            match set {
                Err(why) => out.unreadable.push((position, why)),
                Ok(set) => self.set(&header, set, position + set.at as u64, out),
            }
        }
        if self.told == Told::Flows {
            flow::without_vaguer(&mut out.records, first);
        }
    }

    fn finish(&mut self, out: &mut Said) {
        self.held.finish(out);
    }
}

impl FlowMessages {
    fn set(&mut self, header: &Header, set: Set<'_>, position: u64, out: &mut Said) {
        match (header.version, set.id) {
            (Version::NetFlow9, 0 | 1) | (Version::Ipfix, 2 | 3) => self.learn(header, set, position, out),
            (_, id @ 256..) => {
                let id = TemplateId::of(header, id);
                match self.templates.get(id) {
                    Some(template) => self.records(template, header, position, set.body, out),
                    None => self.held.hold(id, *header, position, set.body, out),
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
