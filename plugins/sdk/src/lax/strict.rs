//! What Pydantic's strict mode still takes of JSON: each value is of its own type to begin with.

use super::{
    Date, DateTime, Input, Miss, Wanted, boolean, clock, date, datetime, float, integer, is_fractional,
};

/// A date as it stands in ISO 8601: `YYYY-MM-DD`.
const DATE_BYTES: usize = 10;

/// Takes a number. Codes: `float_type`, `finite_number`.
pub fn strict_float(input: &Input<'_>) -> Result<f64, Miss> {
    match input {
        Input::Number(_) => float(input),
        _ => Err(Miss::kind("float_type", Wanted::Float, input)),
    }
}

/// Takes a number without fraction and exponent. Codes: `int_type`, and `int_parsing_size` for what does not fit in
/// 64 bits.
pub fn strict_integer(input: &Input<'_>) -> Result<i64, Miss> {
    match input {
        Input::Number(raw) if is_fractional(raw) => Err(Miss::value("int_type", Wanted::Integer, input)),
        Input::Number(_) => integer(input),
        _ => Err(Miss::kind("int_type", Wanted::Integer, input)),
    }
}

/// Takes `true` and `false`. Code: `bool_type`.
pub fn strict_boolean(input: &Input<'_>) -> Result<bool, Miss> {
    match input {
        Input::Bool(_) => boolean(input),
        _ => Err(Miss::kind("bool_type", Wanted::Bool, input)),
    }
}

/// Takes a text with a date and a time, or with the time since 1970. Codes: `datetime_type`, `datetime_parsing`.
pub fn strict_datetime(input: &Input<'_>) -> Result<DateTime, Miss> {
    let Input::Text(text) = input else {
        return Err(Miss::kind("datetime_type", Wanted::DateTime, input));
    };
    match datetime(input) {
        Ok(_) if is_date(text) => {
            Err(Miss::flaw("datetime_parsing", Wanted::DateTime, input, clock::Flaw::Time))
        }
        read => read.map_err(|miss| Miss { code: "datetime_parsing", ..miss }),
    }
}

/// Takes a text with a date, or with whole seconds or milliseconds since 1970 that are a midnight. Codes: `date_type`,
/// `date_parsing`.
pub fn strict_date(input: &Input<'_>) -> Result<Date, Miss> {
    let Input::Text(text) = input else {
        return Err(Miss::kind("date_type", Wanted::Date, input));
    };
    match date(input) {
        Ok(_) if !(is_date(text) || is_whole(text)) => Err(Miss::value("date_parsing", Wanted::Date, input)),
        read => read.map_err(|miss| Miss { code: "date_parsing", ..miss }),
    }
}

/// Of what could be read: whether it is a date alone.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == DATE_BYTES && bytes[4] == b'-' && bytes[7] == b'-'
}

/// Of what could be read: whether it is a number without a fraction.
fn is_whole(text: &str) -> bool {
    text.trim_start_matches(['+', '-']).bytes().all(|byte| byte.is_ascii_digit())
}
