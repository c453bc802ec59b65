//! What became of an end: its status, how sure we are, and why not better.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What became of one end of an alert, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Nothing is known behind the shared address; the reason says why.
    Untraced,
    /// Several inside endpoints remain; each is listed as a candidate.
    Ambiguous,
    /// Proven up to a masking address that could not be resolved further.
    Partial,
    /// One inside endpoint remains.
    Traced,
    /// The address is not shared: there is nothing to trace.
    NotMasked,
}

/// How sure an answer is. A chain is as certain as its weakest link, so the order matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// It can never be proven: a part of the key is missing, a watermark is only estimated, an alias
    /// is guessed, a gap is bridged.
    Likely,
    /// A record that is still due could change it.
    Provisional,
    /// Nothing that may still arrive can change it.
    Certain,
}

/// Why an end is not traced, or not further. The list is the contract's; there is no other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The alert has no usable address or time.
    Unreadable,
    /// No end is ours by inventory or by any log.
    UnknownAddress,
    /// Ours and shared, but no log of that gateway is connected.
    GatewayNotConnected,
    /// The class's switch was off at the alert's log time.
    SwitchedOff,
    /// The flow may lie before the time that the logs cover.
    BeforeCollection,
    /// The flow may lie after the time that the logs cover.
    AfterCoverage,
    /// The balancer's listener is layer 4 and writes no access log.
    NetworkLayer,
    /// Nothing is behind: the gateway itself was the other end. A finished answer.
    EndedAtGateway,
    /// Everything matches but the outside address.
    AliasUnknown,
    /// Two translators name different insides for one translation.
    Conflict,
    /// Several holders lie within the clock bounds.
    ClockBound,
    /// The protocol has no ports, and the records cannot tell.
    NoPorts,
    /// Requests that nothing tells apart.
    SameRequest,
    /// The chain of gateways returns to where it was.
    Loop,
    /// The chain of gateways is longer than we follow.
    TooDeep,
    /// The next hop has no record.
    NoInnerRecord,
    /// The wait is over and records may still come.
    Deadline,
    /// Switched on, but the exporter never delivered.
    NeverHeard,
    /// A known gap covers the alert.
    SourceLost,
    /// A best-effort log does not have it: absence proves nothing.
    NotLogged,
    /// A log declared complete does not have it.
    NoSession,
}

impl Reason {
    /// What a person can do about it: one sentence, in the imperative.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Unreadable => "check the detector's output: the alert has no address or no time",
            Self::UnknownAddress => {
                "name the gateway that owns the address in the inventory, or give its log"
            }
            Self::GatewayNotConnected => "give this gateway's session log, by --sessions or in the inventory",
            Self::SwitchedOff => "switch tracing on for this gateway; the past can be traced with a backfill",
            Self::BeforeCollection => "give the log that was written before this one, if it was kept",
            Self::AfterCoverage => "give the log that was written after this one",
            Self::NetworkLayer => {
                "layer-4 listeners write no access log; use a layer-7 listener or flow logs"
            }
            Self::EndedAtGateway => "nothing: the packet ended at the gateway, no machine is behind it",
            Self::AliasUnknown => "add the logged address to the gateway's aliases in the inventory",
            Self::Conflict => {
                "check which gateway held the address then; give each address its `from` and `to`"
            }
            Self::ClockBound => "synchronise the clocks and lower --clock-bound; a log in microseconds helps",
            Self::NoPorts => "a host agent on the candidates, or a sensor inside, can tell them apart",
            Self::SameRequest => "log a request id, or the balancer's source port towards the backend",
            Self::Loop => "check the inventory: two gateways name each other's addresses",
            Self::TooDeep => "check the inventory: more gateways in a row than a site can have",
            Self::NoInnerRecord => {
                "give the inner gateway's log, or in the inventory the addresses of servers that a balancer only names"
            }
            Self::Deadline => "wait: the answer is amended when the records come",
            Self::NeverHeard => "check the gateway's log delivery: nothing has ever come from it",
            Self::SourceLost => "records of that time were lost; look at the exporter's gaps",
            Self::NotLogged => {
                "declare the log complete in the inventory if it is, or add a second source (flow logs, host agent)"
            }
            Self::NoSession => {
                "no translation existed: suspect a spoofed packet, or a log wrongly marked complete"
            }
        }
    }
}

/// Prints the contract's word, such as `ended-at-gateway`.
macro_rules! print_as_serialized {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.serialize(f)
            }
        }
    )*};
}

print_as_serialized!(Status Certainty Reason);

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::{IntoDeserializer, value::Error};

    /// Every reason, in the contract's order: who asks serde for one that there is not is told all.
    fn all() -> Vec<Reason> {
        let named = |name: &str| Reason::deserialize(IntoDeserializer::<Error>::into_deserializer(name));
        let told = named("?").unwrap_err().to_string();
        told.split('`').skip(3).step_by(2).map(|name| named(name).unwrap()).collect()
    }

    /// The rows of the user guide's table: reason, what it says, remedy.
    fn documented() -> Vec<[&'static str; 3]> {
        let guide = include_str!("../../../docs/user-guide.md");
        let table = guide.split("\n## Reasons and remedies\n").nth(1).unwrap();
        let rows = table.lines().skip_while(|line| !line.starts_with("| ---")).skip(1);
        rows.take_while(|line| line.starts_with('|'))
            .map(|row| {
                let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
                cells.try_into().unwrap_or_else(|_| panic!("not three cells: {row}"))
            })
            .collect()
    }

    #[test]
    fn the_user_guide_lists_every_reason_with_its_remedy() {
        let rows = documented();
        assert_eq!(rows.len(), all().len());
        for (reason, [name, _, remedy]) in all().into_iter().zip(rows) {
            assert_eq!(name, format!("`{reason}`"), "the guide has the contract's order");
            assert_eq!(remedy, reason.remedy());
        }
    }
}
