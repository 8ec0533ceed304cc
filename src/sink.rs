//! Where accepted records go. Answers what really happened to each.

mod dead_letter;
mod kafka;
mod local;
pub mod log;
mod shipment;
mod trouble;

pub use dead_letter::{DeadLetterPlace, DeadLetters, Room};
pub use kafka::{
    Config as KafkaConfig, ConfigError as KafkaConfigError, KafkaLetter, KafkaLetters, LettersError,
    RecordHeaders, Sasl, Security, SpoolConfig, StartError, Survey, SurveyedTopic, Timestamps, TopicState,
    Topics,
};
pub use log::OpenError;
pub use shipment::{Delivered, Headers, Message, Shipment, Undelivered};

use crate::telemetry::SinkGauges;
use dead_letter::RejectedRoom;
use kafka::Kafka;
use local::Local;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Config {
    /// `data`: one gateway at a time owns it.
    pub directory: PathBuf,
    /// What holds for the log of each topic.
    pub log: log::Config,
    /// None: the local log is where records stay.
    pub kafka: Option<KafkaConfig>,
    /// What is kept for the operator, and where.
    pub dead_letters: DeadLetters,
}

/// Whether a record can be made durable now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// With the sentence for the operator.
    Unavailable(String),
}

/// Kafka, or the local log. Cheap to clone.
#[derive(Clone)]
pub struct Sink {
    local: Local,
    kafka: Option<Kafka>,
    dead_letters: DeadLetters,
    rejected_room: RejectedRoom,
}

impl Sink {
    /// Takes the data directory, recovers what is in it, and connects to Kafka in the background.
    ///
    /// # Errors
    /// As `Directory::lock` and `Log::open`: nothing is served from a log that cannot be trusted. And a property
    /// that the Kafka client does not take.
    pub fn open(config: Config) -> Result<Sink, StartError> {
        let Config { directory, log, kafka, dead_letters } = config;
        let local = Local::open(&directory, log)?;
        let kafka = kafka.map(|kafka| Kafka::start(kafka, local.clone())).transpose()?;
        let rejected_room = RejectedRoom::new(dead_letters.rejected_bytes_max);
        Ok(Sink { local, kafka, dead_letters, rejected_room })
    }

    /// What accepts records, as the semantic conventions of messaging call it.
    pub fn system(&self) -> &'static str {
        match self.kafka {
            Some(_) => "kafka",
            None => "sluicegate_log",
        }
    }

    /// What a message's time is to be. The local log keeps when records were received: nobody refuses them for it
    /// there.
    pub fn timestamps(&self) -> Timestamps {
        self.kafka.as_ref().map_or(Timestamps::Received, Kafka::timestamps)
    }

    /// Delivers what is shipped together; one answer for each message, in order.
    pub async fn deliver(&self, shipment: Shipment) -> Vec<Result<Delivered, Undelivered>> {
        match &self.kafka {
            None => self.local.deliver(shipment).await,
            Some(kafka) => {
                let (records, dead_letters, order) = shipment.split();
                let (records, dead_letters) =
                    tokio::join!(kafka.deliver(records), self.deliver_dead_letters(kafka, dead_letters));
                order.merge(records, dead_letters)
            }
        }
    }

    /// Tells Kafka what topics there will be records or dead letters for, so that what is missing is known before they come.
    pub fn look_after(&self, topics: Topics) {
        if let Some(kafka) = &self.kafka {
            kafka.look_after(topics);
        }
    }

    /// What Kafka does not take of them is kept here: they are to be durable, and their records must not fail for ever
    /// because a topic is missing.
    async fn deliver_dead_letters(
        &self,
        kafka: &Kafka,
        letters: Shipment,
    ) -> Vec<Result<Delivered, Undelivered>> {
        if self.dead_letters.to == DeadLetterPlace::Local || letters.messages.is_empty() {
            return self.local.deliver(letters).await;
        }
        let again = letters.clone();
        let mut answers = kafka.deliver(Shipment { may_spool: true, ..letters }).await;
        let left: Vec<usize> = (0..answers.len()).filter(|index| answers[*index].is_err()).collect();
        if let Some(first) = left.first() {
            dead_letter::note_kept_here(&again.messages[*first].topic, left.len());
            let messages = left.iter().map(|index| again.messages[*index].clone()).collect();
            let kept = self.local.deliver(Shipment { messages, ..again }).await;
            left.into_iter().zip(kept).for_each(|(index, answer)| answers[index] = answer);
        }
        answers
    }

    /// What is kept for the operator, and where.
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.dead_letters
    }

    /// Room for a rejected record on its way to the dead letters; none: it is to be shed.
    pub fn room_for_rejected(&self, message: &Message) -> Option<Room> {
        self.rejected_room.take(message.bytes())
    }

    /// As the last records found it; see `Local::readiness`.
    pub fn readiness(&self) -> Readiness {
        match &self.kafka {
            None => self.local.readiness(),
            Some(kafka) => kafka.readiness(|| self.local.readiness()),
        }
    }

    pub fn gauges(&self) -> SinkGauges {
        let lanes = self.kafka.as_ref().map(Kafka::gauges).unwrap_or_default();
        SinkGauges { logs: self.local.gauges(), lanes }
    }

    /// Sends what Kafka takes in this time, writes and syncs what is still waiting, then lets go. Gives the number
    /// of records that stay in the spool. Blocks.
    pub fn close(&self, timeout: Duration) -> u64 {
        let left = self.kafka.as_ref().map_or(0, |kafka| kafka.close(timeout));
        self.local.close();
        left
    }
}
