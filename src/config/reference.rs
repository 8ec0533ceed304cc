//! Every key with its default and meaning, as a file: written down while the keys are read, so that it cannot
//! know others than the reader does.

use std::fmt::Write;

#[derive(Default)]
pub(super) struct Reference {
    sections: Vec<Entry>,
}

struct Entry {
    path: &'static str,
    doc: &'static str,
    keys: Vec<Key>,
}

struct Key {
    name: &'static str,
    value: &'static str,
    doc: &'static str,
    /// Not set unless somebody does.
    optional: bool,
}

const HEAD: &str = "\
# Every key of Sluicegate's configuration, with its default and what it means.
#
# A file needs none of them: `sluicegate serve` runs without one. `sluicegate check --config FILE` says all that
# is wrong with a file at once. A key can be set by a flag (--config --plugins --data --listen --admin), by an
# environment variable SLUICEGATE__SECTION__KEY (e.g. SLUICEGATE__HTTP__LISTEN), or here; the first of these holds.
# Bytes are a number or text with a unit (\"64MiB\"). Paths begin where the gateway is started. Lines with a '#'
# before a key show what it could be: it has no value unless you give one.
";

const TAIL: &str = r#"
# What holds for one plugin, by the name it gives itself: any key of [plugins.limits], and
#
# [plugin.financial-transaction]
# memory_bytes_max = "128MiB"
#
# What its author lets you set. Text, or a number or boolean, which it gets as text; `{ file = "path" }` reads the
# value from a file, without the line's end: for secrets.
#
# [plugin.financial-transaction.settings]
# currency = "EUR"
# token = { file = "/run/secrets/token" }
#
# Its topics, by its own names for them, and the real ones.
#
# [plugin.financial-transaction.topics]
# raw_financial_transactions = "payments.raw"
#
# One of its routes, by its path. A batch with a rejected record: "partial" takes the others, "atomic" takes none and
# answers 422. While Kafka is away: "spool" stores records and answers 202, "reject" answers 503, which keeps the order
# over several gateways. `rejected_dead_letters` says whether its rejected records are kept; left out, it is as
# dead_letters.rejected has it for all routes.
#
# [plugin.financial-transaction.routes."/ingest-financial-transaction/"]
# on_invalid = "partial"
# on_outage = "spool"
# rejected_dead_letters = false
"#;

impl Reference {
    pub fn section(&mut self, path: &'static str, doc: &'static str) {
        self.sections.push(Entry { path, doc, keys: Vec::new() });
    }

    pub fn key(&mut self, section: &str, name: &'static str, value: &'static str, doc: &'static str) {
        self.add(section, Key { name, value, doc, optional: false });
    }

    pub fn optional(&mut self, section: &str, name: &'static str, value: &'static str, doc: &'static str) {
        self.add(section, Key { name, value, doc, optional: true });
    }

    /// Sections whose names the configuration chose are not in the reference.
    fn add(&mut self, section: &str, key: Key) {
        if let Some(entry) = self.sections.iter_mut().find(|entry| entry.path == section) {
            entry.keys.push(key);
        }
    }

    /// The top-level sections.
    pub fn sections(&self) -> Vec<&'static str> {
        let top = self.sections.iter().map(|entry| entry.path).filter(|path| !path.contains('.'));
        top.chain(["plugin"]).collect()
    }

    pub fn print(&self) -> String {
        let mut text = HEAD.to_owned();
        for Entry { path, doc, keys } in &self.sections {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n# {doc}\n[{path}]\n");
            for Key { name, value, doc, optional } in keys {
                let comment = if *optional { "# " } else { "" };
                let _ = write!(text, "# {doc}\n{comment}{name} = {value}\n");
            }
        }
        text + TAIL
    }
}
