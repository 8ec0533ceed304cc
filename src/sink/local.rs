//! The local log of every topic.

#[cfg(test)]
pub(super) mod tests;

use super::Readiness;
use super::log::{self, Acknowledgement, AppendError, Directory, DiskFault, Frames, Full, Log, OpenError};
use super::shipment::{Delivered, Headers, Lot, Message, Shipment, Undelivered, push};
use super::trouble::{Place, Troubles};

use crate::record::{dead_letters_of, is_dead_letters};
use crate::telemetry::SinkGauge;
use crate::verdict::Failure;
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The local log of every topic. Cheap to clone.
#[derive(Clone)]
pub(super) struct Local {
    inner: Arc<Inner>,
}

struct Inner {
    directory: Directory,
    config: log::Config,
    topics: RwLock<HashMap<Arc<str>, Arc<Topic>>>,
    /// Held while a log is opened, one after the other.
    opening: Mutex<()>,
    /// Set under `opening`: no log is opened any more.
    closed: AtomicBool,
    /// A disk that hangs is tried by one thread, not by one a second.
    probing: AtomicBool,
    troubles: Troubles,
}

struct Topic {
    log: Log,
    /// Records have come for it since the start. A log that only lies there says nothing about readiness.
    is_in_use: AtomicBool,
}

/// How often what is in trouble is tried while nobody sends records.
const PROBE_PAUSE: Duration = Duration::from_secs(1);

/// Of what may wait for the disk, the share that one shipment takes. A larger one waits for its own first lots, so
/// that it neither refuses itself, however often it is sent, nor all others.
const SHIPMENT_QUEUE_SHARE: u64 = 4;

impl Local {
    /// Takes the data directory and recovers the logs that are in it.
    ///
    /// # Errors
    /// As `Directory::lock` and `Log::open`: nothing is served from a log that cannot be trusted.
    pub fn open(data: &Path, config: log::Config) -> Result<Local, OpenError> {
        config.check()?;
        Local::open_in(Directory::lock(data)?, config)
    }

    pub(super) fn open_in(directory: Directory, config: log::Config) -> Result<Local, OpenError> {
        let mut topics = HashMap::new();
        for name in topics_in(directory.path(), "log", log::log_path)? {
            let topic =
                Topic { log: directory.log(&name, config.clone())?, is_in_use: AtomicBool::new(false) };
            topics.insert(Arc::from(name), Arc::new(topic));
        }
        let inner = Inner {
            config,
            topics: RwLock::new(topics),
            opening: Mutex::default(),
            closed: AtomicBool::new(false),
            probing: AtomicBool::new(false),
            troubles: Troubles::default(),
            directory,
        };
        Ok(Local { inner: Arc::new(inner) })
    }

    /// Delivers what is shipped together; one answer for each message, in order.
    pub async fn deliver(&self, shipment: Shipment) -> Vec<Result<Delivered, Undelivered>> {
        let loaded = shipment.load(self.inner.config.append_bytes_max());
        let bytes_max = self.inner.config.queue_bytes_max / SHIPMENT_QUEUE_SHARE;
        let mut settled = Vec::with_capacity(loaded.lots.len());
        let mut waiting = VecDeque::with_capacity(loaded.lots.len());
        let mut waiting_bytes = 0;
        for lot in loaded.lots {
            let bytes = lot.frames.bytes();
            while waiting_bytes + bytes > bytes_max
                && let Some((bytes, appending)) = waiting.pop_front()
            {
                waiting_bytes -= bytes;
                settled.push(self.settle(appending).await);
            }
            waiting_bytes += bytes;
            waiting.push_back((bytes, self.append(lot).await));
        }
        for (_, appending) in waiting {
            settled.push(self.settle(appending).await);
        }
        loaded
            .lot_of_message
            .into_iter()
            .map(|lot| settled[lot?])
            .map(|answer: Result<_, Failure>| answer.map_err(Undelivered::Failed))
            .collect()
    }

    /// Begins an append; the log's order is the order of these calls.
    async fn append(&self, lot: Lot) -> Result<Appending, Failure> {
        let topic = self.topic(&lot.topic).await?;
        let acknowledgement = topic.log.append(lot.frames);
        Ok(Appending { topic: lot.topic, acknowledgement })
    }

    async fn settle(&self, appending: Result<Appending, Failure>) -> Result<Delivered, Failure> {
        let Appending { topic, acknowledgement } = appending?;
        match acknowledgement.await {
            Ok(_) => {
                if !self.inner.troubles.is_empty() {
                    self.inner.troubles.clear(&Place::Disk);
                    self.inner.troubles.clear(&Place::Topic(topic));
                }
                Ok(Delivered::Committed)
            }
            Err(error) => Err(self.failed(topic, &error)),
        }
    }

    /// Keeps a record that the broker will never take among the dead letters of its topic, with the reason.
    pub async fn quarantine(
        &self,
        message: &Message,
        shared: &Headers,
        reason: &str,
    ) -> Result<Delivered, Failure> {
        let mut letter = message.clone();
        letter.is_dead_letter = true;
        // What is a dead letter already keeps the reason that made it one.
        if !is_dead_letters(&message.topic) {
            letter.topic = dead_letters_of(&message.topic).into();
            letter.headers.push(("sluicegate-fault".to_owned(), Bytes::from_static(b"undeliverable")));
            let reason = Bytes::copy_from_slice(reason.as_bytes());
            letter.headers.push(("sluicegate-fault-detail".to_owned(), reason));
        }
        let mut frames = Frames::default();
        push(&mut frames, shared, &letter).map_err(|_| Failure::SinkUnavailable)?;
        let appending = self.append(Lot { topic: letter.topic, frames }).await;
        self.settle(appending).await
    }

    /// Whether a file can be written and synced beside the logs. Blocks for a sync.
    pub fn has_a_disk_that_works(&self) -> bool {
        self.inner.directory.probe(self.inner.config.free_bytes_min).is_ok()
    }

    /// Opens the log that spools a topic. Blocks for some syncs.
    pub fn spool(&self, topic: &str, config: log::Config) -> Result<Log, OpenError> {
        self.inner.directory.spool(topic, config)
    }

    /// The topics that have a spool already.
    ///
    /// # Errors
    /// If the directory cannot be listed: what lies in it would not be sent.
    pub fn spooled_topics(&self) -> Result<Vec<String>, OpenError> {
        topics_in(self.inner.directory.path(), "spool", log::spool_path)
    }

    async fn topic(&self, name: &Arc<str>) -> Result<Arc<Topic>, Failure> {
        if let Some(topic) = self.open_topic(name) {
            if !topic.is_in_use.load(Ordering::Relaxed) {
                topic.is_in_use.store(true, Ordering::Relaxed);
            }
            return Ok(topic);
        }
        if self.inner.troubles.rests(&Place::Topic(name.clone()), self.inner.config.retry_pause) {
            return Err(Failure::SinkUnavailable);
        }
        // The first record of a topic, or the first since its log's writer died: the log is opened on a thread that
        // may wait for the disk.
        let (sink, wanted) = (self.clone(), name.clone());
        let unavailable = |sentence: String| {
            self.inner.troubles.note(Place::Topic(name.clone()), sentence);
            Failure::SinkUnavailable
        };
        match tokio::task::spawn_blocking(move || sink.open_log(&wanted)).await {
            Ok(Ok(Some(topic))) => Ok(topic),
            Ok(Ok(None)) => Err(Failure::Draining),
            Ok(Err(error)) => Err(unavailable(error.to_string())),
            Err(panicked) => Err(unavailable(panicked.to_string())),
        }
    }

    fn open_topic(&self, name: &Arc<str>) -> Option<Arc<Topic>> {
        self.inner.topics.read().get(name).filter(|topic| topic.log.is_open()).cloned()
    }

    /// Blocks for some syncs; records of other topics go on meanwhile. None: the sink is closed.
    fn open_log(&self, name: &Arc<str>) -> Result<Option<Arc<Topic>>, OpenError> {
        let _opening = self.inner.opening.lock();
        if self.inner.closed.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if let Some(topic) = self.open_topic(name) {
            return Ok(Some(topic));
        }
        // What a dead writer has left unanswered is recovered as after a crash.
        let dead = self.inner.topics.write().remove(name);
        drop(dead);
        let log = self.inner.directory.log(name, self.inner.config.clone())?;
        let topic = Arc::new(Topic { log, is_in_use: AtomicBool::new(true) });
        self.inner.topics.write().insert(name.clone(), topic.clone());
        Ok(Some(topic))
    }

    fn failed(&self, name: Arc<str>, error: &AppendError) -> Failure {
        let note = |place| self.inner.troubles.note(place, error.to_string());
        match error {
            AppendError::Overloaded { .. } | AppendError::TooLarge { .. } => Failure::SinkOverloaded,
            AppendError::Closed if self.inner.closed.load(Ordering::Relaxed) => Failure::Draining,
            AppendError::Closed => {
                let sentence = "the writer of its log has died, by a defect of the gateway that its own log on \
                                stderr tells; another is started, look whether it stays";
                self.inner.troubles.note(Place::Topic(name), sentence.to_owned());
                Failure::SinkUnavailable
            }
            AppendError::Full(Full::HighWater { .. }) => {
                // What was too large for the room that is left says nothing about others.
                if self.open_topic(&name).is_some_and(|topic| !topic.log.has_room()) {
                    note(Place::Topic(name));
                }
                Failure::SinkFull
            }
            AppendError::Full(Full::DiskFree { .. } | Full::NoSpace) => {
                note(Place::Disk);
                Failure::SinkFull
            }
            AppendError::Disk(_) => {
                note(Place::Topic(name));
                Failure::SinkUnavailable
            }
        }
    }

    /// As the last appends found it: ready while records of at least one topic can be made durable, as one that is
    /// in trouble must not take the others from this gateway. While there is trouble, being asked makes it be tried
    /// again: those who look at readiness keep away the records that would.
    pub fn readiness(&self) -> Readiness {
        let Inner { troubles, probing, .. } = &*self.inner;
        if troubles.is_empty() {
            return Readiness::Ready;
        }
        if troubles.is_probe_due(PROBE_PAUSE) && !probing.swap(true, Ordering::Relaxed) {
            let sink = self.clone();
            tokio::task::spawn_blocking(move || {
                sink.probe();
                sink.inner.probing.store(false, Ordering::Relaxed);
            });
        }
        if self.takes_some() { Readiness::Ready } else { Readiness::Unavailable(troubles.sentence()) }
    }

    /// Whether some topic's records can be made durable, as far as is known.
    fn takes_some(&self) -> bool {
        let troubles = &self.inner.troubles;
        if troubles.has(&Place::Disk) {
            return false;
        }
        let in_trouble = troubles.topics();
        let is_well = |name: &Arc<str>, topic: &Topic| {
            topic.is_in_use.load(Ordering::Relaxed) && !is_dead_letters(name) && !in_trouble.contains(name)
        };
        in_trouble.iter().all(|name| is_dead_letters(name))
            || self.inner.topics.read().iter().any(|(name, topic)| is_well(name, topic))
    }

    /// Writes and syncs a file beside the logs, as they would, then looks after each log in trouble. Blocks.
    fn probe(&self) {
        let Inner { directory, config, troubles, .. } = &*self.inner;
        troubles.note_probe();
        if let Err(error) = directory.probe(config.free_bytes_min) {
            return troubles.note(Place::Disk, error.to_string());
        }
        troubles.clear(&Place::Disk);
        for name in troubles.topics() {
            match self.open_log(&name) {
                Ok(Some(topic)) if topic.log.has_room() => troubles.clear(&Place::Topic(name)),
                Ok(_) => {}
                Err(error) => troubles.note(Place::Topic(name), error.to_string()),
            }
        }
    }

    pub fn gauges(&self) -> Vec<SinkGauge> {
        let topics = self.inner.topics.read();
        topics.iter().map(|(name, topic)| gauge(name, &topic.log)).collect()
    }

    /// Writes, syncs and answers what is still waiting, then lets go of the logs. Blocks for some syncs.
    pub fn close(&self) {
        let opening = self.inner.opening.lock();
        self.inner.closed.store(true, Ordering::Relaxed);
        drop(opening);
        let topics = std::mem::take(&mut *self.inner.topics.write());
        // Whoever still holds a log holds the directory too. Otherwise it is free from here on, also for a gateway
        // that starts before the last handle of this one is gone.
        if topics.into_values().all(|topic| Arc::into_inner(topic).is_some()) {
            self.inner.directory.release();
        }
    }
}

/// An append that has begun. It does not hold the log, so that closing the sink closes it.
struct Appending {
    topic: Arc<str>,
    acknowledgement: Acknowledgement,
}

/// The topics that have a directory of a kind already. What is no topic's is left alone.
fn topics_in(
    data: &Path,
    kind: &str,
    path: fn(&Path, &str) -> Result<PathBuf, OpenError>,
) -> Result<Vec<String>, OpenError> {
    let directory = data.join(kind);
    let entries = match std::fs::read_dir(&directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(DiskFault::at("list", &directory)(error).into()),
        Ok(entries) => entries,
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter(|name| path(data, name).is_ok_and(|path| path.is_dir())).collect())
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
