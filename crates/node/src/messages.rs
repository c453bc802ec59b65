//! One binary file of a log, message by message: what its templates are comes on the way.

use crate::reading::{BREAKS_OFF, Kept, Told, Wanted};
use std::{mem, ops::Range, sync::Arc};
use unmasq_decode::{Cited, Decoder, Said, Unreadable};
use unmasq_io::source::{Input, Message, MessageKind, Messages};

/// Reads all messages of `input`, and gives the decoder back for the next file.
pub(crate) fn read(
    file: &str,
    input: Input,
    mut decoder: Box<dyn Decoder>,
    wanted: Wanted<'_>,
) -> (Told, Box<dyn Decoder>) {
    let mut told = Told::nothing(&wanted);
    let mut messages = Messages::new(input);
    let mut said = Said::default();
    // Where the last stretch of noise ended: one may come in pieces.
    let mut noise = None;
    let mut end = 0;
    loop {
        match messages.next_message() {
            Ok(Some(Message { offset, bytes, kind })) => {
                let goes_on = noise.replace(offset + bytes.len() as u64) == Some(offset);
                match kind {
                    MessageKind::Noise if goes_on => continue,
                    MessageKind::Noise => said.unreadable.push((offset, NOISE)),
                    MessageKind::Cut => said.unreadable.push((offset, BREAKS_OFF)),
                    MessageKind::Whole => {
                        noise = None;
                        end = offset + bytes.len() as u64;
                        decoder.read_at(offset, bytes, &mut said);
                    }
                }
                told.lines += 1;
                take(file, &mut said, wanted, &mut told);
            }
            Ok(None) => break,
            Err(error) => {
                told.broken = Some(error);
                break;
            }
        }
    }
    decoder.finish(&mut said);
    told.offset = Some(end);
    take(file, &mut said, wanted, &mut told);
    told.kept.sort_by_key(|kept| kept.position);
    let is_told_within = |from: u64, to: u64| {
        let next = told.kept.partition_point(|kept| kept.position < from);
        told.kept.get(next).is_some_and(|kept| kept.position < to)
    };
    told.waiting = together(mem::take(&mut told.waiting), is_told_within);
    (told, decoder)
}

/// Stretches in order, those as one between which nothing was told.
fn together(mut waiting: Vec<Range<u64>>, is_told_within: impl Fn(u64, u64) -> bool) -> Vec<Range<u64>> {
    waiting.sort_by_key(|stretch| stretch.start);
    let mut stretches: Vec<Range<u64>> = Vec::new();
    for next in waiting {
        // Rather is something told again, which changes no answer, than never.
        let is_full = stretches.len() == WAITING_MAX;
        match stretches.last_mut() {
            Some(last) if is_full || !is_told_within(last.end, next.start) => last.end = next.end,
            _ => stretches.push(next),
        }
    }
    stretches
}

/// So many stretches of a file are remembered that wait for their templates.
const WAITING_MAX: usize = 256;

fn take(file: &str, said: &mut Said, wanted: Wanted<'_>, told: &mut Told) {
    for (offset, why) in said.unreadable.drain(..) {
        told.skips.add(file, offset, &why);
    }
    told.waiting.append(&mut said.waiting);
    for Cited { position, text, record } in said.records.drain(..) {
        let gateway = told.shown.note(&record);
        if wanted.keeps.record(&record) {
            let text = if wanted.cited { text } else { Arc::default() };
            told.kept.push(Kept { position, text, gateway, record });
        }
    }
}

/// What stands between two messages.
pub(crate) const NOISE: Unreadable = Unreadable::because("bytes that are no message");
