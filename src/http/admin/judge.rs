//! `POST /judge?route=/path/`: what would become of a record, for a person who tries one. Nothing is delivered, and
//! nothing is counted.

use crate::http::activity::Ticket;
use crate::http::answer::{self, Answer, Asked, Kind, plain};
use crate::http::data::Gateway;
use crate::http::error::IngestError;
use crate::http::header;
use crate::http::ingest::find;
use crate::plugin::{Facts, Generation, Match, Told, told};
use crate::record::{self, Batch, DecodeError, Framing, RecordIds};
use crate::verdict::Judgement;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::{Body, Incoming};
use hyper::header::CONTENT_ENCODING;
use hyper::http::request::Parts;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// As large as a record may be by default (`http.record_bytes_max`), and more than a person pastes.
const BODY_BYTES_MAX: usize = 1 << 20;

/// More verdicts than that nobody reads.
const RECORDS_MAX: usize = 20;

/// At a time: people are few, and each holds a body, and then a thread that producers' records may wait for.
const TRIALS_MAX: usize = 4;

/// From the end of the headers to the end of the body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub(super) enum JudgeError {
    #[error("the query names no route; send POST /judge?route=/path/, with a path that GET /plugins lists")]
    RouteMissing,
    #[error(
        "the query has route={given}, which is no path; send one that begins with '/', with bytes beyond letters and \
         digits percent-encoded as UTF-8"
    )]
    RouteInvalid { given: String },
    #[error(
        "the body has more than {BODY_BYTES_MAX} bytes, the most that are tried; cut it down, or post it to its route"
    )]
    TooLarge,
    #[error(
        "the body did not arrive within {} ms of its headers; send it again, faster",
        BODY_TIMEOUT.as_millis()
    )]
    TooSlow,
    #[error("the body ended before it was whole; send it again")]
    Incomplete,
    #[error("the body is compressed, which is not undone here; send it as it is, without Content-Encoding")]
    Coded,
    #[error("the body holds more than {RECORDS_MAX} records, the most that are tried at once; send fewer")]
    TooMany,
    #[error("{TRIALS_MAX} others try records at present, the most at a time; try again")]
    Busy,
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

/// Bounds what those who try records take of the gateway.
pub(super) struct Trials {
    places: Semaphore,
}

impl Trials {
    pub fn new() -> Trials {
        Trials { places: Semaphore::new(TRIALS_MAX) }
    }

    pub async fn judge(
        &self,
        gateway: &Arc<Gateway>,
        head: &Parts,
        body: Incoming,
        ticket: &Ticket,
    ) -> Result<Answer, JudgeError> {
        let path = route(head.uri.query().unwrap_or_default())?;
        // Before the body: what is held of bodies is bounded by it.
        let _place = self.places.try_acquire().map_err(|_| JudgeError::Busy)?;
        let found = find(&gateway.plugins.snapshot(), &path)?;
        if head.headers.contains_key(CONTENT_ENCODING) {
            return Err(JudgeError::Coded);
        }
        let body =
            tokio::time::timeout(BODY_TIMEOUT, read(body)).await.map_err(|_| JudgeError::TooSlow)??;
        ticket.body_ended();
        let received_at_ms = header::now_ms();
        let batch = Arc::new(decode(gateway, &found, head, body, received_at_ms)?);
        let Match { generation, route, parameters } = found;
        let headers = header::chosen(&head.headers, &generation.manifest.request_headers);
        let facts = Facts { received_at_ms, parameters, headers, caller: None };
        let (judgement, held) = generation.try_out(route, facts, batch.clone()).await;
        let answer = verdicts(&generation, route, &batch, &judgement);
        drop((judgement, held));
        Ok(answer)
    }
}

#[derive(Serialize)]
struct Verdicts<'a> {
    route: &'a str,
    plugin: &'a str,
    version: &'a str,
    generation: u64,
    digest: &'a str,
    records: Vec<Told<'a>>,
    /// Violations, warnings, parts, headers and measurements that are not listed.
    #[serde(skip_serializing_if = "is_zero")]
    omitted: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn verdicts(generation: &Generation, route: usize, batch: &Batch, judgement: &Judgement) -> Answer {
    let manifest = &generation.manifest;
    let (records, omitted) =
        told(manifest, route, &batch.records, &judgement.findings, &judgement.measurements);
    let verdicts = Verdicts {
        route: &manifest.routes[route].path,
        plugin: &manifest.name,
        version: &manifest.version,
        generation: generation.number,
        digest: &generation.digest,
        records,
        omitted,
    };
    Answer::json(StatusCode::OK, &verdicts)
}

/// As on the data port, with bounds for a person.
fn decode(
    gateway: &Gateway,
    found: &Match,
    head: &Parts,
    body: Bytes,
    received_at_ms: u64,
) -> Result<Batch, JudgeError> {
    let ingest = |error: IngestError| JudgeError::from(error);
    let route = &found.generation.manifest.routes[found.route];
    let content_type = header::content_type(&head.headers).map_err(|error| ingest(error.into()))?;
    let mut framing = Framing::of(content_type, &route.input).map_err(|error| ingest(error.into()))?;
    let event = match framing.is_structured() {
        true => None,
        false => header::event(&head.headers, content_type).map_err(|error| ingest(error.into()))?,
    };
    if event.is_some() {
        framing = framing.of_event(content_type).map_err(|error| ingest(error.into()))?;
    }
    let limits = record::Limits { records_max: RECORDS_MAX, ..gateway.config.records.clone() };
    let ids = RecordIds::minted_at(received_at_ms);
    let mut batch = record::decode(framing, body, &limits, ids).map_err(|error| match error {
        DecodeError::TooMany { .. } => JudgeError::TooMany,
        error => ingest(error.into()),
    })?;
    if let Some(event) = event {
        batch.attach(event);
    }
    Ok(batch)
}

async fn read(mut body: Incoming) -> Result<Bytes, JudgeError> {
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(JudgeError::TooLarge);
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(|_| JudgeError::Incomplete)?.into_data() else { continue };
        if chunk.len() > BODY_BYTES_MAX - whole.len() {
            return Err(JudgeError::TooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// The path that the query names, as it would stand in an address.
fn route(query: &str) -> Result<String, JudgeError> {
    let given =
        query.split('&').find_map(|pair| pair.strip_prefix("route=")).ok_or(JudgeError::RouteMissing)?;
    let invalid = || JudgeError::RouteInvalid { given: given.to_owned() };
    let path = decoded(given).ok_or_else(invalid)?;
    // As hyper takes it: anything else could not have come to the data port either.
    let is_path = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    if is_path { Ok(path) } else { Err(invalid()) }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? << 4 | digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

/// The one place that knows what each is in HTTP.
pub(super) fn refusal(error: &JudgeError, asked: &Asked) -> Answer {
    let text = error.to_string();
    match error {
        JudgeError::RouteMissing | JudgeError::RouteInvalid { .. } => plain(Kind::QueryInvalid, &text, asked),
        JudgeError::TooLarge => plain(Kind::BodyTooLarge, &text, asked).closing(),
        JudgeError::TooSlow => plain(Kind::BodyTooSlow, &text, asked).closing(),
        JudgeError::Incomplete => plain(Kind::BodyIncomplete, &text, asked).closing(),
        JudgeError::Coded => plain(Kind::ContentEncodingUnsupported, &text, asked),
        JudgeError::TooMany => plain(Kind::TooManyRecords, &text, asked),
        JudgeError::Busy => plain(Kind::Overloaded, &text, asked).retry_later(),
        JudgeError::Ingest(error) => answer::refusal(error, asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_route_is_read_from_the_query_as_a_browser_writes_it() {
        for (query, path) in [
            ("route=/a/", "/a/"),
            ("x=1&route=%2Fa%2Fb%2F", "/a/b/"),
            ("route=%2Fa%2520b", "/a%20b"),
            ("route=/a&route=/b", "/a"),
        ] {
            assert_eq!(route(query).unwrap(), path, "{query}");
        }
        for query in ["", "routes=/a", "Route=/a"] {
            assert_eq!(
                route(query).unwrap_err().to_string(),
                "the query names no route; send POST /judge?route=/path/, with a path that GET /plugins lists"
            );
        }
        for given in ["", "a", "%2", "%zz", "%ff", "/a%0Ab", "/%C3%A4"] {
            assert_eq!(
                route(&format!("route={given}")).unwrap_err().to_string(),
                format!(
                    "the query has route={given}, which is no path; send one that begins with '/', with bytes beyond \
                     letters and digits percent-encoded as UTF-8"
                )
            );
        }
    }

    #[test]
    fn each_refusal_has_its_status_and_its_remedy() {
        let asked = Asked::of(&hyper::Request::post("/judge").body(()).unwrap());
        for (error, status, remedy) in [
            (JudgeError::RouteMissing, 400, "send POST /judge?route=/path/"),
            (JudgeError::TooLarge, 413, "cut it down, or post it to its route"),
            (JudgeError::TooSlow, 408, "send it again, faster"),
            (JudgeError::Incomplete, 400, "send it again"),
            (JudgeError::Coded, 415, "send it as it is, without Content-Encoding"),
            (JudgeError::TooMany, 413, "send fewer"),
            (JudgeError::Busy, 503, "try again"),
            (JudgeError::Ingest(IngestError::Panicked), 500, "report request_id"),
        ] {
            assert_eq!(refusal(&error, &asked).status, status, "{error}");
            assert!(error.to_string().contains(remedy), "{error}");
        }
    }
}
