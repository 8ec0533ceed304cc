//! Records with the verdicts that they are to get, from a file: a line each, as JSON.

use super::Piece;
use crate::plugin::draft::{Example, ExampleBody, Expectation};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// One record and what is expected of it.
#[derive(Debug, Clone)]
pub struct Case {
    /// `example`, or file and line.
    pub origin: String,
    pub route: usize,
    pub(in crate::plugin) example: Example,
    /// The violations that a rejection is to have.
    pub(in crate::plugin) pointers: Pointers,
}

/// Pointers and codes.
pub(in crate::plugin) type Pointers = Vec<(String, String)>;

/// A line of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(default)]
    name: String,
    /// The path; it may be left out where the plugin has one route.
    route: Option<String>,
    /// The record as JSON, judged as it stands there.
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    /// The record as a text: what is no JSON, or a line of another format.
    text: Option<String>,
    expect: Expect,
    /// When the request came: milliseconds since 1970.
    received_at_ms: Option<u64>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    caller: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expect {
    Accept,
    Discard,
    /// The codes of the violations, each alone or behind its pointer: `greater_than`, `/amount greater_than`.
    Reject(Vec<String>),
    /// Accepted, with the codes of these warnings.
    Warn(Vec<String>),
}

/// A file of cases, which may be of any plugin.
#[derive(Debug, Clone)]
pub struct CaseFile {
    lines: Vec<Unrouted>,
}

/// A case whose route is still to be looked up.
#[derive(Debug, Clone)]
struct Unrouted {
    origin: String,
    path: Option<String>,
    example: Example,
    pointers: Pointers,
}

impl CaseFile {
    /// Reads cases; `name` is what they are called by, and blank lines are none.
    ///
    /// # Errors
    /// Everything that is wrong with the file, by line, with what to do.
    pub fn read(name: &str, text: &str) -> Result<CaseFile, Vec<String>> {
        let (mut lines, mut problems) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let origin = format!("{name}:{number}");
            match read(line) {
                Ok((path, example, pointers)) => lines.push(Unrouted { origin, path, example, pointers }),
                Err(problem) => problems.push(format!("{origin}: {problem}")),
            }
        }
        if lines.is_empty() && problems.is_empty() {
            problems.push(format!("{name}: it holds no records; {SHAPE}"));
        }
        if problems.is_empty() { Ok(CaseFile { lines }) } else { Err(problems) }
    }

    /// The cases for a plugin.
    ///
    /// # Errors
    /// Every line that names no route of it.
    pub fn of(self, piece: &Piece) -> Result<Vec<Case>, Vec<String>> {
        let (mut cases, mut problems) = (Vec::new(), Vec::new());
        for Unrouted { origin, path, example, pointers } in self.lines {
            match route(piece, path.as_deref()).and_then(|route| known(piece, &example).map(|()| route)) {
                Ok(route) => cases.push(Case { origin, route, example, pointers }),
                Err(problem) => problems.push(format!("{origin}: {problem}")),
            }
        }
        if problems.is_empty() { Ok(cases) } else { Err(problems) }
    }
}

/// A setting that there is none of would prove nothing.
fn known(piece: &Piece, example: &Example) -> Result<(), String> {
    let keys: Vec<&str> = piece.settings.iter().map(|(key, ..)| key.as_str()).collect();
    match example.settings.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
        None => Ok(()),
        Some((key, _)) if keys.is_empty() => Err(format!("the plugin has no setting {key}; it has none")),
        Some((key, _)) => Err(format!("the plugin has no setting {key}; it has {}", keys.join(", "))),
    }
}

fn route(piece: &Piece, path: Option<&str>) -> Result<usize, String> {
    piece.route(path).ok_or_else(|| {
        let paths: Vec<&str> = piece.manifest.routes.iter().map(|route| route.path.as_str()).collect();
        match path {
            Some(route) => format!("the plugin has no route {route}; it has {}", paths.join(", ")),
            None => format!(r#"the plugin has several routes; add "route": one of {}"#, paths.join(", ")),
        }
    })
}

/// No pointer, as one begins with '/' or is empty.
pub(super) const ANYWHERE: &str = "*";

const SHAPE: &str = r#"write a line for each, e.g. {"record": {…}, "expect": "accept"} or {"record": {…}, "expect": {"reject": ["greater_than"]}}"#;

fn read(line: &str) -> Result<(Option<String>, Example, Pointers), String> {
    let line: Line<'_> = serde_json::from_str(line).map_err(|error| format!("{error}; {SHAPE}"))?;
    let body = match (line.record, line.text) {
        (Some(record), None) => record.get().to_owned(),
        (None, Some(text)) => text,
        _ => return Err(r#"a line has either a "record" as JSON or a "text""#.to_owned()),
    };
    let mut pointers = Vec::new();
    let expect = match line.expect {
        Expect::Accept => Expectation::Accept,
        Expect::Discard => Expectation::Discard,
        Expect::Reject(violations) => {
            let parts = violations.iter().map(|one| one.rsplit_once(' ').unwrap_or((ANYWHERE, one)));
            pointers = parts.clone().map(|(pointer, code)| (pointer.to_owned(), code.to_owned())).collect();
            Expectation::Reject(parts.map(|(_, code)| code.to_owned()).collect())
        }
        Expect::Warn(codes) => Expectation::Warn(codes),
    };
    let example = Example {
        name: line.name,
        body: ExampleBody::Text(body),
        attributes: Vec::new(),
        received_at_ms: line.received_at_ms,
        parameters: Vec::new(),
        headers: line.headers.into_iter().collect(),
        caller: line.caller,
        settings: line.settings.into_iter().collect(),
        expect,
    };
    Ok((line.route, example, pointers))
}
