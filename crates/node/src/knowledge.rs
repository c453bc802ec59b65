//! Everything that a run knows: the site, and the memory that answers questions about it.

use crate::{
    NodeError, Progress, Skips,
    ingest::{Ingested, ingest},
    met::Met,
    past::{Past, Recalled},
    plan::{self, LogPlan, Sources},
    processes,
    reading::Told,
};
use std::{collections::BTreeSet, error::Error, net::IpAddr, path::Path, time::Duration};
use unmasq_decode::{Format, alert::AlertKey};
use unmasq_engine::{Known, Margins, Outcome, Sieve, SiteMap, settle};
use unmasq_index::{Arena, Block, Memory};
use unmasq_io::{
    inventory::{self, Inventory},
    source::{ExpandError, ReadError},
};
use unmasq_model::{
    Alert, End, Gateway, GatewayIx, GatewayKind, GatewayName, Question, Realm, Site, SourceName, Span, Trace,
};
use unmasq_store::{StoreError, inventory_of};

/// What is known, and how it was learned.
#[derive(Debug)]
pub struct Knowledge {
    /// The site, with what its logs showed.
    pub site: SiteMap,
    /// What answers the engine's questions.
    pub memory: Memory,
    /// What was read.
    pub sources: Vec<SourceReport>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// What in the inventory may be a slip.
    pub warnings: Vec<String>,
    /// A store that is asked for what is not in memory.
    past: Option<Past>,
}

/// What became of one source.
#[derive(Clone, PartialEq, Debug)]
pub struct SourceReport {
    /// What evidence calls it.
    pub name: SourceName,
    /// The gateway that wrote it, for a session log.
    pub gateway: Option<GatewayName>,
    /// Its format's name.
    pub format: String,
    /// How the format was found.
    pub how: String,
    /// How many files it is in.
    pub files: usize,
    /// How many lines were looked at.
    pub lines: u64,
    /// How many records they held.
    pub records: u64,
    /// How many sessions the records made.
    pub sessions: u64,
    /// What could not be read.
    pub skips: Skips,
    /// From the earliest to the latest moment of which it tells.
    pub told: Option<Span>,
}

/// An input that could not be read, or not to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unread {
    /// What happened, to which input, and why.
    pub what: String,
    /// What to try.
    pub hint: Option<String>,
    /// Whether something is missing that the user counted on.
    pub is_loss: bool,
}

impl Knowledge {
    /// What `sources` names: a store, or logs, which are all read.
    ///
    /// # Errors
    /// As [`learn`](Self::learn) and [`recall`](Self::recall).
    pub fn of(sources: &Sources, progress: &dyn Progress) -> Result<Self, NodeError> {
        match &sources.store {
            Some(store) => Self::recall(store, sources, progress),
            None => Self::learn(sources, progress),
        }
    }

    /// Reads all logs that `sources` names.
    ///
    /// # Errors
    /// When the inventory cannot be used, the format of a named file cannot be told, or a log's times
    /// need a zone. A missing or broken file is no error: it is reported, and the rest goes on.
    pub fn learn(sources: &Sources, progress: &dyn Progress) -> Result<Self, NodeError> {
        Prepared::of(sources, true)?.learn(&Sieve::open(), true, progress)
    }

    /// Opens what `sources` names as the store. Its sessions are read when they are asked for.
    ///
    /// # Errors
    /// When the store cannot be read, or the inventory cannot be used.
    pub fn recall(path: &Path, sources: &Sources, progress: &dyn Progress) -> Result<Self, NodeError> {
        let kept = inventory_of(path).map_err(NodeError::Store)?;
        let inventory =
            sources.inventory.clone().or_else(|| kept.as_ref().map(|kept| kept.path().to_owned()));
        let prepared = Prepared::of(&Sources { inventory, sessions: Vec::new(), ..sources.clone() }, false)?;
        let Prepared { mut site, processes, mut unread, warnings, .. } = prepared;
        let (mut reports, mut memory) = (Vec::new(), Memory::default());
        for tenure in &site.tenures {
            memory.insert_tenure(tenure.clone());
        }
        let past = Past::open(path, &mut site, &mut reports, &mut unread)?;
        processes::read(&processes, &mut memory, &mut reports, &mut unread, progress);
        let site = SiteMap::of(site);
        Ok(Self { site, memory, sources: reports, unread, warnings, past: Some(past) })
    }

    /// Whether everything is in memory that is known in answer to a question.
    pub(crate) fn knows(&self, question: &Question) -> bool {
        self.past.as_ref().is_none_or(|past| past.has_answered(question))
    }

    /// What must be known before an alert can be traced, as far as that can be told by now; nothing if it can.
    pub(crate) fn lacks(&self, alert: &Alert, regardless: bool) -> Vec<Question> {
        if self.past.is_none() {
            return Vec::new();
        }
        match self.outcome(alert, regardless) {
            Outcome::Need(questions) => questions,
            Outcome::Traced(..) => Vec::new(),
        }
    }

    /// Reads what the store has in answer to questions.
    ///
    /// # Errors
    /// When a file of it is missing or damaged.
    pub(crate) fn learn_about(&mut self, questions: &BTreeSet<Question>) -> Result<(), NodeError> {
        if let Some(past) = &mut self.past {
            let Recalled { sessions, block } = past.recall(questions)?;
            self.memory.replace_sessions(sessions, block);
        }
        Ok(())
    }

    /// The site and the store as they are now; what was read of it before is forgotten.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn renew(&mut self, prepared: &Prepared) -> Result<(), NodeError> {
        let Some(known) = &mut self.past else { return Ok(()) };
        let (mut site, mut sources, mut unread) = (prepared.site.clone(), Vec::new(), Vec::new());
        let mut past = Past::of(known.store_now()?, &mut site, &mut sources, &mut unread)?;
        past.set_recent(known.take_recent());
        (self.site, self.past) = (SiteMap::of(site), Some(past));
        (self.sources, self.unread) = (sources, unread);
        self.memory.replace_sessions(Vec::new(), Block::default());
        Ok(())
    }

    /// Forgets what was read of the store.
    pub(crate) fn forget(&mut self) {
        if let Some(past) = &mut self.past {
            past.forget();
            self.memory.replace_sessions(Vec::new(), Block::default());
        }
    }

    /// The store behind it.
    pub(crate) fn past(&mut self) -> Option<&mut Past> {
        self.past.as_mut()
    }

    /// What one alert means and what that rests on; or what must be known first. It may be traced regardless of
    /// switches.
    pub(crate) fn outcome(&self, alert: &Alert, regardless: bool) -> Outcome {
        let room = Arena::new();
        let memory = |question: &Question| self.knows(question).then(|| self.memory.answer(question, &room));
        let known = Known::with(&self.site, &memory);
        unmasq_engine::trace(alert, &if regardless { known.regardless_of_switches() } else { known })
    }

    /// What one alert means.
    #[must_use]
    pub fn trace(&self, alert: &Alert) -> Trace {
        let room = Arena::new();
        settle(alert, &self.site, |question| self.memory.answer(question, &room))
    }

    /// Fetches what the traces of these alerts will look at.
    pub(crate) fn bring_near(&self, alerts: impl Iterator<Item = AlertKey>) {
        let flows = alerts.flat_map(|alert| End::BOTH.map(|end| (alert.ends[end], alert.ends[end.other()])));
        self.memory.block().bring_near(flows);
    }

    /// As [`trace`](Self::trace), for whoever wants to know what is asked.
    pub(crate) fn trace_asking(&self, alert: &Alert, asked: impl Fn(&Question)) {
        let room = Arena::new();
        settle(alert, &self.site, |question| {
            asked(question);
            self.memory.answer(question, &room)
        });
    }

    /// Every realm that the site knows somebody in.
    pub(crate) fn realms(&self) -> BTreeSet<Realm> {
        let site = &self.site;
        let gateways =
            site.gateways.iter().flat_map(|gateway| [&gateway.outside_realm, &gateway.inside_realm]);
        gateways.chain(site.tenures.iter().map(|tenure| &tenure.realm)).cloned().collect()
    }

    /// Whether anything behind a gateway may be the outside of another, so that traces ask about it too.
    pub(crate) fn leads_on(&self) -> bool {
        let site = &self.site;
        let leads = |outer: &Gateway| {
            let rules = outer.dnat.iter().flatten().next().is_some() || !outer.port_plans.is_empty();
            rules && site.gateways.iter().any(|inner| inner.outside_realm == outer.inside_realm)
        };
        let shared = |(realm, ip, gateway): (Option<&Realm>, IpAddr, GatewayIx)| {
            let realm = realm.unwrap_or(&site.gateway(gateway).inside_realm);
            site.is_shared(realm, ip, Span::ALWAYS)
        };
        site.gateways.iter().any(leads) || self.memory.insides().any(shared)
    }
}

/// What a run may know of, before its logs are read.
pub(crate) struct Prepared {
    pub(crate) site: Site,
    pub(crate) plans: Vec<LogPlan>,
    pub(crate) processes: Vec<String>,
    pub(crate) unread: Vec<Unread>,
    pub(crate) warnings: Vec<String>,
}

impl Prepared {
    /// Reads the inventory and finds the logs, if they are wanted.
    pub(crate) fn of(sources: &Sources, logs: bool) -> Result<Self, NodeError> {
        let inventory =
            sources.inventory.as_deref().map(inventory::load).transpose().map_err(NodeError::Inventory)?;
        let mut unread = Vec::new();
        let plans = if logs { plan::logs(sources, inventory.as_ref(), &mut unread)? } else { Vec::new() };
        let (mut site, mut warnings) = match inventory {
            Some(Inventory { site, warnings, .. }) => {
                (site, warnings.iter().map(ToString::to_string).collect())
            }
            None => (Site::undeclared(), Vec::new()),
        };
        site.clock_bound = sources.clock_bound.unwrap_or(site.clock_bound);
        if let Some(realm) = &sources.sensor_realm {
            site.sensor_realm = realm.clone();
        }
        for plan in plans.iter().filter(|plan| plan.facts.complete && plan.format.traits().best_effort) {
            let text = "`complete` is not believed: a writer of this format may leave records out";
            warnings.push(format!("{}: {text} ({})", plan.name, plan.format));
        }
        Ok(Self { site, plans, processes: sources.processes.clone(), unread, warnings })
    }

    /// Reads the logs through `sieve`, and everything else. What is not to be cited is without its text.
    pub(crate) fn learn(
        &self,
        sieve: &Sieve,
        cited: bool,
        progress: &dyn Progress,
    ) -> Result<Knowledge, NodeError> {
        let (mut site, mut memory) = (self.site.clone(), Memory::default());
        let (mut sources, mut unread) = (Vec::new(), self.unread.clone());
        for tenure in &site.tenures {
            memory.insert_tenure(tenure.clone());
        }
        let (mut rows, mut realms) = (Vec::new(), Met::nobody());
        for plan in &self.plans {
            let Ingested { sessions, rows: more, report } =
                ingest(plan, sieve, cited, &mut realms, &mut site, &mut unread, progress)?;
            rows.extend(more);
            for session in sessions {
                memory.insert(session);
            }
            sources.push(report);
        }
        memory.set_block(Block::of(rows, realms.names().to_vec()));
        processes::read(&self.processes, &mut memory, &mut sources, &mut unread, progress);
        let (site, warnings) = (SiteMap::of(site), self.warnings.clone());
        Ok(Knowledge { site, memory, sources, unread, warnings, past: None })
    }

    /// How many bytes the logs are, as they lie on disk; `None` if one comes through a pipe.
    pub(crate) fn log_bytes(&self) -> Option<u64> {
        self.plans.iter().flat_map(|plan| &plan.files).map(|found| found.bytes).sum()
    }

    /// A log that cannot be read again.
    pub(crate) fn read_once(&self) -> Option<SourceName> {
        self.plans.iter().find(|plan| plan.is_gone()).map(|plan| plan.name.clone())
    }

    /// How far around an alert records of these logs may matter.
    pub(crate) fn margins(&self) -> Margins {
        let bounds = self.plans.iter().filter_map(|plan| plan.facts.clock_bound);
        let silences = self.plans.iter().filter_map(|plan| plan.format.traits().idle_timeout);
        let balancer = |plan: &LogPlan| plan.format.traits().kind == GatewayKind::Balancer;
        Margins {
            clock_bound: bounds.fold(self.site.clock_bound, Duration::max),
            silence: silences.fold(Site::LATE_END, Duration::max),
            balancers: self.plans.iter().any(balancer),
        }
    }
}

impl SourceReport {
    pub(crate) fn of(plan: &LogPlan) -> Self {
        Self {
            gateway: Some(plan.gateway.clone()),
            files: plan.files.len(),
            ..Self::named(plan.name.clone(), plan.format.name(), &plan.how)
        }
    }

    /// Counts what one of its files told.
    pub(crate) fn add(&mut self, told: Told) {
        self.lines += told.lines;
        self.records += told.shown.records;
        let covered = told.shown.covered().map(|covered| covered.span);
        self.told = match (self.told, covered) {
            (Some(one), Some(other)) => Some(one.hull(other)),
            (one, other) => one.or(other),
        };
        self.skips.append(told.skips);
    }

    pub(crate) fn named(name: SourceName, format: &str, how: &str) -> Self {
        Self {
            name,
            gateway: None,
            format: format.to_owned(),
            how: how.to_owned(),
            files: 1,
            lines: 0,
            records: 0,
            sessions: 0,
            skips: Skips::default(),
            told: None,
        }
    }
}

impl Unread {
    pub(crate) fn missing(asked: &str, error: &ExpandError) -> Self {
        Self { what: format!("{asked}: {}", chain(error)), hint: Some(error.hint()), is_loss: true }
    }

    pub(crate) fn unreadable(error: &ReadError) -> Self {
        Self { what: chain(error), hint: Some(error.hint()), is_loss: true }
    }

    pub(crate) fn damaged(error: &StoreError) -> Self {
        Self { what: chain(error), hint: Some(error.hint()), is_loss: true }
    }

    pub(crate) fn unknown_format(log: &SourceName, format: &str) -> Self {
        let what = format!("{log}: the store has it as {format}, which this version does not know");
        Self { what, hint: Some("use the version that imported it, or a later one".into()), is_loss: true }
    }

    pub(crate) fn unended(file: &str) -> Self {
        let what = format!("{file}: its last line is not ended, so it may become another; it is left out");
        let hint = "import it again when it is ended".into();
        Self { what, hint: Some(hint), is_loss: false }
    }

    /// For logs in forms that only the inventory knows, each written as `name (form)`.
    pub(crate) fn not_readable_yet(logs: &[String]) -> Self {
        let what = format!("left out, for this version cannot read their forms: {}", logs.join(", "));
        Self { what, hint: None, is_loss: false }
    }

    pub(crate) fn read_once(log: &SourceName) -> Self {
        Self {
            what: format!(
                "{log}: what it names is behind another gateway, and so long a pipe cannot be read again"
            ),
            hint: Some("give it as a file, or the alerts through a pipe instead".into()),
            is_loss: true,
        }
    }

    pub(crate) fn absurd_times(log: &str) -> Self {
        let what =
            format!("{log}: a few records lie months from all others; they do not count for what it covers");
        Self { what, hint: Some("look at the clock of whatever wrote them".into()), is_loss: false }
    }

    pub(crate) fn not_complete(log: &str) -> Self {
        let what =
            format!("{log}: declared complete, but not all of it could be read; it is not taken as complete");
        Self { what, hint: None, is_loss: false }
    }

    pub(crate) fn of_another_gateway(log: &str, owner: &GatewayName) -> Self {
        let what = format!(
            "{log}: it shows addresses of {owner}, and the inventory does not name it as a log of that gateway"
        );
        let hint = format!("list it under {owner}'s logs, or nothing about that gateway can be certain");
        Self { what, hint: Some(hint), is_loss: false }
    }

    pub(crate) fn empty(file: &str) -> Self {
        Self {
            what: format!("{file}: it is empty"),
            hint: Some("check that its writer runs".into()),
            is_loss: true,
        }
    }

    pub(crate) fn nothing_in_it(log: &str, format: Format, layout: Option<&str>) -> Self {
        let hint = match layout {
            Some(layout) => format!(
                "compare the format string with a line: `unmasq inspect --as '{format}[{layout}]' FILE` shows why it does not fit"
            ),
            None => "leave the format out: it is then told by the lines themselves".into(),
        };
        Self {
            what: format!("{log}: none of its lines could be read as {format}"),
            hint: Some(hint),
            is_loss: true,
        }
    }

    pub(crate) fn no_alerts(file: &str) -> Self {
        Self {
            what: format!("{file}: no alerts of a form that is known; left out"),
            hint: None,
            is_loss: false,
        }
    }

    pub(crate) fn no_session_log(file: &str) -> Self {
        Self {
            what: format!("{file}: not a session log that can be read; left out"),
            hint: None,
            is_loss: false,
        }
    }
}

/// An error with all its causes, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
