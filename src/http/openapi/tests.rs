use super::*;
use crate::plugin::{RouteExample, RoutePolicy};

fn manifest(routes: Vec<Route>) -> Manifest {
    Manifest {
        name: "orders".into(),
        version: "1.2.3".into(),
        description: "Takes *orders*.".into(),
        routes,
        instruments: vec![],
        request_headers: vec![],
    }
}

fn route(path: &str, input: Input, schema: &str, example: &str) -> Route {
    Route {
        path: path.into(),
        input,
        title: "Order".into(),
        id_field: Some("order_id".into()),
        topics: vec!["orders".into(), "big~orders".into()],
        dead_letters: "orders.dead-letter".into(),
        policy: RoutePolicy::default(),
        summary: String::new(),
        schema: schema.into(),
        examples: vec![RouteExample { name: "plain".into(), body: example.to_owned().into() }],
    }
}

const SCHEMA: &str = r##"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
    "properties": {"next": {"$ref": "#"}, "item": {"$ref": "#/$defs/item"}}, "$defs": {"item": {"type": "string"}}}"##;

fn json_route() -> Route {
    route("/v1/{shop}/orders/", Input::Json, SCHEMA, r#"{"order_id": "O-1"}"#)
}

/// Every reference in a document leads somewhere in it.
fn check_references(document: &Value, value: &Value, seen: &mut usize) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                if let (true, Value::String(reference)) = (key == "$ref", value) {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                    *seen += 1;
                }
                check_references(document, value, seen);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| check_references(document, value, seen)),
        _ => {}
    }
}

#[test]
fn a_route_is_told_with_its_schema_its_examples_and_all_its_answers() {
    let manifest = manifest(vec![json_route()]);
    let document = openapi([&manifest].into_iter(), Some("https://ingest.example"));
    assert_eq!(document["openapi"], "3.1.1");
    assert_eq!(document["servers"][0]["url"], "https://ingest.example");
    assert_eq!(document["tags"][0]["description"], "Takes *orders*.\n\nVersion 1.2.3");
    let post = &document["paths"]["/v1/{shop}/orders/"]["post"];
    assert_eq!((&post["operationId"], &post["summary"]), (&json!("post-orders"), &json!("Order")));
    assert_eq!(post["parameters"][3]["name"], "shop");
    let content = &post["requestBody"]["content"];
    assert_eq!(content["application/json"]["examples"]["01-plain"]["value"]["order_id"], "O-1");
    assert_eq!(content["application/x-ndjson"]["examples"]["all"]["value"], r#"{"order_id": "O-1"}"#);
    let statuses: Vec<&String> = post["responses"].as_object().unwrap().keys().collect();
    assert_eq!(
        statuses,
        [
            "200", "202", "207", "400", "403", "404", "406", "408", "409", "413", "414", "415", "422", "500",
            "501", "503"
        ]
    );
    let accepted = &post["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"][0];
    assert_eq!(accepted["properties"]["order_id"]["type"], "string");
    let schema = &document["components"]["schemas"]["orders"];
    assert_eq!(schema["properties"]["item"]["$ref"], "#/components/schemas/orders/$defs/item");
    assert_eq!(schema.get("$schema"), None);
    let mut seen = 0;
    check_references(&document, &document, &mut seen);
    assert!(seen > 20, "{seen}");
}

#[test]
fn what_is_no_json_is_told_by_its_content_types() {
    let lines = route("/lines", Input::Lines(vec!["text/csv".into()]), "", "a,b");
    let manifest = manifest(vec![json_route(), lines]);
    let document = openapi([&manifest].into_iter(), None);
    let content = &document["paths"]["/lines"]["post"]["requestBody"]["content"];
    assert_eq!(content["text/csv"]["examples"]["plain"]["value"], "a,b");
    assert_eq!(document["paths"]["/lines"]["post"]["operationId"], "post-orders.1");
    assert!(document["components"]["schemas"]["orders.0"].is_object());
    assert_eq!(document["components"]["schemas"].get("orders.1"), None);
    assert_eq!(document.get("servers"), None);
}

#[test]
fn topics_are_told_with_what_is_in_them() {
    let manifest = manifest(vec![json_route()]);
    let document = asyncapi([&manifest].into_iter(), Some("kafka:9092"));
    assert_eq!(document["asyncapi"], "3.0.0");
    assert_eq!(document["servers"]["kafka"]["host"], "kafka:9092");
    assert_eq!(document["channels"]["orders"]["address"], "orders");
    assert_eq!(document["components"]["messages"]["orders"]["contentType"], "application/json");
    let mut seen = 0;
    check_references(&document, &document, &mut seen);
    assert!(seen > 4, "{seen}");
}

#[test]
fn a_gateway_without_plugins_tells_its_health() {
    let document = openapi(std::iter::empty(), None);
    assert_eq!(document["paths"].as_object().unwrap().keys().collect::<Vec<_>>(), ["/health"]);
    assert_eq!(asyncapi(std::iter::empty(), None)["channels"], json!({}));
}
