//! What producers are told, and that it is true.

use crate::harness::{CLAIM, FINANCIAL, Gateway, claim, header, ndjson, record_id, transaction};
use hyper::Method;
use serde_json::json;

#[tokio::test]
async fn a_valid_record_is_answered_with_its_id_and_is_in_the_log_byte_for_byte() {
    let gateway = Gateway::start().await;
    let record = format!(" {}\n", transaction("FT-1"));
    let answer = gateway.post(FINANCIAL, record.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["message"], "Financial transaction ingested successfully");
    assert_eq!(body["transaction_id"], "FT-1");
    assert_eq!(body["status"], "committed");
    assert_eq!(gateway.values("raw_financial_transactions"), [record]);
    let entry = gateway.entries("raw_financial_transactions").remove(0);
    assert_eq!(entry.key.as_deref(), Some(&b"ACC-FT-1"[..]));
    assert_eq!(body["record_id"], record_id(&entry));
    let stamp = header(&entry, "sluicegate-plugin").unwrap();
    assert!(stamp.starts_with("financial-transaction@"), "{stamp}");
    assert!(!answer.header("x-request-id").is_empty());
}

#[tokio::test]
async fn both_violations_of_a_record_are_listed_with_pointer_code_and_message() {
    let gateway = Gateway::start().await;
    let record = transaction("FT-1").replace("129.95", "-5").replace("EUR", "EURO");
    let answer = gateway.post(FINANCIAL, record).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let body = answer.json();
    let found: Vec<_> =
        body["violations"].as_array().unwrap().iter().map(|v| (&v["pointer"], &v["code"])).collect();
    assert_eq!(
        found,
        [(&json!("/amount"), &json!("greater_than")), (&json!("/currency"), &json!("string_too_long"))]
    );
    assert!(body["violations"][0]["message"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(body["request_id"], answer.header("x-request-id"));
}

#[tokio::test]
async fn of_ten_thousand_lines_exactly_the_bad_hundred_are_named_and_the_rest_is_kept_in_order() {
    let gateway = Gateway::start().await;
    let record = |n: usize| {
        let record = transaction(&format!("FT-{n}"));
        if n % 100 == 37 { record.replace("129.95", "-1") } else { record }
    };
    let answer =
        gateway.post_lines(&format!("{FINANCIAL}?results=errors"), ndjson((0..10_000).map(record))).await;
    assert_eq!(answer.status, 207);
    let body = answer.json();
    assert_eq!(body["counts"]["committed"], 9_900);
    assert_eq!(body["counts"]["rejected"], 100);
    let bad: Vec<_> =
        body["results"].as_array().unwrap().iter().map(|r| r["index"].as_u64().unwrap()).collect();
    assert_eq!(bad, (0..100).map(|n| n * 100 + 37).collect::<Vec<_>>());
    let kept: Vec<_> = (0..10_000).filter(|n| n % 100 != 37).map(record).collect();
    assert!(gateway.values("raw_financial_transactions") == kept);
}

#[tokio::test]
async fn an_array_is_a_batch_even_of_one() {
    let gateway = Gateway::start().await;
    let answer = gateway.post(CLAIM, format!("[ {} ]", claim("C-1"))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["results"][0]["status"], "committed");
    assert_eq!(body["results"].as_array().unwrap().len(), 1);
    assert_eq!(gateway.values("raw_insurance_claims"), [claim("C-1")]);
}

#[tokio::test]
async fn what_is_no_json_is_rejected_by_itself() {
    let gateway = Gateway::start().await;
    let alone = gateway.post(FINANCIAL, "{\"amount\": NaN}").await;
    assert_eq!((alone.status, &alone.json()["violations"][0]["code"]), (422, &json!("json_invalid")));
    let body = format!("{}\nnot json\n{}\n", transaction("FT-1"), transaction("FT-2"));
    let answer = gateway.post_lines(FINANCIAL, body).await;
    assert_eq!(answer.status, 207);
    let results = answer.json()["results"].clone();
    assert_eq!(results[1]["violations"][0]["code"], "json_invalid");
    assert_eq!((&results[0]["status"], &results[2]["status"]), (&json!("committed"), &json!("committed")));
    let uncut = gateway.post(FINANCIAL, "[1,,2]").await;
    assert_eq!(uncut.status, 400);
    assert!(uncut.text().contains("cannot be cut into elements"), "{}", uncut.text());
}

#[tokio::test]
async fn a_deeply_nested_record_is_rejected_and_costs_nothing_else() {
    let gateway = Gateway::start().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let inside = transaction("FT-1").replacen('{', &format!("{{\"x\":{deep},"), 1);
    let answer = gateway.post(FINANCIAL, inside).await;
    assert_eq!((answer.status, &answer.json()["violations"][0]["code"]), (422, &json!("json_invalid")));
    assert_eq!(gateway.post(FINANCIAL, format!("[{deep}]")).await.status, 422);
    assert_eq!(gateway.post(FINANCIAL, transaction("FT-1")).await.status, 200);
}

#[tokio::test]
async fn what_is_measured_is_counted_exactly() {
    let gateway = Gateway::start().await;
    let body = ndjson((0..7).map(|n| transaction(&format!("FT-{n}"))).chain(["{}".to_owned()]));
    assert_eq!(gateway.post_lines(FINANCIAL, body).await.status, 207);
    let counted = gateway.metric("financial_transactions_ingested_total{").await;
    assert_eq!(counted.len(), 1, "{counted:?}");
    assert!(
        counted[0].contains(r#"currency="EUR""#) && counted[0].contains(r#"transaction_type="purchase""#)
    );
    assert!(counted[0].ends_with(" 7"), "{counted:?}");
    let records = gateway.metric("gateway_records").await;
    let line =
        |outcome: &str| records.iter().find(|line| line.contains(outcome)).cloned().unwrap_or_default();
    assert!(line(r#"outcome="committed""#).ends_with(" 7"), "{records:?}");
    assert!(line(r#"reason="missing""#).ends_with(" 1"), "{records:?}");
    let buckets = gateway.metric("ingestion_request_duration_bucket{").await;
    assert!(
        buckets.iter().any(|line| line.contains(r#"endpoint="/ingest-financial-transaction/""#)),
        "{buckets:?}"
    );
}

#[tokio::test]
async fn health_and_readiness_answer() {
    let gateway = Gateway::start().await;
    let health = gateway.send(Method::GET, "/health", &[], "").await;
    assert_eq!((health.status, &health.json()["status"]), (200, &json!("healthy")));
    assert_eq!(gateway.admin(Method::GET, "/livez").await.status, 200);
    assert_eq!(gateway.admin(Method::GET, "/readyz").await.status, 200);
    let unknown = gateway.post("/nowhere", "{}").await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn a_required_plugin_that_is_missing_makes_the_gateway_unready() {
    let gateway = Gateway::with(
        &["plugins/insurance-claim.wasm"],
        "[plugins]\nrequired = [\"financial-transaction\"]\n",
    )
    .await;
    let ready = gateway.admin(Method::GET, "/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("financial-transaction"), "{}", ready.text());
}

#[tokio::test]
async fn a_producers_long_text_is_no_fault_of_the_plugin() {
    let gateway = Gateway::start().await;
    let long = "x".repeat(400_000);
    let answer = gateway.post(FINANCIAL, transaction(&long)).await;
    assert_eq!(answer.status, 200, "{}", &answer.text()[..200]);
    assert_eq!(answer.json()["transaction_id"].as_str().map(str::len), Some(long.len()));
    assert_eq!(gateway.entries("raw_financial_transactions").len(), 1);
}
