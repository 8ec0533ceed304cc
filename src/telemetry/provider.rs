//! A meter provider with a registry of its own: the unit that can leave `/metrics`, as the SDK cannot remove an
//! instrument.

use crate::verdict::InstrumentKind;
use opentelemetry::metrics::{
    BoundCounter, BoundGauge, BoundHistogram, BoundUpDownCounter, Counter, Gauge, Histogram, Meter,
    MeterProvider, UpDownCounter,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    InstrumentKind as SdkKind, ManualReader, Pipeline, SdkMeterProvider, Stream, Temporality,
};
use prometheus::Registry;
use prometheus::proto::MetricFamily;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// The buckets of an exponential histogram in Prometheus' text format, which has none that adapt: 1, 2 and 5
/// times each power of ten from a thousandth to a thousand millions, so that a quantile is off by at most the
/// width of such a step whatever the scale of the values.
const TEXT_BUCKETS: (i32, i32) = (-3, 8);

/// Where metrics are read from, and in whose name.
#[derive(Clone)]
pub(super) struct Outlets {
    pub resource: Resource,
    /// How they are sent. None: they are only scraped, and keeping them costs half.
    pub push: Option<Temporality>,
}

/// Metrics that come and go together.
pub(super) struct Provider {
    provider: SdkMeterProvider,
    registry: Registry,
    pushed: Option<Shared>,
}

/// Whether `/metrics` tells the resource with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TargetInfo {
    Told,
    Omitted,
}

impl Provider {
    /// `series_max`: label sets per instrument that the SDK has to hold; our own budget ends before.
    pub fn new(outlets: &Outlets, target_info: TargetInfo, series_max: usize) -> Provider {
        let registry = Registry::new();
        let exporter =
            opentelemetry_prometheus::exporter().with_registry(registry.clone()).scope_info_enabled(false);
        let exporter = match target_info {
            TargetInfo::Told => exporter,
            TargetInfo::Omitted => exporter.without_target_info(),
        };
        let exporter = exporter.build().expect("a new registry has room for its first collector");
        let limit = move |_: &opentelemetry_sdk::metrics::Instrument| {
            Stream::builder().with_cardinality_limit(series_max).build().ok()
        };
        let mut builder = SdkMeterProvider::builder()
            .with_reader(exporter)
            .with_resource(outlets.resource.clone())
            .with_view(limit);
        let pushed = outlets.push.map(|temporality| {
            Shared(Arc::new(ManualReader::builder().with_temporality(temporality).build()))
        });
        if let Some(reader) = &pushed {
            builder = builder.with_reader(reader.clone());
        }
        Provider { provider: builder.build(), registry, pushed }
    }

    /// All of it, to be sent; none where nothing is.
    pub fn collect(&self) -> Option<ResourceMetrics> {
        let mut metrics = ResourceMetrics::default();
        self.pushed.as_ref()?.collect(&mut metrics).ok()?;
        let is_empty = metrics.scope_metrics().all(|scope| scope.metrics().next().is_none());
        (!is_empty).then_some(metrics)
    }

    pub fn meter(&self) -> Meter {
        self.provider.meter_with_scope(InstrumentationScope::builder("sluicegate").build())
    }

    pub fn recorder(&self, name: &str, unit: &str, description: &str, kind: &InstrumentKind) -> Recorder {
        let (meter, name) = (self.meter(), name.to_owned());
        macro_rules! build {
            ($builder:expr) => {
                $builder.with_unit(unit.to_owned()).with_description(description.to_owned())
            };
        }
        match kind {
            InstrumentKind::Counter => Recorder::Counter(build!(meter.f64_counter(name)).build()),
            InstrumentKind::UpDownCounter => {
                Recorder::UpDownCounter(build!(meter.f64_up_down_counter(name)).build())
            }
            InstrumentKind::Gauge => Recorder::Gauge(build!(meter.f64_gauge(name)).build()),
            InstrumentKind::Histogram(boundaries) if boundaries.is_empty() => {
                Recorder::Histogram(build!(meter.f64_histogram(name)).build())
            }
            InstrumentKind::Histogram(boundaries) => Recorder::Histogram(
                build!(meter.f64_histogram(name)).with_boundaries(boundaries.clone()).build(),
            ),
            InstrumentKind::ExponentialHistogram => {
                Recorder::Histogram(build!(meter.f64_histogram(name)).with_boundaries(text_buckets()).build())
            }
        }
    }

    pub fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

fn text_buckets() -> Vec<f64> {
    // Parsed, not multiplied: the label `le` is to read 0.005, not 0.005000000000000001.
    let step = |exponent: i32| ["1", "2", "5"].map(|digit| format!("{digit}e{exponent}"));
    (TEXT_BUCKETS.0..=TEXT_BUCKETS.1).flat_map(step).filter_map(|bound| bound.parse().ok()).collect()
}

/// A reader that we keep a hand on, while the provider has it.
#[derive(Debug, Clone)]
struct Shared(Arc<ManualReader>);

impl MetricReader for Shared {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }
    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }
    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }
    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }
    fn temporality(&self, kind: SdkKind) -> Temporality {
        self.0.temporality(kind)
    }
}

/// An instrument, whatever it does with a value.
#[derive(Clone)]
pub(super) enum Recorder {
    Counter(Counter<f64>),
    UpDownCounter(UpDownCounter<f64>),
    Histogram(Histogram<f64>),
    Gauge(Gauge<f64>),
}

/// An instrument and one label set of it, looked up: a value costs no search.
#[derive(Clone)]
pub(super) enum Bound {
    Counter(BoundCounter<f64>),
    UpDownCounter(BoundUpDownCounter<f64>),
    Histogram(BoundHistogram<f64>),
    Gauge(BoundGauge<f64>),
}

impl Recorder {
    pub fn bind(&self, attributes: &[KeyValue]) -> Bound {
        match self {
            Recorder::Counter(counter) => Bound::Counter(counter.bind(attributes)),
            Recorder::UpDownCounter(counter) => Bound::UpDownCounter(counter.bind(attributes)),
            Recorder::Histogram(histogram) => Bound::Histogram(histogram.bind(attributes)),
            Recorder::Gauge(gauge) => Bound::Gauge(gauge.bind(attributes)),
        }
    }
}

impl Bound {
    /// Adds it, records it, or lets it be the last.
    pub fn take(&self, value: f64) {
        match self {
            Bound::Counter(counter) => counter.add(value),
            Bound::UpDownCounter(counter) => counter.add(value),
            Bound::Histogram(histogram) => histogram.record(value),
            Bound::Gauge(gauge) => gauge.record(value),
        }
    }
}
