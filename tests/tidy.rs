//! The invariants of ARCHITECTURE.md that can be read off the source.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms each room may name. What is not listed has no business there.
const ROOMS: &[(&str, &[&str])] = &[
    ("record", &[]),
    ("verdict", &["record"]),
    ("shutdown", &[]),
    ("telemetry", &["record", "verdict"]),
    ("sink", &["record", "verdict", "telemetry"]),
    ("plugin", &["record", "verdict", "telemetry"]),
    ("pipeline", &["record", "verdict", "telemetry", "sink", "plugin"]),
    ("http", &["record", "verdict", "telemetry", "sink", "plugin", "pipeline", "shutdown"]),
    ("config", &["record", "telemetry", "sink", "plugin", "http", "shutdown"]),
    ("app", &["config", "telemetry", "sink", "plugin", "pipeline", "http", "shutdown"]),
    ("cli", &["app", "config", "shutdown", "telemetry", "sink", "plugin", "verdict", "record"]),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// What only some files may name.
const CONFINED: &[(&str, &[&str])] = &[
    ("wasmtime", &["src/plugin.rs", "src/plugin/"]),
    ("wit_component", &["src/plugin/"]),
    ("notify", &["src/plugin/watch.rs"]),
    ("rdkafka", &["src/sink/kafka"]),
    ("hyper", &["src/http.rs", "src/http/", "src/cli/simulate"]),
    ("http_body_util", &["src/http.rs", "src/http/", "src/cli/simulate"]),
    ("opentelemetry", &["src/telemetry.rs", "src/telemetry/"]),
    ("opentelemetry_sdk", &["src/telemetry.rs", "src/telemetry/"]),
    ("prometheus", &["src/telemetry.rs", "src/telemetry/"]),
    ("opentelemetry_otlp", &["src/telemetry/export"]),
    ("reqwest", &["src/telemetry/export"]),
    ("rustls", &["src/telemetry/export"]),
    ("anyhow", &["src/main.rs"]),
    ("std::env", &["src/main.rs", "src/cli.rs", "src/cli/", "src/config.rs", "src/config/"]),
    ("StatusCode", &["src/http.rs", "src/http/", "src/cli/simulate"]),
    ("Shipment", &["src/sink.rs", "src/sink/", "src/pipeline.rs", "src/pipeline/"]),
];

/// What `record` and `verdict` may not name: they do no I/O, wait for nothing and log nothing.
const IMPURE: &[&str] = &["tokio", "tracing", "async", "std::fs", "std::net", "std::thread", "std::time"];

/// Lines a file may have, its tests apart.
const FILE_LINES_MAX: usize = 500;

fn sources(root: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(root)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{root} holds no Rust source");
    found
}

/// The code of a file without its comments and its test modules at the end.
fn code(source: &str) -> impl Iterator<Item = (usize, &str)> {
    source
        .lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs") || name.ends_with("_tests.rs")
}

fn names(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let part_of_name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !part_of_name(before) && !part_of_name(after)
    })
}

/// `src/http/body.rs` belongs to the room `http`.
fn room(name: &str) -> String {
    let inside = name.strip_prefix("src/").unwrap();
    Path::new(inside.split('/').next().unwrap()).file_stem().unwrap().to_string_lossy().into_owned()
}

#[test]
fn rooms_name_only_the_rooms_below_them() {
    let allowed: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (name, source) in sources("src") {
        if is_test(&name) {
            continue;
        }
        let room = room(&name);
        let may =
            allowed.get(room.as_str()).unwrap_or_else(|| panic!("{name}: a room that ROOMS does not list"));
        for (number, line) in code(&source) {
            for (other, _) in ROOMS.iter().filter(|(other, _)| *other != room && !may.contains(other)) {
                if names(line, &format!("crate::{other}")) || names(line, &format!("sluicegate::{other}")) {
                    wrong.push(format!("{name}:{number}: {room} may not name {other}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn vendors_stay_in_the_rooms_that_know_them() {
    let mut wrong = Vec::new();
    for (name, source) in sources("src") {
        if is_test(&name) {
            continue;
        }
        for (number, line) in code(&source) {
            for (word, places) in CONFINED {
                let vendor = names(line, word) && !line.contains(&format!("\"{word}"));
                let is_path = line.contains(&format!("{word}::"))
                    || line.contains("use ")
                    || !word.chars().all(|c| c.is_lowercase() || c == '_');
                if vendor && is_path && !places.iter().any(|place| name.starts_with(place)) {
                    wrong.push(format!("{name}:{number}: '{word}' belongs to {}", places.join(", ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn records_and_verdicts_are_pure() {
    let mut wrong = Vec::new();
    for (name, source) in
        sources("src").iter().filter(|(name, _)| ["record", "verdict"].contains(&&*room(name)))
    {
        for (number, line) in code(source) {
            if let Some(word) = IMPURE.iter().find(|word| names(line, word)) {
                wrong.push(format!("{name}:{number}: '{word}' in a pure room"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_two_subjects() {
    let mut long = Vec::new();
    for root in ["src", "plugins", "tests", "benches"] {
        for (name, source) in sources(root) {
            let lines = if is_test(&name) { source.lines().count() } else { code(&source).count() };
            if lines > FILE_LINES_MAX {
                long.push(format!("{name}: {lines} lines, at most {FILE_LINES_MAX}"));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn unsafe_code_is_forbidden_and_nothing_is_skipped() {
    let library = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).unwrap();
    assert!(library.contains("#![forbid(unsafe_code)]"));
    let ignored = concat!("#[", "ignore");
    for root in ["src", "tests", "plugins"] {
        for (name, source) in sources(root) {
            assert!(!source.contains(ignored), "{name} skips a test");
        }
    }
}

#[test]
fn the_map_names_every_room_and_stays_short() {
    let map = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/ARCHITECTURE.md")).unwrap();
    assert!(map.lines().count() < 300, "ARCHITECTURE.md has {} lines", map.lines().count());
    for (room, _) in ROOMS.iter().filter(|(room, _)| !["main", "lib"].contains(room)) {
        assert!(map.contains(&format!("`{room}`")), "ARCHITECTURE.md does not name the room `{room}`");
    }
}

#[test]
fn the_readmes_plugin_is_the_one_that_the_sdk_tests() {
    let read = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let readme = read("README.md");
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let library = read("plugins/sdk/src/lib.rs");
    let tested: String = library
        .lines()
        .skip_while(|line| *line != "//! ```")
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .map(|line| line.strip_prefix("//!").unwrap().strip_prefix(' ').unwrap_or_default())
        .filter(|line| !line.starts_with("# "))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(shown, tested);
}
