//! Batches that are handed over by whoever has a hand on the service: session logs are spooled and followed like any
//! other, alerts are stored at once, in one transaction with the id of their batch.
//!
//! One thread takes them, one after the other, so that a batch that is sent again while it is still being taken waits
//! for the first.

use super::{
    Counters, Options, Shared,
    alerts::read_alert,
    listen::{Around, Heard, spool},
    message::{Arrived, Done, Message, Refused},
};
use crate::{NodeError, knowledge::chain};
use jiff::tz::TimeZone;
use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    time::Duration,
};
use unmasq_decode::{Hints, alert::AlertFormat};
use unmasq_io::listen::{PushError, Pushed};
use unmasq_model::{Arrival, SourceName};
use unmasq_work::{BatchId, Known, Reader};

/// A place that batches are handed over at.
#[derive(Clone, Debug)]
pub struct PushArg {
    /// What it is called; so is the log that comes.
    pub name: String,
    /// What comes.
    pub what: Heard,
    /// A batch has so many bytes at most, unpacked.
    pub batch_bytes: usize,
    /// What is kept of session logs until it was read has so many bytes at most.
    pub spool_bytes: u64,
}

/// A batch, and who waits for it.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) id: BatchId,
    /// Whole lines.
    pub(super) lines: Vec<u8>,
    pub(super) reply: SyncSender<Result<Done, Refused>>,
}

/// See the module.
pub(super) struct Pushes<'s> {
    shared: &'s Shared,
    places: BTreeMap<String, Place>,
    work: Reader,
    zone: Option<TimeZone>,
    field: String,
}

enum Place {
    Sessions(Pushed),
    Alerts(AlertFormat),
}

impl<'s> Pushes<'s> {
    /// Opens all places.
    pub(super) fn open(shared: &'s Shared, options: &Options, work: Reader) -> Result<Self, NodeError> {
        let now = shared.clock.now();
        let place = |arg: &PushArg| {
            let place = match &arg.what {
                Heard::Alerts(format) => Place::Alerts(format.clone()),
                Heard::Sessions(..) => {
                    let folder = spool(&options.data, &arg.name);
                    let pushed = Pushed::open(&arg.name, &folder, arg.spool_bytes, now);
                    Place::Sessions(pushed.map_err(NodeError::Listen)?)
                }
            };
            Ok((arg.name.clone(), place))
        };
        let places = options.push.iter().map(place).collect::<Result<_, NodeError>>()?;
        Ok(Self { shared, places, work, zone: options.zone.clone(), field: options.field.clone() })
    }

    /// Takes what is handed over until the service stops.
    pub(super) fn take_all(&self, batches: &Receiver<Batch>) {
        const LOOK: Duration = Duration::from_millis(50);
        let around = Around::new(self.shared);
        while !self.shared.is_stopping() {
            match batches.recv_timeout(LOOK) {
                Ok(Batch { id, lines, reply }) => {
                    let done = self.take(id, &lines, &around);
                    let counters = &self.shared.counters;
                    match &done {
                        Ok(Done::Pushed { repeated: false, .. }) => counters.batches_taken.add(1),
                        Ok(_) => counters.batches_repeated.add(1),
                        Err(_) => counters.batches_refused.add(1),
                    }
                    // Whoever does not wait any more sends it again.
                    let _ = reply.try_send(done);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn take(&self, id: BatchId, lines: &[u8], around: &Around<'_>) -> Result<Done, Refused> {
        let place = self.places.get(&id.place).ok_or_else(|| Refused::NoPlace(id.place.clone()))?;
        let read = Counters::default();
        let arrived = match place {
            Place::Alerts(format) => Some(self.alerts(&id.place, format, lines, &read)),
            Place::Sessions(pushed) => {
                match self.work.batch(&id).map_err(|error| self.failed(&NodeError::Work(error)))? {
                    Known::No => {}
                    Known::Yes => return Ok(Done::Pushed { lines: 0, repeated: true }),
                    Known::Another => return Err(Refused::AnotherBatch(id.id)),
                }
                pushed.add(lines, around).map_err(|error| match error {
                    PushError::Full => {
                        Refused::NotNow("there is no room until more of what came before was read")
                    }
                    error => {
                        self.shared.counters.errors.add(1);
                        tracing::error!(place = id.place, "a batch could not be kept: {}", chain(&error));
                        Refused::Failed
                    }
                })?;
                None
            }
        };
        let count = lines.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        let (reply, heard) = sync_channel(1);
        self.shared.send(Message::Batch { id, arrived, lines: count as u64, reply });
        let done = heard.recv().unwrap_or(Err(Refused::NotNow("the service is about to end")))?;
        // What was not taken is not counted: it comes again.
        let counters = &self.shared.counters;
        counters.alert_lines.add(read.alert_lines.get());
        counters.alerts_unusable.add(read.alerts_unusable.get());
        counters.lines_not_alerts.add(read.lines_not_alerts.get());
        counters.alert_lines_unreadable.add(read.alert_lines_unreadable.get());
        Ok(done)
    }

    fn alerts(&self, place: &str, format: &AlertFormat, lines: &[u8], counters: &Counters) -> Arrived {
        let mut reader = format.reader(Hints { zone: self.zone.clone(), ..Hints::default() });
        let mut alerts = Vec::new();
        for raw in lines.split_inclusive(|byte| *byte == b'\n') {
            counters.alert_lines.add(1);
            alerts.extend(read_alert(counters, &self.field, format, &mut reader, raw, raw));
        }
        let source = SourceName::from(format!("push:{place}"));
        Arrived { source, format: format.name(), alerts, position: None, read: self.shared.clock.now() }
    }

    fn failed(&self, error: &NodeError) -> Refused {
        self.shared.counters.errors.add(1);
        tracing::error!("{}", chain(error));
        Refused::Failed
    }
}

/// For so long it is known which batches were taken.
pub(super) const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);

/// The moment before which nobody sends a batch again.
pub(super) fn forgotten(now: Arrival) -> Arrival {
    now.minus(REMEMBERED)
}
