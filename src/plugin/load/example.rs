//! The proof that a plugin carries: records with the verdicts that it is to give.

use super::LoadError;
use crate::plugin::check::{self, Expected};
use crate::plugin::draft::{Call, Example, ExampleBody, Expectation};
use crate::plugin::guest::{Blueprint, CallError};
use crate::plugin::manifest::Checked;
use crate::plugin::{Facts, Limits, PluginConfig};
use crate::record::{Body, Event, Record, RecordIds};
use crate::verdict::{Fault, Finding, Verdict, Violation};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// So many mismatches show what is wrong; the sentence goes into the log and into `/plugins`.
const SHOWN: usize = 5;

/// The examples that came out otherwise than the plugin says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plugin) struct Mismatches(Vec<Mismatch>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mismatch {
    route: String,
    example: String,
    expected: String,
    got: String,
}

impl Mismatches {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Mismatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Mismatch { route, example, expected, got }) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(
                f,
                "{separator}its example '{example}' of route {route} is to be {expected}, and it {got}"
            )?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Judges every example, each on an instance of its own, so that none depends on another; before each it asks
/// whether to go on.
pub(super) fn prove(
    blueprint: &Blueprint,
    checked: &Checked,
    operator: &PluginConfig,
    go_on: impl Fn() -> Result<(), LoadError>,
) -> Result<Mismatches, LoadError> {
    let mut mismatches = Vec::new();
    for (route, examples) in checked.examples.iter().enumerate() {
        for example in examples {
            go_on()?;
            let blueprint =
                Blueprint { settings: Arc::new(settings(checked, operator, example)), ..blueprint.clone() };
            let got = judge(&blueprint, checked, &operator.limits, route, example);
            let expected = Shown::expected(&example.expect);
            if !expected.matches(&got) {
                mismatches.push(Mismatch {
                    route: checked.manifest.routes[route].path.clone(),
                    example: example.name.clone(),
                    expected: expected.to_string(),
                    got: format!("was {got}"),
                });
            }
        }
    }
    Ok(Mismatches(mismatches))
}

/// The example's own, then the default, and what the operator gave only where there is none: no operator's
/// choice can make a plugin's own proof fail.
pub(in crate::plugin) fn settings(
    checked: &Checked,
    operator: &PluginConfig,
    example: &Example,
) -> BTreeMap<String, String> {
    let value = |key: &String, default: &Option<String>| {
        let own = example.settings.iter().find(|(name, _)| name == key).map(|(_, value)| value);
        own.or(default.as_ref()).or_else(|| operator.settings.get(key)).cloned()
    };
    let declared = checked.declared.iter();
    declared
        .filter_map(|setting| Some((setting.key.clone(), value(&setting.key, &setting.default)?)))
        .collect()
}

/// Under what circumstances it is judged.
pub(in crate::plugin) fn facts(example: &Example, now_ms: u64) -> Facts {
    Facts {
        received_at_ms: example.received_at_ms.unwrap_or(now_ms),
        parameters: example.parameters.clone(),
        headers: example.headers.clone(),
        caller: example.caller.clone(),
    }
}

pub(in crate::plugin) fn record(example: &Example, facts: &Facts) -> Record {
    let body = match &example.body {
        ExampleBody::Text(text) => Body::Text(text.as_str().into()),
        ExampleBody::Bytes(bytes) => Body::Bytes(bytes.clone().into()),
    };
    let event = Some(Box::new(Event::of_example(&example.attributes)));
    Record { id: RecordIds::minted_at(facts.received_at_ms).mint(), body, event }
}

fn judge(
    blueprint: &Blueprint,
    checked: &Checked,
    limits: &Limits,
    route: usize,
    example: &Example,
) -> Shown {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let facts = facts(example, now);
    let records = [record(example, &facts)];
    let call = Call { route, facts: &facts, records: &records };
    let answer = blueprint
        .instantiate()
        // Code that runs for the first time is slow: a call's time rather than a record's.
        .and_then(|mut instance| instance.judge(limits.call_time, call))
        .and_then(|mut answer| {
            let expected =
                Expected { manifest: &checked.manifest, route, records: 1, limits: &limits.answer };
            check::answer(&mut answer, &expected).map_err(CallError::Fault)?;
            Ok(answer)
        });
    match answer {
        Ok(answer) => Shown::got(answer.findings.into_iter().next()),
        Err(error) => Shown::Faulted(error.into_detail()),
    }
}

/// A verdict as far as examples can tell them apart.
#[derive(PartialEq, Eq)]
pub(in crate::plugin) enum Shown {
    /// None: with whatever warnings.
    Accepted(Option<Vec<String>>),
    Rejected(Vec<String>),
    Discarded,
    Faulted(String),
}

impl Shown {
    pub fn expected(expectation: &Expectation) -> Shown {
        match expectation {
            Expectation::Accept => Shown::Accepted(None),
            Expectation::Warn(codes) => Shown::Accepted(Some(sorted(codes.clone()))),
            Expectation::Reject(codes) => Shown::Rejected(sorted(codes.clone())),
            Expectation::Discard => Shown::Discarded,
        }
    }

    pub fn got(finding: Option<Finding>) -> Shown {
        match finding {
            Some(Finding::Verdict(Verdict::Accept(accepted))) => {
                Shown::Accepted(Some(codes(&accepted.warnings)))
            }
            Some(Finding::Verdict(Verdict::Split(parts))) => {
                let warnings: Vec<Violation> = parts.into_iter().flat_map(|part| part.warnings).collect();
                Shown::Accepted(Some(codes(&warnings)))
            }
            Some(Finding::Verdict(Verdict::Reject(violations))) => Shown::Rejected(codes(&violations)),
            Some(Finding::Verdict(Verdict::Discard(_))) => Shown::Discarded,
            Some(Finding::Fault(Fault { detail, .. })) => Shown::Faulted(detail),
            Some(Finding::Failed(failure)) => Shown::Faulted(failure.to_string()),
            None => Shown::Faulted("no verdict".to_owned()),
        }
    }

    pub fn matches(&self, got: &Shown) -> bool {
        match (self, got) {
            (Shown::Accepted(None), Shown::Accepted(_)) | (Shown::Discarded, Shown::Discarded) => true,
            (Shown::Accepted(wanted), Shown::Accepted(got)) => wanted == got,
            (Shown::Rejected(wanted), Shown::Rejected(got)) => wanted == got,
            _ => false,
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown::Accepted(Some(codes)) if !codes.is_empty() => {
                write!(f, "accepted with warnings {}", codes.join(", "))
            }
            Shown::Accepted(_) => f.write_str("accepted"),
            Shown::Rejected(codes) => write!(f, "rejected with {}", codes.join(", ")),
            Shown::Discarded => f.write_str("discarded"),
            Shown::Faulted(detail) => write!(f, "not judged: {detail}"),
        }
    }
}

fn codes(violations: &[Violation]) -> Vec<String> {
    sorted(violations.iter().map(|violation| violation.code.clone()).collect())
}

fn sorted(mut codes: Vec<String>) -> Vec<String> {
    codes.sort_unstable();
    codes
}
