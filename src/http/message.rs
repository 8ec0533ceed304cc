//! What must be right of any request, on either port, before its address is believed.

#[cfg(test)]
mod tests;

use super::activity::Ticket;
use super::error::IngestError;
use super::header::HeaderError;
use super::length::Doubt;
use hyper::Version;
use hyper::header::{HOST, HeaderMap, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

/// Addresses hold a route and a word; a longer one is a mistake, or data that would end up in other
/// people's logs.
const URI_BYTES_MAX: usize = 8 << 10;

pub(super) fn check(head: &Parts, ticket: &Ticket) -> Result<(), IngestError> {
    match ticket.doubt() {
        Some(Doubt::TwoLengths) => return Err(HeaderError::TwoLengths.into()),
        Some(Doubt::Unfollowed) => return Err(HeaderError::Unfollowed.into()),
        None => {}
    }
    check_transfer(&head.headers)?;
    check_host(head)?;
    let bytes = head.uri.path_and_query().map_or(0, |address| address.as_str().len());
    if bytes > URI_BYTES_MAX {
        return Err(IngestError::UriTooLong { bytes, max: URI_BYTES_MAX });
    }
    Ok(())
}

/// hyper looks at the last coding only, and takes what is under it for the body (RFC 9112, section 6.1).
fn check_transfer(headers: &HeaderMap) -> Result<(), HeaderError> {
    if !headers.contains_key(TRANSFER_ENCODING) {
        return Ok(());
    }
    let values = headers.get_all(TRANSFER_ENCODING).iter();
    let given = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect::<Vec<_>>()
        .join(", ");
    let mut codings = given.split(',').map(str::trim).filter(|coding| !coding.is_empty());
    if codings.clone().any(|coding| !coding.eq_ignore_ascii_case("chunked")) {
        return Err(HeaderError::TransferUnsupported { given });
    }
    match (codings.next(), codings.next()) {
        (_, None) => Ok(()),
        _ => Err(HeaderError::ChunkedTwice),
    }
}

/// RFC 9112, section 3.2. HTTP/2 has the host in the address, and HTTP/1.0 may leave it out.
fn check_host(head: &Parts) -> Result<(), HeaderError> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let Some(host) = hosts.next() else {
        return if head.version == Version::HTTP_11 { Err(HeaderError::HostMissing) } else { Ok(()) };
    };
    if hosts.next().is_some() {
        return Err(HeaderError::HostRepeated);
    }
    if host.is_empty() || Authority::try_from(host.as_bytes()).is_ok() {
        return Ok(());
    }
    Err(HeaderError::HostInvalid { given: String::from_utf8_lossy(host.as_bytes()).into_owned() })
}
