use super::{asked, read};
use crate::http::admission::Overloaded;
use crate::http::answer::*;
use crate::http::body::{BodyError, UnsupportedCoding};
use crate::http::error::{Allow, IngestError};
use crate::http::header::HeaderError;
use crate::plugin::RouteError;
use crate::record::{self, DecodeError, Framing, RecordIds, UnsupportedType};
use serde_json::json;
use std::time::Duration;

/// Every refusal with its status, the name of its problem and its sentence.
fn refusals() -> Vec<Refusal> {
    [refused_places(), refused_heads(), refused_bodies(), refused_records()].concat()
}

type Refusal = (IngestError, u16, &'static str, &'static str);

fn refused_places() -> Vec<Refusal> {
    vec![
        (
            RouteError::Unknown.into(),
            404,
            "route-unknown",
            "no plugin serves this path; GET /plugins on the admin port lists the routes",
        ),
        (
            IngestError::RouteUnknown { routes: vec![], others: 0 },
            404,
            "route-unknown",
            "no plugin serves this path, nor any other at present; GET /plugins on the admin port tells the \
             operator why",
        ),
        (
            IngestError::RouteUnknown { routes: vec!["/a/".into(), "/b/{c}".into()], others: 0 },
            404,
            "route-unknown",
            "no plugin serves this path; post records to /a/, /b/{c}",
        ),
        (
            IngestError::RouteUnknown { routes: vec!["/a/".into(), "/b/".into()], others: 3 },
            404,
            "route-unknown",
            "no plugin serves this path; post records to /a/, /b/, or one of 3 others that GET /plugins on the \
             admin port lists for the operator",
        ),
        (
            IngestError::CrossSite { page: "http://evil.example".into() },
            403,
            "forbidden",
            "a page of 'http://evil.example' may not make a browser post records here; let a program post \
             them, such as the server of that page",
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
    ]
}

fn refused_heads() -> Vec<Refusal> {
    vec![
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
        (
            body(BodyError::NoTurn { max: 4, timeout: Duration::from_secs(30) }),
            503,
            "overloaded",
            "4 other bodies are being decompressed, the most at a time, and the turn of this one did not come \
             within 30000 ms (http.body_timeout_ms); send it again after the time in Retry-After",
        ),
    ]
}

fn uncuttable() -> DecodeError {
    let limits = record::Limits { records_max: 9, record_bytes_max: 9 };
    let (framing, ids) = (Framing::Json, RecordIds::minted_at(1));
    record::decode(framing, Bytes::from_static(b"[1,,2]"), &limits, ids).unwrap_err()
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
        (
            uncuttable().into(),
            400,
            "body-malformed",
            "the body begins with '[' but cannot be cut into elements: at byte 3 of the array an element is \
             missing between two commas; send a JSON array or a record a line",
        ),
        (DecodeError::Empty.into(), 400, "body-empty", "the body holds no record; send at least one"),
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
