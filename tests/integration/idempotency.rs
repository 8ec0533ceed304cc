//! Requests that come again with their Idempotency-Key.

use crate::client::Client;
use crate::harness::{self, Answer, FINANCIAL, Gateway, PATIENCE, ndjson, record_id, transaction};
use crate::process::{self, Launch};
use hyper::Method;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

const TOPIC: &str = "raw_financial_transactions";
const HOSTILE: &str = "[plugin.hostile]\nrecord_ms = 500\ncall_ms = 500\nbreaker_faults = 1000\n";
const REPLAYED: &str = "idempotent-replayed";

async fn post(gateway: &Gateway, path: &str, key: &str, body: impl Into<String>) -> Answer {
    let kind = if path == "/hostile" { "application/x-ndjson" } else { "application/json" };
    let headers = [("content-type", kind), ("idempotency-key", key)];
    gateway.send(Method::POST, path, &headers, body.into()).await
}

async fn hostile(lines: &str) -> Gateway {
    Gateway::with(&["tests/fixtures/hostile.wasm"], &format!("{lines}{HOSTILE}")).await
}

fn orders(orders: &[&str]) -> String {
    ndjson(orders.iter().map(|what| format!(r#"{{"do":"{what}"}}"#)))
}

#[track_caller]
fn is_replay(first: &Answer, again: &Answer) {
    assert_eq!((first.status, first.text()), (again.status, again.text()));
    assert_eq!(first.header("content-type"), again.header("content-type"));
    assert_eq!((first.header(REPLAYED), again.header(REPLAYED)), ("", "true"));
    assert_ne!(first.header("x-request-id"), again.header("x-request-id"), "each request has its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_comes_again_is_answered_as_before_and_produces_nothing() {
    let gateway = Gateway::start().await;
    let first = post(&gateway, FINANCIAL, "\"order-1\"", transaction("1")).await;
    assert_eq!(first.status, 200, "{}", first.text());
    // The word is the same key as the text in quotes.
    is_replay(&first, &post(&gateway, FINANCIAL, "order-1", transaction("1")).await);
    let wrong = post(&gateway, FINANCIAL, "order-2", r#"{"amount":-1}"#).await;
    assert_eq!(wrong.status, 422, "{}", wrong.text());
    let again = post(&gateway, FINANCIAL, "order-2", r#"{"amount":-1}"#).await;
    is_replay(&wrong, &again);
    // It names the request that the problem is about: the log knows it by that.
    assert_eq!(again.json()["request_id"], wrong.header("x-request-id"));
    assert_eq!(gateway.entries(TOPIC).len(), 1);
    assert_eq!(
        gateway.metric("gateway_idempotency_requests_total{").await,
        [r#"gateway_idempotency_requests_total{result="replayed"} 2"#]
    );
    assert_eq!(gateway.metric("gateway_idempotency_entries").await, ["gateway_idempotency_entries 2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_comes_with_another_body_or_is_none_is_refused() {
    let gateway = Gateway::start().await;
    assert_eq!(post(&gateway, FINANCIAL, "k", transaction("1")).await.status, 200);
    let other = post(&gateway, FINANCIAL, "k", transaction("2")).await;
    assert_eq!((other.status, other.header(REPLAYED)), (422, ""), "{}", other.text());
    assert_eq!(other.json()["type"], "urn:sluicegate:problem:idempotency-key-reused");
    assert_eq!(
        other.json()["detail"],
        "this Idempotency-Key came to this route with another body or content type before; send that one again, or \
         choose a new key for this one"
    );
    // Another route is another key.
    let claim = post(&gateway, harness::CLAIM, "k", harness::claim("1")).await;
    assert_eq!(claim.status, 200, "{}", claim.text());
    let none = post(&gateway, FINANCIAL, "\"k", transaction("1")).await;
    assert_eq!(none.status, 400, "{}", none.text());
    assert!(none.text().contains("which is neither a word nor a text in quotes"), "{}", none.text());
    assert_eq!(gateway.entries(TOPIC).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_request_is_in_progress_the_same_one_waits_outside() {
    let gateway = hostile("").await;
    let body = || orders(&["loop"]);
    let (one, other) =
        tokio::join!(post(&gateway, "/hostile", "k", body()), post(&gateway, "/hostile", "k", body()));
    let (done, refused) = if one.status == 409 { (other, one) } else { (one, other) };
    assert_eq!((done.status, refused.status), (202, 409), "{} {}", done.text(), refused.text());
    assert_eq!(
        refused.json()["detail"],
        "a request with this Idempotency-Key is still in progress; send it again after the time in Retry-After to \
         get its answer"
    );
    assert!((1..=3).contains(&refused.header("retry-after").parse().unwrap()));
    is_replay(&done, &post(&gateway, "/hostile", "k", body()).await);
    assert_eq!(gateway.entries("hostile.dead-letter").len(), 1);
}

/// Takes the place of the dead letters' log, so that what is quarantined fails.
fn block_dead_letters(data: &std::path::Path) -> std::path::PathBuf {
    let place = data.join("log").join("hostile.dead-letter");
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::write(&place, "in the way").unwrap();
    place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_partial_failure_only_the_unsettled_records_are_produced_over_a_restart_too() {
    let gateway = hostile("").await;
    let in_the_way = block_dead_letters(&gateway.data());
    let body = || orders(&["ok", "trap", "reject", "ok"]);
    let failed = post(&gateway, "/hostile", "k", body()).await;
    assert_eq!(failed.status, 503, "{}", failed.text());
    let told = failed.json();
    assert_eq!((&told["counts"]["committed"], &told["counts"]["failed"]), (&json!(2), &json!(1)));
    assert_eq!(
        told["detail"],
        "1 of 4 records failed: 'reason' says why; send the same request again with its Idempotency-Key: only those \
         that failed are taken anew"
    );
    // What is settled has this body's ids: another body would have them too.
    assert_eq!(post(&gateway, "/hostile", "k", orders(&["ok"])).await.status, 422);
    let before: Vec<String> = gateway.entries("hostile").iter().map(record_id).collect();

    let directory = gateway.stop().await;
    let file = fs::metadata(directory.path().join("data/idempotency")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    fs::remove_file(in_the_way).unwrap();
    let gateway = Gateway::again(directory, HOSTILE).await;
    let done = post(&gateway, "/hostile", "k", body()).await;
    assert_eq!((done.status, done.header(REPLAYED)), (207, ""), "{}", done.text());
    let ids = |answer: &Answer| -> Vec<_> {
        let results = answer.json()["results"].as_array().unwrap().clone();
        results.into_iter().map(|result| (result["status"].clone(), result["record_id"].clone())).collect()
    };
    let (first, then) = (ids(&failed), ids(&done));
    assert_eq!((&first[0], &first[2], &first[3]), (&then[0], &then[2], &then[3]));
    assert_eq!((&then[1].0, &then[1].1), (&json!("quarantined"), &first[1].1), "the same id");
    let after: Vec<String> = gateway.entries("hostile").iter().map(record_id).collect();
    assert_eq!(before, after, "nothing twice");
    assert_eq!(gateway.entries("hostile.dead-letter").len(), 1);
    is_replay(&done, &post(&gateway, "/hostile", "k", body()).await);
    assert_eq!(
        gateway.metric("gateway_idempotency_requests_total{").await,
        [
            r#"gateway_idempotency_requests_total{result="replayed"} 1"#,
            r#"gateway_idempotency_requests_total{result="resumed"} 1"#,
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_free_again_when_nothing_was_settled() {
    let gateway = hostile("").await;
    let in_the_way = block_dead_letters(&gateway.data());
    let failed = post(&gateway, "/hostile", "k", orders(&["trap"])).await;
    assert_eq!(failed.status, 503, "{}", failed.text());
    let other = post(&gateway, "/hostile", "k", orders(&["ok"])).await;
    assert_eq!((other.status, other.header(REPLAYED)), (200, ""), "{}", other.text());

    // A failure is not what the same request is answered for ever.
    assert_eq!(post(&gateway, "/hostile", "l", orders(&["trap"])).await.status, 503);
    fs::remove_file(in_the_way).unwrap();
    let start = Instant::now();
    // A log that could not be opened is left alone for a moment.
    let done = loop {
        let answer = post(&gateway, "/hostile", "l", orders(&["trap"])).await;
        if answer.status != 503 {
            break answer;
        }
        assert!(start.elapsed() < PATIENCE, "{}", answer.text());
    };
    assert_eq!((done.status, done.header(REPLAYED)), (202, ""), "{}", done.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_remembered_over_a_restart() {
    let gateway = Gateway::start().await;
    let first = post(&gateway, FINANCIAL, "k", transaction("1")).await;
    let gateway = Gateway::again(gateway.stop().await, "").await;
    is_replay(&first, &post(&gateway, FINANCIAL, "k", transaction("1")).await);
    assert_eq!(gateway.entries(TOPIC).len(), 1);
}

#[test]
fn what_a_crash_forgets_is_produced_again_with_the_same_record_ids() {
    let directory = tempfile::tempdir().unwrap();
    let body = format!("[{},{}]", transaction("1"), transaction("2"));
    let try_once = || {
        let gateway = Launch::serve(directory.path()).start();
        let mut client = Client::connect(gateway.data_address).unwrap();
        let head = format!(
            "POST {FINANCIAL} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nidempotency-key: k\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let answer = client.exchange(format!("{head}{body}").as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        gateway
    };
    let mut gateway: process::Gateway = try_once();
    gateway.kill();
    drop(gateway);
    drop(try_once());
    let ids: Vec<String> = harness::entries(directory.path(), TOPIC).iter().map(record_id).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(ids[..2], ids[2..], "a consumer can drop what it has seen");
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oldest_is_forgotten_for_one_more_and_each_when_its_time_is_over() {
    let gateway = hostile("[idempotency]\nentries_max = 2\nexpiry_s = 1\n").await;
    let ok = || orders(&["ok"]);
    // Nothing is done anew before its time, however long this machine takes for the rest.
    let begun = Instant::now();
    for key in ["a", "b", "c"] {
        assert_eq!(post(&gateway, "/hostile", key, ok()).await.header(REPLAYED), "");
    }
    let a = post(&gateway, "/hostile", "a", ok()).await;
    assert_eq!((a.status, a.header(REPLAYED)), (200, ""), "it was forgotten for the third");
    let ids: Vec<String> = gateway.entries("hostile").iter().map(record_id).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(ids[0], ids[3]);
    while post(&gateway, "/hostile", "c", ok()).await.header(REPLAYED) == "true" {
        assert!(begun.elapsed() < PATIENCE, "it never expires");
    }
    assert!(begun.elapsed().as_millis() >= 1_000, "{:?}", begun.elapsed());
}
