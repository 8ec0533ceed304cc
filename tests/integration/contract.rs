//! Everything the contract can say, served: the plugin `conformance` does what its records tell it.

use crate::harness::{Gateway, header, ndjson};
use hyper::Method;
use serde_json::{Value, json};
use sluicegate::sink::log::Entry;

const COMMANDS: &str = "/conformance/acme/commands";
const SETTINGS: &str = "[plugin.conformance.settings]\nregion = \"north\"\nlimit = 7\napi_token = \"hush\"\n\
                        [plugin.conformance.topics]\n\"conformance.other\" = \"mapped.other\"\n";

async fn gateway() -> Gateway {
    Gateway::with(&["tests/fixtures/conformance.wasm"], SETTINGS).await
}

fn command(what: &str) -> String {
    format!(r#"{{"id":"{what}","do":"{what}"}}"#)
}

fn value(entry: &Entry) -> &str {
    std::str::from_utf8(entry.value.as_ref().unwrap()).unwrap()
}

#[tokio::test]
async fn accepted_records_go_where_and_as_the_plugin_says() {
    let gateway = gateway().await;
    for what in ["accept", "header", "tombstone", "replace", "replace_text", "second_topic"] {
        let answer = gateway.post(COMMANDS, command(what)).await;
        assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(what)), "{}", answer.text());
    }
    let usual = gateway.entries("conformance");
    assert_eq!(usual.len(), 5);
    assert_eq!(value(&usual[0]), command("accept"));
    assert_eq!(usual[0].key.as_deref(), Some(&b"accept"[..]));
    assert_eq!(header(&usual[1], "x-conformance"), Some("yes"));
    assert!(usual[1].headers.iter().any(|(name, value)| name == "x-binary" && value[..] == [0, 255]));
    assert_eq!(usual[2].value, None, "a tombstone");
    assert_eq!(value(&usual[3]), r#"{"replaced":true}"#);
    assert_eq!((value(&usual[4]), header(&usual[4], "content-type")), ("replaced", Some("text/plain")));
    let mapped = gateway.entries("mapped.other");
    assert_eq!(mapped.iter().map(value).collect::<Vec<_>>(), [command("second_topic")]);
}

#[tokio::test]
async fn a_split_record_becomes_its_parts_each_with_an_id_of_its_own() {
    let gateway = gateway().await;
    let record = r#"{"do":"split","parts":[{"name":"a"},{"name":"b","weight":2}]}"#;
    let answer = gateway.post(COMMANDS, record).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let parts = gateway.entries("conformance");
    assert_eq!(
        parts.iter().map(value).collect::<Vec<_>>(),
        [r#"{"part":"a","weight":0}"#, r#"{"part":"b","weight":2}"#]
    );
    assert_eq!((parts[0].part, parts[1].part), (Some(0), Some(1)));
    assert_eq!(parts[0].id, parts[1].id);
}

#[tokio::test]
async fn warnings_discards_and_failures_are_told_apart() {
    let gateway = gateway().await;
    let warned = gateway.post(COMMANDS, command("warn")).await;
    assert_eq!(warned.status, 200);
    let codes: Vec<Value> =
        warned.json()["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].clone()).collect();
    assert_eq!(codes, ["deprecated", "unusual"]);
    let discarded = gateway.post(COMMANDS, command("discard")).await;
    assert_eq!((discarded.status, &discarded.json()["status"]), (200, &json!("discarded")));
    let failed = gateway.post(COMMANDS, command("fail")).await;
    assert_eq!((failed.status, &failed.json()["status"]), (202, &json!("quarantined")));
    let rejected = gateway.post(COMMANDS, command("reject")).await;
    assert_eq!(rejected.status, 422);
    assert_eq!(rejected.json()["violations"][1]["parameters"]["max"], "3", "{}", rejected.text());
    assert_eq!(gateway.entries("conformance").len(), 1);
    let letters = gateway.entries("conformance.dead-letter");
    assert_eq!(letters.len(), 1);
    assert_eq!(header(&letters[0], "sluicegate-fault-detail"), Some("told to fail"));
}

#[tokio::test]
async fn a_plugin_sees_what_it_asked_for_and_nothing_else() {
    let gateway = gateway().await;
    let headers = [
        ("content-type", "application/json"),
        ("x-tenant", "acme-2"),
        ("authorization", "Bearer secret"),
        ("cookie", "secret"),
    ];
    let answer = gateway.send(Method::POST, "/conformance/ac%20me/commands", &headers, command("echo")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let echoed: Value = serde_json::from_str(value(&gateway.entries("conformance")[0])).unwrap();
    assert_eq!(echoed["tenant"], "ac me");
    assert_eq!(echoed["x-tenant"], "acme-2");
    assert_eq!(
        (&echoed["region"], &echoed["limit"], &echoed["api_token_bytes"]),
        (&json!("north"), &json!("7"), &json!("4"))
    );
    assert!(echoed["received_at"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000_000);
    assert!(echoed.get("authorization").is_none() && echoed.get("caller").is_none(), "{echoed}");
    let limited = gateway.post(COMMANDS, r#"{"do":"accept","value":8}"#).await;
    assert_eq!((limited.status, &limited.json()["violations"][0]["code"]), (422, &json!("over_limit")));
}

#[tokio::test]
async fn lines_and_whole_bodies_are_records_too() {
    let gateway = gateway().await;
    let csv = [("content-type", "text/csv; charset=utf-8")];
    let answer =
        gateway.send(Method::POST, "/conformance/readings", &csv, "kitchen, 21.5\r\n\nattic,warm\n").await;
    assert_eq!(answer.status, 207, "{}", answer.text());
    assert_eq!(answer.json()["results"][1]["violations"][0]["code"], "float_parsing");
    let readings = gateway.entries("conformance.readings");
    assert_eq!(readings.iter().map(value).collect::<Vec<_>>(), [r#"{"sensor":"kitchen","celsius":21.5}"#]);
    assert_eq!(header(&readings[0], "content-type"), None, "what replaced the line is JSON");

    let whole = [("content-type", "application/octet-stream")];
    let blob = b"BLOB\x00\xff[,]".to_vec();
    let answer = gateway.send(Method::POST, "/conformance/blobs", &whole, blob.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let blobs = gateway.entries("conformance.blobs");
    assert_eq!(blobs[0].value.as_deref(), Some(&blob[..]));
    assert_eq!(header(&blobs[0], "content-type"), Some("application/octet-stream"));
    assert_eq!(gateway.post("/conformance/blobs", "BLOB").await.status, 415);
}

#[tokio::test]
async fn every_kind_of_instrument_is_measured() {
    let gateway = gateway().await;
    let lines = [r#"{"do":"measure","value":5}"#, r#"{"do":"measure","value":2}"#, r#"{"do":"reject"}"#];
    let answer = gateway.post_lines(COMMANDS, ndjson(lines.map(str::to_owned))).await;
    assert_eq!(answer.status, 207, "{}", answer.text());
    let metrics = gateway.admin(Method::GET, "/metrics").await.text();
    let sample = |start: &str| {
        let line = metrics.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("{start} is not in\n{metrics}")).rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(sample("conformance_counter_total{"), "7");
    assert_eq!(sample("conformance_up_down"), "-7");
    assert_eq!(sample("conformance_histogram_milliseconds_sum{"), "7");
    assert_eq!(sample("conformance_default_histogram_count"), "2");
    assert_eq!(sample("conformance_exponential_sum{"), "7");
    assert_eq!(sample("conformance_gauge_celsius{"), "2");
    assert_eq!(sample("conformance_judged_total"), "3");
    assert!(metrics.contains(r#"conformance_rejected_total{code="first"} 1"#), "{metrics}");
}

#[tokio::test]
async fn a_plugin_without_its_required_setting_is_refused_by_its_name() {
    let plugins = ["tests/fixtures/conformance.wasm", "plugins/insurance-claim.wasm"];
    let gateway = Gateway::with(&plugins, "").await;
    let status = gateway.status().await;
    let reason = status["refused"][0]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("region") && reason.contains("[plugin.conformance.settings]"), "{status:#}");
}
