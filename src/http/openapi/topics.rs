//! The topics, for those who read from them.

use super::{schema, schema_name};
use crate::plugin::Manifest;
use crate::record::Input;
use serde_json::{Map, Value, json};

const VERSION: &str = "3.0.0";

/// The document of these plugins' topics. `brokers`: where they are, if in Kafka.
pub fn asyncapi<'a>(manifests: impl Iterator<Item = &'a Manifest>, brokers: Option<&str>) -> Value {
    let (mut channels, mut operations) = (Map::new(), Map::new());
    let (mut messages, mut schemas) = (Map::new(), Map::new());
    for manifest in manifests {
        for (number, route) in manifest.routes.iter().enumerate() {
            let name = schema_name(manifest, number);
            let mut message = json!({
                "name": name,
                "title": route.title,
                "summary": route.summary,
                "contentType": content_type(&route.input),
                "headers": headers(),
            });
            if let Some(mut schema) = schema(route, &name) {
                // In this document they are elsewhere by name only.
                schema["title"] = json!(route.title);
                schemas.insert(name.clone(), schema);
                message["payload"] = json!({ "$ref": format!("#/components/schemas/{name}") });
            }
            messages.insert(name.clone(), message);
            for topic in &route.topics {
                let channel = channels.entry(topic.to_string()).or_insert_with(|| {
                    json!({ "address": &**topic, "messages": {}, "bindings": { "kafka": { "topic": &**topic } } })
                });
                channel["messages"][&name] = json!({ "$ref": format!("#/components/messages/{name}") });
                let of_channel = format!("#/channels/{}", topic.replace('~', "~0").replace('/', "~1"));
                operations
                    .entry(format!("send-{topic}"))
                    .or_insert_with(|| json!({ "action": "send", "channel": { "$ref": of_channel } }));
            }
        }
    }
    let mut document = json!({
        "asyncapi": VERSION,
        "info": {
            "title": "Sluicegate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the live plugins publish. At least once: duplicates have the same sluicegate-record-id.",
        },
        "channels": channels,
        "operations": operations,
        "components": { "messages": messages, "schemas": schemas },
    });
    if let Some(brokers) = brokers {
        document["servers"] = json!({ "kafka": { "host": brokers, "protocol": "kafka" } });
    }
    document
}

fn content_type(input: &Input) -> &str {
    match input {
        Input::Json => "application/json",
        Input::Lines(types) | Input::Whole(types) => {
            types.first().map_or("application/octet-stream", String::as_str)
        }
    }
}

/// The gateway's own; plugins and CloudEvents add theirs.
fn headers() -> Value {
    json!({
        "type": "object",
        "properties": {
            "sluicegate-record-id": { "type": "string", "description": "Duplicates have the same." },
            "sluicegate-plugin": { "type": "string", "description": "Name, version and digest of the plugin that accepted it." },
            "traceparent": { "type": "string", "description": "W3C Trace Context, where the request had one or is traced." },
        },
    })
}
