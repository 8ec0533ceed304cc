//! What the brokers say of topics: to a gateway that runs, and to a command that asks once.

use super::config::{self, Config, ConfigError};
use super::flight::Flight;
use super::producer::{Listener, Producer, Trouble};
use super::report::Refusal;
use parking_lot::Mutex;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode as Code;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a command waits for the brokers: longer than a connection by TLS with a password takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits at a time, so that it hears meanwhile that it is not let in.
pub(super) const SLICE: Duration = Duration::from_millis(500);
/// Between two tries that fail at once.
const PAUSE: Duration = Duration::from_millis(50);

/// What a broker says of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Topic,
    Refused(Refusal),
    /// No broker answers.
    Unknown,
}

/// Asks once. Blocks for `timeout` at most.
pub(super) fn look_up<C: ClientContext>(client: &Client<C>, topic: &str, timeout: Duration) -> Found {
    let Ok(metadata) = client.fetch_metadata(Some(topic), timeout) else {
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

/// Asks until a broker answers, does not let us in, or the time is over. `hear`: lets the client tell what it has to.
pub(super) fn ask<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    heard: &Heard,
    end: Instant,
    hear: impl Fn(),
) -> Found {
    loop {
        let found = look_up(client, topic, SLICE);
        hear();
        if found != Found::Unknown || heard.is_refused() || Instant::now() >= end {
            return found;
        }
        std::thread::park_timeout(PAUSE);
    }
}

/// What the client says of itself to somebody who waits for it.
#[derive(Default)]
pub(super) struct Heard {
    refused: Mutex<Option<String>>,
    passing: Mutex<Option<String>>,
}

impl Heard {
    pub fn note(&self, trouble: Trouble) {
        match trouble {
            Trouble::Refused(reason) => *self.refused.lock() = Some(reason),
            Trouble::Passing(reason) => *self.passing.lock() = Some(reason),
        }
    }

    pub fn is_refused(&self) -> bool {
        self.refused.lock().is_some()
    }

    /// Why no broker has answered, and what to do.
    pub fn sentence(&self, config: &Config) -> String {
        let brokers = &config.brokers;
        match (&*self.refused.lock(), &*self.passing.lock()) {
            (Some(reason), _) => config::refused(config, reason),
            (None, Some(reason)) => {
                format!("kafka at {brokers} does not answer: start it, or correct kafka.brokers ({reason})")
            }
            (None, None) => format!("kafka at {brokers} does not answer: start it, or correct kafka.brokers"),
        }
    }
}

impl Listener for Heard {
    fn global(&self, trouble: Trouble) {
        self.note(trouble);
    }

    /// Nothing is sent by those who only ask.
    fn alone(&self, flight: Arc<Flight>, index: u32) {
        flight.report(index, Err(Refusal::Unavailable));
    }
}

/// What the brokers say of the topics that records are to go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    pub brokers: String,
    /// Why the brokers say nothing: the sentence for the operator.
    pub trouble: Option<String>,
    /// Those that were asked for before there was trouble.
    pub topics: Vec<SurveyedTopic>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurveyedTopic {
    pub topic: Arc<str>,
    pub state: TopicState,
}

/// With the sentence for the operator, where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicState {
    There,
    /// The gateway makes it when it starts.
    ToBeMade(String),
    Wrong(String),
}

impl Survey {
    /// Asks the brokers as a gateway would, and changes nothing. Blocks for some seconds at most where none answers.
    pub fn take(config: &Config, topics: &[Arc<str>]) -> Survey {
        let mut survey = Survey {
            brokers: config.brokers.clone(),
            trouble: None,
            topics: Vec::with_capacity(topics.len()),
        };
        let heard = Arc::new(Heard::default());
        let producer = match Producer::start(&config.properties(), config.headers, heard.clone()) {
            Ok(producer) => producer,
            Err(error) => {
                survey.trouble = Some(ConfigError::of(&error).to_string());
                return survey;
            }
        };
        for topic in topics {
            let found = ask(producer.client(), topic, &heard, Instant::now() + PATIENCE, || {});
            if found == Found::Unknown {
                survey.trouble = Some(heard.sentence(config));
                return survey;
            }
            survey.topics.push(SurveyedTopic { topic: topic.clone(), state: state(config, topic, found) });
        }
        survey
    }

    /// Records of every topic would be taken, as far as can be seen.
    pub fn is_sound(&self) -> bool {
        self.trouble.is_none() && self.wrong().next().is_none()
    }

    /// What is wrong with topics: a sentence each.
    pub fn wrong(&self) -> impl Iterator<Item = &String> {
        self.topics.iter().filter_map(|topic| match &topic.state {
            TopicState::Wrong(sentence) => Some(sentence),
            TopicState::There | TopicState::ToBeMade(_) => None,
        })
    }
}

fn state(config: &Config, topic: &str, found: Found) -> TopicState {
    let brokers = &config.brokers;
    match found {
        Found::Topic => TopicState::There,
        Found::Refused(Refusal::NoTopic) if config.create_topics => TopicState::ToBeMade(format!(
            "kafka at {brokers} has no topic '{topic}' yet: the gateway makes it (kafka.create_topics = true)"
        )),
        Found::Refused(refusal) => TopicState::Wrong(refusal.sentence(brokers, topic)),
        Found::Unknown => TopicState::Wrong(Refusal::Unavailable.sentence(brokers, topic)),
    }
}
