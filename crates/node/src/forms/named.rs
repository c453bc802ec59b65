//! What a trace says of its two ends, as both schemas want it.

use serde_json::{Value, json};
use unmasq_model::{Alert, Endpoint};

/// One end of a trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'a> {
    /// What the trace calls it.
    pub(super) called: &'static str,
    of: &'a Value,
    /// As the alert shows it.
    pub(super) shown: Option<&'a Endpoint>,
}

impl<'a> End<'a> {
    /// The ends of a trace, the source's first.
    pub(super) fn of(trace: &'a Value, alert: Option<&'a Alert>) -> [Self; 2] {
        let (src, dest) = (alert.map(|alert| &alert.ends.src), alert.map(|alert| &alert.ends.dest));
        [("src", src), ("dest", dest)].map(|(called, shown)| Self { called, of: &trace[called], shown })
    }

    /// What stands at a place; `null` if nothing does.
    pub(super) fn at(&self, pointer: &str) -> &'a Value {
        self.of.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The endpoint behind the shared address, if just one remains.
    pub(super) fn machine(&self) -> Option<&'a Value> {
        Some(self.at("/inside")).filter(|inside| self.at("/status") == "traced" && inside.is_object())
    }

    /// What can be acted on, as far as the trace leads: an instance, and beside it a container and a process.
    pub(super) fn asset(&self) -> Option<&'a Value> {
        Some(self.at("/asset")).filter(|asset| asset.is_object())
    }

    /// The address of what can be acted on; `null` if nobody says.
    pub(super) fn ip(&self) -> Value {
        match (self.at("/inside/ip"), self.shown) {
            (ip @ Value::String(_), _) => ip.clone(),
            // An own address that is not shared is its own inside.
            (_, Some(shown)) if self.at("/status") == "not-masked" => json!(shown.ip),
            _ => Value::Null,
        }
    }

    pub(super) fn process(&self) -> Option<&'a Value> {
        Some(self.at("/process")).filter(|process| process["status"] == "named")
    }
}

/// The answer in a sentence: `src 203.0.113.10:20038 is app-1 (i-94…, 10.0.0.14:51648)`.
pub(super) fn sentence(trace: &Value) -> String {
    let of_end = |end: &End<'_>| {
        let outside = place(end.at("/outside"))?;
        let status = end.at("/status").as_str()?;
        let found = match (end.asset(), end.machine()) {
            (Some(asset), Some(inside)) => {
                let id = asset["id"].as_str().unwrap_or_default();
                let name = asset["name"].as_str().unwrap_or(id);
                format!("is {name} ({id}, {})", place(inside)?)
            }
            (None, Some(inside)) => format!("is {}", place(inside)?),
            _ => format!(
                "is {status}{}",
                end.at("/reason").as_str().map_or(String::new(), |why| format!(": {why}"))
            ),
        };
        Some(format!("{} {outside} {found}", end.called))
    };
    let ends: Vec<String> = End::of(trace, None).iter().filter_map(of_end).collect();
    if ends.is_empty() { trace["status"].as_str().unwrap_or_default().to_owned() } else { ends.join("; ") }
}

fn place(place: &Value) -> Option<String> {
    let ip = place["ip"].as_str()?;
    Some(match place["port"].as_u64() {
        Some(port) if ip.contains(':') => format!("[{ip}]:{port}"),
        Some(port) => format!("{ip}:{port}"),
        None => ip.to_owned(),
    })
}
