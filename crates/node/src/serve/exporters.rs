//! How well each log is delivered: with which delay, when last, with which silences, and how much of it cannot be read.
//!
//! What is learned tells when missing records are due, and when an exporter is silent for longer than it usually is
//! while there are alerts that need its records. It decides no answer.

use super::views::{ExporterView, Silence};
use crate::{clock::NowAndThen, delays::Delays, past::LogCounts};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use unmasq_model::{Arrival, GatewayIx, LogTime, Site, SourceName};

/// What is learned of fewer records is not relied upon.
const ENOUGH: u64 = 100;
/// No silence is shorter: a quiet minute is nothing.
const SHORTEST: Duration = Duration::from_secs(60);
/// What was learned counts half after so much time: a delivery that was mended, or has become worse, is known a few days
/// later, …
const FADES: Duration = Duration::from_secs(24 * 3600);
/// … but for logs of which little comes: all of that is needed.
const PLENTY: u64 = 10 * ENOUGH;
/// So many silences are remembered of each log.
const SILENCES: usize = 32;

/// Every exporter, by its log.
#[derive(Debug, Default)]
pub(super) struct Exporters(Mutex<BTreeMap<SourceName, Exporter>>);

#[derive(Debug, Default)]
struct Exporter {
    /// From the last moment of which a record tells to when it was read.
    delays: Delays,
    /// Between two looks that each found records.
    pauses: Delays,
    /// When what was learned was made to count half, or it was begun to learn.
    faded: Option<Arrival>,
    /// When a record was read last.
    seen: Option<Arrival>,
    /// Since when it is silent, if that was said.
    silent: Option<Arrival>,
    silences: VecDeque<Silence>,
}

/// The same, as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    delays: Vec<(u64, u64)>,
    pauses: Vec<(u64, u64)>,
    /// Earlier versions did not keep it.
    #[serde(default)]
    faded: Option<Arrival>,
    seen: Option<Arrival>,
    silences: Vec<Silence>,
}

impl Exporters {
    /// Takes up what was learned before.
    pub(super) fn recall(&self, kept: BTreeMap<SourceName, String>) {
        let read = |(name, kept): (SourceName, String)| {
            let Kept { delays, pauses, faded, seen, silences } = serde_json::from_str(&kept).ok()?;
            let exporter = Exporter {
                delays: Delays::of(delays),
                pauses: Delays::of(pauses),
                faded,
                seen,
                silent: None,
                silences: silences.into_iter().take(SILENCES).collect(),
            };
            Some((name, exporter))
        };
        *self.all() = kept.into_iter().filter_map(read).collect();
    }

    /// What is to be kept of each.
    pub(super) fn kept(&self) -> Vec<(SourceName, String)> {
        let keep = |(name, exporter): (&SourceName, &Exporter)| {
            let kept = Kept {
                delays: exporter.delays.counts(),
                pauses: exporter.pauses.counts(),
                faded: exporter.faded,
                seen: exporter.seen,
                silences: exporter.silences.iter().copied().collect(),
            };
            (name.clone(), serde_json::to_string(&kept).expect("counts are plain data"))
        };
        self.all().iter().map(keep).collect()
    }

    /// Learns what was delivered by `now`. How late that is says nothing while everything is read that came while
    /// nobody looked.
    pub(super) fn learn(&self, delivered: BTreeMap<SourceName, Delays>, now: Arrival, is_live: bool) {
        let mut all = self.all();
        for (name, delays) in delivered {
            let exporter = all.entry(name).or_default();
            if let Some(seen) = exporter.seen.filter(|_| is_live) {
                let pause = now.since(seen);
                if exporter.longest_silence().is_some_and(|longest| pause > longest) {
                    exporter.silences.push_back(Silence { from: seen, to: now });
                    let old = exporter.silences.len().saturating_sub(SILENCES);
                    exporter.silences.drain(..old);
                }
                exporter.pauses.note(pause);
            }
            if is_live {
                exporter.fade(now);
                exporter.delays.add(&delays);
            }
            (exporter.seen, exporter.silent) = (Some(now), None);
        }
    }

    /// When the records should be there that may tell of `at`, of gateways that may have translated it; `None` if that
    /// is not known.
    pub(super) fn due(&self, site: &Site, gateways: &[GatewayIx], at: LogTime) -> Option<LogTime> {
        let all = self.all();
        let logs = gateways.iter().flat_map(|gateway| site.logs_of(*gateway));
        let delays = logs.filter_map(|log| all.get(&log.name)?.usual(990));
        delays.max().map(|delay| at.plus(delay))
    }

    /// Notes who became silent although there are alerts that need its records: those logs, each once.
    pub(super) fn fall_silent(
        &self,
        needed: impl Fn(&SourceName) -> Option<Arrival>,
        now: Arrival,
    ) -> Vec<(SourceName, Duration)> {
        let mut fallen = Vec::new();
        for (name, exporter) in self.all().iter_mut().filter(|(_, exporter)| exporter.silent.is_none()) {
            let (Some(seen), Some(longest)) = (exporter.seen, exporter.longest_silence()) else { continue };
            let is_needed = needed(name).is_some_and(|alert| alert > seen);
            if is_needed && now.since(seen) > longest {
                exporter.silent = Some(seen);
                fallen.push((name.clone(), now.since(seen)));
            }
        }
        fallen
    }

    /// How each of these logs is doing.
    pub(super) fn views(&self, site: &Site, logs: &BTreeMap<SourceName, LogCounts>) -> Vec<ExporterView> {
        let all = self.all();
        let nothing = Exporter::default();
        let view = |(name, counts): (&SourceName, &LogCounts)| {
            let exporter = all.get(name).unwrap_or(&nothing);
            let log = site.logs.iter().find(|log| log.name == *name);
            let gateways = site
                .gateways
                .iter()
                .filter(|gateway| gateway.logs.iter().any(|log| site.log(*log).name == *name));
            ExporterView {
                log: name.clone(),
                gateways: gateways.map(|gateway| gateway.name.clone()).collect(),
                format: counts.format.clone(),
                records: counts.records,
                skipped: counts.skipped,
                seen: exporter.seen,
                until: log.map(|log| log.coverage.until),
                watermark: log.map(|log| log.coverage.watermark()),
                delays: [500, 990, 999, 1000].map(|share| exporter.usual(share)),
                histogram: exporter.delays.doubled(),
                measured: exporter.delays.count(),
                silences: exporter.silences.iter().copied().collect(),
                silent_since: exporter.silent,
            }
        };
        logs.iter().map(view).collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<SourceName, Exporter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exporter {
    /// Lets what is old count less and less.
    fn fade(&mut self, now: Arrival) {
        let since = *self.faded.get_or_insert(now);
        if NowAndThen::after(FADES, since).is_due(now) {
            self.faded = Some(now);
            for learned in [&mut self.delays, &mut self.pauses] {
                if learned.count() >= PLENTY {
                    learned.fade();
                }
            }
        }
    }

    /// The delay that so many of a thousand records do not exceed, if enough are known.
    fn usual(&self, share: u16) -> Option<Duration> {
        (self.delays.count() >= ENOUGH).then(|| self.delays.per_mille(share))
    }

    /// For longer than this it is never silent, as far as is known.
    fn longest_silence(&self) -> Option<Duration> {
        Some(self.usual(999)?.max(self.pauses.per_mille(999)).max(SHORTEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unmasq_model::{Coverage, Gateway, GatewayKind, Log, LogIx, Realm};

    const LOG: &str = "gw-a.log";

    fn at(seconds: u64) -> Arrival {
        Arrival::from_unix_us(0).plus(Duration::from_secs(seconds))
    }

    /// So many records, of which one in fifty comes after a minute and all others after a second.
    fn delivered(records: u64) -> BTreeMap<SourceName, Delays> {
        let mut delays = Delays::default();
        (0..records).for_each(|n| delays.note(Duration::from_secs(if n % 50 == 0 { 60 } else { 1 })));
        BTreeMap::from([(LOG.into(), delays)])
    }

    fn site() -> Site {
        let mut site = Site::undeclared();
        let (realm, name) = (Realm::public(), "gw-a".into());
        let mut gateway = Gateway::named(name, GatewayKind::Nat, realm, "vpc-a".into());
        gateway.logs.insert(LogIx(0));
        site.gateways.push(gateway);
        let (since, until) = (LogTime::BEGINNING, LogTime::BEGINNING);
        site.logs.push(Log {
            name: LOG.into(),
            files: vec![LOG.into()],
            clock_bound: Duration::ZERO,
            coverage: Coverage { since, until, complete: false, delay: Duration::ZERO },
            best_effort: false,
            shows_inbound: false,
            shows_connections: false,
            idle_timeout: None,
        });
        site
    }

    #[test]
    fn missing_records_are_due_when_nearly_all_were() {
        let (exporters, site) = (Exporters::default(), site());
        let told = LogTime::from_unix_seconds(1_000).unwrap();
        let due = || exporters.due(&site, &[GatewayIx(0)], told);
        exporters.learn(delivered(1_000_000), at(1), false);
        assert_eq!(due(), None, "what waited while nobody looked says nothing");
        exporters.learn(delivered(99), at(2), true);
        assert_eq!(due(), None, "too few");
        exporters.learn(delivered(400), at(3), true);
        let late = due().unwrap().as_unix_us() - told.as_unix_us();
        assert!((60_000_000..61_000_000).contains(&late), "{late}");
        assert_eq!(exporters.due(&site, &[], told), None);
        let again = Exporters::default();
        again.recall(exporters.kept().into_iter().collect());
        assert_eq!(again.due(&site, &[GatewayIx(0)], told), due());
        again.recall(BTreeMap::from([(LOG.into(), "[".into())]));
        assert_eq!(again.due(&site, &[GatewayIx(0)], told), None, "what is damaged is learned anew");
    }

    #[test]
    fn what_was_once_slow_is_forgotten_when_it_is_fast_for_long() {
        let (exporters, site) = (Exporters::default(), site());
        let late = |records: u64, seconds: u64| {
            let mut delays = Delays::default();
            (0..records).for_each(|_| delays.note(Duration::from_secs(seconds)));
            BTreeMap::from([(LOG.into(), delays)])
        };
        let told = LogTime::from_unix_seconds(1_000).unwrap();
        let due = || exporters.due(&site, &[GatewayIx(0)], told).unwrap().as_unix_us() / 1_000_000 - 1_000;
        exporters.learn(late(100_000, 600), at(1), true);
        let day = |day: u64| at(2 + day * 24 * 3600);
        let mut days = 1;
        while due() > 100 {
            exporters.learn(late(100_000, 2), day(days), true);
            let kept = exporters.kept();
            exporters.recall(kept.into_iter().collect());
            days += 1;
        }
        assert_eq!(days, 7, "less than one in a hundred after six days");
        // What comes seldom is all that is known.
        let seldom = Exporters::default();
        (0..30).for_each(|number| seldom.learn(late(10, 600), day(number), true));
        assert!(seldom.due(&site, &[GatewayIx(0)], told).is_some());
    }

    #[test]
    fn who_is_needed_and_silent_for_longer_than_ever_is_named_once() {
        let exporters = Exporters::default();
        let needed = |alert: u64| move |_: &SourceName| Some(at(alert));
        for second in 0..300 {
            exporters.learn(delivered(10), at(second), true);
        }
        assert_eq!(exporters.fall_silent(needed(310), at(350)), [], "not for long");
        assert_eq!(exporters.fall_silent(needed(298), at(400)), [], "nobody needs it");
        let fallen = exporters.fall_silent(needed(310), at(400));
        assert_eq!(fallen, [(LOG.into(), Duration::from_secs(101))]);
        assert_eq!(exporters.fall_silent(needed(310), at(500)), []);
        let counts = BTreeMap::from([(LOG.into(), LogCounts { format: "f".into(), records: 1, skipped: 2 })]);
        let view = || exporters.views(&site(), &counts).remove(0);
        assert_eq!((view().silent_since, view().silences.len(), view().skipped), (Some(at(299)), 0, 2));
        exporters.learn(delivered(1), at(600), true);
        assert_eq!(view().silent_since, None);
        assert_eq!(view().silences, [Silence { from: at(299), to: at(600) }]);
        assert_eq!(view().gateways, ["gw-a".into()]);
    }
}
