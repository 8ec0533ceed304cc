//! Load, and the gateway that telemetry comes from.

use crate::process::{Gateway, Launch};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// A gateway that sends by OTLP to this place.
pub fn gateway(data: &Path, protocol: &str, collector: SocketAddr) -> Launch {
    let mut launch = Launch::serve(data);
    send_to(&mut launch, protocol, &format!("http://{collector}"));
    launch
}

pub fn send_to(launch: &mut Launch, protocol: &str, endpoint: &str) {
    launch
        .command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .env("OTEL_METRIC_EXPORT_INTERVAL", "500")
        .env("OTEL_BSP_SCHEDULE_DELAY", "200")
        .env("OTEL_BLRP_SCHEDULE_DELAY", "200");
}

/// What `simulate` reports.
pub fn simulate(gateway: &Gateway, arguments: &[&str]) -> Value {
    let url = format!("http://{}", gateway.data_address);
    let output = Command::new(env!("CARGO_BIN_EXE_sluicegate"))
        .args(["simulate", "--json", "--url", &url])
        .args(arguments)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout);
    report.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The committed records of a topic.
pub fn committed(data: &Path, topic: &str) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_sluicegate"))
        .args(["tail", topic, "--data"])
        .arg(data)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}
