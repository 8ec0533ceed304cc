mod failure;

use super::*;
use crate::http::admission::Overloaded;
use crate::http::body::{BodyError, UnsupportedCoding};
use crate::http::error::{Allow, IngestError};
use crate::http::header::HeaderError;
use crate::pipeline::Receipt;
use crate::plugin::{Held, Route, RouteError, RoutePolicy};
use crate::record::{DecodeError, Input, RecordId, Shape, UnsupportedType};
use crate::verdict::{Accepted, Failure, Fault, FaultKind, Outcome, Violation};
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

/// Status, content type and body of the answer to a receipt.
fn told(shape: Shape, results: Results, outcomes: Vec<Outcome>) -> (u16, String, Value) {
    let records = outcomes.into_iter().map(|outcome| (ID, outcome)).collect();
    let (answer, _) =
        receipt(&Receipt { shape, records, held: Held::default() }, &route(), results, &asked());
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
        Results::All,
        &asked(),
    );
    let (message, id) = ("Insurance claim ingested successfully", id_text());
    assert_eq!(
        String::from_utf8(answer.body).unwrap(),
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
    let (status, _, body) = single(Outcome::Rejected(vec![Violation::from(&refusal)].into()));
    assert_eq!((status, &body["type"]), (413, &json!("urn:sluicegate:problem:record-too-large")));
    assert_eq!(
        body["detail"],
        "The record has 2000000 bytes; at most 1048576 are taken. Send a smaller record \
         (http.record_bytes_max)."
    );
    assert_eq!(body["violations"][0]["parameters"], json!({"bytes": "2000000", "max": "1048576"}));
    let (status, ..) =
        single(Outcome::Rejected(vec![Violation::from(&refusal), violation("missing")].into()));
    assert_eq!(status, 422);
}

#[test]
fn a_failed_record_is_to_be_sent_again() {
    for failure in Failure::ALL.into_iter().filter(|failure| *failure != Failure::JudgingPanicked) {
        let records = vec![(ID, Outcome::Failed(failure))];
        let (answer, _) = receipt(
            &Receipt { shape: Shape::Single, records, held: Held::default() },
            &route(),
            Results::All,
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
        "of 1 record each is rejected; correct what their 'violations' name and send them again"
    );
    assert_eq!(body["results"][0]["violations"], json!([violation_json("missing")]));
}

/// Every refusal with its status, the name of its problem and its sentence.
fn refusals() -> Vec<Refusal> {
    [refused_heads(), refused_bodies(), refused_records()].concat()
}

type Refusal = (IngestError, u16, &'static str, &'static str);

fn refused_heads() -> Vec<Refusal> {
    vec![
        (
            RouteError::Unknown.into(),
            404,
            "route-unknown",
            "no plugin serves this path; GET /plugins on the admin port lists the routes",
        ),
        (
            RouteError::Unavailable { plugin: "p".into() }.into(),
            503,
            "plugin-unavailable",
            "plugin 'p' that serves this path cannot be used at present; send it again after the time in \
             Retry-After",
        ),
        (
            IngestError::Method { given: Method::GET, allow: Allow::Post },
            405,
            "method-not-allowed",
            "GET is not answered here; use POST",
        ),
        (
            IngestError::UriTooLong { bytes: 9000, max: 8192 },
            414,
            "uri-too-long",
            "the address has 9000 bytes and at most 8192 are taken; put data into the body",
        ),
        (
            IngestError::NotAcceptable,
            406,
            "not-acceptable",
            "answers are JSON, which the header Accept excludes; send Accept: application/json, or none",
        ),
        (
            IngestError::Query { given: "x".into() },
            400,
            "query-invalid",
            "the query has results=x; send results=errors or results=all",
        ),
        (
            HeaderError::TwoLengths.into(),
            400,
            "header-invalid",
            "the request has both Content-Length and Transfer-Encoding; send one of them",
        ),
        (
            UnsupportedType { given: "text/plain".into(), wanted: vec!["application/json".into()] }.into(),
            415,
            "content-type-unsupported",
            "this route does not take 'text/plain'; send Content-Type: application/json",
        ),
    ]
}

fn refused_bodies() -> Vec<Refusal> {
    let body = IngestError::Body;
    vec![
        (
            body(UnsupportedCoding::Unknown { given: "br".into() }.into()),
            415,
            "content-encoding-unsupported",
            "bodies encoded as 'br' are not taken; send Content-Encoding: gzip or zstd, or none",
        ),
        (
            body(BodyError::LengthTooLarge { bytes: 9, max: 8 }),
            413,
            "body-too-large",
            "the body has 9 bytes and at most 8 are taken (http.body_bytes_max); send fewer records a \
             request",
        ),
        (
            body(BodyError::TooSlow { timeout: Duration::from_secs(30) }),
            408,
            "body-too-slow",
            "the body did not arrive within 30000 ms of its headers (http.body_timeout_ms); send it \
             faster, or in smaller parts",
        ),
        (
            body(BodyError::Undecodable { coding: "gzip", reason: "corrupt deflate stream".into() }),
            400,
            "body-undecodable",
            "the body cannot be decompressed as gzip: corrupt deflate stream; compress it again, whole",
        ),
        (
            body(BodyError::Incomplete),
            400,
            "body-incomplete",
            "the body ended before it was whole, or is not cut into chunks as HTTP wants; send it again",
        ),
        (
            body(BodyError::NoRoom { max: 5 }),
            503,
            "overloaded",
            "the gateway holds as many bytes of bodies as it may (5, http.body_budget_bytes) and has no \
             room for this one at present; send it again after the time in Retry-After",
        ),
    ]
}

fn refused_records() -> Vec<Refusal> {
    vec![
        (
            Overloaded { in_flight_max: 5 }.into(),
            503,
            "overloaded",
            "the gateway is judging and delivering 5 requests (http.in_flight_max) and takes no more at \
             present; send it again after the time in Retry-After",
        ),
        (DecodeError::Empty.into(), 400, "body-malformed", "the body holds no record; send at least one"),
        (
            DecodeError::TooMany { max: 5 }.into(),
            413,
            "too-many-records",
            "the body holds more than 5 records; send them in several requests (http.records_max)",
        ),
        (
            IngestError::Panicked,
            500,
            "gateway-failed",
            "the gateway failed while it settled this request; nothing is acknowledged: send it again, and \
             report request_id",
        ),
    ]
}

#[test]
fn every_refusal_says_what_is_wrong_and_what_to_do() {
    for (error, status, name, detail) in refusals() {
        let (given, kind, body) = read(refusal(&error, &asked()));
        assert_eq!((given, kind.as_str()), (status, "application/problem+json"), "{error}");
        assert_eq!(body["type"], format!("urn:sluicegate:problem:{name}"));
        assert_eq!(body["detail"], detail);
        assert_eq!((&body["status"], &body["request_id"]), (&json!(status), &json!("r-1")));
        assert!(body["title"].is_string());
    }
}

#[test]
fn refusals_carry_the_headers_that_http_wants_with_them() {
    for (error, status, ..) in refusals() {
        let headers = refusal(&error, &asked()).headers;
        assert_eq!(headers.contains_key(RETRY_AFTER), status == 503, "{error}");
        assert_eq!(headers.contains_key(ALLOW), status == 405, "{error}");
        let coding = matches!(error, IngestError::Body(BodyError::Coding(_)));
        assert_eq!(headers.contains_key(ACCEPT_ENCODING), coding, "{error}");
    }
    let closing = |error| refusal(&error, &asked()).headers.contains_key(CONNECTION);
    assert!(closing(BodyError::TooSlow { timeout: Duration::ZERO }.into()));
    assert!(closing(BodyError::LengthTooLarge { bytes: 1, max: 0 }.into()));
    assert!(!closing(DecodeError::Empty.into()));
}

#[tokio::test]
async fn an_answer_is_named_as_its_request_and_speaks_its_version() {
    let too_slow = || IngestError::Body(BodyError::TooSlow { timeout: Duration::ZERO });
    let mut asked = asked();
    let response = refusal(&too_slow(), &asked).into_response(&asked);
    assert_eq!(response.headers()[X_REQUEST_ID], "r-1");
    assert_eq!(response.headers()[CONNECTION], "close");
    asked.version = Version::HTTP_2;
    let response = refusal(&too_slow(), &asked).into_response(&asked);
    assert!(!response.headers().contains_key(CONNECTION));
    asked.method = Method::HEAD;
    let response = refusal(&too_slow(), &asked).into_response(&asked);
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
