//! Looks after what does not mend itself: a producer that failed for good, topics that an operator has to mend.

use super::Shared;
use super::lane::Lane;
use super::look::{self, Found};
use super::report::Refusal;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode as Code;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How often it is asked whether an operator has mended something.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a broker may take to say what it knows of a topic.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// Spools that have no room for this are full to everybody.
const SMALL_RECORD_BYTES: u64 = 64 << 10;

/// Runs as long as the gateway does.
pub(super) async fn run(shared: Weak<Shared>) {
    let mut known = BTreeSet::new();
    loop {
        let begun = Instant::now();
        let Some(now) = shared.upgrade() else { return };
        let looking = tokio::task::spawn_blocking(move || {
            let busy = look(&now, &mut known);
            (busy, known)
        });
        let (Ok((busy, looked)), Some(now)) = (looking.await, shared.upgrade()) else { return };
        known = looked;
        let quiet = !busy;
        let woken = tokio::time::timeout(INTERVAL, now.trouble.notified()).await.is_ok();
        if quiet && !woken {
            // Nothing to do until somebody tells.
            let _ = tokio::time::timeout(INTERVAL, now.trouble.notified()).await;
        } else if woken {
            // A producer that fails again at once is not replaced without end.
            tokio::time::sleep_until((begun + INTERVAL).into()).await;
        }
    }
}

/// True: something is still to be mended.
fn look(shared: &Arc<Shared>, known: &mut BTreeSet<Arc<str>>) -> bool {
    let replaced = shared.replace_failed_producer();
    let revived = shared.revive_spools();
    let found = shared.look_up_expected(known);
    let troubled: Vec<Arc<Lane>> = shared.lanes().into_iter().filter(|lane| lane.alarm().is_some()).collect();
    for lane in &troubled {
        match shared.look_up(&lane.topic) {
            Found::Topic => lane.clear_alarm(),
            Found::Refused(_) => {}
            // Nobody answers for the others either, and a producer that failed meanwhile waits.
            Found::Unknown => break,
        }
    }
    if shared.is_refused() && shared.look_up_brokers() {
        *shared.refused.write() = None;
        shared.is_refused.store(false, Ordering::Relaxed);
        tracing::info!("kafka lets the gateway in again");
    }
    if shared.is_silent.load(Ordering::Relaxed)
        && (shared.look_up_brokers() || shared.has_a_spool_with_room())
    {
        shared.heard();
    }
    let silent = shared.is_silent.load(Ordering::Relaxed);
    !troubled.is_empty() || shared.is_refused() || silent || !replaced || !revived || !found
}

impl Shared {
    /// Looks up topics that records and dead letters may go to and that were not looked up yet. False: there are some left.
    fn look_up_expected(&self, known: &mut BTreeSet<Arc<str>>) -> bool {
        let Some(topics) = self.topics.read().as_ref().map(|topics| topics()) else { return true };
        known.retain(|topic| topics.contains(topic));
        for topic in topics.into_iter().filter(|topic| !known.contains(topic)).collect::<Vec<_>>() {
            let mut found = self.look_up(&topic);
            if found == Found::Refused(Refusal::NoTopic) && self.config.create_topics && self.create(&topic) {
                found = Found::Topic;
            }
            match (found, self.open_lane(&topic)) {
                // Nobody answers for the others either, and each would be waited for.
                (Found::Unknown, _) => return false,
                (Found::Refused(refusal), Ok(Some(lane))) => {
                    lane.note_refusal(refusal);
                    known.insert(topic);
                }
                _ => drop(known.insert(topic)),
            }
        }
        true
    }

    /// Makes a topic with the brokers' defaults. Blocks.
    fn create(&self, topic: &str) -> bool {
        let admin: Result<AdminClient<DefaultClientContext>, _> = self.config.properties().create();
        let (Ok(admin), Ok(runtime)) = (admin, tokio::runtime::Handle::try_current()) else { return false };
        let wanted = NewTopic::new(topic, -1, TopicReplication::Fixed(-1));
        let created = runtime.block_on(admin.create_topics([&wanted], &AdminOptions::new()));
        let result =
            created.map_err(|error| error.to_string()).and_then(|results| match results.into_iter().next() {
                Some(Err((_, code))) if code != Code::TopicAlreadyExists => Err(code.to_string()),
                _ => Ok(()),
            });
        match &result {
            Ok(()) => tracing::info!(topic, "kafka topic made"),
            Err(reason) => tracing::error!(topic, reason, "kafka topic could not be made"),
        }
        result.is_ok()
    }

    /// Blocks for `LOOK_UP_TIMEOUT` at most.
    pub(super) fn look_up(&self, topic: &str) -> Found {
        let producer = self.producer.read();
        let Some(producer) = &*producer else { return Found::Unknown };
        look::look_up(producer.client(), topic, LOOK_UP_TIMEOUT)
    }

    /// Whether records may wait here. Blocks for a sync.
    fn has_a_spool_with_room(&self) -> bool {
        let lanes = self.lanes();
        let mut spools = lanes.iter().filter_map(|lane| lane.spool.as_ref());
        self.spools_are_full(SMALL_RECORD_BYTES).is_none()
            && spools.any(|spool| spool.is_open() && spool.has_room())
            && self.local.has_a_disk_that_works()
    }

    fn look_up_brokers(&self) -> bool {
        let producer = self.producer.read();
        producer
            .as_ref()
            .is_some_and(|producer| producer.client().fetch_metadata(None, LOOK_UP_TIMEOUT).is_ok())
    }
}
