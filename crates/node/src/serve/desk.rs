//! Where everything comes together: alerts are stored and traced, lots are held against open questions, answers
//! are said.
//!
//! One thread has it all, so that nothing here waits for a lock. What it says is on disk before anybody hears it.

mod answer;
mod learn;
mod trace;

use super::{
    Options, Shared,
    gateways::Registry,
    message::{Arrived, Done, Message, Refused},
    old::Old,
    open::OpenAlerts,
    push::forgotten,
    views::AccountView,
};
use crate::{
    Knowledge, NodeError,
    clock::NowAndThen,
    knowledge::{Prepared, chain},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::atomic::Ordering,
    time::Duration,
};
use unmasq_engine::SaidSoFar;
use unmasq_model::{Arrival, Coverage, Gateway, GatewayName, SourceName};
use unmasq_work::{BatchId, Known, LastSaid, NewAlert, Reader, Taken, Work};

/// So many alerts are traced together: what they ask of the store is asked at once.
const ROUND: usize = 2_000;
/// So many old alerts are taken back together.
const TAKEN_BACK: u32 = 200;
/// While more than so many wait to be traced for the first time, no more are taken.
const BEHIND: usize = 5 * ROUND;
/// So many are read together at the start.
const PAGE: u32 = 10_000;
/// So many are dropped together when they are old.
const DROPPED: u32 = 10_000;
/// So often what is old is dropped, and what is not final traced again although nothing seems to be new about it, …
const SWEEP: Duration = Duration::from_secs(60);
/// … so many of them each time, all in turn: a million that are not final must not keep the desk from others.
const SWEPT: usize = 500;
/// A clock that is so much behind what it showed was set back.
const SET_BACK: Duration = Duration::from_secs(1);
/// How things are is shown again so often, beside when something else than numbers changed.
const SHOWN: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Desk<'s> {
    shared: &'s Shared,
    options: &'s Options,
    work: Work,
    prepared: Prepared,
    knowledge: Knowledge,
    registry: Registry,
    open: OpenAlerts,
    /// Those that are too many for that.
    old: Old,
    /// How many alerts are stored.
    stored: usize,
    /// When the last alert came that a gateway may have translated.
    needed: BTreeMap<GatewayName, Arrival>,
    /// What the logs covered and which gateways there were, before lots that are being learned of.
    before: Option<(BTreeMap<SourceName, Coverage>, Vec<Gateway>)>,
    /// What our clock showed when it was last looked at.
    seen: Arrival,
    swept: NowAndThen,
    shown: NowAndThen,
    /// How many alert sources have not read yet what lay there at the start.
    unlooked: usize,
    /// What could not be done yet: it is tried again, in order.
    waiting: VecDeque<Message>,
}

impl<'s> Desk<'s> {
    /// Takes up where the process before this one stopped. So many alert sources will look.
    pub(super) fn open(
        shared: &'s Shared,
        options: &'s Options,
        mut work: Work,
        prepared: Prepared,
        mut knowledge: Knowledge,
        sources: usize,
    ) -> Result<Self, NodeError> {
        let begun = shared.clock.now();
        let mut registry = Registry::open(&work, options, &prepared.site)?;
        registry.meet(&mut knowledge, &mut work, begun)?;
        shared.control.show_accounts(AccountView::all(&prepared.site));
        shared.exporters.recall(work.exporters().map_err(NodeError::Work)?);
        let (open, waiting) = (OpenAlerts::default(), VecDeque::new());
        let stored = work.count_alerts().map_err(NodeError::Work)?;
        let last_old =
            work.alert_before_newest(options.open_max).map_err(NodeError::Work)?.unwrap_or_default();
        let old = Old::open(&work, last_old.saturating_add(1))?;
        let swept = NowAndThen::after(SWEEP, begun);
        if let Some(past) = knowledge.past() {
            let (sessions, bytes) = past.hold_recent(options.window)?.size();
            let ms = shared.clock.now().since(begun).as_millis();
            tracing::info!(sessions, bytes, ms, "the last hours of sessions are in memory");
        }
        let mut desk = Self {
            shared,
            options,
            work,
            prepared,
            knowledge,
            registry,
            open,
            old,
            stored,
            needed: BTreeMap::new(),
            before: None,
            seen: begun,
            swept,
            shown: NowAndThen::at_once(SHOWN),
            unlooked: sources,
            waiting,
        };
        let mut after = 0;
        loop {
            let page = desk.work.last_said(after, PAGE).map_err(NodeError::Work)?;
            let Some(last) = page.last() else { break };
            after = last.alert;
            let is_held = |alert: &&LastSaid| alert.alert > last_old || alert.said.is_none();
            page.iter().filter(is_held).for_each(|alert| desk.open_again(alert));
        }
        desk.show();
        Ok(desk)
    }

    /// How long nothing need be done, unless something comes.
    pub(super) fn time_left(&self) -> Duration {
        let is_catching_up = self.is_catching_up();
        if self.old.is_concerned() && !is_catching_up {
            return Duration::ZERO;
        }
        self.open.time_left(self.shared.clock.now(), Duration::from_secs(1), is_catching_up)
    }

    /// Whether it may be told more. While something fails, or many wait for their first answer, nothing more piles up
    /// here: sources wait.
    pub(super) fn may_be_told(&self) -> bool {
        self.waiting.is_empty()
            && !self.old.is_behind()
            && (self.is_catching_up() || self.open.fresh() < BEHIND)
    }

    /// Whether nothing is left to be done at once.
    pub(super) fn is_done(&self) -> bool {
        // What fails while the service stops, or cannot be said yet, is done by the next process.
        !self.waiting.is_empty() || self.open.to_trace() == 0 || self.is_catching_up()
    }

    /// While what lay there at the start is still read, most of what would be said is not true for long: nothing is
    /// said but what cannot wait any longer.
    fn is_catching_up(&self) -> bool {
        !self.shared.caught_up.load(Ordering::Acquire)
    }

    /// Takes what came, and traces what may have another answer by now. What fails is logged and tried again.
    pub(super) fn turn(&mut self, messages: Vec<Message>) {
        if self.shared.is_stopping() && !self.waiting.is_empty() {
            // What cannot be done is not waited for by anybody who would keep the service from ending.
            self.waiting.retain(|message| !matches!(message, Message::Batch { .. } | Message::Asked { .. }));
        }
        self.waiting.extend(messages);
        let taken = self.answer_first().and_then(|()| self.take_all());
        // Whatever cannot be taken, nobody who is here waits for longer than was promised.
        if let Err(error) = taken.and(self.sweep()).and(self.look_after_old()).and(self.trace()) {
            self.shared.counters.errors.add(1);
            tracing::error!("{}; it is tried again", chain(&error));
            self.shared.clock.sleep(super::PAUSE);
        }
        self.count();
    }

    /// Takes alerts that came and traces them, before lots are looked into that came with them: of what is known by now
    /// nobody need wait for those.
    fn answer_first(&mut self) -> Result<(), NodeError> {
        let is_lots = |message: &Message| matches!(message, Message::Lots { .. });
        let is_alerts = |message: &Message| matches!(message, Message::Alerts(_));
        if self.is_catching_up() || !self.waiting.iter().any(is_lots) || !self.waiting.iter().any(is_alerts) {
            return Ok(());
        }
        // What is told of alerts stays in the order in which it came; so does what is told of lots.
        let is_of_alerts = |message: &Message| matches!(message, Message::Alerts(_) | Message::Read(_));
        let (first, then): (VecDeque<_>, _) = self.waiting.drain(..).partition(is_of_alerts);
        self.waiting = first;
        let taken = self.take_all();
        self.waiting.extend(then);
        taken.and_then(|()| self.trace())
    }

    fn take_all(&mut self) -> Result<(), NodeError> {
        while let Some(message) = self.waiting.pop_front() {
            let taken = match &message {
                Message::Alerts(arrived) => self.take(arrived),
                Message::Lots { lots, number, read } => self.learn(lots, *number, *read),
                Message::CaughtUp => {
                    self.shared.caught_up.store(true, Ordering::Release);
                    Ok(())
                }
                Message::Looked => {
                    self.unlooked = self.unlooked.saturating_sub(1);
                    Ok(())
                }
                Message::Read(files) => {
                    files.iter().for_each(|(file, bytes)| self.shared.read.note(file, *bytes));
                    Ok(())
                }
                Message::Asked { asked, who, reply } => {
                    // Whoever does not wait any more will ask what came of it.
                    let _ = reply.try_send(self.answer(asked, who));
                    Ok(())
                }
                Message::Batch { id, arrived, lines, reply } => {
                    let _ = reply.try_send(self.batch(id, arrived.as_ref(), *lines));
                    Ok(())
                }
                Message::Delivered { sink, sequence } => {
                    self.work.set_told(sink, *sequence).map_err(NodeError::Work)
                }
            };
            if taken.is_err() {
                self.waiting.push_front(message);
                return taken;
            }
        }
        Ok(())
    }

    /// Stores alerts, together with their position.
    fn take(&mut self, arrived: &Arrived) -> Result<(), NodeError> {
        let alerts = new(arrived);
        let taken = self.work.take(&alerts, arrived.position.as_ref()).map_err(NodeError::Work)?;
        self.open_new(taken, arrived.read);
        Ok(())
    }

    /// Stores a batch of alerts together with its id, or the id alone.
    fn batch(&mut self, id: &BatchId, arrived: Option<&Arrived>, lines: u64) -> Result<Done, Refused> {
        let now = self.shared.clock.now();
        let alerts = arrived.map(new);
        let taken = match alerts {
            Some(alerts) => self.work.take_batch(&alerts, id, now),
            None => self.work.note_batch(id, now).map(|()| (Known::No, Vec::new())),
        };
        match taken {
            Ok((Known::No, taken)) => {
                self.open_new(taken, arrived.map_or(now, |arrived| arrived.read));
                Ok(Done::Pushed { lines, repeated: false })
            }
            Ok((Known::Another, _)) => Err(Refused::AnotherBatch(id.id.clone())),
            Ok((Known::Yes, _)) => {
                self.shared
                    .counters
                    .alerts_repeated
                    .add(arrived.map_or(0, |arrived| arrived.alerts.len() as u64));
                Ok(Done::Pushed { lines: 0, repeated: true })
            }
            Err(error) => {
                self.shared.counters.errors.add(1);
                tracing::error!("{}", chain(&NodeError::Work(error)));
                // Its lines may be kept: it is to be sent again, under its id.
                Err(Refused::NotNow("it could not be stored; the log of the service says why"))
            }
        }
    }

    fn open_new(&mut self, taken: Vec<Option<Taken>>, read: Arrival) {
        let counters = &self.shared.counters;
        for taken in taken {
            match taken {
                Some(taken) => {
                    counters.alerts_stored.add(1);
                    self.stored += 1;
                    let deadline = read.plus(self.options.patience.wait);
                    self.open.add(taken.number, SaidSoFar::nothing(read), deadline);
                }
                None => counters.alerts_repeated.add(1),
            }
        }
    }

    /// Another reader of what is stored.
    pub(super) fn reader(&self) -> Result<Reader, NodeError> {
        self.work.reader().map_err(NodeError::Work)
    }

    /// Takes up an alert where it was left.
    fn open_again(&mut self, alert: &LastSaid) {
        let told = match alert.said {
            Some((revision, print, _)) => SaidSoFar::revision(alert.arrived, revision, print),
            None => SaidSoFar::nothing(alert.arrived),
        };
        self.open.add(alert.alert, told, alert.arrived.plus(self.options.patience.wait));
    }

    /// Now and then looks at some that are not final, and drops what is too old.
    fn sweep(&mut self) -> Result<(), NodeError> {
        let now = self.shared.clock.now();
        let seen = std::mem::replace(&mut self.seen, now);
        if now < seen.minus(SET_BACK) {
            // By that clock those who wait would wait for longer than was promised.
            self.open.trace_waiting_again();
        }
        if !self.swept.is_due(now) {
            return Ok(());
        }
        self.swept.is_done(now);
        self.open.trace_some_unsettled_again(SWEPT);
        let oldest = now.minus(self.options.keep);
        let dropped = self.work.drop_before(oldest, DROPPED).map_err(NodeError::Work)?;
        self.stored = self.stored.saturating_sub(dropped);
        self.work.forget_batches_before(forgotten(now)).map_err(NodeError::Work)?;
        self.open.forget_before(oldest);
        self.look_after_exporters(now)
    }

    /// Puts those on disk that are too many, and takes back whom something new concerns, while nobody younger is to be
    /// traced.
    fn look_after_old(&mut self) -> Result<(), NodeError> {
        self.old.put_away(&mut self.open, &mut self.work, self.options.open_max)?;
        if self.old.is_behind() || self.open.to_trace() == 0 {
            self.old.look_up(&self.work)?;
        }
        // At the next start all of them are taken back.
        if self.is_catching_up() || self.shared.is_stopping() || self.open.to_trace() > 0 {
            return Ok(());
        }
        for alert in self.old.next(&self.work, &self.open, TAKEN_BACK)? {
            if self.open.holds(alert.alert) {
                self.open.trace_again([alert.alert]);
            } else {
                self.open_again(&alert);
            }
        }
        Ok(())
    }

    /// Says who is silent although it is needed, and keeps what was learned.
    fn look_after_exporters(&mut self, now: Arrival) -> Result<(), NodeError> {
        let site = &self.knowledge.site;
        let needed = |log: &SourceName| {
            let gateways = site
                .gateways
                .iter()
                .filter(|gateway| gateway.logs.iter().any(|known| site.log(*known).name == *log));
            gateways.filter_map(|gateway| self.needed.get(&gateway.name).copied()).max()
        };
        for (log, silent) in self.shared.exporters.fall_silent(needed, now) {
            let seconds = silent.as_secs();
            tracing::warn!(
                log = log.as_str(),
                seconds,
                "a log is silent for longer than usual, and alerts need its records"
            );
        }
        self.show();
        self.work.keep_exporters(&self.shared.exporters.kept()).map_err(NodeError::Work)
    }

    /// Shows others how things are.
    fn show(&mut self) {
        let control = &self.shared.control;
        control.show_gateways(self.registry.views(&self.knowledge));
        let counts = self.knowledge.past().map(|past| past.counts()).unwrap_or_default();
        let exporters = self.shared.exporters.views(&self.knowledge.site, &counts);
        let silent = exporters.iter().filter(|exporter| exporter.silent_since.is_some()).count();
        self.shared.counters.exporters_silent.set(silent as u64);
        control.show_exporters(exporters);
    }

    fn count(&self) {
        let counters = &self.shared.counters;
        counters.alerts_open.set(self.open.count() as u64);
        counters.alerts_open_on_disk.set(self.stored.saturating_sub(self.open.count()) as u64);
        counters.alerts_waiting.set(self.open.waiting() as u64);
        counters.alerts_to_trace.set(self.open.to_trace() as u64);
        let is_ready = !self.is_catching_up() && self.unlooked == 0 && self.open.to_trace() == 0;
        if is_ready {
            counters.ready.set(1);
        }
    }
}

/// The same, as it is stored.
fn new(arrived: &Arrived) -> Vec<NewAlert<'_>> {
    let alerts = arrived.alerts.iter().map(|alert| NewAlert {
        kind: alert.name.kind(),
        name: Box::new(|number| alert.name.name(number)),
        arrived: arrived.read,
        source: &arrived.source,
        format: arrived.format,
        facts: alert.facts.as_deref(),
        raw: &alert.raw,
    });
    alerts.collect()
}
