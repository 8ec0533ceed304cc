//! A plugin that does harm costs only its own records.

use crate::harness::{FINANCIAL, Gateway, header, ndjson, transaction};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

const DEAD: &str = "hostile.dead-letter";

fn order(what: &str) -> String {
    format!(r#"{{"do":"{what}"}}"#)
}

async fn gateway(lines: &str) -> Gateway {
    let plugins = ["tests/fixtures/hostile.wasm", "plugins/financial-transaction.wasm"];
    Gateway::with(&plugins, &format!("{lines}\n[plugin.hostile]\n{HOSTILE}")).await
}

/// Short limits, so that the tests are quick; a breaker that these tests do not open by accident.
const HOSTILE: &str = "record_ms = 100\ncall_ms = 200\nbreaker_faults = 1000\n";

/// What the plugin is told to do, and the kind of fault that it is.
const HARMS: [(&str, &str); 22] = [
    ("trap", "trap"),
    ("panic", "trap"),
    ("deep-recursion", "trap"),
    ("loop", "deadline"),
    ("allocate", "memory"),
    ("wrong-count", "output"),
    ("too-many", "output"),
    ("giant-output", "output"),
    // A gibibyte does not even fit into its memory.
    ("giant-output:1073741824", "memory"),
    ("giant-message:1073741824", "memory"),
    ("giant-message", "output"),
    ("giant-id", "output"),
    ("giant-key", "output"),
    ("many-violations", "output"),
    ("many-headers", "output"),
    ("many-parts", "output"),
    ("bad-topic-index", "output"),
    ("bad-pointer", "output"),
    ("bad-header", "output"),
    ("empty-reject", "output"),
    ("empty-split", "output"),
    ("fail", "declared"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_harm_is_quarantined_alone_and_its_neighbours_are_answered() {
    let gateway = gateway("").await;
    for (harm, kind) in HARMS {
        let start = Instant::now();
        let body = ndjson(["ok", "reject", harm, "discard", "ok"].map(order));
        let answer = gateway.post_lines("/hostile", body).await;
        assert_eq!(answer.status, 207, "{harm}: {}", answer.text());
        let states: Vec<Value> = answer.json()["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| result["status"].clone())
            .collect();
        assert_eq!(
            states,
            [
                json!("committed"),
                json!("rejected"),
                json!("quarantined"),
                json!("discarded"),
                json!("committed")
            ],
            "{harm}"
        );
        let letter = gateway.entries(DEAD).pop().unwrap();
        assert_eq!(letter.value.as_deref(), Some(order(harm).as_bytes()));
        assert_eq!(header(&letter, "sluicegate-fault"), Some(kind), "{harm}: {letter:?}");
        println!("{harm}: {:?}", start.elapsed());
    }
    assert_eq!(gateway.post(FINANCIAL, transaction("FT-1")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_says_who_faulted_on_what_and_how() {
    let gateway = gateway("").await;
    let answer = gateway.post("/hostile", order("panic")).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["status"], "quarantined");
    let letter = gateway.entries(DEAD).remove(0);
    let text = |name: &str| header(&letter, name).unwrap_or_else(|| panic!("{name}: {letter:?}"));
    assert_eq!(text("sluicegate-plugin-name"), "hostile");
    assert_eq!(text("sluicegate-route"), "/hostile");
    assert!(text("sluicegate-plugin-digest").starts_with("sha256:"));
    assert!(text("sluicegate-fault-detail").contains("told to panic"), "{}", text("sluicegate-fault-detail"));
    assert!(text("sluicegate-received-at").parse::<u64>().unwrap() > 1_700_000_000_000);
    let faults = gateway.metric("gateway_plugin_faults_total{").await;
    let counted: Vec<_> = faults.iter().filter(|line| !line.ends_with(" 0")).collect();
    assert_eq!(
        counted,
        [r#"gateway_plugin_faults_total{kind="trap",plugin="hostile"} 1"#],
        "once, and nothing else"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn measurements_that_mean_nothing_are_dropped_and_the_record_is_kept() {
    let gateway = gateway("").await;
    let orders = [
        "nan-measurement",
        "infinite-measurement",
        "negative-measurement",
        "undeclared-instrument",
        "bad-item",
        "bad-attribute-set",
        "ok",
    ];
    let answer = gateway.post_lines("/hostile", ndjson(orders.map(order))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let counted = gateway.metric("hostile_records_total{").await;
    assert!(counted.len() == 1 && counted[0].ends_with(" 1"), "{counted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_routes_answer_while_a_plugin_loops() {
    let plugins = ["tests/fixtures/hostile.wasm", "plugins/financial-transaction.wasm"];
    // Long enough to see who is answered meanwhile.
    let limits = "record_ms = 800\ncall_ms = 800\nfault_budget_ms = 4000\nbreaker_faults = 1000\n";
    let gateway = Arc::new(Gateway::with(&plugins, &format!("[plugin.hostile]\n{limits}")).await);
    let loops: Vec<_> = (0..3)
        .map(|_| {
            let gateway = gateway.clone();
            tokio::spawn(async move { gateway.post("/hostile", order("loop")).await })
        })
        .collect();
    // Singles, and batches that are too much for an HTTP thread and need a judge thread as the loops do.
    let batch = ndjson((0..2_000).map(|number| transaction(&number.to_string())));
    let (mut answered, mut slowest) = (0, Duration::ZERO);
    while !loops.iter().all(tokio::task::JoinHandle::is_finished) {
        let start = Instant::now();
        let single = gateway.post(FINANCIAL, transaction("single")).await;
        let many = gateway.post_lines(FINANCIAL, batch.clone()).await;
        assert_eq!((single.status, many.status), (200, 200), "{}", many.text());
        // Only those count that began and ended while there was a loop.
        if !loops.iter().all(tokio::task::JoinHandle::is_finished) {
            answered += 1;
            slowest = slowest.max(start.elapsed());
        }
    }
    println!("{answered} singles and batches beside three loops, the slowest pair in {slowest:?}");
    assert!(answered >= 5, "{answered}");
    for looped in loops {
        let answer = looped.await.unwrap();
        assert!([202, 503].contains(&answer.status), "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_poison_records_end_within_the_budget_and_open_the_breaker() {
    let plugins = ["tests/fixtures/hostile.wasm", "plugins/financial-transaction.wasm"];
    let limits = "record_ms = 10\ncall_ms = 40\nfault_budget_ms = 500\nbreaker_faults = 20\nbreaker_pause_ms = 600000\n";
    let gateway = Gateway::with(&plugins, &format!("[plugin.hostile]\n{limits}")).await;
    let body = ndjson((0..10_000).map(|number| format!(r#"{{"do":"loop","n":{number}}}"#)));
    let start = Instant::now();
    let answer = gateway.post_lines("/hostile", body).await;
    println!("ten thousand loops answered after {:?}", start.elapsed());
    // One by one they would take 100 s of computing; half a second is allowed, the rest is for a busy machine.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(answer.status, 503);
    assert!(!answer.header("retry-after").is_empty());
    let counts = &answer.json()["counts"];
    assert_eq!(
        counts["failed"].as_u64().unwrap() + counts["quarantined"].as_u64().unwrap(),
        10_000,
        "{counts}"
    );
    assert_eq!(gateway.entries(DEAD).len() as u64, counts["quarantined"].as_u64().unwrap());
    let open = gateway.post("/hostile", order("ok")).await;
    assert_eq!(open.status, 503, "{}", open.text());
    assert!(
        open.text().contains("breaker") || open.text().contains("not called for a while"),
        "{}",
        open.text()
    );
    let status = gateway.status().await;
    let hostile =
        status["plugins"].as_array().unwrap().iter().find(|plugin| plugin["name"] == "hostile").unwrap();
    assert_eq!(hostile["state"], "breaker_open", "{status:#}");
    assert_eq!(gateway.post(FINANCIAL, transaction("FT-1")).await.status, 200);
}
