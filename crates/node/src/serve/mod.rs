//! The engine as a service: logs and alerts as they are written, answers as soon as they can be given, amended when
//! proof comes later.
//!
//! ```text
//! syslog ─► Listener ─► spool, which is followed like the others
//! session logs ─► Logs ─► store ─► lots ─┐
//! alert logs ─► AlertSource ─────────────┴─► Desk ─► work (SQLite) ─► sinks
//! ```
//!
//! Each source, the desk and each sink has a thread of its own; between them are bounded queues, so that a slow part
//! pushes back. What the desk has not stored is read again after a crash, because positions are stored together with
//! what was read up to them.
//!
//! Invariant: an alert is stored before anything else becomes of it, and an answer before anybody hears it.
//! Invariant: which answer it is depends on what the store and the site know, and on nothing that is only in memory.

mod alerts;
mod control;
mod counters;
mod desk;
mod exporters;
mod files;
mod gateways;
mod listen;
mod logs;
mod merging;
mod message;
mod old;
mod open;
mod pace;
mod push;
mod sinks;
mod stepped;
mod views;

pub use crate::clock::{Clock, SetClock};
pub use control::Control;
pub use counters::{Counter, Counters, Histogram, Kind, SinkCounters};
pub use gateways::GatewayOptions;
pub use listen::{Heard, ListenArg, spool};
pub use message::{Asked, Done, Refused};
pub use push::PushArg;
pub use sinks::SinkArg;
pub use stepped::{Next, Part, Stepped, stepped};
pub use views::{AccountView, ExporterView, GatewayView, Silence};

use crate::{
    Knowledge, NodeError, Silent, Window,
    batch::{AlertsArg, EvidenceDetail},
    knowledge::Prepared,
    plan::Sources,
};
use alerts::AlertSource;
use desk::Desk;
use exporters::Exporters;
use jiff::tz::TimeZone;
use logs::Logs;
use message::Message;
use push::Pushes;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};
pub use unmasq_engine::Patience;
use unmasq_io::{disk::OnDisk, inventory::Inventory};
use unmasq_model::{GatewayName, SourceName};
use unmasq_store::Writer;
use unmasq_work::{Reader, Work};

/// What a service is to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that everything is kept in: `sessions` (the store), `work.sqlite`, and `spool` (what was sent here).
    pub data: PathBuf,
    /// The inventory, and the session logs that are followed.
    pub sources: Sources,
    /// The alert sources that are followed.
    pub alerts: Vec<AlertsArg>,
    /// The places that more of both are sent to.
    pub listen: Vec<ListenArg>,
    /// The places that batches of both are handed over at.
    pub push: Vec<PushArg>,
    /// For alerts whose times carry no zone.
    pub zone: Option<TimeZone>,
    /// Where answers go.
    pub sinks: Vec<SinkArg>,
    /// The name of the member that is added to each alert.
    pub field: String,
    /// How much of the evidence is said.
    pub evidence: EvidenceDetail,
    /// Which gateways are traced through at first.
    pub gateways: GatewayOptions,
    /// How long alerts wait.
    pub patience: Patience,
    /// How long alerts wait that a gateway may have translated, where that is not usual: its log comes later, or
    /// sooner.
    pub waits: BTreeMap<GatewayName, Duration>,
    /// For how long alerts are kept, and answers amended.
    pub keep: Duration,
    /// For how long sessions are kept, before the latest record and by the logs' own clocks; `None` keeps all.
    pub keep_sessions: Option<Duration>,
    /// How many open alerts are held in memory at most; beyond, what the oldest ask that have an answer is looked up on
    /// disk.
    pub open_max: usize,
    /// How much of the last sessions is held in memory.
    pub window: Window,
    /// How often sources are looked at.
    pub poll: Duration,
    /// How many sessions are stored at a time.
    pub lot: usize,
    /// How many lots there are before they are merged.
    pub lots: usize,
}

impl Options {
    /// The usual ones, for that folder.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        Self {
            data,
            sources: Sources::default(),
            alerts: Vec::new(),
            listen: Vec::new(),
            push: Vec::new(),
            zone: None,
            sinks: Vec::new(),
            field: "trace".into(),
            evidence: EvidenceDetail::Full,
            gateways: GatewayOptions::default(),
            patience: Patience::default(),
            waits: BTreeMap::new(),
            keep: Duration::from_secs(90 * 24 * 3600),
            keep_sessions: None,
            open_max: 1_000_000,
            window: Window::default(),
            poll: Duration::from_millis(250),
            lot: 1 << 20,
            lots: 160,
        }
    }
}

/// Messages that wait for the desk; whoever has one more waits.
const QUEUE: usize = 64;

/// Batches that wait to be taken; whoever has one more waits.
const BATCHES: usize = 4;

/// So many are taken before anything is traced.
const TOGETHER: usize = 4;

/// What all parts of a service share.
struct Shared {
    clock: Clock,
    counters: Arc<Counters>,
    control: Arc<Control>,
    stop: Arc<AtomicBool>,
    /// The desk has ended, so that nothing more will be said.
    ended: AtomicBool,
    desk: SyncSender<Message>,
    /// Up to which manifest the desk has looked into every lot.
    probed: AtomicU64,
    caught_up: AtomicBool,
    exporters: Exporters,
    said: Bell,
    /// What of spools nobody needs any more.
    read: listen::ReadUpTo,
    spools: PathBuf,
}

impl Shared {
    fn new(
        options: &Options,
        clock: Clock,
        counters: &Arc<Counters>,
        control: &Arc<Control>,
        stop: &Arc<AtomicBool>,
        desk: SyncSender<Message>,
    ) -> Self {
        Self {
            clock,
            counters: Arc::clone(counters),
            control: Arc::clone(control),
            stop: Arc::clone(stop),
            ended: AtomicBool::new(false),
            desk,
            probed: AtomicU64::new(0),
            caught_up: AtomicBool::new(false),
            exporters: Exporters::default(),
            said: Bell::default(),
            read: listen::ReadUpTo::default(),
            spools: listen::spools(&options.data),
        }
    }

    /// Tells the desk; waits while too much waits for it.
    fn send(&self, message: Message) {
        // It is gone only if it died, and then its own error says why.
        let _ = self.desk.send(message);
    }

    /// Whether a file is one that was made of what was sent here.
    fn is_spool(&self, file: &Path) -> bool {
        file.starts_with(&self.spools)
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

/// Something that rings when there is something new.
#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<u64>,
    heard: Condvar,
}

impl Bell {
    /// How often it rang.
    fn count(&self) -> u64 {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.heard.notify_all();
    }

    /// Waits until it has rung more often than that, a second at most.
    fn wait(&self, count: u64) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.heard.wait_timeout_while(rung, Duration::from_secs(1), |rung| *rung <= count));
    }
}

/// What is on disk, opened, and who follows and tells; before anything begins.
struct Opened<'s> {
    work: Work,
    prepared: Prepared,
    knowledge: Knowledge,
    writer: Writer,
    inventory: Option<Inventory>,
    sources: Vec<AlertSource<'s>>,
    sinks: Vec<(&'s SinkArg, Reader)>,
}

impl<'s> Opened<'s> {
    fn open(
        shared: &'s Shared,
        options: &'s Options,
        heard: &Sources,
        alerts: Vec<AlertsArg>,
        disk: &OnDisk,
    ) -> Result<Self, NodeError> {
        let folder = &options.data;
        std::fs::create_dir_all(folder)
            .map_err(|source| NodeError::Folder { path: folder.clone(), source })?;
        let store = folder.join("sessions");
        let work = Work::open_on(&folder.join("work.sqlite"), disk.clone()).map_err(NodeError::Work)?;
        let (writer, inventory) = logs::prepare(heard, &store, disk.clone())?;
        let prepared = Prepared::of(&Sources { sessions: Vec::new(), ..options.sources.clone() }, false)?;
        let knowledge = Knowledge::recall(&store, &options.sources, &Silent)?;
        let mut sources = Vec::new();
        for arg in alerts {
            let positions = work.positions(&SourceName::from(arg.path.as_str())).map_err(NodeError::Work)?;
            sources.push(AlertSource::open(shared, arg, options, positions));
        }
        let mut sinks = Vec::new();
        for sink in &options.sinks {
            sinks.push((sink, work.reader().map_err(NodeError::Work)?));
        }
        Ok(Self { work, prepared, knowledge, writer, inventory, sources, sinks })
    }
}

/// Runs a service until `stop` says so; what had come by then is answered as far as it can be.
///
/// # Errors
/// When it cannot begin: the folder cannot be used, another process does, or what is to be read makes no sense. What
/// goes wrong later is logged, counted and tried again.
pub fn serve(
    options: &Options,
    clock: Clock,
    counters: &Arc<Counters>,
    control: &Arc<Control>,
    stop: &Arc<AtomicBool>,
) -> Result<(), NodeError> {
    let (sender, inbox) = sync_channel(QUEUE);
    let shared = Shared::new(options, clock, counters, control, stop, sender);
    let (heard, alerts) = listen::with_heard(options);
    let Opened { work, prepared, knowledge, writer, inventory, sources, sinks } =
        Opened::open(&shared, options, &heard, alerts, &OnDisk::default())?;
    let listeners = listen::bind(options, clock.now())?;
    let desk = Desk::open(&shared, options, work, prepared, knowledge, sources.len())?;
    let pushes = Pushes::open(&shared, options, desk.reader()?)?;
    let (push, batches) = sync_channel(BATCHES);
    let _begun = control.begin(shared.desk.clone(), push, &options.push);
    thread::scope(|scope| {
        let shared = &shared;
        let sinks: Vec<_> = sinks
            .into_iter()
            .map(|(sink, reader)| spawn(scope, "sink", move || sinks::tell(sink, reader, shared, options)))
            .collect();
        for listener in listeners {
            spawn(scope, "listener", move || listener.receive(&listen::Around::new(shared)));
        }
        let heard = &heard;
        let logs = move || Logs::new(shared, heard, inventory, writer, options).follow(options.poll);
        let mut followers = vec![spawn(scope, "logs", logs)];
        followers.push(spawn(scope, "pushes", move || pushes.take_all(&batches)));
        for mut source in sources {
            followers.push(spawn(scope, "alerts", move || source.follow(options.poll)));
        }
        let over = |threads: &[thread::ScopedJoinHandle<'_, ()>]| {
            threads.iter().all(thread::ScopedJoinHandle::is_finished)
        };
        run(desk, inbox, shared, || over(&followers), || over(&sinks));
    });
    Ok(())
}

/// A thread under a name, by which the system's tools tell what each costs.
fn spawn<'s, T: Send + 's>(
    scope: &'s thread::Scope<'s, '_>,
    name: &str,
    run: impl FnOnce() -> T + Send + 's,
) -> thread::ScopedJoinHandle<'s, T> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn_scoped(scope, run)
        .expect("the system has a thread left")
}

/// Says what of that is not there, or cannot be used, without beginning anything.
///
/// # Errors
/// When the inventory cannot be used, a named file's format cannot be told, or a log's times need a zone.
pub fn check(options: &Options) -> Result<Vec<String>, NodeError> {
    let prepared = Prepared::of(&options.sources, true)?;
    let mut problems: Vec<String> = prepared.unread.into_iter().map(|unread| unread.what).collect();
    problems.extend(prepared.warnings);
    for arg in &options.alerts {
        if let Err(error) = unmasq_io::source::expand_in(std::path::Path::new(""), &arg.path) {
            problems.push(format!("{}: {}", arg.path, crate::knowledge::chain(&error)));
        }
    }
    for arg in &options.sinks {
        if let Err(error) = arg.place.open(&arg.name) {
            problems.push(format!("the sink `{}`: {}", arg.name, crate::knowledge::chain(&error)));
        }
    }
    for arg in &options.listen {
        if let Err(error) = arg.listen.check() {
            problems.push(crate::knowledge::chain(&NodeError::Listen(error)));
        }
    }
    Ok(problems)
}

/// How long it is waited before what failed is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs the desk until nobody sends it anything any more, and every sink was told what there was to be told.
#[expect(clippy::needless_pass_by_value, reason = "if the desk dies nobody may wait for room in the queue")]
fn run(
    mut desk: Desk<'_>,
    inbox: Receiver<Message>,
    shared: &Shared,
    are_followers_over: impl Fn() -> bool,
    are_sinks_over: impl Fn() -> bool,
) {
    let _guard = EndsWithTheDesk(shared);
    loop {
        // Asked before the queue is emptied: what they sent is in it.
        let (is_last, is_over) = (are_followers_over(), shared.has_ended() && are_sinks_over());
        if turn(&mut desk, &inbox, shared, is_last, is_over) {
            return;
        }
    }
}

/// Takes what the desk is told, or waits for it, and lets it work; whether that was the last time.
fn turn(
    desk: &mut Desk<'_>,
    inbox: &Receiver<Message>,
    shared: &Shared,
    is_last: bool,
    is_over: bool,
) -> bool {
    let left = if is_last { Duration::from_millis(10) } else { desk.time_left() };
    let mut messages = Vec::new();
    if desk.may_be_told() {
        messages.extend(inbox.recv_timeout(shared.clock.real(left)));
        messages.extend(inbox.try_iter().take(TOGETHER));
    } else if shared.is_stopping() {
        // Whoever would wait for ever must end, too; what is not stored is read again by the next process.
        inbox.try_iter().for_each(drop);
    }
    let is_idle = messages.is_empty();
    desk.turn(messages);
    if is_over && is_idle {
        return true;
    }
    if is_last && is_idle && desk.is_done() && !shared.has_ended() {
        shared.ended.store(true, Ordering::Release);
        shared.said.ring();
    }
    false
}

/// Ends the other parts too if the desk dies: a process that is gone is started again, one that hangs is not.
struct EndsWithTheDesk<'s>(&'s Shared);

impl Drop for EndsWithTheDesk<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop.store(true, Ordering::Release);
            self.0.ended.store(true, Ordering::Release);
            self.0.said.ring();
        }
    }
}

/// Waits for so long, or until the service stops.
fn pause(shared: &Shared, time: Duration) {
    let mut left = shared.clock.real(time);
    while !left.is_zero() && !shared.is_stopping() {
        let step = left.min(Duration::from_millis(50));
        thread::sleep(step);
        left -= step;
    }
}
