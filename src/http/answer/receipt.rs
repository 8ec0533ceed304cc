//! The answer to records that have been settled.

use super::problem::{Kind, Members, problem};
use super::wire::{Batch, Counts, List, Single, Violations};
use super::{Answer, Asked, JSON, Show};
use crate::pipeline::Receipt;
use crate::plugin::Route;
use crate::record::{RecordId, Shape};
use crate::verdict::{Failure, Outcome, Violation};
use hyper::StatusCode;

/// The code of the gateway's own violation for a record over its limit: alone, it makes the answer 413.
const RECORD_TOO_LARGE: &str = "record_too_large";

/// About how long a result is: `{"index":1234,"status":"committed","record_id":"01…"}`.
const RESULT_BYTES: usize = 80;

/// What an answer says of its records, for the log beside it.
pub(in crate::http) type Told = Counts;

/// The answer to a request whose records have been settled, and the counts for the log.
pub(in crate::http) fn receipt(
    receipt: &Receipt,
    route: &Route,
    show: Show,
    asked: &Asked,
) -> (Answer, Told) {
    let counts = Counts::of(&receipt.records);
    let answer = match (receipt.shape, receipt.records.as_slice()) {
        (Shape::Single, [(id, outcome)]) => single(*id, outcome, route, asked),
        (Shape::Single | Shape::Batch, records) => batch(records, counts, show, asked),
    };
    (answer, counts)
}

fn single(id: RecordId, outcome: &Outcome, route: &Route, asked: &Asked) -> Answer {
    let title = &route.title;
    let (status, message, accepted) = match outcome {
        Outcome::Committed(accepted) => {
            (StatusCode::OK, format!("{title} ingested successfully"), Some(accepted))
        }
        Outcome::Stored(accepted) => {
            (StatusCode::ACCEPTED, format!("{title} stored, to be delivered later"), Some(accepted))
        }
        Outcome::Discarded => (StatusCode::OK, format!("{title} valid and not published"), None),
        Outcome::Quarantined(_) => (
            StatusCode::ACCEPTED,
            format!("{title} set aside for the operator: the plugin could not judge it"),
            None,
        ),
        Outcome::Rejected(violations) => return rejected(id, violations, asked),
        Outcome::Failed(failure) => return failed(id, *failure, asked),
    };
    let id_field = route.id_field.as_deref();
    Answer::json(status, &Single { message, id_field, record_id: id, status: outcome.as_str(), accepted })
}

fn failed(id: RecordId, failure: Failure, asked: &Asked) -> Answer {
    let members = Members { record_id: Some(id), reason: Some(failure.as_str()), ..Members::default() };
    let detail = format!("the record was not taken: {failure}");
    if failure == Failure::JudgingPanicked {
        return problem(Kind::Panicked, &detail, members, asked);
    }
    let detail = format!("{detail}; send it again after the time in Retry-After");
    problem(Kind::RecordFailed, &detail, members, asked).retry_after(pause_seconds(failure))
}

/// How long it is in vain to try again, as far as that is known.
fn pause_seconds(failure: Failure) -> u64 {
    match failure {
        Failure::BreakerOpen { pause_ms } => pause_ms.div_ceil(1_000),
        Failure::FaultBudgetSpent
        | Failure::OutputBudgetSpent { .. }
        | Failure::OutputsFull
        | Failure::JudgesBusy
        | Failure::JudgingPanicked
        | Failure::InstancesExhausted
        | Failure::SinkOverloaded
        | Failure::SinkFull
        | Failure::SinkUnavailable
        | Failure::SinkMisconfigured
        | Failure::TooLargeForSink
        | Failure::Draining
        | Failure::BatchRejected
        | Failure::BatchUndecided => 0,
    }
}

/// Until the last of the failed records may be tried again.
fn longest_pause(records: &[(RecordId, Outcome)]) -> u64 {
    let pause = |(_, outcome): &(RecordId, Outcome)| match outcome {
        Outcome::Failed(failure) => pause_seconds(*failure),
        _ => 0,
    };
    records.iter().map(pause).max().unwrap_or_default()
}

fn rejected(id: RecordId, violations: &[Violation], asked: &Asked) -> Answer {
    let (kind, detail) = match violations {
        [only] if only.code == RECORD_TOO_LARGE => {
            (Kind::RecordTooLarge, format!("{} Send a smaller record (http.record_bytes_max).", only.message))
        }
        _ => (
            Kind::RecordRejected,
            format!(
                "the record has {}; correct what 'violations' names and send it again",
                counted(violations.len(), "violation")
            ),
        ),
    };
    let violations = Some(Violations(violations));
    problem(kind, &detail, Members { record_id: Some(id), violations, ..Members::default() }, asked)
}

fn batch(records: &[(RecordId, Outcome)], counts: Counts, show: Show, asked: &Asked) -> Answer {
    let list = List { records, show };
    let bytes = 512 + records.len() * RESULT_BYTES;
    let all = records.len();
    if is_held_back(records) {
        let detail = format!(
            "{} of {} rejected and nothing of the batch is taken, as this route takes one whole or not at all \
             (on_invalid = \"atomic\"); correct what 'violations' name and send the batch again",
            counts.rejected,
            counted(all, "record")
        );
        let members = Members { counts: Some(counts), results: Some(list), bytes, ..Members::default() };
        return problem(Kind::BatchRejected, &detail, members, asked);
    }
    if counts.failed > 0 {
        let remedy = match asked.has_key {
            true => {
                "'reason' says why; send the same request again with its Idempotency-Key: only those that failed are \
                 taken anew"
            }
            false => {
                "and may be sent again, alone or with the rest of the batch: 'reason' says why, and sending a record \
                 again that is committed or stored publishes it twice"
            }
        };
        let which = match all {
            1 => "the only record".to_owned(),
            _ => format!("{} of {all} records", counts.failed),
        };
        let separator = if asked.has_key { ":" } else { "" };
        let detail = format!("{which} failed{separator} {remedy}");
        let members = Members { counts: Some(counts), results: Some(list), bytes, ..Members::default() };
        return problem(Kind::RecordsFailed, &detail, members, asked).retry_after(longest_pause(records));
    }
    if counts.rejected == all {
        let detail = match all {
            1 => {
                "the only record is rejected; correct what its 'violations' name and send it again".to_owned()
            }
            _ => format!(
                "all {all} records are rejected; correct what their 'violations' name and send them again"
            ),
        };
        let members = Members { counts: Some(counts), results: Some(list), bytes, ..Members::default() };
        return problem(Kind::RecordsRejected, &detail, members, asked);
    }
    let status = if counts.rejected > 0 {
        StatusCode::MULTI_STATUS
    } else if counts.stored + counts.quarantined > 0 {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    Answer::written(status, JSON, &Batch { counts, results: list }, bytes)
}

/// Whether records are not taken because others of their batch are rejected: to send them again as they are would be in
/// vain.
fn is_held_back(records: &[(RecordId, Outcome)]) -> bool {
    records.iter().any(|(_, outcome)| *outcome == Outcome::Failed(Failure::BatchRejected))
}

/// `1 record`, `2 records`.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
