//! When an answer is said: at once, after it has stood for a moment, or when the wait is over.
//!
//! All times here are arrival times; see [`Arrival`].

use foldhash::fast::FixedState;
use std::{
    hash::{BuildHasher, Hash},
    time::Duration,
};
use unmasq_model::{
    Arrival, Reason, Status, Trace,
    trace::{EndTrace, MaskedEnd},
};

/// How long an alert waits for its first answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// After this something is said, whatever it is.
    pub wait: Duration,
    /// A unique answer that is not final is said when it has been the same for so long.
    pub stand: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { wait: Duration::from_secs(90), stand: Duration::from_secs(2) }
    }
}

/// What an alert's trace came to just now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heard {
    /// Tells two answers apart; the number of the revision, and how long it took, are no part of it.
    pub print: u128,
    /// Whether nothing is expected to change it.
    pub is_final: bool,
    /// Whom it names, if it names one, or says that nobody is to be named; the proof may grow meanwhile.
    pub unique: Option<u64>,
}

impl Heard {
    /// Of a trace, and of what tells it apart.
    #[must_use]
    pub fn of(trace: &Trace, print: u128) -> Self {
        let named = |end: &EndTrace| {
            let masked = end.masked();
            let asset = masked
                .and_then(|end| Some((end.asset.as_ref()?.id.clone(), end.container.as_ref()?.id.clone())));
            (end.status(), masked.and_then(|end| end.inside.clone()), asset)
        };
        let whom = || fingerprint(&(named(&trace.src), named(&trace.dest)));
        let unique = (trace.status >= Status::Traced).then(whom);
        Self { print, is_final: trace.is_final, unique }
    }
}

/// What was told of one alert so far, in 32 bytes: there are many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SaidSoFar {
    /// When it came.
    arrived: Arrival,
    last: Last,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Last {
    /// Nothing, and nothing stands.
    Nothing,
    /// Nothing, but an answer names somebody, since then.
    Standing { whom: u64, since: Arrival },
    /// The last revision that was said, from 1, and what tells that apart: half a print is enough between answers
    /// for one alert.
    Said { revision: u32, print: u64 },
}

/// What is to be done about what was heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// It is said, as the revision of this number.
    Say {
        /// From 1; all after the first are late.
        revision: u32,
    },
    /// Unless something new comes before: nothing until then.
    WaitUntil(Arrival),
    /// It was said before.
    Nothing,
}

impl SaidSoFar {
    /// Nothing, of an alert that came then.
    #[must_use]
    pub const fn nothing(arrived: Arrival) -> Self {
        Self { arrived, last: Last::Nothing }
    }

    /// This revision, and what tells it apart.
    #[must_use]
    pub const fn revision(arrived: Arrival, number: u32, print: u128) -> Self {
        Self { arrived, last: Last::Said { revision: number, print: half(print) } }
    }

    /// When the alert came.
    #[must_use]
    pub const fn arrived(&self) -> Arrival {
        self.arrived
    }

    /// Whether nothing was said yet.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        !matches!(self.last, Last::Said { .. })
    }

    /// Decides about what is heard `now`. What is to be said counts as said.
    pub fn hear(&mut self, heard: Heard, now: Arrival, patience: Patience) -> Next {
        let Heard { is_final, unique, .. } = heard;
        let print = half(heard.print);
        if let Last::Said { revision, print: said } = self.last {
            return if said == print { Next::Nothing } else { self.say(revision.saturating_add(1), print) };
        }
        let deadline = self.arrived.plus(patience.wait);
        // A clock that was set back must not make anybody wait for longer than was promised.
        if is_final || now >= deadline || now < self.arrived {
            return self.say(1, print);
        }
        let Some(whom) = unique else {
            self.last = Last::Nothing;
            return Next::WaitUntil(deadline);
        };
        let since = match self.last {
            Last::Standing { whom: same, since } if same == whom && since <= now => since,
            _ => now,
        };
        self.last = Last::Standing { whom, since };
        let until = since.plus(patience.stand).min(deadline);
        if now >= until { self.say(1, print) } else { Next::WaitUntil(until) }
    }

    fn say(&mut self, revision: u32, print: u64) -> Next {
        self.last = Last::Said { revision, print };
        Next::Say { revision }
    }
}

/// The lower half.
#[expect(clippy::cast_possible_truncation, reason = "that is what is asked for")]
const fn half(print: u128) -> u64 {
    print as u64
}

fn fingerprint(of: &impl Hash) -> u64 {
    FixedState::with_seed(1).hash_one(of)
}

/// The trace as somebody says it who may still hear more. Where nothing was found and records are still due, that is
/// why ([`Reason::Deadline`]), and not that there are none; and who was never heard may speak at last.
#[must_use]
pub fn still_waiting(mut trace: Trace) -> Trace {
    let was_final = trace.is_final;
    for end in [&mut trace.src, &mut trace.dest] {
        let EndTrace::Masked(end) = end else { continue };
        let MaskedEnd { status: Status::Untraced, reason: Some(reason), .. } = &mut **end else { continue };
        match reason {
            Reason::NeverHeard => trace.is_final = false,
            Reason::AfterCoverage | Reason::SourceLost | Reason::NotLogged | Reason::NoSession
                if !was_final =>
            {
                *reason = Reason::Deadline;
            }
            _ => {}
        }
    }
    trace
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATIENCE: Patience = Patience { wait: Duration::from_secs(90), stand: Duration::from_secs(2) };

    fn at(ms: i64) -> Arrival {
        Arrival::from_unix_us(1_000_000_000_000 + ms * 1000)
    }

    fn heard(print: u128, is_final: bool, is_unique: bool) -> Heard {
        // Every other answer names the same, with another proof.
        Heard { print, is_final, unique: is_unique.then_some(half(print / 2)) }
    }

    #[test]
    fn what_is_final_is_said_at_once_and_once() {
        let mut told = SaidSoFar::nothing(at(0));
        assert_eq!(told.hear(heard(1, true, false), at(5), PATIENCE), Next::Say { revision: 1 });
        assert_eq!(told.hear(heard(1, true, false), at(6), PATIENCE), Next::Nothing);
        assert_eq!(told.hear(heard(2, true, true), at(7), PATIENCE), Next::Say { revision: 2 });
    }

    #[test]
    fn a_unique_answer_is_said_when_it_has_stood() {
        let mut told = SaidSoFar::nothing(at(0));
        assert_eq!(told.hear(heard(1, false, true), at(100), PATIENCE), Next::WaitUntil(at(2100)));
        assert_eq!(told.hear(heard(2, false, true), at(1000), PATIENCE), Next::WaitUntil(at(3000)));
        assert_eq!(told.hear(heard(3, false, true), at(2999), PATIENCE), Next::WaitUntil(at(3000)));
        assert_eq!(told.hear(heard(2, false, true), at(3000), PATIENCE), Next::Say { revision: 1 });
    }

    #[test]
    fn the_wait_bounds_silence() {
        let mut told = SaidSoFar::nothing(at(0));
        assert_eq!(told.hear(heard(1, false, false), at(10), PATIENCE), Next::WaitUntil(at(90_000)));
        assert_eq!(told.hear(heard(2, false, true), at(89_500), PATIENCE), Next::WaitUntil(at(90_000)));
        assert_eq!(told.hear(heard(2, false, true), at(90_000), PATIENCE), Next::Say { revision: 1 });
    }

    proptest! {
        /// Whatever is heard, and however our clock jumps: revisions count from 1 without a gap, no two in a row
        /// are alike, and once the wait is over something was said.
        #[test]
        fn every_revision_comes_once(
            all in prop::collection::vec((0..3_u128, any::<bool>(), any::<bool>(), -5_000..95_000_i64), 1..40),
        ) {
            let mut told = SaidSoFar::nothing(at(0));
            let mut said: Vec<u128> = Vec::new();
            for (print, is_final, is_unique, ms) in all {
                match told.hear(heard(print, is_final, is_unique), at(ms), PATIENCE) {
                    Next::Say { revision } => {
                        said.push(print);
                        prop_assert_eq!(revision as usize, said.len());
                    }
                    Next::WaitUntil(until) => {
                        prop_assert!(said.is_empty() && !is_final && at(ms) < until && until <= at(90_000));
                    }
                    Next::Nothing => prop_assert_eq!(said.last(), Some(&print)),
                }
                prop_assert!(ms < 90_000 || !said.is_empty());
            }
            prop_assert!(said.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }
}
