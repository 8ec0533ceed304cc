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

const RUST: Files =
    files!["examples/templates/rust", ".gitignore", "Cargo.toml", "README.md", "plugin.toml", "src/lib.rs",];

const TYPESCRIPT: Files = files![
    "examples/templates/typescript",
    ".gitignore",
    "README.md",
    "package-lock.json",
    "package.json",
    "plugin.test.js",
    "plugin.toml",
    "plugin.ts",
    "sdk/component.ts",
    "sdk/console.d.ts",
    "sdk/contract/interfaces/sluicegate-plugin-config.d.ts",
    "sdk/contract/interfaces/sluicegate-plugin-descriptor.d.ts",
    "sdk/contract/interfaces/sluicegate-plugin-logging.d.ts",
    "sdk/contract/interfaces/sluicegate-plugin-rules.d.ts",
    "sdk/contract/interfaces/sluicegate-plugin-types.d.ts",
    "sdk/contract/plugin.d.ts",
    "sdk/dates.ts",
    "sdk/guest.ts",
    "sdk/kinds.ts",
    "sdk/sdk.ts",
    "tsconfig.json",
];

const JAVASCRIPT: Files = files![
    "examples/templates/javascript",
    ".gitignore",
    "README.md",
    "package-lock.json",
    "package.json",
    "plugin.js",
    "plugin.test.js",
    "plugin.toml",
    "sdk/component.js",
    "sdk/dates.js",
    "sdk/guest.js",
    "sdk/kinds.js",
    "sdk/sdk.js",
];

const PYTHON: Files = files![
    "examples/templates/python",
    ".gitignore",
    "README.md",
    "order.py",
    "plugin.toml",
    "requirements.txt",
    "sluicegate/__init__.py",
    "sluicegate/form.py",
    "sluicegate/guest.py",
    "sluicegate/moment.py",
    "sluicegate/plugin.py",
    "sluicegate/record.py",
    "sluicegate/refuse.py",
    "test_order.py",
];

const GO: Files = files![
    "examples/templates/go",
    ".gitignore",
    "README.md",
    "bindings/README.md",
    "bindings/export_sluicegate_plugin_descriptor/describe_wasip1.go",
    "bindings/export_sluicegate_plugin_rules/judge_wasip1.go",
    "bindings/sluicegate_plugin_config/empty.s",
    "bindings/sluicegate_plugin_config/wit_bindings.go",
    "bindings/sluicegate_plugin_descriptor/empty.s",
    "bindings/sluicegate_plugin_descriptor/wit_bindings.go",
    "bindings/sluicegate_plugin_logging/empty.s",
    "bindings/sluicegate_plugin_logging/wit_bindings.go",
    "bindings/sluicegate_plugin_rules/empty.s",
    "bindings/sluicegate_plugin_rules/wit_bindings.go",
    "bindings/sluicegate_plugin_types/empty.s",
    "bindings/sluicegate_plugin_types/wit_bindings.go",
    "bindings/wit_exports/wit_exports_wasip1.go",
    "component/main_wasip1.go",
    "go.mod",
    "go.sum",
    "order.go",
    "order_test.go",
    "plugin.toml",
    "sluicegate/out.go",
    "sluicegate/read.go",
    "sluicegate/shape.go",
    "sluicegate/sluicegate.go",
    "sluicegate/walk.go",
];

const C: Files = files![
    "examples/templates/c",
    ".gitignore",
    "README.md",
    "bindings/README.md",
    "bindings/plugin.c",
    "bindings/plugin.h",
    "order.c",
    "plugin.toml",
    "sluicegate/sluicegate.c",
    "sluicegate/sluicegate.h",
    "test.c",
    "yyjson/LICENSE",
    "yyjson/README.md",
    "yyjson/yyjson.c",
    "yyjson/yyjson.h",
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
    "sdk/src/lax/strict.rs",
    "sdk/src/lax/whole.rs",
    "sdk/src/ledger.rs",
    "sdk/src/lib.rs",
    "sdk/src/log.rs",
    "sdk/src/meter.rs",
    "sdk/src/out.rs",
    "sdk/src/plugin.rs",
    "sdk/src/route.rs",
    "sdk/src/rule.rs",
    "sdk/src/rule/format.rs",
    "sdk/src/same.rs",
    "sdk/src/schema.rs",
    "sdk/src/setting.rs",
    "sdk/src/test.rs",
    "sdk/src/violation.rs",
];

/// The SDK's workspace, without what else is in the gateway's.
const SDK_WORKSPACE: &str = include_str!("template/sdk.toml");

const CONTRACT: &str = include_str!("../../../wit/plugin.wit");

/// Records and the verdicts that each template is to give.
const RECORDS: &str = include_str!("../../../examples/templates/records.ndjson");

/// Of a manifest what is not for its own tests and benchmarks, which are not there.
fn for_use(text: &'static str) -> &'static str {
    text.split("\n[dev-dependencies]").next().unwrap_or(text)
}

pub(super) fn files(language: Language) -> Vec<File> {
    let of = |files: Files, below: &'static str| {
        files.iter().map(move |(path, text)| File { path: format!("{below}{path}"), text: for_use(text) })
    };
    let one = |path: &str, text: &'static str| File { path: path.to_owned(), text };
    let mut all: Vec<File> = of(template(language), "").collect();
    all.push(one("records.ndjson", RECORDS));
    match language {
        Language::Rust => {
            all.extend(of(SDK, ".sluicegate/plugins/"));
            all.push(one(".sluicegate/plugins/Cargo.toml", SDK_WORKSPACE));
            all.push(one(".sluicegate/wit/plugin.wit", CONTRACT));
        }
        Language::Typescript | Language::Javascript | Language::Python => {
            all.push(one("wit/plugin.wit", CONTRACT));
        }
        // Their bindings are made and lie there.
        Language::Go | Language::C => {}
    }
    all
}

fn template(language: Language) -> Files {
    match language {
        Language::Rust => RUST,
        Language::Typescript => TYPESCRIPT,
        Language::Javascript => JAVASCRIPT,
        Language::Python => PYTHON,
        Language::Go => GO,
        Language::C => C,
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
        for (language, directory) in [
            (Language::Rust, "rust"),
            (Language::Typescript, "typescript"),
            (Language::Javascript, "javascript"),
            (Language::Python, "python"),
            (Language::Go, "go"),
            (Language::C, "c"),
        ] {
            let directory = format!("examples/templates/{directory}");
            assert_eq!(listed(template(language)), on_disk(&directory, ""));
        }
    }

    #[test]
    fn a_name_takes_the_place_of_the_templates_in_texts_and_identifiers() {
        assert_eq!(named("my-plugin /v1/my-plugin use my_plugin;", "a-b"), "a-b /v1/a-b use a_b;");
    }
}
