//! What librdkafka is told, and what it may not be told.

use crate::sink::log;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Config {
    /// `host:port`, several with commas between.
    pub brokers: String,
    pub security: Security,
    /// How long a request waits for the broker before its records go to the spool, or it is told to come again.
    pub produce_timeout: Duration,
    /// Bytes that may wait in front of the broker.
    pub queue_bytes_max: usize,
    /// How long a record waits for others to share a batch with.
    pub linger: Duration,
    /// `none`, `gzip`, `snappy`, `lz4` or `zstd`.
    pub compression: String,
    /// None: an outage is answered with 503.
    pub spool: Option<SpoolConfig>,
    /// Whether topics that are missing are made, with the broker's defaults.
    pub create_topics: bool,
    /// Which of the gateway's own headers records have.
    pub headers: RecordHeaders,
    pub timestamps: Timestamps,
    /// What else librdkafka is told.
    pub properties: BTreeMap<String, String>,
}

/// Where records wait while no broker answers.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// What holds for the spool of each topic; its `high_water_bytes` is the topic's share.
    pub log: log::Config,
    /// What the spools of all topics may hold together.
    pub high_water_bytes: u64,
}

/// Which of the gateway's own headers records have in Kafka. The log and the spool keep all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeaders {
    /// `traceparent`, and `tracestate` where there is one.
    pub trace: bool,
    pub record_id: bool,
    pub plugin: bool,
}

impl RecordHeaders {
    pub const NAMES: [&str; 3] = ["traceparent", "sluicegate-record-id", "sluicegate-plugin"];

    /// None: one of them is none of `NAMES`.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Option<RecordHeaders> {
        let mut headers = RecordHeaders { trace: false, record_id: false, plugin: false };
        for name in names {
            match name {
                "traceparent" => headers.trace = true,
                "sluicegate-record-id" => headers.record_id = true,
                "sluicegate-plugin" => headers.plugin = true,
                _ => return None,
            }
        }
        Some(headers)
    }

    /// Whether a header is sent. Those that are nobody's choice are.
    pub(super) fn include(self, name: &str) -> bool {
        match name {
            "traceparent" | "tracestate" => self.trace,
            "sluicegate-plugin" => self.plugin,
            _ => true,
        }
    }
}

/// What the time of a record in Kafka is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timestamps {
    /// When the gateway received it.
    Received,
    /// When it happened, as far as its plugin or its event says.
    Event,
}

/// How the gateway and the brokers know each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Security {
    pub tls: bool,
    /// Certificates of authorities in PEM; those of the system if none.
    pub ca_file: Option<PathBuf>,
    /// The gateway's own certificate and key in PEM.
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub sasl: Option<Sasl>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Sasl {
    /// `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
    pub mechanism: String,
    pub username: String,
    pub password: String,
}

impl std::fmt::Debug for Sasl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Sasl { mechanism, username, .. } = self;
        f.debug_struct("Sasl")
            .field("mechanism", mechanism)
            .field("username", username)
            .finish_non_exhaustive()
    }
}

/// A property that librdkafka, or the promise of delivery, does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("kafka.properties.\"{key}\" cannot be set: {why}")]
    Kept { key: String, why: &'static str },
    #[error("the Kafka client does not take {key} = {value:?}: {reason}")]
    Refused { key: String, value: String, reason: String },
    #[error("the Kafka client does not start: {reason}")]
    Client { reason: String },
}

/// What may not be set, and why.
const KEPT: [(&str, &str); 33] = [
    ("bootstrap.servers", "it is kafka.brokers"),
    ("metadata.broker.list", "it is kafka.brokers"),
    ("acks", ACKS),
    ("request.required.acks", ACKS),
    ("enable.idempotence", ORDER),
    ("enable.gapless.guarantee", ORDER),
    ("max.in.flight", ORDER),
    ("max.in.flight.requests.per.connection", ORDER),
    ("message.send.max.retries", EXPIRY),
    ("retries", EXPIRY),
    ("message.timeout.ms", EXPIRY),
    ("delivery.timeout.ms", EXPIRY),
    (
        "request.timeout.ms",
        "a broker that answers late would be taken for one that is gone; it is fitted to kafka.produce_timeout_ms",
    ),
    ("delivery.report.only.error", "an answer waits for the report of each record"),
    ("transactional.id", "the gateway has no transactions"),
    ("transaction.timeout.ms", "the gateway has no transactions"),
    ("queue.buffering.max.messages", QUEUE),
    ("queue.buffering.max.kbytes", QUEUE),
    ("queuing.strategy", ORDER),
    ("msg_order_cmp", ORDER),
    ("produce.offset.report", "nobody reads it"),
    (
        "partitioner",
        "it is murmur2_random, as Java's clients have it, so that a key has one partition whoever writes it",
    ),
    ("linger.ms", "it is kafka.linger_ms"),
    ("queue.buffering.max.ms", "it is kafka.linger_ms"),
    ("compression.codec", "it is kafka.compression"),
    ("compression.type", "it is kafka.compression"),
    ("allow.auto.create.topics", "it is kafka.create_topics"),
    ("security.protocol", "it follows from kafka.tls and kafka.sasl_mechanism"),
    ("sasl.password", "it is kafka.sasl_password, which may be a file"),
    ("plugin.library.paths", "it would load code into the gateway"),
    ("ssl.engine.location", "it would load code into the gateway"),
    ("log_level", "it is part of telemetry.log"),
    (
        "topic.metadata.propagation.max.ms",
        "a topic that is missing has to be found out before the produce timeout",
    ),
];
const ACKS: &str = "an answer of 200 means that all in-sync replicas have the record";
const ORDER: &str = "records of a key would lose their order";
const EXPIRY: &str =
    "a record that expired would let later ones overtake it; the spool takes what waits too long";
const QUEUE: &str = "it is kafka.queue_bytes_max";

impl ConfigError {
    pub(super) fn of(error: &KafkaError) -> ConfigError {
        match error {
            KafkaError::ClientConfig(_, reason, key, value) => {
                let secret = key.contains("password") || key.contains("pem");
                let value = if secret { "…".to_owned() } else { value.clone() };
                ConfigError::Refused { key: key.clone(), value, reason: reason.clone() }
            }
            other => ConfigError::Client { reason: other.to_string() },
        }
    }
}

impl Config {
    /// Everything that is wrong with the properties.
    ///
    /// # Errors
    /// Each property that may not be set, or that librdkafka does not take.
    pub fn check(&self) -> Result<(), Vec<ConfigError>> {
        let mut wrong: Vec<ConfigError> = self
            .properties
            .keys()
            .filter_map(|key| {
                let (_, why) = KEPT.iter().find(|(kept, _)| kept == key)?;
                Some(ConfigError::Kept { key: key.clone(), why })
            })
            .collect();
        for (key, value) in &self.properties {
            let known = KEPT.iter().any(|(kept, _)| kept == key);
            if !known && let Err(error) = ClientConfig::new().set(key, value).create_native_config() {
                wrong.push(ConfigError::of(&error));
            }
        }
        if wrong.is_empty()
            && let Err(error) = self.properties().create_native_config()
        {
            wrong.push(ConfigError::of(&error));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    /// What every client is told: who the brokers are, and who we are.
    fn connection(&self) -> ClientConfig {
        let mut properties = ClientConfig::new();
        properties.set("client.id", "sluicegate");
        // librdkafka tries again ever more rarely, every ten seconds in the end: a drain would begin so much later.
        properties.set("reconnect.backoff.max.ms", "1000");
        for (key, value) in &self.properties {
            properties.set(key, value);
        }
        properties
            .set("bootstrap.servers", &self.brokers)
            .set("allow.auto.create.topics", "false")
            .set("log.connection.close", "false");
        self.secure(&mut properties);
        properties
    }

    /// For a consumer that reads a topic once.
    pub(super) fn reading(&self) -> ClientConfig {
        let mut properties = self.connection();
        properties
            // librdkafka wants a name. The consumer joins no group under it and commits nothing.
            .set("group.id", "sluicegate-replay")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            // What lies ready while a letter is judged.
            .set("queued.max.messages.kbytes", "16384")
            // A letter that is sent may wait for a gateway for minutes.
            .set("max.poll.interval.ms", "86400000");
        properties
    }

    pub(super) fn properties(&self) -> ClientConfig {
        let mut properties = self.connection();
        // Twice what we hand over, so that our own budget is the one that is met.
        let kilobytes = (self.queue_bytes_max / 512).clamp(1, 2_147_483_647);
        properties
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", "0")
            .set("linger.ms", self.linger.as_millis().to_string())
            .set("compression.codec", &self.compression)
            .set("partitioner", "murmur2_random")
            .set("queue.buffering.max.messages", "0")
            .set("queue.buffering.max.kbytes", kilobytes.to_string())
            .set(
                "topic.metadata.propagation.max.ms",
                (self.produce_timeout.as_millis() / 2).max(1).to_string(),
            )
            .set("socket.nagle.disable", "true");
        properties
    }

    fn secure(&self, properties: &mut ClientConfig) {
        let Security { tls, ca_file, certificate_file, key_file, sasl } = &self.security;
        let protocol = match (tls, sasl.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        };
        properties.set("security.protocol", protocol);
        let files = [
            ("ssl.ca.location", ca_file),
            ("ssl.certificate.location", certificate_file),
            ("ssl.key.location", key_file),
        ];
        for (key, file) in files {
            if let Some(file) = file {
                properties.set(key, file.to_string_lossy());
            }
        }
        if let Some(Sasl { mechanism, username, password }) = sasl {
            properties
                .set("sasl.mechanism", mechanism)
                .set("sasl.username", username)
                .set("sasl.password", password);
        }
    }
}

/// What to do when the brokers do not let the gateway in.
pub(super) fn refused(config: &Config, reason: &str) -> String {
    let brokers = &config.brokers;
    let lower = reason.to_ascii_lowercase();
    if lower.contains("certificate verify failed") || lower.contains("unable to get local issuer") {
        return format!(
            "the certificate of kafka at {brokers} is not trusted: name the authority that signed it by \
             kafka.ca_file ({reason})"
        );
    }
    if lower.contains("authorization") {
        return format!(
            "kafka at {brokers} knows the gateway and lets it write nowhere: give its principal WRITE and DESCRIBE on \
             its topics ({reason})"
        );
    }
    if lower.contains("authentication") || lower.contains("sasl") {
        return format!(
            "kafka at {brokers} does not know the gateway: check kafka.sasl_mechanism, kafka.sasl_username and \
             kafka.sasl_password ({reason})"
        );
    }
    format!(
        "kafka at {brokers} does not let the gateway in: check kafka.tls and what goes with it ({reason})"
    )
}
