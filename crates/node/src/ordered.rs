//! Work that several share and that is handed in as if one had done it.

use std::{
    num::NonZero,
    sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError},
    thread,
};

/// Something that is touched for piece after piece of work, in order of their numbers, by whoever has
/// the piece.
pub(crate) struct Ordered<T> {
    turn: Mutex<Turn<T>>,
    passed: Condvar,
}

struct Turn<T> {
    next: u64,
    /// Somebody died at work: the pieces behind would wait for ever.
    broken: bool,
    what: T,
}

impl<T> Ordered<T> {
    pub(crate) fn new(what: T) -> Self {
        Self { turn: Mutex::new(Turn { next: 0, broken: false, what }), passed: Condvar::new() }
    }

    /// Waits until all pieces before `number` have passed, and lets this one pass.
    ///
    /// # Panics
    /// When another worker did.
    pub(crate) fn pass<R>(&self, number: u64, touch: impl FnOnce(&mut T) -> R) -> R {
        let mut turn = self.lock();
        while turn.next != number {
            assert!(!turn.broken, "another worker died");
            turn = self.passed.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
        let touched = touch(&mut turn.what);
        turn.next += 1;
        self.passed.notify_all();
        touched
    }

    pub(crate) fn into_inner(self) -> T {
        self.turn.into_inner().unwrap_or_else(PoisonError::into_inner).what
    }

    /// Something that, if it is dropped in a panic, wakes whoever waits.
    pub(crate) fn guarded(&self) -> Guarded<'_, T> {
        Guarded(self)
    }

    fn lock(&self) -> MutexGuard<'_, Turn<T>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Ordered::guarded`].
pub(crate) struct Guarded<'o, T>(&'o Ordered<T>);

impl<T> Drop for Guarded<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().broken = true;
            self.0.passed.notify_all();
        }
    }
}

/// More do not read one file any faster.
pub(crate) const WORKERS_MAX: usize = 16;

/// How many cores there are; the system takes its time to say so.
static CORES: LazyLock<usize> = LazyLock::new(|| thread::available_parallelism().map_or(1, NonZero::get));

/// Runs `work` once on each core, and gives back what each made of it.
pub(crate) fn on_every_core<R: Send>(work: impl Fn() -> R + Sync) -> Vec<R> {
    let workers = (*CORES).min(WORKERS_MAX);
    thread::scope(|scope| {
        let others: Vec<_> = (1..workers).map(|_| scope.spawn(&work)).collect();
        let mut done = vec![work()];
        for other in others {
            done.push(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn pieces_pass_in_order() {
        let (next, passed) = (AtomicU64::new(0), Ordered::new(Vec::new()));
        on_every_core(|| {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= 1_000 {
                    break;
                }
                passed.pass(number, |seen| seen.push(number));
            }
        });
        assert_eq!(passed.into_inner(), (0..1_000).collect::<Vec<u64>>());
    }

    #[test]
    fn whoever_waits_for_the_dead_is_woken() {
        let passed = Ordered::new(());
        let dead = thread::scope(|scope| {
            let waiting = scope.spawn(|| passed.pass(1, |()| ()));
            let dying = scope.spawn(|| {
                let _guard = passed.guarded();
                panic!("on purpose");
            });
            (dying.join().is_err(), waiting.join().is_err())
        });
        assert_eq!(dead, (true, true));
    }
}
