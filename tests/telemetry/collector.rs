//! The real Collector: takes OTLP, writes what it got as JSON, hands metrics on to Prometheus.

use crate::part::{Part, await_that, free, program};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

pub struct Collector {
    pub http: SocketAddr,
    pub grpc: SocketAddr,
    directory: tempfile::TempDir,
    _part: Part,
}

impl Collector {
    /// `prometheus`: where metrics are written to.
    pub fn start(prometheus: Option<SocketAddr>) -> Collector {
        Collector::with(prometheus, "")
    }

    /// With more in the configuration of both its receiver's protocols.
    pub fn with(prometheus: Option<SocketAddr>, tls: &str) -> Collector {
        let directory = tempfile::tempdir().unwrap();
        let (http, grpc) = (free(), free());
        let here = directory.path().display();
        let mut config = format!(
            "receivers:\n  otlp:\n    protocols:\n      http: {{endpoint: \"{http}\"{tls}}}\n      grpc: {{endpoint: \"{grpc}\"{tls}}}\n\
             exporters:\n  file: {{path: {here}/out.json, flush_interval: 100ms}}\n"
        );
        let mut metrics = "file".to_owned();
        if let Some(prometheus) = prometheus {
            config +=
                &format!("  prometheusremotewrite: {{endpoint: \"http://{prometheus}/api/v1/write\"}}\n");
            metrics += ", prometheusremotewrite";
        }
        config += &format!(
            "service:\n  telemetry: {{metrics: {{level: none}}}}\n  pipelines:\n    \
             traces: {{receivers: [otlp], exporters: [file]}}\n    \
             logs: {{receivers: [otlp], exporters: [file]}}\n    \
             metrics: {{receivers: [otlp], exporters: [{metrics}]}}\n"
        );
        let file = directory.path().join("config.yaml");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(program("otelcol"));
        command.arg("--config").arg(file);
        let part = Part::start("otelcol", command, directory.path(), http);
        Collector { http, grpc, directory, _part: part }
    }

    fn out(&self) -> PathBuf {
        self.directory.path().join("out.json")
    }

    /// Everything that came, one export each.
    pub fn exports(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.out()).unwrap_or_default();
        // The last line may be half written.
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Every span, with its resource's attributes.
    pub fn spans(&self) -> Vec<Value> {
        self.items("resourceSpans", "scopeSpans", "spans")
    }

    pub fn log_lines(&self) -> Vec<Value> {
        self.items("resourceLogs", "scopeLogs", "logRecords")
    }

    pub fn metrics(&self) -> Vec<Value> {
        self.items("resourceMetrics", "scopeMetrics", "metrics")
    }

    fn items(&self, resources: &str, scopes: &str, items: &str) -> Vec<Value> {
        let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
        let mut found = Vec::new();
        for resource in self.exports().iter().flat_map(|export| list(export, resources)) {
            for scope in list(&resource, scopes) {
                found.extend(list(&scope, items).into_iter().map(|mut item| {
                    item["resource"] = resource["resource"].clone();
                    item
                }));
            }
        }
        found
    }

    /// Waits until there are such spans.
    pub fn await_spans(&self, what: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        await_that(what, || Some(self.spans()).filter(|spans| wanted(spans)))
    }
}

/// The value of an attribute as text.
pub fn attribute(item: &Value, key: &str) -> Option<String> {
    let attributes = item["attributes"].as_array()?;
    let value = &attributes.iter().find(|attribute| attribute["key"] == key)?["value"];
    let value = value.as_object()?.values().next()?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}
