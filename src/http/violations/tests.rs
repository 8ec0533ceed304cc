use super::*;
use crate::plugin::RoutePolicy;
use crate::record::Input;
use crate::verdict::Accepted;

const SCHEMA: &str = r##"{
    "type": "object",
    "properties": {
        "amount": {"type": "number"},
        "a/b~c": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": "boolean"}},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}}
    },
    "$defs": {"Part": {"properties": {"name": {"type": "string"}}}}
}"##;

fn route(schema: &str) -> Route {
    Route {
        path: "/claims/".into(),
        input: Input::Json,
        title: "Claim".into(),
        id_field: None,
        topics: vec!["claims".into()],
        dead_letters: "claims.dead-letter".into(),
        policy: RoutePolicy::default(),
        summary: String::new(),
        schema: schema.into(),
        examples: vec![],
    }
}

fn rejected(number: u128, pointers: &[&str]) -> (RecordId, Outcome) {
    let violation = |pointer: &&str| Violation {
        pointer: (*pointer).into(),
        code: "wrong".into(),
        message: "\"4111111111111111\" is not a number".into(),
        parameters: vec![("given".into(), "4111111111111111".into())],
    };
    let violations: Vec<Violation> = pointers.iter().map(violation).collect();
    (RecordId { ulid: number, part: None }, Outcome::Rejected(violations.into()))
}

fn accepted() -> (RecordId, Outcome) {
    (RecordId { ulid: 0, part: None }, Outcome::Committed(Accepted::default()))
}

fn memory(shown: ViolationsShown, kept: usize) -> Violations {
    Violations::new(ViolationsConfig { shown, kept })
}

fn pointers(violations: &Violations) -> Vec<String> {
    violations.recent().iter().rev().map(|noted| noted.pointer.clone()).collect()
}

#[test]
fn by_default_nothing_of_a_record_is_kept_but_the_places_that_its_schema_names() {
    let violations = memory(ViolationsShown::Codes, 100);
    let told = ["", "/amount", "/labels/4111111111111111", "/parts/17/name", "/a~1b~0c", "/secret/amount"];
    violations.note_on("digest", &route(SCHEMA), 7, &[accepted(), rejected(3, &told)]);
    assert_eq!(pointers(&violations), ["", "/amount", "/labels/*", "/parts/*/name", "/a~1b~0c", "/*/amount"]);
    let newest = &violations.recent()[0];
    assert_eq!((newest.number, newest.at_ms, newest.record_id.ulid), (6, 7, 3));
    assert_eq!((newest.route.as_str(), newest.code.as_str(), &newest.message), ("/claims/", "wrong", &None));
    assert!(!format!("{violations:?}").contains("4111"));
}

#[test]
fn what_the_operator_wants_to_see_is_what_the_producer_was_told_cut_to_a_line() {
    let violations = memory(ViolationsShown::Full, 100);
    let long = format!("/labels/{}", "ä".repeat(1_000));
    violations.note_on("digest", &route(SCHEMA), 7, &[rejected(3, &["/labels/4111", &long])]);
    let recent = violations.recent();
    assert_eq!(recent[1].pointer, "/labels/4111");
    assert_eq!(recent[1].message.as_deref(), Some("\"4111111111111111\" is not a number"));
    assert_eq!(recent[0].pointer, format!("/labels/{}…", "ä".repeat(146)));
}

#[test]
fn switched_off_it_keeps_nothing() {
    let violations = memory(ViolationsShown::Off, 100);
    assert_eq!(violations.shown().as_str(), "off");
    assert!(violations.recent().is_empty());
}

#[test]
fn the_oldest_goes_for_one_more_and_no_request_takes_the_place_of_all() {
    let violations = memory(ViolationsShown::Codes, 15);
    let many: Vec<&str> = vec!["/amount"; 8];
    let batch: Vec<_> = (0..1_000).map(|number| rejected(number, &many)).collect();
    violations.note_on("digest", &route(SCHEMA), 1, &batch);
    assert_eq!(violations.recent().len(), REQUEST_MAX);
    violations.note_on("digest", &route(SCHEMA), 2, &batch);
    let recent = violations.recent();
    assert_eq!(recent.len(), 15);
    assert_eq!((recent[0].number, recent[0].at_ms), (20, 2));
    assert_eq!((recent[14].number, recent[14].at_ms), (6, 1));
}

#[test]
fn a_schema_that_is_none_or_too_large_names_no_field() {
    let large =
        format!(r#"{{"properties":{{"amount":{{}}}},"description":"{}"}}"#, "x".repeat(SCHEMA_BYTES_MAX));
    for schema in ["", "no schema", &large] {
        let violations = memory(ViolationsShown::Codes, 10);
        violations.note_on("digest", &route(schema), 1, &[rejected(1, &["/amount", "/source"])]);
        assert_eq!(pointers(&violations), ["/*", "/source"]);
    }
}

#[test]
fn another_version_of_a_plugin_has_fields_of_its_own() {
    let violations = memory(ViolationsShown::Codes, 10);
    violations.note_on("one", &route(r#"{"properties":{"amount":{}}}"#), 1, &[rejected(1, &["/amount"])]);
    violations.note_on("two", &route(r#"{"properties":{"sum":{}}}"#), 1, &[rejected(1, &["/amount"])]);
    assert_eq!(pointers(&violations), ["/amount", "/*"]);
    for number in 0..2 * ROUTES_MAX {
        violations.note_on(&number.to_string(), &route(SCHEMA), 1, &[rejected(1, &["/amount"])]);
    }
    assert!(violations.state.lock().fields.len() <= ROUTES_MAX);
}
