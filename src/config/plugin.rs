//! `[plugin.<name>]`: what an operator says about one plugin.

use super::limit;
use super::problem::{Origin, Problem};
use super::section::{Findings, Section, take_table};
use super::source::{Node, Table, Value};
use super::value::{boolean, one_of};
use crate::plugin::{Limits, OnInvalid, OnOutage, PluginConfig, RoutePolicy};
use crate::record::check_topic;
use std::collections::BTreeMap;
use std::path::Path;

/// A secret is a token or a key, not a file of data.
const SETTING_BYTES_MAX: u64 = 64 << 10;

/// Takes `[plugin]` out of the tree: a section for each plugin.
pub(super) fn sections(
    tree: &mut Table,
    base: &Limits,
    findings: &mut Findings,
) -> BTreeMap<String, PluginConfig> {
    let mut plugins = BTreeMap::new();
    for (name, node) in take_table(tree, "plugin", "plugin.<name>", findings).0 {
        let path = format!("plugin.{name}");
        if !is_plugin_name(&name) {
            let fault = "no plugin can have this name".to_owned();
            let remedy = "write [plugin.<name>] with lower-case letters, digits and dashes".to_owned();
            let (origin, value) = (node.origin, node.value.written());
            findings.problems.push(Problem { origin, key: path, value, fault, remedy });
            continue;
        }
        let table = take_table(&mut Table(BTreeMap::from([(name.clone(), node)])), &name, &path, findings);
        plugins.insert(name, plugin(table, path, base, findings));
    }
    plugins
}

fn is_plugin_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.chars().all(allowed)
}

fn plugin(table: Table, path: String, base: &Limits, findings: &mut Findings) -> PluginConfig {
    let mut s = Section::within(table, path.clone(), findings);
    let (settings, topics, routes) = (s.table("settings"), s.table("topics"), s.table("routes"));
    let limits = limit::limits(&mut s, Some(base));
    drop(s);
    let routes = read_routes(routes, &path, findings);
    let settings = read_all(settings, &format!("{path}.settings"), findings, setting);
    let topics = read_all(topics, &format!("{path}.topics"), findings, topic);
    PluginConfig { limits, settings, topics, routes }
}

/// Reads `[plugin.<name>.routes."<path>"]`: a section for each route.
fn read_routes(routes: Table, plugin: &str, findings: &mut Findings) -> BTreeMap<String, RoutePolicy> {
    let mut policies = BTreeMap::new();
    for (route, node) in routes.0 {
        let path = format!("{plugin}.routes.\"{route}\"");
        let key = route.trim_end_matches('/').to_owned();
        let wrong = match route.starts_with('/') {
            false => Some((
                "no route can have this path",
                "write it as /plugins shows it, with a slash at its start",
            )),
            true if policies.contains_key(&key) => {
                Some(("it is there with and without a slash at its end", "keep one of the two sections"))
            }
            true => None,
        };
        if let Some((fault, remedy)) = wrong {
            let (fault, remedy) = (fault.to_owned(), remedy.to_owned());
            findings.problems.push(Problem {
                origin: node.origin,
                key: path,
                value: String::new(),
                fault,
                remedy,
            });
            continue;
        }
        let table = take_table(&mut Table(BTreeMap::from([(route.clone(), node)])), &route, &path, findings);
        policies.insert(key, policy(&mut Section::within(table, path, findings)));
    }
    policies
}

fn policy(s: &mut Section<'_>) -> RoutePolicy {
    const ON_INVALID: &[(&str, OnInvalid)] =
        &[("partial", OnInvalid::Partial), ("atomic", OnInvalid::Atomic)];
    const ON_OUTAGE: &[(&str, OnOutage)] = &[("spool", OnOutage::Spool), ("reject", OnOutage::Reject)];
    RoutePolicy {
        on_invalid: s.read(
            "on_invalid",
            r#""partial""#,
            "Of a batch with a rejected record: \"partial\" takes the others, \"atomic\" takes none.",
            one_of(ON_INVALID),
        ),
        on_outage: s.read(
            "on_outage",
            r#""spool""#,
            "While Kafka is away: \"spool\" stores records and answers 202, \"reject\" answers 503.",
            one_of(ON_OUTAGE),
        ),
        rejected_dead_letters: s.optional(
            "rejected_dead_letters",
            "true",
            "Whether its rejected records are kept among the dead letters; dead_letters.rejected says it if left out.",
            boolean,
        ),
    }
}

/// Reads a table whose keys are somebody else's.
pub(super) fn read_all(
    table: Table,
    path: &str,
    findings: &mut Findings,
    read: fn(&Value) -> Result<String, (String, &'static str)>,
) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (key, Node { value, origin }) in table.0 {
        match read(&value) {
            Ok(text) => drop(all.insert(key, text)),
            Err((fault, remedy)) => {
                let (key, value) = (format!("{path}.{key}"), shown(&value, &origin));
                let remedy = remedy.to_owned();
                findings.problems.push(Problem { origin, key, value, fault, remedy });
            }
        }
    }
    all
}

/// A setting may be a secret: what is wrong is told without it, unless it is only a file's name.
fn shown(value: &Value, origin: &Origin) -> String {
    match (value, origin) {
        (_, Origin::Variable(_)) => "…".to_owned(),
        (Value::Table(table), _) => {
            let file = table.0.get("file").map(|file| file.value.written());
            file.map_or_else(|| value.written(), |file| format!("{{ file = {file} }}"))
        }
        _ => value.written(),
    }
}

pub(super) fn setting(value: &Value) -> Result<String, (String, &'static str)> {
    match value {
        Value::Text(text) | Value::Word(text) | Value::Number(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(value) => Ok(value.to_string()),
        Value::Table(table) => match table.0.get("file").map(|file| &file.value) {
            Some(Value::Text(path) | Value::Word(path)) if table.0.len() == 1 => secret(Path::new(path)),
            _ => {
                Err(("it is not a setting".to_owned(), "write text, or { file = \"path\" } and nothing else"))
            }
        },
        Value::Datetime(_) | Value::List(_) => Err((
            "it is not a setting".to_owned(),
            "write text, a number, true, false, or { file = \"path\" }",
        )),
    }
}

fn secret(path: &Path) -> Result<String, (String, &'static str)> {
    let remedy = "name a file of text that this user may read";
    let fault = |reason: String| (format!("its file cannot be read ({reason})"), remedy);
    let size = std::fs::metadata(path).map_err(|error| fault(error.to_string()))?.len();
    if size > SETTING_BYTES_MAX {
        return Err(fault(format!("it has {size} bytes; at most {SETTING_BYTES_MAX} are taken")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

fn topic(value: &Value) -> Result<String, (String, &'static str)> {
    match value {
        Value::Text(name) | Value::Word(name) => match check_topic(name) {
            Ok(()) => Ok(name.clone()),
            Err(why) => Err(("no topic can have this name".to_owned(), why.remedy())),
        },
        _ => Err(("it is not the name of a topic".to_owned(), "write its name as text")),
    }
}
