//! Conversions from JSON scalars as Pydantic 2 makes them in lax mode.
//!
//! A value is converted wherever Pydantic converts it (a numeric text is a number, a date is a date and time
//! at midnight, seconds since 1970 are an instant) and refused with Pydantic's error type wherever Pydantic
//! refuses it. Two things differ, both on purpose: a [`float`] is always finite, as under
//! `allow_inf_nan=False`, and an [`integer`] fits in 64 bits, where Python's is unbounded. What the functions called
//! `strict_…` take is what Pydantic takes in strict mode.

mod calendar;
mod clock;
mod miss;
mod strict;
#[cfg(test)]
mod tests;
mod whole;

use std::borrow::Cow;

pub use calendar::{Date, DateTime};
pub use miss::Miss;
pub use strict::{strict_boolean, strict_date, strict_datetime, strict_float, strict_integer};

use clock::Flaw;
use miss::Wanted;

/// A JSON value as far as a scalar needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// The number as it stands in the record, in valid JSON syntax.
    Number(&'a str),
    /// The text with its escapes resolved.
    Text(Cow<'a, str>),
    /// An array, whatever it holds: no scalar is made of one.
    Array,
    /// An object, likewise.
    Object,
}

/// Takes a text; nothing else becomes one. Code: `string_type`.
pub fn text(input: Input<'_>) -> Result<Cow<'_, str>, Miss> {
    match input {
        Input::Text(text) => Ok(text),
        other => Err(Miss::kind("string_type", Wanted::Text, &other)),
    }
}

/// Converts to a finite float: numbers, numeric texts (also with white space around, or with single
/// underscores between), and booleans as 1 and 0. Codes: `float_type`, `float_parsing`, `finite_number`.
pub fn float(input: &Input<'_>) -> Result<f64, Miss> {
    let number = match input {
        // An integer, and so this one, has no negative zero.
        Input::Number("-0") => Some(0.0),
        Input::Number(raw) => raw.parse().ok(),
        Input::Text(text) => float_text(text),
        Input::Bool(flag) => return Ok(if *flag { 1.0 } else { 0.0 }),
        _ => return Err(Miss::kind("float_type", Wanted::Float, input)),
    };
    match number {
        Some(number) if number.is_finite() => Ok(number),
        Some(_) => Err(Miss::infinite(input)),
        None => Err(Miss::value("float_parsing", Wanted::Float, input)),
    }
}

/// Converts to a whole number within 64 bits: integers, floats and numeric texts without a fraction, and
/// booleans as 1 and 0. Codes: `int_type`, `int_parsing`, `int_from_float`, `finite_number`, and
/// `int_parsing_size` for what does not fit.
pub fn integer(input: &Input<'_>) -> Result<i64, Miss> {
    match input {
        Input::Number(raw) if is_fractional(raw) => whole::from_float(raw.parse().unwrap_or(f64::NAN)),
        Input::Number(raw) => raw.parse().map_err(|_| whole::Flaw::Size),
        Input::Text(text) => whole::from_text(text),
        Input::Bool(flag) => Ok(i64::from(*flag)),
        _ => return Err(Miss::kind("int_type", Wanted::Integer, input)),
    }
    .map_err(|flaw| match flaw {
        whole::Flaw::Infinite => Miss::infinite(input),
        whole::Flaw::Fraction => Miss::value("int_from_float", Wanted::Integer, input),
        whole::Flaw::Syntax => Miss::value("int_parsing", Wanted::Integer, input),
        whole::Flaw::Size => Miss::size(input),
    })
}

/// Converts to a boolean: `true` and `false`, 1 and 0, and the texts 1, t, y, on, yes, true and 0, f, n, off,
/// no, false in any case. Codes: `bool_type`, `bool_parsing`.
pub fn boolean(input: &Input<'_>) -> Result<bool, Miss> {
    const TRUE: [&str; 6] = ["1", "t", "y", "on", "yes", "true"];
    const FALSE: [&str; 6] = ["0", "f", "n", "off", "no", "false"];
    let is = |text: &str, words: [&str; 6]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    let whole = match input {
        Input::Bool(flag) => return Ok(*flag),
        Input::Text(text) if is(text, TRUE) => Some(1),
        Input::Text(text) if is(text, FALSE) => Some(0),
        Input::Text(_) => None,
        Input::Number(raw) => match integer(&Input::Number(raw)) {
            Ok(whole) => Some(whole),
            Err(_) => return Err(Miss::kind("bool_type", Wanted::Bool, input)),
        },
        _ => return Err(Miss::kind("bool_type", Wanted::Bool, input)),
    };
    match whole {
        Some(1) => Ok(true),
        Some(0) => Ok(false),
        _ => Err(Miss::value("bool_parsing", Wanted::Bool, input)),
    }
}

/// Converts to a date and time: ISO 8601 texts, dates alone as their midnight, and the time since 1970 as
/// number or text, in seconds up to 2·10¹⁰ either way and in milliseconds beyond. Codes: `datetime_type`,
/// `datetime_parsing`, `datetime_from_date_parsing`.
pub fn datetime(input: &Input<'_>) -> Result<DateTime, Miss> {
    let (read, code) = match input {
        Input::Text(text) => (clock::from_text(text), "datetime_from_date_parsing"),
        Input::Number(raw) => match clock::from_number(raw) {
            Some(read) => (read, "datetime_parsing"),
            None => return Err(Miss::kind("datetime_type", Wanted::DateTime, input)),
        },
        _ => return Err(Miss::kind("datetime_type", Wanted::DateTime, input)),
    };
    match read {
        // Python's calendar begins with the year 1, which Pydantic notices only after it has read the text.
        Ok(moment) if moment.year == 0 => {
            Err(Miss::flaw("datetime_parsing", Wanted::DateTime, input, Flaw::YearZero))
        }
        Ok(moment) => Ok(moment),
        Err(flaw) => Err(Miss::flaw(code, Wanted::DateTime, input, flaw)),
    }
}

/// Converts to a date: whatever [`datetime`] takes, as long as it is a midnight in its own offset. Codes:
/// `date_type`, `date_parsing`, `date_from_datetime_parsing`, `date_from_datetime_inexact`.
pub fn date(input: &Input<'_>) -> Result<Date, Miss> {
    let read = match input {
        Input::Text(text) => clock::from_text(text),
        Input::Number(raw) => match clock::from_number(raw) {
            Some(read) => read,
            None => return Err(Miss::kind("date_type", Wanted::Date, input)),
        },
        _ => return Err(Miss::kind("date_type", Wanted::Date, input)),
    };
    let (code, flaw) = match read {
        Ok(moment) if !moment.is_midnight() => ("date_from_datetime_inexact", Flaw::NotMidnight),
        Ok(moment) if moment.year == 0 => ("date_parsing", Flaw::YearZero),
        Ok(moment) => return Ok(moment.date()),
        Err(flaw) => ("date_from_datetime_parsing", flaw),
    };
    Err(Miss::flaw(code, Wanted::Date, input, flaw))
}

fn float_text(text: &str) -> Option<f64> {
    if let Ok(number) = text.trim().parse() {
        return Some(number);
    }
    // Underscores go only where no white space is to be trimmed: " 1_0" is refused, "1_0" is not.
    without_underscores(text)?.parse().ok()
}

/// The text without its underscores, if it has any and each stands alone between other characters.
fn without_underscores(text: &str) -> Option<String> {
    let alone = !text.starts_with('_') && !text.ends_with('_') && !text.contains("__");
    (alone && text.contains('_')).then(|| text.replace('_', ""))
}

/// Whether a JSON number has a fraction or an exponent, which makes it a float whatever its value.
fn is_fractional(raw: &str) -> bool {
    raw.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}
