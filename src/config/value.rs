//! What a value should be.

use super::source::Value;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// What is wrong with a value, and what to write instead.
#[derive(Debug)]
pub(super) struct Wrong {
    pub fault: String,
    pub remedy: String,
}

pub(super) fn wrong<T>(fault: impl Into<String>, remedy: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { fault: fault.into(), remedy: remedy.into() })
}

/// A whole number within these bounds.
pub(super) fn count<T>(range: RangeInclusive<T>) -> impl Fn(&Value) -> Result<T, Wrong>
where
    T: TryFrom<u64> + PartialOrd + Display + Copy,
{
    move |value| {
        let number = match value {
            Value::Integer(number) => Some(i128::from(*number)),
            Value::Word(text) | Value::Number(text) => text.replace('_', "").parse().ok(),
            _ => None,
        };
        match number {
            Some(number) => within(number, &range, "a whole number"),
            None => wrong("it is not a whole number", format!("write one of at least {}", range.start())),
        }
    }
}

/// Bytes within these bounds: a number, or text with a unit.
pub(super) fn bytes<T>(range: RangeInclusive<T>) -> impl Fn(&Value) -> Result<T, Wrong>
where
    T: TryFrom<u64> + PartialOrd + Display + Copy,
{
    move |value| {
        let number = match value {
            Value::Integer(number) => Some(i128::from(*number)),
            Value::Word(text) | Value::Text(text) | Value::Number(text) => with_unit(text),
            _ => None,
        };
        match number {
            Some(number) => within(number, &range, "a number of bytes"),
            None => wrong("it is not a number of bytes", "write one, or text with a unit like \"64MiB\""),
        }
    }
}

/// Milliseconds within these bounds.
pub(super) fn milliseconds(range: RangeInclusive<u64>) -> impl Fn(&Value) -> Result<Duration, Wrong> {
    let count = count(range);
    move |value| count(value).map(Duration::from_millis)
}

/// Seconds within these bounds.
pub(super) fn seconds(range: RangeInclusive<u64>) -> impl Fn(&Value) -> Result<Duration, Wrong> {
    let count = count(range);
    move |value| count(value).map(Duration::from_secs)
}

fn within<T>(number: i128, range: &RangeInclusive<T>, what: &str) -> Result<T, Wrong>
where
    T: TryFrom<u64> + PartialOrd + Display + Copy,
{
    let (min, max) = (range.start(), range.end());
    let fitting = u64::try_from(number).ok().and_then(|number| T::try_from(number).ok());
    match fitting {
        Some(fitting) if range.contains(&fitting) => Ok(fitting),
        Some(fitting) if fitting > *max => {
            wrong(format!("it is above {max}"), format!("write {what} from {min} to {max}"))
        }
        None if number > 0 => {
            wrong(format!("it is above {max}"), format!("write {what} from {min} to {max}"))
        }
        _ => wrong(format!("it is below {min}"), format!("write {what} of at least {min}")),
    }
}

/// None where it is no number with a unit, or too large for any purpose.
fn with_unit(text: &str) -> Option<i128> {
    const UNITS: [(&str, u64); 10] = [
        ("", 1),
        ("B", 1),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '_' || c == '-')).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let number: i64 = digits.replace('_', "").parse().ok()?;
    let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    Some(i128::from(number) * i128::from(*factor))
}

pub(super) fn address(value: &Value) -> Result<SocketAddr, Wrong> {
    let remedy = "write IP:PORT, e.g. \"127.0.0.1:8080\", or \"0.0.0.0:8080\" for every interface";
    match text(value)?.parse() {
        Ok(address) => Ok(address),
        Err(_) => wrong("it is not an address", remedy),
    }
}

/// A directory that somebody named: it has to be there.
pub(super) fn directory(value: &Value) -> Result<PathBuf, Wrong> {
    let path = PathBuf::from(text(value)?);
    match std::fs::metadata(&path) {
        Ok(found) if found.is_dir() => Ok(path),
        Ok(_) => wrong("it is not a directory", "name a directory"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            wrong("there is no such directory", format!("create it: mkdir -p {}", path.display()))
        }
        Err(error) => wrong(format!("it cannot be read ({error})"), "name one that this user may read"),
    }
}

pub(super) fn text(value: &Value) -> Result<String, Wrong> {
    match value {
        Value::Text(text) | Value::Word(text) if text.is_empty() => {
            wrong("it is empty", "write a value or leave it out")
        }
        Value::Text(text) | Value::Word(text) => Ok(text.clone()),
        _ => wrong("it is not text", "put it in quotes"),
    }
}

pub(super) fn boolean(value: &Value) -> Result<bool, Wrong> {
    match value {
        Value::Boolean(value) => Ok(*value),
        Value::Word(word) if word == "true" => Ok(true),
        Value::Word(word) if word == "false" => Ok(false),
        _ => wrong("it is neither true nor false", "write true or false, without quotes"),
    }
}

/// A file that has to be there and that this user may read.
pub(super) fn file(value: &Value) -> Result<PathBuf, Wrong> {
    let path = PathBuf::from(text(value)?);
    match std::fs::File::open(&path).and_then(|file| file.metadata()) {
        Ok(found) if found.is_file() => Ok(path),
        Ok(_) => wrong("it is not a file", "name a file"),
        Err(error) => wrong(format!("it cannot be read ({error})"), "name a file that this user may read"),
    }
}

/// A list of texts; of a variable, separated by commas.
pub(super) fn texts(value: &Value) -> Result<Vec<String>, Wrong> {
    match value {
        Value::List(values) => values.iter().map(text).collect(),
        Value::Word(words) => {
            Ok(words.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect())
        }
        _ => wrong("it is not a list", "write one of texts, e.g. [\"one\", \"two\"]"),
    }
}

/// One of these words.
pub(super) fn one_of<T: Copy>(choices: &'static [(&'static str, T)]) -> impl Fn(&Value) -> Result<T, Wrong> {
    move |value| {
        let word = text(value)?;
        match choices.iter().find(|(name, _)| *name == word) {
            Some((_, choice)) => Ok(*choice),
            None => {
                let names: Vec<String> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
                wrong("it is none of the choices", format!("write {}", names.join(" or ")))
            }
        }
    }
}
