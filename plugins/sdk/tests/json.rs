//! The reader beside serde_json: the same texts are JSON to both, and mean the same.

use std::borrow::Cow;

use serde_json::{Map, Value};
use sluicegate_sdk::json::{self, Reader, Stop};
use sluicegate_sdk::lax::Input;
use sluicegate_sdk::{At, Field, Schema};

/// Any JSON value, read as typed fields are.
struct Any(Value);

impl<'a> Field<'a> for Any {
    fn read(reader: &mut Reader<'a>, at: &At<'_>) -> Result<Self, Stop> {
        if reader.starts_object() {
            reader.object(at, "model_type")?;
            let (mut first, mut members) = (true, Map::new());
            while let Some(key) = reader.member(&mut first)? {
                members.insert(Cow::into_owned(key), Any::read(reader, at)?.0);
            }
            return Ok(Any(Value::Object(members)));
        }
        if reader.starts_array() {
            return Vec::<Any>::read(reader, at).map(|all| Any(all.into_iter().map(|any| any.0).collect()));
        }
        Ok(Any(match reader.input()? {
            Input::Null => Value::Null,
            Input::Bool(flag) => flag.into(),
            Input::Number(raw) => Value::Number(raw.parse().expect("JSON's numbers are serde_json's")),
            Input::Text(text) => text.into_owned().into(),
            Input::Array | Input::Object => unreachable!("these begin with a bracket"),
        }))
    }

    fn schema() -> Schema {
        Schema::default()
    }
}

/// Any JSON value, read past.
struct Skipped;

impl<'a> Field<'a> for Skipped {
    fn read(reader: &mut Reader<'a>, _at: &At<'_>) -> Result<Self, Stop> {
        reader.skip().map(|()| Skipped)
    }

    fn schema() -> Schema {
        Schema::default()
    }
}

fn compare(text: &str) {
    let theirs = serde_json::from_str::<Value>(text);
    let ours = json::read::<Any>(text);
    let skipped = json::read::<Skipped>(text);
    match (&theirs, &ours) {
        (Ok(theirs), Ok(ours)) => assert_eq!(theirs, &ours.0, "of {text:?}"),
        (Err(_), Err(ours)) => assert_eq!(ours[0].code, "json_invalid"),
        (Ok(_), Err(ours)) => panic!("serde_json takes {text:?}, we say: {}", ours[0].message),
        (Err(theirs), Ok(_)) => panic!("we take {text:?}, serde_json says: {theirs}"),
    }
    assert_eq!(skipped.is_ok(), ours.is_ok(), "reading past {text:?} differs from reading it");
}

/// xorshift: the same texts in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    fn pick<'p>(&mut self, from: &[&'p str]) -> &'p str {
        from[self.below(from.len())]
    }
}

const SCALARS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1.5",
    "1e5",
    "1E+5",
    "2.5e-300",
    "1e400",
    "12345678901234567890123",
    "\"\"",
    "\"plain\"",
    "\"a rather long text without any escape in it\"",
    "\"eight___\"",
    "\"é𝄞漢字漢字漢字\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0041\\u00e9\\ud834\\udd1e\"",
    "\"before the escape \\n and after it\"",
];
const BLANKS: &[&str] = &["", "", "", " ", "\n", "\t \r\n"];
const WRONG: &[&str] = &[
    "nul",
    "tru",
    "NaN",
    "Infinity",
    "-",
    "01",
    "1.",
    ".5",
    "1e",
    "1e+",
    "+1",
    "0x1",
    "\"open",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\ud834\"",
    "\"\\udd1e\"",
    "\"\\ud834\\u0041\"",
    "\"\u{1}\"",
    "\"\t\"",
    "'single'",
    ",",
    ":",
    "{",
    "[",
    "]",
    "}",
    "\u{feff}",
    "\u{a0}",
    "\u{c}",
    "/**/",
    "\0",
];

fn value(dice: &mut Dice, depth: usize, text: &mut String) {
    text.push_str(dice.pick(BLANKS));
    match dice.below(if depth == 0 { 6 } else { 10 }) {
        0..6 => text.push_str(dice.pick(SCALARS)),
        kind => {
            let (open, close) = if kind < 8 { ('[', ']') } else { ('{', '}') };
            text.push(open);
            for number in 0..dice.below(4) {
                if number > 0 {
                    text.push(',');
                }
                if open == '{' {
                    text.push_str(dice.pick(BLANKS));
                    text.push_str(dice.pick(&["\"a\"", "\"b\"", "\"\\u0061\"", "\"\"", "\"a longer key\""]));
                    text.push_str(dice.pick(BLANKS));
                    text.push(':');
                }
                value(dice, depth - 1, text);
            }
            text.push_str(dice.pick(BLANKS));
            text.push(close);
        }
    }
    text.push_str(dice.pick(BLANKS));
}

/// Spoils a text, most often so that it is JSON no more.
fn spoil(dice: &mut Dice, text: &mut String) {
    let places: Vec<_> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let at = places[dice.below(places.len())];
    match dice.below(4) {
        0 if at < text.len() => drop(text.remove(at)),
        1 => text.truncate(at),
        2 => text.insert_str(at, dice.pick(SCALARS)),
        _ => text.insert_str(at, dice.pick(WRONG)),
    }
}

#[test]
fn whatever_is_json_to_serde_json_is_json_to_us_and_means_the_same() {
    let mut dice = Dice(0x51D3);
    for _ in 0..60_000 {
        let mut text = String::new();
        value(&mut dice, 6, &mut text);
        compare(&text);
        for _ in 0..=dice.below(2) {
            spoil(&mut dice, &mut text);
            compare(&text);
        }
    }
}

#[test]
fn every_short_text_of_the_characters_that_matter_is_taken_as_serde_json_takes_it() {
    const CHARACTERS: &[u8] = b"[]{}:,\"\\u0-.eE1 n\x01";
    fn extend(text: &mut String, left: usize) {
        compare(text);
        if left > 0 {
            for &byte in CHARACTERS {
                text.push(char::from(byte));
                extend(text, left - 1);
                text.pop();
            }
        }
    }
    extend(&mut String::new(), 4);
}

#[test]
fn a_string_may_end_or_be_interrupted_at_any_byte_of_a_word() {
    for length in 0..40 {
        for interruption in ["\"", "\\", "\\n", "\u{1f}", "\u{7f}", "é", "\u{1f980}"] {
            for at in 0..=length {
                let text = format!("\"{}{interruption}{}\"", "x".repeat(at), "y".repeat(length - at));
                compare(&text);
            }
        }
    }
}

#[test]
fn two_hundred_containers_may_lie_within_each_other_and_empty_ones_do_not_count() {
    let nested = |depth: usize, inner: &str| format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth));
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let taken = |text: &str| (json::read::<Any>(text).is_ok(), json::read::<Skipped>(text).is_ok());
    assert_eq!(taken(&nested(200, "1")), (true, true));
    assert_eq!(taken(&nested(201, "")), (true, true));
    assert_eq!(taken(&nested(200, "{}")), (true, true));
    assert_eq!(taken(&objects(200)), (true, true));
    assert_eq!(taken(&nested(201, "1")), (false, false));
    assert_eq!(taken(&nested(202, "")), (false, false));
    assert_eq!(taken(&objects(201)), (false, false));
    assert_eq!(taken(&"[".repeat(1_000_000)), (false, false));
}

#[test]
fn an_integer_part_may_have_4300_digits() {
    let taken = |text: &str| json::read::<Skipped>(text).is_ok();
    let (most, more) = ("1".repeat(4_300), "1".repeat(4_301));
    assert!(taken(&most) && taken(&format!("-{most}")));
    assert!(!taken(&more) && !taken(&format!("-{more}")));
    assert!(taken(&format!("0.{}", "1".repeat(10_000))));
}

#[test]
fn what_is_not_json_is_told_with_its_reason_and_its_place() {
    let message =
        |text: &str| json::read::<Any>(text).map(|_| ()).expect_err("is not JSON")[0].message.clone();
    assert_eq!(message("{\"a\" 1}"), "is not JSON: `:` is wanted, at byte 5");
    assert_eq!(message("{\"a\": 1"), "is not JSON: the text ends early, at byte 7");
    assert_eq!(message("[1 2]"), "is not JSON: `,` or `]` is wanted, at byte 3");
    assert_eq!(message("[1,]"), "is not JSON: a value is wanted, at byte 3");
    assert_eq!(message("{\"a\": NaN}"), "is not JSON: a value is wanted, at byte 6");
    assert_eq!(message("\"a\nb\""), "is not JSON: a control character in a string, at byte 2");
    assert_eq!(message("1 2"), "is not JSON: there is more after the value, at byte 2");
    assert_eq!(message(""), "is not JSON: the text ends early, at byte 0");
}
