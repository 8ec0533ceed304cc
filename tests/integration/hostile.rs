//! A plugin that does harm costs only its own records.

use crate::harness::{FINANCIAL, Gateway, header, ndjson, transaction};
use serde_json::{Value, json};
use std::time::Duration;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_harm_is_quarantined_alone_and_its_neighbours_are_answered() {
    let gateway = gateway("").await;
    let harms = [
        ("trap", "trap"),
        ("panic", "trap"),
        ("deep-recursion", "trap"),
        ("loop", "deadline"),
        ("allocate", "memory"),
        ("wrong-count", "output"),
        ("too-many", "output"),
        ("giant-output", "output"),
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
    for (harm, kind) in harms {
        let start = std::time::Instant::now();
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
    let gateway = gateway("").await;
    let loops = (0..8).map(|_| gateway.post("/hostile", order("loop")));
    let (looped, others) = tokio::join!(futures(loops), async {
        let mut answers = Vec::new();
        for number in 0..50 {
            answers.push(gateway.post(FINANCIAL, transaction(&number.to_string())).await.status);
        }
        answers
    });
    assert!(others.iter().all(|status| *status == 200), "{others:?}");
    assert!(looped.iter().all(|status| [202, 503].contains(status)), "{looped:?}");
}

async fn futures(requests: impl Iterator<Item = impl Future<Output = crate::harness::Answer>>) -> Vec<u16> {
    let mut set = Vec::new();
    for request in requests {
        set.push(Box::pin(request));
    }
    let mut statuses = Vec::new();
    for request in set {
        statuses.push(request.await.status);
    }
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_poison_records_end_within_the_budget_and_open_the_breaker() {
    let plugins = ["tests/fixtures/hostile.wasm", "plugins/financial-transaction.wasm"];
    let limits = "record_ms = 10\ncall_ms = 40\nfault_budget_ms = 500\nbreaker_faults = 20\nbreaker_pause_ms = 600000\n";
    let gateway = Gateway::with(&plugins, &format!("[plugin.hostile]\n{limits}")).await;
    let body = ndjson((0..10_000).map(|number| format!(r#"{{"do":"loop","n":{number}}}"#)));
    let answer =
        tokio::time::timeout(Duration::from_secs(30), gateway.post_lines("/hostile", body)).await.unwrap();
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
