//! `/v1/push`: batches of session logs or alerts are handed over.

use super::Json;
use crate::{problem::Problem, routes::App};
use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, header},
};
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use unmasq_io::listen::{Coding, PushError, unpack};
use unmasq_node::serve::Done;

/// The header with the sender's id of a batch (draft-ietf-httpapi-idempotency-key-header).
const KEY: &str = "idempotency-key";
/// An id has so many bytes at most.
const KEY_LONGEST: usize = 200;
/// Who does not send a batch to its end by then is given up.
const SENT: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Taken {
    lines: u64,
    repeated: bool,
}

/// Takes a batch of lines: all of it is on disk when this answers 200, or it was not taken.
pub(crate) async fn take(
    State(app): State<App>,
    place: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json, Problem> {
    let Ok(Path(place)) = place else {
        return Err(Problem::bad("place", "it is no text: give a name of [[push]] in the configuration"));
    };
    let most = app.state.control.batch_bytes(&place)?;
    let id = key(&headers)?;
    let coding = coding(&headers)?;
    let turn = Arc::clone(&app.pushes)
        .try_acquire_owned()
        .map_err(|_| Problem::not_now("too much is handed over at a time"))?;
    let body = timeout(SENT, axum::body::to_bytes(body, most)).await;
    let body = body.map_err(|_| Problem::late("it was not sent to its end in time"))?;
    let body = body.map_err(|_| {
        Problem::long(format!("it has more than {most} bytes, or was cut off: send less at a time"))
    })?;
    let control = Arc::clone(&app.state.control);
    let done = tokio::task::spawn_blocking(move || {
        let lines = unpack(&body, coding, most).map_err(|error| match error {
            PushError::TooLong { .. } => Problem::long(format!("unpacked, {error}")),
            error => Problem::bad("body", error.to_string()),
        })?;
        drop(body);
        let done = control.push(place, id, lines).map_err(Problem::from);
        // It keeps its turn until it is done, also if nobody waits any more.
        drop(turn);
        done
    });
    let done = done.await.map_err(|error| Problem::unexpected(&error))?;
    match done? {
        Done::Pushed { lines, repeated } => Json::of(&Taken { lines, repeated }),
        _ => unreachable!("a batch was handed over"),
    }
}

fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let key = headers.get(KEY).and_then(|key| key.to_str().ok()).unwrap_or_default();
    if key.is_empty() || key.len() > KEY_LONGEST {
        let what = "give each batch an id of its own, of at most 200 characters, and send it again under the same id";
        return Err(Problem::bad("Idempotency-Key", what));
    }
    Ok(key.to_owned())
}

fn coding(headers: &HeaderMap) -> Result<Coding, Problem> {
    match headers.get(header::CONTENT_ENCODING).map(header::HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(Coding::Identity),
        Some(b"gzip" | b"x-gzip") => Ok(Coding::Gzip),
        Some(b"zstd") => Ok(Coding::Zstd),
        Some(_) => Err(Problem::unfit("`Content-Encoding` is gzip, zstd or identity")),
    }
}
