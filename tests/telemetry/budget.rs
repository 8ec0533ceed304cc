//! A plugin that measures without bounds stays within its budget.

use crate::client::Client;
use crate::process::Launch;

const VALUES: usize = 100_000;
const BATCH: usize = 10_000;

/// 100,000 different types of transactions: each would be a series.
#[test]
fn a_hundred_thousand_values_of_an_attribute_are_a_hundred_series_and_the_culprit_is_named() {
    let data = tempfile::tempdir().unwrap();
    let gateway = Launch::serve(data.path()).start();
    let mut client = Client::connect(gateway.data_address).unwrap();
    let before = resident(gateway.child.id());
    for batch in 0..VALUES / BATCH {
        let body: String = (0..BATCH)
            .map(|index| {
                format!(
                    "{{\"transaction_id\": \"FT-1\", \"timestamp\": 1773480413, \"account_id\": \"A\", \"amount\": 1, \
                     \"currency\": \"EUR\", \"transaction_type\": \"type-{batch}-{index}\"}}\n"
                )
            })
            .collect();
        let path = "/ingest-financial-transaction/?results=errors";
        assert_eq!(client.post(path, "application/x-ndjson", body.as_bytes()).unwrap().status, 200);
    }
    let mut admin = Client::connect(gateway.admin_address).unwrap();
    let metrics = admin.get("/metrics").unwrap().text();
    let series: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("financial_transactions_ingested_total{")).collect();
    assert_eq!(series.len(), 101, "a hundred, and one for all others");
    let value = |line: &str| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
    assert_eq!(series.iter().copied().map(value).sum::<f64>(), VALUES as f64);
    let culprit = "gateway_plugin_attribute_overflow_total{attribute=\"transaction.type\",\
                   instrument=\"financial.transactions.ingested\",plugin=\"financial-transaction\"}";
    let named = metrics.lines().find(|line| line.starts_with(culprit)).unwrap_or_else(|| panic!("{metrics}"));
    assert!(value(named) >= 1.0);
    let grown = resident(gateway.child.id()).saturating_sub(before);
    println!("{VALUES} values: {} series, {} KiB of memory more", series.len(), grown >> 10);
    assert!(grown < 200 << 20, "{grown}");
}

fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
