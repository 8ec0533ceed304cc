//! Where accepted records go. Answers what really happened to each.

use crate::record::RecordId;
use crate::telemetry::SinkGauge;
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Config {
    /// `data`: one gateway at a time owns it.
    pub directory: PathBuf,
    pub segment_bytes: u64,
    pub commit_bytes_max: usize,
    pub commit_records_max: usize,
    /// Records waiting to be written, a topic, in bytes; more and records fail.
    pub queue_bytes_max: usize,
    /// All segments of one topic; beyond it records fail. None: only the disk bounds it.
    pub high_water_bytes: Option<u64>,
    /// Left free on the disk for others; records fail before it is touched.
    pub free_bytes_min: u64,
    /// Old segments are removed beyond this size, a topic.
    pub retention_bytes: Option<u64>,
    /// Old segments are removed after this time.
    pub retention_age: Option<Duration>,
}

/// What is shipped together: the records of one request that go to the sink.
#[derive(Debug, Default)]
pub struct Shipment {
    /// Headers that all of them carry.
    pub headers: Vec<(&'static str, Bytes)>,
    pub messages: Vec<Message>,
}

#[derive(Debug)]
pub struct Message {
    pub topic: Arc<str>,
    pub id: RecordId,
    pub key: Option<Bytes>,
    /// None: a tombstone.
    pub value: Option<Bytes>,
    /// Milliseconds since 1970, UTC.
    pub time_ms: u64,
    pub headers: Vec<(String, Bytes)>,
}

/// Whether a record can be made durable now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// With the sentence for the operator.
    Unavailable(String),
}

#[derive(Clone)]
pub struct Sink {}

impl Sink {
    pub fn readiness(&self) -> Readiness {
        unimplemented!()
    }
    pub fn gauges(&self) -> Vec<SinkGauge> {
        unimplemented!()
    }
}
