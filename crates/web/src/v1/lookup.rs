//! `/v1/lookup`: who was behind an endpoint.

use super::Json;
use crate::{
    asked::{Asked, Form, LIMIT_PARAMETER, Parameter},
    problem::Problem,
    routes::App,
};
use axum::{Extension, extract::State};
use std::{net::IpAddr, sync::Arc};
use unmasq_model::{Endpoint, Protocol, Span, Switches};
use unmasq_node::{
    Knowledge, Silent, Sources,
    lookup::{Lookup, WhenError, endpoint, lookup, sessions, when},
    serve::Control,
};

const fn optional(name: &'static str, form: Form, example: &'static str, what: &'static str) -> Parameter {
    Parameter { name, what, form, example, is_needed: false }
}

/// What it takes.
pub(crate) const PARAMETERS: &[Parameter] = &WHO;

/// The same, and how many sessions are listed.
pub(crate) const OF_SESSIONS: &[Parameter] = &{
    let mut all = [LIMIT_PARAMETER; WHO.len() + 1];
    let mut at = 0;
    while at < WHO.len() {
        all[at] = WHO[at];
        at += 1;
    }
    all
};

const WHO: [Parameter; 7] = [
    Parameter {
        name: "address",
        what: "The address as the world saw it.",
        form: Form::Text,
        example: "203.0.113.10",
        is_needed: true,
    },
    optional("port", Form::Number(0, 65_535), "20038", "Its port, if that is known."),
    optional(
        "at",
        Form::Text,
        "2026-11-22T10:57:52Z",
        "When, with a zone (a `+` is written `%2B`). Without seconds it is that whole minute. Either this, or `from` and `to`.",
    ),
    optional("from", Form::Text, "2026-11-22T10:57:00Z", "From when, if only a span is known."),
    optional("to", Form::Text, "2026-11-22T10:59:00Z", "Until when."),
    optional("remote", Form::Text, "198.51.100.66:80", "Whom it spoke with: ADDRESS or ADDRESS:PORT."),
    optional("proto", Form::Text, "tcp", "The protocol: tcp, udp, icmp or a number."),
];

/// Who held it, as `unmasq lookup --store` says it.
pub(crate) async fn answer(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
) -> Result<Json, Problem> {
    let (lookup_asked, control) = (question(&asked)?, Arc::clone(&app.state.control));
    app.reading
        .store(move |store| {
            let mut knowledge = known(store)?;
            switched(&mut knowledge, &control);
            let answer =
                lookup(&mut knowledge, &lookup_asked).map_err(|error| Problem::unexpected(&error))?;
            Json::of(&answer)
        })
        .await
}

/// What the store and the inventory in it say, as they are now.
/// What logs say of it, session by session.
pub(crate) async fn list(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
) -> Result<Json, Problem> {
    let (lookup_asked, control) = (question(&asked)?, Arc::clone(&app.state.control));
    let limit = asked.limit()? as usize;
    app.reading
        .store(move |store| {
            let mut knowledge = known(store)?;
            switched(&mut knowledge, &control);
            let found = sessions(&mut knowledge, &lookup_asked, limit);
            Json::of(&found.map_err(|error| Problem::unexpected(&error))?)
        })
        .await
}

/// Nobody is named behind what is switched off; nor behind what the service has not met yet.
fn switched(knowledge: &mut Knowledge, control: &Control) {
    let gateways = control.gateways();
    knowledge.site.set_switches(|name| {
        let known = gateways.iter().find(|gateway| gateway.name == *name);
        known.map_or(Switches::initially(false), |gateway| gateway.switches.clone())
    });
}

pub(super) fn known(store: &std::path::Path) -> Result<Knowledge, Problem> {
    let sources = Sources { store: Some(store.to_owned()), ..Sources::default() };
    Knowledge::recall(store, &sources, &Silent).map_err(|error| match error.is_no_store() {
        true => Problem::too_early(),
        false => Problem::unexpected(&error),
    })
}

fn question(asked: &Asked) -> Result<Lookup, Problem> {
    let address = asked
        .read("address", |text| text.parse::<IpAddr>().map_err(|_| "it is an address, such as 203.0.113.10"))?
        .ok_or_else(|| Problem::bad("address", "say which: address=203.0.113.10"))?;
    let port =
        asked.read("port", |text| text.parse::<u16>().map_err(|_| "it is a number from 0 to 65535"))?;
    Ok(Lookup {
        outside: Endpoint::new(address, port),
        remote: asked.read("remote", endpoint)?,
        protocol: asked.read("proto", str::parse::<Protocol>)?,
        during: during(asked)?,
        realm: None,
    })
}

fn during(asked: &Asked) -> Result<Span, Problem> {
    let moment = |name| {
        asked.read(name, |text| {
            when(text, None, None).map_err(|error| match error {
                WhenError::NoZone(_) => format!("{error}: write it as 2026-11-22T10:30:00Z"),
                error => error.to_string(),
            })
        })
    };
    match (moment("at")?, moment("from")?, moment("to")?) {
        (Some(at), None, None) => Ok(at),
        (None, Some(from), Some(to)) => {
            Span::new(from.from(), to.to()).map_err(|_| Problem::bad("to", "it is before `from`"))
        }
        (None, None, None) => Err(Problem::bad("at", "say when: `at`, or `from` and `to`")),
        (None, Some(_), None) => Err(Problem::bad("to", "say until when, or `at` alone")),
        (None, None, Some(_)) => Err(Problem::bad("from", "say from when, or `at` alone")),
        (Some(_), ..) => Err(Problem::bad("at", "it is one moment: leave it out, or `from` and `to`")),
    }
}
