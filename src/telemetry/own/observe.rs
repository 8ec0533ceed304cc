//! What others say of themselves when they are asked.

use super::{Builder, Tally};
use crate::telemetry::{HttpGauge, KeysGauge, LaneGauge, PluginGauge, SinkGauge, SinkGauges, process};
use opentelemetry::KeyValue;
use opentelemetry::metrics::AsyncInstrument;
use parking_lot::RwLock;
use std::sync::Arc;
use std::time::Instant;

type Ask<T> = Arc<RwLock<Option<Box<dyn Fn() -> T + Send + Sync>>>>;

/// Whom to ask, once they are there.
#[derive(Default)]
pub(super) struct Observed {
    /// What the sink said when the present look began.
    pub sink: Arc<RwLock<SinkGauges>>,
    pub keys: Ask<KeysGauge>,
    pub http: Ask<HttpGauge>,
    pub plugins: Ask<Vec<PluginGauge>>,
    pub export: Arc<RwLock<Option<Arc<Tally>>>>,
}

impl Observed {
    pub fn register(&self, builder: &Builder<'_>) {
        observe_sink(builder, &self.sink);
        observe_lanes(builder, &self.sink);
        observe_sends(builder, &self.sink);
        observe_keys(builder, &self.keys);
        observe_http(builder, &self.http);
        observe_plugins(builder, &self.plugins);
        observe_export(builder, &self.export);
        observe_process(builder, Instant::now());
    }
}

type Seen = Arc<RwLock<SinkGauges>>;

fn observe_sink(builder: &Builder<'_>, sink: &Seen) {
    let each = |read: fn(&SinkGauge) -> u64| {
        let sink = Arc::clone(sink);
        move |instrument: &dyn AsyncInstrument<u64>| {
            for topic in &sink.read().logs {
                instrument.observe(read(topic), &[KeyValue::new("topic", topic.topic.clone())]);
            }
        }
    };
    builder.gauge(("gateway.sink.size", "By", "What the log of a topic takes on disk."), each(|s| s.bytes));
    builder.gauge(("gateway.sink.segments", "{segment}", "Files of a topic's log."), each(|s| s.segments));
    builder.gauge(
        ("gateway.sink.queued", "By", "Records that wait to be written down."),
        each(|s| s.queued_bytes),
    );
    builder.gauge(
        ("gateway.sink.segments.poisoned", "{segment}", "Files of a topic's log that could not be synced."),
        each(|s| s.poisoned_segments),
    );
    builder
        .counter(("gateway.sink.records", "{record}", "Records written down for good."), each(|s| s.records));
    builder.counter(("gateway.sink.syncs", "{sync}", "Syncs of a topic's log."), each(|s| s.syncs));
}

fn observe_lanes(builder: &Builder<'_>, sink: &Seen) {
    let each = |read: fn(&LaneGauge) -> u64| {
        let sink = Arc::clone(sink);
        move |instrument: &dyn AsyncInstrument<u64>| {
            for lane in &sink.read().lanes {
                instrument.observe(read(lane), &[KeyValue::new("topic", lane.topic.clone())]);
            }
        }
    };
    let modes = Arc::clone(sink);
    builder.gauge(
        (
            "gateway.kafka.mode",
            "",
            "1 for where the records of a topic go at present, 0 for the other modes.",
        ),
        move |instrument| {
            for lane in &modes.read().lanes {
                for mode in LaneGauge::MODES {
                    let labels = [KeyValue::new("topic", lane.topic.clone()), KeyValue::new("mode", mode)];
                    instrument.observe(u64::from(lane.mode == mode), &labels);
                }
            }
        },
    );
    builder.gauge(
        ("gateway.kafka.in_flight", "{record}", "Records that the broker has not reported yet."),
        each(|lane| lane.in_flight),
    );
    builder.gauge(
        ("gateway.spool.records", "{record}", "Records that wait in a topic's spool."),
        each(|lane| lane.spool_records),
    );
    builder.gauge(
        ("gateway.spool.waiting", "By", "About what the records that wait in a topic's spool take."),
        each(|lane| lane.spool_bytes),
    );
    builder.gauge(
        ("gateway.spool.size", "By", "What a topic's spool takes on disk."),
        each(|lane| lane.spool_size),
    );
    builder.gauge(
        ("gateway.spool.oldest_age", "s", "How long the oldest record in a topic's spool has waited."),
        each(|lane| lane.spool_oldest_age.as_secs()),
    );
}

fn observe_keys(builder: &Builder<'_>, keys: &Ask<KeysGauge>) {
    let each = |read: fn(&KeysGauge) -> u64| {
        let keys = Arc::clone(keys);
        move |instrument: &dyn AsyncInstrument<u64>| {
            if let Some(observe) = &*keys.read() {
                instrument.observe(read(&observe()), &[]);
            }
        }
    };
    builder.gauge(
        ("gateway.idempotency.entries", "{entry}", "Requests remembered by their Idempotency-Key."),
        each(|keys| keys.entries),
    );
    builder.gauge(
        ("gateway.idempotency.size", "By", "What is remembered by Idempotency-Keys."),
        each(|keys| keys.bytes),
    );
}

fn observe_process(builder: &Builder<'_>, started: Instant) {
    builder.gauge(("gateway.build.info", "", "Always 1: which gateway this is."), |instrument| {
        instrument.observe(1, &[KeyValue::new("version", env!("CARGO_PKG_VERSION"))]);
    });
    builder.gauge(("process.uptime", "s", "Time since the gateway started."), move |instrument| {
        instrument.observe(started.elapsed().as_secs(), &[]);
    });
    builder.gauge(("process.memory.usage", "By", "Physical memory in use."), |instrument| {
        if let Some(bytes) = process::resident_bytes() {
            instrument.observe(bytes, &[]);
        }
    });
    builder.gauge(
        ("process.unix.file_descriptor.count", "{file_descriptor}", "Open files and sockets."),
        |instrument| {
            if let Some(count) = process::open_files() {
                instrument.observe(count, &[]);
            }
        },
    );
}

/// Counted as librdkafka reports them, those that were sent from the spool included.
fn observe_sends(builder: &Builder<'_>, sink: &Seen) {
    let sink = Arc::clone(sink);
    builder.counter(
        (
            "messaging.client.sent.messages",
            "{message}",
            "Records that the broker has reported, by the reason why it did not take them.",
        ),
        move |instrument| {
            for lane in &sink.read().lanes {
                for (error, count) in &lane.reported {
                    let mut labels = vec![
                        KeyValue::new("messaging.system", "kafka"),
                        KeyValue::new("messaging.operation.name", "send"),
                        KeyValue::new("messaging.destination.name", lane.topic.clone()),
                    ];
                    if !error.is_empty() {
                        labels.push(KeyValue::new("error.type", *error));
                    }
                    instrument.observe(*count, &labels);
                }
            }
        },
    );
}

fn observe_http(builder: &Builder<'_>, http: &Ask<HttpGauge>) {
    let each = |read: fn(&HttpGauge) -> u64| {
        let http = Arc::clone(http);
        move |instrument: &dyn AsyncInstrument<u64>| {
            if let Some(observe) = &*http.read() {
                instrument.observe(read(&observe()), &[]);
            }
        }
    };
    builder.gauge(
        ("gateway.requests.in_flight", "{request}", "Requests that are judged and delivered now."),
        each(|http| http.in_flight),
    );
    builder.gauge(
        ("gateway.bodies.held", "By", "Bodies, findings and answers that are held now."),
        each(|http| http.held_bytes),
    );
}

fn observe_plugins(builder: &Builder<'_>, plugins: &Ask<Vec<PluginGauge>>) {
    let each = |read: fn(&PluginGauge) -> u64| {
        let plugins = Arc::clone(plugins);
        move |instrument: &dyn AsyncInstrument<u64>| {
            let seen = plugins.read().as_ref().map(|observe| observe()).unwrap_or_default();
            for plugin in seen {
                instrument.observe(read(&plugin), &[KeyValue::new("plugin", plugin.plugin.clone())]);
            }
        }
    };
    builder.gauge(
        ("gateway.plugin.instances", "{instance}", "Instances of a plugin that are there, at work or idle."),
        each(|plugin| plugin.instances),
    );
    builder.gauge(
        ("gateway.plugin.memory", "By", "Linear memory of a plugin's instances."),
        each(|plugin| plugin.memory_bytes),
    );
}

fn observe_export(builder: &Builder<'_>, export: &Arc<RwLock<Option<Arc<Tally>>>>) {
    let exports = Arc::clone(export);
    builder.counter(
        ("gateway.telemetry.exports", "{export}", "Exports of telemetry by OTLP, by signal and result."),
        move |instrument| observe_tally(instrument, exports.read().iter().flat_map(|tally| tally.exports())),
    );
    let items = Arc::clone(export);
    builder.counter(
        (
            "gateway.telemetry.items",
            "{item}",
            "Spans, metrics and lines of the log that were to be sent by OTLP, by signal and result.",
        ),
        move |instrument| observe_tally(instrument, items.read().iter().flat_map(|tally| tally.items())),
    );
}

fn observe_tally(
    instrument: &dyn AsyncInstrument<u64>,
    counts: impl Iterator<Item = (&'static str, &'static str, u64)>,
) {
    for (signal, result, count) in counts {
        instrument.observe(count, &[KeyValue::new("signal", signal), KeyValue::new("result", result)]);
    }
}
