//! What the gateway holds of what plugins return.

use super::super::output::findings_bytes;
use super::*;
use crate::verdict::{Failure, Finding, Verdict};

fn bench(limits: Limits, output_budget_bytes: usize) -> Bench {
    let mut bench = Bench::new();
    bench.config.limits = limits;
    bench.config.output_budget_bytes = output_budget_bytes;
    bench.put("hostile.wasm", &fixture("hostile.wasm"));
    bench.start();
    bench
}

fn outputs(bench: &Bench) -> Arc<super::super::output::Outputs> {
    bench.plugins().snapshot().generations[0].outputs.clone()
}

fn rejected(judgement: &Judgement) -> usize {
    let is_so = |finding: &&Finding| matches!(finding, Finding::Verdict(Verdict::Reject(_)));
    judgement.findings.iter().filter(is_so).count()
}

/// Records with a hundred violations each.
const MANY: &str = r#"{"do":"many-violations:100"}"#;

#[tokio::test]
async fn a_request_holds_no_more_of_what_its_plugin_returned_than_it_may_and_says_why_the_rest_failed() {
    let bytes_max = 1 << 20;
    let limits = Limits {
        request_output_bytes_max: bytes_max,
        call_records_max: 10,
        record_time: Duration::from_secs(5),
        call_time: Duration::from_secs(5),
        ..Limits::default()
    };
    let bench = bench(limits, 256 << 20);
    let outputs = outputs(&bench);
    let (judgement, held) = bench.judge_held("/hostile", &[MANY; 1_000]).await;
    let judged = rejected(&judgement);
    let failed = Finding::Failed(Failure::OutputBudgetSpent { bytes_max });
    assert_eq!(judgement.findings.len(), 1_000);
    assert!(judgement.findings[judged..].iter().all(|finding| *finding == failed), "after {judged}");
    // Counted anew from what is there: it is all of what was charged, and a call more would have been too much.
    let there = findings_bytes(&judgement.findings[..judged]);
    assert_eq!((held.bytes(), outputs.used()), (there, there));
    assert!(there <= bytes_max && there + there / judged * 10 > bytes_max, "{there} of {bytes_max}");
    drop((judgement, held));
    assert_eq!(outputs.used(), 0);
}

#[tokio::test]
async fn a_small_request_on_the_callers_thread_is_held_to_the_same_bounds() {
    let bytes_max = 8 << 10;
    let bench = bench(Limits { request_output_bytes_max: bytes_max, ..Limits::default() }, 256 << 20);
    let judgement = bench.judge("/hostile", &[MANY]).await;
    assert_eq!(judgement.findings, [Finding::Failed(Failure::OutputBudgetSpent { bytes_max })]);
    assert_eq!(rejected(&bench.judge("/hostile", &[r#"{"do":"reject"}"#]).await), 1);
}

#[tokio::test]
async fn all_requests_together_hold_no_more_than_they_may_and_the_next_one_finds_the_room_they_left() {
    let limits = Limits { request_output_bytes_max: 60 << 10, ..Limits::default() };
    let bench = bench(limits, 64 << 10);
    let mut holding = Vec::new();
    let refused = loop {
        let (judgement, held) = bench.judge_held("/hostile", &[MANY]).await;
        if rejected(&judgement) == 0 {
            break judgement;
        }
        holding.push((judgement, held));
        assert!(outputs(&bench).used() <= 64 << 10);
    };
    assert_eq!(refused.findings, [Finding::Failed(Failure::OutputsFull)]);
    assert!(holding.len() >= 2, "{} requests found room", holding.len());
    holding.pop();
    assert_eq!(rejected(&bench.judge("/hostile", &[MANY]).await), 1);
}

#[tokio::test]
async fn faults_are_held_as_verdicts_are() {
    let limits = Limits {
        request_output_bytes_max: 16 << 10,
        breaker_faults: 100_000,
        fault_budget: Duration::from_secs(60),
        ..Limits::default()
    };
    let bench = bench(limits, 256 << 20);
    let (judgement, held) = bench.judge_held("/hostile", &[r#"{"do":"panic"}"#; 200]).await;
    let faulted = judgement.findings.iter().filter(|finding| matches!(finding, Finding::Fault(_))).count();
    assert!(faulted > 10 && faulted < 200, "{faulted}");
    assert_eq!(judgement.findings[199], Finding::Failed(Failure::OutputBudgetSpent { bytes_max: 16 << 10 }));
    assert!(held.bytes() <= 16 << 10);
}

/// Two fields are wrong: what is said of them is as long as what producers get to read.
const TWO_VIOLATIONS: &str = r#"{"transaction_id":"FT-1","timestamp":"2024-01-01T00:00:00Z","account_id":"A-1",
    "amount":-12.5,"currency":"EURO","transaction_type":"purchase"}"#;

#[tokio::test]
async fn fifty_thousand_records_with_two_violations_each_are_judged_to_the_end_by_default() {
    let mut bench = Bench::new();
    // Time is not what is tried here, and other tests take theirs.
    let generous = Duration::from_secs(5);
    bench.config.limits = Limits { record_time: generous, call_time: generous, ..Limits::default() };
    bench.put("financial-transaction.wasm", &fixture("financial-transaction.wasm"));
    bench.start();
    let bodies = vec![TWO_VIOLATIONS; 50_000];
    let (judgement, held) = bench.judge_held("/ingest-financial-transaction", &bodies).await;
    let both = |finding: &Finding| matches!(finding, Finding::Verdict(Verdict::Reject(violations)) if violations.len() + violations.omitted() == 2);
    assert!(judgement.findings.iter().all(both), "{:?}", judgement.findings.last());
    let a_record = held.bytes() / bodies.len();
    println!("held: {} bytes, {a_record} a record", held.bytes());
    assert!(held.bytes() < Limits::default().request_output_bytes_max / 4 * 3, "{a_record} bytes a record");
}

#[tokio::test]
async fn measurements_beyond_their_bound_are_dropped_and_counted_and_the_record_stays() {
    let bench = bench(Limits::default(), 256 << 20);
    let body = r#"{"do":"many-measurements"}"#;
    let judgement = bench.judge("/hostile", &[body]).await;
    assert!(matches!(&judgement.findings[0], Finding::Verdict(Verdict::Accept(_))), "{judgement:?}");
    assert_eq!(judgement.measurements[0].measurements.len(), 256);
    assert_eq!(bench.status().plugins[0].measurements_dropped, 100_000 - 256);
}
