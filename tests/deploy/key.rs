//! Keys, variables and commands are those that the gateway reads.

use crate::deployed::{files, read};
use crate::process::repository;
use sluicegate::config::{Config, Flags, print_reference};
use std::collections::BTreeSet;
use std::process::Command;

/// The configurations that are shipped.
pub const CONFIGURATIONS: [&str; 3] =
    ["sluicegate.toml", "kubernetes/sluicegate.toml", "systemd/sluicegate.toml"];

/// Variables of OpenTelemetry's whose names do not stand in the sources: the SDK reads the first, the second is made of
/// its signal's name.
const NAMED_ELSEWHERE: &[&str] = &["OTEL_RESOURCE_ATTRIBUTES", "OTEL_METRICS_EXPORTER"];

/// What has keys of its own.
const OTHERS: [&str; 5] = ["collector/", "alloy/", "grafana/", "consumer/", "tempo/"];

/// A shipped configuration, with directories that are there.
pub fn load(file: &str) -> Config {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("sluicegate.toml");
    std::fs::write(&config, read(file)).unwrap();
    let here = Some(directory.path().to_owned());
    let flags = Flags { config: Some(config), plugins: here.clone(), data: here, ..Flags::default() };
    Config::load(flags, std::iter::empty()).unwrap_or_else(|problems| panic!("deploy/{file}: {problems}"))
}

/// Every key, with its section.
fn keys() -> BTreeSet<String> {
    keys_of(&print_reference()).into_iter().collect()
}

/// Also those in comments.
fn keys_of(toml: &str) -> Vec<String> {
    let (mut section, mut found) = (String::new(), Vec::new());
    for line in toml.lines() {
        let line = line.trim_start_matches("# ");
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| key.chars().all(is_of_key)) {
            found.push(format!("{section}.{key}"));
        }
    }
    found
}

fn is_of_key(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

/// All of the gateway's own code.
pub fn sources() -> String {
    let (mut text, mut folders) = (String::new(), vec![repository("src")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    text
}

/// Words of a text: what is between characters that are not in any key, variable or flag.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))
        .map(|word| word.trim_matches(['.', '-']))
}

#[test]
fn every_shipped_configuration_is_one_that_the_gateway_takes() {
    for file in CONFIGURATIONS {
        load(file);
    }
}

#[test]
fn every_key_that_is_shown_or_named_is_there() {
    let keys = keys();
    let sections: BTreeSet<&str> = keys.iter().map(|key| key.rsplit_once('.').unwrap().0).collect();
    let bare: BTreeSet<&str> = keys.iter().map(|key| key.rsplit_once('.').unwrap().1).collect();
    let mut wrong = Vec::new();
    for file in CONFIGURATIONS {
        for key in keys_of(&read(file)).into_iter().filter(|key| !keys.contains(key)) {
            wrong.push(format!("{file}: {key}"));
        }
    }
    for (file, text) in files() {
        if OTHERS.iter().any(|other| file.starts_with(other)) {
            continue;
        }
        for word in words(&text) {
            let is_wrong = match word.rsplit_once('.') {
                Some((section, key)) => {
                    sections.contains(section)
                        && key.contains('_')
                        && key.chars().all(is_of_key)
                        && !keys.contains(word)
                }
                None => {
                    let is_key = ["_ms", "_max", "_min", "_percent"].iter().any(|end| word.ends_with(end));
                    is_key && word.chars().all(is_of_key) && !bare.contains(word)
                }
            };
            if is_wrong {
                wrong.push(format!("{file}: {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "no such keys:\n{}", wrong.join("\n"));
}

#[test]
fn every_variable_is_one_that_the_gateway_heeds() {
    let keys: BTreeSet<String> = keys().iter().map(|key| key.to_uppercase().replace('.', "__")).collect();
    let sources = sources();
    let mut wrong = Vec::new();
    for (file, text) in files() {
        // The consumer's are those of OpenTelemetry for Python.
        if file.starts_with("consumer/") {
            continue;
        }
        for word in words(&text) {
            let heeded = match word.strip_prefix("SLUICEGATE__") {
                Some(key) => key == "SECTION__KEY" || keys.contains(key),
                None if word.starts_with("OTEL_") => {
                    sources.contains(&format!("\"{word}\"")) || NAMED_ELSEWHERE.contains(&word)
                }
                None => true,
            };
            if !heeded {
                wrong.push(format!("{file}: {word}"));
            }
        }
    }
    assert!(wrong.is_empty(), "no such variables:\n{}", wrong.join("\n"));
}

#[test]
fn every_command_and_flag_is_one_that_the_gateway_has() {
    let help = |words: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_sluicegate")).args(words).arg("--help").output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    };
    let mut wrong = Vec::new();
    for (file, text) in files() {
        for line in text.lines() {
            for (at, _) in line.match_indices("sluicegate ") {
                // A command stands in backticks, or at the start of a process.
                let is_command = line[..at].ends_with(['`', '/']) || line[..at].ends_with("-- ");
                let end = line[at..].find(['`', ';', '"']).map_or(line.len(), |length| at + length);
                let mut words = line[at..end].split_whitespace().skip(1);
                let is_word = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase());
                let Some(command) = words.next().filter(is_word).filter(|_| is_command) else { continue };
                let mut path = vec![command];
                let rest: Vec<&str> = words.collect();
                // `spool inspect` and its like.
                path.extend(rest.first().filter(|word| command == "spool" && !word.starts_with('-')));
                let Some(help) = help(&path) else {
                    wrong.push(format!("{file}: {}", &line[at..end]));
                    continue;
                };
                for flag in rest.iter().filter(|word| word.starts_with("--")) {
                    if !help.contains(flag) {
                        wrong.push(format!("{file}: {flag} in {}", &line[at..end]));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "no such commands:\n{}", wrong.join("\n"));
}
