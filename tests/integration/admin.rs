//! The admin port over its socket: who may ask, and what the answers hold.

use crate::client::{Answer, Client};
use crate::harness::{CLAIM, FINANCIAL, Gateway, claim, ndjson, repository, transaction};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One request with these headers and no others.
fn ask(gateway: &Gateway, line: &str, headers: &str) -> Answer {
    let mut client = Client::connect(gateway.app.admin_address).unwrap();
    client.exchange(format!("{line} HTTP/1.1\r\n{headers}content-length: 0\r\n\r\n").as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_reload_and_metrics_are_answered_to_whoever_is_here() {
    let gateway = Gateway::start().await;
    for (path, status) in [("/livez", "live"), ("/readyz", "ready")] {
        let answer = ask(&gateway, &format!("GET {path}"), "host: localhost\r\n");
        assert_eq!((answer.status, answer.json()), (200, json!({"status": status})));
    }
    let unknown = ask(&gateway, "GET /nothing", "host: localhost\r\n");
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.detail(), "the admin port has nothing at this path; GET / lists what it has");
    let wrong = ask(&gateway, "GET /plugins/reload", "host: localhost\r\n");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")), "{}", wrong.text());
    let confused = ask(&gateway, "POST /plugins/reload?empty=yes", "host: localhost\r\n");
    assert_eq!(confused.status, 400);
    assert!(confused.detail().contains("send POST /plugins/reload, or"), "{}", confused.detail());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_host_and_a_foreign_page_are_refused_and_change_nothing() {
    let gateway = Gateway::start().await;
    for path in ["GET /plugins", "GET /metrics", "GET /livez", "POST /plugins/reload"] {
        let rebound = ask(&gateway, path, "host: evil.example:8081\r\n");
        assert_eq!(rebound.status, 421, "{path}");
        assert_eq!(
            rebound.detail(),
            "the admin port does not go by the name 'evil.example:8081'; ask for localhost or its own \
             address, or add the name to admin.names"
        );
    }
    // A reload would show whether the order was obeyed all the same: it forgets why files are refused.
    std::fs::write(gateway.plugins().join("broken.wasm"), "no plugin").unwrap();
    let refused = |status: &Value| status["refused"].as_array().is_some_and(|files| !files.is_empty());
    let since = gateway.until("a refused file", refused).await["refused"][0]["since"].clone();
    let host = format!("host: {}\r\n", gateway.app.admin_address);
    for origin in ["origin: http://evil.example\r\n", "origin: null\r\n", "sec-fetch-site: cross-site\r\n"] {
        let crossed = ask(&gateway, "POST /plugins/reload", &format!("{host}{origin}"));
        assert_eq!(crossed.status, 403, "{origin}");
        assert!(crossed.detail().contains("may not order anything here"), "{}", crossed.detail());
    }
    assert_eq!(gateway.status().await["refused"][0]["since"], since);
    let own = format!("{host}origin: http://{}\r\n", gateway.app.admin_address);
    let obeyed = ask(&gateway, "POST /plugins/reload", &own);
    assert_eq!(obeyed.status, 200, "{}", obeyed.text());
    assert_ne!(obeyed.json()["refused"][0]["since"], since, "looked at anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_answers_with_what_it_has_taken_and_refused() {
    let gateway = Gateway::with(&["tests/fixtures/swap-v1.wasm"], "").await;
    let swap = gateway.plugins().join("swap-v1.wasm");
    std::fs::copy(repository("tests/fixtures/swap-v2.wasm"), swap).unwrap();
    std::fs::copy(repository("tests/fixtures/describe-traps.wasm"), gateway.plugins().join("trap.wasm"))
        .unwrap();
    let answer = ask(&gateway, "POST /plugins/reload", "host: 127.0.0.1\r\n");
    assert_eq!(answer.status, 200);
    let status = answer.json();
    let live = &status["plugins"][0];
    assert_eq!((&live["name"], &live["version"]), (&json!("swap"), &json!("2.0.0")), "{status:#}");
    assert_eq!((&live["state"], &live["refused"]), (&json!("serving"), &Value::Null));
    assert_eq!(live["digest"].as_str().map(str::len), Some(64));
    let refused = &status["refused"][0];
    assert_eq!(refused["file"], "trap.wasm");
    assert!(refused["reason"].as_str().is_some_and(|reason| reason.len() > 20), "{status:#}");
    assert_eq!(status, gateway.status().await);
}

/// Samples by name and label set, without those of zero.
fn samples(metrics: &str, name: &str) -> BTreeMap<String, f64> {
    let lines = metrics.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
    lines
        .map(|line| line.rsplit_once("} ").unwrap())
        .map(|(labels, value)| (labels.to_owned(), value.parse().unwrap()))
        .filter(|(_, value)| *value != 0.0)
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_hold_exactly_what_was_posted() {
    let gateway = Gateway::start().await;
    let paid = |number: usize| {
        let currency = ["EUR", "USD", "CHF"][number % 3];
        transaction(&number.to_string()).replace("EUR", currency)
    };
    // 40 EUR, 40 USD, 39 CHF, one of no currency; five claims singly, one of them wrong.
    let lines = (0..119).map(paid).chain([paid(0).replace("EUR", "EURO")]);
    assert_eq!(gateway.post_lines(FINANCIAL, ndjson(lines)).await.status, 207);
    for number in 0..5 {
        let record = claim(&number.to_string());
        let record = if number == 3 { record.replace("2500", "-1") } else { record };
        let answer = gateway.post(CLAIM, record).await;
        assert_eq!(answer.status, if number == 3 { 422 } else { 200 }, "{}", answer.text());
    }
    let answer = ask(&gateway, "GET /metrics", "host: localhost\r\n");
    assert_eq!(
        (answer.status, answer.header("content-type").map(|kind| &kind[..10])),
        (200, Some("text/plain"))
    );
    let text = answer.text();
    let count = |currency: &str| {
        let found = samples(&text, "financial_transactions_ingested_total");
        let wanted = format!("currency=\"{currency}\"");
        found
            .iter()
            .filter(|(labels, _)| labels.contains(&wanted))
            .map(|(_, value)| *value)
            .collect::<Vec<_>>()
    };
    assert_eq!((count("EUR"), count("USD"), count("CHF")), (vec![40.0], vec![40.0], vec![39.0]), "{text}");
    assert_eq!(samples(&text, "financial_transactions_ingested_total").len(), 3);
    let claims = samples(&text, "insurance_claims_ingested_total");
    assert_eq!(claims.values().copied().collect::<Vec<_>>(), [4.0], "{claims:?}");
    let records = samples(&text, "gateway_records_settled_total");
    let of = |route: &str, outcome: &str| {
        let of_both =
            |labels: &String| labels.contains(route) && labels.contains(&format!("outcome=\"{outcome}\""));
        records.iter().filter(|(labels, _)| of_both(labels)).map(|(_, value)| value).sum::<f64>()
    };
    for (route, outcome, wanted) in [
        (FINANCIAL, "committed", 119.0),
        (FINANCIAL, "rejected", 1.0),
        (CLAIM, "committed", 4.0),
        (CLAIM, "rejected", 1.0),
    ] {
        assert_eq!(of(route, outcome), wanted, "{route} {outcome}: {records:?}");
    }
}
