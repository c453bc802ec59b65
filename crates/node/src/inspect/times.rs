//! Which times a file tells, and how coarsely.

use unmasq_decode::{Fact, Record};
use unmasq_model::{LogTime, Span};

/// The times of a file.
#[derive(Default)]
pub(super) struct Times {
    all: Option<Span>,
    /// The finest unit that some time was written in, in microseconds.
    unit: Option<u64>,
}

/// What a unit is called, coarsest first, with its microseconds.
const UNITS: [(u64, &str); 4] = [(60_000_000, "1 min"), (1_000_000, "1 s"), (1_000, "1 ms"), (1, "1 µs")];

impl Times {
    pub(super) fn add_record(&mut self, record: &Record) {
        match &record.fact {
            Fact::Event(event) => {
                // A line that tells only the second is at its end; its beginning is what was written.
                self.add_in(Span::at(event.at), unit_of(event.at.minus(event.lag)));
                for time in [event.started, event.stopped].into_iter().flatten() {
                    self.add(time);
                }
            }
            Fact::Whole { start, end, .. } => {
                self.add(*start);
                self.add(*end);
            }
        }
    }

    pub(super) fn add(&mut self, time: Span) {
        let (from, to) = (time.from().finite(), time.to().finite());
        let (Some(first), Some(last)) = (from.or(to), to.or(from)) else { return };
        self.add_in(Span::between(first, last), unit_of(first));
    }

    /// A time that was written in this unit.
    fn add_in(&mut self, told: Span, unit: u64) {
        self.all = Some(self.all.map_or(told, |all| all.hull(told)));
        self.unit = Some(self.unit.map_or(unit, |finest| finest.min(unit)));
    }

    pub(super) fn span(&self) -> (Option<LogTime>, Option<LogTime>) {
        (self.all.map(Span::from), self.all.map(Span::to))
    }

    pub(super) fn resolution(&self) -> Option<&'static str> {
        let unit = self.unit?;
        UNITS.iter().find(|(us, _)| *us == unit).map(|(_, name)| *name)
    }
}

/// The coarsest unit of which a time is a whole number.
fn unit_of(time: LogTime) -> u64 {
    let us = time.as_unix_us().unsigned_abs();
    UNITS.iter().map(|(unit, _)| *unit).find(|unit| us.is_multiple_of(*unit)).unwrap_or(1)
}
