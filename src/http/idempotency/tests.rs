use super::*;
use crate::record::{RecordId, Shape};
use crate::verdict::{Accepted, Failure, Fault, FaultKind, Outcome, Rejection, Violation};
use hyper::StatusCode;
use serde_json::json;
use std::fs;
use tempfile::TempDir;

const ID: RecordId = RecordId { ulid: 1, part: None };
const FAILED: Outcome = Outcome::Failed(Failure::SinkFull);

fn config(directory: &TempDir) -> Config {
    Config {
        file: directory.path().join("idempotency"),
        entries_max: 3,
        bytes_max: 64 << 10,
        expiry: Duration::from_secs(10),
    }
}

fn scope(name: &str) -> Digest {
    digest([name.as_bytes()])
}

fn answer(bytes: usize) -> Answer {
    Answer::json(StatusCode::OK, &"x".repeat(bytes))
}

fn kept(bytes: usize) -> What {
    What::Answer(Kept::of(&answer(bytes)))
}

fn failed() -> Answer {
    Answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({}))
}

fn receipt(outcomes: Vec<Outcome>) -> Receipt {
    let records = outcomes.into_iter().map(|outcome| (ID, outcome)).collect();
    Receipt { shape: Shape::Batch, records, held: crate::plugin::Held::default() }
}

fn never() -> Answer {
    panic!("it is short enough")
}

#[track_caller]
fn claim(memory: &Memory, key: &str, body: &str) -> Claim {
    match memory.begin(scope(key), scope(body)) {
        Ok(Begun::Claimed(claim)) => claim,
        Ok(Begun::Replayed(answer)) => panic!("{answer:?}"),
        Err(conflict) => panic!("{conflict}"),
    }
}

#[track_caller]
fn conflict(memory: &Memory, key: &str, body: &str) -> KeyConflict {
    memory.begin(scope(key), scope(body)).err().expect("a conflict")
}

fn is_known(memory: &Memory, key: &str) -> bool {
    matches!(memory.begin(scope(key), scope("body")), Ok(Begun::Replayed(_)))
}

fn store(entries_max: usize, bytes_max: usize) -> Store {
    let expiry = Duration::from_millis(100);
    Store::new(&Config { file: PathBuf::new(), entries_max, bytes_max, expiry })
}

/// Begins and ends a request, and says whether it was done.
fn run(store: &mut Store, key: &str, what: What, now_ms: u64) -> bool {
    let found = store.begin(scope(key), scope("body"), now_ms);
    let is_done = matches!(found, Found::Free(_));
    store.end(&scope(key), Some(what), now_ms);
    is_done
}

#[test]
fn a_key_is_claimed_once_and_then_answered() {
    let directory = TempDir::new().unwrap();
    let memory = Memory::open(config(&directory));
    let first = claim(&memory, "k", "body");
    assert_eq!(conflict(&memory, "k", "body"), KeyConflict::InProgress);
    assert_eq!(conflict(&memory, "k", "other"), KeyConflict::OtherBody);
    first.settle(&receipt(vec![Outcome::Discarded]), &answer(1), never);
    assert!(is_known(&memory, "k"));
    assert_eq!(conflict(&memory, "k", "other"), KeyConflict::OtherBody);
}

#[test]
fn a_claim_that_comes_to_nothing_leaves_the_key_as_it_was() {
    let directory = TempDir::new().unwrap();
    let memory = Memory::open(config(&directory));
    drop(claim(&memory, "k", "body"));
    assert_eq!(memory.gauge(), KeysGauge::default());
    claim(&memory, "k", "other").settle(&receipt(vec![FAILED]), &failed(), never);
    assert_eq!(memory.gauge(), KeysGauge::default(), "of a failure nothing is remembered");

    claim(&memory, "k", "body").settle(&receipt(vec![Outcome::Discarded, FAILED]), &failed(), never);
    let again = claim(&memory, "k", "body");
    assert_eq!(again.earlier().as_deref(), Some(&[Some(Outcome::Discarded), None][..]));
    drop(again);
    assert!(claim(&memory, "k", "body").earlier().is_some(), "what is settled stays settled");
}

#[test]
fn the_ids_of_a_key_are_the_same_each_time_and_no_others() {
    let directory = TempDir::new().unwrap();
    let memory = Memory::open(config(&directory));
    let first = |key| claim(&memory, key, "body").record_ids().mint();
    assert_eq!(first("k"), first("k"));
    assert_ne!(first("k"), first("l"));
}

#[test]
fn a_long_answer_is_remembered_without_its_results() {
    let directory = TempDir::new().unwrap();
    let memory = Memory::open(config(&directory));
    let long = answer((64 << 10) / ANSWER_SHARE);
    claim(&memory, "k", "body").settle(&receipt(vec![Outcome::Discarded]), &long, || answer(7));
    let Ok(Begun::Replayed(replayed)) = memory.begin(scope("k"), scope("body")) else {
        panic!("it is known")
    };
    assert_eq!(replayed.len(), 9);
}

#[test]
fn the_oldest_go_first_where_there_are_too_many_or_too_long_ones() {
    let mut many = store(2, 1 << 20);
    for key in ["a", "b", "c"] {
        assert!(run(&mut many, key, kept(1), 0));
    }
    assert!(!run(&mut many, "b", kept(1), 0) && !run(&mut many, "c", kept(1), 0));
    assert!(run(&mut many, "a", kept(1), 0));

    let mut long = store(10, 2_000);
    assert!(run(&mut long, "a", kept(600), 0) && run(&mut long, "b", kept(600), 0));
    assert!(run(&mut long, "c", kept(600), 0));
    assert!(!run(&mut long, "b", kept(600), 0) && run(&mut long, "a", kept(600), 0));
    assert!(run(&mut long, "huge", kept(9_000), 0));
    assert_eq!(long.gauge().entries, 1);
    assert!(!run(&mut long, "huge", kept(9_000), 0), "the newest stays, whatever it takes");
    assert!(run(&mut long, "small", kept(1), 0));
    assert_eq!(long.gauge(), KeysGauge { entries: 1, bytes: 256 + 3 });
}

#[test]
fn what_is_in_progress_is_never_forgotten() {
    let mut store = store(1, 1_000);
    assert_eq!(store.begin(scope("slow"), scope("body"), 0), Found::Free(None));
    for key in ["a", "b", "c"] {
        assert!(run(&mut store, key, kept(900), 10));
    }
    assert_eq!(store.begin(scope("slow"), scope("body"), 1_000_000), Found::InProgress);
}

#[test]
fn an_entry_expires_and_its_key_is_free() {
    let mut store = store(10, 1 << 20);
    assert!(run(&mut store, "k", kept(1), 1_000));
    assert!(!run(&mut store, "k", kept(1), 1_099));
    assert_eq!(store.begin(scope("k"), scope("other"), 1_100), Found::Free(None));
}

fn one_of_each() -> Vec<Outcome> {
    let violation = Violation {
        pointer: "/a".into(),
        code: "c".into(),
        message: "\"m\"\n".into(),
        parameters: vec![("max".into(), "3".into())],
    };
    let accepted = Accepted { id: Some("A-1".into()), warnings: vec![violation.clone()] };
    vec![
        Outcome::Committed(accepted.clone()),
        Outcome::Stored(accepted),
        Outcome::Discarded,
        Outcome::Rejected(Rejection::restored(vec![violation], 7)),
        Outcome::Quarantined(Fault { kind: FaultKind::Memory, detail: "d".into() }),
        FAILED,
    ]
}

#[test]
fn what_is_remembered_comes_back_after_an_orderly_stop() {
    let directory = TempDir::new().unwrap();
    let memory = Memory::open(config(&directory));
    let settled = receipt(one_of_each());
    claim(&memory, "partly", "body").settle(&settled, &failed(), never);
    claim(&memory, "whole", "body").settle(&settled, &answer(5), never);
    let busy = claim(&memory, "busy", "body");
    memory.save();
    drop(busy);

    let memory = Memory::open(config(&directory));
    assert_eq!(memory.gauge().entries, 2, "what was in progress is not known to have ended");
    let earlier = claim(&memory, "partly", "body").earlier();
    assert_eq!(earlier, settled.settled());
    assert!(is_known(&memory, "whole"));
    assert_eq!(conflict(&memory, "whole", "other"), KeyConflict::OtherBody);
    // It stays for a start that fails, and for a crash.
    assert!(is_known(&Memory::open(config(&directory)), "whole"));
}

#[test]
fn a_damaged_line_costs_only_its_own_entry_and_another_format_all() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("idempotency");
    let memory = Memory::open(config(&directory));
    for key in ["a", "b", "c"] {
        claim(&memory, key, "body").settle(&receipt(vec![Outcome::Discarded]), &answer(1), never);
    }
    memory.save();
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4);
    let damaged = [lines[0], lines[1], &lines[2].replace("200", "201"), &lines[3][..30]].join("\n");
    fs::write(&file, damaged).unwrap();
    let memory = Memory::open(config(&directory));
    assert_eq!((is_known(&memory, "a"), memory.gauge().entries), (true, 1));

    fs::write(&file, text.replace("idempotency 1", "idempotency 2")).unwrap();
    assert_eq!(Memory::open(config(&directory)).gauge().entries, 0);
    let error = file::read(&file, 1 << 20).err().unwrap();
    assert_eq!(error.to_string(), "it is not of the format that this version writes");
}

#[test]
fn a_gateway_without_keys_leaves_no_file() {
    let directory = TempDir::new().unwrap();
    Memory::open(config(&directory)).save();
    assert!(!directory.path().join("idempotency").exists());
}
