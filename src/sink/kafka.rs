//! Kafka as the sink: a record is committed when the broker has reported it, stored when the spool has it.
//!
//! The only room that knows rdkafka. `lane` has the order of a topic, `drain` empties its spool, `flight` holds our
//! own references to what librdkafka has, `producer` speaks to it, and `report` says what its errors mean.

mod config;
mod drain;
mod flight;
mod gate;
mod lane;
mod letters;
mod look;
mod lot;
mod pace;
mod producer;
mod report;
#[cfg(test)]
mod tests;
mod watch;

pub use config::{Config, ConfigError, RecordHeaders, Sasl, Security, SpoolConfig, Timestamps};
pub use letters::{KafkaLetter, KafkaLetters, LettersError};
pub use look::{Survey, SurveyedTopic, TopicState};

use super::Readiness;
use super::local::Local;
use super::log::OpenError;
use super::shipment::{Delivered, Headers, Message, Shipment, Undelivered};
use crate::record::is_dead_letters;
use crate::telemetry::LaneGauge;
use crate::verdict::Failure;
use flight::Flight;
use lane::Lane;
use parking_lot::{Mutex, RwLock};
use producer::{Listener, Producer, Trouble};
use report::Refusal;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// A producer for every topic, and what waits for it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Kafka {
    shared: Arc<Shared>,
}

/// Tells the topics that records, and dead letters where they go to Kafka, may go to.
pub type Topics = Box<dyn Fn() -> Vec<Arc<str>> + Send + Sync>;

/// What the lanes have together.
pub(super) struct Shared {
    pub config: Config,
    /// Where dead letters and spools lie.
    local: Local,
    /// Written only when a producer takes the place of another: nothing is sent meanwhile.
    producer: RwLock<Option<Producer>>,
    /// Sends by themselves records that failed together with others.
    alone: RwLock<Option<Producer>>,
    /// Bytes that librdkafka may hold.
    budget: Arc<Semaphore>,
    lanes: RwLock<HashMap<Arc<str>, Arc<Lane>>>,
    /// Held while a lane is opened. True: the sink is closed.
    opening: Mutex<bool>,
    /// The broker does not take us at all: the sentence for the operator.
    refused: RwLock<Option<String>>,
    is_refused: AtomicBool,
    /// Records could go neither to the broker nor into a spool: the sentence for the operator.
    silent: RwLock<Option<String>>,
    is_silent: AtomicBool,
    /// What was said last of connections, without its numbers, and when.
    passing: Mutex<Option<(String, Instant)>>,
    /// The topics that records and dead letters may go to.
    topics: RwLock<Option<Topics>>,
    /// Wakes the watch.
    trouble: Notify,
    me: Weak<Shared>,
}

/// Why Kafka cannot be the sink.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Spool(#[from] OpenError),
}

impl Kafka {
    /// Opens the spools that hold records and connects in the background: that no broker answers is no error.
    ///
    /// # Errors
    /// A property that librdkafka does not take, or a spool that cannot be trusted.
    pub fn start(config: Config, local: Local) -> Result<Kafka, StartError> {
        let properties = config.properties();
        let budget = Arc::new(Semaphore::new(config.queue_bytes_max));
        let shared = Arc::new_cyclic(|me| Shared {
            config,
            local,
            producer: RwLock::new(None),
            alone: RwLock::new(None),
            budget,
            lanes: RwLock::default(),
            opening: Mutex::default(),
            refused: RwLock::default(),
            is_refused: AtomicBool::new(false),
            silent: RwLock::default(),
            is_silent: AtomicBool::new(false),
            passing: Mutex::default(),
            topics: RwLock::default(),
            trouble: Notify::new(),
            me: me.clone(),
        });
        let ear = Arc::new(Ear(Arc::downgrade(&shared)));
        let producer = Producer::start(&properties, shared.config.headers, ear)
            .map_err(|error| ConfigError::of(&error))?;
        *shared.producer.write() = Some(producer);
        for topic in shared.local.spooled_topics()? {
            shared.open_lane(&topic.into())?;
        }
        tokio::spawn(watch::run(Arc::downgrade(&shared)));
        Ok(Kafka { shared })
    }

    pub fn timestamps(&self) -> Timestamps {
        self.shared.config.timestamps
    }

    /// Delivers what is shipped together; one answer for each message, in order.
    pub async fn deliver(&self, shipment: Shipment) -> Vec<Result<Delivered, Undelivered>> {
        let Shipment { headers, messages, may_spool } = shipment;
        let count = messages.len();
        let held_until = Instant::now() + self.shared.config.produce_timeout;
        let mut pending = Vec::with_capacity(1);
        for (lot, indices) in lot::lots(messages, may_spool) {
            let begun = match self.shared.lane(&lot.topic).await {
                Ok(lane) => lane.begin(&headers, lot, held_until).await,
                Err(failure) => lane::Pending::Failed { failure, count: indices.len() },
            };
            pending.push((begun, indices));
        }
        let mut answers = vec![Err(Undelivered::Failed(Failure::SinkUnavailable)); count];
        for (pending, indices) in pending {
            for (index, answer) in indices.into_iter().zip(pending.settle().await) {
                answers[index] = answer;
            }
        }
        answers
    }

    /// From now on these are looked up, as soon as a broker answers and whenever there are others.
    pub fn look_after(&self, topics: Topics) {
        *self.shared.topics.write() = Some(topics);
        self.shared.trouble.notify_one();
    }

    /// As the last records found it: with a spool a 2xx is possible while the disk works, without one only while the
    /// broker answers. What is not ready is looked after by `watch`, as its records are kept away.
    pub fn readiness(&self, disk: impl FnOnce() -> Readiness) -> Readiness {
        if let Some(sentence) = self.shared.refused.read().clone() {
            return Readiness::Unavailable(sentence);
        }
        if let Some(sentence) = self.shared.silent.read().clone() {
            return Readiness::Unavailable(sentence);
        }
        let mut lanes = self.shared.lanes();
        // Dead letters that are not taken are kept here, and that some are helps no record.
        lanes.retain(|lane| !is_dead_letters(&lane.topic));
        let refused: Vec<String> =
            lanes.iter().filter_map(|lane| Some(self.shared.sentence(&lane.topic, lane.alarm()?))).collect();
        if !refused.is_empty() && refused.len() == lanes.len() {
            return Readiness::Unavailable(refused.join("; "));
        }
        disk()
    }

    pub fn gauges(&self) -> Vec<LaneGauge> {
        let now_ms = u64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis());
        let lanes = self.shared.lanes();
        lanes.iter().map(|lane| lane.gauge(now_ms.unwrap_or(u64::MAX))).collect()
    }

    /// Waits for what is on its way, then lets go of the spools. Records in them stay; gives their number. Blocks.
    pub fn close(&self, timeout: Duration) -> u64 {
        *self.shared.opening.lock() = true;
        *self.shared.topics.write() = None;
        // A broker that has not answered for so long will not do so before the gateway is expected to be gone.
        let end = std::time::Instant::now() + timeout.min(self.shared.config.produce_timeout);
        while std::time::Instant::now() < end && !self.shared.lanes().iter().all(|lane| lane.is_empty()) {
            std::thread::park_timeout(CLOSE_PAUSE);
        }
        // Taken out of its place first, so that whoever still sends finds none.
        let producer = self.shared.producer.write().take();
        let alone = self.shared.alone.write().take();
        drop((producer, alone));
        let lanes = std::mem::take(&mut *self.shared.lanes.write());
        let left = lanes.values().filter_map(|lane| lane.close()).sum();
        // A drain that was told to end lets go of its lane when it next comes to wait.
        for lane in lanes.into_values() {
            let end = std::time::Instant::now() + CLOSE_PATIENCE;
            while Arc::strong_count(&lane) > 1 && std::time::Instant::now() < end {
                std::thread::park_timeout(CLOSE_PAUSE);
            }
        }
        left
    }
}

/// How long a drain may take to end: it is at most in a sync.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// How often it is looked whether everything has landed.
const CLOSE_PAUSE: Duration = Duration::from_millis(10);

impl Shared {
    async fn lane(&self, topic: &Arc<str>) -> Result<Arc<Lane>, Failure> {
        if let Some(lane) = self.lanes.read().get(topic) {
            return Ok(lane.clone());
        }
        let (Some(shared), topic) = (self.me.upgrade(), topic.clone()) else {
            return Err(Failure::Draining);
        };
        let opened = tokio::task::spawn_blocking(move || shared.open_lane(&topic)).await;
        match opened {
            Ok(Ok(Some(lane))) => Ok(lane),
            Ok(Ok(None)) => Err(Failure::Draining),
            Ok(Err(error)) => {
                tracing::error!(%error, "a spool cannot be opened");
                Err(Failure::SinkUnavailable)
            }
            Err(_) => Err(Failure::SinkUnavailable),
        }
    }

    /// Blocks for some syncs. None: the sink is closed.
    fn open_lane(&self, topic: &Arc<str>) -> Result<Option<Arc<Lane>>, OpenError> {
        let closed = self.opening.lock();
        let (false, Some(shared)) = (*closed, self.me.upgrade()) else { return Ok(None) };
        if let Some(lane) = self.lanes.read().get(topic) {
            return Ok(Some(lane.clone()));
        }
        let spool =
            self.config.spool.as_ref().map(|spool| self.local.spool(topic, spool.log.clone())).transpose()?;
        let lane = Lane::open(topic.clone(), spool, shared);
        self.lanes.write().insert(topic.clone(), lane.clone());
        Ok(Some(lane))
    }

    fn lanes(&self) -> Vec<Arc<Lane>> {
        self.lanes.read().values().cloned().collect()
    }

    /// Opens anew the spools whose writers have died, as after a crash: what they hold is sent, before anything new.
    /// False: there are some left. Blocks for some syncs, and while requests wait for a dead one.
    fn revive_spools(&self) -> bool {
        let dead = self.lanes().into_iter().filter(|lane| lane.has_dead_spool());
        // Not ended at the first that fails.
        dead.map(|lane| self.revive(lane)).fold(true, |all, revived| all & revived)
    }

    fn revive(&self, lane: Arc<Lane>) -> bool {
        let topic = lane.topic.clone();
        // No record finds the topic's lane while none is open.
        let closed = self.opening.lock();
        if *closed {
            return true;
        }
        lane.close();
        self.lanes.write().remove(&topic);
        let end = std::time::Instant::now() + CLOSE_PATIENCE;
        while Arc::strong_count(&lane) > 1 {
            if std::time::Instant::now() > end {
                self.lanes.write().insert(topic, lane);
                return false;
            }
            std::thread::park_timeout(CLOSE_PAUSE);
        }
        drop(lane);
        drop(closed);
        match self.open_lane(&topic) {
            Ok(_) => tracing::warn!(topic = &*topic, "a spool whose writer had died was opened again"),
            Err(error) => {
                // The next record of the topic tries it again.
                tracing::error!(topic = &*topic, %error, "a spool whose writer died cannot be opened again");
            }
        }
        true
    }

    /// Why the spools together have no room for so much more.
    fn spools_are_full(&self, bytes: u64) -> Option<String> {
        let limit = self.config.spool.as_ref()?.high_water_bytes;
        let lanes = self.lanes.read();
        let held = lanes.values().filter_map(|lane| Some(lane.spool.as_ref()?.stats()));
        let held =
            held.map(|stats| stats.bytes.saturating_add(stats.queued_bytes)).fold(0, u64::saturating_add);
        (held.saturating_add(bytes) > limit).then(|| {
            format!(
                "kafka does not answer, and the spools of all topics together hold {held} bytes and may hold {limit}: \
                 bring kafka back, or raise spool.high_water_bytes"
            )
        })
    }

    /// Hands flights to librdkafka, in order.
    fn send(&self, flights: &[Arc<Flight>]) {
        if flights.is_empty() {
            return;
        }
        let mut refused = Vec::new();
        if let Some(producer) = &*self.producer.read() {
            for flight in flights {
                refused.extend(send_all(producer, flight).1);
            }
        }
        report(refused);
    }

    /// A share of what librdkafka may hold; none by the deadline: it has not got rid of what it has.
    async fn room_for(&self, bytes: usize, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        let wanted = u32::try_from(bytes.clamp(1, self.config.queue_bytes_max)).unwrap_or(u32::MAX);
        let room = self.budget.clone().acquire_many_owned(wanted);
        tokio::time::timeout_at(deadline, room).await.ok()?.ok()
    }

    fn is_refused(&self) -> bool {
        self.is_refused.load(Ordering::Relaxed)
    }

    fn note_silence(&self, sentence: String) {
        if self.silent.write().replace(sentence.clone()).as_ref() != Some(&sentence) {
            tracing::error!(reason = sentence, "records can go nowhere");
        }
        self.is_silent.store(true, Ordering::Relaxed);
        self.trouble.notify_one();
    }

    /// Records have gone somewhere.
    fn heard(&self) {
        if self.is_silent.load(Ordering::Relaxed) && self.silent.write().take().is_some() {
            self.is_silent.store(false, Ordering::Relaxed);
            tracing::info!("records can go somewhere again");
        }
    }

    /// The same is said once a minute.
    fn note_passing(&self, reason: &str) {
        const AGAIN: Duration = Duration::from_secs(60);
        let words: String = reason.chars().filter(|c| !c.is_ascii_digit()).collect();
        let mut said = self.passing.lock();
        if said.as_ref().is_none_or(|(before, at)| *before != words || at.elapsed() > AGAIN) {
            tracing::warn!(reason, "kafka connection");
            *said = Some((words, Instant::now()));
        }
    }

    fn watch_alarms(&self) {
        self.trouble.notify_one();
    }

    fn sentence(&self, topic: &str, refusal: Refusal) -> String {
        refusal.sentence(&self.config.brokers, topic)
    }

    /// Keeps a record that the broker will never take, and whose producer has been told that it is durable.
    async fn quarantine(&self, message: &Message, shared: &Headers, refusal: Refusal) {
        let reason = self.sentence(&message.topic, refusal);
        while self.local.quarantine(message, shared, &reason).await.is_err() {
            // It must not be lost: the disk is tried until it takes it, and the spool waits.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        tracing::error!(topic = &*message.topic, record_id = %message.id, reason, "record moved to the dead letters");
    }

    /// Replaces a producer that has failed for good: what it had not reported is sent again, in order. False: it
    /// could not be. Blocks.
    fn replace_failed_producer(&self) -> bool {
        let failed = |slot: &RwLock<Option<Producer>>| slot.read().as_ref().and_then(Producer::fatal_error);
        let Some(reason) = failed(&self.producer).or_else(|| failed(&self.alone)) else { return true };
        tracing::error!(reason, "kafka producer failed for good");
        let mut slot = self.producer.write();
        if slot.is_none() {
            // The gateway is being closed.
            return true;
        }
        let ear = Arc::new(Ear(self.me.clone()));
        let producer = match Producer::start(&self.config.properties(), self.config.headers, ear) {
            Ok(producer) => producer,
            Err(error) => {
                tracing::error!(%error, "another kafka producer cannot be started; trying again");
                return false;
            }
        };
        let (mut records, mut refused) = (0, Vec::new());
        for flight in self.lanes().iter().flat_map(|lane| lane.hand_over()) {
            let (sent, not) = send_all(&producer, &flight);
            records += sent;
            refused.extend(not);
        }
        // What was sent by itself is among those.
        let old = (slot.replace(producer), self.alone.write().take());
        drop(slot);
        report(refused);
        tracing::warn!(records, "another kafka producer has taken over");
        drop(old);
        true
    }
}

/// A message that was refused at once.
type Refused = (Arc<Flight>, u32, Refusal);

/// Sends what was not reported of a flight; how many that were, and which of them were refused at once.
fn send_all(producer: &Producer, flight: &Arc<Flight>) -> (usize, Vec<Refused>) {
    let (mut sent, mut refused) = (0, Vec::new());
    // What another producer was handed meanwhile may have been reported.
    for index in (0..).take(flight.messages.len()).filter(|index| flight.is_open(*index)) {
        sent += 1;
        if let Err(refusal) = producer.send(flight, index) {
            refused.push((flight.clone(), index, refusal));
        }
    }
    (sent, refused)
}

/// No lock is held: the last report of a flight hands the next ones over.
fn report(refused: Vec<Refused>) {
    for (flight, index, refusal) in refused {
        flight.report(index, Err(refusal));
    }
}

/// What librdkafka's threads tell.
struct Ear(Weak<Shared>);

impl Listener for Ear {
    fn global(&self, trouble: Trouble) {
        let Some(shared) = self.0.upgrade() else { return };
        match trouble {
            Trouble::Refused(reason) => {
                let sentence = config::refused(&shared.config, &reason);
                if shared.refused.write().replace(sentence.clone()).as_ref() != Some(&sentence) {
                    tracing::error!(reason = sentence, "kafka does not let the gateway in");
                }
                shared.is_refused.store(true, Ordering::Relaxed);
            }
            Trouble::Passing(reason) => shared.note_passing(&reason),
        }
        shared.trouble.notify_one();
    }

    fn alone(&self, flight: Arc<Flight>, index: u32) {
        let Some(shared) = self.0.upgrade() else { return };
        let mut alone = shared.alone.write();
        if alone.is_none() {
            let ear = Arc::new(Ear(self.0.clone()));
            *alone = Producer::start_alone(&shared.config.properties(), shared.config.headers, ear).ok();
        }
        let sent = alone.as_ref().map_or(Err(Refusal::Unavailable), |producer| producer.send(&flight, index));
        drop(alone);
        if sent.is_err() {
            flight.report(index, sent);
        }
    }
}
