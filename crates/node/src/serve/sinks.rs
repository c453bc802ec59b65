//! Where answers go: each sink is told everything, in order, at least once.
//!
//! A sink is told a batch again until it has taken it, always with the same bytes, and nothing after it before. How long is
//! waited in between, [`SinkError::pause`] says. The service never waits for a sink: what it was not told yet lies in
//! `work.sqlite`.

use super::{Options, Shared, counters::SinkCounters, message::Message as ToDesk};
use crate::{
    forms::{Answer, Form},
    knowledge::chain,
};
use std::{sync::Arc, thread, time::Duration};
use unmasq_decode::{Carrier, alert::AlertFormat};
use unmasq_io::sink::{Message, Place, Sink, SinkError};
use unmasq_model::{Alert, Arrival, Status};
use unmasq_work::{Reader, Said, WorkError};

/// A place that answers go to, and in what form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SinkArg {
    /// What it is called where it is said up to where it was told. Under another name it is told everything again.
    pub name: String,
    /// The place.
    pub place: Place,
    /// The form.
    pub form: Form,
}

impl SinkArg {
    /// A place under its own name, told the alerts with their traces.
    #[must_use]
    pub fn new(place: Place) -> Self {
        Self { name: place.name(), place, form: Form::Eve }
    }
}

/// So many revisions are looked up together, …
const TOGETHER: u32 = 500;
/// … or as many as have so many bytes: they are held while a sink is away.
const TOGETHER_BYTES: usize = 8 << 20;
/// When nothing more will be said, a sink is told for so long what it was not told yet; the next process does the rest.
const LAST: Duration = Duration::from_secs(20);

/// Why a sink was not told.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("cannot tell the sink `{name}`")]
    Sink { name: String, source: SinkError },
    #[error("cannot read what was said")]
    Work(#[from] WorkError),
}

/// Tells one sink everything, until the service stops and there is nothing more.
pub(super) fn tell(arg: &SinkArg, reader: Reader, shared: &Shared, options: &Options) {
    let mut teller = Teller::new(arg, reader, shared, options);
    loop {
        match teller.step() {
            Then::Over => return,
            Then::AtOnce => {}
            Then::Later(time) => teller.pause(time),
            Then::WhenRung(rung) => shared.said.wait(rung),
        }
    }
}

/// When a sink is told what comes next.
pub(super) enum Then {
    Over,
    AtOnce,
    /// When so much time has passed.
    Later(Duration),
    /// When the bell has rung more often than that.
    WhenRung(u64),
}

pub(super) struct Teller<'s> {
    arg: &'s SinkArg,
    reader: Reader,
    shared: &'s Shared,
    options: &'s Options,
    counters: Arc<SinkCounters>,
    sink: Option<Box<dyn Sink>>,
    /// Up to where it was told.
    after: Option<u64>,
    /// What comes next, in order. It stays as it is until it was told, so that what is told again is the same batch.
    waiting: Vec<Message>,
    /// How often in a row it could not be told.
    failures: u32,
    /// When nothing more was going to be said.
    ended: Option<Arrival>,
}

impl<'s> Teller<'s> {
    pub(super) fn new(arg: &'s SinkArg, reader: Reader, shared: &'s Shared, options: &'s Options) -> Self {
        let counters = shared.counters.sink(&arg.name);
        let (sink, after, waiting, failures, ended) = (None, None, Vec::new(), 0, None);
        Self { arg, reader, shared, options, counters, sink, after, waiting, failures, ended }
    }

    /// Tells it what comes next, if there is anything.
    pub(super) fn step(&mut self) -> Then {
        let rung = self.shared.said.count();
        if self.shared.has_ended() {
            let now = self.shared.clock.now();
            let ended = *self.ended.get_or_insert(now);
            if now.since(ended) > LAST {
                return Then::Over;
            }
        }
        let more = self.tell_more();
        if let Ok(true) = more {
            self.failures = 0;
            return Then::AtOnce;
        }
        if let Err(error) = &more {
            self.failures = self.failures.saturating_add(1);
            self.failed(error, self.failures);
        }
        match more {
            _ if self.shared.has_ended() => Then::Over,
            Err(Failure::Sink { source, .. }) => Then::Later(source.pause(self.failures)),
            Err(Failure::Work(_)) => Then::Later(super::PAUSE),
            Ok(_) => Then::WhenRung(rung),
        }
    }

    /// Tells it what comes next; whether there was anything.
    fn tell_more(&mut self) -> Result<bool, Failure> {
        let after = match self.after {
            Some(after) => after,
            None => *self.after.insert(self.reader.told(&self.arg.name)?),
        };
        self.counters.behind.set(self.reader.last_sequence()?.saturating_sub(after));
        if self.waiting.is_empty() {
            let said = self.reader.said_within(after, TOGETHER, TOGETHER_BYTES)?;
            self.waiting = said.iter().map(|said| self.message(said)).collect();
        }
        if self.waiting.is_empty() {
            return Ok(false);
        }
        let failed = |source| Failure::Sink { name: self.arg.name.clone(), source };
        let sink = match &mut self.sink {
            Some(sink) => sink,
            None => self.sink.insert(self.arg.place.open(&self.arg.name).map_err(failed)?),
        };
        let told = sink.tell(&self.waiting).map_err(failed)?;
        let Some(last) = self.waiting.drain(..told.messages).next_back() else { return Ok(false) };
        self.after = Some(last.sequence);
        self.counters.told.add(told.messages as u64);
        self.counters.cut.add(told.cut as u64);
        if told.cut > 0 {
            tracing::warn!(sink = self.arg.name, cut = told.cut, "answers were too long for a datagram");
        }
        self.shared.send(ToDesk::Delivered { sink: self.arg.name.clone(), sequence: last.sequence });
        Ok(true)
    }

    fn message(&self, said: &Said) -> Message {
        let facts = said.facts.as_deref().filter(|_| self.arg.form != Form::Eve);
        let alert = facts.and_then(|facts| serde_json::from_str::<Alert>(facts).ok());
        let answer = Answer {
            format: &said.format,
            carrier: AlertFormat::preset(&said.format).map_or(Carrier::Member, |format| format.carrier()),
            raw: &said.raw,
            alert: alert.as_ref(),
            trace: &said.body,
            field: &self.options.field,
            said: Some(said.said),
        };
        let mut text = Vec::new();
        self.arg.form.put(&answer, &mut text);
        let (sequence, alert, revision) = (said.sequence, said.id.clone(), said.revision);
        Message { sequence, alert, revision, status: status(&said.body), said: said.said, text }
    }

    fn failed(&self, error: &Failure, failures: u32) {
        self.shared.counters.errors.add(1);
        self.counters.failures.add(1);
        // One that is away for hours says so often enough, and not each time.
        if failures.is_power_of_two() {
            tracing::warn!(failures, "{}; it is tried again", chain(error));
        }
    }

    /// Waits for so long, unless nothing more will be said.
    fn pause(&self, time: Duration) {
        let mut left = self.shared.clock.real(time);
        while !left.is_zero() && !self.shared.has_ended() {
            let step = left.min(Duration::from_millis(50));
            thread::sleep(step);
            left -= step;
        }
    }
}

/// What a trace says became of its alert.
fn status(trace: &str) -> Status {
    #[derive(serde::Deserialize)]
    struct Said {
        status: Status,
    }
    // What was said is a trace.
    serde_json::from_str::<Said>(trace).map_or(Status::Untraced, |said| said.status)
}
