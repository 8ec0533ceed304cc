//! The rules of the first sample, natively and as the plugin that is committed.

use crate::{Effort, contest, record};
use bytes::Bytes;
use sluicegate::plugin::{Facts, Generation};
use sluicegate::record::{Batch, Framing, Limits, RecordIds, decode};
use sluicegate::verdict::{Finding, Verdict};
use sluicegate_sdk::contract::{self, Body, Item, Request};
use std::sync::Arc;
use std::time::Instant;

pub const PATH: &str = "/ingest-financial-transaction/";

/// Records in calls of as many as the plugin is shown at a time.
const CALL: usize = 256;

fn nanoseconds_a_record(effort: Effort, records: usize, mut judge: impl FnMut()) -> f64 {
    let (start, mut rounds) = (Instant::now(), 0);
    while start.elapsed() < effort.time {
        for _ in 0..64 {
            judge();
        }
        rounds += 64;
    }
    start.elapsed().as_nanos() as f64 / (rounds * records) as f64
}

fn batch(records: usize) -> Arc<Batch> {
    let body: String = (0..records).map(|number| record(number) + "\n").collect();
    let limits = Limits { records_max: CALL, record_bytes_max: 1 << 20 };
    Arc::new(decode(Framing::NdJson, Bytes::from(body), &limits, RecordIds::minted_at(1)).unwrap())
}

pub fn compare(effort: Effort) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let directory = tempfile::tempdir().unwrap();
    let gateway = crate::serve::configuration(&directory);
    let metrics = sluicegate::telemetry::Metrics::new(&gateway.telemetry);
    let plugins = sluicegate::plugin::Plugins::start(gateway.plugins, metrics).unwrap();
    let found = plugins.snapshot().route(PATH).unwrap();
    let (one, many) = (batch(1), batch(CALL));
    let texts = items(&(0..CALL).map(record).collect::<Vec<_>>());
    let as_plugin = |batch: &Arc<Batch>| {
        let judging = Generation::judge(&found.generation, found.route, Facts::default(), batch.clone());
        let (judgement, _held) = runtime.block_on(judging);
        assert!(matches!(judgement.findings[0], Finding::Verdict(Verdict::Accept(_))));
    };
    contest(
        "rules: one 198-byte financial transaction, parsed, checked, measured",
        "ns/record",
        effort.rounds,
        &mut [
            ("natively (the same SDK and rules)", &mut || {
                nanoseconds_a_record(effort, 1, || judge_natively(&texts[..1]))
            }),
            ("natively, 256 a call", &mut || nanoseconds_a_record(effort, CALL, || judge_natively(&texts))),
            ("as a plugin, one a call", &mut || nanoseconds_a_record(effort, 1, || as_plugin(&one))),
            ("as a plugin, 256 a call", &mut || nanoseconds_a_record(effort, CALL, || as_plugin(&many))),
        ],
    );
}

/// What the plugin does, without the plugin around it.
pub fn judge_natively(items: &[Item]) {
    let request = Request {
        route: 0,
        received_at: 1_768_473_000_000,
        parameters: Vec::new(),
        headers: Vec::new(),
        caller: None,
        extensions: Vec::new(),
    };
    let judgement = financial_transaction::PLUGIN.judge(&request, items);
    let accepted =
        judgement.verdicts.iter().filter(|verdict| matches!(verdict, contract::Verdict::Accept(_)));
    assert_eq!(accepted.count(), items.len());
}

pub fn items(texts: &[String]) -> Vec<Item> {
    let item = |text: &String| Item { body: Body::Text(text.clone()), attributes: Vec::new() };
    texts.iter().map(item).collect()
}
