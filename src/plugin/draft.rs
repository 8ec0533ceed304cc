//! What a plugin says of itself and answers, in today's terms whatever its contract's version, and not yet checked.

use super::Facts;
use crate::record::{Input, Record};
use crate::verdict::{Finding, Instrument, MeasurementTable};

/// A manifest as it was returned.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub name: String,
    pub version: String,
    pub description: String,
    pub routes: Vec<DraftRoute>,
    pub instruments: Vec<Instrument>,
    pub request_headers: Vec<String>,
    pub settings: Vec<Setting>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct DraftRoute {
    pub path: String,
    pub input: Input,
    pub title: String,
    pub id_field: String,
    pub topics: Vec<String>,
    pub summary: String,
    pub schema: String,
    pub examples: Vec<Example>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    pub key: String,
    pub default: Option<String>,
    pub secret: bool,
}

/// A record and the verdict that proves the plugin.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Example {
    pub name: String,
    pub body: ExampleBody,
    pub attributes: Vec<(String, String)>,
    pub received_at_ms: Option<u64>,
    pub parameters: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub caller: Option<String>,
    pub settings: Vec<(String, String)>,
    pub expect: Expectation,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum ExampleBody {
    Text(String),
    Bytes(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expectation {
    Accept,
    Warn(Vec<String>),
    Reject(Vec<String>),
    Discard,
}

/// The records of one call, none of them refused, and what they have in common.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub route: usize,
    pub facts: &'a Facts,
    pub records: &'a [Record],
}

/// What came of one call.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub findings: Vec<Finding>,
    pub table: MeasurementTable,
}

impl ExampleBody {
    pub fn bytes(&self) -> bytes::Bytes {
        match self {
            ExampleBody::Text(text) => bytes::Bytes::copy_from_slice(text.as_bytes()),
            ExampleBody::Bytes(bytes) => bytes::Bytes::copy_from_slice(bytes),
        }
    }
}
