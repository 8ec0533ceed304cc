//! The dashboards of the ingestor that is replaced find the same numbers, whichever way they come.

use crate::collector::Collector;
use crate::process::Launch;
use crate::prometheus::Prometheus;
use crate::simulate::{committed, gateway, simulate};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Some seconds, so that there are rates.
const LOAD: [&str; 8] = ["--count", "3000", "--rate", "500", "--batch", "1", "--invalid", "0.1"];

#[test]
fn the_collector_and_a_scrape_agree_with_simulate() {
    let behind = Prometheus::start(None);
    let collector = Collector::start(Some(behind.address));
    let data = tempfile::tempdir().unwrap();
    let gateway = gateway(data.path(), "http/protobuf", collector.http).start();
    let scraping = Prometheus::start(Some(gateway.admin_address));
    let report = simulate(&gateway, &LOAD);
    agree("by the Collector", &behind, &report, data.path());
    agree("by a scrape", &scraping, &report, data.path());
}

#[test]
fn prometheus_fed_by_otlp_agrees_with_simulate() {
    let prometheus = Prometheus::start(None);
    let data = tempfile::tempdir().unwrap();
    let mut launch = Launch::serve(data.path());
    // Prometheus takes metrics only.
    launch
        .command
        .env(
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            format!("http://{}/api/v1/otlp/v1/metrics", prometheus.address),
        )
        .env("OTEL_METRIC_EXPORT_INTERVAL", "500");
    let gateway = launch.start();
    let report = simulate(&gateway, &LOAD);
    agree("by OTLP", &prometheus, &report, data.path());
}

/// Every query of the old dashboards gives what was sent, to the record.
fn agree(way: &str, prometheus: &Prometheus, report: &Value, data: &Path) {
    assert_eq!(report["well"], true, "{report}");
    let count = |record: &str, what: &str| report["records"][record][what].as_f64().unwrap();
    let [transactions, claims] =
        ["financial-transaction", "insurance-claim"].map(|name| count(name, "accepted"));
    assert!(transactions > 1_000.0 && claims > 1_000.0, "{report}");
    prometheus.await_number("sum(financial_transactions_ingested_total)", transactions);
    prometheus.await_number("sum(insurance_claims_ingested_total)", claims);
    let requests = report["requests"].as_f64().unwrap();
    prometheus.await_number("sum(ingestion_request_duration_count)", requests);
    prometheus.await_number("sum(http_server_request_duration_seconds_count)", requests);
    let rejected = count("financial-transaction", "rejected") + count("insurance-claim", "rejected");
    prometheus.await_number("sum(ingestion_request_duration_count{status=\"rejected\"})", rejected);
    // Data quality: the share of records that are right.
    let valid =
        "sum(gateway_records_settled_total{outcome=\"committed\"}) / sum(gateway_records_settled_total)";
    let share = prometheus.number(valid).unwrap();
    assert!(
        (share - (transactions + claims) / (transactions + claims + rejected)).abs() < 1e-9,
        "{way}: {share}"
    );

    let by_labels =
        prometheus.query("sum by (transaction_type, currency) (financial_transactions_ingested_total)");
    let found: BTreeMap<_, _> = by_labels
        .into_iter()
        .map(|(labels, value)| ((labels["transaction_type"].clone(), labels["currency"].clone()), value))
        .collect();
    let mut wanted = BTreeMap::new();
    for record in committed(data, "raw_financial_transactions") {
        let label = |name: &str| record[name].as_str().unwrap().to_owned();
        *wanted.entry((label("transaction_type"), label("currency"))).or_insert(0.0) += 1.0;
    }
    assert!(wanted.len() > 3);
    assert_eq!(found, wanted, "{way}");

    let auto = prometheus.query("insurance_claims_ingested_total{claim_type=\"auto\"}");
    let auto: f64 = auto.into_iter().map(|(_, value)| value).sum();
    let committed = committed(data, "raw_insurance_claims");
    let wanted = committed.iter().filter(|record| record["claim_type"] == "auto").count();
    assert!(wanted > 0 && auto == wanted as f64, "{way}: {auto}, {wanted}");

    let quantiles = prometheus.query(
        "histogram_quantile(0.99, sum by (le, endpoint) (rate(ingestion_request_duration_bucket[1m])))",
    );
    let endpoints: Vec<&str> = quantiles.iter().map(|(labels, _)| labels["endpoint"].as_str()).collect();
    assert_eq!(endpoints.len(), 2, "{way}: {quantiles:?}");
    assert!(quantiles.iter().all(|(_, value)| *value > 0.0 && *value <= 10_000.0), "{way}: {quantiles:?}");
    println!(
        "{way}: {transactions} transactions, {claims} claims, {rejected} rejected, {requests} requests: as simulate says"
    );
}
