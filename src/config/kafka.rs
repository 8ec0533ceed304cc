//! `[kafka]` and `[spool]`: whether and how records go to Kafka.

use super::plugin::{read_all, setting};
use super::problem::{Origin, Problem};
use super::room::{DAY_MS, GIB};
use super::section::{Findings, Section};
use super::source::{Table, Value};
use super::value::{Wrong, boolean, bytes, count, file, milliseconds, one_of, texts, wrong};
use crate::sink::log::{self, SyncMode};
use crate::sink::{KafkaConfig, KafkaConfigError, RecordHeaders, Sasl, Security, SpoolConfig, Timestamps};

/// What a broker waits for at most before it thinks of a producer as gone, and more than producers wait.
const PRODUCE_MS_MAX: u64 = 60_000;

/// None: no brokers are named, and the local log is the sink.
pub(super) fn kafka(tree: &mut Table, findings: &mut Findings) -> Option<KafkaConfig> {
    let spool = spool(tree, findings);
    let mut s = Section::open(
        tree,
        "kafka",
        "Where accepted records go instead of the local log, once brokers are named. 200 then means that all in-sync \
         replicas have the record, 202 that the spool has it.",
        findings,
    );
    let brokers =
        s.optional("brokers", r#""kafka-1:9092,kafka-2:9092""#, "host:port, with commas between.", brokers);
    let (security, wrong) = security(&mut s);
    let properties = s.table("properties");
    let mut config = KafkaConfig {
        brokers: brokers.clone().unwrap_or_default(),
        security,
        produce_timeout: s.read(
            "produce_timeout_ms",
            "3_000",
            "How long a request waits for the brokers before its records go to the spool.",
            milliseconds(100..=PRODUCE_MS_MAX),
        ),
        queue_bytes_max: s.read(
            "queue_bytes_max",
            r#""128MiB""#,
            "Records that wait for the brokers.",
            bytes(1 << 20..=1 << 30),
        ),
        linger: s.read(
            "linger_ms",
            "1",
            "How long a record waits for others to share a batch with.",
            milliseconds(0..=1_000),
        ),
        compression: s
            .read("compression", r#""lz4""#, "none, gzip, snappy, lz4 or zstd.", one_of(CODECS))
            .to_owned(),
        create_topics: s.read(
            "create_topics",
            "false",
            "Makes topics that are missing, with the brokers' defaults.",
            boolean,
        ),
        headers: s.read(
            "headers",
            r#"["traceparent", "sluicegate-record-id", "sluicegate-plugin"]"#,
            "The headers that each record gets from the gateway; traceparent brings tracestate along.",
            record_headers,
        ),
        timestamps: s.read(
            "timestamps",
            r#""received""#,
            "The time of a record: \"received\", or \"event\", which is what its plugin says, else its CloudEvent. \
             Brokers refuse what is too far off (message.timestamp.before.max.ms, message.timestamp.after.max.ms).",
            one_of(TIMESTAMPS),
        ),
        spool,
        properties: Default::default(),
    };
    drop(s);
    findings.problems.extend(wrong);
    config.properties = read_all(properties, "kafka.properties", findings, setting);
    brokers?;
    if let Err(wrong) = config.check() {
        findings.problems.extend(wrong.into_iter().map(problem));
    }
    Some(config)
}

const TIMESTAMPS: &[(&str, Timestamps)] = &[("received", Timestamps::Received), ("event", Timestamps::Event)];

fn record_headers(value: &Value) -> Result<RecordHeaders, Wrong> {
    let names = texts(value)?;
    match RecordHeaders::of(names.iter().map(String::as_str)) {
        Some(headers) => Ok(headers),
        None => wrong(
            "the gateway has no such header",
            format!("write some of {}, or [] for none", RecordHeaders::NAMES.join(", ")),
        ),
    }
}

const CODECS: &[(&str, &str)] =
    &[("none", "none"), ("gzip", "gzip"), ("snappy", "snappy"), ("lz4", "lz4"), ("zstd", "zstd")];

const MECHANISMS: &[(&str, &str)] =
    &[("PLAIN", "PLAIN"), ("SCRAM-SHA-256", "SCRAM-SHA-256"), ("SCRAM-SHA-512", "SCRAM-SHA-512")];

/// What there is, and what is missing of it.
fn security(s: &mut Section<'_>) -> (Security, Vec<Problem>) {
    let tls = s.read("tls", "false", "Speaks TLS with the brokers.", boolean);
    let ca_file = s.optional(
        "ca_file",
        r#""/etc/kafka/ca.pem""#,
        "Certificates of the authorities that are trusted; the system's if left out.",
        file,
    );
    let certificate_file =
        s.optional("certificate_file", r#""/etc/kafka/gateway.pem""#, "The gateway's own certificate.", file);
    let key_file = s.optional("key_file", r#""/etc/kafka/gateway.key""#, "Its key.", file);
    let mechanism = s.optional(
        "sasl_mechanism",
        r#""SCRAM-SHA-512""#,
        "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. PLAIN without tls shows the password to the network.",
        one_of(MECHANISMS),
    );
    let username = s.optional("sasl_username", r#""gateway""#, "Who the gateway is.", text);
    let password = s.optional(
        "sasl_password",
        r#"{ file = "/run/secrets/kafka" }"#,
        "Its password, or the file that holds it.",
        text,
    );
    let missing = |key: &str, fault: &str| Problem {
        origin: Origin::Default,
        key: format!("kafka.{key}"),
        value: String::new(),
        fault: fault.to_owned(),
        remedy: "set all three of sasl_mechanism, sasl_username and sasl_password, or none".to_owned(),
    };
    let mut wrong = Vec::new();
    for (key, there) in [("sasl_username", username.is_some()), ("sasl_password", password.is_some())] {
        match (mechanism, there) {
            (Some(_), false) => wrong.push(missing(key, "it is missing, and kafka.sasl_mechanism is set")),
            (None, true) => wrong.push(missing(key, "it has no effect without kafka.sasl_mechanism")),
            _ => {}
        }
    }
    let sasl = mechanism.map(|mechanism| Sasl {
        mechanism: mechanism.to_owned(),
        username: username.unwrap_or_default(),
        password: password.unwrap_or_default(),
    });
    (Security { tls, ca_file, certificate_file, key_file, sasl }, wrong)
}

/// None: an outage of Kafka is answered with 503.
fn spool(tree: &mut Table, findings: &mut Findings) -> Option<SpoolConfig> {
    let mut s = Section::open(
        tree,
        "spool",
        "Keeps records on disk while Kafka does not answer. It needs a disk that outlives the process.",
        findings,
    );
    let enabled = s.read("enabled", "true", "Without it an outage of Kafka is 503.", boolean);
    let high_water_bytes = s.read(
        "high_water_bytes",
        r#""8GiB""#,
        "What all topics may have in the spool together; beyond it records are 503.",
        bytes(1..=u64::MAX >> 1),
    );
    let share = s.read(
        "topic_share_percent",
        "50",
        "Of it, what one topic may have; beyond it its records are 503, and those of others are not.",
        count(1..=100),
    );
    let log = log::Config {
        high_water_bytes: share_of(high_water_bytes, share),
        segment_bytes: s.read(
            "segment_bytes",
            r#""64MiB""#,
            "A file of the spool.",
            bytes(65_536..=16 * GIB),
        ),
        commit_bytes_max: s.read("commit_bytes_max", r#""4MiB""#, "What one sync covers.", bytes(1..=GIB)),
        free_bytes_min: s.read(
            "free_bytes_min",
            r#""256MiB""#,
            "Left free on the disk; records are 503 before it is touched.",
            bytes(0..=u64::MAX >> 1),
        ),
        queue_bytes_max: s.read(
            "queue_bytes_max",
            r#""64MiB""#,
            "Records that wait for the disk; more are 503.",
            bytes(1..=64 * GIB),
        ),
        retry_pause: s.read(
            "retry_pause_ms",
            "100",
            "How long a disk that has failed is left alone before the next try.",
            milliseconds(1..=DAY_MS),
        ),
        sync: SyncMode::Always,
        ..log::Config::default()
    };
    enabled.then_some(SpoolConfig { log, high_water_bytes })
}

fn share_of(bytes: u64, percent: u64) -> u64 {
    u64::try_from(u128::from(bytes) * u128::from(percent) / 100).unwrap_or(bytes)
}

fn brokers(value: &Value) -> Result<String, Wrong> {
    let list = text(value)?;
    let sound = |broker: &str| {
        let address = broker.rsplit_once("://").map_or(broker, |(_, address)| address);
        address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    match list.split(',').map(str::trim).find(|broker| !sound(broker)) {
        None => Ok(list),
        Some(broker) => {
            wrong(format!("{broker:?} is no broker's address"), "write host:port, with commas between")
        }
    }
}

fn text(value: &Value) -> Result<String, Wrong> {
    setting(value).map_err(|(fault, remedy)| Wrong { fault, remedy: remedy.to_owned() })
}

fn problem(wrong: KafkaConfigError) -> Problem {
    let (key, value, fault, remedy) = match wrong {
        KafkaConfigError::Kept { key, why } => {
            (format!("kafka.properties.{key}"), String::new(), "it cannot be set".to_owned(), why.to_owned())
        }
        KafkaConfigError::Refused { key, value, reason } => (
            format!("kafka.properties.{key}"),
            value,
            format!("the Kafka client does not take it ({reason})"),
            "see the table of librdkafka's properties".to_owned(),
        ),
        KafkaConfigError::Client { reason } => (
            "kafka.brokers".to_owned(),
            String::new(),
            format!("the Kafka client does not start ({reason})"),
            "mend [kafka]".to_owned(),
        ),
    };
    Problem { origin: Origin::Default, key, value, fault, remedy }
}
