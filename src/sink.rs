//! Where accepted records go. Answers what really happened to each.

mod kafka;
mod local;
pub mod log;
mod shipment;
mod trouble;

pub use kafka::{
    Config as KafkaConfig, ConfigError as KafkaConfigError, RecordHeaders, Sasl, Security, StartError,
    Timestamps, Topics,
};
pub use log::OpenError;
pub use shipment::{Delivered, Message, Shipment, Undelivered};

use crate::telemetry::SinkGauge;
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
}

impl Sink {
    /// Takes the data directory, recovers what is in it, and connects to Kafka in the background.
    ///
    /// # Errors
    /// As `Directory::lock` and `Log::open`: nothing is served from a log that cannot be trusted. And a property
    /// that the Kafka client does not take.
    pub fn open(config: Config) -> Result<Sink, StartError> {
        let Config { directory, log, kafka } = config;
        let local = Local::open(&directory, log)?;
        let kafka = kafka.map(|kafka| Kafka::start(kafka, local.clone())).transpose()?;
        Ok(Sink { local, kafka })
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
                    tokio::join!(kafka.deliver(records), self.local.deliver(dead_letters));
                order.merge(records, dead_letters)
            }
        }
    }

    /// Tells Kafka what topics there will be records for, so that what is missing is known before they come.
    pub fn look_after(&self, topics: Topics) {
        if let Some(kafka) = &self.kafka {
            kafka.look_after(topics);
        }
    }

    /// As the last records found it; see `Local::readiness`.
    pub fn readiness(&self) -> Readiness {
        match &self.kafka {
            None => self.local.readiness(),
            Some(kafka) => kafka.readiness(|| self.local.readiness()),
        }
    }

    pub fn gauges(&self) -> Vec<SinkGauge> {
        self.local.gauges()
    }

    /// Sends what Kafka takes in this time, writes and syncs what is still waiting, then lets go. Gives the number
    /// of records that stay in the spool. Blocks.
    pub fn close(&self, timeout: Duration) -> u64 {
        let left = self.kafka.as_ref().map_or(0, |kafka| kafka.close(timeout));
        self.local.close();
        left
    }
}
