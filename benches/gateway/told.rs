//! What telemetry costs: the same gateway without it and with it, its collector in this process.

use crate::load::{rate, request};
use crate::serve::{bare_hyper, configuration};
use crate::{Effort, contest, record, rules};
use sluicegate::app::App;
use sluicegate::telemetry::{ExportConfig, Protocol, Target, Tls};
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// All three signals, as the variables have it by default but for the interval of metrics: some have to be sent while
/// it is measured.
fn export(collector: SocketAddr) -> ExportConfig {
    let target = |signal: &str| {
        let url = format!("http://{collector}/v1/{signal}");
        Some(Target {
            protocol: Protocol::HttpProtobuf,
            url,
            timeout: Duration::from_secs(10),
            tls: Tls::default(),
        })
    };
    ExportConfig {
        traces: target("traces"),
        metrics: target("metrics"),
        logs: target("logs"),
        metric_interval: Duration::from_secs(1),
        ..ExportConfig::default()
    }
}

fn gateway(runtime: &Runtime, directory: &TempDir, export: Option<(ExportConfig, u32)>) -> App {
    let mut config = configuration(directory);
    if let Some((export, traces_per_second_max)) = export {
        config.telemetry.export = export;
        config.telemetry.traces_per_second_max = traces_per_second_max;
    }
    runtime.block_on(App::start(config)).unwrap_or_else(|error| panic!("{error}"))
}

pub fn compare(effort: Effort) {
    const BATCH: usize = 1_000;
    const ALL: u32 = 1_000_000;
    let runtime = Runtime::new().unwrap();
    // In memory: the disk's moods are not what is compared.
    let directories = [(); 3].map(|()| tempfile::tempdir_in("/dev/shm").unwrap());
    let collector = bare_hyper(&runtime);
    let off = gateway(&runtime, &directories[0], None);
    let on = gateway(&runtime, &directories[1], Some((export(collector), 100)));
    let every = gateway(&runtime, &directories[2], Some((export(collector), ALL)));
    let single = [request(rules::PATH, "application/json", &record(1))];
    let body: String = (0..BATCH).map(|index| record(index) + "\n").collect();
    let batch = [request(&format!("{}?results=errors", rules::PATH), "application/x-ndjson", &body)];
    let names = [
        "telemetry off",
        "on: metrics, log, 100 new traces a second",
        "on, and every trace kept (the queue drops some)",
    ];
    let addresses = [&off, &on, &every].map(|app| app.data_address);
    for (title, unit, connections, requests, each) in [
        ("what telemetry costs single records, 64 connections", "answers/s", 64, &single, 1),
        ("what telemetry costs batches of 1,000, 16 under way", "records/s", 16, &batch, BATCH),
    ] {
        let measure = |address| rate(&runtime, address, connections, requests, effort.time) * each as f64;
        contest(
            title,
            unit,
            effort.rounds,
            &mut [
                (names[0], &mut || measure(addresses[0])),
                (names[1], &mut || measure(addresses[1])),
                (names[2], &mut || measure(addresses[2])),
            ],
        );
    }
    runtime.block_on(async {
        for app in [off, on, every] {
            app.stop().await;
        }
    });
}
