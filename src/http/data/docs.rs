//! The documentation of the live routes: `/openapi.json`, `/asyncapi.json`, and the page `/docs`, which asks nobody else
//! for anything.

use crate::http::answer;
use crate::http::answer::{Answer, Asked};
use crate::http::error::{Allow, IngestError};
use crate::http::openapi::{asyncapi, openapi};
use crate::plugin::Snapshot;
use bytes::Bytes;
use flate2::read::GzDecoder;
use hyper::StatusCode;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue,
    LOCATION, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use parking_lot::Mutex;
use std::io::Read;
use std::sync::{Arc, LazyLock};

const OPENAPI: &str = "/openapi.json";
const ASYNCAPI: &str = "/asyncapi.json";
/// With a slash, as what the page loads is named from there.
const PAGE: &str = "/docs/";

/// Nothing but what comes from here runs or is asked. Styles in the page's own markup are the page's.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Swagger UI 5.35.0 (Apache-2.0, see LICENSE and NOTICE beside it), as npm's package swagger-ui-dist has it.
const SCRIPT: &[u8] = include_bytes!("docs/swagger-ui-bundle.js.gz");
const STYLE: &[u8] = include_bytes!("docs/swagger-ui.css.gz");
const START: &str = include_str!("docs/start.js");
const INDEX: &str = include_str!("docs/index.html");

/// What was made of the plugins that were live last.
#[derive(Default)]
pub(super) struct Docs {
    made: Mutex<Option<Made>>,
}

struct Made {
    of: Arc<Snapshot>,
    openapi: Bytes,
    asyncapi: Bytes,
}

/// Whether a path is one of these.
pub(super) fn has(path: &str) -> bool {
    path == OPENAPI || path == ASYNCAPI || path == "/docs" || path.starts_with(PAGE)
}

impl Docs {
    pub fn answer(&self, snapshot: &Arc<Snapshot>, path: &str, headers: &HeaderMap, asked: &Asked) -> Answer {
        if !Allow::Get.includes(&asked.method) {
            let error = IngestError::Method { given: asked.method.clone(), allow: Allow::Get };
            return answer::refusal(&error, asked);
        }
        let (openapi, asyncapi) = match path {
            OPENAPI | ASYNCAPI => self.documents(snapshot),
            _ => return page(path, headers, asked),
        };
        let document = if path == OPENAPI { openapi } else { asyncapi };
        // The next swap makes another.
        Answer::text(StatusCode::OK, "application/json", document)
            .with(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
    }

    /// Made anew only after a swap.
    fn documents(&self, snapshot: &Arc<Snapshot>) -> (Bytes, Bytes) {
        let mut made = self.made.lock();
        if let Some(made) = made.as_ref().filter(|made| Arc::ptr_eq(&made.of, snapshot)) {
            return (made.openapi.clone(), made.asyncapi.clone());
        }
        let openapi = Bytes::from(openapi(snapshot.manifests(), None).to_string());
        let asyncapi = Bytes::from(asyncapi(snapshot.manifests(), None).to_string());
        *made = Some(Made { of: snapshot.clone(), openapi: openapi.clone(), asyncapi: asyncapi.clone() });
        (openapi, asyncapi)
    }
}

fn page(path: &str, headers: &HeaderMap, asked: &Asked) -> Answer {
    let text = |kind, text: &'static str| Answer::text(StatusCode::OK, kind, text);
    let answer = match path.strip_prefix(PAGE) {
        None => {
            let to = HeaderValue::from_static(PAGE);
            return Answer::text(StatusCode::PERMANENT_REDIRECT, "text/plain", "GET /docs/\n")
                .with(LOCATION, to);
        }
        Some("") => text("text/html; charset=utf-8", INDEX),
        Some("start.js") => text("text/javascript; charset=utf-8", START),
        Some("swagger-ui-bundle.js") => {
            packed("text/javascript; charset=utf-8", SCRIPT, &PLAIN_SCRIPT, headers)
        }
        Some("swagger-ui.css") => packed("text/css; charset=utf-8", STYLE, &PLAIN_STYLE, headers),
        Some(_) => {
            let nothing = "the documentation has nothing at this path; GET /docs/ is its page";
            return answer::plain(answer::Kind::NotFound, nothing, asked);
        }
    };
    fenced(answer)
}

/// Undone once for all: whoever asks for them so, as often as they like and however slowly they read, shares these.
static PLAIN_SCRIPT: LazyLock<Bytes> = LazyLock::new(|| undone(SCRIPT));
static PLAIN_STYLE: LazyLock<Bytes> = LazyLock::new(|| undone(STYLE));

fn undone(packed: &[u8]) -> Bytes {
    let mut text = Vec::new();
    // It is ours, and a test undoes it.
    let _ = GzDecoder::new(packed).read_to_end(&mut text);
    text.into()
}

/// Compressed as it is kept, or undone for those who do not take that.
fn packed(kind: &'static str, packed: &'static [u8], plain: &LazyLock<Bytes>, headers: &HeaderMap) -> Answer {
    let accepts = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains("gzip"));
    let answer = if headers.get_all(ACCEPT_ENCODING).iter().any(accepts) {
        Answer::text(StatusCode::OK, kind, packed).with(CONTENT_ENCODING, HeaderValue::from_static("gzip"))
    } else {
        Answer::text(StatusCode::OK, kind, Bytes::clone(plain))
    };
    answer.with(VARY, HeaderValue::from_static("accept-encoding"))
}

fn fenced(answer: Answer) -> Answer {
    answer
        .with(CONTENT_SECURITY_POLICY, POLICY)
        .with(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
        .with(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"))
        .with(REFERRER_POLICY, HeaderValue::from_static("no-referrer"))
        .with(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_compressed_is_whole() {
        for (packed, begins) in [(SCRIPT, "/*!"), (STYLE, ".swagger-ui")] {
            let text = String::from_utf8(undone(packed).to_vec()).unwrap();
            assert!(text.starts_with(begins) && text.len() > 100_000, "{}", &text[..40]);
        }
    }

    #[test]
    fn only_its_own_paths_are_the_documentations() {
        for own in ["/openapi.json", "/asyncapi.json", "/docs", "/docs/", "/docs/start.js"] {
            assert!(has(own), "{own}");
        }
        for other in ["/", "/docsy", "/openapi.json/", "/v1/docs"] {
            assert!(!has(other), "{other}");
        }
    }
}
