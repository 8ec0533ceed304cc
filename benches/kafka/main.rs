//! What a record costs on its way to Kafka: the whole gateway beside kcat, which is librdkafka alone, sending the
//! same bytes to the same broker in the same run.
//!
//! `cargo bench --bench kafka` (add `-- --quick` for a look). Needs Java, Maven and kcat. The broker, the load and
//! what is measured share the machine's cores.

#[allow(dead_code, reason = "the suite that shares it needs more of it")]
#[path = "../../tests/kafka/broker.rs"]
mod broker;
#[path = "../gateway/load.rs"]
mod load;
#[allow(dead_code, reason = "the suites that share it need more of it")]
#[path = "../../tests/support/process.rs"]
mod process;
#[allow(dead_code, reason = "the suite that shares it needs more of it")]
#[path = "../../tests/kafka/proxy.rs"]
mod proxy;

use broker::Broker;
use load::{rate, request};
use process::{Gateway, Launch};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const TOPIC: &str = "raw_financial_transactions";
const PARTITIONS: i32 = 3;
const BATCH: usize = 1_000;

struct Effort {
    time: Duration,
    rounds: usize,
    /// What kcat sends: about as long as `time` takes, and enough that its start does not count.
    kcat_records: usize,
}

/// Records a second, and the processor's seconds that a million of them cost whoever sent them.
type Figures = (f64, f64);

fn main() {
    let effort = if std::env::args().any(|argument| argument == "--quick") {
        Effort { time: Duration::from_millis(1_500), rounds: 3, kcat_records: 1_000_000 }
    } else {
        Effort { time: Duration::from_secs(5), rounds: 5, kcat_records: 4_000_000 }
    };
    let directory = tempfile::tempdir().unwrap();
    let lines = directory.path().join("records");
    let text: String = (0..effort.kcat_records).map(|number| record(number) + "\n").collect();
    std::fs::write(&lines, text).unwrap();

    let mock: MockCluster<'static, DefaultProducerContext> = MockCluster::new(1).unwrap();
    mock.create_topic(TOPIC, PARTITIONS, 1).unwrap();
    compare("librdkafka's mock broker, in memory", &mock.bootstrap_servers(), &lines, &effort);

    let broker = Broker::start();
    broker.create_topic(TOPIC, PARTITIONS, &[]);
    compare("Apache Kafka, acks=all", &broker.address.to_string(), &lines, &effort);
}

/// Runs all in turn, round by round, and shows medians beside kcat's.
fn compare(title: &str, brokers: &str, lines: &Path, effort: &Effort) {
    let directory = tempfile::tempdir().unwrap();
    let gateway = launch(directory.path(), brokers);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let path = "/ingest-financial-transaction/?results=errors";
    let body: String = (0..BATCH).map(|number| record(number) + "\n").collect();
    let batch = request(path, "application/x-ndjson", &body);
    let single = request(path, "application/json", &record(1));
    let serve = |connections, request, records| {
        let busy = processor_seconds(gateway.child.id(), OWN);
        let start = Instant::now();
        let rate = rate(&runtime, gateway.data_address, connections, request, effort.time) * records as f64;
        let cost = processor_seconds(gateway.child.id(), OWN) - busy;
        (rate, cost * 1e6 / (rate * start.elapsed().as_secs_f64()))
    };
    type Contestant<'a> = (&'a str, &'a dyn Fn() -> Figures);
    let contestants: [Contestant<'_>; 3] = [
        ("kcat: librdkafka alone, no HTTP, rules or headers", &|| kcat(brokers, lines, effort.kcat_records)),
        ("gateway, batches of 1,000 over 16 connections", &|| serve(16, &batch, BATCH)),
        ("gateway, single records over 64 connections", &|| serve(64, &single, 1)),
    ];
    println!("\n{title}");
    let mut results = contestants.map(|_| Vec::new());
    for _ in 0..effort.rounds {
        for (result, (_, run)) in results.iter_mut().zip(&contestants) {
            result.push(run());
        }
    }
    let mut first = None;
    for (mut result, (name, _)) in results.into_iter().zip(contestants) {
        result.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (median, cost) = result[result.len() / 2];
        let base = *first.get_or_insert(median);
        println!(
            "  {name:<52} {median:>10.0} records/s   {:>5.2} of kcat   {cost:>6.2} CPU-s a million   (from {:.0} to {:.0})",
            median / base,
            result[0].0,
            result[result.len() - 1].0,
        );
    }
}

fn launch(directory: &Path, brokers: &str) -> Gateway {
    let config = directory.join("kafka.toml");
    // A broker that is slow for a moment must not turn this into a measurement of the spool.
    std::fs::write(&config, format!("[kafka]\nbrokers = \"{brokers}\"\nproduce_timeout_ms = 20000\n"))
        .unwrap();
    Launch::serve(&directory.join("data")).config(&config).start()
}

fn kcat(brokers: &str, lines: &Path, records: usize) -> Figures {
    let (start, busy) = (Instant::now(), processor_seconds(std::process::id(), CHILDREN));
    let settings =
        ["acks=all", "enable.idempotence=true", "linger.ms=1", "queue.buffering.max.messages=1000000"];
    let status = Command::new("kcat")
        .args(["-P", "-b", brokers, "-t", TOPIC, "-l"])
        .arg(lines)
        .args(settings.iter().flat_map(|setting| ["-X", setting]))
        .status()
        .expect("kcat sends records");
    assert!(status.success());
    let cost = processor_seconds(std::process::id(), CHILDREN) - busy;
    (records as f64 / start.elapsed().as_secs_f64(), cost * 1e6 / records as f64)
}

/// Which times of proc_pid_stat(5): user's and system's of the process itself (14 and 15), or of those of its
/// children that have ended (16 and 17). Here they are counted from behind the name.
const OWN: usize = 11;
const CHILDREN: usize = 13;

fn processor_seconds(process: u32, from: usize) -> f64 {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let behind_the_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = behind_the_name.split_whitespace().skip(from).take(2);
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_A_SECOND
}

/// 198 bytes, as in the other benchmark.
fn record(number: usize) -> String {
    format!(
        r#"{{"transaction_id":"FT-{number:09}","timestamp":"2026-01-15T10:30:00Z","account_id":"ACC-{:06}","amount":129.95,"currency":"EUR","transaction_type":"purchase","merchant_id":"M-1","category":"food"}}"#,
        number % 1_000_000
    )
}
