//! Where one life of an entry ends and the next begins.

use super::{
    Moment,
    life::{NEW_LAG, stated_start},
};
use crate::EventKind;

/// The lives of one entry, in order. `moments` are all of one entry, in order.
///
/// `NEW` begins a life and `DESTROY` ends it; a life without its `NEW` begins with what is there.
/// Since ids come back on the same tuple, a `NEW` and a `DESTROY` can be of two lives whose lines in
/// between were lost. Where the `DESTROY` says when its entry began, and that is not when the `NEW`
/// was, they are taken apart again.
pub(super) fn lives(moments: &[Moment]) -> impl Iterator<Item = &[Moment]> {
    let together = |one: &Moment, next: &Moment| {
        one.event.kind != EventKind::Destroy && next.event.kind != EventKind::New
    };
    moments.chunk_by(together).flat_map(|life| {
        let (before, own) = life.split_at(strangers(life));
        [before, own].into_iter().filter(|life| !life.is_empty())
    })
}

/// How many of the first moments cannot be of the entry that the last one, a `DESTROY`, speaks of.
fn strangers(life: &[Moment]) -> usize {
    let [first, .., destroy] = life else { return 0 };
    let Some(start) = stated_start(&destroy.event).map(|start| start.widened(NEW_LAG)) else { return 0 };
    if first.event.kind == EventKind::New && first.event.at > start.to() {
        // It began before this `NEW`: not one of these lines is about it.
        return life.len() - 1;
    }
    life.partition_point(|moment| moment.event.latest() < start.from()).min(life.len() - 1)
}
