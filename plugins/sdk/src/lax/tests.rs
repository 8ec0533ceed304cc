use super::calendar::is_leap;
use super::*;

fn number(raw: &str) -> Input<'_> {
    Input::Number(raw)
}

fn text(text: &str) -> Input<'_> {
    Input::Text(text.into())
}

fn codes<'a, T>(
    convert: impl Fn(&Input<'_>) -> Result<T, Miss>,
    inputs: &'a [Input<'a>],
) -> Vec<&'static str> {
    inputs.iter().map(|input| convert(input).map_or_else(|miss| miss.code, |_| "")).collect()
}

#[track_caller]
fn assert_all<T>(convert: impl Fn(&Input<'_>) -> Result<T, Miss>, code: &str, inputs: &[Input<'_>]) {
    for (input, got) in inputs.iter().zip(codes(convert, inputs)) {
        assert_eq!(got, code, "{input:?}");
    }
}

#[track_caller]
fn assert_moments(expected: &[(&str, &str)], input: fn(&str) -> Input<'_>) {
    for (given, expected) in expected {
        let shown = datetime(&input(given)).map(|moment| moment.to_string());
        assert_eq!(shown.as_deref(), Ok(*expected), "{given}");
    }
}

#[test]
fn only_a_text_becomes_a_text() {
    assert_eq!(super::text(text("EUR")).as_deref(), Ok("EUR"));
    let others = [Input::Null, Input::Bool(true), number("1"), Input::Array, Input::Object];
    assert_all(|input| super::text(input.clone()).map(drop), "string_type", &others);
}

#[test]
fn a_text_is_handed_on_without_a_copy() {
    let given = String::from("EUR");
    let Ok(Cow::Borrowed(taken)) = super::text(text(&given)) else { panic!("the text was copied") };
    assert!(std::ptr::eq(taken, given.as_str()));
}

#[test]
fn numbers_numeric_texts_and_booleans_become_floats() {
    let floats = [
        (number("12.5"), 12.5),
        (number("-1E3"), -1000.0),
        (number("1e-400"), 0.0),
        (number("9007199254740993"), 9_007_199_254_740_992.0),
        (text("\u{a0} +1.5e3\n"), 1500.0),
        (text("1_0.5"), 10.5),
        (text(".5"), 0.5),
        (text("1."), 1.0),
        (Input::Bool(true), 1.0),
        (Input::Bool(false), 0.0),
    ];
    for (input, expected) in floats {
        assert_eq!(float(&input), Ok(expected), "{input:?}");
    }
}

#[test]
fn an_integer_zero_has_no_sign_and_a_float_zero_has_one() {
    assert!(float(&number("-0")).is_ok_and(|zero| zero.is_sign_positive()));
    assert!(float(&number("-0.0")).is_ok_and(|zero| zero.is_sign_negative()));
}

#[test]
fn what_is_no_float_is_refused_with_pydantics_codes() {
    assert_all(float, "float_type", &[Input::Null, Input::Array, Input::Object]);
    let words = [
        "",
        " ",
        "abc",
        "1,5",
        "0x10",
        "_1",
        "1_",
        "1__0",
        " 1_0",
        "\u{661}",
        "+-1",
        "1e",
        "true",
        "1\u{200b}",
    ];
    assert_all(float, "float_parsing", &words.map(text));
    assert_all(float, "finite_number", &["1e309", "-1e309", "1e99999999999999999999"].map(number));
    assert_all(float, "finite_number", &["inf", "-Infinity", " NaN ", "i_nf", "1e309"].map(text));
}

#[test]
fn the_largest_float_is_finite_and_the_next_rounding_is_not() {
    assert_eq!(float(&number("1.7976931348623158e308")), Ok(f64::MAX));
    assert_all(float, "finite_number", &[number("1.7976931348623159e308")]);
}

#[test]
fn whole_numbers_are_read_with_pydantics_liberties() {
    let wholes = [
        (number("12"), 12),
        (number("-9223372036854775808"), i64::MIN),
        (number("1.5e1"), 15),
        (text(" +007.00 "), 7),
        (text("-1_000"), -1000),
        (text("0_0"), 0),
        (text("0-5"), -5),
        (Input::Bool(true), 1),
    ];
    for (input, expected) in wholes {
        assert_eq!(integer(&input), Ok(expected), "{input:?}");
    }
    let zeros = "0".repeat(5_000);
    assert_eq!(integer(&text(&zeros)), Ok(0));
}

#[test]
fn what_is_no_whole_number_is_refused_with_pydantics_codes() {
    assert_all(integer, "int_type", &[Input::Null, Input::Array, Input::Object]);
    assert_all(integer, "int_from_float", &["1.5", "1e-3"].map(number));
    assert_all(integer, "finite_number", &[number("1e309")]);
    assert_all(
        integer,
        "int_parsing",
        &["", "abc", "1.5", "1.", "1e3", "--1", "+-1", "-0-5", "_1", "0_"].map(text),
    );
    let sizes = ["9223372036854775808", "9.3e18", "-9223372036854775808.0"];
    assert_all(integer, "int_parsing_size", &sizes.map(number));
    let (most, more) = ("1".repeat(4_300) + "x", "1".repeat(4_301) + "x");
    assert_eq!(codes(integer, &[text(&most), text(&more)]), ["int_parsing", "int_parsing_size"]);
}

#[test]
fn booleans_are_read_from_the_usual_words_and_from_one_and_zero() {
    for (yes, no) in [("1", "0"), ("T", "F"), ("y", "n"), ("On", "oFF"), ("YES", "no"), ("true", "False")] {
        assert_eq!((boolean(&text(yes)), boolean(&text(no))), (Ok(true), Ok(false)));
    }
    assert_eq!((boolean(&number("1.0")), boolean(&number("-0"))), (Ok(true), Ok(false)));
    assert_all(boolean, "bool_parsing", &[number("2"), number("1e3"), text(" true"), text("")]);
    let others = [Input::Null, Input::Array, Input::Object, number("0.5"), number("18446744073709551616")];
    assert_all(boolean, "bool_type", &others);
}

#[test]
fn datetimes_are_read_in_every_form_of_iso_8601_that_pydantic_takes() {
    assert_moments(
        &[
            ("2026-01-15T10:30:00Z", "2026-01-15T10:30:00Z"),
            ("2026-01-15t10:30:00z", "2026-01-15T10:30:00Z"),
            ("2026-01-15 10:30", "2026-01-15T10:30:00"),
            ("2026-01-15_10:30:00.1", "2026-01-15T10:30:00.100000"),
            ("2026-01-15T10:30:00,1234567899Z", "2026-01-15T10:30:00.123456Z"),
            ("2026-01-15T10:30-0800", "2026-01-15T10:30:00-08:00"),
            ("2026-01-15T10:30:00\u{2212}23:59", "2026-01-15T10:30:00-23:59"),
            ("2026-01-15T10:30:00-00:00", "2026-01-15T10:30:00Z"),
            ("2024-02-29", "2024-02-29T00:00:00"),
        ],
        text,
    );
}

#[test]
fn times_since_1970_change_from_seconds_to_milliseconds_beyond_twenty_billion() {
    let moments = [
        ("0", "1970-01-01T00:00:00Z"),
        ("-0.5", "1969-12-31T23:59:59.500000Z"),
        ("1.9999999", "1970-01-01T00:00:02Z"),
        ("1768473000", "2026-01-15T10:30:00Z"),
        ("1768473000123", "2026-01-15T10:30:00.123000Z"),
        ("20000000000", "2603-10-11T11:33:20Z"),
        ("20000000001", "1970-08-20T11:33:20.001000Z"),
        ("20000000000.5", "1970-08-20T11:33:20.000500Z"),
        ("-20000000000", "1336-03-23T12:26:40Z"),
        ("-20000000001", "1969-05-14T12:26:39.999000Z"),
        ("253402300799999", "9999-12-31T23:59:59.999000Z"),
        ("-62135596800000", "0001-01-01T00:00:00Z"),
    ];
    assert_moments(&moments, number);
    assert_moments(&moments, text);
    assert_moments(&[("+1", "1970-01-01T00:00:01Z"), ("1.5e3", "1970-01-01T00:25:00Z")], text);
    assert_moments(&[("2e10", "2603-10-11T11:33:20Z")], number);
}

#[test]
fn texts_that_are_no_datetime_are_refused_whatever_is_wrong() {
    let texts = [
        "",
        "now",
        "2026-1-5",
        "2026-01-15T",
        "2026-01-15T10",
        "2026-01-15X10:30",
        "2026-01-15T24:00",
        "2026-01-15T10:60",
        "2026-01-15T10:30:60Z",
        "2026-01-15T10:30:00.",
        "2026-01-15T10:30.5",
        "2023-02-29",
        "2026-04-31",
        "2026-13-01",
        "2026-00-01",
        "2026-01-00",
        "2026-01-15T10:30+08",
        "2026-01-15T10:30+08:60",
        "2026-01-15T10:30+24:00",
        "2026-01-15T10:30ZZ",
        "2026-01-15T10:30 Z",
        " 2026-01-15",
        "2026-01-15 ",
        "15e2",
        "1_0",
        "253402300800000",
        "-62167219200001",
        "9223372036854775808",
        "nan",
        "\u{661}",
    ];
    assert_all(datetime, "datetime_from_date_parsing", &texts.map(text));
}

#[test]
fn other_values_that_are_no_datetime_are_refused_with_pydantics_codes() {
    let others = [Input::Null, Input::Bool(true), Input::Array, Input::Object, number("9223372036854775808")];
    assert_all(datetime, "datetime_type", &others);
    let far = [
        "253402300800000",
        "253402300799999.99",
        "-62167219200001",
        "1e309",
        "-9223372036854775808",
        "-1e300",
    ];
    assert_all(datetime, "datetime_parsing", &far.map(number));
    assert_all(
        datetime,
        "datetime_parsing",
        &["0000-01-01", "0000-12-31T23:59:59Z", "-62167219200000"].map(text),
    );
}

#[test]
fn a_date_is_any_datetime_at_midnight() {
    for midnight in
        ["2026-01-15", "2026-01-15T00:00", "2026-01-15T00:00:00+09:00", "1768435200", "1768435200000.0"]
    {
        assert_eq!(date(&text(midnight)), Ok(Date { year: 2026, month: 1, day: 15 }), "{midnight}");
    }
    assert_all(date, "date_type", &[Input::Null, Input::Bool(true), number("9223372036854775808")]);
    assert_all(date, "date_from_datetime_inexact", &[text("2026-01-15T10:30"), number("1"), number("0.5")]);
    assert_all(date, "date_from_datetime_parsing", &[text("2026-02-30"), text("x"), number("1e309")]);
    assert_all(date, "date_parsing", &[text("0000-01-01"), number("-62167219200000")]);
}

#[test]
fn days_are_counted_through_the_whole_calendar() {
    let mut days = Date { year: 1, month: 1, day: 1 }.days_since_epoch();
    assert_eq!(days, -719_162);
    for year in 1..=9999 {
        for month in 1..=12 {
            let february = if is_leap(year) { 29 } else { 28 };
            let length = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][usize::from(month) - 1];
            for day in 1..=length {
                let date = Date { year, month, day };
                assert_eq!((date.days_since_epoch(), Date::from_days(days)), (days, date));
                days += 1;
            }
        }
    }
}

#[test]
fn an_offset_moves_the_instant_and_not_the_date() {
    let moment = |given| datetime(&text(given)).expect("the test's text is a date and time");
    assert_eq!(moment("1970-01-01T00:00:00.000001").epoch_micros(), 1);
    assert_eq!(moment("1970-01-01T00:00+00:01").epoch_micros(), -60_000_000);
    let early = moment("2026-01-15T00:30:00+02:00");
    assert_eq!(early.epoch_micros(), moment("2026-01-14T22:30:00Z").epoch_micros());
    assert_eq!(early.date().to_string(), "2026-01-15");
}

#[test]
fn every_refusal_says_what_was_sent_and_what_to_send_instead() {
    let missed = |miss: Option<Miss>| miss.map(|miss| miss.message.into_owned()).unwrap_or_default();
    let said = [
        (missed(super::text(number("7")).err()), "this must be a text, not a number: send it in quotes"),
        (missed(float(&Input::Null).err()), "this must be a number, not null: send a number such as 12.5"),
        (missed(float(&text("1,5")).err()), "\"1,5\" is not a number: send a number such as 12.5"),
        (
            missed(float(&number("1e400")).err()),
            "1e400 is not a finite number: send one within ±1.7976931348623157e308",
        ),
        (
            missed(integer(&number("1.5")).err()),
            "1.5 is not a whole number: send a number without a fraction, such as 12",
        ),
        (
            missed(integer(&number("9223372036854775808")).err()),
            "9223372036854775808 is too large: send a whole number from -9223372036854775808 to 9223372036854775807",
        ),
        (missed(boolean(&text("si\u{1}")).err()), "\"si\u{fffd}\" is not a boolean: send true or false"),
        (
            missed(datetime(&text("2026-13-01")).err()),
            "\"2026-13-01\" is not a date and time (the month is outside 01 to 12): send ISO 8601, such as \
             \"2026-01-15T10:30:00Z\", or seconds or milliseconds since 1970",
        ),
        (
            missed(date(&number("1")).err()),
            "1 is not a date (its time of day is not midnight): send a date, such as \"2026-01-15\"",
        ),
    ];
    for (message, expected) in said {
        assert_eq!(message, expected);
    }
}

#[test]
fn a_long_value_is_cut_in_the_message() {
    let long = "€".repeat(1_000);
    let message = float(&text(&long)).expect_err("a text of euro signs is no number").message;
    assert!(message.starts_with(&format!("\"{}…\" is not a number", "€".repeat(40))), "{message}");
}

#[test]
fn the_reason_is_a_parameter_of_a_refused_datetime() {
    let reasons = [
        ("x", "it does not begin with a date as YYYY-MM-DD"),
        ("2026-02-30", "the month has no such day"),
        ("2026-01-15X", "date and time are not separated by T, a space or an underscore"),
        ("2026-01-15T1", "no time as HH:MM follows the date"),
        ("2026-01-15T24:00", "the hour is outside 00 to 23"),
        ("2026-01-15T10:60", "the minute is outside 00 to 59"),
        ("2026-01-15T10:30:60", "the second is outside 00 to 59"),
        ("2026-01-15T10:30:00.", "no digits follow the decimal sign of the seconds"),
        ("2026-01-15T10:30+8", "the offset is neither Z nor of the form +HH:MM"),
        ("2026-01-15T10:30+24:00", "the offset is 24 hours or more, or its minutes are outside 00 to 59"),
        ("2026-01-15T10:30Z ", "something follows the offset"),
        ("-1e99.", "it does not begin with a date as YYYY-MM-DD"),
        ("-99999999999999999", "it lies before the year 1"),
        ("99999999999999999", "it lies after the year 9999"),
        ("0000-01-01", "there is no year 0"),
    ];
    for (given, reason) in reasons {
        let parameters = datetime(&text(given)).map_err(|miss| miss.parameters);
        assert_eq!(parameters, Err(vec![("error", reason.to_owned())]), "{given}");
    }
}

/// What Pydantic makes of boundary and random values, written by `tests/pydantic/scalars.py`.
const PYDANTICS: &str = include_str!("../../../../tests/pydantic/scalars.tsv");

/// The input of a line, and what becomes of it as float, integer, boolean, datetime and date.
fn pydantics_line(line: &str) -> (Input<'_>, [&str; 5]) {
    let columns: Vec<&str> = line.split('\t').collect();
    let &[how, what, float, integer, boolean, datetime, date] = columns.as_slice() else {
        panic!("a line has seven columns: {line}")
    };
    let input = match how {
        "n" => number(what),
        "s" => text(what),
        "x" => Input::Text(from_hex(what).into()),
        _ => panic!("an input is written as n, s or x: {line}"),
    };
    (input, [float, integer, boolean, datetime, date])
}

fn from_hex(digits: &str) -> String {
    let pairs =
        digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).expect("hexadecimal digits are ASCII"));
    let bytes = pairs.map(|pair| u8::from_str_radix(pair, 16).expect("the file holds hexadecimal digits"));
    String::from_utf8(bytes.collect()).expect("the file holds UTF-8")
}

fn shown<T>(result: Result<T, Miss>, show: impl Fn(T) -> String) -> String {
    result.map_or_else(|miss| miss.code.to_owned(), show)
}

#[test]
fn every_value_becomes_what_pydantic_makes_of_it() {
    let lines: Vec<&str> = PYDANTICS.lines().skip(1).collect();
    assert!(lines.len() > 2_000, "only {} lines", lines.len());
    for line in lines {
        let (input, [as_float, as_integer, as_boolean, as_datetime, as_date]) = pydantics_line(line);
        // Floats are compared by their bits: Pydantic writes them in another form than Rust.
        let bits = |number: f64| number.to_bits().to_string();
        let as_float = as_float.parse().map_or_else(|_| as_float.to_owned(), bits);
        assert_eq!(shown(float(&input), bits), as_float, "as float: {line}");
        assert_eq!(shown(integer(&input), |whole| whole.to_string()), as_integer, "as integer: {line}");
        assert_eq!(shown(boolean(&input), |flag| flag.to_string()), as_boolean, "as boolean: {line}");
        let moment = |moment: DateTime| {
            let offset = moment.offset_seconds.map_or_else(|| "-".to_owned(), |offset| offset.to_string());
            format!("{} {offset}", moment.epoch_micros())
        };
        assert_eq!(shown(datetime(&input), moment), as_datetime, "as datetime: {line}");
        assert_eq!(shown(date(&input), |date| date.to_string()), as_date, "as date: {line}");
    }
}
