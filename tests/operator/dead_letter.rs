//! What is kept for the operator.

use crate::client::Client;
use crate::process::{Gateway, PATIENCE};
use crate::rig::{path, run, serve, text};
use serde_json::Value;
use std::path::Path;
use std::time::Instant;
use tempfile::TempDir;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

pub fn post(gateway: &Gateway, body: &str) -> crate::client::Answer {
    let request = format!(
        "POST /hostile HTTP/1.1\r\nhost: localhost\r\ntraceparent: {TRACEPARENT}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    Client::connect(gateway.data_address).unwrap().exchange(request.as_bytes()).unwrap()
}

/// The dead letters so far, as `tail` shows them.
pub fn letters(directory: &Path) -> Vec<Value> {
    let data = directory.join("data");
    let output = run(&["tail", "hostile", "--dead-letter", "--envelope", "--data", path(&data)]);
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A sample of a metric; 0 if it is not there yet.
fn metric(gateway: &Gateway, name: &str) -> f64 {
    let answer = Client::connect(gateway.admin_address).unwrap().get("/metrics").unwrap().text();
    let line = answer.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

fn await_metric(gateway: &Gateway, name: &str, wanted: f64) {
    let start = Instant::now();
    while metric(gateway, name) < wanted {
        assert!(start.elapsed() < PATIENCE, "{name} does not reach {wanted}");
        std::thread::yield_now();
    }
}

#[test]
fn a_quarantined_record_is_kept_by_itself_with_all_that_is_known_of_it() {
    let directory = TempDir::new().unwrap();
    let gateway = serve(directory.path(), "");
    let answer = post(&gateway, "[{\"do\":\"ok\"}, {\"do\": \"trap\"}, {\"do\":\"ok\"}]");
    assert_eq!(answer.status, 202, "{}", answer.text());
    let letters = letters(directory.path());
    assert_eq!(letters.len(), 1, "its neighbours are none");
    let (letter, headers) = (&letters[0], &letters[0]["headers"]);
    assert_eq!(letter["value"], "{\"do\": \"trap\"}", "byte for byte");
    assert_eq!(letter["id"], answer.json()["results"][1]["record_id"]);
    assert_eq!(headers["sluicegate-route"], "/hostile");
    assert_eq!(headers["sluicegate-plugin-name"], "hostile");
    assert_eq!(headers["sluicegate-fault"], "trap");
    assert_eq!(headers["sluicegate-trace-id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(headers["traceparent"], TRACEPARENT);
    assert!(headers["sluicegate-fault-detail"].as_str().unwrap().contains("unreachable"), "{headers}");
    assert_eq!(headers["sluicegate-plugin-digest"].as_str().unwrap().len(), "sha256:".len() + 64);
    assert!(headers["sluicegate-received-at"].as_str().unwrap().parse::<u64>().is_ok());
    await_metric(&gateway, "gateway_dead_letters_written_total{kind=\"quarantined\"", 1.0);
}

#[test]
fn rejected_records_are_not_kept_unless_somebody_wants_it() {
    let directory = TempDir::new().unwrap();
    let gateway = serve(directory.path(), "");
    assert_eq!(post(&gateway, "{\"do\":\"reject\"}").status, 422);
    // What comes later has passed where it would have been kept.
    assert_eq!(post(&gateway, "{\"do\":\"fail\"}").status, 202);
    let letters = letters(directory.path());
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["headers"]["sluicegate-fault"], "declared");
}

#[test]
fn rejected_records_are_kept_with_their_violations_where_that_is_wanted() {
    let directory = TempDir::new().unwrap();
    let gateway = serve(directory.path(), "[dead_letters]\nrejected = true\n");
    let answer = post(&gateway, "[{\"do\":\"ok\"}, {\"do\":\"reject\"}, \"\u{e4}\", {\"do\":\"reject\"}]");
    assert_eq!(answer.status, 207, "{}", answer.text());
    await_metric(&gateway, "gateway_dead_letters_written_total{kind=\"rejected\"", 3.0);
    let letters = letters(directory.path());
    assert_eq!(letters.len(), 3);
    assert_eq!(letters[0]["value"], "{\"do\":\"reject\"}");
    // The accepted record's id is the one before: ids rise in the order of the batch.
    let accepted = answer.json()["results"][0]["record_id"].clone();
    assert!(
        letters[0]["id"].as_str() > accepted.as_str()
            && letters[0]["id"].as_str() < letters[2]["id"].as_str()
    );
    let headers = &letters[0]["headers"];
    assert_eq!(
        headers["sluicegate-violations"],
        r#"[{"code":"hostile","message":"was told so","pointer":"/do"}]"#
    );
    assert_eq!(
        (&headers["sluicegate-fault"], &headers["sluicegate-route"]),
        (&Value::Null, &"/hostile".into())
    );
    assert_eq!(headers["sluicegate-trace-id"], "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[test]
fn rejected_records_without_room_are_shed_and_counted() {
    let directory = TempDir::new().unwrap();
    let config =
        "[http]\nrecord_bytes_max = 2000\n[dead_letters]\nrejected = true\nrejected_bytes_max = 1024\n";
    let gateway = serve(directory.path(), config);
    // More than there may ever wait, and one that the gateway itself does not take.
    let large = format!("{{\"do\":\"reject\",\"pad\":\"{}\"}}", "x".repeat(1_500));
    let larger = format!("{{\"do\":\"reject\",\"pad\":\"{}\"}}", "x".repeat(2_500));
    assert_eq!(post(&gateway, &format!("[{large},{larger}]")).status, 422);
    await_metric(&gateway, "gateway_dead_letters_shed_total{reason=\"no_room\"", 1.0);
    await_metric(&gateway, "gateway_dead_letters_shed_total{reason=\"no_bytes\"", 1.0);
    assert_eq!(post(&gateway, "{\"do\":\"reject\"}").status, 422);
    await_metric(&gateway, "gateway_dead_letters_written_total{kind=\"rejected\"", 1.0);
    assert_eq!(letters(directory.path()).len(), 1);
}

#[test]
fn dead_letters_do_not_go_to_a_kafka_that_is_not_configured() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("wrong.toml");
    std::fs::write(&file, "[dead_letters]\nto = \"kafka\"\n").unwrap();
    let output = run(&["check", "--config", path(&file)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stdout).contains(
            "dead_letters.to = kafka: no Kafka is configured; name its brokers by kafka.brokers or --kafka, or write \
             dead_letters.to = \"local\"\n"
        ),
        "{}",
        text(&output.stdout)
    );
    std::fs::write(&file, "[dead_letters]\nto = \"disk\"\nrejected = 1\nrejected_bytes_max = 5\n").unwrap();
    let output = run(&["check", "--config", path(&file)]);
    let said = text(&output.stdout);
    for sentence in [
        "dead_letters.to = \"disk\": it is none of",
        "dead_letters.rejected = 1: ",
        "dead_letters.rejected_bytes_max = 5: it is below 1024; write a number of bytes of at least 1024",
    ] {
        assert!(said.contains(sentence), "{sentence} in {said}");
    }
}
