//! The API: what was said about alerts, and who was behind an address.

pub(crate) mod accounts;
pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod backfill;
pub(crate) mod exporters;
pub(crate) mod gateways;
pub(crate) mod logs;
pub(crate) mod lookup;
pub(crate) mod push;
pub(crate) mod stream;
pub(crate) mod traces;

use crate::problem::Problem;
use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use unmasq_model::Arrival;
use unmasq_work::SaidTrace;

/// What is sent, made where it was read.
pub(crate) struct Json(Vec<u8>);

impl Json {
    pub(crate) fn of(value: &impl Serialize) -> Result<Self, Problem> {
        serde_json::to_vec(value).map(Self).map_err(|error| Problem::unexpected(&error))
    }
}

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

/// A revision that was said.
#[derive(Serialize)]
pub(crate) struct Said {
    sequence: u64,
    alert_id: String,
    #[serde(serialize_with = "moment")]
    said: Arrival,
    trace: Box<RawValue>,
}

impl Said {
    fn of(said: SaidTrace) -> Result<Self, Problem> {
        let SaidTrace { sequence, id, said, body } = said;
        Ok(Self { sequence, alert_id: id.to_string(), said, trace: raw(body)? })
    }
}

/// A page out of one more than fit on it, and whether there are more.
fn page<T>(mut items: Vec<T>, limit: u32) -> (Vec<T>, bool) {
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    (items, more)
}

/// JSON that was written as such, byte for byte.
fn raw(body: String) -> Result<Box<RawValue>, Problem> {
    RawValue::from_string(body).map_err(|error| Problem::unexpected(&error))
}

/// When something reached us, as RFC 3339.
fn moment<S: Serializer>(at: &Arrival, serializer: S) -> Result<S::Ok, S::Error> {
    match Timestamp::from_microsecond(at.as_unix_us()) {
        Ok(at) => serializer.collect_str(&at),
        Err(_) => serializer.serialize_none(),
    }
}
