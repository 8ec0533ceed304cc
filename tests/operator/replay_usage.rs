//! What `sluicegate replay` says to people who ask for what cannot be.

use crate::process::repository;
use crate::rig::{path, run, small, text};
use sluicegate::sink::log::{Directory, EntryRef, Frames};
use std::net::TcpListener;
use std::path::Path;
use tempfile::TempDir;

/// One letter, as a gateway keeps it.
fn letter(data: &Path, headers: &[(&str, &[u8])]) {
    let log = Directory::lock(data).unwrap().log("raw.dead-letter", small()).unwrap();
    let mut frames = Frames::default();
    let entry =
        EntryRef { time_ms: 1_795_478_323_042, id: 1, part: None, key: None, headers, value: Some(b"{}") };
    frames.push(&entry).unwrap();
    log.append(frames).wait().unwrap();
}

fn one_letter() -> TempDir {
    let data = TempDir::new().unwrap();
    letter(data.path(), &[("sluicegate-route", b"/in"), ("sluicegate-fault", b"trap")]);
    data
}

fn said(data: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(&[&["replay", "raw", "--data", path(data)], arguments].concat());
    (output.status.code(), text(&output.stderr).replace(path(data), "DATA"))
}

#[test]
fn a_topic_without_dead_letters_is_told_with_those_that_have_some() {
    let data = TempDir::new().unwrap();
    assert_eq!(
        said(data.path(), &[]),
        (
            Some(2),
            "sluicegate: there is no topic 'raw.dead-letter' in DATA, nor any other; start a gateway, post a record, or \
             name the gateway's directory by --data\n"
                .into()
        )
    );
    let data = one_letter();
    let output = run(&["replay", "claims", "--data", path(data.path())]);
    assert!(text(&output.stderr).ends_with("; there are: raw.dead-letter\n"), "{}", text(&output.stderr));
}

#[test]
fn a_filter_that_nothing_passes_says_what_there_is() {
    let data = one_letter();
    assert_eq!(
        said(data.path(), &["--code", "tarp"]),
        (
            Some(2),
            "sluicegate: none of the 1 dead letters in raw.dead-letter is meant; there are: 1 trap on /in\n"
                .into()
        )
    );
    assert_eq!(
        said(data.path(), &["--from", "2"]),
        (Some(2), "sluicegate: there are no dead letters in raw.dead-letter from there on\n".into())
    );
    assert_eq!(
        said(data.path(), &["--since", "yesterday"]),
        (
            Some(2),
            "sluicegate: invalid value 'yesterday' for '--since <TIME>': write 2026-11-23, 2026-11-23T23:58:43Z, or 90s, \
             15m, 2h, 7d for so long ago\n\nFor more information, try '--help'.\n"
                .into()
        )
    );
}

#[test]
fn a_gateway_that_is_not_there_is_told() {
    let data = one_letter();
    // Bound and closed again: nobody else listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let to = format!("http://127.0.0.1:{port}");
    assert_eq!(
        said(data.path(), &["--to", &to]),
        (
            Some(1),
            format!(
                "sluicegate: no gateway answers at {to} (Connection refused (os error 111)); start one with \
                 `sluicegate serve`, or name it by --to\n"
            )
        )
    );
    assert_eq!(
        said(data.path(), &["--to", "here"]),
        (
            Some(2),
            "sluicegate: 'here' is not the URL of a gateway; write e.g. http://127.0.0.1:8080\n".into()
        )
    );
}

#[test]
fn what_is_no_plugin_judges_nothing() {
    let data = one_letter();
    let nowhere = data.path().join("nowhere.wasm");
    assert_eq!(
        said(data.path(), &["--plugin", path(&nowhere)]),
        (
            Some(2),
            "sluicegate: DATA/nowhere.wasm cannot be read (No such file or directory (os error 2)); name a .wasm file by \
             --plugin\n"
                .into()
        )
    );
    let refuses = repository("tests/fixtures/describe-refuses.wasm");
    let (code, sentence) = said(data.path(), &["--plugin", path(&refuses)]);
    assert_eq!(code, Some(1));
    let start = format!(
        "sluicegate: {} is no plugin that can judge: `describe` refused to serve: ",
        refuses.display()
    );
    assert!(sentence.starts_with(&start), "{sentence}");
    let (code, sentence) = said(data.path(), &["--plugin", "a.wasm", "--dry-run"]);
    assert_eq!(code, Some(2));
    assert!(
        sentence.starts_with("sluicegate: the argument '--plugin <FILE>' cannot be used with '--dry-run'"),
        "{sentence}"
    );
    let (code, sentence) = said(data.path(), &["--config", "a.toml"]);
    assert_eq!(code, Some(2));
    assert!(sentence.contains("--plugin <FILE>"), "{sentence}");
}

#[test]
fn a_record_that_kafka_refused_later_names_no_route() {
    let data = TempDir::new().unwrap();
    letter(data.path(), &[("sluicegate-fault", b"undeliverable"), ("sluicegate-fault-detail", b"too large")]);
    let output = run(&["replay", "raw", "--data", path(data.path()), "--dry-run"]);
    assert_eq!(
        text(&output.stdout),
        "1 of 1 dead letters in raw.dead-letter would be sent\n  1 undeliverable without a route\n"
    );
    let swap = repository("tests/fixtures/swap-v1.wasm");
    let output = run(&["replay", "raw", "--data", path(data.path()), "--plugin", path(&swap)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stdout).ends_with(
            ": undeliverable (too large) -> failed: it names no route: its plugin had accepted it, and Kafka refused it \
             later\n"
        ),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn letters_in_kafka_need_a_broker_that_answers() {
    let data = one_letter();
    assert_eq!(
        said(data.path(), &["--letters", "kafka"]),
        (
            Some(2),
            "sluicegate: no Kafka is configured; name its brokers by --kafka, or by kafka.brokers in --config\n".into()
        )
    );
    // Nobody listens on port 1.
    let (code, sentence) = said(data.path(), &["--kafka", "127.0.0.1:1"]);
    assert_eq!(code, Some(1));
    let start = "sluicegate: kafka at 127.0.0.1:1 does not answer: start it, or correct kafka.brokers (";
    assert!(sentence.starts_with(start), "{sentence}");
    assert_eq!(
        said(data.path(), &["--kafka", "127.0.0.1:1", "--from", "7"]),
        (
            Some(2),
            "sluicegate: --from is a sequence of the local log, which letters in Kafka do not have; choose by --since\n"
                .into()
        )
    );
}
