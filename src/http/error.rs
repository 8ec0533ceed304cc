//! Why a request has no receipt.

use super::admission::Overloaded;
use super::body::BodyError;
use super::header::HeaderError;
use super::idempotency::{KeyConflict, KeyError};
use crate::plugin::RouteError;
use crate::record::{DecodeError, SeveralRecords, UnsupportedType};
use hyper::Method;

/// Everything that can end a request before its records are settled. `answer` says what each means in HTTP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    #[error(transparent)]
    Route(#[from] RouteError),
    #[error("{}", no_such_route(.routes, *.others))]
    RouteUnknown { routes: Vec<String>, others: usize },
    #[error(
        "a page of '{page}' may not make a browser post records here; let a program post them, such as the \
         server of that page"
    )]
    CrossSite { page: String },
    #[error("{given} is not answered here; use {}", .allow.text())]
    Method { given: Method, allow: Allow },
    #[error("the address has {bytes} bytes and at most {max} are taken; put data into the body")]
    UriTooLong { bytes: usize, max: usize },
    #[error("answers are JSON, which the header Accept excludes; send Accept: application/json, or none")]
    NotAcceptable,
    #[error("the query has results={given}; send results=errors or results=all")]
    Query { given: String },
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    KeyConflict(#[from] KeyConflict),
    #[error(transparent)]
    Type(#[from] UnsupportedType),
    #[error(transparent)]
    EventType(#[from] SeveralRecords),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(
        "the gateway failed while it settled this request; nothing is acknowledged: send it again, and \
         report request_id"
    )]
    Panicked,
}

/// For producers, who reach the data port only, and for the operator whom they may ask.
fn no_such_route(routes: &[String], others: usize) -> String {
    let listed = routes.join(", ");
    match (routes, others) {
        ([], _) => {
            "no plugin serves this path, nor any other at present; GET /plugins on the admin port tells \
                    the operator why"
                .to_owned()
        }
        (_, 0) => format!("no plugin serves this path; post records to {listed}"),
        (_, others) => format!(
            "no plugin serves this path; post records to {listed}, or one of {others} others that GET /plugins \
             on the admin port lists for the operator"
        ),
    }
}

/// The methods of a place, for the header Allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allow {
    Post,
    Get,
}

impl Allow {
    pub fn includes(self, method: &Method) -> bool {
        match self {
            Allow::Post => method == Method::POST,
            Allow::Get => method == Method::GET || method == Method::HEAD,
        }
    }

    pub fn text(self) -> &'static str {
        match self {
            Allow::Post => "POST",
            Allow::Get => "GET, HEAD",
        }
    }
}
