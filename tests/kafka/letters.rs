//! Dead letters that lie in Kafka, or would if their topic were there.

use crate::broker::Broker;
use crate::client::{Answer, Client};
use crate::process::{Gateway, Launch, PATIENCE, repository};
use crate::refusal::get;
use crate::topic::{self, Arrived};
use serde_json::{Value, json};
use sluicegate::sink::log::{Read, Reader, log_path};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const TOPIC: &str = "hostile";
const LETTERS: &str = "hostile.dead-letter";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// So little time that what is slow is a fault.
const IMPATIENT: &str =
    "[plugin.hostile]\nrecord_ms = 5\n[dead_letters]\nto = \"kafka\"\n[kafka]\nheaders = []\n";
/// So much that it is none.
const PATIENT: &str =
    "[plugin.hostile]\nrecord_ms = 5_000\ncall_ms = 5_000\n[dead_letters]\nto = \"kafka\"\n";

/// The plugin that does what records tell it to.
fn plugins(directory: &Path) -> PathBuf {
    let plugins = directory.join("plugins");
    std::fs::create_dir_all(&plugins).unwrap();
    let component = plugins.join("hostile.wasm");
    std::fs::copy(repository("tests/fixtures/hostile.wasm"), &component).unwrap();
    component
}

fn config(directory: &Path, name: &str, lines: &str) -> PathBuf {
    let file = directory.join(name);
    std::fs::write(&file, lines).unwrap();
    file
}

fn serve(directory: &Path, broker: &Broker, lines: &str) -> Gateway {
    plugins(directory);
    let data = directory.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let mut launch = Launch::bare().config(&config(directory, "sluicegate.toml", lines));
    launch.command.arg("--plugins").arg(directory.join("plugins")).arg("--data").arg(data);
    launch.command.args(["--kafka", &broker.gateway_address.to_string()]);
    launch.start()
}

fn post(gateway: &Gateway, body: &str) -> Answer {
    let request = format!(
        "POST /hostile HTTP/1.1\r\nhost: localhost\r\ntraceparent: {TRACEPARENT}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    Client::connect(gateway.data_address).unwrap().exchange(request.as_bytes()).unwrap()
}

fn sluicegate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sluicegate")).args(arguments).env_clear().output().unwrap()
}

fn replay(directory: &Path, broker: &Broker, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let (data, brokers) = (directory.join("data"), broker.gateway_address.to_string());
    let always = ["replay", TOPIC, "--json", "--kafka", &brokers, "--data", data.to_str().unwrap()];
    let output = sluicegate(&[&always, arguments].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default(), said)
}

fn header<'a>(arrived: &'a Arrived, name: &str) -> Option<&'a str> {
    arrived.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// What the local log keeps of the dead letters.
fn kept(directory: &Path) -> Vec<Vec<u8>> {
    let log = log_path(&directory.join("data"), LETTERS).unwrap();
    if !log.is_dir() {
        return Vec::new();
    }
    let mut reader = Reader::open(&log, 0);
    std::iter::from_fn(|| match reader.next().unwrap()? {
        Read::Entry { entry, .. } => Some(entry.value.unwrap().to_vec()),
        Read::Damage(damage) => panic!("{damage:?}"),
    })
    .collect()
}

fn quarantine(gateway: &Gateway, body: &str) -> Value {
    let start = Instant::now();
    loop {
        let answer = post(gateway, body);
        let told: Value = serde_json::from_slice(&answer.body).unwrap();
        if answer.status == 202 {
            assert_eq!(told["status"], "quarantined", "{told}");
            return told;
        }
        // The broker may not have been found yet.
        assert!(start.elapsed() < PATIENCE, "{} {told}", answer.status);
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

#[test]
fn dead_letters_lie_in_kafka_with_all_that_is_known_and_are_replayed_from_there() {
    let broker = Broker::start();
    broker.create_topic(TOPIC, 1, &[]);
    broker.create_topic(LETTERS, 3, &[]);
    let directory = tempfile::tempdir().unwrap();
    let mut gateway = serve(directory.path(), &broker, IMPATIENT);
    let bodies = [r#"{"do":"slow:100","n":1}"#, r#"{"do": "trap"}"#, r#"{"do":"slow:100","n":2}"#];
    let ids = bodies.map(|body| quarantine(&gateway, body)["record_id"].as_str().unwrap().to_owned());

    let letters = topic::read(&broker, LETTERS);
    assert_eq!(letters.len(), 3);
    let letter = letters.iter().find(|letter| letter.value == bodies[1]).expect("byte for byte");
    let known = |name: &str| header(letter, name).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(known("sluicegate-route"), "/hostile");
    assert_eq!(known("sluicegate-plugin-name"), "hostile");
    assert!(!known("sluicegate-plugin-version").is_empty());
    assert_eq!(known("sluicegate-plugin-digest").len(), "sha256:".len() + 64);
    assert_eq!(known("sluicegate-fault"), "trap");
    assert!(known("sluicegate-fault-detail").contains("unreachable"));
    assert_eq!(known("sluicegate-trace-id"), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(known("sluicegate-record-id"), ids[1], "though records have none of these headers here");
    assert!(known("sluicegate-received-at").parse::<u64>().is_ok());
    assert_eq!(kept(directory.path()), Vec::<Vec<u8>>::new(), "nothing is left here");

    replayed(directory.path(), &broker, &mut gateway);
}

fn replayed(directory: &Path, broker: &Broker, gateway: &mut Gateway) {
    let (code, found, said) = replay(directory, broker, &["--dry-run"]);
    assert_eq!((code, &found["matching"], &found["read"]), (Some(0), &json!(3), &json!(3)), "{said}");
    let (code, _, said) = replay(directory, broker, &["--dry-run", "--code", "memory"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("none of the 3 dead letters in hostile.dead-letter is meant"), "{said}");
    let (code, _, said) = replay(directory, broker, &["--dry-run", "--until", "1h"]);
    assert_eq!(code, Some(2), "nothing is so old: {said}");

    let patient = config(directory, "patient.toml", PATIENT);
    let component = plugins(directory);
    let judged = ["--plugin", component.to_str().unwrap(), "--config", patient.to_str().unwrap()];
    let (code, report, said) = replay(directory, broker, &judged);
    assert_eq!(code, Some(1), "{said}");
    let counts = |report: &Value| ["accepted", "quarantined", "failed"].map(|name| report[name].clone());
    assert_eq!(counts(&report), [json!(2), json!(1), json!(0)], "{report}");

    gateway.signal("-TERM");
    assert_eq!(gateway.exit().code(), Some(0), "{}", gateway.said());
    let mended = serve(directory, broker, PATIENT);
    let to = format!("http://{}", mended.data_address);
    let (code, report, said) = replay(directory, broker, &["--to", &to, "--code", "deadline"]);
    assert_eq!(code, Some(0), "{report} {said}");
    assert_eq!(counts(&report), [json!(2), json!(0), json!(0)], "{report}");
    assert!(said.contains("the dead letters stay in the topic; leave these out"), "{said}");
    let mut arrived: Vec<String> = topic::read(broker, TOPIC).into_iter().map(|one| one.value).collect();
    arrived.sort();
    assert_eq!(arrived, [r#"{"do":"slow:100","n":1}"#, r#"{"do":"slow:100","n":2}"#]);
}

#[test]
fn dead_letters_without_a_topic_are_kept_here_until_there_is_one() {
    let broker = Broker::start();
    broker.create_topic(TOPIC, 1, &[]);
    let directory = tempfile::tempdir().unwrap();
    let gateway = serve(directory.path(), &broker, IMPATIENT);
    quarantine(&gateway, r#"{"do":"trap","n":1}"#);
    assert_eq!(kept(directory.path()), [br#"{"do":"trap","n":1}"#]);
    assert_eq!(get(&gateway, "/readyz").0, 200, "records have their topic");
    let said = gateway.said();
    let remedy = format!("has no topic '{LETTERS}': create it, set kafka.create_topics = true, or write");
    assert!(said.contains(&remedy), "{said}");
    assert!(said.contains("until then its dead letters are kept in the local log"), "{said}");
    let (code, _, said) = replay(directory.path(), &broker, &[]);
    assert_eq!(code, Some(2));
    assert!(said.contains(&format!("has no topic '{LETTERS}'; look whether dead_letters.to")), "{said}");

    broker.create_topic(LETTERS, 1, &[]);
    let start = Instant::now();
    while !gateway.said().contains("kafka takes the topic's records again") {
        assert!(start.elapsed() < PATIENCE, "the gateway does not find out that the topic is there");
        std::thread::park_timeout(Duration::from_millis(100));
    }
    quarantine(&gateway, r#"{"do":"trap","n":2}"#);
    assert_eq!(topic::read(&broker, LETTERS)[0].value, r#"{"do":"trap","n":2}"#);
}

#[test]
fn the_topic_of_dead_letters_is_made_where_the_operator_wants_it() {
    let broker = Broker::start();
    let directory = tempfile::tempdir().unwrap();
    let lines = format!("{IMPATIENT}create_topics = true\n");
    let gateway = serve(directory.path(), &broker, &lines);
    let start = Instant::now();
    // Both are made before anything comes.
    while !broker.has_topic(LETTERS) || !broker.has_topic(TOPIC) {
        assert!(start.elapsed() < PATIENCE, "{}", gateway.said());
        std::thread::park_timeout(Duration::from_millis(100));
    }
    quarantine(&gateway, r#"{"do":"trap"}"#);
}
