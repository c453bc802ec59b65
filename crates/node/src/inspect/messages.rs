//! Looking at a binary log, message by message.

use super::{Examples, InspectOptions, Inspection, Kind, Trouble, fields::record_fields, times::Times};
use crate::{NodeError, messages::NOISE, reading::BREAKS_OFF, skips::Skips};
use unmasq_decode::{Format, Said};
use unmasq_io::source::{Location, MessageKind, Messages};

impl Inspection {
    /// As for lines; what is counted as lines are messages, and a place is an offset.
    pub(super) fn messages(
        &mut self,
        format: Format,
        location: &Location,
        options: &InspectOptions,
        mut messages: Messages,
    ) -> Result<(), NodeError> {
        self.kind = Kind::Sessions;
        self.format = Some(format.name().to_owned());
        let bad = |why| NodeError::BadLayout { file: location.to_string(), why };
        let mut decoder = format.decoder(&options.hints(location)).map_err(bad)?;
        let (mut times, mut seen) = (Times::default(), Examples::default());
        let (mut skips, mut said) = (Skips::default(), Said::default());
        loop {
            let more = match messages.next_message() {
                Ok(Some(message)) => {
                    self.lines += 1;
                    match message.kind {
                        MessageKind::Whole => decoder.read_at(message.offset, message.bytes, &mut said),
                        MessageKind::Noise => said.unreadable.push((message.offset, NOISE)),
                        MessageKind::Cut => said.unreadable.push((message.offset, BREAKS_OFF)),
                    }
                    true
                }
                Ok(None) => false,
                Err(error) => {
                    self.advice.push(format!("it breaks off: {error}"));
                    false
                }
            };
            if !more {
                decoder.finish(&mut said);
            }
            for (offset, why) in said.unreadable.drain(..) {
                skips.add(&self.file, offset, &why);
            }
            for cited in said.records.drain(..) {
                times.add_record(&cited.record);
                let fields = || vec![record_fields(&cited.record)];
                self.note(&mut seen, cited.position, cited.text.as_bytes(), 1, fields);
            }
            if !more {
                break;
            }
        }
        let rows = skips.by_reason().into_iter().map(|(why, skip)| Trouble {
            why: why.to_owned(),
            lines: skip.lines,
            first: skip.first.1,
        });
        self.unreadable = rows.collect();
        self.told_by(&times);
        self.advise(format.name(), "--sessions");
        Ok(())
    }
}
