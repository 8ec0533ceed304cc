//! The projects that `plugin new` writes: their sources are in `examples/templates`, and the SDK's in `plugins/sdk`.

use super::language::Language;

/// A file of a project.
pub(super) struct File {
    /// In the project.
    pub path: String,
    pub text: &'static str,
}

/// The name that stands in the templates for the plugin's own.
const NAME: &str = "my-plugin";

/// A text of a template for a plugin of this name; also where the name is to be an identifier.
pub(super) fn named(text: &str, name: &str) -> String {
    text.replace(NAME, name).replace(&NAME.replace('-', "_"), &name.replace('-', "_"))
}

macro_rules! files {
    ($from:literal, $($path:literal,)*) => {
        &[$(($path, include_str!(concat!("../../../", $from, "/", $path)))),*]
    };
}

type Files = &'static [(&'static str, &'static str)];

const RUST: Files = files![
    "examples/templates/rust",
    ".gitignore",
    "Cargo.toml",
    "README.md",
    "plugin.toml",
    "records.ndjson",
    "src/lib.rs",
];

/// What a plugin in Rust is built with: where its own project is, the SDK has to be.
const SDK: Files = files![
    "plugins",
    "sdk/Cargo.toml",
    "sdk/derive/Cargo.toml",
    "sdk/derive/src/attribute.rs",
    "sdk/derive/src/choice.rs",
    "sdk/derive/src/lib.rs",
    "sdk/derive/src/shape.rs",
    "sdk/derive/src/write.rs",
    "sdk/src/arena.rs",
    "sdk/src/at.rs",
    "sdk/src/example.rs",
    "sdk/src/field.rs",
    "sdk/src/guest.rs",
    "sdk/src/host.rs",
    "sdk/src/json.rs",
    "sdk/src/json/number.rs",
    "sdk/src/json/skip.rs",
    "sdk/src/json/string.rs",
    "sdk/src/lax.rs",
    "sdk/src/lax/calendar.rs",
    "sdk/src/lax/clock.rs",
    "sdk/src/lax/miss.rs",
    "sdk/src/lax/whole.rs",
    "sdk/src/ledger.rs",
    "sdk/src/lib.rs",
    "sdk/src/log.rs",
    "sdk/src/meter.rs",
    "sdk/src/out.rs",
    "sdk/src/plugin.rs",
    "sdk/src/route.rs",
    "sdk/src/rule.rs",
    "sdk/src/same.rs",
    "sdk/src/schema.rs",
    "sdk/src/setting.rs",
    "sdk/src/test.rs",
    "sdk/src/violation.rs",
];

/// The SDK's workspace, without what else is in the gateway's.
const SDK_WORKSPACE: &str = include_str!("template/sdk.toml");

const CONTRACT: &str = include_str!("../../../wit/plugin.wit");

/// Of a manifest what is not for its own tests and benchmarks, which are not there.
fn for_use(text: &'static str) -> &'static str {
    text.split("\n[dev-dependencies]").next().unwrap_or(text)
}

pub(super) fn files(language: Language) -> Vec<File> {
    let of = |files: Files, below: &'static str| {
        files.iter().map(move |(path, text)| File { path: format!("{below}{path}"), text: for_use(text) })
    };
    let one = |path: &str, text: &'static str| File { path: path.to_owned(), text };
    match language {
        Language::Rust => {
            let mut all: Vec<File> = of(RUST, "").chain(of(SDK, ".sluicegate/plugins/")).collect();
            all.push(one(".sluicegate/plugins/Cargo.toml", SDK_WORKSPACE));
            all.push(one(".sluicegate/wit/plugin.wit", CONTRACT));
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Everything below a directory, but what tests, benchmarks and builds leave there.
    fn below(directory: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_dir() {
                if !["tests", "benches", "target"].contains(&name.as_str()) {
                    below(&entry.path(), &format!("{prefix}{name}/"), found);
                }
            } else if name != "tests.rs" {
                found.insert(format!("{prefix}{name}"));
            }
        }
    }

    fn on_disk(directory: &str, prefix: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory), prefix, &mut found);
        found
    }

    fn listed(files: Files) -> BTreeSet<String> {
        files.iter().map(|(path, _)| (*path).to_owned()).collect()
    }

    #[test]
    fn no_file_of_the_sdk_or_a_template_is_left_out() {
        assert_eq!(listed(SDK), on_disk("plugins/sdk", "sdk/"));
        assert_eq!(listed(RUST), on_disk("examples/templates/rust", ""));
    }

    /// They are to give the same verdicts.
    #[test]
    fn all_templates_have_the_same_records() {
        let records = include_str!("../../../examples/templates/records.ndjson");
        for (path, text) in RUST.iter().filter(|(path, _)| *path == "records.ndjson") {
            assert_eq!(text, &records, "{path}");
        }
    }

    #[test]
    fn a_name_takes_the_place_of_the_templates_in_texts_and_identifiers() {
        assert_eq!(named("my-plugin /v1/my-plugin use my_plugin;", "a-b"), "a-b /v1/a-b use a_b;");
    }
}
