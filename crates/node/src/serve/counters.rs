//! What a service counts.
//!
//! The counts add up: every line of an alert source is an alert that was stored, one that came before, no alert, or
//! unreadable; every line of a log was read or skipped; every message that was received is spooled, dropped or cut, or is
//! about to be spooled.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

macro_rules! counters {
    (
        took { $($took:ident = $took_help:literal;)* }
        $($(#[$doc:meta])* $name:ident: $kind:ident = $help:literal;)*
    ) => {
        /// Everything that a service counts; shared by its parts.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* #[doc = $help] pub $name: Counter,)*
            $(#[doc = $took_help] pub $took: Histogram,)*
            sinks: Mutex<BTreeMap<String, Arc<SinkCounters>>>,
        }

        impl Counters {
            /// Each by its name, with what it says, whether it only grows, and how much it is now.
            #[must_use]
            pub fn list(&self) -> Vec<(&'static str, &'static str, Kind, u64)> {
                vec![$((stringify!($name), $help, Kind::$kind, self.$name.get()),)*]
            }

            /// Each histogram by its name, with what it says.
            #[must_use]
            pub fn histograms(&self) -> Vec<(&'static str, &'static str, &Histogram)> {
                vec![$((stringify!($took), $took_help, &self.$took),)*]
            }
        }
    };
}

counters! {
    took {
        record_seconds = "From when logs were looked at until what was found had been held against open alerts, for each lot.";
        first_answer_seconds = "From when an alert was read until its first answer was stored.";
    }
    alert_lines: Total = "Lines of alert sources that were read.";
    alerts_stored: Total = "Alerts that were stored.";
    alerts_repeated: Total = "Alerts that had come before, by their detector's own id.";
    alerts_unusable: Total = "Stored alerts without a usable address or time.";
    lines_not_alerts: Total = "Lines of alert sources that are no alerts.";
    alert_lines_unreadable: Total = "Lines of alert sources that could not be read.";
    log_lines: Total = "Lines of session logs that were read, and those that hold nothing or could not be.";
    log_bytes_unread: Now = "Bytes of session logs that had been written at the last look, and were not read by it.";
    log_lines_skipped: Total = "Lines of session logs that could not be read.";
    records_stored: Total = "Records of session logs that were new, and were stored.";
    lots_stored: Total = "Lots that records were stored in.";
    merges: Total = "How often lots were merged.";
    traces_tried: Total = "How often an alert was traced, whatever came of it.";
    first_answers: Total = "First answers.";
    revisions: Total = "Answers that amend one before.";
    syslog_received: Total = "Messages of syslog that came.";
    syslog_spooled: Total = "Messages that were kept, to be followed like any other log.";
    syslog_dropped: Total = "Messages that there was no room for.";
    syslog_cut: Total = "Messages that were too long, or whose connection ended within them; nothing of them is kept.";
    syslog_lost_by_kernel: Total = "Datagrams that the kernel dropped because they were not taken in time.";
    syslog_connections: Total = "Connections that were taken.";
    syslog_connections_refused: Total = "Connections that were refused because there were too many.";
    syslog_connections_idle: Total = "Connections that were ended because they brought no message for too long.";
    syslog_connections_open: Now = "Connections that are open.";
    exporters_silent: Now = "Logs that are silent for longer than usual although alerts need their records.";
    batches_taken: Total = "Batches that were handed over and are stored.";
    batches_repeated: Total = "Batches that were handed over before, by their ids.";
    batches_refused: Total = "Batches that were not taken.";
    errors: Total = "What went wrong and is tried again.";
    alerts_open: Now = "Alerts that new records are held against in memory.";
    alerts_open_on_disk: Now = "Alerts whose questions are looked up on disk when new records come.";
    alerts_waiting: Now = "Alerts without a first answer.";
    alerts_to_trace: Now = "Alerts that are about to be traced again.";
    ready: Now = "1 once everything that lay there at the start was read and answered.";
}

/// How long something took, each time: how often it was at most so long.
#[derive(Debug, Default)]
pub struct Histogram {
    /// How often it was no longer than the bound of that place, and longer than the one before.
    counts: [Counter; Histogram::BOUNDS_MS.len()],
    longer: Counter,
    sum_us: Counter,
}

impl Histogram {
    /// The bounds, in milliseconds: from what a look takes to what an alert waits, and beyond.
    const BOUNDS_MS: [u64; 16] =
        [5, 10, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1_000, 10_000, 90_000, 600_000];

    /// It took so long, so many times.
    pub(crate) fn note_each(&self, times: u64, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = Self::BOUNDS_MS.iter().position(|bound| us <= bound * 1_000);
        place.map_or(&self.longer, |place| &self.counts[place]).add(times);
        self.sum_us.add(us.saturating_mul(times));
    }

    /// Each bound in milliseconds, with how often it was no longer than that; at last how often there was any, and how many
    /// microseconds it was in all.
    #[must_use]
    pub fn cumulated(&self) -> (Vec<(u64, u64)>, u64, u64) {
        let mut all = 0;
        let bounds = Self::BOUNDS_MS.iter().zip(&self.counts).map(|(bound, count)| {
            all += count.get();
            (*bound, all)
        });
        let bounds = bounds.collect();
        (bounds, all + self.longer.get(), self.sum_us.get())
    }
}

/// What is counted of one sink.
#[derive(Debug, Default)]
pub struct SinkCounters {
    /// Answers that it was told.
    pub told: Counter,
    /// How often it could not be told.
    pub failures: Counter,
    /// Answers that were told without their text, because it was too long for a datagram.
    pub cut: Counter,
    /// Answers that it was not told yet, at most.
    pub behind: Counter,
}

impl SinkCounters {
    /// Each by its name, as [`Counters::list`] has them.
    #[must_use]
    pub fn list(&self) -> [(&'static str, &'static str, Kind, u64); 4] {
        [
            ("sink_told", "Answers that a sink was told.", Kind::Total, self.told.get()),
            ("sink_failures", "How often a sink could not be told.", Kind::Total, self.failures.get()),
            ("sink_cut", "Answers that were told without their text.", Kind::Total, self.cut.get()),
            ("sink_behind", "Answers that a sink was not told yet, at most.", Kind::Now, self.behind.get()),
        ]
    }
}

impl Counters {
    /// Those of the sink of that name.
    pub(crate) fn sink(&self, name: &str) -> Arc<SinkCounters> {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sinks.entry(name.to_owned()).or_default())
    }

    /// Those of all sinks, in order of name.
    #[must_use]
    pub fn sinks(&self) -> Vec<(String, Arc<SinkCounters>)> {
        let sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        sinks.iter().map(|(name, counters)| (name.clone(), Arc::clone(counters))).collect()
    }
}

/// How a count is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It only grows, from the start of the process.
    Total,
    /// It is so much now.
    Now,
}

/// One count.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// How much it is.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, less: u64) {
        self.0.fetch_sub(less, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, to: u64) {
        self.0.store(to, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_each_once() {
        let took = Histogram::default();
        for (times, ms) in [(2, 5), (1, 6), (3, 90_000), (1, 700_000)] {
            took.note_each(times, Duration::from_millis(ms));
        }
        let (bounds, all, sum_us) = took.cumulated();
        let of = |bound| bounds.iter().find(|known| known.0 == bound).unwrap().1;
        assert_eq!((of(5), of(10), of(10_000), of(90_000), of(600_000), all), (2, 3, 3, 6, 6, 7));
        assert_eq!(sum_us, 1_000 * (2 * 5 + 6 + 3 * 90_000 + 700_000));
        assert!(bounds.is_sorted());
    }
}
