use super::Problems;
use crate::plugin::draft::{Draft, DraftRoute, Example, ExampleBody, Expectation};
use crate::record::{Input, check_topic};
use std::collections::BTreeSet;

/// Each is a value of the label `route`; a plugin of more record types than this is several plugins.
const ROUTES_MAX: usize = 64;
/// It is the value of that label, and series are dropped whose labels are longer.
const PATH_BYTES_MAX: usize = 256;
/// Each is a log of its own with files that are open.
const TOPICS_MAX: usize = 32;
/// Compared one by one with that of each request.
const CONTENT_TYPES_MAX: usize = 16;
/// The title stands in every answer.
const TITLE_BYTES_MAX: usize = 100;
/// It is the name of a member of every answer.
const ID_FIELD_BYTES_MAX: usize = 64;
/// One sentence in the API documentation.
const SUMMARY_BYTES_MAX: usize = 500;
/// A schema is read by people and served whole with `/openapi.json`.
const SCHEMA_BYTES_MAX: usize = 256 << 10;
/// All are run at each load.
const EXAMPLES_MAX: usize = 64;
/// It stands in the sentence that tells why a load failed.
const EXAMPLE_NAME_BYTES_MAX: usize = 100;
/// All are kept as long as the plugin serves, for the API documentation.
const EXAMPLE_BYTES_MAX: usize = 64 << 10;

/// The gateway's own paths, on which no plugin may serve.
const OWN_PATHS: [&str; 4] = ["/health", "/openapi.json", "/asyncapi.json", "/docs"];
const OWN_PREFIXES: [&str; 2] = ["/-/", "/docs/"];

/// What an answer's own members are called.
const OWN_MEMBERS: [&str; 4] = ["message", "record_id", "status", "warnings"];

pub(super) fn check(draft: &Draft, problems: &mut Problems) {
    if draft.routes.is_empty() {
        problems.note("it has no route; declare at least one".to_owned());
    }
    problems.at_most("routes", draft.routes.len(), ROUTES_MAX);
    let mut paths = BTreeSet::new();
    for route in &draft.routes {
        if let Err(why) = check_path(&route.path) {
            problems.note(format!("route {:?}: {why}", route.path));
        }
        if !paths.insert(route.path.trim_end_matches('/')) {
            problems.note(format!("route {:?} is there twice; declare it once", route.path));
        }
        check_texts(route, problems);
        check_topics(route, problems);
        check_input(route, problems);
        check_examples(draft, route, problems);
    }
}

fn check_path(path: &str) -> Result<(), String> {
    let Some(inner) = path.strip_prefix('/') else {
        return Err("it is not absolute; begin it with '/'".to_owned());
    };
    if path.len() > PATH_BYTES_MAX {
        return Err(format!("it has {} bytes; at most {PATH_BYTES_MAX} are taken", path.len()));
    }
    let below = format!("{path}/");
    if OWN_PATHS.contains(&path.trim_end_matches('/'))
        || OWN_PREFIXES.iter().any(|prefix| below.starts_with(prefix))
    {
        return Err("it is a path of the gateway's own; take another".to_owned());
    }
    let mut names = BTreeSet::new();
    let segments = inner.strip_suffix('/').unwrap_or(inner);
    for segment in segments.split('/').filter(|_| !segments.is_empty()) {
        check_segment(segment)?;
        if segment.starts_with('{') && !names.insert(segment) {
            return Err(format!("{segment} is in it twice; name each parameter differently"));
        }
    }
    Ok(())
}

fn check_segment(segment: &str) -> Result<(), String> {
    if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let sound = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        return if sound {
            Ok(())
        } else {
            Err(format!("{segment:?} is no parameter; name it by letters, digits and '_'"))
        };
    }
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;=:@%".contains(&byte);
    if segment.is_empty() || segment == "." || segment == ".." || !segment.bytes().all(sound) {
        return Err(format!("{segment:?} is no segment of a path; a parameter is a whole segment, {{name}}"));
    }
    Ok(())
}

fn check_texts(route: &DraftRoute, problems: &mut Problems) {
    let path = &route.path;
    if route.title.is_empty() || route.title.chars().any(char::is_control) {
        problems.note(format!("route {path:?} has the title {:?}; say what one record is", route.title));
    }
    problems.no_longer(&format!("the title of route {path:?}"), &route.title, TITLE_BYTES_MAX);
    problems.no_longer(&format!("the summary of route {path:?}"), &route.summary, SUMMARY_BYTES_MAX);
    problems.no_longer(&format!("the schema of route {path:?}"), &route.schema, SCHEMA_BYTES_MAX);
    problems.no_longer(&format!("the id field of route {path:?}"), &route.id_field, ID_FIELD_BYTES_MAX);
    if OWN_MEMBERS.contains(&route.id_field.as_str()) || route.id_field.chars().any(char::is_control) {
        problems.note(format!(
            "route {path:?} has the id field {:?}, a name that answers use for themselves; take another",
            route.id_field
        ));
    }
    if route.schema.is_empty() {
        return;
    }
    match serde_json::from_str::<serde_json::Value>(&route.schema) {
        Ok(schema) if schema.is_object() || schema.is_boolean() => {}
        Ok(_) => {
            problems.note(format!("the schema of route {path:?} is JSON, but neither object nor boolean"))
        }
        Err(error) => problems.note(format!("the schema of route {path:?} is not JSON: {error}")),
    }
}

fn check_topics(route: &DraftRoute, problems: &mut Problems) {
    let path = &route.path;
    if route.topics.is_empty() {
        problems.note(format!("route {path:?} has no topic; name at least one"));
    }
    problems.at_most(&format!("topics of route {path:?}"), route.topics.len(), TOPICS_MAX);
    for topic in &route.topics {
        if let Err(why) = check_topic(topic) {
            problems.note(format!("topic {topic:?} of route {path:?}: {why}"));
        }
    }
}

fn check_input(route: &DraftRoute, problems: &mut Problems) {
    let path = &route.path;
    let (Input::Lines(types) | Input::Whole(types)) = &route.input else { return };
    if types.is_empty() {
        problems.note(format!("route {path:?} takes no content type; name at least one"));
    }
    problems.at_most(&format!("content types of route {path:?}"), types.len(), CONTENT_TYPES_MAX);
    for kind in types.iter().filter(|kind| !is_content_type(kind)) {
        problems
            .note(format!("content type {kind:?} of route {path:?}: give it as type/subtype, lower case"));
    }
}

fn is_content_type(text: &str) -> bool {
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$&-^_.+".contains(&byte)
            })
    };
    text.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub))
}

fn check_examples(draft: &Draft, route: &DraftRoute, problems: &mut Problems) {
    let path = &route.path;
    problems.at_most(&format!("examples of route {path:?}"), route.examples.len(), EXAMPLES_MAX);
    let mut names = BTreeSet::new();
    for example in &route.examples {
        let what = format!("example {:?} of route {path:?}", example.name);
        if example.name.is_empty() || example.name.len() > EXAMPLE_NAME_BYTES_MAX {
            problems.note(format!("{what}: give it a name of at most {EXAMPLE_NAME_BYTES_MAX} bytes"));
        } else if !names.insert(&example.name) {
            problems.note(format!("{what}: the name is there twice; name each differently"));
        }
        check_example(draft, route, example, &what, problems);
    }
}

fn check_example(draft: &Draft, route: &DraftRoute, example: &Example, what: &str, problems: &mut Problems) {
    if example.body.bytes().len() > EXAMPLE_BYTES_MAX {
        problems.note(format!("{what}: its body has more than {EXAMPLE_BYTES_MAX} bytes"));
    }
    if matches!(example.body, ExampleBody::Bytes(_)) && !matches!(route.input, Input::Whole(_)) {
        problems.note(format!("{what}: its body is bytes, and the route takes text"));
    }
    if let Expectation::Reject(codes) = &example.expect
        && codes.is_empty()
    {
        problems.note(format!("{what}: it expects to be rejected without a code; name the codes"));
    }
    for (name, _) in &example.parameters {
        if !route.path.split('/').any(|segment| segment == format!("{{{name}}}")) {
            problems.note(format!("{what}: the path has no parameter {name:?}"));
        }
    }
    for (name, _) in example.headers.iter().filter(|(name, _)| !draft.request_headers.contains(name)) {
        problems.note(format!("{what}: header {name:?} is not among the plugin's request headers"));
    }
    for (key, _) in &example.settings {
        if !draft.settings.iter().any(|setting| setting.key == *key) {
            problems.note(format!("{what}: the plugin has no setting {key:?}"));
        }
    }
}
