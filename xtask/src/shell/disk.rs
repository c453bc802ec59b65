//! A disk that is slow, refuses, or is where the process dies, at moments that a seed draws.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use unmasq_io::disk::{Change, Disk};
use unmasq_node::serve::SetClock;
use unmasq_testkit::rng::Rng;

/// How often something goes wrong, in one of so many thousand changes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Odds {
    pub(crate) slow: u64,
    pub(crate) refuses: u64,
    pub(crate) dies: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Faulty {
    clock: &'static SetClock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rng: Rng,
    odds: Odds,
    /// The process is gone: nothing that it still does reaches the disk.
    is_dead: bool,
    told: Told,
}

/// What went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Told {
    pub(crate) changes: u64,
    pub(crate) slow: u64,
    pub(crate) refused: u64,
    pub(crate) died: u64,
}

impl Faulty {
    pub(crate) fn new(clock: &'static SetClock, odds: Odds, rng: Rng) -> Self {
        let state = State { rng, odds, is_dead: false, told: Told::default() };
        Self { clock, state: Mutex::new(state) }
    }

    /// From now on nothing goes wrong any more.
    pub(crate) fn heal(&self) {
        self.state().odds = Odds::default();
    }

    /// The process is gone, whatever it still does.
    pub(crate) fn kill(&self) {
        self.state().is_dead = true;
    }

    /// There is a new process.
    pub(crate) fn revive(&self) {
        self.state().is_dead = false;
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.state().is_dead
    }

    pub(crate) fn told(&self) -> Told {
        self.state().told
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self, may_refuse: bool) -> io::Result<()> {
        let mut state = self.state();
        if state.is_dead {
            return Err(io::Error::other("the process is gone"));
        }
        let Odds { slow, refuses, dies } = state.odds;
        let draw = state.rng.next_u64() % 1_000;
        if draw < slow {
            let longest = state.rng.pick(&[5_000, 500_000, 20_000_000]);
            let us = state.rng.between(1, longest);
            self.clock.pass(Duration::from_micros(us.unsigned_abs()));
            state.told.slow += 1;
        } else if draw < slow + refuses && may_refuse {
            state.told.refused += 1;
            return Err(io::Error::other("the disk refuses"));
        } else if draw >= 1_000 - dies {
            state.is_dead = true;
            state.told.died += 1;
            return Err(io::Error::other("the process is gone"));
        }
        Ok(())
    }
}

impl Disk for Faulty {
    fn before(&self, _: Change) -> io::Result<()> {
        self.state().told.changes += 1;
        self.asked(true)
    }

    fn after(&self, change: Change) -> io::Result<()> {
        // SQLite takes back what it could not make stay; that a folder could not be synced takes no name back.
        self.asked(change == Change::File)
    }
}
