//! What is kept of an answer, to be given again.

use super::{Answer, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, JSON, PROBLEM_JSON};
use bytes::Bytes;
use hyper::StatusCode;

/// Tells a client that its request was answered before, and is not done again.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A final answer without what belongs to the request that it was given to: its `x-request-id`.
///
/// The body stays as it was, byte for byte. In a problem that includes `request_id`, which names the request that the
/// problem is about: it is the one that the log knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct Kept {
    pub status: StatusCode,
    pub is_problem: bool,
    pub body: Bytes,
}

impl Kept {
    pub fn of(answer: &Answer) -> Kept {
        Kept {
            status: answer.status,
            is_problem: answer.headers.get(CONTENT_TYPE) == Some(&PROBLEM_JSON),
            body: Bytes::copy_from_slice(&answer.body),
        }
    }

    pub fn replay(&self) -> Answer {
        let kind = if self.is_problem { PROBLEM_JSON } else { JSON };
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, kind), (REPLAYED, HeaderValue::from_static("true"))]);
        Answer { status: self.status, headers, body: self.body.clone(), lease: None }
    }
}
