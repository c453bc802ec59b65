//! `/v1/accounts`: whose gateways and machines there are.

use super::Json;
use crate::{access::Who, problem::Problem, routes::App};
use axum::{Extension, extract::State};
use serde::Serialize;
use unmasq_node::serve::AccountView;

#[derive(Serialize)]
struct Accounts {
    accounts: Vec<Account>,
}

#[derive(Serialize)]
struct Account {
    account: String,
    regions: Vec<String>,
    realms: Vec<String>,
    gateways: Vec<String>,
    assets: usize,
}

/// All of them, in order of their ids.
pub(crate) async fn list(State(app): State<App>, Extension(who): Extension<Who>) -> Result<Json, Problem> {
    let accounts = app.state.control.accounts();
    let seen = accounts.iter().filter(|view| who.scope.sees_account(Some(view.account.as_str())));
    Json::of(&Accounts { accounts: seen.map(Account::of).collect() })
}

impl Account {
    fn of(view: &AccountView) -> Self {
        Self {
            account: view.account.to_string(),
            regions: view.regions.iter().map(ToString::to_string).collect(),
            realms: view.realms.iter().map(ToString::to_string).collect(),
            gateways: view.gateways.iter().map(ToString::to_string).collect(),
            assets: view.assets,
        }
    }
}
