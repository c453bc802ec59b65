//! A service without threads: whoever holds it says which part does its next step. What is done in a step is what the
//! part's thread does between two waits; a simulation decides in which order, and at what time.
//!
//! Syslog and batches are not taken.

use super::{
    Clock, Control, Counters, Opened, Options, QUEUE, Shared, TOGETHER,
    alerts::AlertSource,
    desk::Desk,
    listen,
    logs::Logs,
    message::Message,
    sinks::{Teller, Then},
    turn,
};
use crate::NodeError;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};
use unmasq_io::disk::OnDisk;

/// A part of a service that has a thread of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// The one that follows session logs.
    Logs,
    /// The one that follows this alert source.
    Alerts(usize),
    /// The one that stores, traces and says.
    Desk,
    /// The one that tells this sink.
    Sink(usize),
}

/// When a part does its next step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// When so much time has passed; the desk also when it is told something.
    After(Duration),
    /// When the bell has rung, or a second has passed.
    WhenRung(u64),
    /// Never again.
    Over,
}

/// See the module.
pub struct Stepped<'s> {
    shared: &'s Shared,
    options: &'s Options,
    desk: Desk<'s>,
    logs: Logs<'s>,
    sources: Vec<AlertSource<'s>>,
    sinks: Vec<Teller<'s>>,
    /// Which of those are over.
    over: Vec<Part>,
    /// What the parts send.
    sent: Receiver<Message>,
    /// What they said in their last steps.
    held: BTreeMap<Part, Vec<Message>>,
    /// What is under way to the desk.
    under_way: VecDeque<Message>,
    /// What has come there.
    to_desk: SyncSender<Message>,
    inbox: Receiver<Message>,
}

/// Opens a service, and lets `run` do with it what it likes. In the end it is as if the process had died.
///
/// # Errors
/// As [`serve`](super::serve).
pub fn stepped<R>(
    options: &Options,
    clock: Clock,
    counters: &Arc<Counters>,
    disk: &OnDisk,
    run: impl FnOnce(&mut Stepped<'_>) -> R,
) -> Result<R, NodeError> {
    let (sender, sent) = sync_channel(QUEUE);
    let (control, stop) = (Arc::new(Control::default()), Arc::new(AtomicBool::new(false)));
    let shared = Shared::new(options, clock, counters, &control, &stop, sender);
    let (heard, alerts) = listen::with_heard(options);
    let Opened { work, prepared, knowledge, writer, inventory, sources, sinks } =
        Opened::open(&shared, options, &heard, alerts, disk)?;
    let desk = Desk::open(&shared, options, work, prepared, knowledge, sources.len())?;
    let (to_desk, inbox) = sync_channel(QUEUE);
    let tellers = sinks.into_iter();
    Ok(run(&mut Stepped {
        shared: &shared,
        options,
        desk,
        logs: Logs::new(&shared, &heard, inventory, writer, options),
        sources,
        sinks: tellers.map(|(sink, reader)| Teller::new(sink, reader, &shared, options)).collect(),
        over: Vec::new(),
        sent,
        held: BTreeMap::new(),
        under_way: VecDeque::new(),
        to_desk,
        inbox,
    }))
}

impl Stepped<'_> {
    /// All its parts.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let sources = (0..self.sources.len()).map(Part::Alerts);
        let sinks = (0..self.sinks.len()).map(Part::Sink);
        [Part::Logs, Part::Desk].into_iter().chain(sources).chain(sinks).collect()
    }

    /// How many messages are under way to the desk. Whoever follows something would wait while there are many.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Whether the desk takes messages now.
    #[must_use]
    pub fn may_be_told(&self) -> bool {
        self.desk.may_be_told()
    }

    /// How often the bell has rung.
    #[must_use]
    pub fn rung(&self) -> u64 {
        self.shared.said.count()
    }

    /// Asks it to end: every part goes on being stepped until it is over.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
    }

    /// Whether nothing waits to be traced, taken or told to the desk.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.held.values().all(Vec::is_empty)
            && self.under_way.is_empty()
            && self.desk.may_be_told()
            && self.desk.is_done()
    }

    /// Lets a part do its next step. What it says is held until it is [delivered](Self::deliver).
    pub fn step(&mut self, part: Part) -> Next {
        let next = match part {
            Part::Logs if self.shared.is_stopping() => Next::Over,
            Part::Logs => Next::After(self.logs.step(self.options.poll)),
            Part::Alerts(_) if self.shared.is_stopping() => Next::Over,
            Part::Alerts(number) => {
                self.sources[number].step();
                Next::After(self.options.poll)
            }
            Part::Sink(number) => match self.sinks[number].step() {
                Then::Over => Next::Over,
                Then::AtOnce => Next::After(Duration::ZERO),
                Then::Later(time) => Next::After(time),
                Then::WhenRung(rung) => Next::WhenRung(rung),
            },
            Part::Desk => self.turn(),
        };
        if next == Next::Over {
            self.over.push(part);
        }
        self.held.entry(part).or_default().extend(self.sent.try_iter());
        next
    }

    /// Sends what a part has said in its last step.
    pub fn deliver(&mut self, part: Part) {
        self.under_way.extend(self.held.remove(&part).unwrap_or_default());
    }

    fn turn(&mut self) -> Next {
        let is_last = self.are_over(|part| matches!(part, Part::Logs | Part::Alerts(_)));
        let is_over = self.shared.has_ended() && self.are_over(|part| matches!(part, Part::Sink(_)));
        // As many as it takes, and while nobody waits for room any more all that there is room for.
        let may_come = self.desk.may_be_told() || self.shared.is_stopping();
        for _ in 0..if may_come { TOGETHER + 1 } else { 0 } {
            let Some(message) = self.under_way.pop_front() else { break };
            if let Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) =
                self.to_desk.try_send(message)
            {
                self.under_way.push_front(message);
                break;
            }
        }
        if turn(&mut self.desk, &self.inbox, self.shared, is_last && self.under_way.is_empty(), is_over) {
            return Next::Over;
        }
        Next::After(self.desk.time_left())
    }

    fn are_over(&self, which: impl Fn(&Part) -> bool) -> bool {
        self.parts().iter().filter(|part| which(part)).all(|part| self.over.contains(part))
    }
}
