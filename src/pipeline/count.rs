use super::Submission;
use crate::telemetry::Metrics;
use crate::verdict::Outcome;
use std::collections::HashMap;

/// Counts what became of a batch: by route and outcome, and by reason where there is one.
///
/// A rejected record counts once, under the code of its first violation.
pub fn count(metrics: &Metrics, submission: &Submission, outcomes: &[Outcome]) {
    let generation = &submission.generation;
    let path = &generation.manifest.routes[submission.route].path;
    let mut tally: HashMap<(&'static str, &str), u64> = HashMap::with_capacity(4);
    for outcome in outcomes {
        *tally.entry((outcome.as_str(), reason(outcome))).or_default() += 1;
        if let Outcome::Quarantined(fault) = outcome {
            metrics.plugin_fault(&generation.manifest.name, fault.kind);
        }
    }
    for ((outcome, reason), records) in tally {
        metrics.records(path, outcome, reason, records);
    }
}

fn reason(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Committed(_) | Outcome::Stored(_) | Outcome::Discarded => "",
        Outcome::Rejected(violations) => violations.first().map_or("", |violation| &violation.code),
        Outcome::Quarantined(fault) => fault.kind.as_str(),
        Outcome::Failed(failure) => failure.as_str(),
    }
}
