//! Whose web page made a browser send a request.
//!
//! A page can make its reader's browser post to any address the browser reaches, loopback too, without being
//! asked whether it may, as long as the request is one that a form could send. What is no browser sends
//! neither of the headers looked at here.

use hyper::header::{HOST, HeaderName, ORIGIN};
use hyper::http::request::Parts;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The site of the page, if it is not one of this host. None also where no page is behind the request.
pub(super) fn foreign_page(head: &Parts) -> Option<String> {
    let text = |name: &HeaderName| {
        head.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let origin = text(&ORIGIN);
    match text(&SEC_FETCH_SITE) {
        // The browser has compared, with the names as it knows them: a proxy may have changed the host.
        Some(site) if matches!(site.as_str(), "same-origin" | "none") => None,
        Some(site) => Some(origin.unwrap_or(site)),
        // Not sent to hosts other than loopback without TLS.
        None => origin.filter(|origin| {
            let of = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            of.is_none() || of != host(head).as_deref()
        }),
    }
}

/// HTTP/2 names its host in the address, as do requests that are meant for a proxy. Two hosts are none of
/// ours.
pub(super) fn host(head: &Parts) -> Option<String> {
    if let Some(authority) = head.uri.authority() {
        return Some(authority.as_str().to_owned());
    }
    let hosts: Vec<_> =
        head.headers.get_all(HOST).iter().map(|host| String::from_utf8_lossy(host.as_bytes())).collect();
    (!hosts.is_empty()).then(|| hosts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn page(headers: &[(&str, &str)]) -> Option<String> {
        let request = Request::post("/").header("host", "localhost:8080");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        foreign_page(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn programs_and_pages_of_the_same_host_are_not_foreign() {
        for own in [
            &[][..],
            &[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8080")],
            &[("sec-fetch-site", "none")],
            &[("origin", "http://localhost:8080")],
            &[("origin", "https://localhost:8080")],
            // Through a proxy that asks for another host.
            &[("sec-fetch-site", "same-origin"), ("origin", "https://gateway.example")],
        ] {
            assert_eq!(page(own), None, "{own:?}");
        }
    }

    #[test]
    fn a_page_of_another_site_port_or_none_is_foreign() {
        for (foreign, named) in [
            (&[("sec-fetch-site", "cross-site")][..], "cross-site"),
            (
                &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:3000")],
                "http://localhost:3000",
            ),
            (&[("sec-fetch-site", "cross-site"), ("origin", "null")], "null"),
            (&[("sec-fetch-site", "what comes later")], "what comes later"),
            (&[("origin", "http://evil.example")], "http://evil.example"),
            (&[("origin", "http://localhost")], "http://localhost"),
            (&[("origin", "null")], "null"),
        ] {
            assert_eq!(page(foreign).as_deref(), Some(named), "{foreign:?}");
        }
    }
}
