//! Where everything comes together: alerts are stored and traced, lots are held against open questions, answers
//! are said.
//!
//! One thread has it all, so that nothing here waits for a lock. What it says is on disk before anybody hears it.

use super::{
    Options, Shared,
    alerts::Arrived,
    clock::NowAndThen,
    control::{AccountView, Asked, Done, Refused},
    gateways::{Registry, log_time},
    old::Old,
    open::OpenAlerts,
    push::forgotten,
};
use crate::{
    Knowledge, NodeError,
    batch::{detailed, realm_of},
    import::stored::StoredLot,
    knowledge::{Prepared, chain},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::PathBuf,
    sync::{atomic::Ordering, mpsc::SyncSender},
    time::Duration,
};
use unmasq_engine::{Heard, Next, Outcome, Patience, SaidSoFar, still_waiting, unanswered, unreadable};
use unmasq_io::source::Content;
use unmasq_model::{
    Alert, Arrival, Coverage, End, Gateway, GatewayIx, GatewayName, LogTime, Question, Realm, Reason, Site,
    SourceName, Span, Trace, trace::EndTrace,
};
use unmasq_work::{
    Act, BatchId, Known, LastSaid, NewAlert, Reader, Revision, StoredAlert, Taken, Turned, Work,
};

/// What the desk is told.
pub(super) enum Message {
    /// Alerts came.
    Alerts(Arrived),
    /// Lots were stored; the manifest of that number has them.
    Lots { lots: Vec<StoredLot>, number: u64 },
    /// All session logs that lay there at the start were read.
    CaughtUp,
    /// An alert source has read what lay there at the start.
    Looked,
    /// Files of spools were read up to there: all alerts before it were told earlier.
    Read(Vec<(PathBuf, u64)>),
    /// Something is asked of the service, in somebody's name.
    Asked { asked: Asked, who: String, reply: SyncSender<Result<Done, Refused>> },
    /// A batch was handed over: alerts to be stored, or so many lines that were spooled.
    Batch { id: BatchId, arrived: Option<Arrived>, lines: u64, reply: SyncSender<Result<Done, Refused>> },
    /// A sink has everything up to there.
    Delivered { sink: String, sequence: u64 },
}

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
/// How things are is shown again so often, beside when something else than numbers changed.
const SHOWN: Duration = Duration::from_secs(1);
/// No clock of a detector is farther ahead.
const SKEW: Duration = Duration::from_secs(600);
/// How long after its alert a record of a balancer's connection may decide about it.
const CONNECTION: Duration = Duration::from_secs(600);

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
    swept: NowAndThen,
    shown: NowAndThen,
    /// How many alert sources have not read yet what lay there at the start.
    unlooked: usize,
    /// What could not be done yet: it is tried again, in order.
    waiting: VecDeque<Message>,
}

/// What became of one alert.
struct Traced {
    number: u64,
    arrived: Arrival,
    /// The end of its time, if it has any.
    at: Option<LogTime>,
    /// Whether it was traced as if nothing was ever switched off.
    regardless: bool,
    /// The gateways that may have translated it.
    gateways: Vec<GatewayIx>,
    trace: Trace,
    asked: Vec<Question>,
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
        let taken = self.take_all();
        // Whatever cannot be taken, nobody who is here waits for longer than was promised.
        if let Err(error) = taken.and(self.sweep()).and(self.look_after_old()).and(self.trace()) {
            self.shared.counters.errors.add(1);
            tracing::error!("{}; it is tried again", chain(&error));
            self.shared.clock.sleep(super::PAUSE);
        }
        self.count();
    }

    fn take_all(&mut self) -> Result<(), NodeError> {
        while let Some(message) = self.waiting.pop_front() {
            let taken = match &message {
                Message::Alerts(arrived) => self.take(arrived),
                Message::Lots { lots, number } => self.learn(lots, *number),
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
        let now = self.shared.clock.now();
        let alerts = new(arrived, now);
        let taken = self.work.take(&alerts, arrived.position.as_ref()).map_err(NodeError::Work)?;
        self.open_new(taken, now);
        Ok(())
    }

    /// Stores a batch of alerts together with its id, or the id alone.
    fn batch(&mut self, id: &BatchId, arrived: Option<&Arrived>, lines: u64) -> Result<Done, Refused> {
        let now = self.shared.clock.now();
        let alerts = arrived.map(|arrived| new(arrived, now));
        let taken = match alerts {
            Some(alerts) => self.work.take_batch(&alerts, id, now),
            None => self.work.note_batch(id, now).map(|()| (Known::No, Vec::new())),
        };
        match taken {
            Ok((Known::No, taken)) => {
                self.open_new(taken, now);
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

    fn open_new(&mut self, taken: Vec<Option<Taken>>, now: Arrival) {
        let counters = &self.shared.counters;
        for taken in taken {
            match taken {
                Some(taken) => {
                    counters.alerts_stored.add(1);
                    self.stored += 1;
                    let deadline = now.plus(self.options.patience.wait);
                    self.open.add(taken.number, SaidSoFar::nothing(now), deadline);
                }
                None => counters.alerts_repeated.add(1),
            }
        }
    }

    /// Another reader of what is stored.
    pub(super) fn reader(&self) -> Result<Reader, NodeError> {
        self.work.reader().map_err(NodeError::Work)
    }

    /// Learns what the store has now, and finds out whom that concerns.
    fn learn(&mut self, lots: &[StoredLot], number: u64) -> Result<(), NodeError> {
        // What it was before is held on to until all of this is done: it may be tried again.
        let site = &self.knowledge.site;
        self.before.get_or_insert_with(|| (coverages(site), site.gateways.clone()));
        self.knowledge.renew(&self.prepared)?;
        self.registry.meet(&mut self.knowledge, &mut self.work, self.shared.clock.now())?;
        let mut touched = BTreeSet::new();
        if let Some(past) = self.knowledge.past() {
            for lot in lots {
                past.touch(lot, &self.open.questions, &mut self.old.news, &mut touched)?;
            }
        }
        self.open.trace_again(touched);
        let site = &self.knowledge.site;
        let (logs, gateways) = self.before.take().unwrap_or_default();
        let is_another = is_another(&gateways, &site.gateways);
        if is_another {
            // Who may have translated an address is another question now, for everybody.
            self.open.trace_all_again();
            self.old.all_again();
        }
        for during in moved(&logs, site) {
            self.open.trace_unsettled_again(during);
            self.old.unsettled_again(during);
        }
        self.shared.probed.fetch_max(number, Ordering::AcqRel);
        let now = self.shared.clock.now();
        if is_another || self.shown.is_due(now) {
            self.shown.is_done(now);
            self.show();
        }
        Ok(())
    }

    /// Takes up an alert where it was left.
    fn open_again(&mut self, alert: &LastSaid) {
        let told = match alert.said {
            Some((revision, print, _)) => SaidSoFar::revision(alert.arrived, revision, print),
            None => SaidSoFar::nothing(alert.arrived),
        };
        self.open.add(alert.alert, told, alert.arrived.plus(self.options.patience.wait));
    }

    /// Does what is asked, unless it makes no sense.
    fn answer(&mut self, asked: &Asked, who: &str) -> Result<Done, Refused> {
        let now = self.shared.clock.now();
        let failed = |error: NodeError| {
            self.shared.counters.errors.add(1);
            tracing::error!("{}", chain(&error));
            Refused::Failed
        };
        match asked {
            Asked::Switch { gateway, class, on } => {
                self.registry.check(&self.knowledge, gateway, *on)?;
                let at = log_time(now);
                if self.registry.is_so(gateway, *class, *on) {
                    return Ok(Done::Switched(at));
                }
                let act = Act::Switch { gateway: gateway.clone(), class: *class, on: *on, at };
                self.work.act(&act, who, now).map_err(NodeError::Work).map_err(failed)?;
                let turned = Turned { class: *class, at, on: *on, who: who.to_owned() };
                self.registry.turned(&mut self.knowledge, gateway, turned);
                self.show();
                // It counts from now on: that concerns those that came just now, and those whose clocks are ahead.
                self.open.trace_newest_again(now.minus(SKEW));
                self.open.trace_unsettled_again(Span::between(at, LogTime::FOREVER));
                self.old.unsettled_again(Span::between(at, LogTime::FOREVER));
                tracing::info!(gateway = gateway.as_str(), class = class.name(), on, who, "switched");
                Ok(Done::Switched(at))
            }
            Asked::Backfill { from, to } => {
                let act = Act::Backfill { from: *from, to: *to };
                let concerned = self.work.act(&act, who, now).map_err(NodeError::Work).map_err(failed)?;
                let alerts = concerned.len() as u64;
                for number in &concerned {
                    if self.open.holds(*number) {
                        continue;
                    }
                    // It is marked for good: whoever cannot be opened now is when the service begins anew.
                    match self.work.last_said(number.saturating_sub(1), 1).map_err(NodeError::Work) {
                        Ok(last) => last.iter().for_each(|alert| self.open_again(alert)),
                        Err(error) => tracing::error!("{}", chain(&error)),
                    }
                }
                self.open.trace_again(concerned);
                tracing::info!(alerts, who, "alerts are traced regardless of switches");
                Ok(Done::Backfilled(alerts))
            }
        }
    }

    /// Now and then looks at some that are not final, and drops what is too old.
    fn sweep(&mut self) -> Result<(), NodeError> {
        let now = self.shared.clock.now();
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
        for alert in self.old.next(&self.work, TAKEN_BACK)? {
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

    /// Traces those that are next, and says what is new about them.
    fn trace(&mut self) -> Result<(), NodeError> {
        let now = self.shared.clock.now();
        let numbers = self.open.next(now, ROUND, self.is_catching_up());
        if numbers.is_empty() {
            return Ok(());
        }
        let traced = self.outcomes(&numbers);
        self.knowledge.forget();
        let said = match traced {
            Ok(traced) => self.say(traced, now),
            Err(error) => {
                // The wait bounds silence, whatever is broken.
                let overdue = self.open.overdue(now, self.options.patience, ROUND);
                self.unanswered(&overdue).and_then(|traced| self.say(traced, now)).and(Err(error))
            }
        };
        if said.is_err() {
            self.open.trace_again(numbers);
        }
        said
    }

    /// What is known of these alerts now, and what that rests on.
    fn outcomes(&mut self, numbers: &[u64]) -> Result<Vec<Traced>, NodeError> {
        let stored = self.work.alerts(numbers.iter().copied()).map_err(NodeError::Work)?;
        let realms = self.knowledge.realms();
        let alerts: Vec<(StoredAlert, Option<Alert>)> = stored
            .into_iter()
            .map(|mut stored| {
                let alert = stored.facts.take().map(|alert| self.meant(alert, &realms));
                (stored, alert)
            })
            .collect();
        loop {
            let lacking = alerts.iter().filter_map(|(stored, alert)| Some((stored, alert.as_ref()?)));
            let asked: BTreeSet<Question> =
                lacking.flat_map(|(stored, alert)| self.knowledge.lacks(alert, stored.regardless)).collect();
            if asked.is_empty() {
                break;
            }
            self.knowledge.learn_about(&asked)?;
        }
        let mut all = Vec::new();
        for (stored, alert) in alerts {
            self.shared.counters.traces_tried.add(1);
            let (trace, asked) = match &alert {
                None => (unreadable(stored.id.clone()), Vec::new()),
                Some(alert) => match self.knowledge.outcome(alert, stored.regardless) {
                    Outcome::Traced(trace, asked) => (*trace, asked),
                    Outcome::Need(_) => continue,
                },
            };
            let trace = detailed(still_waiting(trace), self.options.evidence);
            let StoredAlert { number, arrived, regardless, .. } = stored;
            let gateways = alert.as_ref().map(|alert| self.concerned(alert)).unwrap_or_default();
            for gateway in &gateways {
                let name = &self.knowledge.site.gateway(*gateway).name;
                let last = self.needed.entry(name.clone()).or_insert(arrived);
                *last = arrived.max(*last);
            }
            let at = alert.map(|alert| alert.at.to());
            all.push(Traced { number, arrived, at, regardless, gateways, trace, asked });
        }
        Ok(all)
    }

    /// That nothing can be known of these alerts for now.
    fn unanswered(&self, numbers: &[u64]) -> Result<Vec<Traced>, NodeError> {
        let stored = self.work.alerts(numbers.iter().copied()).map_err(NodeError::Work)?;
        let traced = stored.into_iter().map(|stored| Traced {
            number: stored.number,
            arrived: stored.arrived,
            at: stored.facts.map(|alert| alert.at.to()),
            regardless: stored.regardless,
            gateways: Vec::new(),
            trace: unanswered(stored.id),
            asked: Vec::new(),
        });
        Ok(traced.collect())
    }

    /// Says what is new, and what must not wait any longer.
    fn say(&mut self, traced: Vec<Traced>, now: Arrival) -> Result<(), NodeError> {
        let (mut revisions, mut heard) = (Vec::new(), Vec::new());
        for Traced { number, arrived, at, regardless, gateways, trace, asked } in traced {
            let print = Content::of(&json(&trace)).hash;
            let what = Heard::of(&trace, print);
            let Some((told, next)) = self.open.hear(number, what, now, self.patience(&gateways)) else {
                continue;
            };
            let unsettled = at.filter(|_| !trace.is_final || is_before_collection(&trace));
            if let Next::Say { revision } = next {
                let waited_ms = u64::try_from(now.since(arrived).as_millis()).unwrap_or(u64::MAX);
                let (is_final, late) = (trace.is_final, revision > 1);
                let backfill = regardless;
                let due = |at| self.shared.exporters.due(&self.knowledge.site, &gateways, at);
                // What is due already is late: nobody knows when it comes.
                let expected_by = at.filter(|_| !is_final).and_then(due).filter(|due| *due > log_time(now));
                let body = json(&Trace { revision, late, waited_ms, backfill, expected_by, ..trace });
                let body = String::from_utf8(body).expect("JSON is text");
                revisions.push(Revision { alert: number, revision, said: now, print, is_final, body });
            }
            heard.push((number, (told, next), asked, unsettled));
        }
        if !revisions.is_empty() {
            self.work.say(&revisions).map_err(NodeError::Work)?;
        }
        for (number, said, asked, unsettled) in heard {
            self.open.heard(number, said, &asked, unsettled);
        }
        for revision in &revisions {
            let counters = &self.shared.counters;
            if revision.revision == 1 { &counters.first_answers } else { &counters.revisions }.add(1);
        }
        if !revisions.is_empty() {
            self.shared.said.ring();
        }
        Ok(())
    }

    /// The gateways that may have translated an end of it.
    fn concerned(&self, alert: &Alert) -> Vec<GatewayIx> {
        let owners =
            End::BOTH.map(|end| self.knowledge.site.owners(&alert.realm, alert.ends[end].ip, alert.at));
        owners.concat()
    }

    /// How long an alert waits that these may have translated: as the one says that wants most.
    fn patience(&self, gateways: &[GatewayIx]) -> Patience {
        let usual = self.options.patience;
        let said =
            gateways.iter().filter_map(|ix| self.options.waits.get(&self.knowledge.site.gateway(*ix).name));
        Patience { wait: said.max().copied().unwrap_or(usual.wait), ..usual }
    }

    /// The alert, with its ends in the realm that is meant.
    fn meant(&self, alert: Alert, realms: &BTreeSet<Realm>) -> Alert {
        let named = Some(&alert.realm).filter(|realm| !realm.as_str().is_empty());
        let realm = realm_of(&self.knowledge.site.sensor_realm, realms, named);
        Alert { realm, ..alert }
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
fn new(arrived: &Arrived, now: Arrival) -> Vec<NewAlert<'_>> {
    let alerts = arrived.alerts.iter().map(|alert| NewAlert {
        kind: alert.name.kind(),
        name: Box::new(|number| alert.name.name(number)),
        arrived: now,
        source: &arrived.source,
        format: arrived.format,
        facts: alert.facts.as_deref(),
        raw: &alert.raw,
    });
    alerts.collect()
}

/// Whether it rests on when a log began: that is another moment when a late record tells of an earlier one.
fn is_before_collection(trace: &Trace) -> bool {
    let ends = [&trace.src, &trace.dest].into_iter();
    ends.filter_map(EndTrace::masked).any(|end| end.reason == Some(Reason::BeforeCollection))
}

fn json(trace: &Trace) -> Vec<u8> {
    serde_json::to_vec(trace).expect("a trace is plain data")
}

/// Which time each log covers.
fn coverages(site: &Site) -> BTreeMap<SourceName, Coverage> {
    site.logs.iter().map(|log| (log.name.clone(), log.coverage)).collect()
}

/// Whether the gateways differ in more than which logs they have.
fn is_another(before: &[Gateway], now: &[Gateway]) -> bool {
    before.len() != now.len()
        || before.iter().zip(now).any(|(before, now)| {
            before.name != now.name || before.seen != now.seen || before.logs.len() != now.logs.len()
        })
}

/// About which alerts the logs tell more than before, although no record concerns them: those at the edges of what
/// they cover, and those of which by now everything should have come.
fn moved(before: &BTreeMap<SourceName, Coverage>, site: &Site) -> Vec<Span> {
    let bound = site.widest_clock_bound();
    let mut spans = Vec::new();
    for log in &site.logs {
        let Some(known) = before.get(&log.name).filter(|known| **known != log.coverage) else { continue };
        let edges = |of: fn(&Coverage) -> LogTime| (of(known), of(&log.coverage));
        let edges = [edges(|c| c.since), edges(|c| c.until), edges(Coverage::watermark)];
        for (one, other) in edges.into_iter().filter(|(one, other)| one != other) {
            let span = Span::between(one.min(other).minus(CONNECTION), one.max(other));
            spans.push(span.widened(bound));
        }
    }
    spans
}
