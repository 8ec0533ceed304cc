//! Measurements go on through a swap of the plugin that makes them.

use crate::client::Client;
use crate::collector::Collector;
use crate::process::{Launch, PATIENCE, repository};
use crate::simulate::{send_to, simulate};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The same plugin as another file: with a custom section (WebAssembly core specification, 2.5.2) that says which one.
fn edition(number: u8) -> Vec<u8> {
    let mut bytes = std::fs::read(repository("plugins/financial-transaction.wasm")).unwrap();
    bytes.extend([0, 6, 4, b'n', b'o', b't', b'e', number]);
    bytes
}

fn put(directory: &Path, number: u8) {
    let beside = directory.join("next.tmp");
    std::fs::write(&beside, edition(number)).unwrap();
    std::fs::rename(beside, directory.join("financial-transaction.wasm")).unwrap();
}

fn counted(metrics: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with("financial_transactions_ingested_total{"));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// Never less than before, and in the end what was accepted: for those who scrape, and for those who are sent.
#[test]
fn counters_go_on_through_swaps_and_count_nothing_twice() {
    let collector = Collector::start(None);
    let directory = tempfile::tempdir().unwrap();
    let plugins = directory.path().join("plugins");
    std::fs::create_dir_all(&plugins).unwrap();
    put(&plugins, 0);
    std::fs::copy(repository("plugins/insurance-claim.wasm"), plugins.join("insurance-claim.wasm")).unwrap();
    std::fs::create_dir(directory.path().join("data")).unwrap();
    let mut launch = Launch::bare();
    launch.command.arg("--data").arg(directory.path().join("data")).arg("--plugins").arg(&plugins);
    send_to(&mut launch, "http/protobuf", &format!("http://{}", collector.http));
    let gateway = launch.start();
    let done = AtomicBool::new(false);
    let (report, swaps) = std::thread::scope(|scope| {
        let swaps = scope.spawn(|| {
            let mut number = 0;
            while !done.load(Ordering::Relaxed) {
                number += 1;
                put(&plugins, number);
                std::thread::park_timeout(Duration::from_millis(400));
            }
            number
        });
        scope.spawn(|| {
            let (mut client, mut last) = (Client::connect(gateway.admin_address).unwrap(), 0.0);
            while !done.load(Ordering::Relaxed) {
                let now = counted(&client.get("/metrics").unwrap().text());
                assert!(now >= last, "{now} after {last}");
                last = now;
                std::thread::park_timeout(Duration::from_millis(20));
            }
        });
        let report =
            simulate(&gateway, &["--count", "6000", "--rate", "1000", "--batch", "1", "--invalid", "0.1"]);
        done.store(true, Ordering::Relaxed);
        (report, swaps.join().unwrap())
    });
    assert_eq!(report["well"], true, "{report}");
    let accepted = report["records"]["financial-transaction"]["accepted"].as_f64().unwrap();
    let mut client = Client::connect(gateway.admin_address).unwrap();
    assert_eq!(counted(&client.get("/metrics").unwrap().text()), accepted);
    let generation = client.get("/plugins").unwrap().json()["plugins"].to_string();
    let start = Instant::now();
    while sent(&collector) != accepted {
        assert!(start.elapsed() < PATIENCE, "{} is sent of {accepted}", sent(&collector));
        std::thread::park_timeout(Duration::from_millis(100));
    }
    println!("{swaps} swaps, {accepted} accepted, as many counted by scrape and by OTLP ({generation})");
    assert!(swaps > 5);
}

/// The sum of the last values that the Collector got, which never fell on the way.
fn sent(collector: &Collector) -> f64 {
    let mut last = std::collections::BTreeMap::new();
    for metric in collector.metrics() {
        if metric["name"] != "financial.transactions.ingested" {
            continue;
        }
        for point in metric["sum"]["dataPoints"].as_array().unwrap() {
            let value = point["asDouble"].as_f64().unwrap();
            let before = last.insert(point["attributes"].to_string(), value).unwrap_or(0.0);
            assert!(value >= before, "{value} after {before}");
        }
    }
    last.values().sum()
}
