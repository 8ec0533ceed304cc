//! What librdkafka's error codes mean for a record.

use crate::record::is_dead_letters;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// What a delivery report, or a refusal to take a record, says of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// The broker has it, as durable as the topic's settings make it.
    Delivered,
    /// The producer is gone, and this record with it: the next producer sends it again.
    Orphaned,
    /// It failed together with others; by itself it may be taken.
    Together(Refusal),
    /// The broker does not take it.
    Refused(Refusal),
}

/// Why a broker does not take a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// More bytes than the topic takes.
    TooLarge,
    /// A record that the topic does not take, e.g. for its time stamp.
    Invalid,
    /// There is no such topic.
    NoTopic,
    /// The gateway may not write to it.
    NotAuthorized,
    /// No error of the record's own: it may be sent again.
    Unavailable,
}

impl Refusal {
    pub const ALL: [Refusal; 5] =
        [Refusal::TooLarge, Refusal::Invalid, Refusal::NoTopic, Refusal::NotAuthorized, Refusal::Unavailable];

    /// The value of the label `error.type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::TooLarge => "message_too_large",
            Refusal::Invalid => "invalid_record",
            Refusal::NoTopic => "unknown_topic",
            Refusal::NotAuthorized => "topic_authorization_failed",
            Refusal::Unavailable => "unavailable",
        }
    }

    /// Whether it is the record that would have to change.
    pub fn is_permanent(self) -> bool {
        matches!(self, Refusal::TooLarge | Refusal::Invalid)
    }

    /// Whether an operator has to change something.
    pub fn is_misconfiguration(self) -> bool {
        matches!(self, Refusal::NoTopic | Refusal::NotAuthorized)
    }

    /// What the operator is told.
    pub fn sentence(self, brokers: &str, topic: &str) -> String {
        // A plugin has no name of its own for them, and none of them is lost meanwhile.
        let (or, meanwhile) = match is_dead_letters(topic) {
            true => (
                "write dead_letters.to = \"local\"",
                "; until then its dead letters are kept in the local log",
            ),
            false => ("map the plugin's topic to another in [plugin.<name>.topics]", ""),
        };
        match self {
            Refusal::NoTopic => format!(
                "kafka at {brokers} has no topic '{topic}': create it, set kafka.create_topics = true, or {or}{meanwhile}"
            ),
            Refusal::NotAuthorized => format!(
                "kafka at {brokers} does not let the gateway write to the topic '{topic}': give its principal WRITE \
                 and DESCRIBE on it{meanwhile}"
            ),
            Refusal::TooLarge => {
                format!("a record is larger than the topic '{topic}' takes (max.message.bytes)")
            }
            Refusal::Invalid => format!("the topic '{topic}' does not take a record as it is"),
            Refusal::Unavailable => format!("kafka at {brokers} does not answer for the topic '{topic}'"),
        }
    }
}

impl Report {
    /// Of a record that was sent among others.
    pub fn of(error: &KafkaError) -> Report {
        match error.rdkafka_error_code() {
            Some(Code::Fatal | Code::PurgeQueue | Code::PurgeInflight) => Report::Orphaned,
            Some(Code::MessageSizeTooLarge | Code::MessageBatchTooLarge) => {
                Report::Together(Refusal::TooLarge)
            }
            Some(
                Code::InvalidDifferentRecord
                | Code::InvalidMessage
                | Code::InvalidRecord
                | Code::InvalidTimestamp,
            ) => Report::Together(Refusal::Invalid),
            Some(
                Code::UnknownTopic
                | Code::UnknownTopicOrPartition
                | Code::UnknownPartition
                | Code::InvalidTopic,
            ) => Report::Refused(Refusal::NoTopic),
            Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed) => {
                Report::Refused(Refusal::NotAuthorized)
            }
            _ => Report::Refused(Refusal::Unavailable),
        }
    }

    /// The same of a record that was sent by itself: there is no other to blame.
    pub fn alone(self) -> Report {
        match self {
            Report::Together(refusal) => Report::Refused(refusal),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(code: Code) -> Report {
        Report::of(&KafkaError::MessageProduction(code))
    }

    #[test]
    fn a_batch_that_is_too_large_says_nothing_of_its_records_yet() {
        let together = report(Code::MessageSizeTooLarge);
        assert_eq!(together, Report::Together(Refusal::TooLarge));
        assert_eq!(together.alone(), Report::Refused(Refusal::TooLarge));
        assert_eq!(report(Code::InvalidDifferentRecord).alone(), Report::Refused(Refusal::Invalid));
    }

    #[test]
    fn a_fatal_error_is_the_producers_not_the_records() {
        for code in [Code::Fatal, Code::PurgeQueue, Code::PurgeInflight] {
            assert_eq!(report(code), Report::Orphaned);
            assert_eq!(report(code).alone(), Report::Orphaned);
        }
    }

    #[test]
    fn dead_letters_without_a_topic_are_told_where_they_are_kept() {
        let sentence = Refusal::NoTopic.sentence("kafka:9092", "raw.dead-letter");
        assert_eq!(
            sentence,
            "kafka at kafka:9092 has no topic 'raw.dead-letter': create it, set kafka.create_topics = true, or write \
             dead_letters.to = \"local\"; until then its dead letters are kept in the local log"
        );
        assert!(Refusal::NoTopic.sentence("kafka:9092", "raw").ends_with("in [plugin.<name>.topics]"));
    }

    #[test]
    fn a_missing_topic_and_a_missing_permission_are_for_an_operator_an_outage_is_not() {
        for (code, refusal) in [
            (Code::UnknownTopicOrPartition, Refusal::NoTopic),
            (Code::UnknownPartition, Refusal::NoTopic),
            (Code::TopicAuthorizationFailed, Refusal::NotAuthorized),
        ] {
            assert_eq!(report(code), Report::Refused(refusal));
            assert!(refusal.is_misconfiguration() && !refusal.is_permanent());
        }
        for code in [Code::BrokerTransportFailure, Code::NotEnoughReplicas, Code::RequestTimedOut] {
            assert_eq!(report(code), Report::Refused(Refusal::Unavailable));
        }
        assert!(!Refusal::Unavailable.is_misconfiguration() && !Refusal::Unavailable.is_permanent());
    }
}
