//! Reads the keys of a section one by one, writes down all that is wrong, and knows what is left over.

use super::problem::{Origin, Problem};
use super::reference::Reference;
use super::source::{Node, Table, Value, literal};
use super::value::Wrong;

/// What is found on the way through all sections.
#[derive(Default)]
pub(super) struct Findings {
    pub problems: Vec<Problem>,
    pub reference: Reference,
    /// Keys that nobody asked for: the section's path, the key, and what the section knows.
    leftovers: Vec<Leftover>,
    /// Every key that was asked for, with its section.
    known: Vec<(String, &'static str)>,
}

struct Leftover {
    section: String,
    key: String,
    node: Node,
}

/// One section of the configuration.
pub(super) struct Section<'a> {
    path: String,
    table: Table,
    findings: &'a mut Findings,
}

impl<'a> Section<'a> {
    /// Takes the section out of the tree.
    pub fn open(
        tree: &mut Table,
        path: &'static str,
        doc: &'static str,
        findings: &'a mut Findings,
    ) -> Section<'a> {
        findings.reference.section(path, doc);
        let table = take_table(tree, path, path, findings);
        Section { path: path.to_owned(), table, findings }
    }

    /// A section below one that is open, or one whose name the configuration chose.
    pub fn within(table: Table, path: String, findings: &'a mut Findings) -> Section<'a> {
        Section { path, table, findings }
    }

    /// Takes a table of this section, without reading it.
    pub fn table(&mut self, key: &'static str) -> Table {
        self.findings.known.push((self.path.clone(), key));
        let path = format!("{}.{key}", self.path);
        take_table(&mut self.table, key, &path, self.findings)
    }

    /// The value of a key, or its default. `default` is written as in a file.
    pub fn read<T>(
        &mut self,
        key: &'static str,
        default: &'static str,
        doc: &'static str,
        kind: impl Fn(&Value) -> Result<T, Wrong>,
    ) -> T {
        self.inherit(key, None, default, doc, kind)
    }

    /// The value of a key, or what another section said, or the default.
    pub fn inherit<T>(
        &mut self,
        key: &'static str,
        inherited: Option<T>,
        default: &'static str,
        doc: &'static str,
        kind: impl Fn(&Value) -> Result<T, Wrong>,
    ) -> T {
        self.findings.reference.key(&self.path, key, default, doc);
        let fallback = || {
            let read = kind(&literal(default));
            read.unwrap_or_else(|wrong| unreachable!("the default of {key} is right: {}", wrong.fault))
        };
        self.value(key, &kind).or(inherited).unwrap_or_else(fallback)
    }

    /// The value of a key that need not have one. `example` is written as in a file.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        example: &'static str,
        doc: &'static str,
        kind: impl Fn(&Value) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.findings.reference.optional(&self.path, key, example, doc);
        self.value(key, kind)
    }

    fn value<T>(&mut self, key: &'static str, kind: impl Fn(&Value) -> Result<T, Wrong>) -> Option<T> {
        self.findings.known.push((self.path.clone(), key));
        let node = self.table.0.remove(key)?;
        match kind(&node.value) {
            Ok(value) => Some(value),
            Err(Wrong { fault, remedy }) => {
                let key = format!("{}.{key}", self.path);
                let value = node.value.written();
                self.findings.problems.push(Problem { origin: node.origin, key, value, fault, remedy });
                None
            }
        }
    }
}

/// What nobody asked for by the end is unknown.
impl Drop for Section<'_> {
    fn drop(&mut self) {
        self.findings.leave(&self.path, std::mem::take(&mut self.table));
    }
}

/// The table under a key; empty if it is missing or, which is then reported, something else.
pub(super) fn take_table(table: &mut Table, key: &str, path: &str, findings: &mut Findings) -> Table {
    match table.0.remove(key) {
        None => Table::default(),
        Some(Node { value: Value::Table(table), .. }) => table,
        Some(Node { value, origin }) => {
            let fault = "it is a section, not a value".to_owned();
            let remedy = format!("write a line [{path}] and its keys below");
            let value = value.written();
            findings.problems.push(Problem { origin, key: path.to_owned(), value, fault, remedy });
            Table::default()
        }
    }
}

impl Findings {
    fn leave(&mut self, section: &str, table: Table) {
        let leftover = |(key, node): (String, Node)| Leftover { section: section.to_owned(), key, node };
        self.leftovers.extend(table.0.into_iter().map(leftover));
    }

    /// Reports what is left over. `tree` holds the sections that nobody knows.
    pub fn finish(mut self, tree: Table) -> (Vec<Problem>, Reference) {
        self.leave("", tree);
        for leftover in std::mem::take(&mut self.leftovers) {
            let problem = self.unknown(leftover);
            self.problems.push(problem);
        }
        self.drop_consequences();
        self.problems.sort_by_key(|problem| match &problem.origin {
            Origin::Flag(_) => (0, 0),
            Origin::Variable(_) => (1, 0),
            Origin::File { line, .. } => (2, *line),
            Origin::Default => (3, 0),
        });
        (self.problems, self.reference)
    }

    /// What is read of a line that is not TOML is a guess: only the line itself is reported.
    fn drop_consequences(&mut self) {
        let broken: Vec<Origin> =
            self.problems.iter().filter(|p| p.key.is_empty()).map(|p| p.origin.clone()).collect();
        self.problems.retain(|problem| problem.key.is_empty() || !broken.contains(&problem.origin));
    }

    fn unknown(&self, Leftover { section, key, node }: Leftover) -> Problem {
        let here: Vec<&str> =
            self.known.iter().filter(|(path, _)| *path == section).map(|(_, key)| *key).collect();
        let elsewhere = self.known.iter().find(|(_, known)| *known == key);
        let (what, remedy) = if section.is_empty() {
            let sections = self.reference.sections();
            let remedy = match nearest(&key, &sections) {
                Some(near) => format!("did you mean [{near}]?"),
                None => format!("the sections are {}", sections.join(", ")),
            };
            ("there is no such section", remedy)
        } else if let Some(near) = nearest(&key, &here) {
            ("there is no such key", format!("did you mean {near}?"))
        } else if let Some((path, known)) = elsewhere {
            ("there is no such key here", format!("did you mean {path}.{known}?"))
        } else {
            ("there is no such key", format!("[{section}] has {}", here.join(", ")))
        };
        let path = if section.is_empty() { key } else { format!("{section}.{key}") };
        let value = node.value.written();
        Problem { origin: node.origin, key: path, value, fault: what.to_owned(), remedy }
    }
}

fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |known: &&&str| strsim::damerau_levenshtein(key, known);
    let near = known.iter().min_by_key(distance)?;
    // A third of the letters may be wrong: more than that is another word.
    (distance(&near) <= key.len().max(near.len()) / 3).then_some(near)
}
