//! What delivery costs: the whole gateway beside librdkafka alone (kcat), to the same brokers, side by side in one run.
//!
//! `cargo bench --bench kafka` (add `-- --quick` for a look, `-- outage` for an outage alone). Needs Java, Maven and kcat, as `tests/kafka` does.

#[allow(dead_code, reason = "the tests that share it need more of it")]
#[path = "../../tests/kafka/broker.rs"]
mod broker;
#[allow(dead_code, reason = "the tests that share it need more of it")]
#[path = "../../tests/support/client.rs"]
mod client;
#[path = "../gateway/load.rs"]
mod load;
#[allow(dead_code, reason = "the tests that share it need more of it")]
#[path = "../../tests/support/process.rs"]
mod process;
#[allow(dead_code, reason = "the tests that share it need more of it")]
#[path = "../../tests/kafka/proxy.rs"]
mod proxy;
#[path = "../gateway/record.rs"]
mod record;
#[allow(dead_code, reason = "the tests that share it need more of it")]
#[path = "../../tests/support/usage.rs"]
mod usage;

use broker::Broker;
use bytes::Bytes;
use client::Client;
use load::{rate, request};
use process::{Launch, PATIENCE};
use rdkafka::mocking::MockCluster;
use record::record;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const PATH: &str = "/ingest-financial-transaction/";
const TOPIC: &str = "raw_financial_transactions";
const PARTITIONS: i32 = 3;
const BATCH: usize = 1_000;

/// How long a gateway is measured, how many records kcat sends, how often; medians are shown.
struct Effort {
    time: Duration,
    records: usize,
    rounds: usize,
}

/// What a run came to.
#[derive(Clone, Copy)]
struct Rate {
    records_a_second: f64,
    /// Of the gateway's or kcat's process alone.
    cpu_seconds_a_million: f64,
}

/// Where records go to.
enum Target {
    Broker(Broker),
    Mock(MockCluster<'static, rdkafka::producer::DefaultProducerContext>),
}

fn main() {
    let effort = if std::env::args().any(|argument| argument == "--quick") {
        Effort { time: Duration::from_secs(1), records: 1_000_000, rounds: 3 }
    } else {
        Effort { time: Duration::from_secs(5), records: 3_000_000, rounds: 5 }
    };
    let directory = tempfile::tempdir().unwrap();
    let lines = directory.path().join("records");
    write_lines(&lines, effort.records);
    let runtime = Runtime::new().unwrap();
    if std::env::args().any(|argument| argument == "outage") {
        return outage(&runtime, &effort);
    }
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic(TOPIC, PARTITIONS, 1).unwrap();
    compare("librdkafka's mock cluster", &Target::Mock(mock), &runtime, &lines, &effort);
    compare("Apache Kafka, one node", &Target::Broker(Broker::start()), &runtime, &lines, &effort);
    outage(&runtime, &effort);
}

/// How fast records go into the spool while the broker is gone, and, when it is back, how fast it is emptied while as many
/// clients go on: new ones have to be held back, or an outage would never end.
fn outage(runtime: &Runtime, effort: &Effort) {
    let mut broker = Broker::start();
    broker.create_topic(TOPIC, PARTITIONS, &[]);
    let directory = tempfile::tempdir_in(".").unwrap();
    let config = directory.path().join("sluicegate.toml");
    let lines = format!(
        "[kafka]\nbrokers = \"{}\"\nproduce_timeout_ms = 500\n[spool]\nhigh_water_bytes = \"16GiB\"\n\
         topic_share_percent = 100\n",
        broker.gateway_address
    );
    std::fs::write(&config, lines).unwrap();
    let mut gateway = Launch::serve(&directory.path().join("data")).config(&config).start();
    let batch: String = (0..BATCH).map(|number| record(number) + "\n").collect();
    let batches = [request(&format!("{PATH}?results=errors"), "application/x-ndjson", &batch)];
    let address = gateway.data_address;
    rate(runtime, address, 16, &batches, effort.time);
    broker.kill();
    // Until it is noticed, and a while more.
    rate(runtime, address, 16, &batches, effort.time);
    let into = rate(runtime, address, 16, &batches, 3 * effort.time) * BATCH as f64;
    let kept = metric(gateway.admin_address, "gateway_spool_records{");
    let sent = || metric(gateway.admin_address, "messaging_client_sent_messages_total{");
    let (before, is_empty) = (sent(), AtomicBool::new(false));
    broker.run();
    let (time, out, came) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_empty.load(Ordering::Relaxed) {
                rate(runtime, address, 16, &batches, Duration::from_millis(500));
            }
        });
        while sent() == before {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        // From here on: until the broker is back nothing holds the intake back.
        let (begun, waiting, before) =
            (Instant::now(), metric(gateway.admin_address, "gateway_spool_records{"), sent());
        while metric(gateway.admin_address, "gateway_spool_records{") > 0.0 {
            assert!(begun.elapsed() < 10 * PATIENCE, "the spool is not emptied: {}", gateway.said());
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let (time, out) = (begun.elapsed().as_secs_f64(), sent() - before);
        is_empty.store(true, Ordering::Relaxed);
        (time, out, out - waiting)
    });
    let meanwhile = came / time;
    println!(
        "\nan outage, batches of 1,000 over 16 connections\n  into the spool while the broker is gone  {into:>10.0} \
         records/s\n  drained under the same load              {:>10.0} records/s   ({kept:.0} records and what came)\n  \
         came in meanwhile                        {meanwhile:>10.0} records/s   {:>5.2} times as many were drained",
        out / time,
        out / time / meanwhile
    );
    gateway.signal("-TERM");
    gateway.exit();
}

/// The sum of the series whose lines begin so.
fn metric(admin: SocketAddr, series: &str) -> f64 {
    let metrics = Client::connect(admin).unwrap().get("/metrics").unwrap().text();
    let lines = metrics.lines().filter(|line| line.starts_with(series));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

fn write_lines(path: &Path, records: usize) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    for number in 0..records {
        writeln!(file, "{}", record(number)).unwrap();
    }
    file.flush().unwrap();
}

fn compare(name: &str, target: &Target, runtime: &Runtime, lines: &Path, effort: &Effort) {
    println!("\n{name}, {PARTITIONS} partitions, load generator and broker beside it");
    // As many keys as connections, so that each partition has its share.
    let singles: Vec<Bytes> = (0..64).map(|n| request(PATH, "application/json", &record(n))).collect();
    let batch: String = (0..BATCH).map(|number| record(number) + "\n").collect();
    let batches = [request(&format!("{PATH}?results=errors"), "application/x-ndjson", &batch)];
    let gateway = |connections: usize, requests: &[Bytes], records: usize| {
        target.run(|brokers| through_gateway(runtime, brokers, connections, requests, records, effort.time))
    };
    let contestants: [(&str, &dyn Fn() -> Rate); 3] = [
        ("kcat: librdkafka alone, from a file", &|| {
            target.run(|brokers| kcat(brokers, lines, effort.records))
        }),
        ("gateway: batches of 1,000 over 16 connections", &|| gateway(16, &batches, BATCH)),
        ("gateway: single records over 64 connections", &|| gateway(64, &singles, 1)),
    ];
    let mut results = vec![Vec::new(); contestants.len()];
    for _ in 0..effort.rounds {
        for (result, (_, run)) in results.iter_mut().zip(&contestants) {
            result.push(run());
        }
    }
    let base = median(&results[0]);
    for (result, (name, _)) in results.iter().zip(&contestants) {
        let Rate { records_a_second, cpu_seconds_a_million } = median(result);
        println!(
            "  {name:<48} {records_a_second:>10.0} records/s   {:>5.2} of kcat   {cpu_seconds_a_million:>6.2} CPU-s a \
             million   {:>5.1} times kcat",
            records_a_second / base.records_a_second,
            cpu_seconds_a_million / base.cpu_seconds_a_million,
        );
    }
}

fn median(rates: &[Rate]) -> Rate {
    let middle = |of: fn(&Rate) -> f64| {
        let mut values: Vec<f64> = rates.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Rate {
        records_a_second: middle(|rate| rate.records_a_second),
        cpu_seconds_a_million: middle(|rate| rate.cpu_seconds_a_million),
    }
}

impl Target {
    /// With a topic of its own, which is deleted after the run: at such rates a disk fills within the hour.
    fn run(&self, measure: impl Fn(&str) -> Rate) -> Rate {
        match self {
            Target::Mock(mock) => measure(&mock.bootstrap_servers()),
            Target::Broker(broker) => {
                broker.create_topic(TOPIC, PARTITIONS, &[]);
                let rate = measure(&broker.gateway_address.to_string());
                broker.delete_topic(TOPIC);
                rate
            }
        }
    }
}

/// HTTP, plugin and Kafka, with the default configuration.
fn through_gateway(
    runtime: &Runtime,
    brokers: &str,
    connections: usize,
    requests: &[Bytes],
    records: usize,
    time: Duration,
) -> Rate {
    let directory = tempfile::tempdir().unwrap();
    let mut launch = Launch::serve(&directory.path().join("data"));
    launch.command.args(["--kafka", brokers]);
    let mut gateway = launch.start();
    let (start, mut client) = (Instant::now(), Client::connect(gateway.data_address).unwrap());
    while client.post(PATH, "application/json", record(0).as_bytes()).unwrap().status != 200 {
        assert!(start.elapsed() < PATIENCE, "it does not deliver: {}", gateway.said());
        std::thread::park_timeout(Duration::from_millis(50));
    }
    // Connections are made and buffers have grown before it counts.
    rate(runtime, gateway.data_address, connections, requests, time / 4);
    let (begun, before) = (Instant::now(), usage::cpu_time(gateway.child.id()));
    let records_a_second = rate(runtime, gateway.data_address, connections, requests, time) * records as f64;
    let busy = usage::cpu_time(gateway.child.id()) - before;
    let delivered = records_a_second * begun.elapsed().as_secs_f64();
    gateway.signal("-TERM");
    gateway.exit();
    Rate { records_a_second, cpu_seconds_a_million: busy.as_secs_f64() / delivered * 1e6 }
}

/// As the gateway's own producer is set, but for what it does before and after.
fn kcat(brokers: &str, lines: &Path, records: usize) -> Rate {
    let start = Instant::now();
    let mut child = Command::new("kcat")
        .args(["-P", "-b", brokers, "-t", TOPIC, "-X", "acks=all", "-X", "enable.idempotence=true"])
        .args(["-X", "linger.ms=1", "-X", "compression.codec=lz4", "-l"])
        .arg(lines)
        .stderr(Stdio::null())
        .spawn()
        .expect("kcat sends the records");
    // One that has ended keeps its times until it is waited for.
    while !has_ended(child.id()) {
        std::thread::park_timeout(Duration::from_millis(2));
    }
    let (time, busy) = (start.elapsed(), usage::cpu_time(child.id()));
    assert!(child.wait().unwrap().success(), "kcat failed");
    Rate {
        records_a_second: records as f64 / time.as_secs_f64(),
        cpu_seconds_a_million: busy.as_secs_f64() / records as f64 * 1e6,
    }
}

fn has_ended(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}
