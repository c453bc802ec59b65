//! Data that came before its template.

use super::{message::Header, template::TemplateId};
use crate::{Said, Unreadable};
use std::collections::{BTreeMap, BTreeSet};

/// One set of data, as it came.
pub(super) struct HeldSet {
    pub(super) header: Header,
    /// Where it stands in the file.
    pub(super) position: u64,
    pub(super) body: Vec<u8>,
    id: TemplateId,
}

/// Sets that wait for their templates, within bounds: at most [`SETS_MAX`], with [`BYTES_MAX`] bytes
/// together. Beyond that the oldest are given up.
#[derive(Default)]
pub(super) struct Held {
    sets: BTreeMap<u64, HeldSet>,
    by_template: BTreeSet<(TemplateId, u64)>,
    bytes: usize,
    next: u64,
}

const SETS_MAX: usize = 16 * 1024;
const BYTES_MAX: usize = 4 * 1024 * 1024;

const NO_TEMPLATE: Unreadable = Unreadable::because("data whose template did not come");

impl Held {
    /// Keeps a set; says what was given up for it.
    pub(super) fn hold(
        &mut self,
        id: TemplateId,
        header: Header,
        position: u64,
        body: &[u8],
        out: &mut Said,
    ) {
        self.bytes += body.len();
        self.by_template.insert((id, self.next));
        self.sets.insert(self.next, HeldSet { header, position, body: body.into(), id });
        self.next += 1;
        while self.sets.len() > SETS_MAX || self.bytes > BYTES_MAX {
            self.give_up(out);
        }
    }

    /// Hands out what waited for a template, in order.
    pub(super) fn take(&mut self, id: TemplateId) -> Vec<HeldSet> {
        let places: Vec<_> = self.by_template.range((id, 0)..=(id, u64::MAX)).copied().collect();
        let sets: Vec<HeldSet> = places
            .iter()
            .filter_map(|place| {
                self.by_template.remove(place);
                self.sets.remove(&place.1)
            })
            .collect();
        self.bytes -= sets.iter().map(|set| set.body.len()).sum::<usize>();
        sets
    }

    /// Gives up all that is left.
    pub(super) fn finish(&mut self, out: &mut Said) {
        while !self.sets.is_empty() {
            self.give_up(out);
        }
    }

    fn give_up(&mut self, out: &mut Said) {
        if let Some((number, set)) = self.sets.pop_first() {
            self.by_template.remove(&(set.id, number));
            self.bytes -= set.body.len();
            out.unreadable.push((set.position, NO_TEMPLATE));
            out.waiting.push(set.position..set.position + set.body.len() as u64);
        }
    }
}
