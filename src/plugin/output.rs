//! What plugins returned and the gateway still holds: bounded for each request, and for all together.

use super::draft::Answer;
use crate::verdict::{
    Acceptance, AttributeValue, Failure, Finding, MeasurementTable, Value, Verdict, Violation,
};
use std::mem::size_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What an allocation costs beside its bytes: allocators round up, by a quarter at the most, and what plugins return
/// is many small pieces.
const ALLOCATION_BYTES: usize = 16;

/// What all requests hold together of what plugins returned: `plugins.output_budget_bytes`.
#[derive(Debug)]
pub(super) struct Outputs {
    used: AtomicUsize,
    max: usize,
}

impl Outputs {
    pub fn new(max: usize) -> Arc<Outputs> {
        Arc::new(Outputs { used: AtomicUsize::new(0), max })
    }

    fn take(&self, bytes: usize) -> bool {
        let taken = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.max);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    #[cfg(test)]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// One request's part of what all may hold; given back when dropped. It has to live as long as what it stands for.
#[derive(Debug, Default)]
pub struct Held {
    outputs: Option<Arc<Outputs>>,
    bytes: usize,
    max: usize,
}

impl Held {
    /// Nothing yet, and at most `max` bytes.
    pub(super) fn nothing(outputs: &Arc<Outputs>, max: usize) -> Held {
        Held { outputs: Some(outputs.clone()), bytes: 0, max }
    }

    /// Counts so many bytes before they are kept.
    ///
    /// # Errors
    /// Which of the two bounds they would break. They are not counted then, and must not be kept.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), Failure> {
        if self.bytes.saturating_add(bytes) > self.max {
            return Err(Failure::OutputBudgetSpent { bytes_max: self.max });
        }
        if let Some(outputs) = &self.outputs
            && !outputs.take(bytes)
        {
            return Err(Failure::OutputsFull);
        }
        self.bytes += bytes;
        Ok(())
    }

    /// What it stands for.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(outputs) = &self.outputs {
            outputs.used.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

/// What an answer takes in memory, the places of its findings among it.
pub(super) fn answer_bytes(answer: &Answer) -> usize {
    findings_bytes(&answer.findings) + table_bytes(&answer.table)
}

/// What findings take in memory, their own places among it.
pub(super) fn findings_bytes(findings: &[Finding]) -> usize {
    size_of_val(findings) + findings.iter().map(finding_bytes).sum::<usize>()
}

fn finding_bytes(finding: &Finding) -> usize {
    match finding {
        Finding::Verdict(Verdict::Accept(accepted)) => acceptance_bytes(accepted),
        Finding::Verdict(Verdict::Split(parts)) => {
            places::<Acceptance>(parts.capacity()) + parts.iter().map(acceptance_bytes).sum::<usize>()
        }
        Finding::Verdict(Verdict::Reject(rejection)) => violations_bytes(rejection.as_vec()),
        Finding::Verdict(Verdict::Discard(why)) => text_bytes(why),
        Finding::Fault(fault) => text_bytes(&fault.detail),
        Finding::Failed(_) => 0,
    }
}

fn acceptance_bytes(accepted: &Acceptance) -> usize {
    let Acceptance { id, key, headers, value, warnings, topic: _, timestamp_ms: _ } = accepted;
    let header = |(name, value): &(String, bytes::Bytes)| text_bytes(name) + places::<u8>(value.len());
    id.as_ref().map_or(0, text_bytes)
        + key.as_ref().map_or(0, |key| places::<u8>(key.len()))
        + places::<(String, bytes::Bytes)>(headers.capacity())
        + headers.iter().map(header).sum::<usize>()
        + match value {
            Value::AsPosted | Value::Tombstone => 0,
            Value::Replaced(value) => places::<u8>(value.len()),
        }
        + violations_bytes(warnings)
}

fn violations_bytes(violations: &Vec<Violation>) -> usize {
    places::<Violation>(violations.capacity()) + violations.iter().map(violation_bytes).sum::<usize>()
}

fn violation_bytes(violation: &Violation) -> usize {
    let Violation { pointer, code, message, parameters } = violation;
    text_bytes(pointer)
        + text_bytes(code)
        + text_bytes(message)
        + places::<(String, String)>(parameters.capacity())
        + parameters.iter().map(|(name, value)| text_bytes(name) + text_bytes(value)).sum::<usize>()
}

fn table_bytes(table: &MeasurementTable) -> usize {
    let MeasurementTable { first: _, measurements, attribute_sets } = table;
    let value = |value: &AttributeValue| match value {
        AttributeValue::Text(text) => text_bytes(text),
        AttributeValue::Absent
        | AttributeValue::Integer(_)
        | AttributeValue::Float(_)
        | AttributeValue::Boolean(_) => 0,
    };
    let set = |set: &Vec<AttributeValue>| {
        places::<AttributeValue>(set.capacity()) + set.iter().map(value).sum::<usize>()
    };
    places::<crate::verdict::Measurement>(measurements.capacity())
        + places::<Vec<AttributeValue>>(attribute_sets.capacity())
        + attribute_sets.iter().map(set).sum::<usize>()
}

fn text_bytes(text: &String) -> usize {
    places::<u8>(text.capacity())
}

/// One allocation of so many elements; none is made for nothing.
fn places<T>(count: usize) -> usize {
    if count == 0 { 0 } else { count * size_of::<T>() + ALLOCATION_BYTES }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(message_bytes: usize) -> Answer {
        let violation = Violation {
            pointer: String::new(),
            code: String::new(),
            message: "x".repeat(message_bytes),
            parameters: vec![],
        };
        Answer {
            findings: vec![Finding::Verdict(Verdict::Reject(vec![violation].into()))],
            table: MeasurementTable::default(),
        }
    }

    /// What the documentation of the default bound is reckoned with.
    #[test]
    fn a_finding_is_no_larger_than_is_thought() {
        assert!(size_of::<Finding>() <= 192, "{}", size_of::<Finding>());
    }

    #[test]
    fn an_answer_is_charged_as_it_lies_in_memory() {
        let answer = rejected(1_000);
        let expected =
            size_of::<Finding>() + size_of::<Violation>() + ALLOCATION_BYTES + 1_000 + ALLOCATION_BYTES;
        assert_eq!(answer_bytes(&answer), expected);
    }

    #[test]
    fn a_request_and_all_of_them_are_held_to_their_bounds_and_give_back_what_they_held() {
        let outputs = Outputs::new(10_000);
        let mut one = Held::nothing(&outputs, 6_000);
        one.charge(answer_bytes(&rejected(5_000))).unwrap();
        assert_eq!(
            one.charge(answer_bytes(&rejected(1_000))),
            Err(Failure::OutputBudgetSpent { bytes_max: 6_000 })
        );
        let mut other = Held::nothing(&outputs, 6_000);
        assert_eq!(other.charge(answer_bytes(&rejected(5_000))), Err(Failure::OutputsFull));
        assert_eq!((outputs.used(), other.bytes()), (one.bytes(), 0));
        drop(one);
        other.charge(answer_bytes(&rejected(5_000))).unwrap();
        drop(other);
        assert_eq!(outputs.used(), 0);
    }
}
