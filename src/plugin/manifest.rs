//! Whether a manifest is one that can be served, and what is served of it: everything wrong with it at once.

mod instrument;
mod route;
mod setting;

use super::draft::{Draft, Example, Setting};
use super::{Manifest, PluginConfig, Route, RouteExample};
use crate::record::{check_topic, dead_letters_of};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A name is a label of every metric, a part of a header of every record, and a key in the configuration.
const NAME_BYTES_MAX: usize = 64;
/// As the name: it stands in a header of every record.
const VERSION_BYTES_MAX: usize = 64;
/// Markdown for the documentation page, which holds all plugins.
const DESCRIPTION_BYTES_MAX: usize = 64 << 10;
/// Each is looked up, and copied into the guest, for every request.
const HEADERS_MAX: usize = 32;

/// Credentials do not reach plugins.
const WITHHELD_HEADERS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// A manifest that can be served, and what goes with it.
#[derive(Debug)]
pub(super) struct Checked {
    pub manifest: Manifest,
    /// What the plugin reads through `config`: what the operator gave, and the defaults.
    pub settings: BTreeMap<String, String>,
    /// Those that the plugin has, with their defaults.
    pub declared: Vec<Setting>,
    /// Of each route.
    pub examples: Vec<Vec<Example>>,
}

/// Everything that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    fn note(&mut self, problem: String) {
        self.0.push(problem);
    }

    fn at_most(&mut self, what: &str, count: usize, max: usize) {
        if count > max {
            self.note(format!("{what}: {count} are too many; at most {max} are taken"));
        }
    }

    fn no_longer(&mut self, what: &str, text: &str, max: usize) {
        if text.len() > max {
            self.note(format!("{what} has {} bytes; at most {max} are taken", text.len()));
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

/// Checks a manifest against the contract and against what the operator says of the plugin.
pub(super) fn check(draft: Draft, operator: &PluginConfig) -> Result<Checked, Problems> {
    let mut problems = Problems(Vec::new());
    identity(&draft, &mut problems);
    request_headers(&draft.request_headers, &mut problems);
    route::check(&draft, &mut problems);
    instrument::check(&draft.instruments, &mut problems);
    let settings = setting::resolve(&draft, operator, &mut problems);
    topic_mapping(&draft, operator, &mut problems);
    if problems.0.is_empty() { Ok(serve(draft, operator, settings)) } else { Err(problems) }
}

/// The settings that a plugin of this manifest is given, as far as they are there.
pub(super) fn settings(draft: &Draft, operator: &PluginConfig) -> BTreeMap<String, String> {
    setting::resolve(draft, operator, &mut Problems(Vec::new()))
}

fn identity(draft: &Draft, problems: &mut Problems) {
    let name = &draft.name;
    let sound = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !sound || name.len() > NAME_BYTES_MAX {
        problems.note(format!(
            "name {name:?}: use lower-case letters, digits and dashes, a letter first, at most {NAME_BYTES_MAX}"
        ));
    }
    if !is_semantic_version(&draft.version) || draft.version.len() > VERSION_BYTES_MAX {
        problems.note(format!("version {:?}: give a semantic version, e.g. 1.4.0", draft.version));
    }
    problems.no_longer("the description", &draft.description, DESCRIPTION_BYTES_MAX);
}

/// <https://semver.org>, version 2.
fn is_semantic_version(version: &str) -> bool {
    let (rest, build) = version.split_once('+').map_or((version, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
    let is_number =
        |part: &str| part.parse::<u64>().is_ok() && (part == "0" || !part.starts_with(['0', '+']));
    let is_tag = |tag: &str| {
        tag.split('.').all(|part| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    };
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && pre.is_none_or(is_tag)
        && build.is_none_or(is_tag)
}

fn request_headers(headers: &[String], problems: &mut Problems) {
    problems.at_most("request headers", headers.len(), HEADERS_MAX);
    for (index, name) in headers.iter().enumerate() {
        if !is_lower_case_token(name) {
            problems.note(format!("request header {name:?}: give a header's name in lower case"));
        } else if WITHHELD_HEADERS.contains(&name.as_str()) {
            problems.note(format!(
                "request header '{name}' holds credentials, which plugins are not shown; use `request.caller`"
            ));
        } else if headers[..index].contains(name) {
            problems.note(format!("request header '{name}' is named twice; name it once"));
        }
    }
}

/// RFC 9110's token, in lower case.
fn is_lower_case_token(name: &str) -> bool {
    let sound =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(sound)
}

/// The operator's names for topics that the plugin does not have would never be used: a mistake in one of them.
fn topic_mapping(draft: &Draft, operator: &PluginConfig, problems: &mut Problems) {
    let declared: Vec<&String> = draft.routes.iter().flat_map(|route| &route.topics).collect();
    for (from, to) in &operator.topics {
        if !declared.contains(&from) {
            let have: Vec<&str> = declared.iter().map(|topic| topic.as_str()).collect();
            problems.note(format!(
                "[plugin.{}.topics] names '{from}', which is no topic of it; it has {}",
                draft.name,
                have.join(", ")
            ));
        }
        if let Err(why) = check_topic(to) {
            problems.note(format!("[plugin.{}.topics] maps '{from}' to {to:?}: {why}", draft.name));
        }
    }
}

fn serve(draft: Draft, operator: &PluginConfig, settings: BTreeMap<String, String>) -> Checked {
    let mut routes = Vec::with_capacity(draft.routes.len());
    let mut examples = Vec::with_capacity(draft.routes.len());
    for route in draft.routes {
        let real = |topic: String| operator.topics.get(&topic).map_or(topic.as_str(), String::as_str).into();
        let topics: Vec<Arc<str>> = route.topics.into_iter().map(real).collect();
        routes.push(Route {
            policy: operator.policy(&route.path),
            path: route.path,
            input: route.input,
            title: route.title,
            id_field: Some(route.id_field).filter(|field| !field.is_empty()),
            dead_letters: topics.first().map(|usual| dead_letters_of(usual)).unwrap_or_default().into(),
            topics,
            summary: route.summary,
            schema: route.schema,
            examples: route.examples.iter().map(shown).collect(),
        });
        examples.push(route.examples);
    }
    let manifest = Manifest {
        name: draft.name,
        version: draft.version,
        description: draft.description,
        routes,
        instruments: draft.instruments,
        request_headers: draft.request_headers,
    };
    Checked { manifest, settings, declared: draft.settings, examples }
}

fn shown(example: &Example) -> RouteExample {
    RouteExample { name: example.name.clone(), body: example.body.bytes() }
}

#[cfg(test)]
mod tests;
