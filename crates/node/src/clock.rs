//! Our own clock: the one place where a service learns what time it is.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use unmasq_model::Arrival;

/// Something that is done now and then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NowAndThen {
    every: Duration,
    done: Option<Arrival>,
}

impl NowAndThen {
    /// At once, and then not oftener than that.
    pub(crate) const fn at_once(every: Duration) -> Self {
        Self { every, done: None }
    }

    /// As if it had been done by then.
    pub(crate) const fn after(every: Duration, done: Arrival) -> Self {
        Self { every, done: Some(done) }
    }

    /// Whether it is time; also if our clock was set back.
    pub(crate) fn is_due(&self, now: Arrival) -> bool {
        self.done.is_none_or(|done| now < done || now.since(done) >= self.every)
    }

    pub(crate) const fn is_done(&mut self, now: Arrival) {
        self.done = Some(now);
    }
}

/// Says what time it is, and for how long to wait.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's.
    System,
    /// One that runs so many times as fast, from a moment on: for what takes hours, in a test.
    Fast {
        /// When it was set, …
        set: Instant,
        /// … to what, …
        to: Arrival,
        /// … and how many of its seconds are one.
        speed: u32,
    },
    /// One that somebody sets, for a simulation: whoever waits by it does not wait, and then it is so much later.
    Set(&'static SetClock),
}

/// A clock that stands still until somebody sets it.
#[derive(Debug, Default)]
pub struct SetClock {
    us: AtomicI64,
}

impl SetClock {
    /// Sets it; also back.
    pub fn set(&self, to: Arrival) {
        self.us.store(to.as_unix_us(), Ordering::Relaxed);
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Arrival {
        Arrival::from_unix_us(self.us.load(Ordering::Relaxed))
    }

    /// Lets so much time pass.
    pub fn pass(&self, time: Duration) {
        self.set(self.now().plus(time));
    }
}

impl Clock {
    /// A fast one that is set now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn fast(to: Arrival, speed: u32) -> Self {
        Self::Fast { set: Instant::now(), to, speed }
    }

    /// What time it is.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(self) -> Arrival {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Arrival::from_unix_us(0).plus(since)
            }
            Self::Fast { set, to, speed } => to.plus(set.elapsed() * speed),
            Self::Set(clock) => clock.now(),
        }
    }

    /// How long so much of its time takes.
    #[must_use]
    pub fn real(self, time: Duration) -> Duration {
        match self {
            Self::System => time,
            Self::Fast { speed, .. } => time / speed.max(1),
            Self::Set(_) => Duration::ZERO,
        }
    }

    /// Waits until so much of its time has passed.
    pub(crate) fn sleep(self, time: Duration) {
        match self {
            Self::System | Self::Fast { .. } => std::thread::sleep(self.real(time)),
            Self::Set(clock) => clock.pass(time),
        }
    }
}
