//! Which time a log covers, and whether it may be taken as complete.

use crate::plan::LogPlan;
use std::time::Duration;
use unmasq_decode::{Fact, Record};
use unmasq_model::{Coverage, Log, LogTime, Site, Span};

/// Which span a log tells of, and how many of its records lie absurdly far from the others.
#[derive(Clone, Copy)]
pub(crate) struct Covered {
    pub(crate) span: Span,
    pub(crate) outliers: usize,
}

/// A log that is silent for longer than this began anew; a few records beyond are a clock that was
/// wrong, or a lie, and do not stretch what the log covers.
const SILENCE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

/// From the earliest to the latest moment of which records tell, leaving out stretches that hold less
/// than a hundredth of them.
pub(crate) fn covered<'r>(records: impl Iterator<Item = &'r Record>) -> Option<Covered> {
    let mut moments: Vec<LogTime> = records
        .flat_map(|record| match &record.fact {
            Fact::Event(event) => [event.at, event.at],
            Fact::Whole { start, end, .. } => [start.from(), end.to()],
        })
        .collect();
    moments.sort_unstable();
    let stretches = moments.chunk_by(|earlier, later| earlier.plus(SILENCE_MAX) >= *later);
    let (kept, left_out): (Vec<&[LogTime]>, Vec<&[LogTime]>) =
        stretches.partition(|stretch| stretch.len() * 100 >= moments.len());
    let span = Span::between(*kept.first()?.first()?, *kept.last()?.last()?);
    Some(Covered { span, outliers: left_out.iter().map(|stretch| stretch.len()).sum() })
}

/// The log as the site knows it. `whole`: all of it could be read.
pub(crate) fn described(plan: &LogPlan, site: &Site, told: Option<Span>, whole: bool) -> Log {
    let traits = plan.format.traits();
    let since = plan.facts.since.or(told.map(Span::from)).unwrap_or(LogTime::BEGINNING);
    // A writer that may leave records out cannot be declared not to have, nor can a log of which we
    // could not read all.
    let complete = plan.facts.complete && !traits.best_effort && whole;
    let until = match (told, plan.facts.until) {
        (None, _) => LogTime::BEGINNING,
        (Some(_), Some(declared)) if whole => declared,
        (Some(told), Some(declared)) => declared.min(told.to()),
        // Where nobody says when the writing ended, lines about its last moments may be missing.
        (Some(told), None) if complete => told.to().minus(traits.delay),
        (Some(told), None) => told.to(),
    };
    Log {
        name: plan.name.clone(),
        files: plan.files.iter().map(|found| found.location.name()).collect(),
        clock_bound: plan.facts.clock_bound.unwrap_or(site.clock_bound),
        coverage: Coverage { since, until, complete, delay: traits.delay },
        best_effort: traits.best_effort,
        shows_inbound: traits.shows_inbound,
        shows_connections: traits.shows_connections,
        idle_timeout: traits.idle_timeout,
    }
}
