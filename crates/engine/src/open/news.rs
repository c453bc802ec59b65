//! What questions elsewhere new records may answer: questions of alerts that are too many to be held in memory.

use super::{
    keys::{EVERYBODY, of_addresses, of_record},
    runs::short,
};
use crate::sieve::{Bits, seconds};
use std::collections::BTreeMap;
use unmasq_model::{Request, Span, Translation};

/// A question as it is kept elsewhere: what an alert asks under one key, and about when.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OldQuestion {
    /// A number of 48 bits.
    pub key: u64,
    /// The first second since 1970.
    pub from: u32,
    /// The last one.
    pub to: u32,
    /// The number of the alert.
    pub alert: u64,
}

/// Keys that records came with, each with the first and the last second that they are about. Whatever is asked under
/// one of them about one of those seconds may have another answer by now.
///
/// Under each key it is one span, from the earliest to the latest: too much rather than too little.
#[derive(Debug, Default)]
pub struct News {
    keys: BTreeMap<u64, (u32, u32)>,
    /// Which keys are asked at all, or more; `None` while none is.
    asked: Option<Bits>,
}

impl OldQuestion {
    /// Under this key stands whoever asks anything, for records of which nobody can say whom they concern: one question
    /// from the first to the last second of all.
    pub const EVERYBODY: u64 = EVERYBODY >> 16;
    /// Under this key stands whoever has no final answer, by the last second of its alert.
    pub const UNSETTLED: u64 = 1;

    /// That an alert has no final answer, of that time.
    #[must_use]
    pub fn unsettled(alert: u64, at: Span) -> Self {
        let (from, to) = seconds(at);
        Self { key: Self::UNSETTLED, from, to, alert }
    }
}

impl News {
    /// Somebody asks under a key. The first time room is made for telling apart so many keys; more of them cost only
    /// time.
    pub fn expect(&mut self, key: u64, room: usize) {
        self.asked.get_or_insert_with(|| Bits::room_for(room)).note(short(key << 16));
    }

    /// Notes a record, as [`OpenQuestions::touch`](crate::OpenQuestions::touch) is given it.
    pub fn note(&mut self, translation: &Translation, request: Option<&Request>, reach: Option<Span>) {
        if self.asked.is_some() {
            let reach = reach.unwrap_or(Span::ALWAYS);
            match of_record(translation, request) {
                Some(keys) => self.note_keys(&keys, reach),
                None => self.note_keys(&[EVERYBODY], reach),
            }
        }
    }

    /// Notes a record, as [`OpenQuestions::touch_addresses`](crate::OpenQuestions::touch_addresses) is given it.
    pub fn note_addresses(&mut self, translation: &Translation) {
        if self.asked.is_some() {
            self.note_keys(&of_addresses(translation), Span::ALWAYS);
        }
    }

    /// Notes that of some time more is known than before, although no record says so.
    pub fn note_time(&mut self, during: Span) {
        self.note_keys(&[OldQuestion::UNSETTLED << 16], during);
    }

    fn note_keys(&mut self, keys: &[u64], during: Span) {
        let Some(asked) = &self.asked else { return };
        let (from, to) = seconds(during);
        for key in keys.iter().filter(|key| asked.may_have(short(**key))) {
            let known = self.keys.entry(key >> 16).or_insert((from, to));
            *known = (from.min(known.0), to.max(known.1));
        }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The smallest key, with the first and the last second.
    #[must_use]
    pub fn first(&self) -> Option<(u64, (u32, u32))> {
        self.keys.first_key_value().map(|(key, span)| (*key, *span))
    }

    /// A key was looked up.
    pub fn done(&mut self, key: u64) {
        self.keys.remove(&key);
    }
}
