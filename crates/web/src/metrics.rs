//! What a service counts, as Prometheus reads it (text format 0.0.4).

use crate::State;
use std::fmt::Write;
use unmasq_node::serve::{ExporterView, Histogram, Kind};

/// The media type of [`text`].
pub(crate) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Something that is counted of each log.
struct OfLog {
    name: &'static str,
    help: &'static str,
    kind: &'static str,
    value: fn(&ExporterView) -> Option<u64>,
}

const OF_LOGS: [OfLog; 4] = [
    OfLog {
        name: "unmasq_exporter_records_total",
        help: "Records of a session log that are stored.",
        kind: "counter",
        value: |exporter| Some(exporter.records),
    },
    OfLog {
        name: "unmasq_exporter_skipped_total",
        help: "Lines of a session log that could not be read.",
        kind: "counter",
        value: |exporter| Some(exporter.skipped),
    },
    OfLog {
        name: "unmasq_exporter_seen_seconds",
        help: "When a record of a session log was read last, in seconds since the Unix epoch.",
        kind: "gauge",
        value: |exporter| u64::try_from(exporter.seen?.as_unix_us() / 1_000_000).ok(),
    },
    OfLog {
        name: "unmasq_exporter_delay_p99_milliseconds",
        help: "The delay that 99 % of the records of a session log do not exceed.",
        kind: "gauge",
        value: |exporter| u64::try_from(exporter.delays[1]?.as_millis()).ok(),
    },
];

fn of_exporters(state: &State, text: &mut String) {
    let exporters = state.control.exporters();
    for OfLog { name, help, kind, value } in OF_LOGS {
        head(text, name, help, kind);
        for exporter in exporters.iter() {
            let Some(value) = value(exporter) else { continue };
            let _ = writeln!(text, "{name}{{log=\"{}\"}} {value}", label(exporter.log.as_str()));
        }
    }
}

/// A label's value, as the text format wants it.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Every counter, with what it says.
pub(crate) fn text(state: &State) -> String {
    let mut text = String::new();
    for (name, help, kind, value) in state.counters.list() {
        let name = family(&mut text, name, help, kind);
        let _ = writeln!(text, "{name} {value}");
    }
    let sinks: Vec<_> =
        state.counters.sinks().into_iter().map(|(name, counts)| (name, counts.list())).collect();
    for (at, (name, help, kind, _)) in sinks.first().map(|(_, list)| *list).into_iter().flatten().enumerate()
    {
        let name = family(&mut text, name, help, kind);
        for (sink, list) in &sinks {
            let _ = writeln!(text, "{name}{{sink=\"{}\"}} {}", label(sink), list[at].3);
        }
    }
    for (name, help, took) in state.counters.histograms() {
        histogram(&mut text, name, help, took);
    }
    of_exporters(state, &mut text);
    let version = state.version;
    let _ = write!(
        text,
        "# HELP unmasq_build_info Which version this is.\n# TYPE unmasq_build_info gauge\n\
         unmasq_build_info{{version=\"{version}\"}} 1\n"
    );
    text
}

fn histogram(text: &mut String, name: &str, help: &str, histogram: &Histogram) {
    let (bounds, all, sum_us) = histogram.cumulated();
    head(text, &format!("unmasq_{name}"), help, "histogram");
    for (ms, count) in bounds {
        let _ = writeln!(text, "unmasq_{name}_bucket{{le=\"{}.{:03}\"}} {count}", ms / 1_000, ms % 1_000);
    }
    let (seconds, us) = (sum_us / 1_000_000, sum_us % 1_000_000);
    let _ = writeln!(text, "unmasq_{name}_bucket{{le=\"+Inf\"}} {all}");
    let _ = write!(text, "unmasq_{name}_sum {seconds}.{us:06}\nunmasq_{name}_count {all}\n");
}

/// What a count is called, which is said before its values.
fn family(text: &mut String, name: &str, help: &str, kind: Kind) -> String {
    let (suffix, kind) = match kind {
        Kind::Total => ("_total", "counter"),
        Kind::Now => ("", "gauge"),
    };
    let name = format!("unmasq_{name}{suffix}");
    head(text, &name, help, kind);
    name
}

/// The lines before the values of one name: what it says, and how it is read.
fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}
