//! What may be decided about a record, why, and the ledger that proves each was decided once.
//!
//! Pure: no I/O, no async, no logging.

mod ledger;
mod measurement;
mod outcome;
mod refusal;
mod rejection;

pub use ledger::Ledger;
pub use measurement::{AttributeValue, Counted, Instrument, InstrumentKind, Measurement, MeasurementTable};
pub use outcome::{Accepted, Failure, Fault, FaultKind, Outcome};
pub use rejection::Rejection;

use bytes::Bytes;

/// What a plugin decided about one record.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Publish it.
    Accept(Acceptance),
    /// Publish these in its place, all or none. At least one.
    Split(Vec<Acceptance>),
    /// Tell the producer why not. At least one violation.
    Reject(Rejection),
    /// Valid, and not to be published. The text says why, for the operator.
    Discard(String),
}

/// How an accepted record is published.
#[derive(Debug, Clone, PartialEq)]
pub struct Acceptance {
    /// The record's own identifier, for the answer, the log and the dead letter.
    pub id: Option<String>,
    /// The Kafka key. None: any partition.
    pub key: Option<Bytes>,
    /// Which of the route's topics; checked to be one of them.
    pub topic: usize,
    /// When it happened: milliseconds since 1970, UTC.
    pub timestamp_ms: Option<i64>,
    /// Kafka headers to add; checked not to be the gateway's own.
    pub headers: Vec<(String, Bytes)>,
    pub value: Value,
    /// Faults of the record that do not stop it.
    pub warnings: Vec<Violation>,
}

/// What is published as a record's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The body, byte for byte.
    AsPosted,
    Replaced(Bytes),
    /// None: on a compacted topic this deletes the key.
    Tombstone,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where: a JSON Pointer (RFC 6901); empty for all of the record.
    pub pointer: String,
    /// What, for programs; stable.
    pub code: String,
    /// What, for people.
    pub message: String,
    /// The values in the message, for those who write their own.
    pub parameters: Vec<(String, String)>,
}

impl Violation {
    /// The codes of the gateway's own violations.
    pub const OWN_CODES: [&str; 3] = refusal::CODES;
}

/// What came of showing one record to its plugin.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    Verdict(Verdict),
    /// The plugin faulted on it, or said itself that it could not tell.
    Fault(Fault),
    /// It could not be judged, for no reason of its own.
    Failed(Failure),
}

/// What came of showing a batch to its plugin: one finding a record, in order, and the measurements beside.
#[derive(Debug, Default)]
pub struct Judgement {
    pub findings: Vec<Finding>,
    pub measurements: Vec<MeasurementTable>,
}
