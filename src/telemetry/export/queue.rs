//! The queues before the SDK's own: bounded here, so that what is dropped is counted.

use super::transport::Trouble;
use super::{Signal, Target};
use opentelemetry::logs::Severity;
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{BatchLogProcessor, LogBatch, LogExporter, LogProcessor, SdkLogRecord};
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// What became of telemetry, by signal.
#[derive(Debug, Default)]
pub(in super::super) struct Tally {
    signals: [Fate; Signal::ALL.len()],
}

#[derive(Debug, Default)]
struct Fate {
    sent: AtomicU64,
    failed: AtomicU64,
    items_sent: AtomicU64,
    items_failed: AtomicU64,
    items_dropped: AtomicU64,
    is_failing: AtomicBool,
}

/// How many of something, with the labels `signal` and `result`.
pub(in super::super) type Counted = (&'static str, &'static str, u64);

impl Tally {
    /// Notes how an export ended. The first failure after a success is logged, and the first success after a failure.
    pub(super) fn note(&self, signal: Signal, to: &Destination, items: usize, result: &OTelSdkResult) {
        let fate = &self.signals[signal as usize];
        let items = items as u64;
        match result {
            Ok(()) => {
                fate.sent.fetch_add(1, Ordering::Relaxed);
                fate.items_sent.fetch_add(items, Ordering::Relaxed);
                if fate.is_failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(signal = signal.as_str(), url = to.url, "telemetry is sent again");
                }
            }
            Err(error) => {
                fate.failed.fetch_add(1, Ordering::Relaxed);
                fate.items_failed.fetch_add(items, Ordering::Relaxed);
                let reason = to.trouble.take().unwrap_or_else(|| error.to_string());
                if !fate.is_failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        signal = signal.as_str(),
                        url = to.url,
                        reason,
                        "telemetry cannot be sent and is lost until it can; records are taken as before: look at the \
                         collector"
                    );
                }
            }
        }
    }

    /// Notes what was not even tried.
    pub(super) fn miss(&self, signal: Signal, items: usize) {
        self.signals[signal as usize].items_failed.fetch_add(items as u64, Ordering::Relaxed);
    }

    fn drop_one(&self, signal: Signal) {
        self.signals[signal as usize].items_dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Exports: of traces and the log one is a batch, of metrics one is all that is measured together.
    pub fn exports(&self) -> impl Iterator<Item = Counted> + '_ {
        self.each(|fate| vec![("sent", &fate.sent), ("failed", &fate.failed)])
    }

    /// Spans, metrics, lines of the log.
    pub fn items(&self) -> impl Iterator<Item = Counted> + '_ {
        self.each(|fate| {
            vec![("sent", &fate.items_sent), ("failed", &fate.items_failed), ("dropped", &fate.items_dropped)]
        })
    }

    fn each<'a>(
        &'a self,
        read: fn(&Fate) -> Vec<(&'static str, &AtomicU64)>,
    ) -> impl Iterator<Item = Counted> + 'a {
        Signal::ALL.into_iter().zip(&self.signals).flat_map(move |(signal, fate)| {
            let counts = read(fate).into_iter();
            counts.map(move |(result, count)| (signal.as_str(), result, count.load(Ordering::Relaxed)))
        })
    }
}

/// Where a signal goes, and why it last did not get there.
pub(super) struct Destination {
    pub url: String,
    pub timeout: Duration,
    pub trouble: Trouble,
}

impl Destination {
    pub fn new(target: &Target) -> Destination {
        Destination { url: target.url.clone(), timeout: target.timeout, trouble: Trouble::default() }
    }

    /// The exporters bound whether they try again, not how long a try takes that never gets through.
    pub async fn within_time(&self, export: impl Future<Output = OTelSdkResult>) -> OTelSdkResult {
        let given_up = |_| Err(OTelSdkError::Timeout(self.timeout));
        tokio::time::timeout(self.timeout + GRACE, export).await.unwrap_or_else(given_up)
    }
}

/// For the exporter to tell by itself why it gave up.
const GRACE: Duration = Duration::from_secs(1);

/// Places in a queue.
#[derive(Debug)]
struct Places {
    waiting: AtomicUsize,
    max: usize,
    signal: Signal,
    tally: Arc<Tally>,
}

impl Places {
    fn take(&self) -> bool {
        let more = |waiting: usize| (waiting < self.max).then_some(waiting + 1);
        let taken = self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        if !taken {
            self.tally.drop_one(self.signal);
        }
        taken
    }
}

/// Sends on the SDK's thread, with the runtime that holds the connections.
struct Watched<E> {
    exporter: E,
    handle: Handle,
    places: Arc<Places>,
    to: Destination,
}

impl<E> fmt::Debug for Watched<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("url", &self.to.url).finish_non_exhaustive()
    }
}

impl<E> Watched<E> {
    /// The SDK's thread is there to wait, and no runtime's.
    fn send(&self, items: usize, export: impl Future<Output = OTelSdkResult>) -> OTelSdkResult {
        self.places.waiting.fetch_sub(items, Ordering::Relaxed);
        let result = self.handle.block_on(self.to.within_time(export));
        self.places.tally.note(self.places.signal, &self.to, items, &result);
        result
    }
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.send(batch.len(), self.exporter.export(batch))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for Watched<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.send(batch.iter().count(), self.exporter.export(batch))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.exporter.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Lets in what has a place.
#[derive(Debug)]
pub(super) struct Bounded<P> {
    processor: P,
    places: Arc<Places>,
}

/// The queue of spans: the SDK's, whose length is `max` too, as both read the same variable or have the same default.
pub(super) fn spans(
    exporter: impl SpanExporter + 'static,
    handle: Handle,
    tally: Arc<Tally>,
    max: usize,
    to: Destination,
) -> Bounded<BatchSpanProcessor> {
    let places = Arc::new(Places { waiting: AtomicUsize::new(0), max, signal: Signal::Traces, tally });
    let watched = Watched { exporter, handle, places: places.clone(), to };
    Bounded { processor: BatchSpanProcessor::builder(watched).build(), places }
}

/// As `spans`, of the log.
pub(super) fn logs(
    exporter: impl LogExporter + 'static,
    handle: Handle,
    tally: Arc<Tally>,
    max: usize,
    to: Destination,
) -> Bounded<BatchLogProcessor> {
    let places = Arc::new(Places { waiting: AtomicUsize::new(0), max, signal: Signal::Logs, tally });
    let watched = Watched { exporter, handle, places: places.clone(), to };
    Bounded { processor: BatchLogProcessor::builder(watched).build(), places }
}

impl SpanProcessor for Bounded<BatchSpanProcessor> {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.places.take() {
            self.processor.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.processor.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.processor.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.processor.set_resource(resource);
    }
}

impl LogProcessor for Bounded<BatchLogProcessor> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.places.take() {
            self.processor.emit(record, scope);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.processor.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.processor.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.processor.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_place_is_dropped_and_counted() {
        let tally = Arc::new(Tally::default());
        let waiting = AtomicUsize::new(0);
        let places = Places { waiting, max: 2, signal: Signal::Logs, tally: tally.clone() };
        assert_eq!([places.take(), places.take(), places.take()], [true, true, false]);
        assert!(tally.items().any(|counted| counted == ("logs", "dropped", 1)));
        places.waiting.fetch_sub(2, Ordering::Relaxed);
        assert!(places.take());
    }

    #[tokio::test]
    async fn an_export_that_never_ends_is_given_up() {
        let timeout = Duration::from_millis(10);
        let to = Destination { url: String::new(), timeout, trouble: Trouble::default() };
        let result = to.within_time(std::future::pending()).await;
        assert!(matches!(result, Err(OTelSdkError::Timeout(_))), "{result:?}");
    }
}
