use super::Submission;
use crate::telemetry::{DeadLetterKind, Metrics};
use crate::verdict::Outcome;
use std::collections::HashMap;

/// As `Outcome::as_str` has it.
const QUARANTINED: &str = "quarantined";

/// Counts what became of a batch: by route and outcome, and by reason where there is one.
///
/// A rejected record counts once, under the code of its first violation.
pub fn count(metrics: &Metrics, submission: &Submission, outcomes: &[Outcome]) {
    let generation = &submission.generation;
    let path = &generation.manifest.routes[submission.route].path;
    // Nearly all records of nearly all batches end in one way: a look into a map for each would cost a tenth of
    // the whole path.
    let mut run: (&'static str, &str, u64) = ("", "", 0);
    let mut tally: HashMap<(&'static str, &str), u64> = HashMap::new();
    for outcome in outcomes {
        let (name, reason) = (outcome.as_str(), reason(outcome));
        if std::ptr::eq(name, run.0) && is_same(reason, run.1) {
            run.2 += 1;
        } else {
            *tally.entry((run.0, run.1)).or_default() += run.2;
            run = (name, reason, 1);
        }
    }
    *tally.entry((run.0, run.1)).or_default() += run.2;
    for ((outcome, reason), records) in tally {
        if records > 0 {
            metrics.records(path, outcome, reason, records);
        }
        if outcome == QUARANTINED {
            metrics.dead_letters_written(DeadLetterKind::Quarantined, records);
        }
    }
}

/// Nothing is not compared with nothing: a `memcmp` of no bytes at the address that stands for no memory takes 100 ns
/// on processors that read with masks, a fifteenth of what the gateway spends on a record.
fn is_same(reason: &str, other: &str) -> bool {
    reason.len() == other.len() && (reason.is_empty() || reason == other)
}

fn reason(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Committed(_) | Outcome::Stored(_) | Outcome::Discarded => "",
        Outcome::Rejected(violations) => violations.first().map_or("", |violation| &violation.code),
        Outcome::Quarantined(fault) => fault.kind.as_str(),
        Outcome::Failed(failure) => failure.as_str(),
    }
}
