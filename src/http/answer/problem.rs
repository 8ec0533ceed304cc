//! Refusals, as problem details (RFC 9457).

use super::wire::{Counts, Id, List, Violations};
use super::{ACCEPT_ENCODING, ALLOW, Answer, Asked, CONNECTION, HeaderValue, PROBLEM_JSON};
use crate::http::body::BodyError;
use crate::http::error::IngestError;
use crate::http::header::HeaderError;
use crate::http::idempotency::KeyConflict;
use crate::plugin::RouteError;
use crate::record::{DecodeError, RecordId};
use hyper::StatusCode;
use serde::Serialize;

const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// The kinds of problem, each with a name that programs may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Kind {
    RecordRejected,
    RecordTooLarge,
    RecordFailed,
    RecordsRejected,
    RecordsFailed,
    BatchRejected,
    RouteUnknown,
    PluginUnavailable,
    MethodNotAllowed,
    UriTooLong,
    NotAcceptable,
    QueryInvalid,
    HeaderInvalid,
    TransferEncodingUnsupported,
    ContentTypeUnsupported,
    ContentEncodingUnsupported,
    BodyTooLarge,
    BodyTooSlow,
    BodyUndecodable,
    BodyIncomplete,
    BodyEmpty,
    BodyMalformed,
    TooManyRecords,
    Overloaded,
    KeyInProgress,
    KeyReused,
    Panicked,
    /// The admin port does not go by this name.
    HostUnknown,
    Forbidden,
    NotFound,
    LookFailed,
}

impl Kind {
    /// The last part of `type`, the status, and the title.
    fn facts(self) -> (&'static str, StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Kind::RecordRejected => ("record-rejected", S::UNPROCESSABLE_ENTITY, "Record rejected"),
            Kind::RecordTooLarge => ("record-too-large", S::PAYLOAD_TOO_LARGE, "Record too large"),
            Kind::RecordFailed => ("record-failed", S::SERVICE_UNAVAILABLE, "Record not taken"),
            Kind::RecordsRejected => ("records-rejected", S::UNPROCESSABLE_ENTITY, "All records rejected"),
            Kind::RecordsFailed => ("records-failed", S::SERVICE_UNAVAILABLE, "Records not taken"),
            Kind::BatchRejected => ("batch-rejected", S::UNPROCESSABLE_ENTITY, "Batch rejected"),
            Kind::RouteUnknown => ("route-unknown", S::NOT_FOUND, "No such route"),
            Kind::PluginUnavailable => ("plugin-unavailable", S::SERVICE_UNAVAILABLE, "Plugin unavailable"),
            Kind::MethodNotAllowed => ("method-not-allowed", S::METHOD_NOT_ALLOWED, "Method not allowed"),
            Kind::UriTooLong => ("uri-too-long", S::URI_TOO_LONG, "Address too long"),
            Kind::NotAcceptable => ("not-acceptable", S::NOT_ACCEPTABLE, "Answer not acceptable"),
            Kind::QueryInvalid => ("query-invalid", S::BAD_REQUEST, "Query not understood"),
            Kind::HeaderInvalid => ("header-invalid", S::BAD_REQUEST, "Header not understood"),
            Kind::TransferEncodingUnsupported => {
                ("transfer-encoding-unsupported", S::NOT_IMPLEMENTED, "Transfer encoding not understood")
            }
            Kind::ContentTypeUnsupported => {
                ("content-type-unsupported", S::UNSUPPORTED_MEDIA_TYPE, "Content type not taken")
            }
            Kind::ContentEncodingUnsupported => {
                ("content-encoding-unsupported", S::UNSUPPORTED_MEDIA_TYPE, "Content encoding not taken")
            }
            Kind::BodyTooLarge => ("body-too-large", S::PAYLOAD_TOO_LARGE, "Body too large"),
            Kind::BodyTooSlow => ("body-too-slow", S::REQUEST_TIMEOUT, "Body too slow"),
            Kind::BodyUndecodable => ("body-undecodable", S::BAD_REQUEST, "Body cannot be decompressed"),
            Kind::BodyIncomplete => ("body-incomplete", S::BAD_REQUEST, "Body incomplete"),
            Kind::BodyEmpty => ("body-empty", S::BAD_REQUEST, "Body holds no records"),
            Kind::BodyMalformed => ("body-malformed", S::BAD_REQUEST, "Body cannot be cut into records"),
            Kind::TooManyRecords => ("too-many-records", S::PAYLOAD_TOO_LARGE, "Too many records"),
            Kind::Overloaded => ("overloaded", S::SERVICE_UNAVAILABLE, "Gateway overloaded"),
            Kind::KeyInProgress => ("idempotency-key-in-progress", S::CONFLICT, "Request still in progress"),
            Kind::KeyReused => {
                ("idempotency-key-reused", S::UNPROCESSABLE_ENTITY, "Idempotency-Key used with another body")
            }
            Kind::Panicked => ("gateway-failed", S::INTERNAL_SERVER_ERROR, "Gateway failed"),
            Kind::HostUnknown => ("host-unknown", S::MISDIRECTED_REQUEST, "Host name not known here"),
            Kind::Forbidden => ("forbidden", S::FORBIDDEN, "Not allowed here"),
            Kind::NotFound => ("not-found", S::NOT_FOUND, "Nothing here"),
            Kind::LookFailed => ("look-failed", S::SERVICE_UNAVAILABLE, "No answer at present"),
        }
    }
}

impl Kind {
    pub fn status(self) -> StatusCode {
        self.facts().1
    }

    pub fn title(self) -> &'static str {
        self.facts().2
    }

    /// Its `type`.
    pub fn urn(self) -> String {
        format!("urn:sluicegate:problem:{}", self.facts().0)
    }
}

/// What a problem carries beside what all have.
#[derive(Default)]
pub(super) struct Members<'a> {
    pub record_id: Option<RecordId>,
    pub reason: Option<&'static str>,
    pub violations: Option<Violations<'a>>,
    pub counts: Option<Counts>,
    pub results: Option<List<'a>>,
    /// About how long these are in JSON.
    pub bytes: usize,
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_id: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    violations: Option<Violations<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Counts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    results: Option<List<'a>>,
}

pub(super) fn problem(kind: Kind, detail: &str, members: Members<'_>, asked: &Asked) -> Answer {
    let (_, status, title) = kind.facts();
    let problem = Problem {
        r#type: kind.urn(),
        title,
        status: status.as_u16(),
        detail,
        request_id: asked.id.as_str(),
        record_id: members.record_id.map(Id),
        reason: members.reason,
        violations: members.violations,
        counts: members.counts,
        results: members.results,
    };
    Answer::written(status, PROBLEM_JSON, &problem, members.bytes.max(512))
}

/// A problem with nothing to tell but a sentence.
pub(in crate::http) fn plain(kind: Kind, detail: &str, asked: &Asked) -> Answer {
    problem(kind, detail, Members::default(), asked)
}

/// The answer to a request whose records were not settled.
pub(in crate::http) fn refusal(error: &IngestError, asked: &Asked) -> Answer {
    let kind = kind(error);
    if kind.facts().1 == StatusCode::SERVICE_UNAVAILABLE {
        let detail = format!("{error}; send it again after the time in Retry-After");
        return plain(kind, &detail, asked).retry_later();
    }
    let answer = plain(kind, &error.to_string(), asked);
    match error {
        IngestError::KeyConflict(KeyConflict::InProgress) => answer.retry_later(),
        IngestError::Method { allow, .. } => answer.with(ALLOW, HeaderValue::from_static(allow.text())),
        IngestError::Body(BodyError::Coding(_)) => {
            answer.with(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"))
        }
        // The rest of the body is not waited for, so that nothing more can come on this connection.
        IngestError::Body(
            BodyError::LengthTooLarge { .. }
            | BodyError::TooLarge { .. }
            | BodyError::TooSlow { .. }
            | BodyError::Incomplete,
        )
        | IngestError::Header(
            HeaderError::TwoLengths
            | HeaderError::Unfollowed
            | HeaderError::TransferUnsupported { .. }
            | HeaderError::ChunkedTwice,
        ) => answer.with(CONNECTION, CLOSE),
        _ => answer,
    }
}

fn kind(error: &IngestError) -> Kind {
    match error {
        IngestError::Route(RouteError::Unknown) | IngestError::RouteUnknown { .. } => Kind::RouteUnknown,
        IngestError::CrossSite { .. } => Kind::Forbidden,
        IngestError::Route(RouteError::Unavailable { .. }) => Kind::PluginUnavailable,
        IngestError::Method { .. } => Kind::MethodNotAllowed,
        IngestError::UriTooLong { .. } => Kind::UriTooLong,
        IngestError::NotAcceptable => Kind::NotAcceptable,
        IngestError::Query { .. } => Kind::QueryInvalid,
        IngestError::Header(HeaderError::TransferUnsupported { .. }) => Kind::TransferEncodingUnsupported,
        IngestError::Header(_) | IngestError::Key(_) => Kind::HeaderInvalid,
        IngestError::KeyConflict(KeyConflict::InProgress) => Kind::KeyInProgress,
        IngestError::KeyConflict(KeyConflict::OtherBody) => Kind::KeyReused,
        IngestError::Type(_) | IngestError::EventType(_) => Kind::ContentTypeUnsupported,
        IngestError::Body(error) => match error {
            BodyError::LengthTooLarge { .. }
            | BodyError::TooLarge { .. }
            | BodyError::InflatedTooLarge { .. } => Kind::BodyTooLarge,
            BodyError::Coding(_) => Kind::ContentEncodingUnsupported,
            BodyError::Undecodable { .. } => Kind::BodyUndecodable,
            BodyError::TooSlow { .. } => Kind::BodyTooSlow,
            BodyError::Incomplete => Kind::BodyIncomplete,
            BodyError::NoRoom { .. } | BodyError::NoTurn { .. } => Kind::Overloaded,
        },
        IngestError::Overloaded(_) => Kind::Overloaded,
        IngestError::Decode(DecodeError::TooMany { .. }) => Kind::TooManyRecords,
        IngestError::Decode(DecodeError::Empty) => Kind::BodyEmpty,
        IngestError::Decode(DecodeError::Array(_) | DecodeError::NotBatch) => Kind::BodyMalformed,
        IngestError::Panicked => Kind::Panicked,
    }
}
