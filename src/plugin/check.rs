//! Whether an answer is one that the contract allows. All of it is untrusted.

use super::draft::Answer;
use super::guest::shortened;
use super::{AnswerLimits, Manifest};
use crate::verdict::{
    Acceptance, AttributeValue, Fault, FaultKind, Finding, InstrumentKind, Measurement, MeasurementTable,
    Verdict, Violation,
};

/// A code is a word that programs compare, and a label of a metric.
const CODE_BYTES_MAX: usize = 100;
/// A word, not data; Kafka itself has no bound for the name of a header.
const HEADER_NAME_BYTES_MAX: usize = 256;
/// The reason of a discarded record, for the operator: it goes into a line of the log.
const REASON_BYTES_MAX: usize = 2 << 10;
/// The end of the year 9999 in milliseconds since 1970, a day more for offsets from UTC, and as far before:
/// beyond it is no date.
const TIMESTAMP_MS_MAX: u64 = 253_402_300_799_999 + 86_400_000;

/// What the answer is checked against.
pub(super) struct Expected<'a> {
    pub manifest: &'a Manifest,
    pub route: usize,
    pub records: usize,
    pub limits: &'a AnswerLimits,
}

/// Refuses an answer with a record that breaks the contract, and drops measurements that do. Returns how many
/// were dropped: a wrong measurement is no reason to hold a record back.
pub(super) fn answer(answer: &mut Answer, expected: &Expected<'_>) -> Result<usize, Fault> {
    let (given, wanted) = (answer.findings.len(), expected.records);
    if given != wanted {
        return Err(fault(format!("returned {given} verdicts for {wanted} records")));
    }
    let topics = expected.manifest.routes[expected.route].topics.len();
    let bounds = Bounds { topics, limits: expected.limits };
    for (index, found) in answer.findings.iter_mut().enumerate() {
        bounds.finding(found).map_err(|what| fault(format!("record {index} of the call: {what}")))?;
    }
    Ok(measurements(answer, expected))
}

fn fault(detail: String) -> Fault {
    Fault { kind: FaultKind::Output, detail: shortened(detail) }
}

/// What holds for each record of a call.
#[derive(Clone, Copy)]
struct Bounds<'a> {
    /// Those of the route.
    topics: usize,
    limits: &'a AnswerLimits,
}

impl Bounds<'_> {
    fn finding(self, finding: &mut Finding) -> Result<(), String> {
        match finding {
            Finding::Verdict(Verdict::Accept(accepted)) => self.acceptance(accepted),
            Finding::Verdict(Verdict::Split(parts)) => {
                if parts.is_empty() {
                    return Err("split into nothing; discard it instead".to_owned());
                }
                at_most("parts", parts.len(), self.limits.parts_max)?;
                parts.iter().try_for_each(|part| self.acceptance(part))
            }
            Finding::Verdict(Verdict::Reject(violations)) if violations.is_empty() => {
                Err("rejected without a violation".to_owned())
            }
            Finding::Verdict(Verdict::Reject(violations)) => self.violations(violations),
            // Texts for the operator are cut, not refused: nothing depends on them.
            Finding::Verdict(Verdict::Discard(text)) | Finding::Fault(Fault { detail: text, .. }) => {
                text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
                Ok(())
            }
            Finding::Failed(_) => Ok(()),
        }
    }

    fn acceptance(self, accepted: &Acceptance) -> Result<(), String> {
        let Bounds { topics, limits } = self;
        if accepted.topic >= topics {
            return Err(format!("topic {} of a route that has {topics}", accepted.topic));
        }
        let copied = limits.copied_bytes_max;
        at_most("bytes in its id", accepted.id.as_ref().map_or(0, String::len), copied)?;
        at_most("bytes in its key", accepted.key.as_ref().map_or(0, bytes::Bytes::len), copied)?;
        at_most("headers", accepted.headers.len(), limits.headers_max)?;
        if let Some(timestamp) = accepted.timestamp_ms.filter(|at| at.unsigned_abs() > TIMESTAMP_MS_MAX) {
            return Err(format!("the timestamp {timestamp}: it is no date of four digits"));
        }
        for (name, value) in &accepted.headers {
            header_name(name)?;
            at_most("bytes in a header", value.len(), limits.header_value_bytes_max)?;
        }
        self.violations(&accepted.warnings)
    }

    fn violations(self, violations: &[Violation]) -> Result<(), String> {
        at_most("violations", violations.len(), self.limits.violations_max)?;
        violations.iter().try_for_each(|violation| self.violation(violation))
    }

    fn violation(self, violation: &Violation) -> Result<(), String> {
        let (Violation { pointer, code, message, parameters }, limits) = (violation, self.limits);
        at_most("bytes in a violation's pointer", pointer.len(), limits.copied_bytes_max)?;
        at_most("bytes in a violation's code", code.len(), CODE_BYTES_MAX)?;
        at_most("bytes in a violation's message", message.len(), limits.message_bytes_max)?;
        at_most("parameters of a violation", parameters.len(), limits.parameters_max)?;
        for (name, value) in parameters {
            let bytes = name.len().max(value.len());
            at_most("bytes in a violation's parameter", bytes, limits.parameter_bytes_max)?;
        }
        if !is_pointer(pointer) {
            return Err(format!("{pointer:?} is no JSON Pointer"));
        }
        let sound = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_graphic());
        if sound { Ok(()) } else { Err(format!("{code:?} is no code: letters, digits and signs, no spaces")) }
    }
}

fn header_name(name: &str) -> Result<(), String> {
    const RESERVED: [&str; 4] = ["sluicegate-", "trace", "ce_", ":"];
    at_most("bytes in a header's name", name.len(), HEADER_NAME_BYTES_MAX)?;
    let lower = name.to_ascii_lowercase();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(format!("a header named {name:?}"));
    }
    match RESERVED.iter().find(|reserved| lower.starts_with(**reserved)) {
        Some(reserved) => {
            Err(format!("the header {name:?}: names that begin with '{reserved}' are the gateway's own"))
        }
        None => Ok(()),
    }
}

/// RFC 6901: empty, or `/` before each part, with `~` only as `~0` or `~1`.
pub(super) fn is_pointer(pointer: &str) -> bool {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return false;
    }
    let bytes = pointer.as_bytes();
    memchr::memchr_iter(b'~', bytes).all(|at| matches!(bytes.get(at + 1), Some(b'0' | b'1')))
}

fn at_most(what: &str, count: usize, max: usize) -> Result<(), String> {
    if count > max { Err(format!("{count} {what}; at most {max} are taken")) } else { Ok(()) }
}

fn measurements(answer: &mut Answer, expected: &Expected<'_>) -> usize {
    let table = &mut answer.table;
    for value in table.attribute_sets.iter_mut().flatten() {
        if let AttributeValue::Text(text) = value {
            text.truncate(text.floor_char_boundary(expected.limits.attribute_bytes_max));
        }
    }
    let given = table.measurements.len();
    table.measurements.truncate(expected.limits.measurements_max.saturating_mul(expected.records));
    let sets = &table.attribute_sets;
    table.measurements.retain(|measurement| is_sound(measurement, sets, expected));
    let kept = table.measurements.len();
    if kept == 0 {
        // Attributes of nothing are not held.
        *table = MeasurementTable::default();
    }
    given - kept
}

fn is_sound(measurement: &Measurement, sets: &[Vec<AttributeValue>], expected: &Expected<'_>) -> bool {
    let Some(instrument) = expected.manifest.instruments.get(measurement.instrument as usize) else {
        return false;
    };
    let attributes = instrument.attributes.len();
    let set = sets.get(measurement.attribute_set as usize);
    (measurement.item as usize) < expected.records
        && measurement.value.is_finite()
        && (instrument.kind != InstrumentKind::Counter || measurement.value >= 0.0)
        && (attributes == 0 || set.is_some_and(|set| set.len() == attributes))
}

#[cfg(test)]
mod tests;
