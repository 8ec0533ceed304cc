//! What is measured and logged: the only room that knows the OpenTelemetry SDK.
//!
//! A label value is a word of ours, a declared path or what a plugin measured; the last is held to a budget
//! *before* the SDK sees it, because beyond its own limit the SDK drops every attribute, under a write lock.

mod about;
mod catalog;
mod export;
mod exposition;
mod log;
mod measure;
mod name;
mod own;
mod process;
mod provider;
mod resource;
mod series;
mod settled;
#[cfg(test)]
mod tests;
mod trace;

pub use export::{Export, ExportConfig, ExportError, Protocol, Target, Temporality, Tls};
pub use log::{LogError, check_log_filter, start_logging};
pub use measure::PluginMeters;
pub use settled::Settled;
pub use trace::{Entered, JudgeFacts, Parent, RequestFacts, Span, Traces};

use crate::verdict::{FaultKind, Instrument};
use catalog::Catalog;
use export::Tally;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use own::Own;
use provider::Outlets;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Config {
    pub log_format: LogFormat,
    /// As `tracing_subscriber::EnvFilter` reads it, e.g. `info` or `sluicegate=debug`.
    pub log_filter: String,
    /// Distinct values an attribute of a plugin's instrument may have; the ones beyond are `__other__`.
    pub attribute_values_max: usize,
    /// Traces that begin here and are kept, of each second, where OTEL_TRACES_SAMPLER says nothing.
    pub traces_per_second_max: u32,
    pub export: ExportConfig,
}

/// Nothing is sent, and the log is told from `info` on.
impl Default for Config {
    fn default() -> Config {
        Config {
            log_format: LogFormat::Auto,
            log_filter: "info".to_owned(),
            attribute_values_max: 100,
            traces_per_second_max: 100,
            export: ExportConfig::default(),
        }
    }
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
pub struct Metrics {
    own: Arc<Own>,
    catalog: Arc<Catalog>,
}

/// How a request ended, as the label `status` of `ingestion.request.duration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestStatus {
    Success,
    Rejected,
    Failed,
}

impl RequestStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            RequestStatus::Success => "success",
            RequestStatus::Rejected => "rejected",
            RequestStatus::Failed => "failed",
        }
    }
}

/// What a dead letter was before, as the label `kind` of `gateway.dead_letters.written`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetterKind {
    Quarantined,
    Rejected,
}

impl DeadLetterKind {
    pub fn as_str(self) -> &'static str {
        match self {
            DeadLetterKind::Quarantined => "quarantined",
            DeadLetterKind::Rejected => "rejected",
        }
    }
}

/// Why a rejected record was not kept, as the label `reason` of `gateway.dead_letters.shed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShedDeadLetter {
    /// Too many wait already.
    NoRoom,
    /// What keeps them did not take it.
    Undelivered,
    /// It was too large, or no text, and the gateway did not hold it.
    NoBytes,
}

impl ShedDeadLetter {
    pub fn as_str(self) -> &'static str {
        match self {
            ShedDeadLetter::NoRoom => "no_room",
            ShedDeadLetter::Undelivered => "undelivered",
            ShedDeadLetter::NoBytes => "no_bytes",
        }
    }
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

impl Reload {
    pub const ALL: [Reload; 4] = [Reload::Loaded, Reload::Refused, Reload::Removed, Reload::DirectoryAlarm];

    /// The value of the label `result`.
    pub fn as_str(self) -> &'static str {
        match self {
            Reload::Loaded => "loaded",
            Reload::Refused => "refused",
            Reload::Removed => "removed",
            Reload::DirectoryAlarm => "directory_alarm",
        }
    }
}

/// What the sink says of itself at each scrape.
#[derive(Debug, Clone, Default)]
pub struct SinkGauges {
    /// The local logs, a topic each.
    pub logs: Vec<SinkGauge>,
    /// The ways to Kafka, a topic each.
    pub lanes: Vec<LaneGauge>,
}

/// What the way of a topic's records to Kafka says of itself.
#[derive(Debug, Clone, Default)]
pub struct LaneGauge {
    pub topic: String,
    /// One of `MODES`.
    pub mode: &'static str,
    /// Records that the broker has not reported yet.
    pub in_flight: u64,
    /// Records that wait in the spool.
    pub spool_records: u64,
    /// About how many bytes these take.
    pub spool_bytes: u64,
    /// What the spool takes on disk.
    pub spool_size: u64,
    /// How long the oldest of them has waited.
    pub spool_oldest_age: Duration,
    /// Records that the broker has reported since the start: why it did not take them, or nothing, and how many.
    pub reported: Vec<(&'static str, u64)>,
}

impl LaneGauge {
    /// Where new records go: to the broker; nowhere for a moment; into the spool; behind what is being sent from it.
    pub const MODES: [&str; 4] = ["direct", "turning", "spooling", "draining"];
}

/// What the log of a topic says of itself.
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

/// What is remembered of requests with an Idempotency-Key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeysGauge {
    pub entries: u64,
    pub bytes: u64,
}

/// What the data port holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HttpGauge {
    pub in_flight: u64,
    pub held_bytes: u64,
}

/// What the instances of a plugin take now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PluginGauge {
    pub plugin: String,
    pub instances: u64,
    pub memory_bytes: u64,
}

impl Metrics {
    pub fn new(config: &Config) -> Metrics {
        let push = config.export.metrics.as_ref().map(|_| config.export.temporality.into());
        let outlets = Outlets { resource: resource::resource(), push };
        let own = Own::new(config.attribute_values_max, &outlets);
        let catalog = Catalog::new(config.attribute_values_max, outlets, own.names());
        Metrics { own: Arc::new(own), catalog: Arc::new(catalog) }
    }

    /// A request to the data port that was answered after this time.
    pub fn request(&self, facts: &RequestFacts<'_>, duration: Duration) {
        self.own.request(facts, duration);
    }

    /// Records of a request that were sent to a topic; `error_type` is empty where all went well.
    pub fn sent(&self, system: &str, topic: &str, error_type: &str, duration: Duration) {
        self.own.sent(system, topic, error_type, duration);
    }

    /// Records of one route that ended alike. `reason`: a violation's code, a fault's kind, a failure; or empty.
    pub fn records(&self, route: &str, outcome: &'static str, reason: &str, count: u64) {
        self.own.records(route, outcome, reason, count);
    }

    /// Records that were made durable among the dead letters.
    pub fn dead_letters_written(&self, kind: DeadLetterKind, count: u64) {
        if count > 0 {
            self.own.dead_letters_written(kind.as_str(), count);
        }
    }

    /// Rejected records that were to be kept among the dead letters, and were not.
    pub fn dead_letters_shed(&self, reason: ShedDeadLetter, count: u64) {
        if count > 0 {
            self.own.dead_letters_shed(reason.as_str(), count);
        }
    }

    /// A call of a plugin. Counted while its meters are alive, as all that names a plugin.
    pub fn plugin_call(&self, plugin: &str, duration: Duration) {
        if let Some(about) = self.catalog.about(plugin) {
            about.call(duration);
        }
    }

    /// A fault of a plugin whose meters are alive.
    pub fn plugin_fault(&self, plugin: &str, kind: FaultKind) {
        if let Some(about) = self.catalog.about(plugin) {
            about.fault(kind);
        }
    }

    /// Measurements of a plugin, whose meters are alive, that were not taken.
    pub fn plugin_measurements_dropped(&self, plugin: &str, count: u64) {
        if let Some(about) = self.catalog.about(plugin) {
            about.measurements_dropped(count);
        }
    }

    /// The generation that now serves of a plugin whose meters are alive.
    pub fn plugin_generation(&self, plugin: &str, generation: u64) {
        if let Some(about) = self.catalog.about(plugin) {
            about.generation(generation);
        }
    }

    pub fn reload(&self, result: Reload) {
        self.own.reload(result);
    }

    /// A connection or request that was turned away, by reason.
    pub fn shed(&self, reason: &'static str) {
        self.own.shed(reason);
    }

    /// A request whose Idempotency-Key was known.
    pub fn key(&self, result: &'static str) {
        self.own.key(result);
    }

    /// As `observe_sink`, of what is remembered by Idempotency-Keys.
    pub fn observe_keys(&self, observe: Box<dyn Fn() -> KeysGauge + Send + Sync>) {
        self.own.observe_keys(observe);
    }

    /// What to ask once at each scrape. A second call replaces the first.
    pub fn observe_sink(&self, observe: Box<dyn Fn() -> SinkGauges + Send + Sync>) {
        self.own.observe_sink(observe);
    }

    /// As `observe_sink`, of the data port.
    pub fn observe_http(&self, observe: Box<dyn Fn() -> HttpGauge + Send + Sync>) {
        self.own.observe_http(observe);
    }

    /// As `observe_sink`, of the plugins' instances.
    pub fn observe_plugins(&self, observe: Box<dyn Fn() -> Vec<PluginGauge> + Send + Sync>) {
        self.own.observe_plugins(observe);
    }

    fn observe_export(&self, tally: Arc<Tally>) {
        self.own.observe_export(tally);
    }

    /// Everything, to be sent. Nothing unless metrics are to be sent.
    fn collect(&self) -> Vec<ResourceMetrics> {
        self.own.collect().into_iter().chain(self.catalog.collect()).collect()
    }

    /// The instruments of a plugin; one that a plugin of this name has already, unchanged in every part, is
    /// the same again and goes on counting.
    ///
    /// Their names and units are checked to be what OpenTelemetry allows, their attributes by `check_labels`.
    pub fn plugin_meters(
        &self,
        plugin: &str,
        instruments: &[Instrument],
    ) -> Result<PluginMeters, MeterConflict> {
        self.catalog.meters(plugin, instruments)
    }

    /// What became of records so far. As much work as a scrape of what the gateway measures itself.
    pub fn settled(&self) -> Vec<Settled> {
        settled::settled(&self.own.gather())
    }

    /// Everything, in Prometheus' text format 0.0.4.
    pub fn render(&self) -> String {
        exposition::render(self.own.gather(), self.catalog.gather())
    }
}

/// Two plugins want one metric name for different things.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "instrument '{instrument}' is already a {theirs} of {}, and this one wants a {ours}; rename one of them",
    owner(.plugin)
)]
pub struct MeterConflict {
    pub instrument: String,
    /// Empty: the gateway itself.
    pub plugin: String,
    pub theirs: String,
    pub ours: String,
}

fn owner(plugin: &str) -> String {
    if plugin.is_empty() { "the gateway itself".to_owned() } else { format!("plugin '{plugin}'") }
}

/// An attribute that cannot be a label in Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "attribute '{attribute}' of instrument '{instrument}' cannot be a label in Prometheus, where it is '{label}': \
     two are alike, or it begins with '__', or it is 'le', which histograms have; name it otherwise"
)]
pub struct LabelError {
    pub instrument: String,
    pub attribute: String,
    pub label: String,
}

/// Whether every attribute of an instrument can be a label of its own. One that cannot spoils `/metrics`.
pub fn check_labels(instrument: &Instrument) -> Result<(), LabelError> {
    name::check_labels(instrument)
}
