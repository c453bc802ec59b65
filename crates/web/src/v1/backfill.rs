//! `/v1/backfill`: alerts are traced as if nothing was ever switched off.

use super::Json;
use crate::{
    access::Who,
    problem::Problem,
    routes::App,
    sent::{Sent, done},
};
use axum::{Extension, extract::State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use unmasq_model::Arrival;
use unmasq_node::serve::{Asked, Done};

/// Which alerts: those that came from one moment to before another.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    from: Timestamp,
    to: Timestamp,
}

#[derive(Serialize)]
struct Backfilled {
    alerts: u64,
}

/// Marks them for good, and has them traced again.
pub(crate) async fn begin(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    Sent(Wanted { from, to }): Sent<Wanted>,
) -> Result<Json, Problem> {
    if from >= to {
        return Err(Problem::bad("to", "it is not after `from`"));
    }
    let moment = |at: Timestamp| Arrival::from_unix_us(at.as_microsecond());
    match done(&app, Asked::Backfill { from: moment(from), to: moment(to) }, who.name).await? {
        Done::Backfilled(alerts) => Json::of(&Backfilled { alerts }),
        _ => unreachable!("a backfill was asked for"),
    }
}
