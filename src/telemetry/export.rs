//! What goes out by OTLP: traces, metrics and the log, each where the standard variables say.
//!
//! It has threads of its own, a runtime of its own, and queues that drop what finds no room: a collector that is absent,
//! slow, hanging or refusing costs telemetry and nothing else.

mod push;
mod queue;
#[cfg(test)]
mod tests;
mod transport;

pub(super) use queue::Tally;

use super::trace::{Paced, Traces};
use super::{Config, Metrics, resource};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use parking_lot::Mutex;
use queue::Destination;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Telemetry that is still to be sent when the gateway stops has so long, all signals together.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Where each signal goes. None: nowhere.
#[derive(Debug, Clone)]
pub struct ExportConfig {
    pub traces: Option<Target>,
    pub metrics: Option<Target>,
    pub logs: Option<Target>,
    /// How often metrics are sent.
    pub metric_interval: Duration,
    pub temporality: Temporality,
    /// Spans, and lines of the log, that wait to be sent; more are dropped.
    pub spans_max: usize,
    pub log_lines_max: usize,
    /// OTEL_TRACES_SAMPLER says which traces are kept; else the first `traces_per_second_max` of each second are.
    pub sampler_given: bool,
    /// Whether `traceparent` and `tracestate` of senders are heard.
    pub propagates: bool,
}

impl Default for ExportConfig {
    fn default() -> ExportConfig {
        ExportConfig {
            traces: None,
            metrics: None,
            logs: None,
            metric_interval: Duration::from_secs(60),
            temporality: Temporality::Cumulative,
            spans_max: 2_048,
            log_lines_max: 2_048,
            sampler_given: false,
            propagates: true,
        }
    }
}

/// A collector, for one signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub protocol: Protocol,
    /// By HTTP with the signal's path.
    pub url: String,
    /// How long one attempt and its repetitions may take together.
    pub timeout: Duration,
    pub tls: Tls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    HttpProtobuf,
    Grpc,
}

/// How counters and histograms are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Temporality {
    Cumulative,
    Delta,
    LowMemory,
}

impl From<Temporality> for opentelemetry_sdk::metrics::Temporality {
    fn from(temporality: Temporality) -> Self {
        match temporality {
            Temporality::Cumulative => Self::Cumulative,
            Temporality::Delta => Self::Delta,
            Temporality::LowMemory => Self::LowMemory,
        }
    }
}

/// PEM files. None: what the system trusts, and no certificate of our own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    pub authorities: Option<PathBuf>,
    /// Our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

    pub fn as_str(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
        }
    }
}

/// Why nothing can be sent, ever.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{} cannot be read ({reason}); name a PEM file in {variable}", path.display())]
    File { path: PathBuf, reason: String, variable: &'static str },
    #[error("{signal} cannot be sent to {url}: {reason}; look at the OTEL_EXPORTER_OTLP_ variables")]
    Transport { signal: &'static str, url: String, reason: String },
    #[error(
        "the threads that send telemetry cannot be started ({0}); raise the limit of processes (ulimit -u)"
    )]
    Threads(std::io::Error),
}

/// What sends telemetry. Stops with the last clone, or by `stop`.
#[derive(Clone)]
pub struct Export(Arc<Inner>);

struct Inner {
    traces: Traces,
    logs: Option<SdkLoggerProvider>,
    spans: Option<SdkTracerProvider>,
    metrics: Option<(Target, Duration)>,
    tally: Arc<Tally>,
    stopping: watch::Sender<bool>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    /// None where nothing is sent.
    runtime: Option<Runtime>,
    pusher: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Waiting for its threads is not allowed on a runtime's own.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Export {
    /// Starts what sends traces and the log; metrics are sent from `push` on.
    ///
    /// # Errors
    /// For files that cannot be read and transports that cannot be had; not for collectors that do not answer.
    pub fn start(config: &Config) -> Result<Export, ExportError> {
        let export = &config.export;
        let tally = Arc::new(Tally::default());
        let (mut running, mut spans, mut logs) = (Running::default(), None, None);
        if export.traces.is_some() || export.metrics.is_some() || export.logs.is_some() {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("telemetry")
                .enable_all()
                .build()
                .map_err(ExportError::Threads)?;
            let _entered = runtime.enter();
            transport::choose_cryptography();
            if let Some(target) = &export.traces {
                spans = Some(tracer_provider(config, target, runtime.handle().clone(), &tally)?);
            }
            if let Some(target) = &export.logs {
                logs = Some(logger_provider(config, target, runtime.handle().clone(), &tally)?);
            }
            drop(_entered);
            running.runtime = Some(runtime);
        }
        let tracer = spans.as_ref().map(|provider: &SdkTracerProvider| provider.tracer("sluicegate"));
        Ok(Export(Arc::new(Inner {
            traces: Traces::new(tracer, export.propagates),
            logs,
            spans,
            metrics: export.metrics.clone().map(|target| (target, export.metric_interval)),
            tally,
            stopping: watch::Sender::new(false),
            running: Mutex::new(running),
        })))
    }

    pub fn traces(&self) -> Traces {
        self.0.traces.clone()
    }

    pub(super) fn logs(&self) -> Option<&SdkLoggerProvider> {
        self.0.logs.as_ref()
    }

    /// Sends these metrics from now on, where they are to be sent, and adds to them what becomes of telemetry.
    ///
    /// # Errors
    /// As `start`.
    pub fn push(&self, metrics: &Metrics) -> Result<(), ExportError> {
        metrics.observe_export(self.0.tally.clone());
        let mut running = self.0.running.lock();
        let (Some((target, interval)), Some(runtime)) = (&self.0.metrics, &running.runtime) else {
            return Ok(());
        };
        let entered = runtime.enter();
        let to = Destination::new(target);
        let exporter = transport::metrics(target, &to.trouble)?;
        drop(entered);
        let pusher = push::Pusher {
            metrics: metrics.clone(),
            exporter,
            interval: *interval,
            tally: self.0.tally.clone(),
            to,
        };
        running.pusher = Some(runtime.spawn(pusher.run(self.0.stopping.subscribe())));
        Ok(())
    }

    /// Sends what waits, within some seconds, and ends. Blocks.
    pub fn stop(&self) {
        let end = Instant::now() + STOP_PATIENCE;
        self.0.stopping.send_replace(true);
        let Running { runtime, pusher } = &mut *self.0.running.lock();
        let Some(runtime) = runtime.take() else { return };
        let (spans, logs, pusher) = (self.0.spans.clone(), self.0.logs.clone(), pusher.take());
        let handle = runtime.handle().clone();
        // Each on a thread of its own: one signal's collector may hang while the others' do not.
        let (done, ended) = mpsc::sync_channel(Signal::ALL.len());
        let flush = |work: Box<dyn FnOnce() + Send>| {
            let done = done.clone();
            std::thread::spawn(move || {
                work();
                let _ = done.send(());
            });
        };
        flush(Box::new(move || drop(spans.map(|spans| spans.shutdown_with_timeout(STOP_PATIENCE)))));
        flush(Box::new(move || drop(logs.map(|logs| logs.shutdown_with_timeout(STOP_PATIENCE)))));
        flush(Box::new(move || drop(pusher.map(|pusher| handle.block_on(pusher)))));
        let all =
            Signal::ALL.map(|_| ended.recv_timeout(end.saturating_duration_since(Instant::now())).is_ok());
        if all.contains(&false) {
            // The SDK's threads still wait on it, and would panic if it went away under them; the process ends anyway.
            std::mem::forget(runtime);
        } else {
            runtime.shutdown_background();
        }
    }
}

fn tracer_provider(
    config: &Config,
    target: &Target,
    handle: tokio::runtime::Handle,
    tally: &Arc<Tally>,
) -> Result<SdkTracerProvider, ExportError> {
    let to = Destination::new(target);
    let exporter = transport::spans(target, &to.trouble)?;
    let processor = queue::spans(exporter, handle, tally.clone(), config.export.spans_max, to);
    let builder =
        SdkTracerProvider::builder().with_resource(resource::resource()).with_span_processor(processor);
    Ok(match config.export.sampler_given {
        // The SDK reads it.
        true => builder.build(),
        false => {
            let paced = Paced::new(config.traces_per_second_max);
            builder.with_sampler(Sampler::ParentBased(Box::new(paced))).build()
        }
    })
}

fn logger_provider(
    config: &Config,
    target: &Target,
    handle: tokio::runtime::Handle,
    tally: &Arc<Tally>,
) -> Result<SdkLoggerProvider, ExportError> {
    let to = Destination::new(target);
    let exporter = transport::logs(target, &to.trouble)?;
    let processor = queue::logs(exporter, handle, tally.clone(), config.export.log_lines_max, to);
    Ok(SdkLoggerProvider::builder().with_resource(resource::resource()).with_log_processor(processor).build())
}
