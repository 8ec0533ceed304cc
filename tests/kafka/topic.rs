//! What a topic holds, as another client sees it.

use crate::broker::Broker;
use serde_json::Value;
use std::process::Command;

pub struct Arrived {
    pub key: Option<String>,
    pub value: String,
    pub headers: Vec<(String, String)>,
    pub partition: i64,
}

/// Everything in a topic, partition by partition in the order of the log.
pub fn read(broker: &Broker, topic: &str) -> Vec<Arrived> {
    let output = Command::new("kcat")
        .args(["-b", &broker.address.to_string(), "-C", "-t", topic, "-e", "-q", "-J"])
        .args(["-X", "message.max.bytes=20000000", "-X", "check.crcs=true"])
        .output()
        .expect("kcat reads the topic");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| arrived(&serde_json::from_slice(line).unwrap())).collect()
}

fn arrived(line: &Value) -> Arrived {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let headers: Vec<String> =
        line["headers"].as_array().into_iter().flatten().map(|part| text(part).unwrap_or_default()).collect();
    Arrived {
        key: text(&line["key"]),
        value: text(&line["payload"]).unwrap_or_default(),
        headers: headers.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect(),
        partition: line["partition"].as_i64().unwrap(),
    }
}
