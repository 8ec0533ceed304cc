//! `sluicegate simulate`.

mod answer;
pub(super) mod client;
mod tally;
mod traffic;

use super::number::{positive, share, whole};
use super::{Exit, complain, print};
use answer::{Judged, Said};
use bytes::Bytes;
use clap::Args;
use client::{Client, ClientError};
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tally::{Outcome, Tally};
use tokio::time::Instant;
use traffic::{RecordType, Sample, Traffic};

#[derive(Args, Debug, Clone)]
pub(super) struct SimulateArguments {
    /// The gateway's data port.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// How many records to send.
    #[arg(long, default_value_t = 10_000, value_parser = whole(1..=u64::MAX))]
    count: u64,
    /// Records a second; as fast as it goes if not given.
    #[arg(long, value_name = "RECORDS", value_parser = positive, allow_negative_numbers = true)]
    rate: Option<f64>,
    /// The share of records that the rules must reject, from 0 to 1.
    #[arg(long, default_value_t = 0.05, value_parser = share, allow_negative_numbers = true)]
    invalid: f64,
    /// Records a request: 1 posts JSON, more post NDJSON. A gateway takes 50,000 and bodies of 16 MiB unless
    /// http.records_max and http.body_bytes_max say otherwise.
    #[arg(long, default_value_t = 1, value_name = "RECORDS", value_parser = whole(1..=100_000_u64))]
    batch: u64,
    /// Requests at a time, each on a connection of its own.
    #[arg(long, default_value_t = 16, value_parser = whole(1..=4_096_u16))]
    connections: u16,
    /// Makes the same records again, but for their times.
    #[arg(long, value_parser = whole(0..=u64::MAX))]
    seed: Option<u64>,
    /// Print the outcome as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Longer than a gateway takes to be restarted: who has heard nothing for so long is not waited for.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// A producer that gets no answer does not try again at once.
const SILENCE_PAUSE: Duration = Duration::from_millis(100);

/// A month: a clock can add it to any time there is.
const RUN_SECONDS_MAX: f64 = 30.0 * 24.0 * 3_600.0;

pub(super) fn run(arguments: SimulateArguments) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(format_args!(
                "the threads of the simulation cannot be started ({error}); raise the limit of processes (ulimit -u)"
            ));
            return Exit::Unsound;
        }
    };
    let outcome = match runtime.block_on(simulate(&arguments)) {
        Ok(outcome) => outcome,
        Err(error) => {
            complain(&error);
            return if matches!(error, ClientError::Url(_)) { Exit::Usage } else { Exit::Unsound };
        }
    };
    let printed = if arguments.json { print(outcome.as_json()) } else { print(&outcome) };
    match printed {
        Err(exit @ (Exit::Unsound | Exit::Usage)) => exit,
        _ if outcome.is_well() => Exit::Well,
        _ => Exit::Unsound,
    }
}

/// What the senders of a run share.
struct Run {
    client: Client,
    traffic: Traffic,
    arguments: SimulateArguments,
    started: Instant,
    /// The number of the next request.
    next: AtomicU64,
    /// Set once: why the run has to end.
    hopeless: std::sync::OnceLock<String>,
    /// When the first of the requests was sent that have had no answer since the last that had one.
    silent_since: Mutex<Option<Instant>>,
    progress: ProgressBar,
}

async fn simulate(arguments: &SimulateArguments) -> Result<Outcome, ClientError> {
    let client = Client::connect(&arguments.url, "--url").await?;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let run = Arc::new(Run {
        client,
        traffic: Traffic { seed, now_ms, invalid: arguments.invalid },
        arguments: arguments.clone(),
        started: Instant::now(),
        next: AtomicU64::new(0),
        hopeless: std::sync::OnceLock::new(),
        silent_since: Mutex::new(None),
        progress: progress(arguments.count),
    });
    let senders: Vec<_> =
        (0..arguments.connections).map(|_| tokio::spawn(send_all(Arc::clone(&run)))).collect();
    let mut tally = Tally::new();
    for sender in senders {
        match sender.await {
            Ok(sent) => tally.merge(sent),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
    let took = run.started.elapsed();
    run.progress.finish_and_clear();
    Ok(Outcome {
        tally,
        took,
        connections: usize::from(arguments.connections),
        batch: arguments.batch,
        seed,
        hopeless: run.hopeless.get().cloned(),
    })
}

/// On stderr, and only if that is a terminal.
fn progress(count: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} records  {per_sec}  {eta} left");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(count).with_style(style)
}

async fn send_all(run: Arc<Run>) -> Tally {
    let mut tally = Tally::new();
    while run.hopeless.get().is_none() {
        let number = run.next.fetch_add(1, Ordering::Relaxed);
        let first = number.saturating_mul(run.arguments.batch);
        if first >= run.arguments.count {
            break;
        }
        let records = run.arguments.batch.min(run.arguments.count - first);
        let due = run.due(first).await;
        let (record_type, samples) = run.traffic.request(number, records);
        match run.send(record_type, &samples).await {
            Ok(judged) => {
                // From when it was due: a gateway that holds up the sender must not look faster for it.
                tally.add(record_type, judged, due.elapsed());
                run.progress.inc(records);
            }
            Err(sentence) => drop(run.hopeless.set(sentence)),
        }
    }
    tally
}

impl Run {
    /// Waits until the record of this number is due; when that was.
    async fn due(&self, first: u64) -> Instant {
        let Some(rate) = self.arguments.rate else { return Instant::now() };
        let due = self.started + Duration::from_secs_f64((first as f64 / rate).min(RUN_SECONDS_MAX));
        tokio::time::sleep_until(due).await;
        due
    }

    /// The error says why the run has to end.
    async fn send(&self, record_type: RecordType, samples: &[Sample]) -> Result<Vec<Judged>, String> {
        let batch = self.arguments.batch > 1;
        let content_type = if batch { "application/x-ndjson" } else { "application/json" };
        let lines: Vec<&str> = samples.iter().map(|sample| sample.body.as_str()).collect();
        let body = Bytes::from(lines.join("\n"));
        let sent_at = Instant::now();
        match self.client.post(record_type.route(), content_type, body).await {
            Ok(answer) => {
                *self.silent_since.lock() = None;
                answer.judge(record_type, samples, batch).map_err(|hopeless| hopeless.to_string())
            }
            Err(reason) if self.silence_since(sent_at) >= SILENCE_MAX => Err(format!(
                "{} has given no answer for {} s ({reason}); look whether the gateway runs, and start it again",
                self.arguments.url,
                SILENCE_MAX.as_secs()
            )),
            // As a producer would see it: it has to send again.
            Err(reason) => {
                tracing::debug!(reason, "no answer");
                tokio::time::sleep(SILENCE_PAUSE).await;
                Ok(samples.iter().map(|_| Judged { said: Said::Failed, mistake: None }).collect())
            }
        }
    }

    /// How long no request has had an answer, this one, sent then, among them.
    fn silence_since(&self, sent_at: Instant) -> Duration {
        self.silent_since.lock().get_or_insert(sent_at).elapsed()
    }
}
