//! The local log of every topic.

use crate::telemetry::SinkGauge;
use crate::verdict::Failure;
use super::log::{self, Acknowledgement, AppendError, Directory, Frames, Full, Log, OpenError};
use super::shipment::{self, Delivered, Headers, Message, Shipment, Undelivered};
use super::Readiness;
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The local log of every topic. Cheap to clone.
#[derive(Clone)]
pub(super) struct Local {
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

impl Local {
    /// Takes the data directory and recovers the logs that are in it.
    ///
    /// # Errors
    /// As `Directory::lock` and `Log::open`: nothing is served from a log that cannot be trusted.
    pub fn open(data: &Path, config: log::Config) -> Result<Local, OpenError> {
        config.check()?;
        let directory = Directory::lock(data)?;
        let inner = Inner {
            config,
            logs: RwLock::default(),
            opening: Mutex::default(),
            probing: AtomicBool::new(false),
            trouble: RwLock::default(),
            directory,
        };
        let sink = Local { inner: Arc::new(inner) };
        for topic in topics(data, "log", log::log_path) {
            sink.open_log(&topic.into())?;
        }
        Ok(sink)
    }

    /// Delivers what is shipped together; one answer for each message, in order.
    pub async fn deliver(&self, shipment: Shipment) -> Vec<Result<Delivered, Undelivered>> {
        let mut answers = vec![Err(Undelivered::Failed(Failure::SinkUnavailable)); shipment.messages.len()];
        let mut appending = Vec::with_capacity(1);
        for (lot, indices) in shipment::lots(shipment.messages, false) {
            let (frames, indices) = self.load(&shipment.headers, &lot, indices, &mut answers);
            appending.push((self.append(&lot.topic, frames).await, indices));
        }
        for (acknowledgement, indices) in appending {
            let answer = match acknowledgement {
                Ok(acknowledgement) => self.settle(acknowledgement).await,
                Err(failure) => Err(failure),
            };
            for index in indices {
                answers[index] = answer.map_err(Undelivered::Failed);
            }
        }
        answers
    }

    /// Encodes on the caller's thread, so that a log's writer has only to write. What no frame holds is left out.
    fn load(
        &self,
        headers: &Headers,
        lot: &shipment::Lot,
        indices: Vec<usize>,
        answers: &mut [Result<Delivered, Undelivered>],
    ) -> (Frames, Vec<usize>) {
        let mut frames = Frames::with_capacity(lot.bytes);
        let mut loaded = Vec::with_capacity(indices.len());
        for (message, index) in lot.messages.iter().zip(indices) {
            match shipment::push(&mut frames, headers, message) {
                Ok(()) => loaded.push(index),
                Err(error) => {
                    tracing::error!(topic = &*lot.topic, record_id = %message.id, %error, "record fits into no frame");
                    answers[index] = Err(Undelivered::TooLarge);
                }
            }
        }
        (frames, loaded)
    }

    /// Begins an append; the log's order is the order of these calls.
    async fn append(&self, topic: &Arc<str>, frames: Frames) -> Result<Acknowledgement, Failure> {
        Ok(self.log(topic).await?.append(frames))
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

    /// Keeps a record that the broker will never take among the dead letters of its topic, with the reason.
    pub async fn quarantine(&self, message: &Message, shared: &Headers, reason: &str) -> Result<Delivered, Failure> {
        let mut letter = message.clone();
        letter.topic = format!("{}.dead-letter", message.topic).into();
        letter.is_dead_letter = true;
        letter.headers.push(("sluicegate-fault".to_owned(), Bytes::from_static(b"undeliverable")));
        letter.headers.push(("sluicegate-fault-detail".to_owned(), Bytes::copy_from_slice(reason.as_bytes())));
        let mut frames = Frames::default();
        shipment::push(&mut frames, shared, &letter).map_err(|_| Failure::SinkUnavailable)?;
        let acknowledgement = self.append(&letter.topic, frames).await?;
        self.settle(acknowledgement).await
    }

    /// Opens the log that spools a topic. Blocks for some syncs.
    pub fn spool(&self, topic: &str, config: log::Config) -> Result<Log, OpenError> {
        self.inner.directory.spool(topic, config)
    }

    /// The topics that have a spool already.
    pub fn spooled_topics(&self) -> Vec<String> {
        topics(self.inner.directory.path(), "spool", log::spool_path)
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

/// The topics that have a directory of a kind. What is no topic's is left alone.
fn topics(data: &Path, kind: &str, path: fn(&Path, &str) -> Result<PathBuf, OpenError>) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(data.join(kind)) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| path(data, name).is_ok_and(|path| path.is_dir())).collect()
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
