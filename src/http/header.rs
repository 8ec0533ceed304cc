//! What the headers of a request say.

#[cfg(test)]
mod tests;

use crate::record::{Event, EventFaults};
use crate::telemetry::Parent;
use hyper::HeaderMap;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use std::time::{SystemTime, UNIX_EPOCH};

/// Names a request in the answer, the log and the traces.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// By which a client tells that a request is one that it sent before (draft-ietf-httpapi-idempotency-key-header).
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Room for two UUIDs and what tools put around them; a longer one would fill every line of the log about it.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// A header that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("the header {name} is there more than once; send it once")]
    Repeated { name: HeaderName },
    #[error("the header {name} holds bytes that are no visible ASCII; send it without them")]
    Unreadable { name: HeaderName },
    #[error("the request has both Content-Length and Transfer-Encoding; send one of them")]
    TwoLengths,
    #[error(
        "where this request begins is not certain, as what came before it was not cut as HTTP wants; send it \
         on a new connection"
    )]
    Unfollowed,
    #[error("the request names no host; send the header Host")]
    HostMissing,
    #[error("the request has the header Host more than once; send it once")]
    HostRepeated,
    #[error(
        "the header Host holds '{given}', which is no host; send a name or an address, with a port or without"
    )]
    HostInvalid { given: String },
    #[error(
        "the body is transferred as '{given}', and no coding but chunked is undone; send Transfer-Encoding: \
         chunked, and say in Content-Encoding how the body is compressed"
    )]
    TransferUnsupported { given: String },
    #[error(
        "the header Transfer-Encoding says chunked more than once; cut the body into chunks once, and say so \
         once"
    )]
    ChunkedTwice,
}

/// The client's own name for its request if it is safe to repeat, else one of ours.
#[derive(Debug, Clone)]
pub(super) struct RequestId(HeaderValue);

impl RequestId {
    pub fn of(headers: &HeaderMap) -> RequestId {
        match headers.get(X_REQUEST_ID) {
            Some(id) if is_safe_id(id.as_bytes()) => RequestId(id.clone()),
            _ => RequestId::mint(),
        }
    }

    pub fn mint() -> RequestId {
        let mut text = [0; ulid::ULID_LEN];
        let id = ulid::Ulid::from_parts(now_ms(), fastrand::u128(..));
        let text = id.array_to_str(&mut text);
        RequestId(HeaderValue::from_str(text).expect("a ULID is letters and digits"))
    }

    pub fn as_str(&self) -> &str {
        self.0.to_str().expect("checked, or ours: visible ASCII")
    }

    pub fn to_header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// Nothing that could break out of a log line, a JSON string, a shell word or a URL.
fn is_safe_id(id: &[u8]) -> bool {
    let safe = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@~".contains(byte);
    (1..=REQUEST_ID_BYTES_MAX).contains(&id.len()) && id.iter().all(safe)
}

/// Milliseconds since 1970, UTC.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The one value of a header that must not be there twice.
fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, HeaderError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(HeaderError::Repeated { name: name.clone() });
    }
    value.to_str().map(Some).map_err(|_| HeaderError::Unreadable { name: name.clone() })
}

pub(super) fn content_type(headers: &HeaderMap) -> Result<Option<&str>, HeaderError> {
    single(headers, &CONTENT_TYPE)
}

/// The header as it was sent; `idempotency` reads it.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, HeaderError> {
    single(headers, &IDEMPOTENCY_KEY)
}

/// Whether an answer in JSON is welcome (RFC 9110, section 12.5.1). What cannot be read excludes nothing.
pub(super) fn accepts_json(headers: &HeaderMap) -> bool {
    let mut most_specific = None;
    let mut given = false;
    for value in headers.get_all(ACCEPT) {
        let Ok(value) = value.to_str() else { return true };
        for range in value.split(',').map(str::trim).filter(|range| !range.is_empty()) {
            given = true;
            let (range, welcome) = media_range(range);
            if let Some(rank) = rank(range) {
                most_specific = most_specific.max(Some((rank, welcome)));
            }
        }
    }
    !given || most_specific.is_some_and(|(_, welcome)| welcome)
}

/// Whether HTML is asked for by name, as browsers do for a page and programs do not.
pub(super) fn asks_for_html(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let mut ranges = values.flat_map(|value| value.split(',')).map(|range| media_range(range.trim()));
    ranges.any(|(range, welcome)| welcome && range.eq_ignore_ascii_case("text/html"))
}

/// The range without its parameters, and whether its weight is more than nothing.
fn media_range(range: &str) -> (&str, bool) {
    let mut parts = range.split(';').map(str::trim);
    let range = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (range, weight.is_none_or(|weight| weight.parse::<f32>().map_or(true, |weight| weight > 0.0)))
}

/// How specifically a media range means JSON.
fn rank(range: &str) -> Option<u8> {
    match range {
        "*/*" => Some(0),
        "application/*" => Some(1),
        _ => range.eq_ignore_ascii_case("application/json").then_some(2),
    }
}

/// What the request's sender says of its trace.
pub(super) fn parent(headers: &HeaderMap) -> Option<Parent> {
    let traceparent = traceparent(headers)?;
    Some(Parent { traceparent, tracestate: tracestate(headers) })
}

/// The request's trace context if it is a valid one (W3C Trace Context, section 3.2), as version 00.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<String> {
    let text = single(headers, &HeaderName::from_static("traceparent")).ok()??;
    let (version, rest) = (text.get(..2)?, text.get(2..55)?);
    let later = text.get(55..)?;
    let known_length = later.is_empty() || (version != "00" && later.starts_with('-'));
    let valid = known_length
        && is_lower_hex(version)
        && version != "ff"
        && is_lower_hex(rest.get(34..50)?)
        && is_lower_hex(rest.get(1..33)?)
        && is_lower_hex(rest.get(51..53)?)
        && [0, 33, 50].iter().all(|dash| rest.as_bytes()[*dash] == b'-')
        && !is_zero(&rest[1..33])
        && !is_zero(&rest[34..50]);
    valid.then(|| format!("00{rest}"))
}

/// What the request's `tracestate` says: at most 32 members and 512 bytes, as many of the first as there are (W3C Trace
/// Context, section 3.3). None if one of them is no member: it is of no use without `traceparent`, and nobody's else.
pub(super) fn tracestate(headers: &HeaderMap) -> Option<String> {
    let mut state = String::new();
    for value in headers.get_all("tracestate") {
        for member in value.to_str().ok()?.split(',').map(|member| member.trim_matches([' ', '\t'])) {
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=')?;
            if !is_state_key(key) || !is_state_value(value) {
                return None;
            }
            let is_full = state.matches(',').count() + 1 == TRACESTATE_MEMBERS_MAX && !state.is_empty();
            if is_full || state.len() + 1 + member.len() > TRACESTATE_BYTES_MAX {
                return Some(state).filter(|state| !state.is_empty());
            }
            if !state.is_empty() {
                state.push(',');
            }
            state.push_str(member);
        }
    }
    Some(state).filter(|state| !state.is_empty())
}

/// What the specification allows, and what it wants to be handed on at least.
const TRACESTATE_MEMBERS_MAX: usize = 32;
const TRACESTATE_BYTES_MAX: usize = 512;

fn is_state_key(key: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    (1..=256).contains(&key.len()) && key.bytes().all(allowed) && !b"_-*/@".contains(&key.as_bytes()[0])
}

fn is_state_value(value: &str) -> bool {
    (1..=256).contains(&value.len()) && value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=')
}

/// The CloudEvent that the headers of a request in binary mode make: there is one if any of those is there that every
/// event has.
///
/// # Errors
/// If one of its headers is there more than once. What else is wrong is told with the record.
pub(super) fn event(
    headers: &HeaderMap,
    content_type: Option<&str>,
) -> Result<Option<Result<Event, EventFaults>>, HeaderError> {
    const TELLTALES: [&str; 4] = ["ce-specversion", "ce-id", "ce-source", "ce-type"];
    if !TELLTALES.iter().any(|name| headers.contains_key(*name)) {
        return Ok(None);
    }
    let own = || headers.keys().filter_map(|name| Some((name, name.as_str().strip_prefix("ce-")?)));
    if let Some((name, _)) = own().find(|(name, _)| headers.get_all(*name).iter().nth(1).is_some()) {
        return Err(HeaderError::Repeated { name: name.clone() });
    }
    let values = own().filter_map(|(name, attribute)| Some((attribute, headers.get(name)?.as_bytes())));
    Ok(Some(Event::of_headers(values, content_type)))
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'0')
}

/// Of the request's headers those that a plugin asked for; values that are no text are withheld.
pub(super) fn chosen(headers: &HeaderMap, names: &[String]) -> Vec<(String, String)> {
    let values = |name: &String| {
        let name = name.clone();
        headers.get_all(name.as_str()).into_iter().filter_map(move |value| {
            let value = std::str::from_utf8(value.as_bytes()).ok()?;
            Some((name.clone(), value.to_owned()))
        })
    };
    names.iter().flat_map(values).collect()
}
