//! In what form an answer is told: beside its alert, or in the words of a schema that others read.
//!
//! Pure functions of the alert as it came and of its trace. The same answer has the same bytes.
//!
//! Invariant: no form says less than the trace; [`Ocsf`](Form::Ocsf) and [`Ecs`](Form::Ecs) have it whole, and the
//! alert itself, beside what their schemas have words for.

mod detector;
mod ecs;
mod eve;
mod named;
mod ocsf;

use serde_json::{Map, Value};
use unmasq_decode::Carrier;
use unmasq_model::{Alert, Arrival};

/// A form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Form {
    /// The alert as it came, with its trace beside it.
    #[default]
    Eve,
    /// A Detection Finding of the Open Cybersecurity Schema Framework.
    Ocsf,
    /// A document of the Elastic Common Schema.
    Ecs,
}

/// What is told.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The name of the alert's form.
    pub format: &'a str,
    /// How a trace is put beside such an alert.
    pub carrier: Carrier,
    /// The alert as it came.
    pub raw: &'a [u8],
    /// What was read of it; `None` if it cannot be traced.
    pub alert: Option<&'a Alert>,
    /// The trace, as JSON.
    pub trace: &'a str,
    /// What the trace is called beside the alert.
    pub field: &'a str,
    /// When it was said; `None` in a batch.
    pub said: Option<Arrival>,
}

impl Form {
    /// Every form, by its name.
    pub const ALL: [(&'static str, Self); 3] = [("eve", Self::Eve), ("ocsf", Self::Ocsf), ("ecs", Self::Ecs)];

    /// Appends it to `out`, without a line end.
    pub fn put(self, answer: &Answer<'_>, out: &mut Vec<u8>) {
        let document = match self {
            Self::Eve => return eve::put(answer, out),
            Self::Ocsf => ocsf::finding(answer),
            Self::Ecs => ecs::document(answer),
        };
        serde_json::to_writer(out, &said(document)).expect("a document is plain data");
    }
}

impl Answer<'_> {
    /// The trace, to look into.
    fn parsed(&self) -> Value {
        serde_json::from_str(self.trace).expect("a trace that was said is JSON")
    }

    /// The alert as text. Bytes that are none become U+FFFD: neither schema has a place for others.
    fn text(&self) -> String {
        let raw = self.raw.strip_suffix(b"\n").unwrap_or(self.raw);
        String::from_utf8_lossy(raw.strip_suffix(b"\r").unwrap_or(raw)).into_owned()
    }
}

/// Without what says nothing: `null`, and objects and lists that are empty then.
fn said(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter_map(|(name, value)| match (name.as_str(), value) {
                // The contract says `null` where something is unknown.
                ("trace", whole) => Some((name, whole)),
                (_, value) => Some((name, said(value))).filter(|(_, value)| !says_nothing(value)),
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(values) => values.into_iter().map(said).filter(|value| !says_nothing(value)).collect(),
        other => other,
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
