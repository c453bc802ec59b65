//! What others see of a service while it runs, and may ask it to do.

use super::{
    message::{Asked, Done, Message, Refused},
    push::{Batch, PushArg},
    views::{AccountView, ExporterView, GatewayView},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};
use unmasq_io::source::Content;
use unmasq_work::BatchId;

/// How long somebody waits for something to be done.
const PATIENCE: Duration = Duration::from_secs(10);
/// How soon it is tried again to ask, while too much waits.
const PAUSE: Duration = Duration::from_millis(20);

/// A hand on a service; shared by whoever has one. Before the service has begun, and after it has ended, everything is
/// refused.
#[derive(Debug, Default)]
pub struct Control {
    desk: Mutex<Option<SyncSender<Message>>>,
    push: Mutex<Option<SyncSender<Batch>>>,
    /// The places that batches are handed over at, and how long one may be.
    places: Mutex<BTreeMap<String, usize>>,
    gateways: Mutex<Arc<Vec<GatewayView>>>,
    exporters: Mutex<Arc<Vec<ExporterView>>>,
    accounts: Mutex<Arc<Vec<AccountView>>>,
}

impl Control {
    /// All gateways, in order of name.
    #[must_use]
    pub fn gateways(&self) -> Arc<Vec<GatewayView>> {
        Arc::clone(&self.gateways.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How well every log is delivered, in order of name.
    #[must_use]
    pub fn exporters(&self) -> Arc<Vec<ExporterView>> {
        Arc::clone(&self.exporters.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whose gateways and machines there are, in order of id.
    #[must_use]
    pub fn accounts(&self) -> Arc<Vec<AccountView>> {
        Arc::clone(&self.accounts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has something done in somebody's name. It is on disk when this returns.
    ///
    /// # Errors
    /// Why it was not done; [`Refused::NotNow`] if it may still be.
    pub fn act(&self, asked: Asked, who: &str) -> Result<Done, Refused> {
        let (reply, heard) = sync_channel(1);
        let desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let desk = desk.ok_or(NOT_YET)?;
        let who = who.to_owned();
        let mut message = Message::Asked { asked, who, reply };
        let mut tries = PATIENCE.as_millis() / PAUSE.as_millis();
        while let Err(error) = desk.try_send(message) {
            message = match error {
                TrySendError::Full(message) if tries > 0 => message,
                TrySendError::Full(_) => {
                    return Err(Refused::NotNow("the service is busy: nothing was done"));
                }
                TrySendError::Disconnected(_) => return Err(Refused::NotNow("the service is about to end")),
            };
            tries -= 1;
            std::thread::sleep(PAUSE);
        }
        wait(&heard)
    }

    /// How long a batch may be that is handed over at a place, unpacked.
    ///
    /// # Errors
    /// When there is no such place, or the service has not begun.
    pub fn batch_bytes(&self, place: &str) -> Result<usize, Refused> {
        let has_begun = self.push.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let most = self.places.lock().unwrap_or_else(PoisonError::into_inner).get(place).copied();
        match most {
            Some(most) => Ok(most),
            None if has_begun => Err(Refused::NoPlace(place.to_owned())),
            None => Err(NOT_YET),
        }
    }

    /// Hands over a batch of lines. It is on disk when this returns. A batch of an id that was taken before, at the same
    /// place and within a week, is passed over.
    ///
    /// # Errors
    /// Why it was not taken; [`Refused::NotNow`] if it may still be: it is then handed over again, under the same id.
    pub fn push(&self, place: String, id: String, mut lines: Vec<u8>) -> Result<Done, Refused> {
        let push = self.push.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(NOT_YET)?;
        if !lines.ends_with(b"\n") && !lines.is_empty() {
            lines.push(b'\n');
        }
        let id = BatchId { place, id, print: Content::of(&lines).hash };
        let (reply, heard) = sync_channel(1);
        push.try_send(Batch { id, lines, reply })
            .map_err(|_| Refused::NotNow("too much is handed over at a time"))?;
        wait(&heard)
    }

    pub(super) fn begin(
        &self,
        desk: SyncSender<Message>,
        push: SyncSender<Batch>,
        places: &[PushArg],
    ) -> Begun<'_> {
        *self.desk.lock().unwrap_or_else(PoisonError::into_inner) = Some(desk);
        *self.push.lock().unwrap_or_else(PoisonError::into_inner) = Some(push);
        let places = places.iter().map(|place| (place.name.clone(), place.batch_bytes));
        *self.places.lock().unwrap_or_else(PoisonError::into_inner) = places.collect();
        Begun(self)
    }

    pub(super) fn show_accounts(&self, accounts: Vec<AccountView>) {
        *self.accounts.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(accounts);
    }

    pub(super) fn show_exporters(&self, exporters: Vec<ExporterView>) {
        *self.exporters.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(exporters);
    }

    pub(super) fn show_gateways(&self, gateways: Vec<GatewayView>) {
        *self.gateways.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(gateways);
    }
}

const NOT_YET: Refused = Refused::NotNow("the service has just begun, or is about to end");

fn wait(heard: &Receiver<Result<Done, Refused>>) -> Result<Done, Refused> {
    heard.recv_timeout(PATIENCE).unwrap_or_else(|error| {
        Err(Refused::NotNow(match error {
            RecvTimeoutError::Timeout => {
                "the service is busy: it is done when its turn comes; ask whether it was"
            }
            RecvTimeoutError::Disconnected => "the service is about to end",
        }))
    })
}

/// For as long as it is there, something can be asked of the service.
pub(super) struct Begun<'c>(&'c Control);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        *self.0.desk.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.0.push.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
