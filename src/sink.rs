//! Where accepted records go. Answers what really happened to each.

pub mod log;
mod shipment;

pub use log::OpenError;
pub use shipment::{Delivered, Message, Shipment};

use crate::telemetry::SinkGauge;
use crate::verdict::Failure;
use log::{Acknowledgement, AppendError, Directory, Log};
use parking_lot::RwLock;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// The last sentence of an append that failed; none after one that went well.
    trouble: RwLock<Option<String>>,
}

impl Sink {
    /// Takes the data directory and recovers the logs that are in it.
    ///
    /// # Errors
    /// As `Directory::lock` and `Log::open`: nothing is served from a log that cannot be trusted.
    pub fn open(config: Config) -> Result<Sink, OpenError> {
        config.log.check()?;
        let directory = Directory::lock(&config.directory)?;
        let inner =
            Inner { config: config.log, logs: RwLock::default(), trouble: RwLock::default(), directory };
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
            Ok(Ok(log)) => Ok(log),
            Ok(Err(error)) => Err(self.unavailable(error.to_string())),
            Err(panicked) => Err(self.unavailable(panicked.to_string())),
        }
    }

    fn open_log(&self, topic: &Arc<str>) -> Result<Arc<Log>, OpenError> {
        let mut logs = self.inner.logs.write();
        if let Some(log) = logs.get(topic) {
            return Ok(log.clone());
        }
        let log = Arc::new(self.inner.directory.log(topic, self.inner.config.clone())?);
        logs.insert(topic.clone(), log.clone());
        Ok(log)
    }

    fn failed(&self, error: &AppendError) -> Failure {
        let failure = match error {
            AppendError::Overloaded { .. } | AppendError::TooLarge { .. } => return Failure::SinkOverloaded,
            AppendError::Closed => return Failure::Draining,
            AppendError::Full(_) => Failure::SinkFull,
            AppendError::Disk(_) => Failure::SinkUnavailable,
        };
        self.unavailable(error.to_string());
        failure
    }

    fn unavailable(&self, sentence: String) -> Failure {
        let mut trouble = self.inner.trouble.write();
        if trouble.as_ref() != Some(&sentence) {
            tracing::error!(reason = sentence, "records cannot be made durable");
            *trouble = Some(sentence);
        }
        Failure::SinkUnavailable
    }

    fn recovered(&self) {
        if self.inner.trouble.read().is_some() && self.inner.trouble.write().take().is_some() {
            tracing::info!("records are made durable again");
        }
    }

    /// As the last append found it: the next one may find otherwise.
    pub fn readiness(&self) -> Readiness {
        self.inner.trouble.read().clone().map_or(Readiness::Ready, Readiness::Unavailable)
    }

    pub fn gauges(&self) -> Vec<SinkGauge> {
        let logs = self.inner.logs.read();
        logs.iter().map(|(topic, log)| gauge(topic, log)).collect()
    }

    /// Writes, syncs and answers what is still waiting, then lets go of the logs. Blocks for some syncs.
    pub fn close(&self) {
        self.inner.logs.write().clear();
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
