//! 100,000 records, right and wrong, alone and in batches, over a few connections: each answer is the one that is expected.

use crate::client::Client;
use serde_json::Value;
use serde_json::value::RawValue;
use std::net::SocketAddr;

pub const VALID: &str = r#"{"order_id":"O-1","customer":"C-7","total":12.5,"currency":"EUR","channel":"web","items":[{"sku":"A-1","quantity":2}]}"#;

const RECORDS: &str = include_str!("../../examples/templates/records.ndjson");
const CONNECTIONS: usize = 4;
/// Of each connection.
const BATCHES: usize = 50;
const BATCH: usize = 500;
const SINGLES: usize = 100;

#[derive(serde::Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    expect: Value,
}

/// A batch, and how many of it are right.
fn batch() -> (String, usize) {
    let lines: Vec<Line<'_>> = RECORDS.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let records: Vec<(&str, bool)> =
        lines.iter().filter_map(|line| Some((line.record?.get(), line.expect == "accept"))).collect();
    let all: Vec<&(&str, bool)> = records.iter().cycle().take(BATCH).collect();
    let text: String = all.iter().map(|(record, _)| format!("{record}\n")).collect();
    (text, all.iter().filter(|(_, accepted)| *accepted).count())
}

/// Gives the number of records.
pub fn run(address: SocketAddr, path: &str) -> usize {
    let (batch, right) = batch();
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut client = Client::connect(address).unwrap();
                for _ in 0..BATCHES {
                    let answer = client.post(path, "application/x-ndjson", batch.as_bytes()).unwrap();
                    let counts = answer.json()["counts"].clone();
                    let told = (counts["committed"].as_u64(), counts["rejected"].as_u64());
                    assert_eq!(told, (Some(right as u64), Some((BATCH - right) as u64)), "{}", answer.text());
                }
                for number in 0..SINGLES {
                    let (body, status) = if number % 10 == 0 { ("[1]", 422) } else { (VALID, 200) };
                    let answer = client.post(path, "application/json", body.as_bytes()).unwrap();
                    assert_eq!(answer.status, status, "{}", answer.text());
                }
            });
        }
    });
    CONNECTIONS * (BATCHES * BATCH + SINGLES)
}
