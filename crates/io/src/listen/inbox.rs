//! Between those who receive and the one who writes: a few megabytes, written in groups.

use super::{Event, Surroundings, message::Lines, spool::Spool};
use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A group is written after so long, …
const GROUP_TIME: Duration = Duration::from_millis(50);
/// … or when it has so many bytes.
const GROUP_BYTES: usize = 1 << 20;
/// So many bytes wait at most; whoever has more waits, or drops it.
const WAITING_BYTES: usize = 4 << 20;
/// How long it is waited before what failed, or has no room, is tried again.
const PAUSE: Duration = Duration::from_millis(200);
/// How often it is looked for what may go.
const TIDY: Duration = Duration::from_secs(10);

/// Lines of several logs.
pub(super) type Batch = BTreeMap<String, Lines>;

/// Where lines wait to be written.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    /// There is more to write, or nothing more to come.
    more: Condvar,
    /// Something was written.
    less: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Batch,
    bytes: usize,
    /// Which group is collected.
    group: u64,
    /// All before this are on disk.
    kept: u64,
    has_ended: bool,
    /// The writer has ended, and keeps no more.
    is_over: bool,
}

impl Inbox {
    /// Hands over lines, waiting while too many wait; the number of the group in which they are. `None` if nobody
    /// will write them.
    pub(super) fn hand_over(&self, batch: Batch, around: &dyn Surroundings) -> Option<u64> {
        let mut waiting = self.lock();
        while waiting.bytes >= WAITING_BYTES && !waiting.is_over {
            if around.is_stopping() {
                // The writer has a last try at what waits; there is no telling whether it ends.
                break;
            }
            waiting = self.less.wait_timeout(waiting, PAUSE).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.put(waiting, batch, around)
    }

    /// The same; what there is no room for is dropped.
    pub(super) fn hand_over_or_drop(&self, batch: Batch, around: &dyn Surroundings) {
        let waiting = self.lock();
        self.put(waiting, batch, around);
    }

    fn put(
        &self,
        mut waiting: MutexGuard<'_, Waiting>,
        batch: Batch,
        around: &dyn Surroundings,
    ) -> Option<u64> {
        let (count, is_full) = (count(&batch), waiting.bytes >= WAITING_BYTES || waiting.is_over);
        around.count(Event::Received, count);
        if is_full {
            around.count(Event::Dropped, count);
            return None;
        }
        let was_empty = waiting.bytes == 0;
        for (log, lines) in batch {
            waiting.bytes += lines.bytes.len();
            let known = waiting.lines.entry(log).or_default();
            known.bytes.extend_from_slice(&lines.bytes);
            known.count += lines.count;
        }
        if was_empty || waiting.bytes >= GROUP_BYTES {
            self.more.notify_one();
        }
        Some(waiting.group)
    }

    /// Waits until everything up to that group is on disk; says whether it is.
    pub(super) fn wait_for(&self, group: u64) -> bool {
        let waiting = self.lock();
        let is_open = |waiting: &mut Waiting| waiting.kept <= group && !waiting.is_over;
        let waiting = self.less.wait_while(waiting, is_open).unwrap_or_else(PoisonError::into_inner);
        waiting.kept > group
    }

    /// Nothing more comes.
    pub(super) fn end(&self) {
        self.lock().has_ended = true;
        self.more.notify_all();
    }

    /// Writes what comes, until nothing more does.
    pub(super) fn write(&self, spool: &mut Spool, around: &dyn Surroundings) {
        let mut tidied = around.now();
        loop {
            if around.now().since(tidied) >= TIDY {
                tidied = around.now();
                spool.tidy(0, around);
            }
            let Some(group) = self.next_group() else { break };
            if !self.keep(group, spool, around) {
                break;
            }
            self.lock().kept += 1;
            self.less.notify_all();
        }
        let mut waiting = self.lock();
        waiting.is_over = true;
        around.count(Event::Dropped, count(&waiting.lines));
        drop(waiting);
        self.less.notify_all();
    }

    /// What came within a moment; empty if nothing did for long, and `None` when nothing more comes.
    fn next_group(&self) -> Option<Batch> {
        let is_idle = |waiting: &mut Waiting| waiting.bytes == 0 && !waiting.has_ended;
        let is_small = |waiting: &mut Waiting| waiting.bytes < GROUP_BYTES && !waiting.has_ended;
        let waited = self.more.wait_timeout_while(self.lock(), TIDY, is_idle);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        if waiting.bytes > 0 {
            let waited = self.more.wait_timeout_while(waiting, GROUP_TIME, is_small);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        } else if waiting.has_ended {
            return None;
        }
        waiting.group += 1;
        waiting.bytes = 0;
        let group = std::mem::take(&mut waiting.lines);
        drop(waiting);
        self.less.notify_all();
        Some(group)
    }

    /// Keeps a group; says whether that was done, or given up because the service stops.
    fn keep(&self, group: Batch, spool: &mut Spool, around: &dyn Surroundings) -> bool {
        let mut left = group;
        while let Some((log, lines)) = left.first_key_value() {
            if !spool.takes(log) {
                around.count(Event::Dropped, lines.count);
                left.pop_first();
                continue;
            }
            let needed = lines.bytes.len() as u64;
            if spool.room() < needed {
                spool.tidy(needed, around);
            }
            let added = spool.room() >= needed
                && match spool.add(log, &lines.bytes, around.now()) {
                    Ok(()) => true,
                    Err(error) => {
                        around.failed("cannot write what was heard", &error);
                        false
                    }
                };
            if added {
                around.count(Event::Spooled, lines.count);
                left.pop_first();
            } else if around.is_stopping() {
                around.count(Event::Dropped, count(&left));
                return false;
            } else {
                std::thread::sleep(PAUSE);
            }
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(batch: &Batch) -> u64 {
    batch.values().map(|lines| lines.count).sum()
}
