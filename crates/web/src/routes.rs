//! Which paths there are, what each takes, and what each may answer.

use crate::{
    State,
    access::{Access, Role},
    asked::{AFTER, Asked, LIMIT_PARAMETER, Parameter},
    document::document,
    metrics,
    problem::Problem,
    reading::Reading,
    scope::Scope,
    v1::{
        Json, accounts, alerts, audit, backfill, exporters, gateways, logs, lookup, push, stream,
        stream::SaidSoFar, traces,
    },
};
use axum::{
    Router,
    extract::{self, Request},
    http::{HeaderValue, header},
    middleware::{Next, from_fn_with_state, map_response},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post, put},
};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What every handler knows.
pub(crate) struct Known {
    pub(crate) state: State,
    pub(crate) reading: Arc<Reading>,
    pub(crate) said: SaidSoFar,
    /// So much more may be asked of the service at a time.
    pub(crate) acts: Arc<Semaphore>,
    /// So many more batches may be handed over at a time.
    pub(crate) pushes: Arc<Semaphore>,
    /// Whether only this machine can ask.
    pub(crate) is_local: bool,
}

/// The same for all of them.
pub(crate) type App = Arc<Known>;

/// One path that can be asked for.
pub(crate) struct Route {
    /// As axum and OpenAPI both write it.
    pub(crate) path: &'static str,
    /// How it is asked.
    pub(crate) method: &'static str,
    /// What it answers, for whoever reads the document.
    pub(crate) what: &'static str,
    /// Who may ask for it.
    pub(crate) access: Access,
    /// Whether those who may see only some accounts may ask.
    pub(crate) by_account: bool,
    /// What is sent with it: the name of that in the document.
    pub(crate) body: Option<&'static str>,
    /// What it takes in its query.
    pub(crate) parameters: &'static [Parameter],
    /// What it answers with.
    pub(crate) media: &'static str,
    /// The name of that in the document; text has none.
    pub(crate) schema: Option<&'static str>,
    /// With which statuses it says that it cannot, beside those that every path may.
    pub(crate) problems: &'static [u16],
    /// What answers.
    handler: fn() -> MethodRouter<App>,
}

impl Route {
    /// Every status that it may answer with, first that all is well.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = u16> {
        let strangers: &[u16] = if self.access == Access::Anybody { &[] } else { &[401, 403] };
        let unfit: &[u16] = if self.body.is_some() { &[415] } else { &[] };
        [200, 400]
            .into_iter()
            .chain(unfit.iter().chain(strangers).copied())
            .chain(self.problems.iter().copied())
            .chain([500])
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const READERS: Access = Access::Role(Role::Viewer);
const OPERATORS: Access = Access::Role(Role::Operator);
const JSON: &str = "application/json";

/// All of them.
pub(crate) static ROUTES: &[Route] = &[
    Route {
        path: "/healthz",
        method: "get",
        what: "Whether the process lives.",
        access: Access::Anybody,
        by_account: true,
        body: None,
        parameters: &[],
        media: TEXT,
        schema: None,
        problems: &[],
        handler: || get(async || "alive\n"),
    },
    Route {
        path: "/readyz",
        method: "get",
        what: "Whether everything that lay there at the start was read and answered.",
        access: Access::Anybody,
        by_account: true,
        body: None,
        parameters: &[],
        media: TEXT,
        schema: None,
        problems: &[503],
        handler: || get(ready),
    },
    Route {
        path: "/metrics",
        method: "get",
        what: "What the service counts, as Prometheus reads it.",
        access: Access::Neighbours,
        by_account: false,
        body: None,
        parameters: &[],
        media: metrics::TEXT,
        schema: None,
        problems: &[],
        handler: || get(counted),
    },
    Route {
        path: "/v1/alerts",
        method: "get",
        what: "A page of alerts, in the order in which they came.",
        access: READERS,
        by_account: true,
        body: None,
        parameters: &[AFTER, LIMIT_PARAMETER],
        media: JSON,
        schema: Some("Alerts"),
        problems: &[503],
        handler: || get(alerts::list),
    },
    Route {
        path: "/v1/alerts/{id}",
        method: "get",
        what: "One alert, with its own bytes and its latest trace.",
        access: READERS,
        by_account: true,
        body: None,
        parameters: &[],
        media: JSON,
        schema: Some("Alert"),
        problems: &[404, 503],
        handler: || get(alerts::one),
    },
    Route {
        path: "/v1/alerts/{id}/traces",
        method: "get",
        what: "Every revision of one alert's trace, in order; of more than 1000 the last.",
        access: READERS,
        by_account: true,
        body: None,
        parameters: &[],
        media: JSON,
        schema: Some("Revisions"),
        problems: &[404, 503],
        handler: || get(alerts::revisions),
    },
    Route {
        path: "/v1/traces",
        method: "get",
        what: "A page of everything that was said, in the order in which it was.",
        access: READERS,
        by_account: true,
        body: None,
        parameters: &[AFTER, LIMIT_PARAMETER],
        media: JSON,
        schema: Some("Traces"),
        problems: &[503],
        handler: || get(traces::list),
    },
    Route {
        path: "/v1/traces/stream",
        method: "get",
        what: "What is said, as soon as it is: server-sent events `trace`, whose data is a Said and whose id its \
               sequence. Goes on after the header Last-Event-ID, or after `after`; else it begins now.",
        access: READERS,
        by_account: true,
        body: None,
        parameters: &[AFTER],
        media: "text/event-stream",
        schema: None,
        problems: &[503],
        handler: || get(stream::listen),
    },
    Route {
        path: "/v1/lookup",
        method: "get",
        what: "Who was behind an endpoint, as `unmasq lookup --json` says it.",
        access: READERS,
        by_account: false,
        body: None,
        parameters: lookup::PARAMETERS,
        media: JSON,
        schema: Some("Lookup"),
        problems: &[503],
        handler: || get(lookup::answer),
    },
    Route {
        path: "/v1/sessions",
        method: "get",
        what: "What logs say of an endpoint, session by session, in order of their start.",
        access: READERS,
        by_account: false,
        body: None,
        parameters: lookup::OF_SESSIONS,
        media: JSON,
        schema: Some("Sessions"),
        problems: &[503],
        handler: || get(lookup::list),
    },
    Route {
        path: "/v1/logs",
        method: "get",
        what: "The session logs that were read, and which time each covers.",
        access: READERS,
        by_account: false,
        body: None,
        parameters: &[],
        media: JSON,
        schema: Some("Logs"),
        problems: &[503],
        handler: || get(logs::list),
    },
    Route {
        path: "/v1/accounts",
        method: "get",
        what: "Whose gateways and machines there are, as the inventory says.",
        access: READERS,
        by_account: true,
        body: None,
        parameters: &[],
        media: JSON,
        schema: Some("Accounts"),
        problems: &[],
        handler: || get(accounts::list),
    },
    Route {
        path: "/v1/exporters",
        method: "get",
        what: "How well each session log is delivered: its delays, when a record came last, its silences, and how many lines \
               could not be read.",
        access: READERS,
        by_account: true,
        body: None,
        parameters: &[],
        media: JSON,
        schema: Some("Exporters"),
        problems: &[],
        handler: || get(exporters::list),
    },
    Route {
        path: "/v1/gateways",
        method: "get",
        what: "All gateways: those that are named, and those that were discovered in logs, with their switches.",
        access: READERS,
        by_account: true,
        body: None,
        parameters: &[],
        media: JSON,
        schema: Some("Gateways"),
        problems: &[],
        handler: || get(gateways::list),
    },
    Route {
        path: "/v1/gateways/{name}/switches/{class}",
        method: "put",
        what: "Turns the switch of one class of alerts (`attack` or `sensitive`), from now on. What happened before \
               stays as it was: see /v1/backfill.",
        access: OPERATORS,
        by_account: true,
        body: Some("SwitchWanted"),
        parameters: &[],
        media: JSON,
        schema: Some("Switched"),
        problems: &[404, 409, 503],
        handler: || put(gateways::switch),
    },
    Route {
        path: "/v1/backfill",
        method: "post",
        what: "Has the alerts that came from one moment to before another traced as if nothing was ever switched off; \
               what that changes are revisions marked `backfill`.",
        access: OPERATORS,
        by_account: false,
        body: Some("BackfillWanted"),
        parameters: &[],
        media: JSON,
        schema: Some("Backfilled"),
        problems: &[503],
        handler: || post(backfill::begin),
    },
    Route {
        path: "/v1/push/{place}",
        method: "post",
        what: "Hands over a batch of lines of a session log, or of alerts, at a place that the configuration names. It is on \
               disk when this answers; sent again under the same `Idempotency-Key` it changes nothing.",
        access: Access::Writers,
        by_account: true,
        body: Some("Batch"),
        parameters: &[],
        media: JSON,
        schema: Some("BatchTaken"),
        problems: &[404, 408, 409, 413, 503],
        handler: || post(push::take),
    },
    Route {
        path: "/v1/audit",
        method: "get",
        what: "A page of what was done and who did it, in order.",
        access: Access::Role(Role::Admin),
        by_account: false,
        body: None,
        parameters: &[AFTER, LIMIT_PARAMETER],
        media: JSON,
        schema: Some("Acts"),
        problems: &[503],
        handler: || get(audit::list),
    },
    Route {
        path: "/v1/openapi.json",
        method: "get",
        what: "This document.",
        access: READERS,
        by_account: true,
        body: None,
        parameters: &[],
        media: JSON,
        schema: Some("Document"),
        problems: &[],
        handler: || get(async || Json::of(&document())),
    },
];

/// What answers all of them, and everything else with a problem.
pub(crate) fn router(app: &App) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let guard = from_fn_with_state((Arc::clone(app), route), guard);
        router = router.route(route.path, (route.handler)().route_layer(guard));
    }
    router
        .fallback(async || Problem::not_found("there is no such path"))
        .method_not_allowed_fallback(async || Problem::method())
        .layer(map_response(kept_by_nobody))
        .with_state(Arc::clone(app))
}

/// Finds out who asks, and what, before anything is done about it.
async fn guard(
    extract::State((app, route)): extract::State<(App, &'static Route)>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let who = route.access.check(&app.state.tokens, app.is_local, request.headers())?;
    if who.scope != Scope::Everything && !route.by_account {
        return Err(Problem::forbidden(
            "this token is for some accounts, and that cannot be told for those alone",
        ));
    }
    let asked = Asked::of(request.uri().query().unwrap_or_default(), route.parameters)?;
    request.extensions_mut().insert(asked);
    request.extensions_mut().insert(who);
    Ok(next.run(request).await)
}

/// What is answered is true now and for whoever asked.
async fn kept_by_nobody(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn ready(extract::State(app): extract::State<App>) -> Response {
    match app.state.counters.ready.get() {
        1 => "ready\n".into_response(),
        _ => Problem::not_now("what lay there at the start is still being read").into_response(),
    }
}

async fn counted(extract::State(app): extract::State<App>) -> Response {
    ([(header::CONTENT_TYPE, metrics::TEXT)], metrics::text(&app.state)).into_response()
}
