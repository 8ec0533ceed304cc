//! The README's examples, pasted.

use crate::process::{Gateway, Launch, repository};
use serde_json::Value;
use std::process::Command;

/// The commands of the README's console blocks, whole even where they run over lines.
fn commands() -> Vec<String> {
    let readme = std::fs::read_to_string(repository("README.md")).unwrap();
    let mut commands: Vec<String> = Vec::new();
    let (mut inside, mut open) = (false, false);
    for line in readme.lines() {
        if line.starts_with("```") {
            (inside, open) = (line == "```console", false);
        } else if inside && open {
            let command = commands.last_mut().unwrap();
            command.push('\n');
            command.push_str(line);
            open = unfinished(command);
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            commands.push(command.to_owned());
            open = unfinished(command);
        }
    }
    commands
}

fn unfinished(command: &str) -> bool {
    command.matches('\'').count() % 2 == 1 || command.ends_with('|') || command.ends_with('\\')
}

fn paste(gateway: &Gateway, command: &str) -> Value {
    let here = command
        .replace("127.0.0.1:8080", &gateway.data_address.to_string())
        .replace("127.0.0.1:8081", &gateway.admin_address.to_string());
    let output = Command::new("bash").args(["-c", &here]).output().unwrap();
    assert!(output.status.success(), "{here}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{here}: {error}: {}", String::from_utf8_lossy(&output.stdout)))
}

#[test]
fn the_curl_examples_answer_what_the_readme_says() {
    let directory = tempfile::tempdir().unwrap();
    let gateway = Launch::serve(&directory.path().join("data")).start();
    let curls: Vec<String> = commands()
        .into_iter()
        .filter(|command| command.contains("curl ") && !command.contains("dead-letter"))
        .collect();
    assert_eq!(curls.len(), 4, "{curls:#?}");

    let valid = paste(&gateway, &curls[0]);
    assert_eq!(valid["message"], "Financial transaction ingested successfully");
    assert_eq!(valid["transaction_id"], "FT-1001");

    let invalid = paste(&gateway, &curls[1]);
    assert_eq!(invalid["status"], 422);
    let codes: Vec<_> =
        invalid["violations"].as_array().unwrap().iter().map(|violation| &violation["code"]).collect();
    assert_eq!(codes, ["greater_than", "string_too_long"]);

    let batch = paste(&gateway, &curls[2]);
    assert_eq!((&batch["counts"]["committed"], &batch["counts"]["rejected"]), (&1.into(), &1.into()));

    let compressed = paste(&gateway, &curls[3]);
    assert_eq!((&compressed["counts"]["committed"], &compressed["counts"]["rejected"]), (&1.into(), &0.into()));
}
