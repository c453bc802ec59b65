//! `/v1/logs`: which session logs there are, and which time they cover.

use super::{Json, lookup::known};
use crate::{problem::Problem, routes::App};
use axum::extract::State;
use serde::Serialize;
use unmasq_model::{GatewayName, LogTime, SourceName};
use unmasq_node::SourceReport;

#[derive(Serialize)]
struct Logs {
    logs: Vec<Log>,
}

#[derive(Serialize)]
struct Log {
    name: SourceName,
    gateway: Option<GatewayName>,
    format: String,
    files: usize,
    records: u64,
    covered: Option<Covered>,
}

/// From the earliest to the latest moment of which it tells.
#[derive(Serialize)]
struct Covered {
    from: LogTime,
    to: LogTime,
}

/// All of them, in order of name.
pub(crate) async fn list(State(app): State<App>) -> Result<Json, Problem> {
    app.reading
        .store(|store| {
            let mut logs: Vec<Log> = known(store)?.sources.into_iter().map(Log::of).collect();
            logs.sort_by(|a, b| a.name.cmp(&b.name));
            Json::of(&Logs { logs })
        })
        .await
}

impl Log {
    fn of(report: SourceReport) -> Self {
        let SourceReport { name, gateway, format, files, records, told, .. } = report;
        let covered = told.map(|told| Covered { from: told.from(), to: told.to() });
        Self { name, gateway, format, files, records, covered }
    }
}
