//! Sends metrics at an interval.

use super::Signal;
use super::queue::{Destination, Tally};
use crate::telemetry::Metrics;
use opentelemetry::Context;
use opentelemetry::trace::FutureExt;
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// A refusal takes a collector that is well no longer; one that is not there is tried again and again until it is given up.
const REFUSED_AT_ONCE: Duration = Duration::from_millis(500);

pub(super) struct Pusher {
    pub metrics: Metrics,
    pub exporter: MetricExporter,
    pub interval: Duration,
    pub tally: Arc<Tally>,
    pub to: Destination,
}

impl Pusher {
    /// Ends, after a last time, when the gateway stops. What it logs itself is not sent as telemetry of it.
    pub async fn run(self, stopping: watch::Receiver<bool>) {
        let quiet = Context::new().with_telemetry_suppressed();
        self.work(stopping).with_context(quiet).await;
    }

    async fn work(self, mut stopping: watch::Receiver<bool>) {
        let mut ticks = interval_at(Instant::now() + self.interval, self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let stopped = tokio::select! {
                _ = ticks.tick() => false,
                _ = stopping.wait_for(|stopping| *stopping) => true,
            };
            self.push().await;
            if stopped {
                return;
            }
        }
    }

    /// Once: all that is measured, as of now. A part that is refused at once leaves the others their turn; a collector that
    /// takes its time over one is not asked to take the others.
    async fn push(&self) {
        let metrics = self.metrics.clone();
        // It asks the sink and the kernel, while this thread has connections to look after.
        let Ok(parts) = tokio::task::spawn_blocking(move || metrics.collect()).await else { return };
        let mut parts = parts.iter();
        for part in parts.by_ref() {
            let begun = Instant::now();
            let result = self.to.within_time(self.exporter.export(part)).await;
            self.tally.note(Signal::Metrics, &self.to, count(part), &result);
            if result.is_err() && begun.elapsed() >= REFUSED_AT_ONCE {
                break;
            }
        }
        let left: usize = parts.map(count).sum();
        self.tally.miss(Signal::Metrics, left);
    }
}

fn count(part: &ResourceMetrics) -> usize {
    part.scope_metrics().map(|scope| scope.metrics().count()).sum()
}
