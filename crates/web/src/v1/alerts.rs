//! `/v1/alerts`: what came, and what was said of it.

use super::{Json, Said, moment, page, raw};
use crate::{access::Who, asked::Asked, problem::Problem, routes::App, scope::Scope};
use axum::{
    Extension,
    extract::{Path, State, rejection::PathRejection},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::value::RawValue;
use unmasq_model::Arrival;
use unmasq_work::{ListedAlert, Reader, Standing, StoredAlert};

/// So many revisions of one alert are told at most: the last ones.
const REVISIONS: u32 = 1000;

#[derive(Serialize)]
struct Page {
    alerts: Vec<Listed>,
    next: String,
    more: bool,
}

#[derive(Serialize)]
struct Listed {
    id: String,
    #[serde(serialize_with = "moment")]
    arrived: Arrival,
    source: String,
    format: String,
    trace: Option<Short>,
}

#[derive(Serialize)]
struct Short {
    revision: u32,
    #[serde(serialize_with = "moment")]
    said: Arrival,
    status: String,
    #[serde(rename = "final")]
    is_final: bool,
}

#[derive(Serialize)]
struct Whole {
    id: String,
    #[serde(serialize_with = "moment")]
    arrived: Arrival,
    source: String,
    format: String,
    raw: String,
    raw_encoding: &'static str,
    trace: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct Revisions {
    alert_id: String,
    traces: Vec<Said>,
}

/// A page of alerts, in the order in which they came.
pub(crate) async fn list(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(who): Extension<Who>,
) -> Result<Json, Problem> {
    let (after, limit) = (asked.after()?.unwrap_or(0), asked.limit()?);
    app.reading
        .work(move |reader| {
            let (alerts, more) = page(reader.alerts_after(after, limit + 1)?, limit);
            let next = alerts.last().map_or(after, |alert| alert.number).to_string();
            let mut listed = Vec::new();
            for alert in alerts {
                if is_seen(reader, &alert.id.0, &who)? {
                    listed.push(Listed::of(alert));
                }
            }
            Json::of(&Page { alerts: listed, next, more })
        })
        .await
}

/// One alert, with its own bytes and the last that was said of it.
pub(crate) async fn one(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json, Problem> {
    let id = known(id)?;
    app.reading
        .work(move |reader| {
            let alert = found(reader, &id, &who)?;
            let last = reader.last_traces(&id, 1)?.pop();
            Json::of(&Whole::of(alert, last.map(|last| raw(last.body)).transpose()?))
        })
        .await
}

/// What was said of one alert, in order.
pub(crate) async fn revisions(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json, Problem> {
    let id = known(id)?;
    app.reading
        .work(move |reader| {
            let alert_id = found(reader, &id, &who)?.id.to_string();
            let said = reader.last_traces(&id, REVISIONS)?.into_iter().rev();
            let seen = said.filter(|said| who.scope.sees_trace(&said.body)).map(Said::of);
            Json::of(&Revisions { alert_id, traces: seen.collect::<Result<_, _>>()? })
        })
        .await
}

fn known(id: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    match id {
        Ok(Path(id)) => Ok(id),
        Err(_) => {
            Err(Problem::bad("id", "it is no text: give the id as /v1/alerts lists it, percent-encoded"))
        }
    }
}

fn found(reader: &Reader, id: &str, who: &Who) -> Result<StoredAlert, Problem> {
    let alert = if is_seen(reader, id, who)? { reader.alert(id)? } else { None };
    alert.ok_or_else(|| Problem::not_found("there is no alert of that id, or not any more"))
}

/// Whether somebody may see an alert, as what was said of it last has it.
fn is_seen(reader: &Reader, id: &str, who: &Who) -> Result<bool, Problem> {
    if who.scope == Scope::Everything {
        return Ok(true);
    }
    let last = reader.last_traces(id, 1)?.pop();
    Ok(last.is_some_and(|last| who.scope.sees_trace(&last.body)))
}

impl Listed {
    fn of(alert: ListedAlert) -> Self {
        let ListedAlert { id, arrived, source, format, last, .. } = alert;
        let trace = last.map(|Standing { revision, said, status, is_final }| Short {
            revision,
            said,
            status,
            is_final,
        });
        Self { id: id.to_string(), arrived, source: source.to_string(), format, trace }
    }
}

impl Whole {
    fn of(alert: StoredAlert, trace: Option<Box<RawValue>>) -> Self {
        let StoredAlert { id, arrived, source, format, raw, .. } = alert;
        let (raw, raw_encoding) = match String::from_utf8(raw) {
            Ok(text) => (text, "utf-8"),
            Err(error) => (BASE64_STANDARD.encode(error.as_bytes()), "base64"),
        };
        Self { id: id.to_string(), arrived, source: source.to_string(), format, raw, raw_encoding, trace }
    }
}
