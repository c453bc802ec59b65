//! `/v1/audit`: what was done, and who did it.

use super::{Json, moment, page, raw};
use crate::{asked::Asked, problem::Problem, routes::App};
use axum::{Extension, extract::State};
use serde::Serialize;
use serde_json::value::RawValue;
use unmasq_model::Arrival;
use unmasq_work::AuditEntry;

#[derive(Serialize)]
struct Page {
    acts: Vec<Entry>,
    next: String,
    more: bool,
}

#[derive(Serialize)]
struct Entry {
    sequence: u64,
    #[serde(serialize_with = "moment")]
    at: Arrival,
    by: String,
    what: Box<RawValue>,
}

/// A page of what was done, in order.
pub(crate) async fn list(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
) -> Result<Json, Problem> {
    let (after, limit) = (asked.after()?.unwrap_or(0), asked.limit()?);
    app.reading
        .work(move |reader| {
            let (acts, more) = page(reader.acts_after(after, limit + 1)?, limit);
            let next = acts.last().map_or(after, |act| act.sequence).to_string();
            let acts = acts.into_iter().map(Entry::of).collect::<Result<_, _>>()?;
            Json::of(&Page { acts, next, more })
        })
        .await
}

impl Entry {
    fn of(act: AuditEntry) -> Result<Self, Problem> {
        let AuditEntry { sequence, at, who, what, .. } = act;
        Ok(Self { sequence, at, by: who, what: raw(what)? })
    }
}
