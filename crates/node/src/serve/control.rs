//! What others see of a service while it runs, and may ask it to do.

use super::{
    desk::Message,
    push::{Batch, PushArg},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};
use unmasq_io::source::Content;
use unmasq_model::{
    AccountId, Arrival, AssetId, GatewayKind, GatewayName, LogTime, Realm, RegionId, Site, SourceName,
    Switches,
};
use unmasq_work::{BatchId, SwitchClass, Turned};

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

/// An account, and what is known to be its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountView {
    /// Its id.
    pub account: AccountId,
    /// Where it has anything.
    pub regions: BTreeSet<RegionId>,
    /// The realms, such as VPCs, that its gateways lead to and its machines are in.
    pub realms: BTreeSet<Realm>,
    /// Its gateways.
    pub gateways: BTreeSet<GatewayName>,
    /// How many machines it has, or had.
    pub assets: usize,
}

impl AccountView {
    /// Every account that the site names, in order.
    pub(super) fn all(site: &Site) -> Vec<Self> {
        let mut known: BTreeMap<AccountId, (Self, BTreeSet<&AssetId>)> = BTreeMap::new();
        let mut of = |account: &AccountId, region: Option<&RegionId>, realm: &Realm| {
            let new = || {
                let (regions, realms, gateways) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
                (Self { account: account.clone(), regions, realms, gateways, assets: 0 }, BTreeSet::new())
            };
            let (view, _) = known.entry(account.clone()).or_insert_with(new);
            view.regions.extend(region.cloned());
            view.realms.insert(realm.clone());
        };
        for gateway in &site.gateways {
            if let Some(account) = &gateway.account {
                of(account, gateway.region.as_ref(), &gateway.inside_realm);
            }
        }
        for holder in site.tenures.iter().map(|tenure| &tenure.holder) {
            if let Some(account) = &holder.account {
                of(account, holder.region.as_ref(), &holder.realm);
            }
        }
        for gateway in &site.gateways {
            if let Some((view, _)) = gateway.account.as_ref().and_then(|account| known.get_mut(account)) {
                view.gateways.insert(gateway.name.clone());
            }
        }
        for holder in site.tenures.iter().map(|tenure| &tenure.holder) {
            if let Some((_, assets)) = holder.account.as_ref().and_then(|account| known.get_mut(account)) {
                assets.insert(&holder.instance);
            }
        }
        known.into_values().map(|(view, assets)| Self { assets: assets.len(), ..view }).collect()
    }
}

/// How well one log is delivered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExporterView {
    /// What the log is called.
    pub log: SourceName,
    /// Whose records it has.
    pub gateways: Vec<GatewayName>,
    /// The name of its format.
    pub format: String,
    /// How many records of it are stored.
    pub records: u64,
    /// How many of its lines could not be read.
    pub skipped: u64,
    /// When a record of it was read last.
    pub seen: Option<Arrival>,
    /// The latest moment of which it tells.
    pub until: Option<LogTime>,
    /// Up to where all of its records should have come.
    pub watermark: Option<LogTime>,
    /// The delays that half, 99 %, 99.9 % and all of the records do not exceed; `None` while too few are known.
    pub delays: [Option<Duration>; 4],
    /// How many records came with a delay up to that, and beyond the one before.
    pub histogram: Vec<(Duration, u64)>,
    /// How many records that is learned of.
    pub measured: u64,
    /// Its last silences that were longer than usual.
    pub silences: Vec<Silence>,
    /// Since when it is silent although alerts need its records.
    pub silent_since: Option<Arrival>,
}

/// A time in which nothing came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Silence {
    /// When something had come last.
    pub from: Arrival,
    /// When something came again.
    pub to: Arrival,
}

/// A gateway, as it is now.
#[derive(Clone, PartialEq, Debug)]
pub struct GatewayView {
    /// What it is called.
    pub name: GatewayName,
    /// What it is.
    pub kind: GatewayKind,
    /// Whose it is.
    pub account: Option<AccountId>,
    /// Where it is.
    pub region: Option<RegionId>,
    /// The realm of its outside addresses.
    pub outside_realm: Realm,
    /// The realm behind it: a VPC, for example.
    pub inside_realm: Realm,
    /// Whether the configuration names it; else it was discovered in a log.
    pub is_named: bool,
    /// The logs of it that are read, by name, each with its format. A gateway without any is not connected.
    pub logs: Vec<(SourceName, String)>,
    /// When it was met first.
    pub met: Arrival,
    /// For which alerts it is traced through.
    pub switches: Switches,
    /// How its switches were turned.
    pub turned: Vec<Turned>,
}

/// What is asked of a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// That a gateway's switch is turned, from now on.
    Switch {
        /// Which gateway.
        gateway: GatewayName,
        /// Which of its switches.
        class: SwitchClass,
        /// Whether it is to be on.
        on: bool,
    },
    /// That the alerts that came from one moment to before another are traced as if nothing was ever switched off.
    Backfill {
        /// From when on.
        from: Arrival,
        /// Until when.
        to: Arrival,
    },
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Done {
    /// The switch is so from that moment on, in log time.
    Switched(LogTime),
    /// So many alerts are traced again.
    Backfilled(u64),
    /// A batch was taken.
    Pushed {
        /// How many lines it has that hold anything.
        lines: u64,
        /// It was taken before: nothing was done.
        repeated: bool,
    },
}

/// Why something was not done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// No gateway is called so.
    #[error("no gateway `{0}` is declared, and none was seen in a log")]
    Unknown(GatewayName),
    /// No place is called so.
    #[error("batches are handed over at no place `{0}`: [[push]] in the configuration names them")]
    NoPlace(String),
    /// A batch of that id was taken, and it was another.
    #[error("another batch was taken under the id `{0}`: each needs an id of its own")]
    AnotherBatch(String),
    /// A switch would promise what cannot be kept.
    #[error(
        "no log of gateway `{0}` is read, so that nothing can be traced through it: name its log under [[sessions]] or \
         in the inventory, and switch it on when the log is there"
    )]
    NotConnected(GatewayName),
    /// Not now.
    #[error("{0}")]
    NotNow(&'static str),
    /// It could not be written down; then it was not done.
    #[error("it could not be stored; the log of the service says why")]
    Failed,
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
