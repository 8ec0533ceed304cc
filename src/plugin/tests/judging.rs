//! What becomes of records, however their plugin behaves.

use super::*;
use crate::verdict::{Failure, FaultKind, Finding, Verdict};

const TRANSACTION: &str = r#"{"transaction_id":"FT-1","timestamp":"2024-01-01T00:00:00Z","account_id":"A-1",
    "amount":12.5,"currency":"EUR","transaction_type":"purchase"}"#;

/// However long it is open yet.
const BREAKER_OPEN: Failure = Failure::BreakerOpen { pause_ms: 0 };

const SAMPLES: [(&str, &str); 2] = [
    ("financial-transaction.wasm", "financial-transaction.wasm"),
    ("insurance-claim.wasm", "insurance-claim.wasm"),
];

fn is_accepted(finding: &Finding) -> bool {
    matches!(finding, Finding::Verdict(Verdict::Accept(_)))
}

fn accepted_id(finding: &Finding) -> Option<&str> {
    match finding {
        Finding::Verdict(Verdict::Accept(accepted)) => accepted.id.as_deref(),
        _ => None,
    }
}

fn fault(finding: &Finding) -> (FaultKind, &str) {
    match finding {
        Finding::Fault(fault) => (fault.kind, &fault.detail),
        other => panic!("no fault: {other:?}"),
    }
}

fn failures(judgement: &Judgement, failure: Failure) -> usize {
    let is_so = |finding: &&Finding| match finding {
        Finding::Failed(found) => found.as_str() == failure.as_str(),
        _ => false,
    };
    judgement.findings.iter().filter(is_so).count()
}

fn faults(judgement: &Judgement) -> usize {
    judgement.findings.iter().filter(|finding| matches!(finding, Finding::Fault(_))).count()
}

/// A bench with the plugin that does what records say.
fn hostile(limits: Limits) -> Bench {
    let mut bench = Bench::new();
    bench.config.limits = limits;
    bench.put("hostile.wasm", &fixture("hostile.wasm"));
    bench.start();
    bench
}

fn told(what: &str) -> String {
    format!(r#"{{"do":"{what}"}}"#)
}

async fn obey(bench: &Bench, commands: &[&str]) -> Judgement {
    let bodies: Vec<String> = commands.iter().map(|what| told(what)).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    bench.judge("/hostile", &bodies).await
}

async fn obey_one(bench: &Bench, command: &str) -> (FaultKind, String) {
    let judgement = obey(bench, &[command]).await;
    let (kind, detail) = fault(&judgement.findings[0]);
    (kind, detail.to_owned())
}

#[tokio::test]
async fn both_samples_judge_with_and_without_a_trailing_slash() {
    let bench = Bench::with(&SAMPLES);
    for path in ["/ingest-financial-transaction", "/ingest-financial-transaction/"] {
        let judgement = bench.judge(path, &[TRANSACTION, "{}"]).await;
        assert_eq!(accepted_id(&judgement.findings[0]), Some("FT-1"), "{judgement:?}");
        assert!(matches!(&judgement.findings[1], Finding::Verdict(Verdict::Reject(all)) if all.len() > 1));
        assert_eq!(judgement.measurements.len(), 1);
    }
    assert!(is_no_route(&bench, "/ingest"));
}

fn is_no_route(bench: &Bench, path: &str) -> bool {
    matches!(bench.plugins().snapshot().route(path), Err(RouteError::Unknown))
}

#[tokio::test]
async fn a_large_batch_keeps_its_order_over_many_calls() {
    let bench = Bench::with(&SAMPLES);
    let bodies: Vec<String> =
        (0..1_000).map(|number| TRANSACTION.replace("FT-1", &format!("FT-{number}"))).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let judgement = bench.judge("/ingest-financial-transaction", &bodies).await;
    for (number, finding) in judgement.findings.iter().enumerate() {
        assert_eq!(accepted_id(finding), Some(format!("FT-{number}").as_str()));
    }
    let firsts: Vec<usize> = judgement.measurements.iter().map(|table| table.first).collect();
    assert_eq!(firsts, [0, 256, 512, 768]);
}

#[tokio::test]
async fn refused_records_are_rejected_without_a_call_and_their_neighbours_judged() {
    use crate::record::Refusal;
    let bench = Bench::with(&SAMPLES);
    let found = bench.plugins().snapshot().route("/ingest-financial-transaction").unwrap();
    for refused in [vec![0], vec![2], vec![1], vec![0, 1, 2]] {
        let mut records = (*batch(&[TRANSACTION; 3])).clone();
        for index in &refused {
            records.records[*index].body = Body::Refused(Refusal::TooLarge { bytes: 9, max: 8 });
        }
        let (judgement, _held) =
            found.generation.judge(found.route, Facts::default(), Arc::new(records)).await;
        assert_eq!(judgement.findings.len(), 3);
        for (index, finding) in judgement.findings.iter().enumerate() {
            match finding {
                Finding::Verdict(Verdict::Reject(violations)) => {
                    assert_eq!(violations[0].code, "record_too_large");
                    assert!(refused.contains(&index));
                }
                other => assert!(is_accepted(other) && !refused.contains(&index), "{index}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn each_kind_of_harm_is_named() {
    let bench = hostile(Limits {
        breaker_faults: 1_000,
        record_time: Duration::from_millis(250),
        ..Limits::default()
    });
    let cases = [
        ("loop", FaultKind::Deadline, "took more than 250 ms"),
        ("trap", FaultKind::Trap, "wasm `unreachable` instruction executed"),
        ("panic", FaultKind::Trap, "told to panic"),
        ("trap", FaultKind::Trap, "wasm trap: "),
        ("allocate", FaultKind::Memory, "wanted more than 67108864 bytes of memory (memory_bytes_max)"),
        // The stack that Rust keeps in memory ends before the thread's does.
        ("deep-recursion", FaultKind::Trap, "wasm trap: "),
        ("wrong-count", FaultKind::Output, "returned 0 verdicts for 1 records"),
        ("too-many", FaultKind::Output, "returned 2 verdicts for 1 records"),
        ("giant-output", FaultKind::Output, "returned more than 16777216 bytes (output_bytes_max)"),
        ("giant-message", FaultKind::Output, "returned more than 16777216 bytes (output_bytes_max)"),
        ("giant-id", FaultKind::Output, "8388608 bytes in its id; at most 2097152 are taken"),
        ("giant-key", FaultKind::Output, "8388608 bytes in its key"),
        ("many-violations", FaultKind::Output, "100000 violations; at most 1000 are taken"),
        ("many-headers", FaultKind::Output, "10000 headers; at most 32 are taken"),
        ("many-parts", FaultKind::Output, "100000 parts; at most 10000 are taken"),
        ("bad-topic-index", FaultKind::Output, "topic 7777 of a route that has 1"),
        ("bad-pointer", FaultKind::Output, "\"do\" is no JSON Pointer"),
        ("bad-escape", FaultKind::Output, "\"/do~2\" is no JSON Pointer"),
        ("bad-header", FaultKind::Output, "names that begin with 'sluicegate-' are the gateway's own"),
        ("bad-timestamp", FaultKind::Output, "it is no date"),
        ("empty-reject", FaultKind::Output, "rejected without a violation"),
        ("empty-split", FaultKind::Output, "split into nothing"),
        ("fail", FaultKind::Declared, "told to fail"),
    ];
    for (command, kind, text) in cases {
        let (got, detail) = obey_one(&bench, command).await;
        assert_eq!(got, kind, "{command}: {detail}");
        assert!(detail.contains(text), "{command}: {detail}");
        assert!(is_accepted(&obey(&bench, &["ok"]).await.findings[0]), "after {command}");
    }
    let status = bench.status();
    assert_eq!(status.plugins[0].faults, cases.len() as u64);
    assert_eq!(status.plugins[0].last_fault.as_deref(), Some("declared: told to fail"));
}

#[tokio::test]
async fn poison_records_cost_only_themselves_wherever_they_stand() {
    let bench = hostile(Limits { breaker_faults: 1_000, ..Limits::default() });
    for harm in ["loop", "trap", "panic", "allocate", "wrong-count", "giant-output", "deep-recursion"] {
        // Sizes on the caller's thread, on the judges', and over several calls.
        for size in [2, 20, 600] {
            for poisoned in [vec![0], vec![size - 1], vec![0, size / 2]] {
                let commands: Vec<&str> =
                    (0..size).map(|index| if poisoned.contains(&index) { harm } else { "ok" }).collect();
                let judgement = obey(&bench, &commands).await;
                assert_eq!(judgement.findings.len(), size);
                for (index, finding) in judgement.findings.iter().enumerate() {
                    let hurt = matches!(finding, Finding::Fault(_));
                    assert_eq!(hurt, poisoned.contains(&index), "{harm} {size} {index}: {finding:?}");
                    assert!(hurt || is_accepted(finding));
                }
            }
        }
    }
}

#[tokio::test]
async fn a_slice_that_is_overrun_is_judged_again_with_the_whole_allowance() {
    let generous = Duration::from_secs(5);
    let bench = hostile(Limits {
        slice_time: Duration::from_millis(2),
        record_time: generous,
        call_time: generous,
        ..Limits::default()
    });
    let generation = bench.plugins().snapshot().generations[0].clone();
    // The count of calls begins anew: the instance that overran its slice is gone.
    assert_eq!(accepted_id(&obey(&bench, &["calls"]).await.findings[0]), Some("1"));
    assert!(is_accepted(&obey(&bench, &["slow:20"]).await.findings[0]));
    assert!(generation.is_slow());
    assert_eq!(bench.status().plugins[0].faults, 0);
}

#[tokio::test]
async fn a_log_flood_is_cut_and_the_record_judged() {
    let bench = hostile(Limits {
        record_time: Duration::from_secs(5),
        call_time: Duration::from_secs(5),
        ..Limits::default()
    });
    let judgement = obey(&bench, &["log-flood:20000", "log-giant"]).await;
    assert!(judgement.findings.iter().all(is_accepted), "{judgement:?}");
}

#[tokio::test]
async fn measurements_that_point_to_nothing_are_dropped_and_the_record_stays() {
    let bench = hostile(Limits::default());
    let bad = [
        "nan-measurement",
        "infinite-measurement",
        "negative-measurement",
        "undeclared-instrument",
        "bad-item",
        "bad-attribute-set",
        "wrong-attributes",
    ];
    for command in bad {
        let judgement = obey(&bench, &[command, "ok"]).await;
        assert!(judgement.findings.iter().all(is_accepted), "{command}: {judgement:?}");
        assert_eq!(judgement.measurements[0].measurements.len(), 1, "{command}");
        assert_eq!(judgement.measurements[0].measurements[0].item, 1, "{command}");
    }
    assert_eq!(bench.status().plugins[0].measurements_dropped, bad.len() as u64);
}

#[tokio::test]
async fn a_batch_of_poison_ends_within_its_budget() {
    let bench = hostile(Limits {
        fault_budget: Duration::from_millis(300),
        breaker_faults: 100_000,
        ..Limits::default()
    });
    let begin = std::time::Instant::now();
    let judgement = obey(&bench, &["loop"; 10_000]).await;
    // 300 ms of CPU time, ten times that by the wall clock of a busy machine, and one call on top.
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    let (faulted, failed) = (faults(&judgement), failures(&judgement, Failure::FaultBudgetSpent));
    assert_eq!(faulted + failed, 10_000);
    assert!(failed > 9_900, "{faulted} faulted, {failed} failed");
}

#[tokio::test]
async fn distinct_poison_opens_the_breaker_and_a_good_probe_closes_it() {
    let bench =
        hostile(Limits { breaker_faults: 5, breaker_pause: Duration::from_millis(200), ..Limits::default() });
    for _ in 0..10 {
        assert_eq!(faults(&obey(&bench, &["trap"]).await), 1);
    }
    assert_eq!(bench.status().plugins[0].state, PluginState::Serving, "the same record opened it");
    for number in 0..4 {
        let poison = format!("panic:{number}");
        assert_eq!(faults(&obey(&bench, &[&poison]).await), 1);
    }
    assert_eq!(bench.status().plugins[0].state, PluginState::BreakerOpen);
    assert_eq!(failures(&obey(&bench, &["ok"; 3]).await, BREAKER_OPEN), 3);
    let until_it_tries = async |command: &str| loop {
        let judgement = obey(&bench, &[command]).await;
        if failures(&judgement, BREAKER_OPEN) == 0 {
            return judgement;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(faults(&until_it_tries("panic:9").await), 1);
    assert_eq!(failures(&obey(&bench, &["ok"]).await, BREAKER_OPEN), 1, "a bad probe closed it");
    assert!(is_accepted(&until_it_tries("ok").await.findings[0]));
    assert_eq!(bench.status().plugins[0].state, PluginState::Serving);
    assert!(is_accepted(&obey(&bench, &["ok"]).await.findings[0]));
}

#[tokio::test]
async fn a_batch_of_distinct_poison_opens_the_breaker_midway() {
    let bench = hostile(Limits { breaker_pause: Duration::from_secs(60), ..Limits::default() });
    let commands: Vec<String> = (0..10_000).map(|number| format!("panic:{number}")).collect();
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    let judgement = obey(&bench, &commands).await;
    assert_eq!(faults(&judgement), 50);
    assert_eq!(failures(&judgement, BREAKER_OPEN), 9_950);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_loops_leaves_others_their_judges() {
    let mut bench = Bench::new();
    bench.config.limits = Limits { breaker_faults: 100_000, ..Limits::default() };
    for (file, name) in SAMPLES.iter().chain(&[("hostile.wasm", "hostile.wasm")]) {
        bench.put(file, &fixture(name));
    }
    bench.start();
    let found = bench.plugins().snapshot().route("/hostile").unwrap();
    let poison = told("loop");
    let looping: Vec<_> = (0..4)
        .map(|_| {
            let (generation, batch) = (found.generation.clone(), batch(&[poison.as_str(); 100]));
            tokio::spawn(async move { generation.judge(0, Facts::default(), batch).await })
        })
        .collect();
    let judgement = bench.judge("/ingest-financial-transaction", &[TRANSACTION; 300]).await;
    assert!(judgement.findings.iter().all(is_accepted));
    assert!(
        looping.iter().any(|task| !task.is_finished()),
        "the loops were over before they could be in the way"
    );
    for task in looping {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn the_budget_of_all_instances_is_no_fault_of_one() {
    let mut bench = Bench::new();
    bench.put("hostile.wasm", &fixture("hostile.wasm"));
    bench.config.memory_budget_bytes = 8 << 20;
    bench.start();
    let judgement = obey(&bench, &["allocate"]).await;
    assert_eq!(judgement.findings, [Finding::Failed(Failure::InstancesExhausted)]);
    assert!(is_accepted(&obey(&bench, &["ok"]).await.findings[0]));
}

#[tokio::test]
async fn an_instance_that_grew_large_is_replaced() {
    let bench = hostile(Limits {
        memory_bytes_max: 4 << 20,
        slice_time: Duration::from_secs(1),
        record_time: Duration::from_secs(1),
        ..Limits::default()
    });
    assert_eq!(accepted_id(&obey(&bench, &["calls"]).await.findings[0]), Some("1"));
    assert_eq!(accepted_id(&obey(&bench, &["calls"]).await.findings[0]), Some("2"));
    assert!(is_accepted(&obey(&bench, &["giant-output:2200000"]).await.findings[0]));
    assert_eq!(accepted_id(&obey(&bench, &["calls"]).await.findings[0]), Some("1"));
}

#[tokio::test]
async fn a_full_queue_fails_records_instead_of_making_them_wait() {
    let mut bench = Bench::new();
    bench.config.judge_threads = 1;
    bench.config.judge_queue_max = 1;
    bench.put("hostile.wasm", &fixture("hostile.wasm"));
    bench.start();
    let found = bench.plugins().snapshot().route("/hostile").unwrap();
    let poison = told("loop");
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (generation, batch) = (found.generation.clone(), batch(&[poison.as_str(); 100]));
        tasks.spawn(async move { generation.judge(0, Facts::default(), batch).await.0 });
    }
    let judgements = tasks.join_all().await;
    let busy = judgements.iter().filter(|judgement| failures(judgement, Failure::JudgesBusy) == 100).count();
    assert!(busy >= 6, "{busy} of 8 batches found no place");
}
