//! A collector that is not well costs telemetry and nothing else.

use crate::collector::Collector;
use crate::part::free;
use crate::process::{Gateway, Launch};
use crate::simulate::{gateway, simulate};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

const LOAD: [&str; 6] = ["--count", "20000", "--batch", "1", "--invalid", "0.1"];

/// What a stand-in for a collector does with a connection.
#[derive(Clone, Copy, PartialEq)]
enum Ill {
    /// Takes everything and never answers.
    Hanging,
    Refusing,
    Unavailable,
}

fn stand_in(ill: Ill) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream, ill));
        }
    });
    address
}

fn answer(mut stream: std::net::TcpStream, ill: Ill) {
    if ill == Ill::Refusing {
        return;
    }
    let mut buffer = [0; 64 << 10];
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
        if ill == Ill::Unavailable {
            let answer =
                b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer);
            return;
        }
    }
}

/// Stops it, and tells how long that took.
fn stop(mut gateway: Gateway) -> Duration {
    gateway.signal("-TERM");
    let start = Instant::now();
    let status = gateway.exit();
    assert!(status.success(), "{status}:\n{}", gateway.said());
    start.elapsed()
}

fn report(name: &str, report: &Value, stopped: Duration) {
    let latency = &report["latency_us"];
    println!(
        "{name:<22} p50 {:>6} µs  p99 {:>6} µs  {:>7.0} records/s  stopped within {stopped:?}",
        latency["p50"],
        latency["p99"],
        report["records_per_second"].as_f64().unwrap()
    );
}

/// Every answer is as if there were no telemetry at all, and the gateway ends when it is told to.
#[test]
fn a_collector_that_is_not_well_changes_no_answer() {
    let data = tempfile::tempdir().unwrap();
    let off = Launch::serve(data.path()).start();
    let alone = simulate(&off, &LOAD);
    report("no telemetry", &alone, stop(off));
    let places = [
        ("absent", free()),
        ("hanging", stand_in(Ill::Hanging)),
        ("refusing", stand_in(Ill::Refusing)),
        ("answering 503", stand_in(Ill::Unavailable)),
    ];
    for (name, address) in places {
        for protocol in ["http/protobuf", "grpc"] {
            let data = tempfile::tempdir().unwrap();
            let mut launch = gateway(data.path(), protocol, address);
            launch.command.env("OTEL_TRACES_SAMPLER", "always_on");
            let gateway = launch.start();
            let report_ = simulate(&gateway, &LOAD);
            assert_eq!(report_["well"], true, "{name}: {report_}");
            let said = gateway.log.clone();
            let stopped = stop(gateway);
            assert!(stopped < Duration::from_secs(10), "{name}: {stopped:?}");
            report(&format!("{name}, {protocol}"), &report_, stopped);
            let said = said.lock().unwrap().clone();
            assert!(!said.contains("panicked"), "{name}: {said}");
            let told = said.lines().filter(|line| line.contains("telemetry cannot be sent")).count();
            // Once for each signal, and not for each export.
            assert!(told <= 3 && (told > 0 || name == "hanging"), "{name}: {told}\n{said}");
        }
    }
}

/// It dies in the middle, and is missed only until another one is there.
#[test]
fn a_collector_that_dies_under_load_is_told_of_and_its_successor_is_used() {
    let collector = Collector::start(None);
    let data = tempfile::tempdir().unwrap();
    let gateway = gateway(data.path(), "http/protobuf", collector.http).start();
    let load = ["--count", "4000", "--rate", "2000", "--batch", "1"];
    let first = simulate(&gateway, &load);
    drop(collector);
    let second = simulate(&gateway, &load);
    assert_eq!((&first["well"], &second["well"]), (&true.into(), &true.into()));
    assert!(gateway.said().contains("telemetry cannot be sent"), "{}", gateway.said());
    let mut client = crate::client::Client::connect(gateway.admin_address).unwrap();
    let metrics = client.get("/metrics").unwrap().text();
    let failed = metrics.lines().find(|line| {
        line.starts_with("gateway_telemetry_exports_total{")
            && line.contains("failed")
            && line.contains("metrics")
    });
    let failed: f64 = failed.unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(failed > 0.0, "{metrics}");
    assert!(stop(gateway) < Duration::from_secs(10));
}
