//! Judges cases in every way that a gateway would: alone and among others, on new instances and on used ones. What
//! comes out must be the same each time: a plugin that remembers would answer by who came before.

use super::case::ANYWHERE;
use super::{Case, Piece};
use crate::plugin::Facts;
use crate::plugin::draft::{Answer, Call, ExampleBody};
use crate::plugin::guest::{Blueprint, CallError, Instance};
use crate::plugin::load::example::{Shown, facts, record, settings};
use crate::record::Record;
use crate::verdict::{AttributeValue, Failure, Finding, Verdict, Violation};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseReport {
    /// `example`, or file and line.
    pub origin: String,
    pub route: String,
    pub name: String,
    pub expected: String,
    pub got: String,
    /// Pointer, code and message of each violation.
    pub violations: Vec<(String, String, String)>,
    pub is_as_expected: bool,
    /// How it came out otherwise: on a used instance, among others.
    pub differences: Vec<String>,
}

impl CaseReport {
    pub fn is_well(&self) -> bool {
        self.is_as_expected && self.differences.is_empty()
    }
}

/// The proof of a plugin by cases.
pub struct Trials;

/// What was seen of a record: to be the same each time.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    finding: Finding,
    /// Instrument, value and attributes.
    measured: Vec<(u32, f64, Vec<AttributeValue>)>,
}

pub(super) fn faulted(error: CallError) -> Finding {
    match error {
        CallError::Fault(fault) => Finding::Fault(fault),
        CallError::Exhausted => Finding::Failed(Failure::InstancesExhausted),
    }
}

impl Trials {
    /// Judges the plugin's own examples and these cases.
    pub fn run(piece: &Piece, cases: &[Case]) -> Vec<CaseReport> {
        let own = piece.checked.examples.iter().enumerate();
        let mut all: Vec<Case> = own
            .flat_map(|(route, examples)| examples.iter().map(move |one| piece.case(route, one)))
            .collect();
        all.extend(cases.iter().cloned());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        let mut reports: Vec<Option<CaseReport>> = vec![None; all.len()];
        for company in companies(piece, &all, now) {
            company.judge(piece, &all, &mut reports);
        }
        reports.into_iter().flatten().collect()
    }
}

/// Cases that one request may hold: of one route, judged under the same circumstances.
struct Company {
    route: usize,
    facts: Facts,
    blueprint: Blueprint,
    members: Vec<usize>,
}

fn companies(piece: &Piece, cases: &[Case], now: u64) -> Vec<Company> {
    let mut companies: BTreeMap<String, Company> = BTreeMap::new();
    for (index, Case { route, example, .. }) in cases.iter().enumerate() {
        let facts = facts(example, now);
        let settings = settings(&piece.checked, &piece.operator, example);
        let text = matches!(example.body, ExampleBody::Text(_));
        let key = format!("{route} {text} {facts:?} {settings:?}");
        let company = companies.entry(key).or_insert_with(|| Company {
            route: *route,
            facts,
            blueprint: Blueprint { settings: Arc::new(settings), ..piece.blueprint.clone() },
            members: Vec::new(),
        });
        company.members.push(index);
    }
    companies.into_values().collect()
}

impl Company {
    fn judge(&self, piece: &Piece, cases: &[Case], reports: &mut [Option<CaseReport>]) {
        let records: Vec<Record> =
            self.members.iter().map(|index| record(&cases[*index].example, &self.facts)).collect();
        let alone: Vec<Seen> = records.iter().map(|record| self.alone(piece, record)).collect();
        for (index, seen) in self.members.iter().zip(&alone) {
            reports[*index] = Some(report(piece, &cases[*index], seen));
        }
        // A record that breaks its instance would break the others' too.
        let sound: Vec<usize> =
            (0..records.len()).filter(|at| !matches!(alone[*at].finding, Finding::Fault(_))).collect();
        let mut note = |at: usize, how: &str, seen: &Seen| {
            if let Some(report) = &mut reports[self.members[at]]
                && let Some(difference) = difference(&alone[at], seen, how)
                && !report.differences.contains(&difference)
            {
                report.differences.push(difference);
            }
        };
        for (at, seen) in self.on_a_used_instance(piece, &records, &sound) {
            note(at, "on an instance that judged others before", &seen);
        }
        for (at, seen) in self.among_others(piece, &records, &sound) {
            note(at, "in one call with others", &seen);
        }
    }

    fn new_instance(&self) -> Result<Instance, CallError> {
        self.blueprint.instantiate()
    }

    fn alone(&self, piece: &Piece, record: &Record) -> Seen {
        let judged = self
            .new_instance()
            .and_then(|mut instance| self.call(piece, &mut instance, std::slice::from_ref(record)));
        first(judged)
    }

    /// Twice: the second time each has come before.
    fn on_a_used_instance(&self, piece: &Piece, records: &[Record], sound: &[usize]) -> Vec<(usize, Seen)> {
        let Ok(mut instance) = self.new_instance() else { return Vec::new() };
        let mut seen = Vec::new();
        for at in sound.iter().chain(sound) {
            let judged = self.call(piece, &mut instance, std::slice::from_ref(&records[*at]));
            let is_broken = judged.is_err();
            seen.push((*at, first(judged)));
            if is_broken {
                break;
            }
        }
        seen
    }

    /// In calls of as many as the gateway makes, forwards and backwards.
    fn among_others(&self, piece: &Piece, records: &[Record], sound: &[usize]) -> Vec<(usize, Seen)> {
        let Ok(mut instance) = self.new_instance() else { return Vec::new() };
        let mut seen = Vec::new();
        let backwards: Vec<usize> = sound.iter().rev().copied().collect();
        for order in [sound, &backwards] {
            for places in order.chunks(piece.limits.call_records_max.max(1)) {
                let batch: Vec<Record> = places.iter().map(|at| records[*at].clone()).collect();
                match self.call(piece, &mut instance, &batch) {
                    Ok(all) => seen.extend(places.iter().copied().zip(all)),
                    Err(error) => {
                        let broken = Seen { finding: faulted(error), measured: Vec::new() };
                        seen.extend(places.iter().map(|at| (*at, broken.clone())));
                        return seen;
                    }
                }
            }
        }
        seen
    }

    fn call(
        &self,
        piece: &Piece,
        instance: &mut Instance,
        records: &[Record],
    ) -> Result<Vec<Seen>, CallError> {
        let call = Call { route: self.route, facts: &self.facts, records };
        piece.call(instance, call).map(|answer| apart(&answer))
    }
}

fn first(judged: Result<Vec<Seen>, CallError>) -> Seen {
    let unjudged = |finding| Seen { finding, measured: Vec::new() };
    match judged {
        // Checked: it holds one.
        Ok(seen) => {
            seen.into_iter().next().unwrap_or_else(|| unjudged(Finding::Failed(Failure::JudgingPanicked)))
        }
        Err(error) => unjudged(faulted(error)),
    }
}

/// What an answer says of each record.
fn apart(answer: &Answer) -> Vec<Seen> {
    let table = &answer.table;
    let of = |item: usize| {
        let own = table.measurements.iter().filter(move |one| one.item as usize == item);
        own.map(|one| {
            let set = table.attribute_sets.get(one.attribute_set as usize).cloned().unwrap_or_default();
            (one.instrument, one.value, set)
        })
        .collect()
    };
    let findings = answer.findings.iter().enumerate();
    findings.map(|(item, finding)| Seen { finding: finding.clone(), measured: of(item) }).collect()
}

fn report(piece: &Piece, case: &Case, seen: &Seen) -> CaseReport {
    let (expected, got) = (Shown::expected(&case.example.expect), Shown::got(Some(seen.finding.clone())));
    let violations = match &seen.finding {
        Finding::Verdict(Verdict::Reject(violations)) => &violations[..],
        Finding::Verdict(Verdict::Accept(accepted)) => &accepted.warnings[..],
        _ => &[],
    };
    CaseReport {
        origin: case.origin.clone(),
        route: piece.manifest.routes[case.route].path.clone(),
        name: case.example.name.clone(),
        expected: expected_text(&expected, &case.pointers),
        got: got.to_string(),
        violations: violations
            .iter()
            .map(|one| (one.pointer.clone(), one.code.clone(), one.message.clone()))
            .collect(),
        is_as_expected: expected.matches(&got) && where_expected(&case.pointers, violations),
        differences: Vec::new(),
    }
}

/// Whether each violation that is named with its pointer is there.
fn where_expected(wanted: &[(String, String)], violations: &[Violation]) -> bool {
    let mut left: Vec<&Violation> = violations.iter().collect();
    wanted.iter().filter(|(pointer, _)| pointer != ANYWHERE).all(|(pointer, code)| {
        let found = left.iter().position(|one| one.pointer == *pointer && one.code == *code);
        found.map(|at| left.swap_remove(at)).is_some()
    })
}

fn expected_text(expected: &Shown, pointers: &[(String, String)]) -> String {
    let named = |(pointer, code): &(String, String)| match pointer.as_str() {
        ANYWHERE => code.clone(),
        "" => format!("{code} at the record itself"),
        pointer => format!("{code} at {pointer}"),
    };
    match pointers.is_empty() {
        true => expected.to_string(),
        false => format!("rejected with {}", pointers.iter().map(named).collect::<Vec<_>>().join(", ")),
    }
}

fn difference(alone: &Seen, seen: &Seen, how: &str) -> Option<String> {
    if alone == seen {
        return None;
    }
    let (before, now) = (Shown::got(Some(alone.finding.clone())), Shown::got(Some(seen.finding.clone())));
    Some(if before != now {
        format!("{how} it was {now}, alone on a new one {before}: the plugin remembers what it judged before")
    } else if alone.finding == seen.finding {
        format!(
            "{how} it measured otherwise than alone on a new one: the plugin remembers what it judged before"
        )
    } else {
        format!(
            "{how} its key, headers, value or messages were others than alone on a new one: the plugin remembers what it \
             judged before"
        )
    })
}
