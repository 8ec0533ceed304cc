//! librdkafka's producer: records in, reports out.

use super::config::RecordHeaders;
use super::flight::Flight;
use super::report::{Refusal, Report};
use crate::record::is_dead_letters;
use rdkafka::ClientContext;
use rdkafka::client::Client;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Who hears of what is no record's own.
pub(super) trait Listener: Send + Sync {
    /// An error of the client as a whole. Most pass by themselves.
    fn global(&self, trouble: Trouble);
    /// A record that failed among others is to be sent by itself.
    fn alone(&self, flight: Arc<Flight>, index: u32);
}

/// What the client says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The broker does not know who we are, or we do not trust it.
    Refused(String),
    /// Anything else: a connection that broke, a name that is not found.
    Passing(String),
}

impl Trouble {
    pub fn of(error: &KafkaError, reason: &str) -> Trouble {
        use RDKafkaErrorCode as Code;
        let reason = reason.to_owned();
        match error.rdkafka_error_code() {
            Some(
                Code::Authentication
                | Code::SaslAuthenticationFailed
                | Code::UnsupportedSASLMechanism
                | Code::IllegalSASLState
                | Code::ClusterAuthorizationFailed,
            ) => Trouble::Refused(reason),
            // Any other of its errors may be a broker that went away in the middle of a handshake.
            Some(Code::SSL) if reason.to_ascii_lowercase().contains("certificate") => {
                Trouble::Refused(reason)
            }
            _ => Trouble::Passing(reason),
        }
    }
}

/// Which record a report is of.
pub(super) struct Tag {
    flight: Arc<Flight>,
    index: u32,
    /// It is in no batch with others.
    alone: bool,
}

struct Context {
    listener: Arc<dyn Listener>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        use RDKafkaLogLevel::Debug;
        match level {
            Debug => tracing::trace!(facility, line, "librdkafka"),
            // What is an error comes by `error` too.
            _ => tracing::debug!(facility, line, "librdkafka"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.listener.global(Trouble::of(&error, reason));
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Tag>;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: Box<Tag>) {
        let report = match result {
            Ok(_) => Report::Delivered,
            Err((error, _)) => Report::of(error),
        };
        // A panic would end the thread that hears reports, and with it all of them.
        if catch_unwind(AssertUnwindSafe(|| self.report(*tag, report))).is_err() {
            tracing::error!("a delivery report panicked");
        }
    }
}

impl Context {
    fn report(&self, Tag { flight, index, alone }: Tag, report: Report) {
        match if alone { report.alone() } else { report } {
            Report::Delivered => flight.report(index, Ok(())),
            Report::Refused(refusal) => flight.report(index, Err(refusal)),
            Report::Together(_) => self.listener.alone(flight, index),
            // Its successor sends it.
            Report::Orphaned => {}
        }
    }
}

/// A producer and the thread that hears its reports.
pub(super) struct Producer {
    inner: ThreadedProducer<Context>,
    headers: RecordHeaders,
    /// Each of its batches holds one record.
    alone: bool,
}

impl Producer {
    /// Connects in the background: that no broker is there is no error.
    ///
    /// # Errors
    /// What librdkafka says of a property.
    pub fn start(
        config: &ClientConfig,
        headers: RecordHeaders,
        listener: Arc<dyn Listener>,
    ) -> Result<Producer, KafkaError> {
        let inner = ThreadedProducer::from_config_and_context(config, Context { listener })?;
        Ok(Producer { inner, headers, alone: false })
    }

    /// One whose batches hold one record, to tell apart records that failed together.
    ///
    /// # Errors
    /// What librdkafka says of a property.
    pub fn start_alone(
        config: &ClientConfig,
        headers: RecordHeaders,
        listener: Arc<dyn Listener>,
    ) -> Result<Producer, KafkaError> {
        let mut config = config.clone();
        config.set("batch.num.messages", "1");
        Ok(Producer { alone: true, ..Producer::start(&config, headers, listener)? })
    }

    /// Hands a message over; it is reported to its flight later. Never blocks.
    ///
    /// # Errors
    /// It was refused at once, by size, or as the topic is known not to exist: the caller reports it, when it holds
    /// no lock.
    pub fn send(&self, flight: &Arc<Flight>, index: u32) -> Result<(), Refusal> {
        let message = &flight.messages[index as usize];
        let mut headers = OwnedHeaders::new_with_capacity(flight.headers.len() + message.headers.len() + 1);
        // Of what came from the spool all are the message's own.
        let shared = flight.headers.iter().map(|(name, value)| (*name, value));
        let own = message.headers.iter().map(|(name, value)| (&**name, value));
        for (name, value) in shared.chain(own).filter(|(name, _)| self.headers.include(name)) {
            headers = headers.insert(Header { key: name, value: Some(&value[..]) });
        }
        // Without it a letter could not be told from another when it is sent again.
        if self.headers.record_id || is_dead_letters(&message.topic) {
            let id = message.id.to_string();
            headers = headers.insert(Header { key: "sluicegate-record-id", value: Some(&id) });
        }
        let tag = Box::new(Tag { flight: flight.clone(), index, alone: self.alone });
        let mut record = BaseRecord::<[u8], [u8], _>::with_opaque_to(&message.topic, tag)
            .timestamp(i64::try_from(message.time_ms).unwrap_or(i64::MAX))
            .headers(headers);
        record.key = message.key.as_deref();
        record.payload = message.value.as_deref();
        match self.inner.send(record) {
            Ok(()) => Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Err(Refusal::Unavailable),
            Err((error, _)) => match Report::of(&error).alone() {
                Report::Refused(refusal) => Err(refusal),
                // Its successor sends it.
                Report::Orphaned | Report::Delivered | Report::Together(_) => Ok(()),
            },
        }
    }

    /// Why it can send nothing any more; another one is needed. (It is told by the error that led to it, so that
    /// it has to be asked for.)
    pub fn fatal_error(&self) -> Option<String> {
        self.inner.client().fatal_error().map(|(code, reason)| format!("{code}: {reason}"))
    }

    pub fn client(&self) -> &Client<impl ClientContext + use<>> {
        self.inner.client()
    }
}
