//! One file of a log.

use super::{
    ImportedLog,
    groups::{FileState, Groups, Taking, Trouble},
};
use crate::{
    NodeError, Progress, Unread, messages,
    plan::LogPlan,
    reading::{self, Wanted},
};
use std::mem;
use unmasq_decode::{Decoder, Framing};
use unmasq_io::source::{Content, Digest, Found, Input, Meter, SAMPLE_BYTES, open_found};
use unmasq_model::SourceName;

/// Reads one file of a log, as far as it is not in the store.
#[expect(clippy::too_many_arguments, reason = "they are what all files of a log share")]
pub(crate) fn read(
    plan: &LogPlan,
    log: &SourceName,
    number: u32,
    templates: &mut Option<Box<dyn Decoder>>,
    groups: &Groups,
    imported: &mut ImportedLog,
    unread: &mut Vec<Unread>,
    progress: &dyn Progress,
) -> Result<(), NodeError> {
    let found = &plan.files[number as usize];
    let meter = Meter::default();
    progress.begin(found.location.name().as_str(), found.bytes, &meter);
    let digest = Digest::default();
    let mut input = match plan.open(number, false, &meter) {
        Ok(input) => input.digested(&digest),
        Err(error) => {
            progress.end();
            unread.push(Unread::unreadable(&error));
            return Ok(());
        }
    };
    let state = state(plan, found, &mut input, groups);
    let is_unchanged = state.is_unchanged;
    // What is binary is read all the same: later files may need its templates.
    if is_unchanged && plan.format.traits().framing == Framing::Lines {
        progress.end();
        imported.unchanged += 1;
        return Ok(());
    }
    let taking = Taking::new(groups, plan, log.clone(), state);
    let wanted = Wanted::everything(plan, 0, &taking);
    let decoder = templates.take().map_or_else(|| plan.decoder(&found.location), Ok)?;
    let (file, name) = (found.location.to_string(), found.location.name());
    let told = match plan.format.traits().framing {
        Framing::Lines => reading::lines(&file, name.as_str(), input, decoder, wanted).map(|(told, _)| told),
        Framing::FlowMessages => {
            let (told, decoder) = messages::read(name.as_str(), input, decoder, wanted);
            *templates = Some(decoder);
            Ok(told)
        }
    };
    progress.end();
    let mut told = told?;
    let part = told.part();
    let (stored, _) = taking.finish(
        part,
        digest.content(),
        Trouble {
            skipped: told.skips.lines(),
            broken: told.broken.is_some(),
            waiting: mem::take(&mut told.waiting),
        },
    )?;
    if is_unchanged && stored == 0 {
        imported.unchanged += 1;
        return Ok(());
    }
    if let Some(error) = &told.broken {
        unread.push(Unread::unreadable(error));
    } else if told.unended {
        unread.push(Unread::unended(&file));
    }
    imported.stored += stored;
    let records = told.shown.records;
    imported.report.add(told);
    if records == 0 && imported.report.skips.lines() > 0 {
        unread.push(Unread::nothing_in_it(plan.name.as_str(), plan.format, plan.facts.layout.as_deref()));
    }
    Ok(())
}

/// What the store has of this file, whatever it was called.
pub(crate) fn state(plan: &LogPlan, found: &Found, input: &mut Input, groups: &Groups) -> FileState {
    let sample = input.sample(SAMPLE_BYTES);
    let fresh = FileState::fresh(found.location.name(), Content::of(sample));
    for known in groups.files_of(plan) {
        let begins = usize::try_from(known.head.bytes)
            .ok()
            .and_then(|length| sample.get(..length))
            .is_some_and(|start| !start.is_empty() && Content::of(start) == known.head);
        if !begins {
            continue;
        }
        let Some(whole) = known.whole else { return FileState::known(known, false) };
        // It is the same one if all that was read of it is still there.
        let again = open_found(found, &Meter::default()).ok();
        let first = again.and_then(|mut again| Content::of_first(&mut again, whole.bytes).ok());
        match first {
            Some((first, is_all)) if first == whole => {
                return FileState::known(known, is_all);
            }
            // A pipe or a damaged file cannot be compared; it is read again, and nothing doubles.
            _ => {}
        }
    }
    fresh
}
