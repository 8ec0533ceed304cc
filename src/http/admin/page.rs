//! The page of the console: all that it loads, and what a browser may do with it.

use crate::http::answer::Answer;
use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

/// Nothing but what comes from here runs, is drawn or is asked; nobody frames it; and no text becomes markup, also
/// by a mistake in the page: what plugins and records say is shown on it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// What the page loads, each with its path and type.
const PARTS: [(&str, &str, &str); 4] = [
    ("/console.css", "text/css; charset=utf-8", include_str!("page/console.css")),
    ("/console.js", "text/javascript; charset=utf-8", include_str!("page/console.js")),
    ("/chart.js", "text/javascript; charset=utf-8", include_str!("page/chart.js")),
    ("/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

const PAGE: &str = include_str!("page/index.html");

pub(super) fn page() -> Answer {
    fenced(Answer::text(StatusCode::OK, "text/html; charset=utf-8", PAGE))
}

/// None: the page has no such part.
pub(super) fn part(path: &str) -> Option<Answer> {
    let (_, kind, text) = PARTS.iter().find(|(known, ..)| *known == path)?;
    Some(fenced(Answer::text(StatusCode::OK, kind, *text)))
}

/// With what keeps a browser from doing anything else with it. Nothing is kept: the next gateway at this address may
/// have another page.
pub(super) fn fenced(answer: Answer) -> Answer {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (CACHE_CONTROL, "no-store"),
        (VARY, "accept"),
    ];
    headers
        .into_iter()
        .fold(answer, |answer, (name, value)| answer.with(name, HeaderValue::from_static(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_names_nothing_that_is_not_served_here() {
        let bytes = PAGE.len() + PARTS.iter().map(|(.., text)| text.len()).sum::<usize>();
        assert!(bytes < 100 << 10, "{bytes} bytes");
        for attribute in ["src=\"", "href=\""] {
            for rest in PAGE.split(attribute).skip(1) {
                let target = rest.split('"').next().unwrap();
                let served = part(target).is_some()
                    || target.starts_with('#')
                    || target == "/plugins"
                    || target == "/metrics";
                assert!(served, "the page names {target}");
            }
        }
        for (path, _, text) in PARTS.iter().chain([&("/", "", PAGE)]) {
            let elsewhere = text.split("://").count() - 1;
            // The name of SVG's elements, which nobody is asked for.
            let names = text.matches("http://www.w3.org/2000/svg").count();
            assert_eq!(elsewhere, names, "{path} names another host");
        }
    }

    #[test]
    fn nothing_on_the_page_can_become_markup() {
        for (path, _, text) in PARTS.iter().filter(|(path, ..)| path.ends_with(".js")) {
            for way in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("]
            {
                assert!(!text.contains(way), "{path} has {way}");
            }
        }
        assert!(!PAGE.contains("<style") && !PAGE.contains(" style=") && !PAGE.contains(" onclick="));
    }
}
