//! The gateway's own instruments, `gateway.<noun>.<measure>`, and the one whose name the dashboards know.

mod observe;

use super::export::Tally;
use super::provider::{Bound, Outlets, Provider, TargetInfo};
use super::series::{SDK_SERIES_MAX, Series};
use super::{HttpGauge, KeysGauge, PluginGauge, Reload, RequestFacts, SinkGauges, name};
use crate::verdict::{Failure, FaultKind, InstrumentKind, Violation};
use observe::Observed;
use opentelemetry::metrics::{AsyncInstrument, Meter};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use parking_lot::{Mutex, RwLock};
use prometheus::proto::MetricFamily;
use std::sync::Arc;
use std::time::Duration;

/// Milliseconds, as the dashboards in use have them.
const REQUEST_BOUNDARIES: [f64; 18] = [
    0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0,
    10000.0,
];

/// Seconds, as the semantic conventions have them for `http.server.request.duration` and for messaging's operations.
const SECONDS_BOUNDARIES: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Paths that are declared, by all plugins there ever were in this process.
const ENDPOINTS_MAX: usize = 1_000;

/// Which key of `gateway.records.settled` plugins have words for.
const REASON: usize = 2;

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
    http: Series,
    sends: Series,
    records: Series,
    reloads: [Bound; Reload::ALL.len()],
    shed: Series,
    observe_sink: RwLock<Option<Observe>>,
    observed: Observed,
    keys: Series,
    dead_letters: Series,
    dead_letters_shed: Series,
}

impl Own {
    pub fn new(values_max: usize, outlets: &Outlets) -> Own {
        let provider = Provider::new(outlets, TargetInfo::Told, SDK_SERIES_MAX);
        let builder = Builder { provider: &provider, names: Mutex::default() };
        let requests = builder.series(
            // No unit: `ms` would become part of the name, and the dashboards know this one.
            ("ingestion.request.duration", "", InstrumentKind::Histogram(REQUEST_BOUNDARIES.to_vec())),
            "How long requests took from the end of their headers to their answer, in milliseconds.",
            &["endpoint", "status"],
            ENDPOINTS_MAX,
        );
        let (http, sends) = (http(&builder), sends(&builder));
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
        let keys = counter(
            "gateway.idempotency.requests",
            "{request}",
            "Requests with an Idempotency-Key that was known: how they were answered.",
            &["result"],
        );
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
        let observed = Observed::default();
        observed.register(&builder);
        Own {
            requests,
            http,
            sends,
            records,
            reloads: Reload::ALL.map(|result| reloads.resolve(&[result.as_str()])),
            shed,
            observe_sink: RwLock::default(),
            dead_letters,
            dead_letters_shed,
            observed,
            keys,
            names: builder.names.into_inner(),
            provider,
        }
    }

    /// The names that are taken in `/metrics`, each with what it is.
    pub fn names(&self) -> Vec<(String, String)> {
        self.names.clone()
    }

    pub fn request(&self, facts: &RequestFacts<'_>, duration: Duration) {
        if let Some(endpoint) = facts.route {
            self.requests.take(&[endpoint, facts.result], duration.as_secs_f64() * 1e3);
        }
        let route = facts.route.unwrap_or_default();
        let error_type = if facts.status >= 500 { facts.status_text } else { "" };
        let labels = [facts.method, facts.status_text, route, "http", error_type];
        self.http.take(&labels, duration.as_secs_f64());
    }

    pub fn sent(&self, system: &str, topic: &str, error_type: &str, duration: Duration) {
        self.sends.take(&[system, "send", topic, error_type], duration.as_secs_f64());
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

    pub fn observe_keys(&self, observe: Box<dyn Fn() -> KeysGauge + Send + Sync>) {
        *self.observed.keys.write() = Some(observe);
    }

    pub fn observe_http(&self, observe: Box<dyn Fn() -> HttpGauge + Send + Sync>) {
        *self.observed.http.write() = Some(observe);
    }

    pub fn observe_plugins(&self, observe: Box<dyn Fn() -> Vec<PluginGauge> + Send + Sync>) {
        *self.observed.plugins.write() = Some(observe);
    }

    pub fn observe_export(&self, tally: Arc<Tally>) {
        *self.observed.export.write() = Some(tally);
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
        self.look();
        self.provider.gather()
    }

    pub fn collect(&self) -> Option<ResourceMetrics> {
        self.look();
        self.provider.collect()
    }

    /// Each of the sink's instruments is asked by itself: it is looked at once for all of them.
    fn look(&self) {
        let seen = self.observe_sink.read().as_ref().map(|observe| observe()).unwrap_or_default();
        *self.observed.sink.write() = seen;
    }
}

/// As the semantic conventions of HTTP have it. A path that no plugin declares is no label.
fn http(builder: &Builder<'_>) -> Series {
    builder.series(
        ("http.server.request.duration", "s", InstrumentKind::Histogram(SECONDS_BOUNDARIES.to_vec())),
        "How long requests took from the end of their headers to their answer.",
        &["http.request.method", "http.response.status_code", "http.route", "url.scheme", "error.type"],
        ENDPOINTS_MAX,
    )
}

/// As those of messaging have it.
fn sends(builder: &Builder<'_>) -> Series {
    builder.series(
        ("messaging.client.operation.duration", "s", InstrumentKind::Histogram(SECONDS_BOUNDARIES.to_vec())),
        "How long the records of a request took to be durable, by topic.",
        &["messaging.system", "messaging.operation.name", "messaging.destination.name", "error.type"],
        ENDPOINTS_MAX,
    )
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
