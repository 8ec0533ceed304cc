//! What is said about a value that could not be converted.

use std::borrow::Cow;

use super::{Input, clock};

/// Longer texts are cut in messages, so that a message never grows with the record.
const EXCERPT_CHARS_MAX: usize = 40;

/// Why a value could not be converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// Pydantic's error type, such as `float_parsing`.
    pub code: &'static str,
    /// What is wrong, with the value cut to 40 characters, and what to send instead.
    pub message: Cow<'static, str>,
    /// For dates and times the reason, as `error`.
    pub parameters: Vec<(&'static str, String)>,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Text,
    Float,
    Integer,
    Bool,
    DateTime,
    Date,
}

impl Wanted {
    fn noun(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Float => "a number",
            Self::Integer => "a whole number",
            Self::Bool => "a boolean",
            Self::DateTime => "a date and time",
            Self::Date => "a date",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Text => "send it in quotes",
            Self::Float => "send a number such as 12.5",
            Self::Integer => "send a number without a fraction, such as 12",
            Self::Bool => "send true or false",
            Self::DateTime => {
                "send ISO 8601, such as \"2026-01-15T10:30:00Z\", or seconds or milliseconds since 1970"
            }
            Self::Date => "send a date, such as \"2026-01-15\"",
        }
    }
}

impl Miss {
    /// The value is of a JSON type that is never converted.
    #[cold]
    pub(super) fn kind(code: &'static str, wanted: Wanted, input: &Input<'_>) -> Self {
        let message = ["this must be ", wanted.noun(), ", not ", kind(input), ": ", wanted.remedy()].concat();
        Self { code, message: message.into(), parameters: Vec::new() }
    }

    /// The value is of a type that may be converted, but cannot be read.
    #[cold]
    pub(super) fn value(code: &'static str, wanted: Wanted, input: &Input<'_>) -> Self {
        let message = [&excerpt(input), " is not ", wanted.noun(), ": ", wanted.remedy()].concat();
        Self { code, message: message.into(), parameters: Vec::new() }
    }

    /// The value is no date or time, for a reason.
    #[cold]
    pub(super) fn flaw(code: &'static str, wanted: Wanted, input: &Input<'_>, flaw: clock::Flaw) -> Self {
        let reason = flaw.reason();
        let value = excerpt(input);
        let message = [&value, " is not ", wanted.noun(), " (", reason, "): ", wanted.remedy()].concat();
        Self { code, message: message.into(), parameters: vec![("error", reason.to_owned())] }
    }

    /// The value is NaN, infinite, or too large for a float.
    #[cold]
    pub(super) fn infinite(input: &Input<'_>) -> Self {
        let message =
            [&excerpt(input), " is not a finite number: send one within ±1.7976931348623157e308"].concat();
        Self { code: "finite_number", message: message.into(), parameters: Vec::new() }
    }

    /// The value is a whole number beyond 64 bits.
    #[cold]
    pub(super) fn size(input: &Input<'_>) -> Self {
        let limits = " is too large: send a whole number from -9223372036854775808 to 9223372036854775807";
        let message = [&excerpt(input), limits].concat();
        Self { code: "int_parsing_size", message: message.into(), parameters: Vec::new() }
    }
}

fn kind(input: &Input<'_>) -> &'static str {
    match input {
        Input::Null => "null",
        Input::Bool(_) => "a boolean",
        Input::Number(_) => "a number",
        Input::Text(_) => "a text",
        Input::Array => "an array",
        Input::Object => "an object",
    }
}

/// The beginning of a value as it would stand in JSON, on one line.
fn excerpt(input: &Input<'_>) -> String {
    let (quote, value) = match input {
        Input::Number(raw) => ("", *raw),
        Input::Text(text) => ("\"", text.as_ref()),
        other => return kind(other).to_owned(),
    };
    let mut out = String::from(quote);
    let mut rest = value.chars();
    for char in rest.by_ref().take(EXCERPT_CHARS_MAX) {
        out.push(if char.is_control() { char::REPLACEMENT_CHARACTER } else { char });
    }
    if !rest.as_str().is_empty() {
        out.push('…');
    }
    out.push_str(quote);
    out
}
