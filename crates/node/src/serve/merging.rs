//! Lots that become fewer files, beside the reading.

use crate::clock::Clock;
use std::{
    collections::BTreeSet,
    thread::{self, JoinHandle},
};
use unmasq_store::{Manifest, StoreError, ToMerge, WrittenMerge};

/// What is merged while the reading goes on.
pub(super) enum Merging {
    /// By a thread of its own.
    Beside(JoinHandle<Result<WrittenMerge, StoreError>>),
    /// Where one thread does everything, at the next step.
    Next(ToMerge),
}

/// So much nicer than others is whoever merges: it gets a tenth of a core that somebody else wants too.
#[cfg(target_os = "linux")]
const NICER: i32 = 10;

impl Merging {
    /// Begins. It gives way to everybody else unless it is urgent.
    pub(super) fn begin(to_merge: ToMerge, clock: Clock, is_urgent: bool) -> Self {
        match clock {
            Clock::Set(_) => Self::Next(to_merge),
            Clock::System | Clock::Fast { .. } => {
                let merge = move || {
                    if !is_urgent {
                        give_way();
                    }
                    to_merge.write_beside()
                };
                let merging = thread::Builder::new().name("merge".into()).spawn(merge);
                Self::Beside(merging.expect("the system has a thread left"))
            }
        }
    }

    /// Whether nobody need be waited for.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Beside(thread) => thread.is_finished(),
            Self::Next(_) => true,
        }
    }

    /// What came of it, once it is over.
    pub(super) fn written(self) -> Result<WrittenMerge, StoreError> {
        match self {
            Self::Beside(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Self::Next(to_merge) => to_merge.write_beside(),
        }
    }
}

/// Lets other threads have a core first: nobody waits for what is merged, and everybody for records and answers.
fn give_way() {
    // A thread that may not is as urgent as all others; elsewhere it would be the whole process.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICER);
}

/// The files of a store that may be merged: the first ones first.
pub(super) struct Unmerged<'m> {
    lots: Vec<&'m str>,
    /// Of other records than plain sessions.
    records: Vec<&'m str>,
}

impl<'m> Unmerged<'m> {
    /// All but those that somebody still needs as they are.
    pub(super) fn of(manifest: &'m Manifest, needed: &BTreeSet<&str>) -> Self {
        let is_free = |name: &&str| !needed.contains(name);
        let lots = manifest.segments.iter().filter(|entry| !entry.is_sealed());
        let records = manifest.records.iter();
        Self {
            lots: lots.map(|entry| entry.name.as_str()).filter(is_free).collect(),
            records: records.map(|entry| entry.name.as_str()).filter(is_free).collect(),
        }
    }

    /// Whether there are so many of a kind.
    pub(super) fn are(&self, many: usize) -> bool {
        self.lots.len().max(self.records.len()) >= many
    }

    /// So many of each kind.
    pub(super) fn first(&self, many: usize) -> BTreeSet<&'m str> {
        self.lots.iter().take(many).chain(self.records.iter().take(many)).copied().collect()
    }
}
