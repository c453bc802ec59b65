//! What somebody may see: everything, or what concerns some accounts.

use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};
use unmasq_node::serve::GatewayView;

/// See the module. What names another account beside one's own is not seen: it would tell of that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Scope {
    Everything,
    Accounts(Arc<BTreeSet<String>>),
}

impl Scope {
    pub(crate) fn of(accounts: &Option<Arc<BTreeSet<String>>>) -> Self {
        accounts.as_ref().map_or(Self::Everything, |accounts| Self::Accounts(Arc::clone(accounts)))
    }

    /// Whether a trace, as JSON, may be seen: all accounts that it names are one's own, and it names one.
    pub(crate) fn sees_trace(&self, body: &str) -> bool {
        let Self::Accounts(own) = self else { return true };
        let mut named = BTreeSet::new();
        match serde_json::from_str(body) {
            Ok(trace) => accounts(&trace, &mut named),
            Err(_) => return false,
        }
        !named.is_empty() && named.is_subset(own)
    }

    /// Whether a gateway may be seen.
    pub(crate) fn sees_gateway(&self, gateway: &GatewayView) -> bool {
        self.sees_account(gateway.account.as_ref().map(unmasq_model::AccountId::as_str))
    }

    /// Whether what belongs to an account, or to nobody, may be seen.
    pub(crate) fn sees_account(&self, account: Option<&str>) -> bool {
        match self {
            Self::Everything => true,
            Self::Accounts(own) => account.is_some_and(|account| own.contains(account)),
        }
    }
}

/// Every account that a trace names, wherever: of assets, and of gateways.
fn accounts(value: &Value, named: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(account) if name == "account" => {
                        named.insert(account.clone());
                    }
                    value => accounts(value, named),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| accounts(item, named)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_others_is_not_seen() {
        let own = Scope::Accounts(Arc::new(["a".to_owned(), "b".to_owned()].into()));
        let trace = |hop: &str, asset: &str| {
            format!(r#"{{"src":{{"hops":[{{"account":{hop}}}],"asset":{{"account":{asset}}}}}}}"#)
        };
        let seen = |hop, asset| own.sees_trace(&trace(hop, asset));
        assert!(seen("\"a\"", "\"a\"") && seen("\"a\"", "\"b\"") && seen("null", "\"b\""));
        assert!(!seen("\"a\"", "\"c\"") && !seen("null", "null") && !own.sees_trace("{"));
        assert!(Scope::Everything.sees_trace("{") && Scope::Everything.sees_account(None));
        assert!(own.sees_account(Some("a")) && !own.sees_account(Some("c")) && !own.sees_account(None));
    }
}
