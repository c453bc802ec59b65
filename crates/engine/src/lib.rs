//! The heart: what one alert means, given what is known.
//!
//! [`trace()`] is a pure function. If something it must know is not in [`Known`], it returns the
//! [`Question`]s; the shell answers them and calls it again, from the start. Nothing is suspended
//! half-way, so the order in which knowledge arrives cannot matter.
//!
//! How it decides, from the outside to the inside, one module each:
//!
//! 1. `end`: which ends are shared addresses, and what becomes of each.
//! 2. `way`: gateway after gateway, until an address is not shared any more.
//! 3. `crossing`: one gateway: who may have translated, which insides remain, how sure that is.
//! 4. `balance`: which of the requests that a balancer carried the alert may be about.
//! 5. `stay`: sessions on the sensor's clock: bounded ends, windows joined; `agree`: what one log of a
//!    gateway rules out of another.
//! 6. `absence`: why nothing was found.
//! 7. `identity` and `process`: who held the inside address, whose socket it was.
//!
//! Invariant: nothing here waits, reads, spawns, draws random numbers or asks what time it is.
//! Invariant: the same alert and the same knowledge give the same trace, byte for byte.

mod absence;
mod agree;
mod balance;
mod crossing;
mod end;
mod identity;
mod known;
mod numbered;
mod open;
mod patience;
mod process;
mod sieve;
mod site_map;
mod stay;
mod way;

pub use end::{unanswered, unreadable};
pub use known::Known;
pub use numbered::Numbered;
pub use open::{News, OldQuestion, OpenQuestions};
pub use patience::{Heard, Next, Patience, SaidSoFar, still_waiting};
pub use sieve::{Margins, Plain, Sieve, Wants};
pub use site_map::{SiteMap, Translators};

use known::Inquiry;
use unmasq_model::{Alert, Answer, PerEnd, Question, Status, Trace, trace};

/// What came of asking for a trace.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// The answer, and the questions that it rests on: while it is not final, new knowledge that
    /// touches one of them may change it.
    Traced(Box<Trace>, Vec<Question>),
    /// Not in memory: answer these and call again.
    Need(Vec<Question>),
}

/// What one alert means, given what is known; or what must be asked first.
#[must_use]
pub fn trace(alert: &Alert, known: &Known<'_, '_>) -> Outcome {
    let inquiry = Inquiry::noting(known);
    let ends = end::both(alert, &inquiry);
    match (ends, inquiry.into_questions()) {
        (Some(ends), questions) if questions.missing.is_empty() => {
            Outcome::Traced(Box::new(answer(alert, ends)), questions.asked)
        }
        (_, questions) => Outcome::Need(questions.missing),
    }
}

/// Traces an alert to its end, with `memory` as the place where everything known is looked up.
///
/// # Panics
/// When `memory` leaves a question unanswered that it was asked.
pub fn settle<'k>(alert: &Alert, site: &'k SiteMap, memory: impl Fn(&Question) -> Answer<'k>) -> Trace {
    let memory = |question: &Question| Some(memory(question));
    let known = Known::with(site, &memory);
    let ends = end::both(alert, &Inquiry::new(&known));
    answer(alert, ends.expect("whatever is asked is answered"))
}

fn answer(alert: &Alert, ends: PerEnd<end::Settled>) -> Trace {
    let PerEnd { src, dest } = ends;
    Trace {
        version: trace::VERSION,
        alert_id: alert.id.clone(),
        status: src.end.status().min(dest.end.status()).min(Status::NotMasked),
        is_final: src.is_final && dest.is_final,
        expected_by: None,
        revision: 1,
        late: false,
        waited_ms: 0,
        backfill: false,
        src: src.end,
        dest: dest.end,
    }
}
