//! What a record and a batch are, and how the bytes of a request become them.
//!
//! Pure: no I/O, no async, no logging. A record's bytes are never copied or changed here: each is a slice of
//! the request's body.

mod cut;
mod decode;
mod event;
mod framing;
mod id;
mod time;
mod topic;

pub use decode::{DecodeError, Limits, decode};
pub use event::{ATTRIBUTES_BYTES_MAX, ATTRIBUTES_MAX, Event, EventFault, EventFaults};
pub use framing::{Framing, Input, SeveralRecords, UnsupportedType};
pub use id::{RecordId, RecordIds};
pub use time::rfc3339;
pub use topic::{TopicError, check_kept_topic, check_topic, dead_letters_of, is_dead_letters};

use bytes::Bytes;
use bytestring::ByteString;

/// The records of one request, in the order they came in. Never empty.
#[derive(Debug, Clone)]
pub struct Batch {
    pub shape: Shape,
    pub records: Vec<Record>,
}

/// Whether the producer sent one record or a list: the answer has the same shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Single,
    /// An array or lines, even if of one.
    Batch,
}

#[derive(Debug, Clone)]
pub struct Record {
    pub id: RecordId,
    pub body: Body,
    /// What came beside the body if it is the data of a CloudEvent.
    pub event: Option<Box<Event>>,
}

/// A record's bytes, exactly as they were posted.
#[derive(Debug, Clone)]
pub enum Body {
    /// UTF-8, checked.
    Text(ByteString),
    /// Of a content type that is no text.
    Bytes(Bytes),
    /// Not fit to be shown to a plugin.
    Refused(Refusal),
}

/// Why a record is rejected before any plugin sees it. Its neighbours go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    TooLarge {
        bytes: usize,
        max: usize,
    },
    /// The first byte that is not UTF-8, counted from the record's start.
    NotUtf8 {
        offset: usize,
    },
    /// An event that is no JSON: the first byte that nothing can be made of, counted from its start.
    NotJson {
        offset: usize,
    },
    /// JSON, or headers, and not an event.
    Event(EventFaults),
}

impl Batch {
    /// Puts the attributes beside the only record of a request in binary mode, or refuses it for them.
    pub fn attach(&mut self, event: Result<Event, EventFaults>) {
        let Some(record) = self.records.first_mut() else { return };
        match event {
            Ok(event) => record.event = Some(Box::new(event)),
            Err(faults) => record.body = Body::Refused(Refusal::Event(faults)),
        }
    }
}

impl Record {
    pub fn new(id: RecordId, body: Body) -> Record {
        Record { id, body, event: None }
    }

    /// The record's bytes; none of a refused one are kept.
    pub fn bytes(&self) -> Bytes {
        match &self.body {
            Body::Text(text) => text.as_bytes().clone(),
            Body::Bytes(bytes) => bytes.clone(),
            Body::Refused(_) => Bytes::new(),
        }
    }
}
