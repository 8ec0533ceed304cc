//! The JSON of answers, written as it is made: an answer to 10,000 records is built nowhere but in its
//! buffer.

use super::{Results, Show};
use crate::record::RecordId;
use crate::verdict::{Accepted, Outcome, Violation};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

/// How many records ended in each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(in crate::http) struct Counts {
    pub committed: usize,
    pub stored: usize,
    pub discarded: usize,
    pub rejected: usize,
    pub quarantined: usize,
    pub failed: usize,
}

impl Counts {
    pub fn of(records: &[(RecordId, Outcome)]) -> Counts {
        let mut counts = Counts::default();
        for (_, outcome) in records {
            let count = match outcome {
                Outcome::Committed(_) => &mut counts.committed,
                Outcome::Stored(_) => &mut counts.stored,
                Outcome::Discarded => &mut counts.discarded,
                Outcome::Rejected(_) => &mut counts.rejected,
                Outcome::Quarantined(_) => &mut counts.quarantined,
                Outcome::Failed(_) => &mut counts.failed,
            };
            *count += 1;
        }
        counts
    }
}

/// `[{"pointer","code","message","parameters"?}]`
pub(super) struct Violations<'a>(pub &'a [Violation]);

impl Serialize for Violations<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(One))
    }
}

struct One<'a>(&'a Violation);

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Violation { pointer, code, message, parameters } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("pointer", pointer)?;
        map.serialize_entry("code", code)?;
        map.serialize_entry("message", message)?;
        if !parameters.is_empty() {
            map.serialize_entry("parameters", &Parameters(parameters))?;
        }
        map.end()
    }
}

struct Parameters<'a>(&'a [(String, String)]);

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

pub(super) struct Id(pub RecordId);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The body of an answer to one record that is safe.
pub(super) struct Single<'a> {
    pub message: String,
    pub id_field: Option<&'a str>,
    pub record_id: RecordId,
    pub status: &'static str,
    pub accepted: Option<&'a Accepted>,
}

impl Serialize for Single<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("message", &self.message)?;
        if let (Some(field), Some(id)) =
            (self.id_field, self.accepted.and_then(|accepted| accepted.id.as_ref()))
        {
            map.serialize_entry(field, id)?;
        }
        map.serialize_entry("record_id", &Id(self.record_id))?;
        map.serialize_entry("status", self.status)?;
        if let Some(accepted) = self.accepted.filter(|accepted| !accepted.warnings.is_empty()) {
            map.serialize_entry("warnings", &Violations(&accepted.warnings))?;
        }
        map.end()
    }
}

/// The body of an answer to a batch that is safe, and members of a problem else.
#[derive(Serialize)]
pub(super) struct Batch<'a> {
    pub counts: Counts,
    pub results: List<'a>,
}

/// One result a record, in request order.
pub(super) struct List<'a> {
    pub records: &'a [(RecordId, Outcome)],
    pub show: Show,
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.show.results == Results::Omitted {
            return serializer.serialize_none();
        }
        let mut list = serializer.serialize_seq(None)?;
        let mut listed = 0;
        for (index, (id, outcome)) in self.records.iter().enumerate() {
            if self.show.results == Results::All || is_error(outcome) {
                let most = if listed < self.show.violations_max { usize::MAX } else { 1 };
                if let Outcome::Rejected(violations) = outcome {
                    listed += violations.len();
                }
                list.serialize_element(&Line { index, id: *id, outcome, most })?;
            }
        }
        list.end()
    }
}

fn is_error(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Committed(_) | Outcome::Stored(_) | Outcome::Discarded => false,
        Outcome::Rejected(_) | Outcome::Quarantined(_) | Outcome::Failed(_) => true,
    }
}

struct Line<'a> {
    index: usize,
    id: RecordId,
    outcome: &'a Outcome,
    /// How many of its violations are listed.
    most: usize,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("index", &self.index)?;
        map.serialize_entry("status", self.outcome.as_str())?;
        match self.outcome {
            Outcome::Committed(accepted) | Outcome::Stored(accepted) => {
                map.serialize_entry("record_id", &Id(self.id))?;
                if !accepted.warnings.is_empty() {
                    map.serialize_entry("warnings", &Violations(&accepted.warnings))?;
                }
            }
            Outcome::Discarded => map.serialize_entry("record_id", &Id(self.id))?,
            Outcome::Rejected(violations) => {
                let listed = violations.len().min(self.most);
                map.serialize_entry("violations", &Violations(&violations[..listed]))?;
                let omitted = violations.len() - listed + violations.omitted();
                if omitted > 0 {
                    map.serialize_entry("violations_omitted", &omitted)?;
                }
            }
            Outcome::Quarantined(fault) => {
                map.serialize_entry("record_id", &Id(self.id))?;
                map.serialize_entry("reason", fault.kind.as_str())?;
            }
            Outcome::Failed(failure) => {
                map.serialize_entry("record_id", &Id(self.id))?;
                map.serialize_entry("reason", failure.as_str())?;
            }
        }
        map.end()
    }
}
