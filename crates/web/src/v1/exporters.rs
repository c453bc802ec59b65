//! `/v1/exporters`: how well session logs are delivered.

use super::{Json, moment};
use crate::{access::Who, problem::Problem, routes::App, scope::Scope};
use axum::{Extension, extract::State};
use serde::{Serialize, Serializer};
use std::time::Duration;
use unmasq_model::{Arrival, GatewayName, LogTime};
use unmasq_node::serve::ExporterView;

#[derive(Serialize)]
struct Exporters {
    exporters: Vec<Exporter>,
}

#[derive(Serialize)]
struct Exporter {
    log: String,
    gateways: Vec<String>,
    format: String,
    records: u64,
    skipped: u64,
    #[serde(serialize_with = "perhaps")]
    seen: Option<Arrival>,
    until: Option<LogTime>,
    watermark: Option<LogTime>,
    delays: Delays,
    silences: Vec<Silence>,
    #[serde(serialize_with = "perhaps")]
    silent_since: Option<Arrival>,
}

#[derive(Serialize)]
struct Delays {
    records: u64,
    p50_ms: Option<u64>,
    p99_ms: Option<u64>,
    p999_ms: Option<u64>,
    max_ms: Option<u64>,
    histogram: Vec<Bucket>,
}

#[derive(Serialize)]
struct Bucket {
    up_to_ms: u64,
    records: u64,
}

#[derive(Serialize)]
struct Silence {
    #[serde(serialize_with = "moment")]
    from: Arrival,
    #[serde(serialize_with = "moment")]
    to: Arrival,
}

/// All of them, in order of name.
pub(crate) async fn list(State(app): State<App>, Extension(who): Extension<Who>) -> Result<Json, Problem> {
    let (exporters, gateways) = (app.state.control.exporters(), app.state.control.gateways());
    let hidden = |name: &GatewayName| {
        !gateways.iter().any(|gateway| gateway.name == *name && who.scope.sees_gateway(gateway))
    };
    let seen = exporters
        .iter()
        .filter(|exporter| who.scope == Scope::Everything || !exporter.gateways.iter().any(hidden));
    Json::of(&Exporters { exporters: seen.map(Exporter::of).collect() })
}

impl Exporter {
    fn of(view: &ExporterView) -> Self {
        let [p50_ms, p99_ms, p999_ms, max_ms] = view.delays.map(|delay| delay.map(ms));
        let bucket = |&(up_to, records): &(Duration, u64)| Bucket { up_to_ms: ms(up_to), records };
        let silences = view.silences.iter().map(|silence| Silence { from: silence.from, to: silence.to });
        Self {
            log: view.log.to_string(),
            gateways: view.gateways.iter().map(ToString::to_string).collect(),
            format: view.format.clone(),
            records: view.records,
            skipped: view.skipped,
            seen: view.seen,
            until: view.until,
            watermark: view.watermark,
            delays: Delays {
                records: view.measured,
                p50_ms,
                p99_ms,
                p999_ms,
                max_ms,
                histogram: view.histogram.iter().map(bucket).collect(),
            },
            silences: silences.collect(),
            silent_since: view.silent_since,
        }
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn perhaps<S: Serializer>(at: &Option<Arrival>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => moment(at, serializer),
        None => serializer.serialize_none(),
    }
}
