//! Dead letters as they are read, and which of them are meant.

use super::source::{Place, Source, SourceError};
use crate::record::RecordId;
use crate::sink::log::Entry;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A record that was set aside, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub place: Place,
    pub id: RecordId,
    pub received_at_ms: u64,
    /// As the plugin declared it; none: it was never posted to one that is known, as Kafka has refused it later.
    pub route: Option<String>,
    /// Where it was posted.
    pub path: Option<String>,
    /// The fault, or the codes of its violations.
    pub codes: Vec<String>,
    pub detail: Option<String>,
    pub content_type: Option<String>,
    pub traceparent: Option<String>,
    /// What the plugin was shown of the request.
    pub headers: Vec<(String, String)>,
    pub value: Bytes,
}

impl Letter {
    fn of(place: Place, entry: Entry) -> Letter {
        let text = |name: &str| {
            let header = entry.headers.iter().rfind(|(known, _)| known == name)?;
            std::str::from_utf8(&header.1).ok().map(str::to_owned)
        };
        let route = text("sluicegate-route");
        let violations = text("sluicegate-violations").map(|json| codes(&json));
        let headers = text("sluicegate-request-headers");
        Letter {
            place,
            id: RecordId { ulid: entry.id, part: entry.part },
            received_at_ms: entry.time_ms,
            path: text("sluicegate-path").or_else(|| route.clone()),
            codes: violations.unwrap_or_else(|| text("sluicegate-fault").into_iter().collect()),
            detail: text("sluicegate-fault-detail"),
            content_type: text("content-type"),
            traceparent: text("traceparent"),
            headers: headers.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default(),
            route,
            value: entry.value.unwrap_or_default(),
        }
    }

    /// The first of its codes: what it is counted under.
    pub fn code(&self) -> &str {
        self.codes.first().map_or("unknown", String::as_str)
    }
}

fn codes(json: &str) -> Vec<String> {
    let violations: Vec<Value> = serde_json::from_str(json).unwrap_or_default();
    let mut codes: Vec<String> =
        violations.iter().filter_map(|violation| Some(violation["code"].as_str()?.to_owned())).collect();
    codes.dedup();
    codes
}

/// Which of them are meant.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    pub route: Option<String>,
    /// Any of these; none: all.
    pub codes: Vec<String>,
    pub since_ms: u64,
    pub until_ms: u64,
}

impl Filter {
    fn takes(&self, letter: &Letter) -> bool {
        let same = |one: &str, other: &str| one.trim_end_matches('/') == other.trim_end_matches('/');
        let is =
            |route: &String| [&letter.route, &letter.path].into_iter().flatten().any(|own| same(own, route));
        self.route.as_ref().is_none_or(is)
            && (self.codes.is_empty() || letter.codes.iter().any(|code| self.codes.contains(code)))
            && (self.since_ms..self.until_ms).contains(&letter.received_at_ms)
    }
}

/// Reads letters in order.
pub(super) struct Letters {
    source: Source,
    filter: Filter,
}

impl Letters {
    pub fn new(source: Source, filter: Filter) -> Letters {
        Letters { source, filter }
    }

    /// The next letter that is meant.
    ///
    /// # Errors
    /// As `Source::next`.
    pub fn next(&mut self) -> Result<Option<Letter>, SourceError> {
        while let Some((letter, taken)) = self.read()? {
            if taken {
                return Ok(Some(letter));
            }
        }
        Ok(None)
    }

    /// The next letter, and whether it is meant.
    fn read(&mut self) -> Result<Option<(Letter, bool)>, SourceError> {
        let Some((place, entry)) = self.source.next()? else { return Ok(None) };
        let letter = Letter::of(place, entry);
        let taken = self.filter.takes(&letter);
        Ok(Some((letter, taken)))
    }
}

/// What there is, counted by route and first code.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub all: u64,
    pub matching: u64,
    /// Where the last of all lies.
    pub last: Option<Place>,
    /// When the newest of all was received.
    pub newest_ms: u64,
    taken: Kinds,
    left: Kinds,
}

type Kinds = BTreeMap<(String, String), u64>;

/// Kinds of letters that are told apart: codes are words of plugins.
const KINDS_MAX: usize = 1_000;

impl Found {
    /// Reads all letters once; they can be read again then, up to here.
    ///
    /// # Errors
    /// As `Source::next`.
    pub fn among(letters: &mut Letters) -> Result<Found, SourceError> {
        let mut found = Found::default();
        while let Some((letter, taken)) = letters.read()? {
            found.all += 1;
            found.matching += u64::from(taken);
            found.last = Some(letter.place);
            found.newest_ms = found.newest_ms.max(letter.received_at_ms);
            let kinds = if taken { &mut found.taken } else { &mut found.left };
            let kind = (letter.route.clone().unwrap_or_default(), letter.code().to_owned());
            if kinds.len() < KINDS_MAX || kinds.contains_key(&kind) {
                *kinds.entry(kind).or_default() += 1;
            }
        }
        letters.source.rewind();
        Ok(found)
    }

    /// Why there is nothing to do.
    pub fn nothing(&self, name: &str) -> String {
        match self.all {
            0 => format!("there are no dead letters in {name} from there on"),
            all => format!(
                "none of the {all} dead letters in {name} is meant; there are: {}",
                lines(&self.left, ", ")
            ),
        }
    }

    pub fn as_text(&self, name: &str) -> String {
        let Found { all, matching, .. } = self;
        format!("{matching} of {all} dead letters in {name} would be sent\n  {}", lines(&self.taken, "\n  "))
    }

    pub fn as_json(&self, name: &str) -> Value {
        let kinds: Vec<Value> = self
            .taken
            .iter()
            .map(|((route, code), count)| json!({ "route": route, "code": code, "count": count }))
            .collect();
        json!({ "topic": name, "read": self.all, "matching": self.matching, "kinds": kinds })
    }
}

fn lines(kinds: &Kinds, separator: &str) -> String {
    let line = |((route, code), count): (&(String, String), &u64)| match route.as_str() {
        "" => format!("{count} {code} without a route"),
        route => format!("{count} {code} on {route}"),
    };
    kinds.iter().map(line).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(headers: &[(&str, &str)]) -> Letter {
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), Bytes::from((*value).to_owned())));
        Letter::of(
            Place::Sequence(7),
            Entry { time_ms: 1_000, id: 1, part: None, key: None, headers: headers.collect(), value: None },
        )
    }

    #[test]
    fn a_letter_is_counted_under_its_fault_or_its_first_violation() {
        let fault = letter(&[("sluicegate-route", "/a/"), ("sluicegate-fault", "trap")]);
        assert_eq!(
            (fault.code(), fault.route.as_deref(), fault.path.as_deref()),
            ("trap", Some("/a/"), Some("/a/"))
        );
        let violations = r#"[{"code":"one","pointer":""},{"code":"two"},{"code":"two"}]"#;
        let rejected = letter(&[("sluicegate-violations", violations), ("sluicegate-path", "/a/b")]);
        assert_eq!((rejected.code(), rejected.codes.len()), ("one", 2));
        assert_eq!(letter(&[("sluicegate-violations", "garbage")]).code(), "unknown");
        let shown = letter(&[("sluicegate-request-headers", r#"[["x-tenant","a"]]"#)]);
        assert_eq!(shown.headers, [("x-tenant".to_owned(), "a".to_owned())]);
    }

    #[test]
    fn a_filter_takes_what_all_of_it_says() {
        let all = Filter { until_ms: u64::MAX, ..Filter::default() };
        let trap = letter(&[("sluicegate-route", "/a/"), ("sluicegate-fault", "trap")]);
        assert!(all.takes(&trap));
        assert!(Filter { route: Some("/a".into()), ..all.clone() }.takes(&trap), "with or without the slash");
        assert!(!Filter { route: Some("/b".into()), ..all.clone() }.takes(&trap));
        assert!(Filter { codes: vec!["x".into(), "trap".into()], ..all.clone() }.takes(&trap));
        assert!(!Filter { codes: vec!["x".into()], ..all.clone() }.takes(&trap));
        assert!(Filter { since_ms: 1_000, ..all.clone() }.takes(&trap));
        assert!(!Filter { since_ms: 1_001, ..all.clone() }.takes(&trap));
        assert!(!Filter { until_ms: 1_000, ..all }.takes(&trap));
    }
}
