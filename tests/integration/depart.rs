//! Clients and plugins that leave in the middle: what was begun is done whole, or not at all.

use crate::client::Client;
use crate::harness::{FINANCIAL, Gateway, PATIENCE, ndjson, repository, transaction};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Records of a batch whose client does not wait for the answer.
const LINES: usize = 200;

#[derive(Clone, Copy, PartialEq)]
enum Farewell {
    /// Both sides closed in order; the answer finds nobody.
    Close,
    /// A reset, as from a process that was killed or a balancer that gave up.
    Reset,
}

/// Sends a whole request and is gone before the answer.
async fn depart(gateway: &Gateway, path: &str, body: &str, farewell: Farewell) {
    depart_after(gateway, path, body, body.len(), farewell).await;
}

/// Sends a part of what its head promises.
async fn depart_after(gateway: &Gateway, path: &str, body: &str, length: usize, farewell: Farewell) {
    let mut stream = TcpStream::connect(gateway.app.data_address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    if farewell == Farewell::Reset {
        stream.set_zero_linger().unwrap();
    }
}

/// How often each record of each batch is in a topic; a record is `BATCH-NUMBER`.
fn found(values: &[String]) -> BTreeMap<usize, Vec<usize>> {
    let mut found: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for value in values {
        let record: serde_json::Value = serde_json::from_str(value).unwrap();
        let id = record["transaction_id"].as_str().or(record["n"].as_str()).unwrap();
        let (batch, number) = id.split_once('-').unwrap();
        found.entry(batch.parse().unwrap()).or_default().push(number.parse().unwrap());
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_departs_leaves_its_records_whole_or_not_at_all() {
    let gateway = Gateway::start().await;
    let body = |batch: usize| ndjson((0..LINES).map(|number| transaction(&format!("{batch}-{number}"))));
    for batch in 0..60 {
        let farewell = if batch % 2 == 0 { Farewell::Close } else { Farewell::Reset };
        depart(&gateway, FINANCIAL, &body(batch), farewell).await;
    }
    for batch in 100..110 {
        let (whole, farewell) = (body(batch), [Farewell::Close, Farewell::Reset][batch % 2]);
        let cut = whole.len() / 20 * (batch - 95);
        depart_after(&gateway, FINANCIAL, &whole[..cut], whole.len(), farewell).await;
    }
    let answer = gateway.post_lines(FINANCIAL, body(1000)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // The drain waits for what is still being settled.
    let directory = gateway.stop().await;
    let values: Vec<String> =
        crate::harness::entries(&directory.path().join("data"), "raw_financial_transactions")
            .into_iter()
            .map(|entry| String::from_utf8(entry.value.unwrap().to_vec()).unwrap())
            .collect();
    let found = found(&values);
    for (batch, numbers) in &found {
        assert_eq!(
            *numbers,
            (0..LINES).collect::<Vec<_>>(),
            "batch {batch} is not there once, whole, in order"
        );
    }
    let closed = found.keys().filter(|batch| *batch % 2 == 0).count();
    println!(
        "{closed} of 31 batches of clients that closed are there, {} of 30 of those that reset",
        found.len() - closed
    );
    assert!(!found.keys().any(|batch| (100..110).contains(batch)), "of a body cut off nothing is taken");
    // A body that came whole before an orderly close is settled; a reset may overtake it.
    assert_eq!(closed, 31);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_resets_while_a_plugin_is_slow_or_faults_leaves_no_half_batch() {
    let limits = "[plugin.hostile]\nrecord_ms = 2000\ncall_ms = 2000\nbreaker_faults = 1000\n";
    let gateway = Gateway::with(&["tests/fixtures/hostile.wasm"], limits).await;
    // Long enough at work that the client is gone before the end of it.
    let line = |batch: usize, number: usize| {
        let what = match number {
            0 => "slow:30",
            7 => "trap",
            _ => "ok",
        };
        format!(r#"{{"do":"{what}","n":"{batch}-{number}"}}"#)
    };
    let body = |batch: usize| ndjson((0..20).map(|number| line(batch, number)));
    for batch in 0..12 {
        depart(&gateway, "/hostile", &body(batch), Farewell::Reset).await;
    }
    assert_eq!(gateway.post_lines("/hostile", body(12)).await.status, 202);
    let directory = gateway.stop().await;
    let values = |topic: &str| -> Vec<String> {
        let entries = crate::harness::entries(&directory.path().join("data"), topic);
        entries.into_iter().map(|entry| String::from_utf8(entry.value.unwrap().to_vec()).unwrap()).collect()
    };
    let (kept, dead) = (found(&values("hostile")), found(&values("hostile.dead-letter")));
    let others: Vec<usize> = (0..20).filter(|number| *number != 7).collect();
    for (batch, numbers) in &kept {
        assert_eq!(*numbers, others, "batch {batch}");
    }
    assert_eq!(kept.keys().collect::<Vec<_>>(), dead.keys().collect::<Vec<_>>());
    assert!(dead.values().all(|numbers| *numbers == [7]), "{dead:?}");
    println!("{} of 13 batches are there", kept.len());
    assert!(kept.contains_key(&12));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_under_way_when_its_plugin_is_removed_is_judged_by_it() {
    let plugins = ["tests/fixtures/swap-v1.wasm", "plugins/financial-transaction.wasm"];
    let gateway =
        Gateway::with(&plugins, "[plugins]\nremoval_grace_ms = 100\npoll_interval_ms = 100\n").await;
    let record = r#"{"of":"a slow sender"}"#;
    let (first, rest) = record.split_at(5);
    let mut slow = Client::connect(gateway.app.data_address).unwrap();
    let length = record.len();
    // It waits for `100 Continue`, and so knows that the gateway has taken its head, and with it a generation.
    slow.send(
        format!("POST /swap HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n")
            .as_bytes(),
    )
    .unwrap();
    assert_eq!(slow.head().unwrap(), "HTTP/1.1 100 Continue\r\n\r\n");
    slow.send(first.as_bytes()).unwrap();

    fs::remove_file(gateway.plugins().join("swap-v1.wasm")).unwrap();
    let start = Instant::now();
    while gateway.post("/swap", "{}").await.status != 404 {
        assert!(start.elapsed() < PATIENCE, "{:#}", gateway.status().await);
    }
    let left = gateway.status().await;
    assert_eq!(left["plugins"].as_array().unwrap().len(), 1, "{left:#}");
    let answer = slow.exchange(rest.as_bytes()).unwrap();
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("committed")), "{}", answer.text());
    let entry = gateway.entries("swap").pop().unwrap();
    assert_eq!(entry.value.as_deref(), Some(record.as_bytes()));
    let stamp = crate::harness::header(&entry, "sluicegate-plugin").unwrap().to_owned();
    assert!(stamp.starts_with("swap@1.0.0;sha256:"), "{stamp}");
    // The same connection asks again, and is told as everybody is.
    assert_eq!(slow.post("/swap", "application/json", b"{}").unwrap().status, 404);

    fs::copy(repository("tests/fixtures/swap-v2.wasm"), gateway.plugins().join("swap.wasm")).unwrap();
    gateway.until("its successor", |status| status["plugins"].as_array().unwrap().len() == 2).await;
    assert_eq!(slow.post("/swap", "application/json", b"{}").unwrap().status, 200);
}
