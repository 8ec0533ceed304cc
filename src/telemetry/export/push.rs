//! Sends metrics at an interval.

use super::Signal;
use super::queue::{Destination, Tally};
use crate::telemetry::Metrics;
use opentelemetry::Context;
use opentelemetry::trace::FutureExt;
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

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
            // The first time when it is told to stop, and the last: what is under way then is given up, and sent anew.
            let given_up = tokio::select! {
                () = self.push() => false,
                _ = stopping.wait_for(|stopping| *stopping), if !stopped => true,
            };
            if given_up {
                self.push().await;
            }
            if stopped || given_up {
                return;
            }
        }
    }

    /// Once: all that is measured, as of now. A collector that does not take one part is not asked to take the others.
    async fn push(&self) {
        let parts = self.metrics.collect();
        let send = async {
            for part in &parts {
                self.exporter.export(part).await?;
            }
            Ok(())
        };
        let result: OTelSdkResult = send.await;
        self.tally.note(Signal::Metrics, &self.to, parts.iter().map(count).sum(), &result);
    }
}

fn count(part: &ResourceMetrics) -> usize {
    part.scope_metrics().map(|scope| scope.metrics().count()).sum()
}
