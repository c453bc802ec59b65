//! How the fields of one line are read, in our words.

use unmasq_decode::{Event, Fact, Record, alert::AlertFacts};
use unmasq_model::{Endpoint, Layer, Request, Socket, Span};

/// Names and values, in the order in which a person reads them.
pub type Fields = Vec<(&'static str, String)>;

/// What a session log's record says.
pub(super) fn record_fields(record: &Record) -> Fields {
    let t = record.translation;
    let mut fields = Fields::new();
    let mut add = |name, value: Option<String>| fields.extend(value.map(|value| (name, value)));
    add("gateway", record.gateway.as_ref().map(ToString::to_string));
    add("realm", record.inside_realm.as_ref().map(ToString::to_string));
    add("protocol", t.protocol.map(|protocol| protocol.to_string()));
    add("our side", Some(format!("{:?}", t.role).to_lowercase()));
    add("outside", Some(t.outside.to_string()));
    add("remote", told(t.remote));
    let sent = record.request.as_ref().is_some_and(|request| !request.tries.is_empty());
    let nobody = if sent { "a server that the log does not name" } else { "none: it ended at the gateway" };
    add("inside", Some(t.inside.map_or_else(|| nobody.to_owned(), |inside| inside.to_string())));
    add("inside remote", told(t.inside_remote));
    match &record.fact {
        Fact::Event(event) => event_fields(event, &mut add),
        Fact::Whole { start, end, .. } => {
            add("start", Some(span(*start)));
            add("end", Some(span(*end)));
        }
    }
    if let Some(request) = &record.request {
        request_fields(request, &mut add);
    }
    fields
}

fn event_fields(event: &Event, add: &mut impl FnMut(&'static str, Option<String>)) {
    add("event", Some(format!("{:?}", event.kind).to_lowercase()));
    add("at", Some(event.at.to_string()));
    add("state", event.state.map(str::to_owned));
    add("time-out", event.timeout.map(|timeout| format!("{} s", timeout.as_secs())));
    add("lasted", event.lasted.map(|lasted| format!("{} s", lasted.as_secs())));
    add("started", event.started.map(span));
    add("stopped", event.stopped.map(span));
    add("id", event.entry.map(|id| id.to_string()));
}

fn request_fields(request: &Request, add: &mut impl FnMut(&'static str, Option<String>)) {
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
    let layer = match request.layer {
        Layer::Request => "one request",
        Layer::Connection => "a whole connection",
    };
    add("about", Some(layer.to_owned()));
    add("client", request.client_claimed.then(|| "claimed by a header: never a key".to_owned()));
    add("host", text(&request.host));
    add("method", text(&request.method));
    add("path", text(&request.path));
    add("agent", text(&request.agent));
    add("status", request.status.map(|status| status.to_string()));
    add("position", request.position.map(|position| position.to_string()));
    for tried in &request.tries {
        let backend =
            told(tried.backend).or_else(|| text(&tried.server)).unwrap_or_else(|| "not named".to_owned());
        let outcome = [tried.status.map(|status| status.to_string()), text(&tried.outcome)];
        let outcome: Vec<String> = outcome.into_iter().flatten().collect();
        add(
            "tried",
            Some(if outcome.is_empty() { backend } else { format!("{backend} ({})", outcome.join(", ")) }),
        );
    }
}

/// What an alert says.
pub(super) fn alert_fields(facts: &AlertFacts) -> Fields {
    let mut fields = Fields::new();
    let mut add = |name, value: Option<String>| fields.extend(value.map(|value| (name, value)));
    add("signature", facts.context.signature.as_deref().map(str::to_owned));
    add("at", Some(span(facts.at)));
    add("protocol", Some(facts.protocol.to_string()));
    add("src", Some(facts.ends.src.to_string()));
    add("dest", Some(facts.ends.dest.to_string()));
    add("opened by", facts.opened_by.map(|end| format!("{end:?}").to_lowercase()));
    if let Some(http) = &facts.context.http {
        let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(str::to_owned);
        add("host", text(&http.host));
        add("method", text(&http.method));
        add("path", text(&http.url));
        add("agent", text(&http.agent));
        add("status", http.status.map(|status| status.to_string()));
        add("position", http.position.map(|position| position.to_string()));
    }
    fields
}

/// What a host agent's record says.
pub(super) fn socket_fields(socket: &Socket) -> Fields {
    let mut fields = vec![("host", socket.instance.to_string())];
    fields.extend(socket.container.as_ref().map(|container| ("container", container.to_string())));
    fields.push((
        "process",
        format!("{} ({})", socket.process.name.as_deref().unwrap_or("?"), socket.process.pid),
    ));
    fields.push(("protocol", socket.protocol.to_string()));
    fields.push(("local", socket.local.to_string()));
    fields.push(("remote", socket.remote.to_string()));
    fields.push(("lived", span(socket.lived)));
    fields
}

fn told(endpoint: Option<Endpoint>) -> Option<String> {
    endpoint.map(|endpoint| endpoint.to_string())
}

/// A moment, or from when to when it may have been.
fn span(span: Span) -> String {
    match (span.from().finite(), span.to().finite()) {
        (Some(from), Some(to)) if from == to => from.to_string(),
        (Some(from), Some(to)) => format!("between {from} and {to}"),
        (Some(from), None) => format!("{from} or later"),
        (None, Some(to)) => format!("{to} or earlier"),
        (None, None) => "unknown".to_owned(),
    }
}
