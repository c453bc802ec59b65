//! Places that session logs and alerts are sent to. What comes lies in `spool`, in the folder of the service, and is
//! followed there like any other log.

use super::{Counters, Options, Shared};
use crate::{NodeError, SessionsArg, batch::AlertsArg, plan::Sources};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use unmasq_decode::{Format, alert::AlertFormat};
use unmasq_io::listen::{Event, Listen, Listener, Surroundings};
use unmasq_model::Arrival;

/// A place that logs are sent to, and what they are.
#[derive(Clone, Debug)]
pub struct ListenArg {
    /// The place; its folder is [`spool`]'s.
    pub listen: Listen,
    /// What comes.
    pub what: Heard,
}

/// What is sent to a place.
#[derive(Clone, Debug)]
pub enum Heard {
    /// Sessions, in that format, with the writer's own format string.
    Sessions(Format, Option<Arc<str>>),
    /// Alerts, in that form.
    Alerts(AlertFormat),
}

/// Where what comes to a place is kept.
#[must_use]
pub fn spool(data: &Path, name: &str) -> PathBuf {
    spools(data).join(name)
}

/// The folder of all spools.
pub(super) fn spools(data: &Path) -> PathBuf {
    data.join("spool")
}

/// The sources and the alert sources of a service, with those that are sent to it.
pub(super) fn with_heard(options: &Options) -> (Sources, Vec<AlertsArg>) {
    let (mut sources, mut alerts) = (options.sources.clone(), options.alerts.clone());
    for arg in &options.listen {
        let path = arg.listen.folder.to_string_lossy().into_owned();
        match &arg.what {
            Heard::Sessions(format, layout) => {
                sources.heard.push(SessionsArg { format: Some(*format), layout: layout.clone(), path });
            }
            Heard::Alerts(format) => alerts.push(AlertsArg { format: Some(format.clone()), path }),
        }
    }
    for arg in &options.push {
        if let Heard::Sessions(format, layout) = &arg.what {
            let path = spool(&options.data, &arg.name).to_string_lossy().into_owned();
            sources.heard.push(SessionsArg { format: Some(*format), layout: layout.clone(), path });
        }
    }
    (sources, alerts)
}

/// Takes every place.
pub(super) fn bind(options: &Options, now: Arrival) -> Result<Vec<Listener>, NodeError> {
    let mut listeners = Vec::new();
    for arg in &options.listen {
        let listener = Listener::bind(&arg.listen, now).map_err(NodeError::Listen)?;
        if let Ok(address) = listener.address() {
            tracing::info!(name = arg.listen.name, %address, "syslog is listened to");
        }
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Up to where files of spools were read, and what became of it stored.
#[derive(Debug, Default)]
pub(super) struct ReadUpTo(Mutex<BTreeMap<PathBuf, u64>>);

impl ReadUpTo {
    pub(super) fn note(&self, file: &Path, bytes: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(file.to_owned(), bytes);
    }

    fn of(&self, file: &Path) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(file).copied().unwrap_or_default()
    }
}

/// What a listener sees of the service.
pub(super) struct Around<'s> {
    shared: &'s Shared,
    reported: Mutex<BTreeSet<String>>,
}

impl<'s> Around<'s> {
    pub(super) fn new(shared: &'s Shared) -> Self {
        Self { shared, reported: Mutex::default() }
    }
}

impl Surroundings for Around<'_> {
    fn now(&self) -> Arrival {
        self.shared.clock.now()
    }

    fn is_stopping(&self) -> bool {
        self.shared.is_stopping()
    }

    fn read_up_to(&self, file: &Path) -> u64 {
        self.shared.read.of(file)
    }

    fn count(&self, event: Event, more: u64) {
        let counters: &Counters = &self.shared.counters;
        match event {
            Event::Received => counters.syslog_received.add(more),
            Event::Spooled => counters.syslog_spooled.add(more),
            Event::Dropped => counters.syslog_dropped.add(more),
            Event::Cut => counters.syslog_cut.add(more),
            Event::LostByKernel => counters.syslog_lost_by_kernel.add(more),
            Event::Opened => {
                counters.syslog_connections.add(more);
                counters.syslog_connections_open.add(more);
            }
            Event::Closed => counters.syslog_connections_open.sub(more),
            Event::Refused => counters.syslog_connections_refused.add(more),
            Event::Idle => counters.syslog_connections_idle.add(more),
        }
    }

    fn failed(&self, what: &str, error: &io::Error) {
        self.shared.counters.errors.add(1);
        let what = format!("{what}: {error}");
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.insert(what.clone()) {
            tracing::warn!("{what}; it is tried again");
        }
    }
}
