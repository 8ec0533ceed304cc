//! How what is remembered is written down.

use super::key::Digest;
use super::store::What;
use crate::http::answer::Kept;
use crate::verdict::{Accepted, Fault, FaultKind, Outcome, Rejection, Violation};
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// One entry.
#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    scope: String,
    fingerprint: String,
    since_ms: u64,
    what: Saved,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Saved {
    Answer { status: u16, is_problem: bool, body: String },
    Partly(Vec<Option<SavedOutcome>>),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedOutcome {
    Committed(SavedAccepted),
    Stored(SavedAccepted),
    Discarded,
    Rejected { violations: Vec<SavedViolation>, omitted: usize },
    Quarantined { kind: String, detail: String },
}

#[derive(Serialize, Deserialize)]
struct SavedAccepted {
    id: Option<String>,
    warnings: Vec<SavedViolation>,
}

/// Pointer, code, message, parameters.
#[derive(Serialize, Deserialize)]
struct SavedViolation(String, String, String, Vec<(String, String)>);

impl Line {
    /// None: it is nothing that could be read again.
    pub fn of(scope: &Digest, fingerprint: &Digest, what: &What, since_ms: u64) -> Option<Line> {
        let what = match what {
            What::Answer(Kept { status, is_problem, body }) => Saved::Answer {
                status: status.as_u16(),
                is_problem: *is_problem,
                body: std::str::from_utf8(body).ok()?.to_owned(),
            },
            What::Partly(earlier) => {
                Saved::Partly(earlier.iter().map(|outcome| outcome.as_ref().and_then(save)).collect())
            }
        };
        Some(Line { scope: hex(scope), fingerprint: hex(fingerprint), since_ms, what })
    }

    /// None: it was not written by this gateway.
    pub fn into_entry(self) -> Option<(Digest, Digest, What, u64)> {
        let what = match self.what {
            Saved::Answer { status, is_problem, body } => What::Answer(Kept {
                status: StatusCode::from_u16(status).ok()?,
                is_problem,
                body: body.into(),
            }),
            Saved::Partly(earlier) => {
                What::Partly(earlier.into_iter().map(|outcome| outcome.and_then(restore)).collect())
            }
        };
        Some((digest(&self.scope)?, digest(&self.fingerprint)?, what, self.since_ms))
    }
}

fn hex(digest: &Digest) -> String {
    let mut text = String::with_capacity(2 * digest.len());
    for byte in digest {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn digest(text: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    if text.len() != 2 * digest.len() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

/// None: it has to be tried again.
fn save(outcome: &Outcome) -> Option<SavedOutcome> {
    let accepted = |accepted: &Accepted| SavedAccepted {
        id: accepted.id.clone(),
        warnings: accepted.warnings.iter().map(save_violation).collect(),
    };
    match outcome {
        Outcome::Committed(as_accepted) => Some(SavedOutcome::Committed(accepted(as_accepted))),
        Outcome::Stored(as_accepted) => Some(SavedOutcome::Stored(accepted(as_accepted))),
        Outcome::Discarded => Some(SavedOutcome::Discarded),
        Outcome::Rejected(rejection) => Some(SavedOutcome::Rejected {
            violations: rejection.iter().map(save_violation).collect(),
            omitted: rejection.omitted(),
        }),
        Outcome::Quarantined(Fault { kind, detail }) => {
            Some(SavedOutcome::Quarantined { kind: kind.as_str().to_owned(), detail: detail.clone() })
        }
        Outcome::Failed(_) => None,
    }
}

fn save_violation(violation: &Violation) -> SavedViolation {
    let Violation { pointer, code, message, parameters } = violation.clone();
    SavedViolation(pointer, code, message, parameters)
}

/// None: a fault of a kind that this version does not know; the record is tried again.
fn restore(saved: SavedOutcome) -> Option<Outcome> {
    let violations = |saved: Vec<SavedViolation>| saved.into_iter().map(restore_violation).collect();
    let accepted = |saved: SavedAccepted| Accepted { id: saved.id, warnings: violations(saved.warnings) };
    Some(match saved {
        SavedOutcome::Committed(as_accepted) => Outcome::Committed(accepted(as_accepted)),
        SavedOutcome::Stored(as_accepted) => Outcome::Stored(accepted(as_accepted)),
        SavedOutcome::Discarded => Outcome::Discarded,
        SavedOutcome::Rejected { violations: all, omitted } => {
            Outcome::Rejected(Rejection::restored(violations(all), omitted))
        }
        SavedOutcome::Quarantined { kind, detail } => {
            let kind = FaultKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
            Outcome::Quarantined(Fault { kind, detail })
        }
    })
}

fn restore_violation(SavedViolation(pointer, code, message, parameters): SavedViolation) -> Violation {
    Violation { pointer, code, message, parameters }
}
