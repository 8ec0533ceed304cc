//! What is measured and logged: the only room that knows the OpenTelemetry SDK.

use crate::verdict::{FaultKind, Instrument, MeasurementTable, Outcome};
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Config {
    pub log_format: LogFormat,
    /// As `tracing_subscriber::EnvFilter` reads it, e.g. `info` or `sluicegate=debug`.
    pub log_filter: String,
    /// Distinct values an attribute of a plugin's instrument may have; the ones beyond are `__other__`.
    pub attribute_values_max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    Json,
    Text,
}

/// The gateway's own instruments and the registry behind `/metrics`. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {}

/// How a request ended, as the label `status` of `ingestion.request.duration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestStatus {
    Success,
    Rejected,
    Failed,
}

/// How a look at a plugin file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    Loaded,
    Refused,
    Removed,
    /// A directory that could not be read or was suddenly empty.
    DirectoryAlarm,
}

/// What the sink says of itself at each scrape, a line a topic.
#[derive(Debug, Clone, Default)]
pub struct SinkGauge {
    pub topic: String,
    pub bytes: u64,
    pub segments: u64,
    pub records: u64,
    pub syncs: u64,
    pub queued_bytes: u64,
    pub poisoned_segments: u64,
}

impl Metrics {
    pub fn new(_config: &Config) -> Metrics {
        unimplemented!()
    }
    /// A request to a route; `endpoint` is the declared path.
    pub fn request(&self, _endpoint: &str, _status: RequestStatus, _duration: Duration) {}
    /// Records of one route that ended alike. `reason`: a violation's code, a fault's kind, a failure; or empty.
    pub fn records(&self, _route: &str, _outcome: &'static str, _reason: &str, _count: u64) {}
    pub fn plugin_call(&self, _plugin: &str, _duration: Duration) {}
    pub fn plugin_fault(&self, _plugin: &str, _kind: FaultKind) {}
    pub fn plugin_generation(&self, _plugin: &str, _generation: u64) {}
    pub fn reload(&self, _result: Reload) {}
    /// A connection or request that was turned away, by reason.
    pub fn shed(&self, _reason: &'static str) {}
    /// Called at each scrape.
    pub fn observe_sink(&self, _observe: Box<dyn Fn() -> Vec<SinkGauge> + Send + Sync>) {}
    /// The instruments of a plugin; the same ones again while a plugin of this name has the same set.
    pub fn plugin_meters(
        &self,
        _plugin: &str,
        _instruments: &[Instrument],
    ) -> Result<PluginMeters, MeterConflict> {
        unimplemented!()
    }
    /// Everything, in Prometheus' text format.
    pub fn render(&self) -> String {
        unimplemented!()
    }
}

/// Two plugins want one metric name for different things.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "instrument '{instrument}' is already a {theirs} of plugin '{plugin}', and this one wants a {ours}; rename one of them"
)]
pub struct MeterConflict {
    pub instrument: String,
    pub plugin: String,
    pub theirs: String,
    pub ours: String,
}

/// The instruments of one plugin. They leave `/metrics` with the last clone.
#[derive(Clone)]
pub struct PluginMeters {}

impl PluginMeters {
    /// Adds up what a batch measured, for the records whose outcome its instruments count.
    pub fn record(&self, _tables: &[MeasurementTable], _outcomes: &[Outcome]) {}
}
