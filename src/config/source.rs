//! The places a configuration comes from, laid over each other.

use super::problem::{Origin, Problem};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Begins the name of an environment variable that sets a key. Two underscores: Kubernetes puts
/// `SLUICEGATE_SERVICE_HOST` and its like into every pod beside a service of that name.
const VARIABLE_PREFIX: &str = "SLUICEGATE__";

/// A value before anybody knows what it should be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    /// As written: an integer that does not fit, or a float.
    Number(String),
    Boolean(bool),
    Datetime(String),
    List(Vec<Value>),
    Table(Table),
    /// Of a flag or a variable, which have no types: whatever the key wants.
    Word(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub value: Value,
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Table(pub BTreeMap<String, Node>);

impl Value {
    /// As it would be written.
    pub fn written(&self) -> String {
        match self {
            Value::Text(text) => toml::Value::String(text.clone()).to_string(),
            Value::Integer(value) => value.to_string(),
            Value::Number(text) | Value::Datetime(text) | Value::Word(text) => text.clone(),
            Value::Boolean(value) => value.to_string(),
            Value::List(values) => {
                format!("[{}]", values.iter().map(Value::written).collect::<Vec<_>>().join(", "))
            }
            Value::Table(_) => "{…}".to_owned(),
        }
    }
}

/// What a file's text says. What is readable of a broken one is read, so that all of it can be reported.
pub(super) fn parse(text: &str, path: &Arc<Path>, problems: &mut Vec<Problem>) -> Table {
    let (table, errors) = DeTable::parse_recoverable(text);
    let reading = Reading { text, path };
    for error in errors {
        let line = reading.origin(error.span().map_or(0, |span| span.start));
        let fault = format!("this is not TOML: {}", error.message().lines().collect::<Vec<_>>().join(", "));
        let remedy =
            "mend the line; `sluicegate check --print-config` prints a file that is right".to_owned();
        problems.push(Problem { origin: line, key: String::new(), value: String::new(), fault, remedy });
    }
    reading.table(table.get_ref())
}

/// A literal of ours, as it would stand in a file.
pub(super) fn literal(text: &str) -> Value {
    let parsed = DeValue::parse(text)
        .map(|value| Reading { text, path: &Arc::from(Path::new("")) }.value(value.get_ref()));
    parsed.unwrap_or_else(|error| unreachable!("a default is written as TOML: {error}"))
}

struct Reading<'a> {
    text: &'a str,
    path: &'a Arc<Path>,
}

impl Reading<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Origin::File { path: self.path.clone(), line }
    }

    fn table(&self, table: &DeTable<'_>) -> Table {
        let node = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let origin = self.origin(key.span().start);
            (
                AsRef::<str>::as_ref(key.get_ref()).to_owned(),
                Node { value: self.value(value.get_ref()), origin },
            )
        };
        Table(table.iter().map(|(key, value)| node((key, value))).collect())
    }

    fn value(&self, value: &DeValue<'_>) -> Value {
        match value {
            DeValue::String(text) => Value::Text(text.clone().into_owned()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(value) => Value::Integer(value),
                Err(_) => Value::Number(number.to_string()),
            },
            DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
            DeValue::Boolean(value) => Value::Boolean(*value),
            DeValue::Datetime(time) => Value::Datetime(time.to_string()),
            DeValue::Array(values) => {
                Value::List(values.iter().map(|value| self.value(value.get_ref())).collect())
            }
            DeValue::Table(table) => Value::Table(self.table(table)),
        }
    }
}

/// Which of two values for a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precedence {
    Over,
    Under,
}

impl Table {
    /// Sets a key that lies this deep, unless something else than a table is on the way: then that is replaced,
    /// and reported where a table is wanted.
    pub fn set(&mut self, path: &[&str], word: String, origin: Origin, precedence: Precedence) {
        let Some((first, rest)) = path.split_first() else { return };
        let entry = self.0.entry((*first).to_owned());
        if rest.is_empty() {
            let node = Node { value: Value::Word(word), origin };
            match precedence {
                Precedence::Over => drop(entry.insert_entry(node)),
                Precedence::Under => drop(entry.or_insert(node)),
            }
            return;
        }
        let node =
            entry.or_insert_with(|| Node { value: Value::Table(Table::default()), origin: origin.clone() });
        if let Value::Table(table) = &mut node.value {
            table.set(rest, word, origin, precedence);
        }
    }

    /// Lays the environment's `SLUICEGATE__SECTION__KEY` over the file.
    pub fn set_variable(&mut self, name: &str, word: &str, problems: &mut Vec<Problem>) {
        let Some(path) = name.strip_prefix(VARIABLE_PREFIX) else { return };
        let origin = Origin::Variable(name.to_owned());
        let segments: Vec<&str> = path.split("__").collect();
        if segments.len() < 2 || segments.iter().any(|segment| segment.is_empty()) {
            let fault = "it names no key".to_owned();
            let remedy = format!("write {VARIABLE_PREFIX}SECTION__KEY, e.g. {VARIABLE_PREFIX}HTTP__LISTEN");
            problems.push(Problem { origin, key: String::new(), value: word.to_owned(), fault, remedy });
            return;
        }
        let path = self.spelt(&segments);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        self.set(&path, word.to_owned(), origin, Precedence::Over);
    }

    /// The names of variables are upper-case and without dashes: a key that is there already says how it is
    /// spelt; of the others plugins have dashes, and nothing else has.
    fn spelt(&self, segments: &[&str]) -> Vec<String> {
        let mut table = Some(self);
        let mut path: Vec<String> = Vec::with_capacity(segments.len());
        for segment in segments {
            let folded = fold(segment);
            let there = table.and_then(|table| table.0.keys().find(|key| fold(key) == folded));
            let names_plugin = path.len() == 1 && path[0] == "plugin";
            let key = match there {
                Some(key) => key.clone(),
                None if names_plugin => folded.replace('_', "-"),
                None => folded,
            };
            table = match table.and_then(|table| table.0.get(&key)) {
                Some(Node { value: Value::Table(table), .. }) => Some(table),
                _ => None,
            };
            path.push(key);
        }
        path
    }
}

fn fold(key: &str) -> String {
    key.to_ascii_lowercase().replace('-', "_")
}
