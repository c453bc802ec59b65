//! Traces as JSON, brought to where a service and a batch must say the same.

use serde_json::Value;

/// Without what only a service has to say: which revision it is, and how it was waited for.
#[must_use]
pub fn without_waiting(mut trace: Value) -> Value {
    if let Some(members) = trace.as_object_mut() {
        ["revision", "late", "waited_ms", "expected_by"].iter().for_each(|name| _ = members.remove(*name));
    }
    trace
}

/// The same, with one word for what a batch finds after all that its logs cover and what a service still waits for.
///
/// # Panics
/// When that is no trace.
#[must_use]
pub fn as_in_a_batch(trace: Value) -> Value {
    let mut trace = without_waiting(trace);
    for end in ["src", "dest"] {
        let reason = &mut trace[end]["reason"];
        if *reason == "after-coverage" || *reason == "deadline" {
            *reason = "no record yet".into();
        }
    }
    trace
}
