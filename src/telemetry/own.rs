//! The gateway's own instruments, `gateway.<noun>.<measure>`, and the one whose name the dashboards know.

use super::provider::{Bound, Provider};
use super::series::{SDK_SERIES_MAX, Series};
use super::{KeysGauge, LaneGauge, Reload, RequestStatus, SinkGauge, SinkGauges, name, process};
use crate::verdict::{Failure, FaultKind, InstrumentKind, Violation};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use opentelemetry_sdk::Resource;
use parking_lot::{Mutex, RwLock};
use prometheus::proto::MetricFamily;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Milliseconds, as the dashboards in use have them.
const REQUEST_BOUNDARIES: [f64; 18] = [
    0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0,
    10000.0,
];

/// Paths that are declared, by all plugins there ever were in this process.
const ENDPOINTS_MAX: usize = 1_000;

/// Which key of `gateway.records.settled` plugins have words for.
const REASON: usize = 2;

type Seen = Arc<RwLock<SinkGauges>>;
type ObserveKeys = Box<dyn Fn() -> KeysGauge + Send + Sync>;
type Observe = Box<dyn Fn() -> SinkGauges + Send + Sync>;

/// What the gateway itself gives as a reason.
fn own_reasons() -> Vec<&'static str> {
    let failures = Failure::ALL.iter().map(|failure| failure.as_str());
    failures.chain(FaultKind::ALL.iter().map(|kind| kind.as_str())).chain(Violation::OWN_CODES).collect()
}

pub(super) struct Own {
    provider: Provider,
    names: Vec<(String, String)>,
    requests: Series,
    records: Series,
    reloads: [Bound; Reload::ALL.len()],
    shed: Series,
    observe_sink: RwLock<Option<Observe>>,
    /// What the sink said when the present scrape began: each of its instruments is asked by itself.
    sink: Seen,
    keys: Series,
    keys_kept: Arc<RwLock<Option<ObserveKeys>>>,
    dead_letters: Series,
    dead_letters_shed: Series,
}

impl Own {
    pub fn new(values_max: usize) -> Own {
        let resource = Resource::builder()
            .with_service_name(env!("CARGO_PKG_NAME"))
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = Provider::new(Some(resource), SDK_SERIES_MAX);
        let builder = Builder { provider: &provider, names: Mutex::default() };
        let requests = builder.series(
            // No unit: `ms` would become part of the name, and the dashboards know this one.
            ("ingestion.request.duration", "", InstrumentKind::Histogram(REQUEST_BOUNDARIES.to_vec())),
            "How long requests took from the end of their headers to their answer, in milliseconds.",
            &["endpoint", "status"],
            ENDPOINTS_MAX,
        );
        let records = builder.series(
            ("gateway.records.settled", "{record}", InstrumentKind::Counter),
            "What finally happened to records.",
            &["route", "outcome", "reason"],
            ENDPOINTS_MAX,
        );
        // A reason may be a violation's code, a plugin's word: those are held to the budget of what plugins measure,
        // and leave the gateway's own reasons their place.
        let records = records.with_foreign_values(REASON, values_max, &own_reasons());
        let counter = |name, unit, description, keys: &[&str]| {
            builder.series((name, unit, InstrumentKind::Counter), description, keys, usize::MAX)
        };
        let reloads =
            counter("gateway.plugin.reloads", "{reload}", "How looks at plugin files ended.", &["result"]);
        let shed = counter(
            "gateway.requests.shed",
            "{request}",
            "Requests and connections turned away.",
            &["reason"],
        );
        let sink = Seen::default();
        let keys = counter(
            "gateway.idempotency.requests",
            "{request}",
            "Requests with an Idempotency-Key that was known: how they were answered.",
            &["result"],
        );
        let keys_kept = Arc::default();
        let dead_letters = counter(
            "gateway.dead_letters.written",
            "{record}",
            "Records made durable among the dead letters.",
            &["kind"],
        );
        let dead_letters_shed = counter(
            "gateway.dead_letters.shed",
            "{record}",
            "Rejected records that were to be kept among the dead letters and were not.",
            &["reason"],
        );
        observe_sink(&builder, &sink);
        observe_lanes(&builder, &sink);
        observe_keys(&builder, &keys_kept);
        observe_process(&builder, Instant::now());
        Own {
            requests,
            records,
            reloads: Reload::ALL.map(|result| reloads.resolve(&[result.as_str()])),
            shed,
            observe_sink: RwLock::default(),
            dead_letters,
            dead_letters_shed,
            sink,
            keys,
            keys_kept,
            names: builder.names.into_inner(),
            provider,
        }
    }

    /// The names that are taken in `/metrics`, each with what it is.
    pub fn names(&self) -> Vec<(String, String)> {
        self.names.clone()
    }

    pub fn request(&self, endpoint: &str, status: RequestStatus, duration: Duration) {
        self.requests.take(&[endpoint, status.as_str()], duration.as_secs_f64() * 1e3);
    }

    pub fn records(&self, route: &str, outcome: &str, reason: &str, count: u64) {
        self.records.take(&[route, outcome, reason], count as f64);
    }

    pub fn reload(&self, result: Reload) {
        let index = Reload::ALL.iter().position(|each| *each == result);
        if let Some(bound) = index.and_then(|index| self.reloads.get(index)) {
            bound.take(1.0);
        }
    }

    pub fn shed(&self, reason: &str) {
        self.shed.take(&[reason], 1.0);
    }

    pub fn key(&self, result: &str) {
        self.keys.take(&[result], 1.0);
    }

    pub fn observe_keys(&self, observe: ObserveKeys) {
        *self.keys_kept.write() = Some(observe);
    }

    pub fn dead_letters_written(&self, kind: &str, count: u64) {
        self.dead_letters.take(&[kind], count as f64);
    }

    pub fn dead_letters_shed(&self, reason: &str, count: u64) {
        self.dead_letters_shed.take(&[reason], count as f64);
    }

    pub fn observe_sink(&self, observe: Observe) {
        *self.observe_sink.write() = Some(observe);
    }

    pub fn gather(&self) -> Vec<MetricFamily> {
        let seen = self.observe_sink.read().as_ref().map(|observe| observe()).unwrap_or_default();
        *self.sink.write() = seen;
        self.provider.gather()
    }
}

/// Builds instruments and writes down which names they take.
struct Builder<'a> {
    provider: &'a Provider,
    names: Mutex<Vec<(String, String)>>,
}

impl Builder<'_> {
    fn series(
        &self,
        (name, unit, kind): (&'static str, &'static str, InstrumentKind),
        description: &str,
        keys: &[&str],
        values_max: usize,
    ) -> Series {
        self.claim(name, unit, &kind);
        Series::closed(self.provider.recorder(name, unit, description, &kind), keys, values_max)
    }

    fn claim(&self, name: &str, unit: &str, kind: &InstrumentKind) {
        let family = name::family(name, unit, kind);
        let what = super::catalog::in_words(kind, unit);
        self.names.lock().extend(name::claimed(&family, kind).into_iter().map(|name| (name, what.clone())));
    }

    fn gauge(
        &self,
        (name, unit, description): (&'static str, &'static str, &'static str),
        observe: impl Fn(&dyn AsyncInstrument<u64>) + Send + Sync + 'static,
    ) {
        self.claim(name, unit, &InstrumentKind::Gauge);
        let meter: Meter = self.provider.meter();
        let gauge = meter.u64_observable_gauge(name).with_unit(unit).with_description(description);
        gauge.with_callback(observe).build();
    }

    fn counter(
        &self,
        (name, unit, description): (&'static str, &'static str, &'static str),
        observe: impl Fn(&dyn AsyncInstrument<u64>) + Send + Sync + 'static,
    ) {
        self.claim(name, unit, &InstrumentKind::Counter);
        let meter: Meter = self.provider.meter();
        let counter = meter.u64_observable_counter(name).with_unit(unit).with_description(description);
        counter.with_callback(observe).build();
    }
}

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

fn observe_keys(builder: &Builder<'_>, keys: &Arc<RwLock<Option<ObserveKeys>>>) {
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
