//! The rest of a batch of which some records were settled at an earlier try.

use crate::record::{Batch, RecordId};
use crate::verdict::{Outcome, Violation};
use std::sync::Arc;

/// What became of each record of a batch at an earlier try. None: it failed, and is to be tried again.
pub type Earlier = Arc<[Option<Outcome>]>;

/// What an earlier try settled, while the rest is tried again.
pub struct Resumed {
    ids: Vec<RecordId>,
    earlier: Earlier,
}

impl Resumed {
    /// Leaves in the batch only the records that are not settled.
    ///
    /// None, and the batch stays as it is, if it is not cut as it was then: its route may take another framing by now.
    pub fn cut(batch: &mut Batch, earlier: Earlier) -> Option<Resumed> {
        if earlier.len() != batch.records.len() || earlier.iter().all(Option::is_some) {
            return None;
        }
        let ids = batch.records.iter().map(|record| record.id).collect();
        let mut settled = earlier.iter();
        batch.records.retain(|_| settled.next().is_some_and(Option::is_none));
        Some(Resumed { ids, earlier })
    }

    /// The outcomes of all records, in the order of the batch. `rest`: those of the records that were left in it.
    pub fn merge(self, rest: Vec<Outcome>) -> Vec<(RecordId, Outcome)> {
        let mut rest = rest.into_iter();
        let outcomes = self.earlier.iter().map(|earlier| earlier.clone().or_else(|| rest.next()));
        self.ids.into_iter().zip(outcomes.flatten()).collect()
    }
}

/// What may be kept of a try for another one. None: nothing is settled, so that it begins anew.
pub fn settled(records: &[(RecordId, Outcome)]) -> Option<Earlier> {
    let keep = |outcome: &Outcome| (!matches!(outcome, Outcome::Failed(_))).then(|| outcome.clone());
    let earlier: Earlier = records.iter().map(|(_, outcome)| keep(outcome)).collect();
    earlier.iter().any(Option::is_some).then_some(earlier)
}

/// About what outcomes take in memory.
pub fn bytes(earlier: &[Option<Outcome>]) -> usize {
    let violation = |violation: &Violation| {
        let Violation { pointer, code, message, parameters } = violation;
        let parameters: usize = parameters.iter().map(|(name, value)| 48 + name.len() + value.len()).sum();
        size_of::<Violation>() + pointer.len() + code.len() + message.len() + parameters
    };
    let outcome = |outcome: &Outcome| match outcome {
        Outcome::Committed(accepted) | Outcome::Stored(accepted) => {
            let warnings: usize = accepted.warnings.iter().map(violation).sum();
            accepted.id.as_ref().map_or(0, String::len) + warnings
        }
        Outcome::Rejected(violations) => violations.iter().map(violation).sum(),
        Outcome::Quarantined(fault) => fault.detail.len(),
        Outcome::Discarded | Outcome::Failed(_) => 0,
    };
    size_of_val(earlier) + earlier.iter().flatten().map(outcome).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Body, Record, RecordIds, Shape};
    use crate::verdict::{Accepted, Failure};

    fn batch(values: &[&'static str]) -> Batch {
        let mut ids = RecordIds::minted_at(1);
        let record = |value: &&'static str| Record::new(ids.mint(), Body::Text((*value).into()));
        Batch { shape: Shape::Batch, records: values.iter().map(record).collect() }
    }

    fn committed(id: &str) -> Outcome {
        Outcome::Committed(Accepted { id: Some(id.into()), warnings: vec![] })
    }

    #[test]
    fn only_what_failed_is_tried_again_and_each_outcome_goes_back_to_its_record() {
        let mut tried = batch(&["a", "b", "c", "d"]);
        let ids: Vec<RecordId> = tried.records.iter().map(|record| record.id).collect();
        let failed = Outcome::Failed(Failure::SinkFull);
        let first = [committed("a"), failed.clone(), Outcome::Discarded, failed.clone()];
        let records: Vec<_> = ids.iter().copied().zip(first).collect();
        let earlier = settled(&records).unwrap();

        let resumed = Resumed::cut(&mut tried, earlier).unwrap();
        let left: Vec<_> = tried.records.iter().map(|record| (record.id, record.bytes())).collect();
        assert_eq!(left, [(ids[1], "b".into()), (ids[3], "d".into())]);
        let merged = resumed.merge(vec![committed("b"), failed.clone()]);
        let outcomes = [committed("a"), committed("b"), Outcome::Discarded, failed];
        assert_eq!(merged, ids.into_iter().zip(outcomes).collect::<Vec<_>>());
    }

    #[test]
    fn a_batch_of_which_nothing_is_settled_or_that_is_cut_otherwise_begins_anew() {
        let id = RecordIds::minted_at(1).mint();
        assert_eq!(settled(&[(id, Outcome::Failed(Failure::SinkFull))]), None);
        let mut other = batch(&["a", "b"]);
        assert!(Resumed::cut(&mut other, vec![None].into()).is_none());
        assert_eq!(other.records.len(), 2);
    }
}
