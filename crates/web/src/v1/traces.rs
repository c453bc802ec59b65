//! `/v1/traces`: everything that was said, in the order in which it was.

use super::{Json, Said};
use crate::{access::Who, asked::Asked, problem::Problem, routes::App};
use axum::{Extension, extract::State};
use serde::Serialize;

/// A page ends when it has so many bytes, so that what a client may ask for is bounded.
const PAGE: usize = 4 << 20;

#[derive(Serialize)]
struct Page {
    traces: Vec<Said>,
    next: String,
    more: bool,
}

/// A page of revisions.
pub(crate) async fn list(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(who): Extension<Who>,
) -> Result<Json, Problem> {
    let (after, limit) = (asked.after()?.unwrap_or(0), asked.limit()?);
    app.reading
        .work(move |reader| {
            let traces = reader.traces_after(after, limit, PAGE)?;
            let next = traces.last().map_or(after, |said| said.sequence);
            let more = reader.last_sequence()? > next;
            let seen = traces.into_iter().filter(|said| who.scope.sees_trace(&said.body));
            let traces = seen.map(Said::of).collect::<Result<_, _>>()?;
            Json::of(&Page { traces, next: next.to_string(), more })
        })
        .await
}
