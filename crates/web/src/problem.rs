//! What is said when something cannot be answered: a problem document (RFC 9457).

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::error::Error;

/// The media type of a problem document.
pub(crate) const PROBLEM: &str = "application/problem+json";

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    /// Which parameter of the request it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, detail: String) -> Self {
        let title = status.canonical_reason().unwrap_or("Unknown");
        Self { kind: "about:blank", title, status: status.as_u16(), detail, parameter: None }
    }

    /// A parameter cannot be used; `detail` says what to give instead.
    pub(crate) fn bad(parameter: &str, detail: impl Into<String>) -> Self {
        // What a stranger wrote comes back no longer than it need be to be known.
        let parameter = parameter.chars().take(64).collect();
        Self { parameter: Some(parameter), ..Self::new(StatusCode::BAD_REQUEST, detail.into()) }
    }

    /// Something went wrong that is nobody's fault who asks: it is logged, and not told.
    pub(crate) fn unexpected(error: &dyn Error) -> Self {
        let mut whole = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            whole = format!("{whole}: {error}");
            cause = error.source();
        }
        tracing::error!("a request could not be answered: {whole}");
        let detail = "it could not be answered; the log of the service says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail.into())
    }

    /// Nobody knows who asks.
    pub(crate) fn unknown() -> Self {
        let detail = "send a token that the service knows: `Authorization: Bearer TOKEN`; `unmasq config token` makes one";
        Self::new(StatusCode::UNAUTHORIZED, detail.into())
    }

    /// Whoever asks may not.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail.into())
    }

    /// There is nothing like that; `detail` says what was looked for.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail.into())
    }

    /// What is sent is in another form than is read here.
    pub(crate) fn unfit(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail.into())
    }

    /// More is sent than is taken at a time.
    pub(crate) fn long(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail.into())
    }

    /// What is sent does not come to its end.
    pub(crate) fn late(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, detail.into())
    }

    /// It cannot be done as things stand; `detail` says what has to be done first.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail.into())
    }

    /// The path is there, but not for this method.
    pub(crate) fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "that path is there for another method: /v1/openapi.json lists them".into(),
        )
    }

    /// It cannot be answered now; `detail` says until when.
    pub(crate) fn not_now(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail.into())
    }

    /// What is asked for is only about to be made.
    pub(crate) fn too_early() -> Self {
        Self::not_now("nothing is kept yet: the service has just begun")
    }
}

#[cfg(test)]
impl Problem {
    pub(crate) fn status(&self) -> u16 {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("a problem is plain data");
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM)], body).into_response();
        let headers = response.headers_mut();
        match status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}
