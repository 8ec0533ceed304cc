//! Every limit of the data port, met over a socket on the whole gateway: what it answers, word for word, and that
//! it takes the next record.

use crate::client::{Answer, Client};
use crate::harness::{FINANCIAL, Gateway, PATIENCE, ndjson, transaction};
use std::io::Write;
use std::time::{Duration, Instant};

const JSON: &str = "content-type: application/json\r\n";
const LINES: &str = "content-type: application/x-ndjson\r\n";

async fn gateway(http: &str) -> Gateway {
    Gateway::with(&["plugins/financial-transaction.wasm"], &format!("[http]\n{http}")).await
}

fn connect(gateway: &Gateway) -> Client {
    Client::connect(gateway.app.data_address).unwrap()
}

/// A body with its length, on a connection of its own.
fn post(gateway: &Gateway, headers: &str, body: &[u8]) -> Answer {
    let head =
        format!("POST {FINANCIAL} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {}\r\n\r\n", body.len());
    let mut client = connect(gateway);
    // Refused before all of it is read: what counts is that the answer still arrives.
    let _ = client.send(&[head.as_bytes(), body].concat());
    client.answer().unwrap()
}

async fn takes_the_next(gateway: &Gateway) {
    let answer = gateway.post(FINANCIAL, transaction("next")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn is_refused(answer: &Answer, status: u16, detail: &str) {
    assert_eq!((answer.status, answer.detail().as_str()), (status, detail));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["request_id"].as_str(), answer.header("x-request-id"));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_and_a_body_that_trickle_are_cut_off() {
    let gateway = gateway("header_timeout_ms = 300\nbody_timeout_ms = 300\n").await;
    let mut head = connect(&gateway);
    let dribbled = trickle(&head, format!("POST {FINANCIAL} HTTP/1.1\r\nx: "));
    assert_eq!(head.rest().unwrap_or_default(), b"", "closed without a word: there is no request to answer");
    let mut body = connect(&gateway);
    let start = format!("POST {FINANCIAL} HTTP/1.1\r\nhost: x\r\n{JSON}content-length: 1000000\r\n\r\n");
    let dribbling = trickle(&body, start);
    let answer = body.answer().unwrap();
    is_refused(
        &answer,
        408,
        "the body did not arrive within 300 ms of its headers (http.body_timeout_ms); send it faster, or in \
         smaller parts",
    );
    assert_eq!(answer.header("connection"), Some("close"));
    for thread in [dribbled, dribbling] {
        thread.join().unwrap();
    }
    takes_the_next(&gateway).await;
}

/// Sends a byte every few milliseconds until the gateway takes no more.
fn trickle(client: &Client, start: String) -> std::thread::JoinHandle<()> {
    let mut sender = client.sender().unwrap();
    std::thread::spawn(move || {
        let begun = Instant::now();
        let _ = sender.write_all(start.as_bytes());
        while sender.write_all(b"a").is_ok() {
            assert!(begun.elapsed() < PATIENCE, "the gateway reads a trickle for ever");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_too_large_is_431_and_an_address_too_long_414() {
    let gateway = gateway("").await;
    let get = |path: &str, headers: &str| {
        connect(&gateway)
            .exchange(format!("POST {path} HTTP/1.1\r\nhost: x\r\n{headers}\r\n").as_bytes())
            .unwrap()
    };
    // hyper's own answer, as there is no request yet.
    let large = get(FINANCIAL, &format!("x: {}\r\n", "a".repeat(33 << 10)));
    assert_eq!((large.status, large.body.len()), (431, 0));
    let many = get(FINANCIAL, &"a:b\r\n".repeat(101));
    assert_eq!(many.status, 431);
    let long = get(&format!("{FINANCIAL}?{}", "a".repeat(8 << 10)), "content-length: 0\r\n");
    let bytes = FINANCIAL.len() + 1 + (8 << 10);
    is_refused(
        &long,
        414,
        &format!("the address has {bytes} bytes and at most 8192 are taken; put data into the body"),
    );
    takes_the_next(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_too_large_as_sent_or_unpacked_are_413() {
    let limits =
        "body_bytes_max = \"64KiB\"\ndecompressed_bytes_max = \"128KiB\"\nrecord_bytes_max = \"4KiB\"\n";
    let gateway = gateway(limits).await;
    let large = post(&gateway, JSON, &vec![b' '; (64 << 10) + 1]);
    is_refused(
        &large,
        413,
        "the body has 65537 bytes and at most 65536 are taken (http.body_bytes_max); send fewer records a request",
    );
    assert_eq!(large.header("connection"), Some("close"));
    let zeros = vec![0; 1 << 20];
    let zstd = zstd::encode_all(&zeros[..], 1).unwrap();
    for (coding, bomb) in [("gzip", gzip(&zeros)), ("zstd", zstd)] {
        assert!(bomb.len() < 64 << 10);
        let answer = post(&gateway, &format!("{LINES}content-encoding: {coding}\r\n"), &bomb);
        is_refused(
            &answer,
            413,
            "the body inflates to more than 131072 bytes, the most that are taken \
             (http.decompressed_bytes_max); send fewer records a request",
        );
    }
    let long = transaction("long").replace("M-1", &"x".repeat(4 << 10));
    let alone = post(&gateway, JSON, long.as_bytes());
    assert_eq!(alone.status, 413, "{}", alone.text());
    let among =
        post(&gateway, LINES, format!("{}\n{long}\n{}\n", transaction("1"), transaction("2")).as_bytes());
    assert_eq!(among.status, 207, "{}", among.text());
    let told = among.json();
    assert_eq!(told["results"][1]["violations"][0]["code"], "record_too_large");
    assert_eq!((&told["counts"]["committed"], &told["counts"]["rejected"]), (&2.into(), &1.into()));
    takes_the_next(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_record_too_many_refuses_the_request_and_nothing_of_it_is_kept() {
    let gateway = gateway("").await;
    let most = ndjson((0..50_000).map(|_| "{}".to_owned()));
    let array = |count: usize| format!("[{}{{}}]", "{},".repeat(count - 1));
    for (kind, body) in [(LINES, format!("{most}{{}}\n")), (JSON, array(50_001))] {
        is_refused(
            &post(&gateway, kind, body.as_bytes()),
            413,
            "the body holds more than 50000 records; send them in several requests (http.records_max)",
        );
    }
    // As many as there may be are judged: each is told what it lacks.
    let answer = post(&gateway, LINES, most.as_bytes());
    assert_eq!(answer.status, 422);
    let told = answer.json();
    assert_eq!(told["counts"]["rejected"], 50_000);
    assert_eq!(told["results"].as_array().map(Vec::len), Some(50_000));
    takes_the_next(&gateway).await;
    assert_eq!(gateway.values("raw_financial_transactions").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_too_many_is_told_so_and_served_when_another_has_gone() {
    let gateway = gateway("connections_max = 2\n").await;
    let mut two = [connect(&gateway), connect(&gateway)];
    for client in &mut two {
        assert_eq!(client.get("/health").unwrap().status, 200);
    }
    let refused = connect(&gateway).get("/health").unwrap();
    is_refused(
        &refused,
        503,
        "the gateway serves 2 connections at a time (http.connections_max) and has none left; try again after \
         the time in Retry-After, or share connections",
    );
    assert!(refused.header("retry-after").is_some_and(|seconds| (1..=3).contains(&seconds.parse().unwrap())));
    assert_eq!(two[0].get("/health").unwrap().status, 200, "those that are in stay in");
    let shed = gateway.metric("gateway_requests_shed").await;
    assert!(
        shed.iter().any(|line| line.contains(r#"reason="connections""#) && line.ends_with(" 1")),
        "{shed:?}"
    );
    drop(two);
    let start = Instant::now();
    // A refusal may come as a reset once the request meets a closed socket.
    while !connect(&gateway).get("/health").is_ok_and(|answer| answer.status == 200) {
        assert!(start.elapsed() < PATIENCE, "the place is not given back");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_too_many_in_flight_is_told_so_and_taken_when_the_other_has_ended() {
    let plugins = ["tests/fixtures/hostile.wasm", "plugins/financial-transaction.wasm"];
    // One loop holds the only place for its time limit.
    let lines = "[http]\nin_flight_max = 1\n[plugin.hostile]\nrecord_ms = 500\ncall_ms = 500\n";
    let gateway = Gateway::with(&plugins, lines).await;
    let address = gateway.app.data_address;
    // Again until it gets the place: one of those below may have it just then.
    let busy = std::thread::spawn(move || {
        let mut client = Client::connect(address).unwrap();
        let mut order = || client.post("/hostile", "application/json", br#"{"do":"loop"}"#).unwrap().status;
        std::iter::repeat_with(&mut order).find(|status| *status != 503).unwrap()
    });
    let start = Instant::now();
    let refused = loop {
        let answer = post(&gateway, JSON, transaction("1").as_bytes());
        if answer.status != 200 {
            break answer;
        }
        assert!(start.elapsed() < PATIENCE, "the place is never taken");
    };
    is_refused(
        &refused,
        503,
        "the gateway is judging and delivering 1 requests (http.in_flight_max) and takes no more at present; \
         send it again after the time in Retry-After",
    );
    assert!(refused.header("retry-after").is_some());
    assert_eq!(busy.join().unwrap(), 202);
    takes_the_next(&gateway).await;
}
