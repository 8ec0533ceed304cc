mod failure;
mod refusal;

use super::*;
use crate::http::activity::Activity;
use crate::http::body::BodyError;
use crate::http::error::IngestError;
use crate::pipeline::Receipt;
use crate::plugin::{Held, Route, RoutePolicy};
use crate::record::{Input, RecordId, Shape};
use crate::verdict::{Accepted, Failure, Fault, FaultKind, Outcome, Rejection, Violation};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::time::Duration;

const ID: RecordId = RecordId { ulid: 1 << 80, part: None };

fn id_text() -> String {
    ID.to_string()
}

fn asked() -> Asked {
    let request = Request::post("/").header(X_REQUEST_ID, "r-1").body(()).unwrap();
    Asked::of(&request)
}

fn route() -> Route {
    Route {
        path: "/claims/".into(),
        input: Input::Json,
        title: "Insurance claim".into(),
        id_field: Some("claim_id".into()),
        topics: vec!["claims".into()],
        dead_letters: "claims.dead-letter".into(),
        policy: RoutePolicy::default(),
        summary: String::new(),
        schema: String::new(),
        examples: vec![],
    }
}

fn violation(code: &str) -> Violation {
    Violation {
        pointer: "/amount".into(),
        code: code.into(),
        message: format!("It is {code}."),
        parameters: vec![("gt".into(), "0".into())],
    }
}

fn violation_json(code: &str) -> Value {
    let message = format!("It is {code}.");
    json!({"pointer": "/amount", "code": code, "message": message, "parameters": {"gt": "0"}})
}

fn accepted(warnings: &[&str]) -> Accepted {
    Accepted { id: Some("C-1".into()), warnings: warnings.iter().map(|code| violation(code)).collect() }
}

fn fault() -> Outcome {
    Outcome::Quarantined(Fault { kind: FaultKind::Deadline, detail: "for the operator only".into() })
}

fn show(results: Results) -> Show {
    Show { results, violations_max: 10_000 }
}

/// Status, content type and body of the answer to a receipt.
fn told(shape: Shape, results: Results, outcomes: Vec<Outcome>) -> (u16, String, Value) {
    let records = outcomes.into_iter().map(|outcome| (ID, outcome)).collect();
    let (answer, _) =
        receipt(&Receipt { shape, records, held: Held::default() }, &route(), show(results), &asked());
    read(answer)
}

fn read(answer: Answer) -> (u16, String, Value) {
    let kind = answer.headers[CONTENT_TYPE].to_str().unwrap().to_owned();
    (answer.status.as_u16(), kind, serde_json::from_slice(&answer.body).unwrap())
}

fn single(outcome: Outcome) -> (u16, String, Value) {
    told(Shape::Single, Results::All, vec![outcome])
}

#[test]
fn an_accepted_record_is_answered_as_the_old_ingestor_did_and_more() {
    let records = vec![(ID, Outcome::Committed(accepted(&[])))];
    let (answer, _) = receipt(
        &Receipt { shape: Shape::Single, records, held: Held::default() },
        &route(),
        show(Results::All),
        &asked(),
    );
    let (message, id) = ("Insurance claim ingested successfully", id_text());
    assert_eq!(
        String::from_utf8(answer.body.into()).unwrap(),
        format!(r#"{{"message":"{message}","claim_id":"C-1","record_id":"{id}","status":"committed"}}"#)
    );
    let (status, kind, body) = single(Outcome::Committed(accepted(&["old"])));
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    assert_eq!(body["warnings"], json!([violation_json("old")]));
}

#[test]
fn no_other_safe_record_is_said_to_be_ingested() {
    let message = |outcome| {
        let (status, kind, body) = single(outcome);
        assert_eq!(kind, "application/json");
        (status, body["message"].as_str().unwrap().to_owned(), body["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(
        message(Outcome::Stored(accepted(&[]))),
        (202, "Insurance claim stored, to be delivered later".into(), "stored".into())
    );
    assert_eq!(
        message(Outcome::Discarded),
        (200, "Insurance claim valid and not published".into(), "discarded".into())
    );
    assert_eq!(
        message(fault()),
        (
            202,
            "Insurance claim set aside for the operator: the plugin could not judge it".into(),
            "quarantined".into()
        )
    );
}

#[test]
fn a_rejected_record_is_told_every_violation() {
    let (status, kind, body) =
        single(Outcome::Rejected(vec![violation("greater_than"), violation("missing")].into()));
    assert_eq!((status, kind.as_str()), (422, "application/problem+json"));
    assert_eq!(
        body,
        json!({
            "type": "urn:sluicegate:problem:record-rejected",
            "title": "Record rejected",
            "status": 422,
            "detail": "the record has 2 violations; correct what 'violations' names and send it again",
            "request_id": "r-1",
            "record_id": id_text(),
            "violations": [violation_json("greater_than"), violation_json("missing")],
        })
    );
}

#[test]
fn a_record_over_the_gateways_limit_is_413_only_if_that_is_all() {
    let refusal = crate::record::Refusal::TooLarge { bytes: 2_000_000, max: 1_048_576 };
    let (status, _, body) = single(Outcome::Rejected(Rejection::from(&refusal)));
    assert_eq!((status, &body["type"]), (413, &json!("urn:sluicegate:problem:record-too-large")));
    assert_eq!(
        body["detail"],
        "The record has 2000000 bytes; at most 1048576 are taken. Send a smaller record \
         (http.record_bytes_max)."
    );
    assert_eq!(body["violations"][0]["parameters"], json!({"bytes": "2000000", "max": "1048576"}));
    let two = vec![Rejection::from(&refusal)[0].clone(), violation("missing")];
    let (status, ..) = single(Outcome::Rejected(two.into()));
    assert_eq!(status, 422);
}

#[test]
fn a_failed_record_is_to_be_sent_again() {
    for failure in Failure::ALL.into_iter().filter(|failure| *failure != Failure::JudgingPanicked) {
        let records = vec![(ID, Outcome::Failed(failure))];
        let (answer, _) = receipt(
            &Receipt { shape: Shape::Single, records, held: Held::default() },
            &route(),
            show(Results::All),
            &asked(),
        );
        assert!(["1", "2", "3"].contains(&answer.headers[RETRY_AFTER].to_str().unwrap()));
        let (status, _, body) = read(answer);
        assert_eq!((status, &body["reason"]), (503, &json!(failure.as_str())));
        let detail =
            format!("the record was not taken: {failure}; send it again after the time in Retry-After");
        assert_eq!((&body["detail"], &body["record_id"]), (&json!(detail), &json!(id_text())));
    }
}

#[test]
fn the_status_of_a_batch_is_that_of_its_worst_record() {
    let committed = || Outcome::Committed(accepted(&[]));
    let stored = || Outcome::Stored(accepted(&[]));
    let rejected = || Outcome::Rejected(vec![violation("missing")].into());
    let failed = || Outcome::Failed(Failure::SinkFull);
    let status = |outcomes| told(Shape::Batch, Results::All, outcomes).0;
    assert_eq!(status(vec![committed(), Outcome::Discarded]), 200);
    assert_eq!(status(vec![committed(), stored()]), 202);
    assert_eq!(status(vec![committed(), fault()]), 202);
    assert_eq!(status(vec![committed(), rejected()]), 207);
    assert_eq!(status(vec![stored(), fault(), Outcome::Discarded, rejected()]), 207);
    assert_eq!(status(vec![rejected(), rejected()]), 422);
    assert_eq!(status(vec![rejected()]), 422);
    assert_eq!(status(vec![committed(), rejected(), failed()]), 503);
    assert_eq!(status(vec![failed()]), 503);
}

fn one_of_each() -> Vec<Outcome> {
    vec![
        Outcome::Committed(accepted(&[])),
        Outcome::Stored(accepted(&["old"])),
        Outcome::Discarded,
        Outcome::Rejected(vec![violation("missing")].into()),
        fault(),
        Outcome::Failed(Failure::BreakerOpen { pause_ms: 0 }),
    ]
}

#[test]
fn a_batch_has_a_result_for_each_record_in_order() {
    let id = id_text();
    let (status, kind, body) = told(Shape::Batch, Results::All, one_of_each());
    assert_eq!((status, kind.as_str()), (503, "application/problem+json"));
    assert_eq!(
        body,
        json!({
            "type": "urn:sluicegate:problem:records-failed",
            "title": "Records not taken",
            "status": 503,
            "detail": "1 of 6 records failed and may be sent again, alone or with the rest of the batch: \
                       'reason' says why, and sending a record again that is committed or stored publishes \
                       it twice",
            "request_id": "r-1",
            "counts": {
                "committed": 1, "stored": 1, "discarded": 1, "rejected": 1, "quarantined": 1, "failed": 1
            },
            "results": [
                {"index": 0, "status": "committed", "record_id": id},
                {"index": 1, "status": "stored", "record_id": id, "warnings": [violation_json("old")]},
                {"index": 2, "status": "discarded", "record_id": id},
                {"index": 3, "status": "rejected", "violations": [violation_json("missing")]},
                {"index": 4, "status": "quarantined", "record_id": id, "reason": "deadline"},
                {"index": 5, "status": "failed", "record_id": id, "reason": "breaker_open"},
            ],
        })
    );
}

#[test]
fn results_can_be_cut_down_to_the_errors() {
    let (_, _, body) = told(Shape::Batch, Results::Errors, one_of_each());
    let indices: Vec<_> =
        body["results"].as_array().unwrap().iter().map(|result| result["index"].clone()).collect();
    assert_eq!(indices, [json!(3), json!(4), json!(5)]);
    assert_eq!(body["counts"]["committed"], 1);
}

#[test]
fn a_batch_that_is_safe_is_no_problem_and_one_all_rejected_is() {
    let (status, kind, body) = told(Shape::Batch, Results::All, vec![Outcome::Discarded]);
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    let keys: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["counts", "results"]);
    let (status, kind, body) =
        told(Shape::Batch, Results::Errors, vec![Outcome::Rejected(vec![violation("missing")].into())]);
    assert_eq!((status, kind.as_str()), (422, "application/problem+json"));
    assert_eq!(
        body["detail"],
        "the only record is rejected; correct what its 'violations' name and send it again"
    );
    let (_, _, two) =
        told(Shape::Batch, Results::All, vec![Outcome::Rejected(vec![violation("missing")].into()); 2]);
    assert_eq!(
        two["detail"],
        "all 2 records are rejected; correct what their 'violations' name and send them again"
    );
    let (_, _, failed) = told(Shape::Batch, Results::All, vec![Outcome::Failed(Failure::SinkFull)]);
    assert_eq!(
        failed["detail"],
        "the only record failed and may be sent again, alone or with the rest of the batch: 'reason' says why, \
         and sending a record again that is committed or stored publishes it twice"
    );
    assert_eq!(body["results"][0]["violations"], json!([violation_json("missing")]));
}

#[tokio::test]
async fn an_answer_is_named_as_its_request_and_speaks_its_version() {
    let too_slow = || IngestError::Body(BodyError::TooSlow { timeout: Duration::ZERO });
    let mut asked = asked();
    let response = refusal(&too_slow(), &asked).into_response(&asked, Activity::new().begin());
    assert_eq!(response.headers()[X_REQUEST_ID], "r-1");
    assert_eq!(response.headers()[CONNECTION], "close");
    asked.version = Version::HTTP_2;
    let response = refusal(&too_slow(), &asked).into_response(&asked, Activity::new().begin());
    assert!(!response.headers().contains_key(CONNECTION));
    asked.method = Method::HEAD;
    let response = refusal(&too_slow(), &asked).into_response(&asked, Activity::new().begin());
    assert_ne!(response.headers()[CONTENT_LENGTH], "0");
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
}

#[test]
fn ten_thousand_results_are_written_whole() {
    let outcomes = (0..10_000).map(|index| match index % 100 {
        0 => Outcome::Rejected(vec![violation("missing")].into()),
        _ => Outcome::Committed(accepted(&[])),
    });
    let (status, _, body) = told(Shape::Batch, Results::All, outcomes.collect());
    assert_eq!(status, 207);
    assert_eq!(body["results"].as_array().unwrap().len(), 10_000);
    assert_eq!((&body["counts"]["committed"], &body["counts"]["rejected"]), (&json!(9900), &json!(100)));
}

#[test]
fn a_batch_of_nothing_but_wrong_records_lists_so_many_violations_in_full() {
    let wrong = || Outcome::Rejected((0..8).map(|_| violation("missing")).collect::<Vec<_>>().into());
    let (status, _, body) = told(Shape::Batch, Results::All, (0..2_000).map(|_| wrong()).collect());
    assert_eq!(status, 422);
    let listed = |index: usize| body["results"][index]["violations"].as_array().unwrap().len();
    assert_eq!((listed(0), listed(1_249), listed(1_250), listed(1_999)), (8, 8, 1, 1));
    assert_eq!(body["results"][1_999]["violations_omitted"], 7);
    assert_eq!(body["results"].as_array().unwrap().len(), 2_000);
}

#[test]
fn an_answer_without_room_for_its_results_still_tells_the_counts() {
    let (status, _, body) = told(Shape::Batch, Results::Omitted, one_of_each());
    assert_eq!(status, 503);
    assert_eq!((&body["results"], &body["counts"]["rejected"]), (&Value::Null, &json!(1)));
}
