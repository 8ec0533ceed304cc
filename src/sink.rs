//! Where accepted records go. Answers what really happened to each.

pub mod log;
mod shipment;

pub use log::OpenError;
pub use shipment::{Delivered, Message, Shipment};

use crate::telemetry::SinkGauge;
use crate::verdict::Failure;
use log::{Acknowledgement, AppendError, Directory, Full, Log};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[derive(Debug, Clone)]
pub struct Config {
    /// `data`: one gateway at a time owns it.
    pub directory: PathBuf,
    /// What holds for the log of each topic.
    pub log: log::Config,
}

/// Whether a record can be made durable now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// With the sentence for the operator.
    Unavailable(String),
}

/// The local log of every topic. Cheap to clone.
#[derive(Clone)]
pub struct Sink {
    inner: Arc<Inner>,
}

struct Inner {
    directory: Directory,
    config: log::Config,
    logs: RwLock<HashMap<Arc<str>, Arc<Log>>>,
    /// Held while a log is opened, one after the other. True: the sink is closed, none is opened any more.
    opening: Mutex<bool>,
    /// A disk that hangs is tried by one thread, not by one a second.
    probing: AtomicBool,
    trouble: RwLock<Option<Trouble>>,
}

/// Why the disk took nothing when it was last tried.
struct Trouble {
    sentence: String,
    tried_at: Instant,
}

/// How often a disk in trouble is tried while nobody sends records.
const PROBE_PAUSE: Duration = Duration::from_secs(1);

impl Sink {
    /// Takes the data directory and recovers the logs that are in it.
    ///
    /// # Errors
    /// As `Directory::lock` and `Log::open`: nothing is served from a log that cannot be trusted.
    pub fn open(config: Config) -> Result<Sink, OpenError> {
        config.log.check()?;
        let directory = Directory::lock(&config.directory)?;
        let inner = Inner {
            config: config.log,
            logs: RwLock::default(),
            opening: Mutex::default(),
            probing: AtomicBool::new(false),
            trouble: RwLock::default(),
            directory,
        };
        let sink = Sink { inner: Arc::new(inner) };
        for topic in topics(&config.directory) {
            sink.open_log(&topic.into())?;
        }
        Ok(sink)
    }

    /// Delivers what is shipped together; one answer for each message, in order.
    pub async fn deliver(&self, shipment: Shipment) -> Vec<Result<Delivered, Failure>> {
        let Ok(loaded) = shipment.load() else {
            // A plugin's output is bounded far below what a frame holds.
            return shipment.messages.iter().map(|_| Err(Failure::SinkUnavailable)).collect();
        };
        let mut appending = Vec::with_capacity(loaded.lots.len());
        for lot in loaded.lots {
            appending.push(self.append(lot).await);
        }
        let mut settled = Vec::with_capacity(appending.len());
        for lot in appending {
            settled.push(match lot {
                Ok(acknowledgement) => self.settle(acknowledgement).await,
                Err(failure) => Err(failure),
            });
        }
        loaded.lot_of_message.into_iter().map(|lot| settled[lot]).collect()
    }

    /// Begins an append; the log's order is the order of these calls.
    async fn append(&self, lot: shipment::Lot) -> Result<Acknowledgement, Failure> {
        Ok(self.log(&lot.topic).await?.append(lot.frames))
    }

    async fn settle(&self, acknowledgement: Acknowledgement) -> Result<Delivered, Failure> {
        match acknowledgement.await {
            Ok(_) => {
                self.recovered();
                Ok(Delivered::Committed)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn log(&self, topic: &Arc<str>) -> Result<Arc<Log>, Failure> {
        if let Some(log) = self.inner.logs.read().get(topic) {
            return Ok(log.clone());
        }
        // The first record of a topic: its log is made on a thread that may wait for the disk.
        let (sink, topic) = (self.clone(), topic.clone());
        match tokio::task::spawn_blocking(move || sink.open_log(&topic)).await {
            Ok(Ok(Some(log))) => Ok(log),
            Ok(Ok(None)) => Err(Failure::Draining),
            Ok(Err(error)) => Err(self.unavailable(error.to_string())),
            Err(panicked) => Err(self.unavailable(panicked.to_string())),
        }
    }

    /// Blocks for some syncs; records of other topics go on meanwhile. None: the sink is closed.
    fn open_log(&self, topic: &Arc<str>) -> Result<Option<Arc<Log>>, OpenError> {
        let closed = self.inner.opening.lock();
        if *closed {
            return Ok(None);
        }
        if let Some(log) = self.inner.logs.read().get(topic) {
            return Ok(Some(log.clone()));
        }
        let log = Arc::new(self.inner.directory.log(topic, self.inner.config.clone())?);
        self.inner.logs.write().insert(topic.clone(), log.clone());
        Ok(Some(log))
    }

    fn failed(&self, error: &AppendError) -> Failure {
        match error {
            AppendError::Overloaded { .. } | AppendError::TooLarge { .. } => Failure::SinkOverloaded,
            AppendError::Closed => Failure::Draining,
            // A limit of one topic, not of the gateway.
            AppendError::Full(Full::HighWater { .. }) => Failure::SinkFull,
            AppendError::Full(Full::DiskFree { .. } | Full::NoSpace) => {
                self.unavailable(error.to_string());
                Failure::SinkFull
            }
            AppendError::Disk(_) => self.unavailable(error.to_string()),
        }
    }

    fn unavailable(&self, sentence: String) -> Failure {
        let mut trouble = self.inner.trouble.write();
        if trouble.as_ref().is_none_or(|known| known.sentence != sentence) {
            tracing::error!(reason = sentence, "records cannot be made durable");
        }
        *trouble = Some(Trouble { sentence, tried_at: Instant::now() });
        Failure::SinkUnavailable
    }

    fn recovered(&self) {
        if self.inner.trouble.read().is_some() && self.inner.trouble.write().take().is_some() {
            tracing::info!("records are made durable again");
        }
    }

    /// As the last append found it. While there is trouble, being asked makes the disk be tried again: those who
    /// look at readiness keep away the records that would.
    pub fn readiness(&self) -> Readiness {
        let trouble = self.inner.trouble.read();
        let Some(known) = trouble.as_ref() else { return Readiness::Ready };
        if known.tried_at.elapsed() >= PROBE_PAUSE && !self.inner.probing.swap(true, Ordering::Relaxed) {
            let sink = self.clone();
            tokio::task::spawn_blocking(move || {
                sink.probe();
                sink.inner.probing.store(false, Ordering::Relaxed);
            });
        }
        Readiness::Unavailable(known.sentence.clone())
    }

    /// Writes and syncs a file beside the logs, as they would. Blocks.
    fn probe(&self) {
        let Inner { directory, config, .. } = &*self.inner;
        match directory.probe(config.free_bytes_min) {
            Ok(()) => self.recovered(),
            Err(error) => drop(self.failed(&error)),
        }
    }

    pub fn gauges(&self) -> Vec<SinkGauge> {
        let logs = self.inner.logs.read();
        logs.iter().map(|(topic, log)| gauge(topic, log)).collect()
    }

    /// Writes, syncs and answers what is still waiting, then lets go of the logs. Blocks for some syncs.
    pub fn close(&self) {
        *self.inner.opening.lock() = true;
        let logs = std::mem::take(&mut *self.inner.logs.write());
        drop(logs);
    }
}

/// The topics that have a log already. What is no topic's is left alone.
fn topics(data: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(data.join("log")) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| log::log_path(data, name).is_ok_and(|path| path.is_dir())).collect()
}

fn gauge(topic: &str, log: &Log) -> SinkGauge {
    let stats = log.stats();
    SinkGauge {
        topic: topic.to_owned(),
        bytes: stats.bytes,
        segments: stats.segments,
        records: stats.records,
        syncs: stats.syncs,
        queued_bytes: stats.queued_bytes,
        poisoned_segments: stats.poisoned,
    }
}
