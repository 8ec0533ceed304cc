//! The API as the live plugins make it: OpenAPI 3.1 of the routes, AsyncAPI 3.0 of the topics.
//!
//! <https://spec.openapis.org/oas/v3.1.1>, <https://www.asyncapi.com/docs/reference/specification/v3.0.0>

mod answers;
mod topics;

pub use topics::asyncapi;

use crate::plugin::{Manifest, Route};
use crate::record::Input;
use serde_json::{Map, Value, json};

const VERSION: &str = "3.1.1";

/// What `POST` takes beside the body.
const PARAMETERS: [&str; 3] = ["results", "idempotency-key", "x-request-id"];

/// The document of these plugins' routes. `server`: where they are served, if that is known.
pub fn openapi<'a>(manifests: impl Iterator<Item = &'a Manifest>, server: Option<&str>) -> Value {
    let (mut paths, mut schemas, mut tags) = (Map::new(), answers::schemas(), Vec::new());
    for manifest in manifests {
        tags.push(json!({ "name": manifest.name, "description": description(manifest) }));
        for (number, route) in manifest.routes.iter().enumerate() {
            let name = schema_name(manifest, number);
            if let Some(schema) = schema(route, &name) {
                schemas.insert(name.clone(), schema);
            }
            paths.insert(route.path.clone(), json!({ "post": operation(manifest, route, number) }));
        }
    }
    paths.insert("/health".to_owned(), answers::health());
    let mut document = json!({
        "openapi": VERSION,
        "info": {
            "title": "Sluicegate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
        },
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": parameters(),
            "responses": answers::responses(),
        },
    });
    if let Some(server) = server {
        document["servers"] = json!([{ "url": server }]);
    }
    document
}

const ABOUT: &str = "What may be posted here, as the plugins that are live say it. A 2xx means that no record of the \
                     request needs to be sent again; every other answer is a problem (RFC 9457) that says what to do. \
                     Schemas describe, the plugins decide.";

fn description(manifest: &Manifest) -> String {
    match manifest.description.is_empty() {
        true => format!("Version {}", manifest.version),
        false => format!("{}\n\nVersion {}", manifest.description, manifest.version),
    }
}

/// A name that is one in URLs, too.
fn schema_name(manifest: &Manifest, route: usize) -> String {
    match manifest.routes.len() {
        1 => manifest.name.clone(),
        _ => format!("{}.{route}", manifest.name),
    }
}

/// None: the records are no JSON, or nothing is said of them.
fn schema(route: &Route, name: &str) -> Option<Value> {
    if route.input != Input::Json {
        return None;
    }
    let mut schema: Value = serde_json::from_str(&route.schema).ok()?;
    // Its references are to itself, which is now a part of another document.
    move_references(&mut schema, &format!("#/components/schemas/{name}"));
    if let Value::Object(members) = &mut schema {
        members.remove("$schema");
        members.remove("$id");
        members.entry("title").or_insert_with(|| json!(route.title));
    }
    Some(schema)
}

fn move_references(value: &mut Value, to: &str) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::String(reference) if key == "$ref" && reference.starts_with('#') => {
                        *reference = format!("{to}{}", &reference[1..]);
                    }
                    other => move_references(other, to),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| move_references(value, to)),
        _ => {}
    }
}

fn operation(manifest: &Manifest, route: &Route, number: usize) -> Value {
    let mut parameters: Vec<Value> =
        PARAMETERS.iter().map(|name| json!({ "$ref": format!("#/components/parameters/{name}") })).collect();
    parameters.extend(path_parameters(&route.path));
    let topics: Vec<&str> = route.topics.iter().map(|topic| &**topic).collect();
    json!({
        "operationId": operation_id(manifest, number),
        "tags": [manifest.name],
        "summary": if route.summary.is_empty() { &route.title } else { &route.summary },
        "description": format!("Accepted records go to {}. {}", topics.join(", "), also(&route.input)),
        "parameters": parameters,
        "requestBody": { "required": true, "content": content(manifest, route, number) },
        "responses": answers::of(route),
    })
}

/// What is taken beside what the page offers first.
fn also(input: &Input) -> &'static str {
    match input {
        Input::Json => {
            "Bodies may be compressed with gzip or zstd; records may come as CloudEvents 1.0: with headers ce-*, as \
             application/cloudevents+json or as application/cloudevents-batch+json."
        }
        Input::Lines(_) | Input::Whole(_) => "Bodies may be compressed with gzip or zstd.",
    }
}

fn operation_id(manifest: &Manifest, route: usize) -> String {
    format!("post-{}", schema_name(manifest, route))
}

fn path_parameters(path: &str) -> impl Iterator<Item = Value> + '_ {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| {
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } })
    })
}

fn content(manifest: &Manifest, route: &Route, number: usize) -> Value {
    let texts: Vec<(&str, String)> = route
        .examples
        .iter()
        .map(|example| (example.name.as_str(), String::from_utf8_lossy(&example.body).into_owned()))
        .collect();
    match &route.input {
        Input::Json => {
            let record = match route.schema.is_empty() {
                true => json!({}),
                false => {
                    json!({ "$ref": format!("#/components/schemas/{}", schema_name(manifest, number)) })
                }
            };
            // In the plugin's order, as a page shows the first one first.
            let parsed = (1..).zip(&texts).filter_map(|(number, (name, text))| {
                let value: Value = serde_json::from_str(text).ok()?;
                Some((format!("{number:02}-{name}"), json!({ "summary": name, "value": value })))
            });
            let lines: Vec<String> = texts.iter().map(|(_, text)| text.replace(['\n', '\r'], " ")).collect();
            json!({
                "application/json": {
                    "schema": { "anyOf": [record, { "type": "array", "items": record, "minItems": 1 }] },
                    "examples": parsed.collect::<Map<String, Value>>(),
                },
                "application/x-ndjson": {
                    "schema": { "type": "string", "description": "A record a line." },
                    "examples": { "all": { "value": lines.join("\n") } },
                },
            })
        }
        Input::Lines(types) | Input::Whole(types) => {
            let examples: Map<String, Value> =
                texts.iter().map(|(name, text)| ((*name).to_owned(), json!({ "value": text }))).collect();
            let one = json!({ "schema": { "type": "string" }, "examples": examples });
            types.iter().map(|kind| (kind.clone(), one.clone())).collect::<Map<String, Value>>().into()
        }
    }
}

fn parameters() -> Value {
    json!({
        "results": {
            "name": "results",
            "in": "query",
            "description": "Of a batch: the result of each record, or of those only that were not accepted.",
            "schema": { "type": "string", "enum": ["all", "errors"], "default": "all" },
        },
        "idempotency-key": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Any text that the caller sends once for each request and its repetitions: what was settled is \
                            not done again, and the records have the same ids.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        },
        "x-request-id": {
            "name": "X-Request-Id",
            "in": "header",
            "description": "Given back with the answer, and in the gateway's log; one is made where it is missing.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$" },
        },
    })
}

#[cfg(test)]
mod tests;
