//! The last violations that producers were told of, for the operator who looks at the console.
//!
//! Messages and pointers may repeat what a record holds: a message quotes the value that is wrong, a pointer leads
//! through the keys that a producer chose. What is not to be shown is not kept either.

#[cfg(test)]
mod tests;

use crate::plugin::{Generation, Route};
use crate::record::RecordId;
use crate::verdict::{Outcome, Violation};
use parking_lot::Mutex;
use serde_json::Value;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// The most that `violations_kept` may be: all of them go into each answer to the console, once a second.
pub const VIOLATIONS_KEPT_MAX: usize = 1_000;

/// Of one request: a batch of nothing but wrong records must not push out what all others were told.
const REQUEST_MAX: usize = 10;

/// What is kept of a pointer or a message: enough to see which rule it was.
const TEXT_BYTES_MAX: usize = 300;

/// A schema that is read for the names of its fields; of a larger one no field is named.
const SCHEMA_BYTES_MAX: usize = 64 << 10;

/// Routes whose fields are remembered: with more, those that reject at the time.
const ROUTES_MAX: usize = 64;

/// What stands for a part of a pointer that the schema of the route does not name.
const UNNAMED: &str = "*";

/// What every event has or may have, beside its extensions (CloudEvents 1.0.2).
const EVENT_MEMBERS: [&str; 10] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "data",
    "data_base64",
];

/// What the console shows of violations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ViolationsShown {
    /// Nothing that a producer chose: the code, and the place as far as the schema of the route names it.
    #[default]
    Codes,
    /// Place and message as the producer was told, which may repeat values of the record.
    Full,
    Off,
}

impl ViolationsShown {
    pub fn as_str(self) -> &'static str {
        match self {
            ViolationsShown::Codes => "codes",
            ViolationsShown::Full => "full",
            ViolationsShown::Off => "off",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct ViolationsConfig {
    pub shown: ViolationsShown,
    /// How many are kept; the oldest goes for one more.
    pub kept: usize,
}

/// One violation as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Noted {
    /// Counts them from 1.
    pub number: u64,
    pub at_ms: u64,
    pub route: String,
    pub record_id: RecordId,
    pub pointer: String,
    pub code: String,
    /// None: it is not to be shown.
    pub message: Option<String>,
}

/// A bounded memory of what producers were told.
#[derive(Debug)]
pub struct Violations {
    config: ViolationsConfig,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    noted: u64,
    /// The newest is last.
    recent: VecDeque<Arc<Noted>>,
    fields: Vec<Fields>,
}

/// The names of fields in the schema of a route.
#[derive(Debug)]
struct Fields {
    digest: String,
    path: String,
    names: HashSet<String>,
}

impl Violations {
    pub fn new(config: ViolationsConfig) -> Violations {
        Violations { config, state: Mutex::default() }
    }

    pub(super) fn shown(&self) -> ViolationsShown {
        self.config.shown
    }

    /// Keeps the first violations of a request.
    pub(super) fn note(
        &self,
        generation: &Generation,
        route: usize,
        at_ms: u64,
        records: &[(RecordId, Outcome)],
    ) {
        if self.config.shown == ViolationsShown::Off {
            return;
        }
        let route = &generation.manifest.routes[route];
        self.note_on(&generation.digest, route, at_ms, records);
    }

    fn note_on(&self, digest: &str, route: &Route, at_ms: u64, records: &[(RecordId, Outcome)]) {
        let rejected = records.iter().filter_map(|(id, outcome)| match outcome {
            Outcome::Rejected(rejection) => Some((*id, rejection)),
            _ => None,
        });
        let mut told = rejected
            .flat_map(|(id, rejection)| rejection.iter().map(move |violation| (id, violation)))
            .take(REQUEST_MAX)
            .peekable();
        // Nearly all requests: not worth the lock.
        if told.peek().is_none() {
            return;
        }
        let mut state = self.state.lock();
        for (id, violation) in told {
            let (pointer, message) = match self.config.shown {
                ViolationsShown::Full => (cut(&violation.pointer), Some(cut(&violation.message))),
                ViolationsShown::Codes | ViolationsShown::Off => {
                    (named(violation, state.fields(digest, route)), None)
                }
            };
            state.noted += 1;
            let noted = Noted {
                number: state.noted,
                at_ms,
                route: route.path.clone(),
                record_id: id,
                pointer,
                code: violation.code.clone(),
                message,
            };
            if state.recent.len() == self.config.kept {
                state.recent.pop_front();
            }
            state.recent.push_back(Arc::new(noted));
        }
    }

    /// The newest first.
    pub(super) fn recent(&self) -> Vec<Arc<Noted>> {
        self.state.lock().recent.iter().rev().cloned().collect()
    }
}

impl State {
    fn fields(&mut self, digest: &str, route: &Route) -> &HashSet<String> {
        let known =
            self.fields.iter().position(|fields| fields.digest == digest && fields.path == route.path);
        let index = known.unwrap_or_else(|| {
            if self.fields.len() == ROUTES_MAX {
                self.fields.clear();
            }
            self.fields.push(Fields {
                digest: digest.to_owned(),
                path: route.path.clone(),
                names: names(&route.schema),
            });
            self.fields.len() - 1
        });
        &self.fields[index].names
    }
}

/// Every name under a `properties` of a schema: what its author chose, not a producer.
fn names(schema: &str) -> HashSet<String> {
    let mut names: HashSet<String> = EVENT_MEMBERS.map(str::to_owned).into();
    if schema.len() <= SCHEMA_BYTES_MAX
        && let Ok(schema) = serde_json::from_str(schema)
    {
        collect(&schema, &mut names);
    }
    names
}

/// As deep as the reader of JSON goes, which is 128.
fn collect(schema: &Value, names: &mut HashSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                names.extend(properties.keys().cloned());
            }
            members.values().for_each(|member| collect(member, names));
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, names)),
        _ => {}
    }
}

/// The pointer with `*` for each part that the schema does not name: an index, or a key of the record.
fn named(violation: &Violation, fields: &HashSet<String>) -> String {
    let mut shown = String::new();
    for part in violation.pointer.split('/').skip(1) {
        let name = part.replace("~1", "/").replace("~0", "~");
        let part = if fields.contains(&name) { part } else { UNNAMED };
        if shown.len() + 1 + part.len() > TEXT_BYTES_MAX {
            break;
        }
        shown.push('/');
        shown.push_str(part);
    }
    shown
}

fn cut(text: &str) -> String {
    match text.len() <= TEXT_BYTES_MAX {
        true => text.to_owned(),
        false => format!("{}…", &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]),
    }
}
