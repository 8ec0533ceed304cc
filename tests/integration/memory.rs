//! What producers can make the gateway hold: bounded by its limits, whatever they send. The peak of a process of
//! its own is read from the kernel.

use crate::client::{Answer, Client};
use crate::harness::{FINANCIAL, ndjson, transaction};
use crate::process::{Gateway, Launch};
use crate::usage::Memory;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

const MIB: u64 = 1 << 20;
const GIB: usize = 1 << 30;

/// Clients that attack at once.
const ATTACKERS: usize = 8;

/// `http.body_bytes_max`, and three times that: a buffer that grows is there twice for a moment, the old one half as
/// large as the new one. The rest is for what the allocator has not given back yet.
const LINE_GROWTH_MAX: u64 = 3 * 16 * MIB + 16 * MIB;

/// Twice `http.body_budget_bytes`, which bodies as sent, unpacked and answered are charged to: twice, because growing
/// buffers and freed pages that the allocator keeps for some seconds are not.
const ATTACK_GROWTH_MAX: u64 = 2 * 256 * MIB;

struct Target {
    gateway: Gateway,
    _directory: tempfile::TempDir,
}

impl Target {
    /// With all limits at their defaults, and warm: what it needs for ordinary work it has.
    fn start() -> Target {
        let directory = tempfile::tempdir().unwrap();
        let mut launch = Launch::serve(&directory.path().join("data"));
        // As on two cores, wherever this runs: each judge holds what its plugin has returned.
        launch.command.env("SLUICEGATE__PLUGINS__JUDGE_THREADS", "2");
        // Memory is what is tried here, not patience.
        launch.command.env("SLUICEGATE__PLUGINS__JUDGE_WAIT_MS", "60000");
        let gateway = launch.start();
        let target = Target { gateway, _directory: directory };
        let body = ndjson((0..2_000).map(|number| transaction(&number.to_string())));
        assert_eq!(send(target.address(), LINES, body.as_bytes()).status, 200);
        target
    }

    fn address(&self) -> SocketAddr {
        self.gateway.data_address
    }

    /// The answers to one request, sent by all attackers at once, and by how much the gateway grew.
    fn attacked(&self, headers: &'static str, body: Vec<u8>) -> (Vec<Answer>, u64) {
        let (address, body) = (self.address(), Arc::new(body));
        let memory = Memory::watch(self.gateway.child.id());
        let attackers: Vec<_> = (0..ATTACKERS)
            .map(|_| {
                let body = body.clone();
                std::thread::spawn(move || send(address, headers, &body))
            })
            .collect();
        let answers = attackers.into_iter().map(|attacker| attacker.join().unwrap()).collect();
        (answers, memory.growth())
    }

    fn serves(&self) {
        let answer = send(self.address(), JSON, transaction("after").as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

const JSON: &str = "content-type: application/json\r\n";
const LINES: &str = "content-type: application/x-ndjson\r\n";
const GZIP: &str = "content-type: application/x-ndjson\r\ncontent-encoding: gzip\r\n";
const ZSTD: &str = "content-type: application/x-ndjson\r\ncontent-encoding: zstd\r\n";

fn send(address: SocketAddr, headers: &str, body: &[u8]) -> Answer {
    let mut client = Client::connect(address).unwrap();
    let length = body.len();
    let head = format!("POST {FINANCIAL} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {length}\r\n\r\n");
    client.send(head.as_bytes()).unwrap();
    // A refusal may come before all is sent.
    let _ = client.send(body);
    client.answer().unwrap()
}

#[test]
fn a_line_of_a_gibibyte_is_refused_early_and_never_held() {
    let target = Target::start();
    let memory = Memory::watch(target.gateway.child.id());
    let mut client = Client::connect(target.address()).unwrap();
    let mut sender = client.sender().unwrap();
    let flood = std::thread::spawn(move || {
        let head =
            format!("POST {FINANCIAL} HTTP/1.1\r\nhost: x\r\n{LINES}transfer-encoding: chunked\r\n\r\n");
        sender.write_all(head.as_bytes()).unwrap();
        let mut chunk = format!("{:x}\r\n", 1 << 20).into_bytes();
        chunk.resize(chunk.len() + (1 << 20), b'a');
        chunk.extend_from_slice(b"\r\n");
        (0..GIB >> 20).take_while(|_| sender.write_all(&chunk).is_ok()).count()
    });
    let answer = client.answer().unwrap();
    assert_eq!(answer.status, 413);
    assert_eq!(
        answer.detail(),
        "the body has more than 16777216 bytes, the most that are taken (http.body_bytes_max); send fewer \
         records a request"
    );
    let sent = flood.join().unwrap();
    let grown = memory.growth();
    println!("{sent} MiB were sent before the gateway cut it off, it grew by {} MiB", grown / MIB);
    assert!(sent < 1024, "the whole line was taken off the wire");
    assert!(grown < LINE_GROWTH_MAX, "{} MiB", grown / MIB);
    target.serves();
}

#[test]
fn bombs_of_a_gibibyte_inflate_to_the_limit_at_most() {
    let target = Target::start();
    let zeros = vec![0; 16 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut zstd = zstd::Encoder::new(Vec::new(), 1).unwrap();
    for _ in 0..GIB / zeros.len() {
        gzip.write_all(&zeros).unwrap();
        zstd.write_all(&zeros).unwrap();
    }
    for (headers, bomb) in [(GZIP, gzip.finish().unwrap()), (ZSTD, zstd.finish().unwrap())] {
        let packed = bomb.len();
        let (answers, grown) = target.attacked(headers, bomb);
        println!("{packed} bytes for a GiB, {ATTACKERS} times at once: grew by {} MiB", grown / MIB);
        for answer in answers {
            assert_eq!(answer.status, 413, "{}", answer.text());
            assert_eq!(
                answer.detail(),
                "the body inflates to more than 33554432 bytes, the most that are taken \
                 (http.decompressed_bytes_max); send fewer records a request"
            );
        }
        assert!(grown < ATTACK_GROWTH_MAX, "{} MiB", grown / MIB);
    }
    target.serves();
}

#[test]
fn a_hundred_thousand_brackets_cost_no_more_than_their_bytes() {
    let target = Target::start();
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    let unended = "the array does not end: a closing bracket or quote is missing";
    let nested = "more than 200 arrays and objects lie within each other";
    let bodies = [
        (JSON, open.clone(), 400, unended),
        (JSON, format!("{open}{close}"), 422, nested),
        (JSON, format!("{{\"x\":{open}{close}}}"), 422, nested),
        (JSON, format!("{{\"x\":{}", "{\"x\":".repeat(100_000)), 422, nested),
        (LINES, ndjson((0..100).map(|_| open.clone())), 422, nested),
    ];
    for (headers, body, status, why) in bodies {
        // As sent by all, three times over as above, and what the plugin's instances take to look at it.
        let most = (3 * ATTACKERS * body.len()) as u64 + 64 * MIB;
        let (answers, grown) = target.attacked(headers, body.into_bytes());
        for answer in answers {
            assert_eq!(answer.status, status, "{}", answer.text());
            assert!(answer.text().contains(why), "{}", answer.text());
        }
        assert!(grown < most, "{} MiB of {}", grown / MIB, most / MIB);
    }
    target.serves();
}

#[test]
fn batches_of_nothing_but_wrong_records_are_all_told_within_bounds() {
    let target = Target::start();
    // Wrong in every field, and each violation with a sentence of its own.
    let long = "x".repeat(40);
    let wordy = format!(
        r#"{{"transaction_id":1,"timestamp":"{long}","account_id":[],"amount":"{long}","currency":"{long}","transaction_type":{{}},"merchant_id":7,"{long}":0}}"#
    );
    for record in ["{}", &wordy] {
        let body = ndjson((0..50_000).map(|_| record.to_owned()));
        let (answers, grown) = target.attacked(LINES, body.into_bytes());
        let bytes = answers[0].body.len();
        println!("{ATTACKERS} answers of {bytes} bytes: grew by {} MiB", grown / MIB);
        for answer in answers {
            assert_eq!(answer.status, 422);
            let told = answer.json();
            assert_eq!(told["counts"]["rejected"], 50_000);
            assert_eq!(
                told["detail"].as_str().unwrap().split(';').next(),
                Some("all 50000 records are rejected")
            );
            let last = &told["results"][49_999];
            assert_eq!(
                (&last["index"], &last["violations_omitted"]),
                (&49_999.into(), &told["results"][49_998]["violations_omitted"])
            );
            assert_eq!(last["violations"].as_array().map(Vec::len), Some(1), "{last}");
        }
        assert!(grown < ATTACK_GROWTH_MAX, "{} MiB", grown / MIB);
    }
    target.serves();
}
