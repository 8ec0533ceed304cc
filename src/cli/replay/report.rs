//! What became of dead letters.

use super::letter::{Found, Letter};
use super::source::Place;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What became of a letter now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Accepted,
    Rejected,
    /// The plugin faulted on it again.
    Quarantined,
    Failed,
}

impl Outcome {
    const ALL: [Outcome; 4] = [Outcome::Accepted, Outcome::Rejected, Outcome::Quarantined, Outcome::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Rejected => "rejected",
            Outcome::Quarantined => "quarantined",
            Outcome::Failed => "failed",
        }
    }
}

/// The same, with its code and a sentence where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Now {
    pub outcome: Outcome,
    pub code: String,
    pub detail: String,
}

impl Now {
    pub fn accepted() -> Now {
        Now { outcome: Outcome::Accepted, code: String::new(), detail: String::new() }
    }

    pub fn failed(detail: impl Into<String>) -> Now {
        Now { outcome: Outcome::Failed, code: String::new(), detail: detail.into() }
    }
}

/// What a replay says in the end.
#[derive(Debug)]
pub(super) struct Report {
    /// E.g. `sent` and `to http://…`.
    verb: &'static str,
    whom: String,
    matching: u64,
    all: u64,
    counts: BTreeMap<Outcome, u64>,
    /// From the old code to what it is now.
    changes: BTreeMap<(String, Outcome, String), u64>,
    examples: Vec<Example>,
    /// Of each outcome.
    examples_max: usize,
    /// Why the rest was left out.
    pub ended_early: Option<String>,
}

#[derive(Debug)]
struct Example {
    place: Place,
    record_id: String,
    path: String,
    was: String,
    was_detail: Option<String>,
    now: Now,
}

/// Changes that are told apart: codes are words of plugins.
const CHANGES_MAX: usize = 1_000;

impl Report {
    pub fn new(verb: &'static str, whom: String, found: &Found, examples_max: usize) -> Report {
        Report {
            verb,
            whom,
            matching: found.matching,
            all: found.all,
            counts: Outcome::ALL.map(|outcome| (outcome, 0)).into(),
            changes: BTreeMap::new(),
            examples: Vec::new(),
            examples_max,
            ended_early: None,
        }
    }

    pub fn add(&mut self, letter: &Letter, now: Now) {
        *self.counts.entry(now.outcome).or_default() += 1;
        let change = (letter.code().to_owned(), now.outcome, now.code.clone());
        if self.changes.len() < CHANGES_MAX || self.changes.contains_key(&change) {
            *self.changes.entry(change).or_default() += 1;
        }
        let alike = self.examples.iter().filter(|example| example.now.outcome == now.outcome).count();
        if alike < self.examples_max {
            self.examples.push(Example {
                place: letter.place,
                record_id: letter.id.to_string(),
                path: letter.path.clone().unwrap_or_default(),
                was: letter.code().to_owned(),
                was_detail: letter.detail.clone(),
                now,
            });
        }
    }

    fn done(&self) -> u64 {
        self.counts.values().sum()
    }

    /// All of them are accepted now.
    pub fn is_well(&self) -> bool {
        self.ended_early.is_none() && self.counts[&Outcome::Accepted] == self.matching
    }

    pub fn as_text(&self, name: &str) -> String {
        let Report { verb, whom, matching, all, .. } = self;
        let mut text = format!("{verb} {} of {matching} (of {all} in {name}) {whom}", self.done());
        for (outcome, count) in &self.counts {
            text += &format!("\n{:<11} {count}", outcome.as_str());
        }
        for ((was, outcome, code), count) in &self.changes {
            let code = if code.is_empty() { String::new() } else { format!(" ({code})") };
            text += &format!("\n  {count} {was} -> {}{code}", outcome.as_str());
        }
        for Example { place, record_id, path, was, was_detail, now } in &self.examples {
            let detail =
                was_detail.as_ref().map_or_else(String::new, |detail| format!(" ({})", first_line(detail)));
            let separator = if now.detail.is_empty() { "" } else { ": " };
            let (outcome, now) = (now.outcome.as_str(), first_line(&now.detail));
            text += &format!("\n{place} {record_id} {path}: {was}{detail} -> {outcome}{separator}{now}");
        }
        if let Some(reason) = &self.ended_early {
            text += &format!("\nended early: {reason}");
        }
        text
    }

    pub fn as_json(&self, name: &str) -> Value {
        let changes: Vec<Value> = self
            .changes
            .iter()
            .map(|((was, outcome, code), count)| {
                json!({ "was": was, "now": outcome.as_str(), "code": code, "count": count })
            })
            .collect();
        let examples: Vec<Value> = self.examples.iter().map(Example::as_json).collect();
        let count = |outcome| self.counts[&outcome];
        json!({
            "well": self.is_well(),
            "topic": name,
            "whom": self.whom,
            "read": self.all,
            "matching": self.matching,
            "accepted": count(Outcome::Accepted),
            "rejected": count(Outcome::Rejected),
            "quarantined": count(Outcome::Quarantined),
            "failed": count(Outcome::Failed),
            "changes": changes,
            "examples": examples,
            "ended_early": self.ended_early,
        })
    }
}

impl Example {
    fn as_json(&self) -> Value {
        json!({
            "sequence": self.place.as_json(),
            "record_id": self.record_id,
            "path": self.path,
            "was": self.was,
            "was_detail": self.was_detail,
            "now": self.now.outcome.as_str(),
            "code": self.now.code,
            "detail": self.now.detail,
        })
    }
}

/// What a plugin prints when it crashes may have many lines.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
