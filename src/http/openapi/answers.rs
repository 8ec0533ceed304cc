//! What is answered, as the schemas of OpenAPI have it. `answer` makes these; `tests/openapi` compares the two, by what a
//! running gateway answers to thousands of requests.

use crate::http::answer::Kind;
use crate::plugin::Route;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The problems that a `POST` to a route of a plugin can be answered with: all but those of the admin port and of another
/// method. A new kind belongs here.
const PROBLEMS: [Kind; 27] = [
    Kind::RecordRejected,
    Kind::RecordTooLarge,
    Kind::RecordFailed,
    Kind::RecordsRejected,
    Kind::RecordsFailed,
    Kind::BatchRejected,
    Kind::RouteUnknown,
    Kind::PluginUnavailable,
    Kind::UriTooLong,
    Kind::NotAcceptable,
    Kind::QueryInvalid,
    Kind::HeaderInvalid,
    Kind::TransferEncodingUnsupported,
    Kind::ContentTypeUnsupported,
    Kind::ContentEncodingUnsupported,
    Kind::BodyTooLarge,
    Kind::BodyTooSlow,
    Kind::BodyUndecodable,
    Kind::BodyIncomplete,
    Kind::BodyEmpty,
    Kind::BodyMalformed,
    Kind::TooManyRecords,
    Kind::Overloaded,
    Kind::KeyInProgress,
    Kind::KeyReused,
    Kind::Panicked,
    Kind::Forbidden,
];

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// By status: all that a route's `POST` can be answered with.
pub(super) fn of(route: &Route) -> Value {
    let mut responses = Map::new();
    let body = |description: &str| {
        let single = single(route);
        json!({
            "description": description,
            "headers": headers(),
            "content": { JSON: { "schema": { "anyOf": [single, reference("Sluicegate.Batch")] } } },
        })
    };
    responses.insert(
        "200".to_owned(),
        body("Every record is committed, or is valid and its plugin does not want it published."),
    );
    responses.insert(
        "202".to_owned(),
        body(
            "Every record is durable, and at least one is only stored, to be delivered later, or was set aside for \
             the operator.",
        ),
    );
    responses.insert(
        "207".to_owned(),
        json!({
            "description": "Of a batch: some records are durable, the others rejected. Only those are to be corrected.",
            "headers": headers(),
            "content": { JSON: { "schema": reference("Sluicegate.Batch") } },
        }),
    );
    let statuses: BTreeMap<u16, ()> = PROBLEMS.iter().map(|kind| (kind.status().as_u16(), ())).collect();
    for status in statuses.into_keys() {
        let name = format!("#/components/responses/{status}");
        responses.insert(status.to_string(), json!({ "$ref": name }));
    }
    responses.into()
}

/// The problems, by status.
pub(super) fn responses() -> Value {
    let mut by_status: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    for kind in PROBLEMS {
        by_status.entry(kind.status().as_u16()).or_default().push(kind);
    }
    let response = |kinds: &[Kind]| {
        let titles: Vec<String> =
            kinds.iter().map(|kind| format!("- {} (`{}`)", kind.title(), kind.urn())).collect();
        let mut headers = headers();
        if kinds.iter().any(|kind| matches!(kind.status().as_u16(), 409 | 503)) {
            headers["Retry-After"] = json!({
                "description": "Seconds after which it may be sent again.",
                "schema": { "type": "integer", "minimum": 1 },
            });
        }
        json!({
            "description": titles.join("\n"),
            "headers": headers,
            "content": { PROBLEM: { "schema": reference("Sluicegate.Problem") } },
        })
    };
    by_status
        .iter()
        .map(|(status, kinds)| (status.to_string(), response(kinds)))
        .collect::<Map<String, Value>>()
        .into()
}

fn headers() -> Value {
    json!({ "X-Request-Id": { "description": "The request's.", "schema": { "type": "string" } } })
}

/// The answer to one record that is safe.
fn single(route: &Route) -> Value {
    let mut schema = json!({
        "type": "object",
        "required": ["message", "record_id", "status"],
        "properties": {
            "message": { "type": "string", "examples": [format!("{} ingested successfully", route.title)] },
            "record_id": reference("Sluicegate.RecordId"),
            "status": { "enum": ["committed", "stored", "discarded", "quarantined"] },
            "warnings": { "type": "array", "items": reference("Sluicegate.Violation"), "minItems": 1 },
        },
    });
    if let Some(field) = &route.id_field {
        schema["properties"][field] = json!({ "type": "string", "description": "The record's own." });
    }
    schema
}

pub(super) fn schemas() -> Map<String, Value> {
    let count = || json!({ "type": "integer", "minimum": 0 });
    let outcomes = ["committed", "stored", "discarded", "rejected", "quarantined", "failed"];
    let counts: Map<String, Value> = outcomes.iter().map(|name| ((*name).to_owned(), count())).collect();
    let result = json!({
        "type": "object",
        "required": ["index", "status"],
        "properties": {
            "index": { "type": "integer", "minimum": 0, "description": "In the request, from 0." },
            "status": { "enum": outcomes },
            "record_id": reference("Sluicegate.RecordId"),
            "reason": { "type": "string" },
            "warnings": { "type": "array", "items": reference("Sluicegate.Violation") },
            "violations": { "type": "array", "items": reference("Sluicegate.Violation") },
            "violations_omitted": { "type": "integer", "minimum": 1 },
        },
    });
    let results = json!({
        "type": ["array", "null"],
        "items": reference("Sluicegate.Result"),
        "description": "One for each record, or with results=errors for those only that were not accepted. Null: there was \
                        no memory for them.",
    });
    let Value::Object(schemas) = json!({
        "Sluicegate.RecordId": {
            "type": "string",
            "description": "The same through spool, repetitions and restarts: consumers tell duplicates by it.",
            "pattern": "^[0-9A-HJKMNP-TV-Z]{26}$",
        },
        "Sluicegate.Violation": {
            "type": "object",
            "required": ["pointer", "code", "message"],
            "properties": {
                "pointer": { "type": "string", "description": "A JSON Pointer (RFC 6901); empty for all of the record." },
                "code": { "type": "string", "description": "For programs; stable between versions of the plugin." },
                "message": { "type": "string" },
                "parameters": { "type": "object", "additionalProperties": { "type": "string" } },
            },
        },
        "Sluicegate.Counts": { "type": "object", "required": outcomes, "properties": counts },
        "Sluicegate.Result": result,
        "Sluicegate.Batch": {
            "type": "object",
            "required": ["counts", "results"],
            "properties": { "counts": reference("Sluicegate.Counts"), "results": results },
        },
        "Sluicegate.Problem": {
            "type": "object",
            "required": ["type", "title", "status", "detail", "request_id"],
            "properties": {
                "type": { "type": "string", "format": "uri", "description": "For programs; stable." },
                "title": { "type": "string" },
                "status": { "type": "integer" },
                "detail": { "type": "string", "description": "What is wrong and what to do." },
                "request_id": { "type": "string" },
                "record_id": reference("Sluicegate.RecordId"),
                "reason": { "type": "string" },
                "violations": { "type": "array", "items": reference("Sluicegate.Violation"), "minItems": 1 },
                "counts": reference("Sluicegate.Counts"),
                "results": results,
            },
        },
    }) else {
        return Map::new();
    };
    schemas
}

/// `/health`.
pub(super) fn health() -> Value {
    let answer = |word: &str, description: &str| {
        json!({
            "description": description,
            "headers": headers(),
            "content": { JSON: { "schema": {
                "type": "object",
                "required": ["status", "version"],
                "properties": { "status": { "const": word }, "version": { "type": "string" } },
            } } },
        })
    };
    json!({ "get": {
        "operationId": "health",
        "summary": "Whether records can be taken now",
        "responses": {
            "200": answer("healthy", "They can."),
            "503": answer("unhealthy", "They cannot at present; the admin port's /readyz says why."),
        },
    } })
}
