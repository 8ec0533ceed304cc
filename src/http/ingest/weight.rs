//! What a receipt takes in memory.

use crate::pipeline::Receipt;
use crate::record::RecordId;
use crate::verdict::{Outcome, Violation};

/// In bytes, without what the allocator adds. A record with a thousand violations can weigh a hundred times
/// what was posted.
pub(super) fn of(receipt: &Receipt) -> usize {
    let outcomes = receipt.records.iter().map(|(_, outcome)| outcome_weight(outcome));
    receipt.records.capacity() * size_of::<(RecordId, Outcome)>() + outcomes.sum::<usize>()
}

fn outcome_weight(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Committed(accepted) | Outcome::Stored(accepted) => {
            accepted.id.as_ref().map_or(0, String::len) + violations_weight(&accepted.warnings)
        }
        Outcome::Rejected(violations) => violations_weight(violations),
        Outcome::Quarantined(fault) => fault.detail.len(),
        Outcome::Discarded | Outcome::Failed(_) => 0,
    }
}

fn violations_weight(violations: &[Violation]) -> usize {
    violations.iter().map(violation_weight).sum()
}

fn violation_weight(violation: &Violation) -> usize {
    let Violation { pointer, code, message, parameters } = violation;
    let parameter =
        |(name, value): &(String, String)| size_of::<(String, String)>() + name.len() + value.len();
    size_of::<Violation>()
        + pointer.len()
        + code.len()
        + message.len()
        + parameters.iter().map(parameter).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Shape;

    #[test]
    fn a_receipt_weighs_at_least_what_its_findings_say() {
        let violation = Violation {
            pointer: "/amount".into(),
            code: "missing".into(),
            message: "m".repeat(1_000),
            parameters: vec![("a".into(), "b".repeat(500))],
        };
        let records = vec![(RecordId { ulid: 1, part: None }, Outcome::Rejected(vec![violation; 30]))];
        let weight = of(&Receipt { shape: Shape::Batch, records });
        assert!((45_000..60_000).contains(&weight), "{weight}");
    }
}
