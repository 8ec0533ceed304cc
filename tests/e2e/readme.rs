//! The README's examples, pasted.

use crate::process::{Gateway, Launch, repository};
use serde_json::Value;
use sluicegate::record::RecordIds;
use sluicegate::sink::log::{Config, Directory, EntryRef, Frames};
use std::path::Path;
use std::process::Command;

/// Where the README's command for dead letters reads.
const DEAD: &str = "raw_insurance_claims.dead-letter";

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

/// Runs a command of the README where `./data` is, with the gateway's ports for those of the README.
fn paste(gateway: &Gateway, directory: &Path, command: &str) -> Value {
    let here = command
        .replace("127.0.0.1:8080", &gateway.data_address.to_string())
        .replace("127.0.0.1:8081", &gateway.admin_address.to_string());
    let binaries = Path::new(env!("CARGO_BIN_EXE_sluicegate")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", &here])
        .env("PATH", path)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{here}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{here}: {error}: {}", String::from_utf8_lossy(&output.stdout)))
}

/// The arguments of `cargo run --release -- …`: what a newcomer types, without the build.
fn runs() -> Vec<Vec<String>> {
    let words = |command: String| {
        let arguments = command.strip_prefix("cargo run --release -- ")?.split(' ');
        Some(arguments.map(str::to_owned).collect())
    };
    commands().into_iter().filter_map(words).collect()
}

#[test]
fn the_first_commands_serve_send_traffic_and_show_it() {
    let runs = runs();
    assert_eq!(runs, [&["serve"][..], &["simulate"], &["tail", "raw_financial_transactions"]]);
    // As in the repository, whose plugins lie in ./plugins, but with the records elsewhere.
    let directory = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(repository("plugins"), directory.path().join("plugins")).unwrap();
    let mut launch = Launch::bare();
    launch.command.current_dir(directory.path());
    let mut gateway = launch.start();
    let run = |words: &[String], more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
        let output = command.args(words).args(more).current_dir(directory.path()).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    // The ports are not those of the README: another gateway may have them.
    let report = run(&runs[1], &["--url", &format!("http://{}", gateway.data_address)]);
    assert!(!report.is_empty());
    let tail = run(&runs[2], &[]);
    println!("{report}{} transactions were kept", tail.lines().count());
    assert!(tail.lines().count() > 1_000, "{report}");
    assert!(tail.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    gateway.signal("-INT");
    assert_eq!(gateway.exit().code(), Some(0), "stopped by Ctrl-C");
}

/// What a curl of the README is answered. A new one has to say here what it shows.
fn check(command: &str, answer: &Value) {
    if command.contains("FT-1001") {
        assert_eq!(answer["message"], "Financial transaction ingested successfully");
        assert_eq!(answer["transaction_id"], "FT-1001");
        assert_eq!(answer["status"], "committed");
    } else if command.contains("FT-1002") {
        assert_eq!(answer["status"], 422);
        let violations = answer["violations"].as_array().unwrap();
        let codes: Vec<_> = violations.iter().map(|violation| &violation["code"]).collect();
        assert_eq!(codes, ["greater_than", "string_too_long"]);
    } else if command.contains("C-2") {
        assert_eq!((&answer["counts"]["committed"], &answer["counts"]["rejected"]), (&1.into(), &1.into()));
    } else if command.contains("--dead-letter") {
        assert_eq!((&answer["counts"]["committed"], &answer["counts"]["rejected"]), (&1.into(), &0.into()));
    } else if command.contains("x-ndjson") || command.contains("gzip") {
        // Packed or not: whatever the lines are, some are kept and none failed.
        let counts = &answer["counts"];
        assert!(counts["committed"].as_u64() > Some(0) && counts["failed"] == 0, "{command}: {answer:#}");
    } else {
        panic!("nobody says what this command of the README is to show: {command}\n{answer:#}");
    }
}

/// A claim among the dead letters, as one that its plugin faulted on before it was mended.
fn leave_dead_letter(data: &Path) {
    let directory = Directory::lock(data).unwrap();
    let log = directory.log(DEAD, Config { free_bytes_min: 0, ..Config::default() }).unwrap();
    let claim = r#"{"claim_id":"C-9","timestamp":"2026-03-14","policy_number":"P-7","claim_amount":"2500","claim_type":"auto","claim_status":"open","customer_id":"K-3","incident_date":"2026-03-10"}"#;
    let id = RecordIds::minted_at(1_795_478_323_042).mint();
    let (headers, value) = (&[][..], Some(claim.as_bytes()));
    let entry =
        EntryRef { time_ms: 1_795_478_323_042, id: id.ulid, part: id.part, key: None, headers, value };
    let mut frames = Frames::default();
    frames.push(&entry).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(log.append(frames)).unwrap();
}

#[test]
fn every_curl_answers_what_the_readme_says() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    std::fs::create_dir(&data).unwrap();
    leave_dead_letter(&data);
    let gateway = Launch::serve(&data).start();
    let curls: Vec<String> = commands().into_iter().filter(|command| command.contains("curl ")).collect();
    for (shown, word) in [(1, "FT-1001"), (1, "FT-1002"), (1, "--dead-letter")] {
        assert_eq!(curls.iter().filter(|curl| curl.contains(word)).count(), shown, "{word}: {curls:#?}");
    }
    for curl in &curls {
        println!("{curl}");
        check(curl, &paste(&gateway, directory.path(), curl));
    }
}
