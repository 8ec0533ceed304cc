//! Whether an answer is one that the contract allows. All of it is untrusted.

use super::Manifest;
use super::draft::Answer;
use super::guest::shortened;
use crate::verdict::{
    Acceptance, AttributeValue, Fault, FaultKind, Finding, InstrumentKind, Measurement, Verdict, Violation,
};

/// What a plugin copies out of a record is as long as the producer made it: a bound below the size of a record
/// would turn a producer's long text into a fault of the plugin.
const COPIED_BYTES_MAX: usize = 2 << 20;
/// Violations or warnings of one record. Far more than help anybody: the Rust SDK stops at a hundred.
const VIOLATIONS_MAX: usize = 1_000;
/// A pointer may hold names that the producer chose.
const POINTER_BYTES_MAX: usize = COPIED_BYTES_MAX;
/// The code or message of a violation.
const CODE_BYTES_MAX: usize = 100;
const MESSAGE_BYTES_MAX: usize = 2 << 10;
const PARAMETERS_MAX: usize = 16;
const PARAMETER_BYTES_MAX: usize = 1 << 10;
const ID_BYTES_MAX: usize = COPIED_BYTES_MAX;
const KEY_BYTES_MAX: usize = COPIED_BYTES_MAX;
const HEADERS_MAX: usize = 32;
const HEADER_NAME_BYTES_MAX: usize = 256;
const HEADER_VALUE_BYTES_MAX: usize = 16 << 10;
/// Parts of one record; the record ids of parts have 16 bits for their number.
const PARTS_MAX: usize = 10_000;
/// The reason of a discarded record, for the operator.
const REASON_BYTES_MAX: usize = 2 << 10;
/// The end of the year 9999 in milliseconds since 1970, a day more for offsets from UTC, and as far before:
/// beyond it is no date.
const TIMESTAMP_MS_MAX: u64 = 253_402_300_799_999 + 86_400_000;
/// An attribute's text value becomes a label of a time series.
const ATTRIBUTE_BYTES_MAX: usize = 256;

/// What the answer is checked against.
pub(super) struct Expected<'a> {
    pub manifest: &'a Manifest,
    pub route: usize,
    pub records: usize,
}

/// Refuses an answer with a record that breaks the contract, and drops measurements that do. Returns how many
/// were dropped: a wrong measurement is no reason to hold a record back.
pub(super) fn answer(answer: &mut Answer, expected: &Expected<'_>) -> Result<usize, Fault> {
    let (given, wanted) = (answer.findings.len(), expected.records);
    if given != wanted {
        return Err(fault(format!("returned {given} verdicts for {wanted} records")));
    }
    let topics = expected.manifest.routes[expected.route].topics.len();
    for (index, found) in answer.findings.iter_mut().enumerate() {
        finding(found, topics).map_err(|what| fault(format!("record {index} of the call: {what}")))?;
    }
    Ok(measurements(answer, expected))
}

fn fault(detail: String) -> Fault {
    Fault { kind: FaultKind::Output, detail: shortened(detail) }
}

fn finding(finding: &mut Finding, topics: usize) -> Result<(), String> {
    match finding {
        Finding::Verdict(Verdict::Accept(accepted)) => acceptance(accepted, topics),
        Finding::Verdict(Verdict::Split(parts)) => {
            if parts.is_empty() {
                return Err("split into nothing; discard it instead".to_owned());
            }
            at_most("parts", parts.len(), PARTS_MAX)?;
            parts.iter().try_for_each(|part| acceptance(part, topics))
        }
        Finding::Verdict(Verdict::Reject(violations)) if violations.is_empty() => {
            Err("rejected without a violation".to_owned())
        }
        Finding::Verdict(Verdict::Reject(violations)) => check_violations(violations),
        // Texts for the operator are cut, not refused: nothing depends on them.
        Finding::Verdict(Verdict::Discard(text)) | Finding::Fault(Fault { detail: text, .. }) => {
            text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
            Ok(())
        }
        Finding::Failed(_) => Ok(()),
    }
}

fn acceptance(accepted: &Acceptance, topics: usize) -> Result<(), String> {
    if accepted.topic >= topics {
        return Err(format!("topic {} of a route that has {topics}", accepted.topic));
    }
    at_most("bytes in its id", accepted.id.as_ref().map_or(0, String::len), ID_BYTES_MAX)?;
    at_most("bytes in its key", accepted.key.as_ref().map_or(0, bytes::Bytes::len), KEY_BYTES_MAX)?;
    at_most("headers", accepted.headers.len(), HEADERS_MAX)?;
    if let Some(timestamp) = accepted.timestamp_ms.filter(|at| at.unsigned_abs() > TIMESTAMP_MS_MAX) {
        return Err(format!("the timestamp {timestamp}: it is no date of four digits"));
    }
    for (name, value) in &accepted.headers {
        header_name(name)?;
        at_most("bytes in a header", value.len(), HEADER_VALUE_BYTES_MAX)?;
    }
    check_violations(&accepted.warnings)
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

fn check_violations(violations: &[Violation]) -> Result<(), String> {
    at_most("violations", violations.len(), VIOLATIONS_MAX)?;
    violations.iter().try_for_each(violation)
}

fn violation(violation: &Violation) -> Result<(), String> {
    let Violation { pointer, code, message, parameters } = violation;
    at_most("bytes in a violation's pointer", pointer.len(), POINTER_BYTES_MAX)?;
    at_most("bytes in a violation's code", code.len(), CODE_BYTES_MAX)?;
    at_most("bytes in a violation's message", message.len(), MESSAGE_BYTES_MAX)?;
    at_most("parameters of a violation", parameters.len(), PARAMETERS_MAX)?;
    for (name, value) in parameters {
        at_most("bytes in a violation's parameter", name.len().max(value.len()), PARAMETER_BYTES_MAX)?;
    }
    if !is_pointer(pointer) {
        return Err(format!("{pointer:?} is no JSON Pointer"));
    }
    let sound = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_graphic());
    if sound { Ok(()) } else { Err(format!("{code:?} is no code: letters, digits and signs, no spaces")) }
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
            text.truncate(text.floor_char_boundary(ATTRIBUTE_BYTES_MAX));
        }
    }
    let given = table.measurements.len();
    let sets = &table.attribute_sets;
    table.measurements.retain(|measurement| is_sound(measurement, sets, expected));
    given - table.measurements.len()
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
