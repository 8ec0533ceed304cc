//! Turns receipts and refusals into answers: the only place that knows what each is in HTTP.

mod body;
mod kept;
mod problem;
mod receipt;
#[cfg(test)]
mod tests;
mod wire;

pub(super) use body::AnswerBody;
pub(super) use kept::Kept;
pub(super) use problem::{Kind, plain, refusal};
pub(super) use receipt::{Told, receipt};

use super::activity::Ticket;
use super::body::Lease;
use super::connection::Answered;
use super::header::{IDEMPOTENCY_KEY, RequestId, X_REQUEST_ID};
use bytes::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    RETRY_AFTER,
};
use hyper::{Method, Request, Response, StatusCode, Version};
use serde::Serialize;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An answer before it is given a request's id.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    /// What the body holds of the budget until it is written.
    lease: Option<Lease>,
}

/// Which results of a batch the client wants to see: `?results=errors` or `?results=all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Results {
    #[default]
    All,
    Errors,
    /// None, `"results":null`: there is no memory for them. The counts are told all the same.
    Omitted,
}

/// What of a batch's results an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Show {
    pub results: Results,
    /// Violations listed in full: a record beyond has its first, and how many more there are. A batch of
    /// nothing but wrong records would else be answered with a thousand times its own size.
    pub violations_max: usize,
}

/// What an answer needs to know of its request.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub id: RequestId,
    pub method: Method,
    pub version: Version,
    /// It may be sent again as it is: nothing is then done twice.
    pub has_key: bool,
}

impl Asked {
    pub fn of<B>(request: &Request<B>) -> Asked {
        Asked {
            id: RequestId::of(request.headers()),
            method: request.method().clone(),
            version: request.version(),
            has_key: request.headers().contains_key(IDEMPOTENCY_KEY),
        }
    }
}

impl Answer {
    pub fn json(status: StatusCode, body: &impl Serialize) -> Answer {
        Answer::written(status, JSON, body, 256)
    }

    pub fn text(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        Answer { status, headers, body: body.into(), lease: None }
    }

    /// `bytes`: about how long the body will be.
    fn written(status: StatusCode, kind: HeaderValue, body: &impl Serialize, bytes: usize) -> Answer {
        let mut buffer = Vec::with_capacity(bytes);
        serde_json::to_writer(&mut buffer, body)
            .expect("texts and numbers, written to memory, are always JSON");
        if buffer.len() > bytes {
            buffer.shrink_to_fit(); // what is charged to the budget is what it takes
        }
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind)]);
        Answer { status, headers, body: buffer.into(), lease: None }
    }

    /// Its bytes.
    pub fn len(&self) -> usize {
        self.body.len()
    }

    /// Holds this until the last byte is written, or the connection is gone.
    pub fn holding(self, lease: Lease) -> Answer {
        Answer { lease: Some(lease), ..self }
    }

    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Answer {
        self.headers.insert(name, value);
        self
    }

    /// Ends the connection behind it: the rest of the body is not waited for.
    pub fn closing(self) -> Answer {
        self.with(CONNECTION, HeaderValue::from_static("close"))
    }

    pub fn retry_later(self) -> Answer {
        self.retry_after(0)
    }

    /// After so many seconds at the earliest, and one at least.
    fn retry_after(self, pause_seconds: u64) -> Answer {
        let spread = u64::from(retry_after_seconds());
        self.with(RETRY_AFTER, HeaderValue::from(pause_seconds.saturating_sub(1).saturating_add(spread)))
    }

    /// The ticket is given back when the last byte is written, or the connection is gone.
    pub fn into_response(mut self, asked: &Asked, ticket: Ticket) -> Answered {
        self.headers.insert(X_REQUEST_ID, asked.id.to_header());
        if asked.version >= Version::HTTP_2 {
            self.headers.remove(CONNECTION); // RFC 9113, section 8.2.2
        }
        if asked.method == Method::HEAD {
            self.headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
            self.body.clear();
        }
        let mut response = Response::new(AnswerBody::new(self.body, self.lease, ticket));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// Spread out, so that clients refused together do not come back together.
pub(super) fn retry_after_seconds() -> u16 {
    fastrand::u16(1..=3)
}
