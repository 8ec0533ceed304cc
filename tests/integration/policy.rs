//! What an operator says of one route: whether a batch is taken in part, what an outage means, what is kept.

use crate::harness::{Answer, Gateway, PATIENCE, header, ndjson};
use serde_json::{Value, json};
use std::time::Instant;

const ATOMIC: &str =
    "breaker_faults = 1000\n[plugin.hostile.routes.\"/hostile/\"]\non_invalid = \"atomic\"\n";

fn lines(orders: &[&str]) -> String {
    ndjson(orders.iter().map(|what| format!(r#"{{"do":"{what}"}}"#)))
}

async fn gateway(lines: &str) -> Gateway {
    Gateway::with(&["tests/fixtures/hostile.wasm"], &format!("[plugin.hostile]\n{lines}")).await
}

/// The status of each record, with its reason where it has one.
fn states(answer: &Answer) -> Vec<Value> {
    let results = answer.json()["results"].as_array().unwrap().clone();
    results
        .into_iter()
        .map(|result| match result.get("reason") {
            Some(reason) => json!([result["status"], reason]),
            None => result["status"].clone(),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_atomic_batch_with_a_rejected_record_produces_nothing_and_says_what_of_each() {
    let gateway = gateway(ATOMIC).await;
    let answer = gateway.post_lines("/hostile", lines(&["ok", "reject", "discard", "ok"])).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    let back = json!(["failed", "batch_rejected"]);
    assert_eq!(states(&answer), [back.clone(), json!("rejected"), back.clone(), back]);
    let told = answer.json();
    assert_eq!(told["type"], "urn:sluicegate:problem:batch-rejected");
    assert_eq!(
        told["detail"],
        "1 of 4 records rejected and nothing of the batch is taken, as this route takes one whole or not at all \
         (on_invalid = \"atomic\"); correct what 'violations' name and send the batch again"
    );
    assert_eq!(answer.header("retry-after"), "", "to wait helps nothing");
    assert!(gateway.entries("hostile").is_empty());
    assert_eq!(gateway.metric("hostile_records_total{").await, [""; 0], "nothing is counted as accepted");

    let whole = gateway.post_lines("/hostile", lines(&["ok", "discard", "ok"])).await;
    assert_eq!(whole.status, 200, "{}", whole.text());
    assert_eq!(gateway.entries("hostile").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_atomic_batch_is_not_held_back_by_a_record_that_the_plugin_faults_on() {
    let gateway = gateway(ATOMIC).await;
    let answer = gateway.post_lines("/hostile", lines(&["ok", "trap", "ok"])).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(states(&answer), [json!("committed"), json!(["quarantined", "trap"]), json!("committed")]);
    assert_eq!((gateway.entries("hostile").len(), gateway.entries("hostile.dead-letter").len()), (2, 1));

    // With one rejected, all of them come again: a dead letter beside would be one too many.
    let answer = gateway.post_lines("/hostile", lines(&["ok", "trap", "reject"])).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!((gateway.entries("hostile").len(), gateway.entries("hostile.dead-letter").len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_routes_take_batches_in_part() {
    let lines_of = "[plugin.hostile.routes.\"/elsewhere\"]\non_invalid = \"atomic\"\n";
    let gateway = gateway(lines_of).await;
    let answer = gateway.post_lines("/hostile", lines(&["ok", "reject"])).await;
    assert_eq!(answer.status, 207, "{}", answer.text());
    let notices = gateway.status().await["notices"].clone();
    assert_eq!(
        notices,
        json!([
            "[plugin.hostile.routes.\"/elsewhere\"] has no effect: the plugin has no such route; its routes are /hostile"
        ])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_an_outage_a_route_that_rejects_fails_what_others_store() {
    // Nobody listens on port 1.
    let kafka = "[kafka]\nbrokers = \"127.0.0.1:1\"\nproduce_timeout_ms = 100\n";
    let spools = gateway(kafka).await;
    let answer = spools.post("/hostile", r#"{"do":"ok"}"#).await;
    assert_eq!((answer.status, &answer.json()["status"]), (202, &json!("stored")), "{}", answer.text());

    let rejects =
        gateway(&format!("[plugin.hostile.routes.\"/hostile\"]\non_outage = \"reject\"\n{kafka}")).await;
    let answer = rejects.post("/hostile", r#"{"do":"ok"}"#).await;
    assert_eq!(
        (answer.status, &answer.json()["reason"]),
        (503, &json!("sink_unavailable")),
        "{}",
        answer.text()
    );
}

/// Waits until so many dead letters are there, and gives the fault of each; none: it was rejected.
async fn letters(gateway: &Gateway, wanted: usize) -> Vec<Option<String>> {
    let start = Instant::now();
    loop {
        // The log comes with its first record.
        let there = gateway.data().join("log/hostile.dead-letter").is_dir();
        let entries = if there { gateway.entries("hostile.dead-letter") } else { Vec::new() };
        if entries.len() >= wanted {
            return entries
                .iter()
                .map(|entry| header(entry, "sluicegate-fault").map(str::to_owned))
                .collect();
        }
        assert!(start.elapsed() < PATIENCE, "{} dead letters", entries.len());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_keeps_its_rejected_records_or_not_whatever_holds_for_all() {
    let route = "[plugin.hostile.routes.\"/hostile/\"]\nrejected_dead_letters =";
    let keeps = gateway(&format!("{route} true\n")).await;
    assert_eq!(keeps.post("/hostile", r#"{"do":"reject"}"#).await.status, 422);
    assert_eq!(letters(&keeps, 1).await, [None]);

    let drops = gateway(&format!("{route} false\n[dead_letters]\nrejected = true\n")).await;
    assert_eq!(drops.post("/hostile", r#"{"do":"reject"}"#).await.status, 422);
    // What its plugin faults on is kept all the same, and comes after.
    assert_eq!(drops.post("/hostile", r#"{"do":"fail"}"#).await.status, 202);
    assert_eq!(letters(&drops, 1).await, [Some("declared".to_owned())]);

    let inherits = gateway("[dead_letters]\nrejected = true\n").await;
    assert_eq!(inherits.post("/hostile", r#"{"do":"reject"}"#).await.status, 422);
    assert_eq!(letters(&inherits, 1).await, [None]);
}
