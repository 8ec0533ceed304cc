//! Dead letters out of Kafka, for a command: from where a topic begins to where it ended when it was opened.

use super::config::{Config, ConfigError};
use super::look::{self, Found, Heard, PATIENCE, SLICE};
use super::producer::Trouble;
use super::report::Refusal;
use crate::record::RecordId;
use crate::sink::log::Entry;
use bytes::Bytes;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a partition may give nothing: longer than a leader takes to be elected.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Reads a topic partition by partition. It belongs to no group and commits nothing, so that nobody notices.
pub struct KafkaLetters {
    consumer: BaseConsumer<Ear>,
    config: Config,
    topic: String,
    /// Those that held something when it was opened.
    parts: Vec<Part>,
    /// Which of them is being read.
    at: usize,
    /// The next offset of it; none: it has not been begun.
    next: Option<i64>,
}

/// What of a partition is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    partition: i32,
    first: i64,
    /// Behind the last.
    end: i64,
}

/// A letter, and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaLetter {
    pub partition: i32,
    pub offset: i64,
    pub entry: Entry,
}

/// Why letters cannot be read: each with the sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LettersError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "kafka at {brokers} has no topic '{topic}'; look whether dead_letters.to = \"kafka\" and the topic's name are right"
    )]
    NoTopic { brokers: String, topic: String },
    #[error("kafka at {brokers} does not let '{topic}' be read: give the principal READ and DESCRIBE on it")]
    NotAuthorized { brokers: String, topic: String },
    #[error("{0}")]
    Unreachable(String),
    #[error(
        "kafka at {brokers} has given nothing of partition {partition} of '{topic}' from offset {offset} on for \
         {} s; look whether the partition has a leader, and begin again",
        SILENCE_MAX.as_secs()
    )]
    Silent { brokers: String, topic: String, partition: i32, offset: i64 },
}

/// Hears what the client says of itself.
struct Ear(Arc<Heard>);

impl ClientContext for Ear {
    /// To be told twice of what `error` says helps nobody.
    fn log(&self, _: RDKafkaLogLevel, facility: &str, line: &str) {
        tracing::debug!(facility, line, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // Those of a consumer's group say nothing of its topics.
        if error.rdkafka_error_code() != Some(Code::GroupAuthorizationFailed) {
            self.0.note(Trouble::of(&error, reason));
        }
    }
}

impl ConsumerContext for Ear {}

impl KafkaLetters {
    /// Asks where the topic begins and ends. Blocks for some seconds at most where no broker answers.
    ///
    /// # Errors
    /// If the topic is not there, may not be read, or no broker lets us in.
    pub fn open(config: &Config, topic: &str) -> Result<KafkaLetters, LettersError> {
        let heard = Arc::new(Heard::default());
        let consumer = BaseConsumer::from_config_and_context(&config.reading(), Ear(heard.clone()))
            .map_err(|error| ConfigError::of(&error))?;
        let mut letters = KafkaLetters {
            consumer,
            config: config.clone(),
            topic: topic.to_owned(),
            parts: Vec::new(),
            at: 0,
            next: None,
        };
        let client = letters.consumer.client();
        // Its errors are heard by whoever polls; there is nothing else yet.
        let hear = || while letters.consumer.poll(Duration::ZERO).is_some() {};
        match look::ask(client, topic, &heard, Instant::now() + PATIENCE, hear) {
            Found::Topic => {}
            Found::Refused(Refusal::NotAuthorized) => return Err(letters.not_authorized()),
            Found::Refused(_) => return Err(letters.no_topic()),
            Found::Unknown => return Err(LettersError::Unreachable(heard.sentence(config))),
        }
        letters.parts = letters.measure()?;
        Ok(letters)
    }

    /// The partitions that hold something.
    fn measure(&self) -> Result<Vec<Part>, LettersError> {
        let unreachable = |_| LettersError::Unreachable(self.consumer.context().0.sentence(&self.config));
        let metadata =
            self.consumer.client().fetch_metadata(Some(&self.topic), PATIENCE).map_err(unreachable)?;
        let found = metadata.topics().iter().find(|found| found.name() == self.topic);
        let mut partitions: Vec<i32> =
            found.map_or_else(Vec::new, |found| found.partitions().iter().map(|one| one.id()).collect());
        partitions.sort_unstable();
        let mut parts = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let marks = self.consumer.fetch_watermarks(&self.topic, partition, PATIENCE);
            let (first, end) = marks.map_err(unreachable)?;
            if first < end {
                parts.push(Part { partition, first, end });
            }
        }
        Ok(parts)
    }

    /// The next letter; none: these were all. Blocks for `SILENCE_MAX` at most.
    ///
    /// # Errors
    /// If the broker gives nothing any more.
    pub fn read_next(&mut self) -> Result<Option<KafkaLetter>, LettersError> {
        while let Some(part) = self.parts.get(self.at).copied() {
            if self.next.is_none() {
                self.begin(part)?;
            }
            if let Some(letter) = self.read(part)? {
                return Ok(Some(letter));
            }
            self.at += 1;
            self.next = None;
        }
        Ok(None)
    }

    /// Begins again, and ends where it ended: what came meanwhile is left out.
    pub fn rewind(&mut self) {
        self.at = 0;
        self.next = None;
    }

    fn begin(&mut self, part: Part) -> Result<(), LettersError> {
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(&self.topic, part.partition, Offset::Offset(part.first));
        added
            .and_then(|()| self.consumer.assign(&list))
            .map_err(|error| LettersError::Config(ConfigError::of(&error)))?;
        self.next = Some(part.first);
        Ok(())
    }

    /// The next letter of a partition; none: it has no more.
    fn read(&mut self, part: Part) -> Result<Option<KafkaLetter>, LettersError> {
        let wanted = self.next.unwrap_or(part.first);
        let begun = Instant::now();
        if wanted >= part.end {
            return Ok(None);
        }
        loop {
            match self.consumer.poll(SLICE) {
                Some(Ok(message)) if message.partition() == part.partition && message.offset() >= wanted => {
                    let offset = message.offset();
                    // Compaction has taken what was wanted, and this came later.
                    if offset >= part.end {
                        return Ok(None);
                    }
                    let entry = entry(&message);
                    self.next = Some(offset + 1);
                    return Ok(Some(KafkaLetter { partition: part.partition, offset, entry }));
                }
                // Of the partition before.
                Some(Ok(_)) | None => {}
                Some(Err(KafkaError::PartitionEOF(partition))) if partition == part.partition => {
                    return Ok(None);
                }
                Some(Err(error)) => match error.rdkafka_error_code() {
                    Some(Code::TopicAuthorizationFailed) => return Err(self.not_authorized()),
                    Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) => {
                        return Err(self.no_topic());
                    }
                    // A connection that broke is made anew.
                    _ => {}
                },
            }
            if begun.elapsed() > SILENCE_MAX {
                let (brokers, topic) = (self.config.brokers.clone(), self.topic.clone());
                return Err(LettersError::Silent {
                    brokers,
                    topic,
                    partition: part.partition,
                    offset: wanted,
                });
            }
        }
    }

    fn no_topic(&self) -> LettersError {
        LettersError::NoTopic { brokers: self.config.brokers.clone(), topic: self.topic.clone() }
    }

    fn not_authorized(&self) -> LettersError {
        LettersError::NotAuthorized { brokers: self.config.brokers.clone(), topic: self.topic.clone() }
    }
}

fn entry(message: &BorrowedMessage<'_>) -> Entry {
    let headers: Vec<(String, Bytes)> = message.headers().map_or_else(Vec::new, |headers| {
        let bytes = |value: Option<&[u8]>| Bytes::copy_from_slice(value.unwrap_or_default());
        headers.iter().map(|header| (header.key.to_owned(), bytes(header.value))).collect()
    });
    let text = |name: &str| {
        let header = headers.iter().rfind(|(known, _)| known == name)?;
        std::str::from_utf8(&header.1).ok()
    };
    // The topic may be set to note when a record was appended.
    let noted = message.timestamp().to_millis().and_then(|time| u64::try_from(time).ok());
    let time_ms =
        text("sluicegate-received-at").and_then(|time| time.parse().ok()).or(noted).unwrap_or_default();
    let id = text("sluicegate-record-id").and_then(RecordId::read);
    let id = id.unwrap_or_else(|| id_of_place(time_ms, message.partition(), message.offset()));
    Entry {
        time_ms,
        id: id.ulid,
        part: id.part,
        key: message.key().map(Bytes::copy_from_slice),
        value: message.payload().map(Bytes::copy_from_slice),
        headers,
    }
}

/// For what somebody else has put there: the same each time that it is read, so that it is not taken twice.
fn id_of_place(time_ms: u64, partition: i32, offset: i64) -> RecordId {
    let [partition, offset] = [i64::from(partition), offset].map(|part| u128::from(part.unsigned_abs()));
    let place = (partition & 0xffff) << 64 | offset;
    RecordId { ulid: u128::from(time_ms & 0xffff_ffff_ffff) << 80 | place, part: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_without_an_id_are_told_apart_by_where_they_lie() {
        let ids = [(0, 0), (0, 1), (1, 0)].map(|(partition, offset)| id_of_place(1_000, partition, offset));
        assert!(ids[0] < ids[1] && ids[1] < ids[2]);
        assert_eq!(ids[2], id_of_place(1_000, 1, 0));
        assert_eq!(ids[0].ulid >> 80, 1_000);
    }
}
