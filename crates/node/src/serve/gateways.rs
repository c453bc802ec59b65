//! The registry: which gateways there are, and for which alerts each is traced through.
//!
//! Those that the configuration names are on: that of a log, those of the inventory, and those of the options. Others
//! that a log shows are discovered, and off until somebody switches them on, or they are named.

use super::{Options, message::Refused, views::GatewayView};
use crate::{Knowledge, NodeError};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};
use unmasq_io::listen::By;
use unmasq_model::{Arrival, Gateway, GatewayName, LogIx, LogTime, Site, SourceName, Switches};
use unmasq_work::{KnownGateway, SwitchClass, Turned, Work};

/// Which gateways a service traces through at first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GatewayOptions {
    /// Those that are on although neither the inventory nor a log is called so.
    pub named: BTreeSet<GatewayName>,
    /// Whether those that logs show, and that nobody named, are on too.
    pub discovered: bool,
}

/// See the module.
pub(super) struct Registry {
    known: BTreeMap<GatewayName, KnownGateway>,
    /// Those of the inventory.
    declared: BTreeSet<GatewayName>,
    /// Those, those of the options, and those that logs are called by.
    named: BTreeSet<GatewayName>,
    discovered: bool,
    /// The folders of logs that senders name by themselves.
    told_apart: Vec<PathBuf>,
}

impl Registry {
    /// What is known of gateways from before.
    pub(super) fn open(work: &Work, options: &Options, site: &Site) -> Result<Self, NodeError> {
        let declared: BTreeSet<GatewayName> =
            site.gateways.iter().map(|gateway| gateway.name.clone()).collect();
        Ok(Self {
            known: work.gateways().map_err(NodeError::Work)?,
            named: declared.iter().chain(&options.gateways.named).cloned().collect(),
            declared,
            discovered: options.gateways.discovered,
            told_apart: options
                .listen
                .iter()
                .filter(|arg| arg.listen.by != By::Nothing)
                .map(|arg| arg.listen.folder.clone())
                .collect(),
        })
    }

    /// Notes who is new, and sets the switches of all.
    pub(super) fn meet(
        &mut self,
        knowledge: &mut Knowledge,
        work: &mut Work,
        now: Arrival,
    ) -> Result<(), NodeError> {
        // Whatever becomes of the rest: what is off is off, and what is new is as it will be at first.
        self.set(knowledge);
        let called = knowledge.sources.iter().filter(|source| !self.is_told_apart(&source.name));
        self.named.extend(called.filter_map(|source| source.gateway.clone()).collect::<Vec<_>>());
        let there: Vec<GatewayName> = self.speaking(knowledge).map(|gateway| gateway.name.clone()).collect();
        let new: Vec<&GatewayName> = there.iter().filter(|name| !self.known.contains_key(*name)).collect();
        let renamed: Vec<&GatewayName> = there.iter().filter(|name| self.is_named_by_now(name)).collect();
        if !new.is_empty() || !renamed.is_empty() {
            for name in new.iter().filter(|name| !self.is_on_at_first(name)) {
                tracing::warn!(
                    gateway = name.as_str(),
                    "a gateway that nobody named was discovered: nothing is traced through it before it is switched on"
                );
            }
            let with_switches = new.iter().map(|name| (*name, self.is_on_at_first(name)));
            work.meet(with_switches, now).map_err(NodeError::Work)?;
            for name in renamed {
                work.configure(name, log_time(now)).map_err(NodeError::Work)?;
            }
            self.known = work.gateways().map_err(NodeError::Work)?;
        }
        self.set(knowledge);
        Ok(())
    }

    /// Whether a switch is so already.
    pub(super) fn is_so(&self, name: &GatewayName, class: SwitchClass, on: bool) -> bool {
        let switches = self.known.get(name).map(KnownGateway::switches);
        switches.is_some_and(|switches| match class {
            SwitchClass::Attack => switches.attack.is_on() == on,
            SwitchClass::Sensitive => switches.sensitive.is_on() == on,
        })
    }

    /// Learns that a switch was turned, and sets those of all.
    pub(super) fn turned(&mut self, knowledge: &mut Knowledge, name: &GatewayName, turned: Turned) {
        if let Some(known) = self.known.get_mut(name) {
            known.turned.push(turned);
        }
        self.set(knowledge);
    }

    /// Why a switch cannot be turned so, if it cannot.
    pub(super) fn check(&self, knowledge: &Knowledge, name: &GatewayName, on: bool) -> Result<(), Refused> {
        let gateway = knowledge.site.gateways.iter().find(|gateway| gateway.name == *name);
        let gateway = gateway.filter(|_| self.known.contains_key(name));
        let gateway = gateway.ok_or_else(|| Refused::Unknown(name.clone()))?;
        if on && gateway.logs.is_empty() {
            return Err(Refused::NotConnected(name.clone()));
        }
        Ok(())
    }

    /// All that are there, in order of name.
    pub(super) fn views(&self, knowledge: &Knowledge) -> Vec<GatewayView> {
        let formats: BTreeMap<_, _> =
            knowledge.sources.iter().map(|source| (&source.name, &source.format)).collect();
        let view = |gateway: &Gateway| {
            let known = self.known.get(&gateway.name)?;
            let logs = gateway.logs.iter().map(|log| {
                let name = knowledge.site.log(*log).name.clone();
                let format = formats.get(&name).map(|format| (*format).clone()).unwrap_or_default();
                (name, format)
            });
            Some(GatewayView {
                name: gateway.name.clone(),
                kind: gateway.kind,
                account: gateway.account.clone(),
                region: gateway.region.clone(),
                outside_realm: gateway.outside_realm.clone(),
                inside_realm: gateway.inside_realm.clone(),
                is_named: self.named.contains(&gateway.name),
                logs: logs.collect(),
                met: known.met,
                switches: gateway.switches.clone(),
                turned: known.turned.clone(),
            })
        };
        let mut views: Vec<GatewayView> = self.speaking(knowledge).filter_map(view).collect();
        views.sort_by(|one, other| one.name.cmp(&other.name));
        views
    }

    /// Those that are somebody: a log whose records all name other gateways is called by a name that is nobody's.
    fn speaking<'s>(&'s self, knowledge: &'s Knowledge) -> impl Iterator<Item = &'s Gateway> {
        let site = &knowledge.site;
        let names: BTreeSet<&GatewayName> =
            knowledge.sources.iter().filter_map(|source| source.gateway.as_ref()).collect();
        let mut owners: BTreeMap<LogIx, usize> = BTreeMap::new();
        for log in site.gateways.iter().flat_map(|gateway| &gateway.logs) {
            *owners.entry(*log).or_default() += 1;
        }
        site.gateways.iter().filter(move |gateway| {
            let is_own = |log: &LogIx| owners.get(log) == Some(&1);
            let is_a_log_s_name = names.contains(&gateway.name) && gateway.seen.is_empty();
            self.declared.contains(&gateway.name)
                || !is_a_log_s_name
                || gateway.logs.is_empty()
                || gateway.logs.iter().any(is_own)
        })
    }

    /// Whether senders told by themselves what a log is called.
    fn is_told_apart(&self, log: &SourceName) -> bool {
        self.told_apart.iter().any(|folder| folder.join(log.as_str()).is_dir())
    }

    fn is_on_at_first(&self, name: &GatewayName) -> bool {
        self.discovered || self.named.contains(name)
    }

    /// Whether one that was discovered is named in the meantime.
    fn is_named_by_now(&self, name: &GatewayName) -> bool {
        self.named.contains(name)
            && self.known.get(name).is_some_and(|known| !known.initially && known.turned.is_empty())
    }

    fn set(&self, knowledge: &mut Knowledge) {
        let switches: BTreeMap<&GatewayName, Switches> =
            self.known.iter().map(|(name, known)| (name, known.switches())).collect();
        let at_first = |name: &GatewayName| Switches::initially(self.is_on_at_first(name));
        knowledge.site.set_switches(|name| switches.get(name).cloned().unwrap_or_else(|| at_first(name)));
    }
}

/// A moment by our own clock, as devices whose clocks are right write it.
pub(super) fn log_time(now: Arrival) -> LogTime {
    LogTime::from_unix_us(now.as_unix_us()).unwrap_or(LogTime::FOREVER)
}
