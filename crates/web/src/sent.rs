//! What somebody sends to have something done: a small JSON document, and what comes of it.

use crate::{problem::Problem, routes::App};
use axum::{
    extract::{FromRequest, Request},
    http::header,
};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use unmasq_node::serve::{Asked, Done, Refused};

/// A document has so many bytes at most.
const LONGEST: usize = 4 << 10;

/// A JSON document of that shape.
pub(crate) struct Sent<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let media = request.headers().get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok());
        let media = media.and_then(|media| media.split(';').next()).unwrap_or_default().trim();
        // A stranger's page cannot send that through a browser without being asked whether it may.
        if !media.eq_ignore_ascii_case("application/json") {
            return Err(Problem::unfit("send JSON: `Content-Type: application/json`"));
        }
        let body = axum::body::to_bytes(request.into_body(), LONGEST).await;
        let body = body.map_err(|_| Problem::bad("body", "it is too long, or was not sent to its end"))?;
        let read = serde_json::from_slice(&body);
        read.map(Self).map_err(|error| Problem::bad("body", format!("it cannot be read: {error}")))
    }
}

/// Has it done in somebody's name; waits for as long as that takes on a thread on which nobody else waits.
pub(crate) async fn done(app: &App, asked: Asked, who: String) -> Result<Done, Problem> {
    let control = Arc::clone(&app.state.control);
    let turn = Arc::clone(&app.acts).try_acquire_owned();
    let turn = turn.map_err(|_| Problem::not_now("too much is being done at a time"))?;
    // It keeps its turn until it is done, also if nobody waits any more.
    let done = tokio::task::spawn_blocking(move || {
        let done = control.act(asked, &who);
        drop(turn);
        done
    });
    let done = done.await;
    done.map_err(|error| Problem::unexpected(&error))?.map_err(Problem::from)
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match &refused {
            Refused::Unknown(_) | Refused::NoPlace(_) => Self::not_found(refused.to_string()),
            Refused::NotConnected(_) | Refused::AnotherBatch(_) => Self::conflict(refused.to_string()),
            Refused::NotNow(_) => Self::not_now(refused.to_string()),
            Refused::Failed => Self::unexpected(&refused),
        }
    }
}
