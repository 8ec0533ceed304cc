//! What the broker does not take, and what an operator has to mend.

use crate::broker::Broker;
use crate::client::{Answer, Client};
use crate::load::{PATH, TOPIC, body};
use crate::outage::{launch, launch_with};
use crate::process::{Gateway, PATIENCE};
use crate::topic;
use serde_json::Value;
use sluicegate::sink::log::{Read, Reader, log_path};
use std::time::{Duration, Instant};

pub fn post(gateway: &Gateway, number: usize) -> Answer {
    let mut client = Client::connect(gateway.data_address).unwrap();
    client.post(PATH, "application/json", body((1, number)).as_bytes()).unwrap()
}

fn until_taken(gateway: &Gateway, number: usize) {
    let start = Instant::now();
    while post(gateway, number).status != 200 {
        assert!(start.elapsed() < PATIENCE, "it does not recover");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

pub fn get(gateway: &Gateway, path: &str) -> (u16, Value) {
    let answer = Client::connect(gateway.admin_address).unwrap().get(path).unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

#[test]
fn a_missing_topic_is_an_operators_to_mend_and_needs_no_restart() {
    let broker = Broker::start();
    let directory = tempfile::tempdir().unwrap();
    let gateway = launch(&directory.path().join("data"), broker.gateway_address).start();
    let answer = post(&gateway, 0);
    let problem: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &problem["reason"]), (503, &"sink_misconfigured".into()));
    let (status, readiness) = get(&gateway, "/readyz");
    let reason = readiness["reasons"][0].as_str().unwrap();
    assert_eq!(status, 503);
    assert!(reason.contains(&format!("has no topic '{TOPIC}': create it")), "{reason}");

    broker.create_topic(TOPIC, 1, &[]);
    until_taken(&gateway, 1);
    assert_eq!(get(&gateway, "/readyz").0, 200);

    broker.delete_topic(TOPIC);
    let start = Instant::now();
    while post(&gateway, 2).status == 200 {
        assert!(start.elapsed() < PATIENCE, "a topic that is gone still takes records");
        std::thread::park_timeout(Duration::from_millis(100));
    }
    broker.create_topic(TOPIC, 1, &[]);
    until_taken(&gateway, 4);
    let arrived = topic::read(&broker, TOPIC);
    assert!(arrived.iter().any(|arrived| arrived.value == body((1, 4))));
}

#[test]
fn topics_that_are_missing_are_made_where_the_operator_wants_it() {
    let broker = Broker::start();
    let directory = tempfile::tempdir().unwrap();
    let mut launch = launch(&directory.path().join("data"), broker.gateway_address);
    launch.command.env("SLUICEGATE__KAFKA__CREATE_TOPICS", "true");
    let gateway = launch.start();
    until_taken(&gateway, 0);
    assert_eq!(topic::read(&broker, TOPIC).len(), 1);
}

/// Records of 2 kB, and one of 60 kB among them.
fn sizes() -> Vec<String> {
    let record = |number: usize, bytes: usize| {
        let noise: String = (0..bytes).map(|_| fastrand::alphanumeric()).collect();
        body((1, number)).replace("\"filler\":\"", &format!("\"filler\":\"{noise}"))
    };
    (0..30).filter(|n| n % 7 != 3).map(|n| record(n, if n == 15 { 60_000 } else { 2_000 })).collect()
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

#[test]
fn a_record_that_is_too_large_for_its_topic_is_rejected_by_itself() {
    let broker = Broker::start();
    broker.create_topic(TOPIC, 1, &[("max.message.bytes", "20000")]);
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let gateway = launch_with(&data, broker.gateway_address, Duration::from_secs(20)).start();
    let lines = sizes();
    let mut client = Client::connect(gateway.data_address).unwrap();
    let answer = client.post(PATH, "application/x-ndjson", lines.join("\n").as_bytes()).unwrap();
    let told: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, 207, "{told}");
    assert_eq!(told["counts"]["rejected"], 1, "{told}");
    let rejected = told["results"].as_array().unwrap().iter().find(|result| result["status"] == "rejected");
    assert_eq!(rejected.unwrap()["violations"][0]["code"], "record_too_large");
    let arrived = topic::read(&broker, TOPIC).into_iter().map(|arrived| arrived.value).collect();
    let wanted = lines.into_iter().filter(|line| line.len() < 20_000).collect();
    assert_eq!(sorted(arrived), sorted(wanted), "its neighbours are delivered, each once");
}

#[test]
fn a_record_in_the_spool_that_its_topic_does_not_take_becomes_a_dead_letter_and_the_drain_goes_on() {
    let mut broker = Broker::start();
    broker.create_topic(TOPIC, 1, &[("max.message.bytes", "20000")]);
    broker.kill();
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let gateway = launch(&data, broker.gateway_address).start();
    let lines = sizes();
    let mut client = Client::connect(gateway.data_address).unwrap();
    let answer = client.post(PATH, "application/x-ndjson", lines.join("\n").as_bytes()).unwrap();
    assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
    broker.run();
    until_taken(&gateway, 100);
    let arrived = topic::read(&broker, TOPIC).into_iter().map(|arrived| arrived.value);
    let arrived = arrived.filter(|value| value.len() > 1_000).collect();
    let (small, large): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.len() < 20_000);
    assert_eq!(sorted(arrived), sorted(small), "what fits is delivered");
    let mut letters = Reader::open(&log_path(&data, &format!("{TOPIC}.dead-letter")).unwrap(), 0);
    let Some(Read::Entry { entry, .. }) = letters.next().unwrap() else { panic!("no dead letter") };
    assert_eq!(entry.value.unwrap(), large[0].as_bytes());
    let detail = entry.headers.iter().find(|(name, _)| name == "sluicegate-fault-detail").unwrap();
    assert_eq!(
        detail.1,
        format!("a record is larger than the topic '{TOPIC}' takes (max.message.bytes)").as_bytes()
    );
}

/// A transaction that happened so many milliseconds from now: its plugin gives that as the record's time.
fn happened(number: usize, from_now_ms: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let time = u64::try_from(i64::try_from(now).unwrap() + from_now_ms).unwrap();
    body((1, number)).replace("2026-01-15T10:30:00Z", &sluicegate::record::rfc3339(time))
}

#[test]
fn a_record_whose_time_its_topic_does_not_take_is_rejected_by_itself() {
    const HOUR_MS: i64 = 3_600_000;
    let broker = Broker::start();
    let hour = HOUR_MS.to_string();
    let settings = ["message.timestamp.before.max.ms", "message.timestamp.after.max.ms"];
    broker.create_topic(TOPIC, 1, &settings.map(|setting| (setting, hour.as_str())));
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut launch = launch_with(&data, broker.gateway_address, Duration::from_secs(20));
    launch.command.env("SLUICEGATE__KAFKA__TIMESTAMPS", "event");
    let gateway = launch.start();
    // Too early, too late, and neighbours before, between and behind them.
    let records = [(0, 0), (1, -2 * HOUR_MS), (2, -1_000), (4, 2 * HOUR_MS), (5, 0)];
    let lines = records.map(|(number, from_now_ms)| happened(number, from_now_ms));
    let mut client = Client::connect(gateway.data_address).unwrap();
    let answer = client.post(PATH, "application/x-ndjson", lines.join("\n").as_bytes()).unwrap();
    let told: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, 207, "{told}");
    let results = told["results"].as_array().unwrap();
    let states: Vec<&str> = results.iter().map(|result| result["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["committed", "rejected", "committed", "rejected", "committed"], "{told}");
    for rejected in [1, 3] {
        assert_eq!(results[rejected]["violations"][0]["code"], "record_refused", "{told}");
    }
    let arrived: Vec<String> = topic::read(&broker, TOPIC).into_iter().map(|one| one.value).collect();
    let wanted = [0, 2, 4].map(|index: usize| lines[index].clone());
    assert_eq!(sorted(arrived), sorted(wanted.to_vec()), "its neighbours are delivered, each once");
}
