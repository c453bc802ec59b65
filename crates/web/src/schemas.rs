//! What is in the OpenAPI document by name.

use serde_json::{Map, Value, json};

/// An object of exactly these members, all of which are always there.
fn object(what: &str, members: &Value) -> Value {
    let required: Vec<&String> = members.as_object().into_iter().flat_map(Map::keys).collect();
    json!({
        "type": "object", "description": what, "properties": members, "required": required,
        "additionalProperties": false,
    })
}

fn list(of: &str) -> Value {
    json!({"type": "array", "items": reference(of)})
}

pub(crate) fn reference(to: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{to}")})
}

fn or_null(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

/// All of them.
pub(crate) fn schemas() -> Value {
    let mut all = Map::new();
    for schemas in [said(), site(), done(), others()] {
        if let Value::Object(schemas) = schemas {
            all.extend(schemas);
        }
    }
    Value::Object(all)
}

fn text() -> Value {
    json!({"type": "string"})
}

fn number() -> Value {
    json!({"type": "integer"})
}

fn truth() -> Value {
    json!({"type": "boolean"})
}

fn moment() -> Value {
    json!({"type": "string", "format": "date-time"})
}

/// A page of a list.
fn page(what: &str, name: &str, of: &str) -> Value {
    let next = "Where the next page begins: give it as `after`. Also at the end, to go on later.";
    let mut page = json!({
        "next": {"type": "string", "description": next},
        "more": {"type": "boolean", "description": "Whether there is more by now."},
    });
    page[name] = list(of);
    object(what, &page)
}

/// Alerts, and what was said of them.
fn said() -> Value {
    json!({
        "Alerts": page("A page of alerts.", "alerts", "ListedAlert"),
        "ListedAlert": object("An alert, and how it stands.", &json!({
            "id": text(), "arrived": moment(), "source": text(), "format": text(), "trace": or_null(&reference("Standing")),
        })),
        "Standing": object("What was said of an alert last, in short.", &json!({
            "revision": number(), "said": moment(), "status": text(), "final": truth(),
        })),
        "Alert": object("An alert, as it came, and what was said of it last.", &json!({
            "id": text(), "arrived": moment(), "source": text(), "format": text(), "raw": text(),
            "raw_encoding": {"enum": ["utf-8", "base64"], "description": "How `raw` stands for the alert's bytes."},
            "trace": or_null(&reference("Trace")),
        })),
        "Revisions": object("Every revision of one alert's trace, in order.", &json!({
            "alert_id": text(), "traces": list("Said"),
        })),
        "Traces": page("A page of what was said.", "traces", "Said"),
        "Said": object("A revision that was said.", &json!({
            "sequence": {"type": "integer", "description": "Its place among all that were said."},
            "alert_id": text(), "said": moment(), "trace": reference("Trace"),
        })),
        "Trace": {
            "type": "object",
            "description": "The contract: docs/trace.md, and docs/trace.schema.json exactly.",
            "required": ["version", "alert_id", "status", "final", "revision", "late", "waited_ms"],
        },
    })
}

/// The site, its logs, and who is behind an address.
fn site() -> Value {
    json!({
        "Lookup": {
            "type": "object",
            "description": "Who held the endpoint: as `unmasq lookup --json`, see docs/user-guide.md.",
            "required": ["outside", "from", "to", "holders", "final", "reason", "gateways", "would_narrow", "unlisted"],
        },
        "Sessions": object("What logs say of an endpoint.", &json!({
            "sessions": list("Session"), "unlisted": number(),
        })),
        "Session": object("A session, as its logs tell it.", &json!({
            "start": reference("Covered"), "end": reference("Covered"), "gateway": text(), "protocol": or_null(&text()),
            "role": {"enum": ["client", "server", "unknown"]}, "outside": or_null(&reference("Endpoint")),
            "ports": {"anyOf": [{"type": "array", "items": number(), "minItems": 2, "maxItems": 2}, {"type": "null"}]},
            "remote": or_null(&reference("Endpoint")), "inside": or_null(&reference("Endpoint")), "inside_realm": text(),
            "inside_remote": or_null(&reference("Endpoint")), "evidence": list("Line"),
        })),
        "Endpoint": object("An address, and a port.", &json!({"ip": text(), "port": or_null(&number())})),
        "Line": {
            "type": "object", "description": "A line of a log; without `record` if the store does not keep it.",
            "properties": {"source": text(), "line": number(), "record": text()},
            "required": ["source", "line"], "additionalProperties": false,
        },
        "Logs": object("The session logs that were read.", &json!({"logs": list("Log")})),
        "Log": object("A session log.", &json!({
            "name": text(), "gateway": or_null(&text()), "format": text(), "files": number(), "records": number(),
            "covered": or_null(&reference("Covered")),
        })),
        "Covered": object("From the earliest to the latest moment() of which a log tells.", &json!({
            "from": or_null(&moment()), "to": or_null(&moment()),
        })),
        "Accounts": object("All accounts, in order of id.", &json!({"accounts": list("Account")})),
        "Account": object("An account, and what is known to be its own.", &json!({
            "account": text(), "regions": {"type": "array", "items": text()},
            "realms": {"type": "array", "items": text(), "description": "Such as VPCs."},
            "gateways": {"type": "array", "items": text()},
            "assets": {"type": "integer", "description": "How many machines it has, or had."},
        })),
        "Exporters": object("All session logs, in order of name.", &json!({"exporters": list("Exporter")})),
        "Exporter": object("How well a session log is delivered.", &json!({
            "log": text(), "gateways": {"type": "array", "items": text()}, "format": text(), "records": number(),
            "skipped": {"type": "integer", "description": "Lines that could not be read."},
            "seen": or_null(&moment()), "until": or_null(&moment()), "watermark": or_null(&moment()),
            "delays": reference("Delays"), "silences": list("Silence"),
            "silent_since": {"anyOf": [moment(), {"type": "null"}], "description": "Since when nothing comes although alerts need it."},
        })),
        "Delays": object("From what a record tells to when it was read; null while too few are known.", &json!({
            "records": number(), "p50_ms": or_null(&number()), "p99_ms": or_null(&number()), "p999_ms": or_null(&number()),
            "max_ms": or_null(&number()), "histogram": list("DelayBucket"),
        })),
        "DelayBucket": object("So many with a delay up to that, and beyond the one before.", &json!({
            "up_to_ms": number(), "records": number(),
        })),
        "Silence": object("A time in which nothing came, longer than usual.", &json!({"from": moment(), "to": moment()})),
        "Gateways": object("All gateways, in order of name.", &json!({"gateways": list("Gateway")})),
        "Gateway": object("A gateway.", &json!({
            "name": text(), "kind": {"enum": ["nat", "node", "balancer"]},
            "account": or_null(&text()), "region": or_null(&text()), "outside_realm": text(), "inside_realm": text(),
            "named": {"type": "boolean", "description": "Whether the configuration names it; else it was discovered in a log."},
            "connected": {"type": "boolean", "description": "Whether a log of it is read."},
            "logs": list("GatewayLog"), "met": moment(), "switches": reference("Switches"),
        })),
        "GatewayLog": object("A log of a gateway.", &json!({"name": text(), "format": text()})),
        "Switches": object("The switches of a gateway.", &json!({
            "attack": reference("Switch"), "sensitive": reference("Switch"),
        })),
        "Switch": object("A switch, with its history.", &json!({
            "on": truth(),
            "initially": {"type": "boolean", "description": "Whether it was on before anybody turned it."},
            "turned": list("Turn"),
        })),
        "Turn": object("How a switch was turned.", &json!({
            "at": {"type": "string", "format": "date-time", "description": "From when on, by the time of logs and alerts."},
            "on": truth(), "by": {"type": "string", "description": "The name of a token, or `configuration`."},
        })),
    })
}

/// What is asked to be done, and what came of it.
fn done() -> Value {
    json!({
        "SwitchWanted": object("What a switch is to be.", &json!({"on": truth()})),
        "Switched": object("What it is by now, and since when.", &json!({"on": truth(), "at": moment()})),
        "BackfillWanted": object("Which alerts: those that came from one moment() to before another.", &json!({
            "from": moment(), "to": moment(),
        })),
        "Backfilled": object("How many alerts are traced again.", &json!({"alerts": number()})),
        "Batch": {"type": "string", "description": "Lines, in the format that the configuration says of the place; `Content-Type` may be any."},
        "BatchTaken": object("That a batch is kept.", &json!({
            "lines": {"type": "integer", "description": "How many of its lines hold anything; 0 if it was taken before."},
            "repeated": {"type": "boolean", "description": "Whether it was taken before."},
        })),
        "Acts": page("A page of what was done.", "acts", "Act"),
        "Act": object("Something that was done.", &json!({
            "sequence": number(), "at": moment(), "by": text(),
            "what": {"type": "object", "description": "`act` says what: `switch` or `backfill`; its details beside it."},
        })),
    })
}

fn others() -> Value {
    json!({
        "Document": {"type": "object", "description": "An OpenAPI document."},
        "Problem": {
            "type": "object",
            "description": "RFC 9457.",
            "properties": {"type": text(), "title": text(), "status": number(), "detail": text(), "parameter": text()},
            "required": ["type", "title", "status", "detail"],
            "additionalProperties": false,
        },
    })
}
