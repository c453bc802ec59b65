//! The OpenAPI document, made of the routes.

use crate::{
    access::Access,
    asked::{Form, Parameter},
    problem::PROBLEM,
    routes::{ROUTES, Route},
    schemas::{reference, schemas},
};
use serde_json::{Map, Value, json};

/// What the API is: an OpenAPI 3.1 document.
#[must_use]
pub fn document() -> Value {
    let paths: Map<String, Value> =
        ROUTES.iter().map(|route| (route.path.to_owned(), json!({route.method: operation(route)}))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "unmasq",
            "version": "1",
            "description": "Who is really behind a shared address: what was said about each alert, and look-ups; \
                            and the switches of gateways.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {"token": {
                "type": "http", "scheme": "bearer",
                "description": "Needed once the configuration has [[http.tokens]].",
            }},
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = route.parameters.iter().map(parameter).collect();
    for (name, schema, what) in [
        ("place", json!({"type": "string"}), "The name of a [[push]] in the configuration."),
        ("class", json!({"enum": ["attack", "sensitive"]}), "Which alerts are meant."),
        ("name", json!({"type": "string"}), "The gateway's name, as `/v1/gateways` lists it."),
        ("id", json!({"type": "string"}), "The alert's id, as `/v1/alerts` lists it."),
    ] {
        if route.path.contains(&format!("{{{name}}}")) {
            parameters.insert(
                0,
                json!({"name": name, "in": "path", "required": true, "schema": schema, "description": what}),
            );
        }
    }
    let schema = match route.schema {
        Some(name) => json!({"$ref": format!("#/components/schemas/{name}")}),
        None => json!({"type": "string"}),
    };
    let content = Map::from_iter([(route.media.to_owned(), json!({"schema": schema}))]);
    let mut responses =
        Map::from_iter([("200".to_owned(), json!({"description": "As it is now.", "content": content}))]);
    for status in route.statuses().skip(1) {
        let schema = json!({"$ref": "#/components/schemas/Problem"});
        let content = Map::from_iter([(PROBLEM.to_owned(), json!({"schema": schema}))]);
        responses.insert(status.to_string(), json!({"description": meaning(status), "content": content}));
    }
    // Where no token is configured none is needed.
    let security = if route.access == Access::Anybody { json!([]) } else { json!([{"token": []}, {}]) };
    if route.access == Access::Writers {
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": true,
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            "description": "The sender's id of the batch: no other of that place has it.",
        }));
        parameters.push(json!({
            "name": "Content-Encoding", "in": "header", "required": false,
            "schema": {"enum": ["identity", "gzip", "zstd"]}, "description": "How the batch is packed.",
        }));
    }
    let mut operation = json!({
        "summary": route.what, "parameters": parameters, "responses": responses, "security": security,
    });
    if let Some(body) = route.body {
        let media = if body == "Batch" { "text/plain" } else { "application/json" };
        let content = Map::from_iter([(media.to_owned(), json!({"schema": reference(body)}))]);
        // A batch may be empty.
        operation["requestBody"] = json!({"required": body != "Batch", "content": content});
    }
    operation
}

fn parameter(parameter: &Parameter) -> Value {
    let Parameter { name, what, form, example, is_needed } = parameter;
    let (schema, example) = match form {
        Form::Text => (json!({"type": "string"}), json!(example)),
        Form::Place => (json!({"type": "string", "pattern": "^[0-9]{1,18}$"}), json!(example)),
        Form::Number(least, most) => (
            json!({"type": "integer", "minimum": least, "maximum": most}),
            json!(example.parse::<u32>().unwrap_or_default()),
        ),
    };
    json!({
        "name": name, "in": "query", "required": is_needed, "description": what, "schema": schema, "example": example,
    })
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => {
            "A parameter, or the body, cannot be used; `parameter` says which, `detail` what to give instead."
        }
        401 => "A token is needed, and none is sent, or another.",
        403 => "Whoever asks may not.",
        404 => "There is nothing like that.",
        408 => "It was not sent to its end in time.",
        413 => "It has more bytes than are taken at a time; `detail` says how many are.",
        409 => "It cannot be done as things stand; `detail` says what has to be done first.",
        415 => "What is sent is in another form than is read here.",
        503 => "Not now: come again after `Retry-After` seconds.",
        _ => "Something went wrong; the log of the service says what.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    /// Renewed by `UNMASQ_ACCEPT=1 cargo test -p unmasq-web`.
    #[test]
    fn the_committed_document_is_this_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        if std::env::var_os("UNMASQ_ACCEPT").is_some() {
            let text = serde_json::to_string_pretty(&document()).unwrap() + "\n";
            fs::write(&path, text).unwrap();
        }
        let committed = fs::read(&path).unwrap_or_default();
        let committed: Value = serde_json::from_slice(&committed).unwrap_or_default();
        assert!(
            committed == document(),
            "docs/openapi.json is stale: UNMASQ_ACCEPT=1 cargo test -p unmasq-web"
        );
    }

    #[test]
    fn every_schema_that_is_named_is_there() {
        let text = document().to_string();
        for named in text.split("#/components/schemas/").skip(1) {
            let name = named.split('"').next().unwrap();
            assert!(document()["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}
