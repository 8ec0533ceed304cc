//! What came of records that somebody tried, as JSON, cut to what a person reads: a plugin may return a thousand times
//! what it was shown.

use super::Manifest;
use crate::record::{Record, rfc3339};
use crate::verdict::{
    Acceptance, AttributeValue, Counted, Finding, Instrument, Measurement, MeasurementTable, Value, Verdict,
    Violation,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;
use std::collections::BTreeMap;

/// Violations, warnings, parts, headers and measurements of one answer, over all its records.
const LISTED_MAX: usize = 1_000;

/// A text of one; with all of the above that makes some megabytes at worst.
const TEXT_BYTES_MAX: usize = 2 << 10;

/// Tells what came of each record; the number of violations, warnings, parts, headers and measurements that are not listed.
///
/// Each record has its own table of measurements, or none.
pub fn told<'a>(
    manifest: &'a Manifest,
    route: usize,
    records: &[Record],
    findings: &'a [Finding],
    measurements: &'a [MeasurementTable],
) -> (Vec<Told<'a>>, usize) {
    let mut teller = Teller {
        topics: &manifest.routes[route].topics,
        instruments: &manifest.instruments,
        room: LISTED_MAX,
        omitted: 0,
    };
    let pairs = records.iter().zip(findings).enumerate();
    let told =
        pairs.map(|(index, (record, finding))| teller.one(index, record, finding, measurements)).collect();
    (told, teller.omitted)
}

/// What came of one record.
#[derive(Serialize)]
pub struct Told<'a> {
    pub index: usize,
    pub record_id: String,
    pub verdict: &'static str,
    /// Of a record that the plugin faulted on, discarded, or that could not be judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Flaw<'a>>,
    /// What would be published: one part, or more where the record is split.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<Measured<'a>>,
}

#[derive(Serialize)]
pub struct Flaw<'a> {
    pub pointer: String,
    pub code: &'a str,
    pub message: String,
}

#[derive(Serialize)]
pub struct Part<'a> {
    pub id: Option<String>,
    pub key: Option<Shown>,
    pub topic: &'a str,
    pub timestamp: Option<String>,
    pub headers: Vec<(String, Shown)>,
    pub value: Published,
    pub warnings: Vec<Flaw<'a>>,
}

/// Bytes that may be no text.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shown {
    Text(String),
    Base64(String),
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Published {
    AsPosted,
    Replaced { bytes: usize, begins: Shown },
    Tombstone,
}

#[derive(Serialize)]
pub struct Measured<'a> {
    pub instrument: &'a str,
    pub value: f64,
    /// Which records' measurements the instrument takes.
    pub counts: &'static str,
    pub attributes: BTreeMap<&'a str, String>,
}

struct Teller<'a> {
    topics: &'a [std::sync::Arc<str>],
    instruments: &'a [Instrument],
    /// How much more is listed.
    room: usize,
    omitted: usize,
}

impl<'a> Teller<'a> {
    fn one(
        &mut self,
        index: usize,
        record: &Record,
        finding: &'a Finding,
        measurements: &'a [MeasurementTable],
    ) -> Told<'a> {
        let mut one = Told {
            index,
            record_id: record.id.to_string(),
            verdict: "accepted",
            reason: None,
            violations: vec![],
            parts: vec![],
            measurements: vec![],
        };
        match finding {
            Finding::Verdict(Verdict::Accept(accepted)) => {
                one.parts = self.parts(std::slice::from_ref(accepted))
            }
            Finding::Verdict(Verdict::Split(parts)) => one.parts = self.parts(parts),
            Finding::Verdict(Verdict::Reject(violations)) => {
                (one.verdict, one.violations) = ("rejected", self.flaws(violations));
            }
            Finding::Verdict(Verdict::Discard(why)) => {
                (one.verdict, one.reason) = ("discarded", Some(cut(why)));
            }
            Finding::Fault(fault) => {
                let reason = format!("{}: {}", fault.kind.as_str(), cut(&fault.detail));
                (one.verdict, one.reason) = ("faulted", Some(reason));
            }
            Finding::Failed(failure) => (one.verdict, one.reason) = ("not judged", Some(failure.to_string())),
        }
        let tables = measurements.iter().filter(|table| table.first == index);
        one.measurements = tables.flat_map(|table| self.measured(table)).collect();
        one
    }

    /// As many of them as there is room for.
    fn listed<'t, T>(&mut self, all: &'t [T]) -> &'t [T] {
        let listed = all.len().min(self.room);
        self.room -= listed;
        self.omitted += all.len() - listed;
        &all[..listed]
    }

    fn flaws(&mut self, violations: &'a [Violation]) -> Vec<Flaw<'a>> {
        let flaw = |Violation { pointer, code, message, .. }: &'a Violation| Flaw {
            pointer: cut(pointer),
            code,
            message: cut(message),
        };
        self.listed(violations).iter().map(flaw).collect()
    }

    fn parts(&mut self, parts: &'a [Acceptance]) -> Vec<Part<'a>> {
        let listed = self.listed(parts);
        listed.iter().map(|part| self.part(part)).collect()
    }

    fn part(&mut self, part: &'a Acceptance) -> Part<'a> {
        let Acceptance { id, key, topic, timestamp_ms, headers, value, warnings } = part;
        let headers = self.listed(headers).iter().map(|(name, value)| (cut(name), shown(value))).collect();
        Part {
            id: id.as_deref().map(cut),
            key: key.as_ref().map(shown),
            topic: self.topics.get(*topic).map_or("", |topic| topic),
            timestamp: timestamp_ms.map(|at| u64::try_from(at).map_or_else(|_| format!("{at} ms"), rfc3339)),
            headers,
            value: match value {
                Value::AsPosted => Published::AsPosted,
                Value::Replaced(bytes) => Published::Replaced { bytes: bytes.len(), begins: shown(bytes) },
                Value::Tombstone => Published::Tombstone,
            },
            warnings: self.flaws(warnings),
        }
    }

    fn measured(&mut self, table: &'a MeasurementTable) -> Vec<Measured<'a>> {
        let instruments = self.instruments;
        let one = |Measurement { instrument, value, attribute_set, .. }: &Measurement| {
            let instrument = instruments.get(*instrument as usize)?;
            let set = table.attribute_sets.get(*attribute_set as usize).map_or(&[][..], Vec::as_slice);
            let attributes = instrument.attributes.iter().map(String::as_str).zip(set);
            Some(Measured {
                instrument: &instrument.name,
                value: *value,
                counts: match instrument.counts {
                    Counted::Accepted => "accepted",
                    Counted::Rejected => "rejected",
                    Counted::Judged => "judged",
                },
                attributes: attributes.filter_map(|(name, value)| Some((name, attribute(value)?))).collect(),
            })
        };
        self.listed(&table.measurements).iter().filter_map(one).collect()
    }
}

fn attribute(value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::Absent => None,
        AttributeValue::Text(text) => Some(cut(text)),
        AttributeValue::Integer(value) => Some(value.to_string()),
        AttributeValue::Float(value) => Some(value.to_string()),
        AttributeValue::Boolean(value) => Some(value.to_string()),
    }
}

fn cut(text: &str) -> String {
    match text.len() <= TEXT_BYTES_MAX {
        true => text.to_owned(),
        false => format!("{}…", &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]),
    }
}

fn shown(bytes: &Bytes) -> Shown {
    match std::str::from_utf8(bytes) {
        Ok(text) => Shown::Text(cut(text)),
        Err(_) => Shown::Base64(STANDARD.encode(&bytes[..bytes.len().min(TEXT_BYTES_MAX)])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    fn violation(number: usize) -> Violation {
        Violation {
            pointer: "/a".into(),
            code: format!("c{number}"),
            message: "ä".repeat(5_000),
            parameters: vec![],
        }
    }

    #[test]
    fn what_a_plugin_returns_too_much_of_is_cut_and_counted() {
        let mut teller = Teller { topics: &[], instruments: &[], room: 3, omitted: 0 };
        let violations: Vec<Violation> = (0..10).map(violation).collect();
        let told = teller.flaws(&violations);
        assert_eq!((told.len(), teller.omitted, teller.room), (3, 7, 0));
        assert_eq!(told[0].message.len(), TEXT_BYTES_MAX + "…".len());
        assert!(teller.flaws(&violations).is_empty());
    }

    #[test]
    fn an_accepted_record_is_told_with_all_that_would_be_published() {
        let topics = ["a".into(), "b".into()];
        let instruments = [Instrument {
            name: "sum".into(),
            kind: crate::verdict::InstrumentKind::Counter,
            description: String::new(),
            unit: String::new(),
            attributes: vec!["kind".into(), "none".into()],
            counts: Counted::Judged,
        }];
        let mut teller = Teller { topics: &topics, instruments: &instruments, room: 9, omitted: 0 };
        let part = Acceptance {
            id: Some("I".into()),
            key: Some(Bytes::from_static(b"\xff")),
            topic: 1,
            timestamp_ms: Some(-5),
            headers: vec![("h".into(), Bytes::from_static(b"v"))],
            value: Value::Replaced(Bytes::from_static(b"{}")),
            warnings: vec![],
        };
        let parts = [part];
        let told: Json = serde_json::to_value(teller.parts(&parts)).unwrap();
        assert_eq!(
            told,
            json!([{
                "id": "I", "key": {"base64": "/w=="}, "topic": "b", "timestamp": "-5 ms",
                "headers": [["h", {"text": "v"}]],
                "value": {"replaced": {"bytes": 2, "begins": {"text": "{}"}}},
                "warnings": [],
            }])
        );
        let set = vec![AttributeValue::Integer(4), AttributeValue::Absent];
        let measurement = Measurement { item: 0, instrument: 0, value: 2.5, attribute_set: 0 };
        let table = MeasurementTable { first: 0, measurements: vec![measurement], attribute_sets: vec![set] };
        assert_eq!(
            serde_json::to_value(teller.measured(&table)).unwrap(),
            json!([{"instrument": "sum", "value": 2.5, "counts": "judged", "attributes": {"kind": "4"}}])
        );
    }
}
