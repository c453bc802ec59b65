//! `/v1/gateways`: which gateways there are, and their switches.

use super::{Json, moment};
use crate::{
    access::Who,
    problem::Problem,
    routes::App,
    sent::{Sent, done},
};
use axum::{
    Extension,
    extract::{Path, State, rejection::PathRejection},
};
use serde::{Deserialize, Serialize};
use unmasq_model::{Arrival, GatewayKind, GatewayName, LogTime, Switch};
use unmasq_node::serve::{Asked, Done, GatewayView, Refused};
use unmasq_work::{SwitchClass, Turned};

#[derive(Serialize)]
struct Gateways {
    gateways: Vec<Gateway>,
}

#[derive(Serialize)]
struct Gateway {
    name: String,
    kind: GatewayKind,
    account: Option<String>,
    region: Option<String>,
    outside_realm: String,
    inside_realm: String,
    named: bool,
    connected: bool,
    logs: Vec<Log>,
    #[serde(serialize_with = "moment")]
    met: Arrival,
    switches: Switches,
}

#[derive(Serialize)]
struct Log {
    name: String,
    format: String,
}

#[derive(Serialize)]
struct Switches {
    attack: History,
    sensitive: History,
}

#[derive(Serialize)]
struct History {
    on: bool,
    initially: bool,
    turned: Vec<Turn>,
}

#[derive(Serialize)]
struct Turn {
    at: LogTime,
    on: bool,
    by: String,
}

/// What a switch is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    on: bool,
}

#[derive(Serialize)]
struct Switched {
    on: bool,
    at: LogTime,
}

/// All of them, in order of name.
pub(crate) async fn list(State(app): State<App>, Extension(who): Extension<Who>) -> Result<Json, Problem> {
    let gateways = app.state.control.gateways();
    let seen = gateways.iter().filter(|gateway| who.scope.sees_gateway(gateway));
    Json::of(&Gateways { gateways: seen.map(Gateway::of).collect() })
}

/// Turns a switch, from now on.
pub(crate) async fn switch(
    State(app): State<App>,
    Extension(who): Extension<Who>,
    path: Result<Path<(String, String)>, PathRejection>,
    Sent(Wanted { on }): Sent<Wanted>,
) -> Result<Json, Problem> {
    let Ok(Path((gateway, class))) = path else {
        return Err(Problem::bad("name", "it is no text: give the name as /v1/gateways lists it"));
    };
    let class =
        SwitchClass::called(&class).ok_or_else(|| Problem::bad("class", "it is `attack` or `sensitive`"))?;
    let gateway = GatewayName::from(gateway);
    let gateways = app.state.control.gateways();
    let hidden = |view: &GatewayView| view.name == gateway && !who.scope.sees_gateway(view);
    if gateways.iter().any(hidden) {
        // Whoever may not see it is told no more than if it were not there.
        return Err(Refused::Unknown(gateway).into());
    }
    match done(&app, Asked::Switch { gateway, class, on }, who.name).await? {
        Done::Switched(at) => Json::of(&Switched { on, at }),
        _ => unreachable!("a switch was asked for"),
    }
}

impl Gateway {
    fn of(view: &GatewayView) -> Self {
        let log = |(name, format): &(unmasq_model::SourceName, String)| Log {
            name: name.to_string(),
            format: format.clone(),
        };
        let history = |class: SwitchClass, switch: &Switch| History {
            on: switch.is_on(),
            initially: switch.was_initially_on(),
            turned: view.turned.iter().filter(|turned| turned.class == class).map(Turn::of).collect(),
        };
        Self {
            name: view.name.to_string(),
            kind: view.kind,
            account: view.account.as_ref().map(ToString::to_string),
            region: view.region.as_ref().map(ToString::to_string),
            outside_realm: view.outside_realm.to_string(),
            inside_realm: view.inside_realm.to_string(),
            named: view.is_named,
            connected: !view.logs.is_empty(),
            logs: view.logs.iter().map(log).collect(),
            met: view.met,
            switches: Switches {
                attack: history(SwitchClass::Attack, &view.switches.attack),
                sensitive: history(SwitchClass::Sensitive, &view.switches.sensitive),
            },
        }
    }
}

impl Turn {
    fn of(turned: &Turned) -> Self {
        let Turned { at, on, who, .. } = turned;
        Self { at: *at, on: *on, by: who.clone() }
    }
}
