//! What `#[derive(Record)]` makes of a struct: reading, rules, defaults, and the schema.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluicegate_sdk::json::{self, Raw};
use sluicegate_sdk::prelude::*;
use sluicegate_sdk::{Field, Violations};

/// An order.
///
/// Of several lines.
#[derive(Record, Debug, PartialEq)]
struct Order<'a> {
    /// Its number.
    #[field(id, key, min = 1, max = 9_999)]
    number: i64,
    #[field(rename = "type", one_of("retail", "trade"))]
    kind: Cow<'a, str>,
    #[field(min_len = 1, max_len = 2)]
    lines: Vec<Line>,
    #[field(default)]
    express: bool,
    state: Option<State>,
    #[field(default)]
    labels: BTreeMap<String, String>,
    #[field(below = 1)]
    discount: Option<f64>,
    #[field(min_len = 2)]
    note: Option<String>,
    day: Option<Date>,
    extra: Option<Raw<'a>>,
}

#[derive(Record, Debug, PartialEq)]
struct Line {
    #[field(above = 0)]
    pieces: u16,
}

#[derive(Record, Debug, PartialEq)]
enum State {
    New,
    InDelivery,
    #[field(rename = "DONE")]
    Done,
}

fn read(text: &str) -> Result<Order<'_>, Vec<(String, String)>> {
    let faults = |violations: Violations| {
        violations.into_vec().into_iter().map(|violation| (violation.pointer, violation.code)).collect()
    };
    json::read(text).map_err(faults)
}

fn faults(text: &str) -> Vec<(String, String)> {
    read(text).expect_err("something is wrong with it")
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(pointer, code)| (pointer.to_string(), code.to_string())).collect()
}

#[test]
fn a_full_record_fills_its_struct() {
    let order = read(
        r#"{"number": "7", "type": "trade", "lines": [{"pieces": 2.0}, {"pieces": 3, "unknown": [{}]}], "express": "yes",
            "state": "in_delivery", "labels": {"a": "b"}, "discount": 0.5, "note": "caf\u00e9", "day": "2026-03-14",
            "extra": {"any": [1, 2]} }"#,
    );
    let order = order.expect("nothing is wrong with it");
    assert_eq!((order.number, &*order.kind, order.express), (7, "trade", true));
    assert_eq!(order.lines, [Line { pieces: 2 }, Line { pieces: 3 }]);
    assert_eq!((order.state, order.discount), (Some(State::InDelivery), Some(0.5)));
    assert_eq!(order.labels, BTreeMap::from([("a".to_owned(), "b".to_owned())]));
    assert_eq!((order.note.as_deref(), order.extra), (Some("café"), Some(Raw(r#"{"any": [1, 2]}"#))));
}

#[test]
fn what_may_be_absent_has_its_default() {
    let order = read(r#"{"number": 1, "type": "retail", "lines": [{"pieces": 1}], "state": null}"#);
    let order = order.expect("nothing is wrong with it");
    assert_eq!((order.express, order.state, order.labels.len(), order.note), (false, None, 0, None));
}

#[test]
fn each_rule_has_its_code_and_all_that_are_broken_are_told() {
    let told = faults(
        r#"{"number": 0, "type": "gift", "lines": [], "discount": 1, "note": "x", "state": "lost", "express": null}"#,
    );
    let expected = [
        ("/number", "greater_than_equal"),
        ("/type", "literal_error"),
        ("/lines", "too_short"),
        ("/discount", "less_than"),
        ("/note", "string_too_short"),
        ("/state", "enum"),
        ("/express", "bool_type"),
    ];
    assert_eq!(told, pairs(&expected));
    let told = faults(
        r#"{"number": 10000, "type": "retail", "lines": [{"pieces": 1}, {"pieces": 0}, {}, 3, null]}"#,
    );
    let expected = [
        ("/number", "less_than_equal"),
        ("/lines/1/pieces", "greater_than"),
        ("/lines/2/pieces", "missing"),
        ("/lines/3", "model_type"),
        ("/lines/4", "model_type"),
    ];
    assert_eq!(told, pairs(&expected));
}

#[test]
fn a_whole_number_that_does_not_fit_is_out_of_range() {
    let order =
        |pieces: &str| format!(r#"{{"number": 1, "type": "retail", "lines": [{{"pieces": {pieces}}}]}}"#);
    assert!(read(&order("65535")).is_ok());
    assert_eq!(faults(&order("65536")), pairs(&[("/lines/0/pieces", "less_than_equal")]));
    assert_eq!(faults(&order("-1")), pairs(&[("/lines/0/pieces", "greater_than_equal")]));
}

#[test]
fn of_a_name_given_twice_only_the_last_value_is_judged_however_deep() {
    let text = |labels: &str, lines: &str| {
        format!(
            r#"{{"number": 1, "type": "retail", "lines": [{{"pieces": "x"}}], "lines": {lines}, "labels": {labels}}}"#
        )
    };
    assert!(read(&text(r#"{"a": 1, "a": "b"}"#, r#"[{"pieces": 0, "pieces": 1}]"#)).is_ok());
    assert_eq!(
        faults(&text(r#"{"a": "b", "a": 1}"#, r#"[{"pieces": 1, "pieces": 0}]"#)),
        pairs(&[("/lines/0/pieces", "greater_than"), ("/labels/a", "string_type")])
    );
}

#[test]
fn a_text_cut_anywhere_is_not_json_and_nothing_else() {
    let whole =
        r#"{"number": 0, "type": "gift", "lines": [{"pieces": "x"}], "labels": {"a": 1}, "extra": "\u00e9"}"#;
    for end in 0..whole.len() {
        assert_eq!(faults(&whole[..end]), pairs(&[("", "json_invalid")]), "{}", &whole[..end]);
    }
}

#[test]
fn no_more_than_a_hundred_faults_are_told_and_that_there_are_more() {
    let lines = |count: usize| vec!["0"; count].join(",");
    let told =
        |count: usize| faults(&format!(r#"{{"number": 1, "type": "retail", "lines": [{}]}}"#, lines(count)));
    assert_eq!(told(100).len(), 100);
    let more = told(100_000);
    assert_eq!(more.len(), 101);
    assert_eq!(more[100], (String::new(), "too_many_violations".to_owned()));
    let replaced =
        format!(r#"{{"lines": [{}], "lines": [{{"pieces": 1}}], "number": 1, "type": "gift"}}"#, lines(101));
    assert_eq!(faults(&replaced), pairs(&[("/type", "literal_error"), ("", "too_many_violations")]));
}

#[test]
fn the_schema_is_json_and_tells_types_rules_and_descriptions() {
    let schema: Value =
        serde_json::from_str(&<Order<'_> as Field<'_>>::schema().to_json()).expect("the schema is JSON");
    let line = json!({"type": "object", "properties": {"pieces": {"type": "integer", "minimum": 0, "maximum": 65535, "exclusiveMinimum": 0}}, "required": ["pieces"]});
    let expected = json!({
        "type": "object",
        "description": "An order.\n\nOf several lines.",
        "required": ["number", "type", "lines"],
        "properties": {
            "number": {"type": "integer", "description": "Its number.", "minimum": 1, "maximum": 9999},
            "type": {"type": "string", "enum": ["retail", "trade"]},
            "lines": {"type": "array", "items": line, "minItems": 1, "maxItems": 2},
            "express": {"type": "boolean"},
            "state": {"type": ["string", "null"], "enum": ["new", "in_delivery", "DONE", null]},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "discount": {"type": ["number", "null"], "exclusiveMaximum": 1},
            "note": {"type": ["string", "null"], "minLength": 2},
            "day": {"type": ["string", "null"], "format": "date"},
            "extra": {},
        },
    });
    assert_eq!(schema, expected);
}

/// What a text has to look like.
#[derive(Record, Debug)]
struct Coded<'a> {
    #[field(pattern = "^[A-Z]{3}$")]
    currency: Cow<'a, str>,
    #[field(pattern = "[0-9]")]
    hint: Option<String>,
    #[field(check = even)]
    pieces: i64,
}

fn even(pieces: &i64) -> Result<(), (&'static str, &'static str)> {
    if pieces % 2 == 0 { Ok(()) } else { Err(("odd", "must be even")) }
}

#[test]
fn a_pattern_and_a_check_of_the_plugins_own_are_rules_like_any_other() {
    let coded = |text| Body::Text(text).json::<Coded<'_>>();
    let good = coded(r#"{"currency": "EUR", "hint": "a1b", "pieces": 2}"#).unwrap();
    assert_eq!((&*good.currency, good.hint.as_deref(), good.pieces), ("EUR", Some("a1b"), 2));
    assert!(coded(r#"{"currency": "EUR", "hint": null, "pieces": 0}"#).is_ok());
    let wrong: Violations = coded(r#"{"currency": "EUR\n", "hint": "none", "pieces": 3}"#).unwrap_err();
    let told: Vec<_> = wrong.iter().map(|one| (&*one.pointer, &*one.code, &*one.message)).collect();
    assert_eq!(
        told,
        [
            ("/currency", "string_pattern_mismatch", "must match the pattern ^[A-Z]{3}$"),
            ("/hint", "string_pattern_mismatch", "must match the pattern [0-9]"),
            ("/pieces", "odd", "must be even"),
        ]
    );
    assert_eq!(wrong[0].parameters, [("pattern".to_owned(), "^[A-Z]{3}$".to_owned())]);
    assert!(wrong[2].parameters.is_empty());
    let schema: Value = serde_json::from_str(&<Coded<'_> as Record<'_>>::schema()).unwrap();
    assert_eq!(schema["properties"]["currency"]["pattern"], "^[A-Z]{3}$");
}

/// Who may be written to.
#[derive(Record, Debug)]
struct Contact {
    #[field(format = "email")]
    email: String,
    #[field(format = "uuid")]
    customer: Option<String>,
    #[field(format = "uri", max_len = 20)]
    page: Option<String>,
}

#[test]
fn a_format_is_a_rule_with_its_own_code_and_stands_in_the_schema() {
    let contact = |text| Body::Text(text).json::<Contact>();
    let good = contact(r#"{"email": "a@example.org", "page": "https://a.b/c"}"#).unwrap();
    assert_eq!(
        (&*good.email, good.customer, good.page.as_deref()),
        ("a@example.org", None, Some("https://a.b/c"))
    );
    let wrong: Violations = contact(r#"{"email": "a", "customer": "7", "page": "/a"}"#).unwrap_err();
    let told: Vec<_> = wrong.iter().map(|one| (&*one.pointer, &*one.code, &*one.message)).collect();
    assert_eq!(
        told,
        [
            ("/email", "value_error", "must be an e-mail address"),
            ("/customer", "uuid_parsing", "must be a UUID"),
            ("/page", "url_parsing", "must be a URI with its scheme, such as https://example.org/a"),
        ]
    );
    assert_eq!(wrong[0].parameters, [("format".to_owned(), "email".to_owned())]);
    let schema: Value = serde_json::from_str(&<Contact as Record<'_>>::schema()).unwrap();
    let formats = ["email", "customer", "page"].map(|name| schema["properties"][name]["format"].clone());
    assert_eq!(formats, ["email", "uuid", "uri"]);
}

/// What is taken as it is, and what is converted.
#[derive(Record, Debug)]
#[allow(dead_code)]
struct Mixed {
    #[field(strict)]
    exact: f64,
    #[field(strict)]
    list: Vec<i64>,
    #[field(strict)]
    nested: Option<Lax>,
    free: f64,
}

#[derive(Record, Debug)]
#[allow(dead_code)]
struct Lax {
    number: f64,
}

/// Everything is taken as it is.
#[derive(Record, Debug)]
#[record(strict)]
#[allow(dead_code)]
struct Strict {
    float: Option<f64>,
    whole: Option<i64>,
    small: Option<u8>,
    flag: Option<bool>,
    moment: Option<DateTime>,
    day: Option<Date>,
    nested: Option<Lax>,
}

#[test]
fn what_is_strict_is_not_converted_and_what_lies_beside_or_within_it_is() {
    let mixed = |text| {
        let read = Body::Text(text).json::<Mixed>();
        read.map(drop).map_err(|wrong| {
            wrong.iter().map(|one| (one.pointer.clone(), one.code.clone())).collect::<Vec<_>>()
        })
    };
    assert_eq!(mixed(r#"{"exact": 1, "list": [1, 2], "nested": {"number": "1"}, "free": "1"}"#), Ok(()));
    assert_eq!(
        mixed(r#"{"free": true, "exact": "1", "list": [1, "2", 3.0], "nested": {"number": "x"}}"#),
        Err(pairs(&[
            ("/exact", "float_type"),
            ("/list/1", "int_type"),
            ("/list/2", "int_type"),
            ("/nested/number", "float_parsing"),
        ]))
    );
}

/// As Pydantic 2 judges the same values with `strict=True`.
#[test]
fn strict_values_are_judged_as_pydantic_does() {
    let codes = |member: &str, value: &str| {
        let text = format!(r#"{{"{member}": {value}}}"#);
        let read = Body::Text(&text).json::<Strict>();
        read.err().map_or("well".to_owned(), |wrong| wrong[0].code.clone())
    };
    let values =
        ["1", "1.0", "1.5", "true", r#""1""#, r#""x""#, r#""2026-01-01""#, r#""2026-01-01T00:00:00Z""#, "[]"];
    let table: [(&str, [&str; 9]); 6] = [
        (
            "float",
            [
                "well",
                "well",
                "well",
                "float_type",
                "float_type",
                "float_type",
                "float_type",
                "float_type",
                "float_type",
            ],
        ),
        (
            "whole",
            [
                "well", "int_type", "int_type", "int_type", "int_type", "int_type", "int_type", "int_type",
                "int_type",
            ],
        ),
        (
            "small",
            [
                "well", "int_type", "int_type", "int_type", "int_type", "int_type", "int_type", "int_type",
                "int_type",
            ],
        ),
        (
            "flag",
            [
                "bool_type",
                "bool_type",
                "bool_type",
                "well",
                "bool_type",
                "bool_type",
                "bool_type",
                "bool_type",
                "bool_type",
            ],
        ),
        (
            "moment",
            [
                "datetime_type",
                "datetime_type",
                "datetime_type",
                "datetime_type",
                "well",
                "datetime_parsing",
                "datetime_parsing",
                "well",
                "datetime_type",
            ],
        ),
        (
            "day",
            [
                "date_type",
                "date_type",
                "date_type",
                "date_type",
                "date_parsing",
                "date_parsing",
                "well",
                "date_parsing",
                "date_type",
            ],
        ),
    ];
    for (member, expected) in table {
        for (value, expected) in values.iter().zip(expected) {
            assert_eq!(codes(member, value), expected, "{member} {value}");
        }
    }
    for (text, expected) in [
        ("86400", "well"),
        ("-86400", "well"),
        ("+0", "well"),
        ("1654646400000", "well"),
        ("86401", "date_parsing"),
        ("86400.0", "date_parsing"),
        ("0.0e-00001", "date_parsing"),
    ] {
        assert_eq!(codes("day", &format!("\"{text}\"")), expected, "{text}");
    }
    assert_eq!(codes("moment", "\"1.5e-00001\""), "well");
    assert_eq!(codes("nested", r#"{"number": "1"}"#), "well");
    assert_eq!(codes("whole", "99999999999999999999"), "int_parsing_size");
    assert_eq!(codes("small", "256"), "less_than_equal");
}

macro_rules! of_a_macro {
    ($name:ident, $kind:ident, $least:expr) => {
        #[derive(Record)]
        struct $name {
            #[field(strict, min = $least, check = even)]
            number: $kind,
        }
    };
}

of_a_macro!(Numbered, i64, 2);

#[test]
fn a_macro_of_the_plugins_own_may_write_a_record() {
    let read = |text| Body::Text(text).json::<Numbered>().map(|numbered| numbered.number);
    assert_eq!(read(r#"{"number": 4}"#), Ok(4));
    assert_eq!(read(r#"{"number": 0}"#).unwrap_err()[0].code, "greater_than_equal");
}
