//! The broker goes away and comes back, under load.

use crate::broker::Broker;
use crate::load::{Account, Load, TOPIC};
use crate::oracle::{recovered, verdict};
use crate::process::{Launch, PATIENCE};
use crate::topic;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const CLIENTS: usize = 50;
/// Between an answer and a client's next request where the load goes on for long: topics stay small enough to be read.
const PACE: Duration = Duration::from_millis(10);
/// The produce timeout of these gateways, and what an answer may take beyond it on a busy machine.
const PRODUCE_TIMEOUT: Duration = Duration::from_millis(1_000);
const MARGIN: Duration = Duration::from_millis(5_000);

pub fn launch(data: &Path, brokers: SocketAddr) -> Launch {
    launch_with(data, brokers, PRODUCE_TIMEOUT)
}

pub fn launch_with(data: &Path, brokers: SocketAddr, timeout: Duration) -> Launch {
    let config = data.join("../kafka.toml");
    std::fs::create_dir_all(data).unwrap();
    let timeout = timeout.as_millis();
    std::fs::write(
        &config,
        format!(
            "[plugins.limits]\noutput_bytes_max = \"4MiB\"\n\
             [kafka]\nproduce_timeout_ms = {timeout}\n[spool]\nsegment_bytes = \"8MiB\"\n"
        ),
    )
    .unwrap();
    let mut launch = Launch::serve(data).config(&config);
    launch.command.args(["--kafka", &brokers.to_string()]);
    launch
}

fn pause(milliseconds: u64) {
    std::thread::park_timeout(Duration::from_millis(milliseconds));
}

#[test]
fn with_the_broker_up_everything_arrives_as_it_was_sent() {
    let broker = Broker::start();
    broker.create_topic(TOPIC, 3, &[]);
    let directory = tempfile::tempdir().unwrap();
    let gateway = launch(&directory.path().join("data"), broker.gateway_address).start();
    let account = Arc::new(Mutex::new(Account::default()));
    recovered(&gateway, &account);
    let load = Load::start(gateway.data_address, CLIENTS, &account);
    pause(3_000);
    load.stop();
    let verdict = verdict("broker up", &broker, &account);
    assert_eq!((verdict.duplicates, account.lock().unwrap().stored), (0, 0));

    let mut partitions: HashMap<String, i64> = HashMap::new();
    for arrived in topic::read(&broker, TOPIC) {
        let client = arrived.value.split('"').nth(3).unwrap().split('-').next().unwrap().to_owned();
        assert_eq!(arrived.key.as_deref(), Some(&*client), "the plugin's key");
        let names: Vec<&str> = arrived.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["sluicegate-plugin", "sluicegate-record-id"]);
        let partition = partitions.entry(client).or_insert(arrived.partition);
        assert_eq!(*partition, arrived.partition, "a key has one partition");
    }
}

#[test]
fn a_broker_that_is_killed_costs_no_record_and_no_order() {
    let mut broker = Broker::start();
    broker.create_topic(TOPIC, 3, &[]);
    let directory = tempfile::tempdir().unwrap();
    let gateway = launch(&directory.path().join("data"), broker.gateway_address).start();
    let account = Arc::new(Mutex::new(Account::default()));
    recovered(&gateway, &account);
    let load = Load::paced(gateway.data_address, CLIENTS, PACE, &account);
    for _ in 0..2 {
        pause(2_000);
        broker.kill();
        // What was on its way when it died may have been answered: by now nobody waits for that any more.
        pause(2_000);
        let before = account.lock().unwrap().outcomes["committed"];
        pause(4_000);
        let after = account.lock().unwrap().outcomes["committed"];
        assert_eq!(before, after, "an answer was 200 without a broker");
        broker.run();
    }
    pause(3_000);
    load.stop();
    recovered(&gateway, &account);
    verdict("broker killed twice", &broker, &account);
    let account = account.lock().unwrap();
    assert!(account.stored > 100, "the outage was not met: {}", account.stored);
    assert_eq!(account.refused, 0, "the spool had room");
    assert!(account.slowest < PRODUCE_TIMEOUT + MARGIN, "{:?}", account.slowest);
}

/// New records are held back while the spool is emptied: an outage ends though nobody pauses for it.
#[test]
fn the_spool_is_emptied_under_a_load_that_never_pauses() {
    let mut broker = Broker::start();
    broker.create_topic(TOPIC, 3, &[]);
    let directory = tempfile::tempdir().unwrap();
    let gateway = launch(&directory.path().join("data"), broker.gateway_address).start();
    let account = Arc::new(Mutex::new(Account::default()));
    recovered(&gateway, &account);
    let load = Load::start(gateway.data_address, CLIENTS, &account);
    broker.kill();
    pause(8_000);
    let before = account.lock().unwrap().outcomes["committed"];
    broker.run();
    let start = Instant::now();
    // The first record that is committed again is the first that found the spool empty.
    while account.lock().unwrap().outcomes["committed"] == before {
        assert!(start.elapsed() < PATIENCE, "the spool is not emptied: {}", gateway.said());
        pause(50);
    }
    println!("emptied under load within {:?}", start.elapsed());
    load.stop();
    recovered(&gateway, &account);
    verdict("emptied under load", &broker, &account);
    let account = account.lock().unwrap();
    assert!(account.stored > 1_000 && account.refused == 0, "{} {}", account.stored, account.refused);
    assert!(account.slowest < PRODUCE_TIMEOUT + MARGIN, "{:?}", account.slowest);
}

#[test]
fn a_broker_that_stands_still_for_45_seconds_costs_no_record_and_no_order() {
    let broker = Broker::start();
    broker.create_topic(TOPIC, 3, &[]);
    let directory = tempfile::tempdir().unwrap();
    let gateway = launch(&directory.path().join("data"), broker.gateway_address).start();
    let account = Arc::new(Mutex::new(Account::default()));
    recovered(&gateway, &account);
    let load = Load::paced(gateway.data_address, 8, PACE, &account);
    pause(1_000);
    broker.signal("-STOP");
    pause(45_000);
    broker.signal("-CONT");
    pause(2_000);
    load.stop();
    recovered(&gateway, &account);
    verdict("broker stopped for 45 s", &broker, &account);
    let account = account.lock().unwrap();
    assert!(account.stored > 100 && account.refused == 0);
    assert!(account.slowest < PRODUCE_TIMEOUT + MARGIN, "{:?}", account.slowest);
}

#[test]
fn a_gateway_that_starts_before_its_broker_serves_and_delivers_later() {
    let mut broker = Broker::start();
    broker.create_topic(TOPIC, 3, &[]);
    broker.kill();
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let account = Arc::new(Mutex::new(Account::default()));
    let mut gateway = launch(&data, broker.gateway_address).start();
    let load = Load::start(gateway.data_address, 4, &account);
    pause(3_000);
    load.stop();
    // Stopped while it holds records: they stay, and the next one sends them.
    gateway.signal("-TERM");
    assert_eq!(gateway.exit().code(), Some(3), "records are still in the spool");
    let gateway = launch(&data, broker.gateway_address).start();
    broker.run();
    recovered(&gateway, &account);
    verdict("no broker at the start", &broker, &account);
}
