//! What the detector says beside the flow: its rule, how bad that is, and who it is.

use super::Answer;
use serde_json::Value;

/// As far as it is known.
#[derive(Debug, Default)]
pub(super) struct Detector {
    /// The product, such as `Suricata`.
    pub(super) product: Option<&'static str>,
    /// The sensor, as it names itself.
    pub(super) sensor: Value,
    pub(super) rule: Value,
    pub(super) category: Value,
    /// Its own number.
    pub(super) severity: Value,
    /// OCSF's, from 0 (unknown) to 5 (critical).
    pub(super) severity_id: u64,
}

/// OCSF's names of severities.
pub(super) const SEVERITIES: [&str; 6] = ["Unknown", "Informational", "Low", "Medium", "High", "Critical"];

impl Detector {
    pub(super) fn of(answer: &Answer<'_>) -> Self {
        let alert: Value = serde_json::from_slice(answer.raw).unwrap_or_default();
        let at = |pointer: &str| alert.pointer(pointer).cloned().unwrap_or_default();
        match answer.format {
            "suricata-eve" => Self {
                product: Some("Suricata"),
                sensor: text(&at("/host")),
                rule: text(&at("/alert/signature_id")),
                category: text(&at("/alert/category")),
                severity_id: priority(&at("/alert/severity")),
                severity: at("/alert/severity"),
            },
            "snort3-json" => Self {
                product: Some("Snort"),
                sensor: text(&at("/sensor")),
                rule: text(&at("/rule")),
                category: text(&at("/class")),
                severity_id: priority(&at("/priority")),
                severity: at("/priority"),
            },
            "ocsf-finding" => Self {
                rule: text(&at("/finding_info/analytic/uid")),
                severity_id: at("/severity_id").as_u64().filter(|id| *id <= 5).unwrap_or_default(),
                severity: at("/severity_id"),
                ..Self::default()
            },
            "zeek-json" | "zeek-tsv" => Self { product: Some("Zeek"), ..Self::default() },
            "aws-guardduty" => Self { product: Some("GuardDuty"), ..Self::default() },
            "alibaba-ndr" => Self { product: Some("Alibaba Cloud NDR"), ..Self::default() },
            _ => Self::default(),
        }
    }
}

/// What is a name, also where it is written as a number; nothing else is one.
fn text(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.to_string().into(),
        Value::String(_) => value.clone(),
        _ => Value::Null,
    }
}

/// Snort and Suricata count from 1, which is worst.
fn priority(value: &Value) -> u64 {
    match value.as_u64() {
        Some(1) => 4,
        Some(2) => 3,
        Some(3) => 2,
        Some(4..) => 1,
        Some(0) | None => 0,
    }
}
