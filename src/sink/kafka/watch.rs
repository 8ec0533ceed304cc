//! Looks after what does not mend itself: a producer that failed for good, topics that an operator has to mend.

use super::Shared;
use super::lane::Lane;
use super::report::Refusal;
use rdkafka::error::RDKafkaErrorCode as Code;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often it is asked whether an operator has mended something.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a broker may take to say what it knows of a topic.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs as long as the gateway does.
pub(super) async fn run(shared: Weak<Shared>) {
    loop {
        let Some(now) = shared.upgrade() else { return };
        let looked = tokio::task::spawn_blocking(move || look(&now)).await;
        let Some(now) = shared.upgrade() else { return };
        let quiet = !looked.unwrap_or(true);
        let woken = tokio::time::timeout(INTERVAL, now.trouble.notified()).await.is_ok();
        if quiet && !woken {
            // Nothing to do until somebody tells.
            let _ = tokio::time::timeout(INTERVAL, now.trouble.notified()).await;
        } else if woken {
            tokio::time::sleep(INTERVAL / 10).await;
        }
    }
}

/// True: something is still to be mended.
fn look(shared: &Arc<Shared>) -> bool {
    let replaced = shared.replace_failed_producer();
    let troubled: Vec<Arc<Lane>> =
        shared.lanes().into_iter().filter(|lane| lane.alarm().is_some()).collect();
    for lane in &troubled {
        if shared.look_up(&lane.topic) == Found::Topic {
            lane.clear_alarm();
        }
    }
    if shared.is_refused() && shared.look_up_brokers() {
        *shared.refused.write() = None;
        shared.is_refused.store(false, Ordering::Relaxed);
        tracing::info!("kafka lets the gateway in again");
    }
    !troubled.is_empty() || shared.is_refused() || !replaced
}

/// What a broker says of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Topic,
    Refused(Refusal),
    /// No broker answers.
    Unknown,
}

impl Shared {
    /// Blocks for `LOOK_UP_TIMEOUT` at most.
    pub(super) fn look_up(&self, topic: &str) -> Found {
        let producer = self.producer.read();
        let Some(producer) = &*producer else { return Found::Unknown };
        let Ok(metadata) = producer.client().fetch_metadata(Some(topic), LOOK_UP_TIMEOUT) else {
            return Found::Unknown;
        };
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
            return Found::Refused(Refusal::NoTopic);
        };
        match found.error().map(Code::from) {
            None if found.partitions().is_empty() => Found::Refused(Refusal::NoTopic),
            None => Found::Topic,
            Some(Code::TopicAuthorizationFailed) => Found::Refused(Refusal::NotAuthorized),
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::InvalidTopic) => {
                Found::Refused(Refusal::NoTopic)
            }
            Some(_) => Found::Unknown,
        }
    }

    fn look_up_brokers(&self) -> bool {
        let producer = self.producer.read();
        producer.as_ref().is_some_and(|producer| producer.client().fetch_metadata(None, LOOK_UP_TIMEOUT).is_ok())
    }
}
