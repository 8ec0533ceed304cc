//! The rules that `#[field(…)]` can state, with Pydantic's codes.

mod format;

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::OnceLock;

use regex_lite::Regex;

pub use self::format::{EMAIL, Format, HOSTNAME, IPV4, IPV6, URI, UUID, format};
use crate::json::{Reader, Stop};
pub use crate::schema::{Limit, of_object};
use crate::{At, Violation};

/// What a rule says of a value.
pub type Check = Result<(), Box<Broken>>;

/// A rule that a value breaks.
pub struct Broken {
    code: &'static str,
    message: String,
    name: &'static str,
    limit: String,
}

impl Broken {
    #[cold]
    fn new(code: &'static str, message: String, name: &'static str, limit: &dyn Display) -> Box<Self> {
        Box::new(Self { code, message, name, limit: limit.to_string() })
    }

    #[cold]
    fn choice(code: &'static str, choices: &[&str]) -> Box<Self> {
        let choices = choices.join(", ");
        Self::new(code, format!("must be one of {choices}"), "choices", &choices)
    }

    /// Without anything that the message speaks of.
    #[cold]
    fn bare(code: &'static str, message: &str) -> Box<Self> {
        Self::new(code, message.to_owned(), "", &"")
    }

    #[cold]
    pub(crate) fn violation(self, at: &At<'_>) -> Violation {
        let violation = Violation::new(at.pointer(), self.code, self.message);
        if self.name.is_empty() { violation } else { violation.with(self.name, self.limit) }
    }
}

/// A number with limits.
#[diagnostic::on_unimplemented(
    message = "`above`, `min`, `below` and `max` are for numbers, and this is `{Self}`"
)]
pub trait Number {
    /// What the limits are written as.
    type Limit: PartialOrd + Display;

    /// The number, if there is one.
    fn number(&self) -> Option<Self::Limit>;
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Number for $type {
            type Limit = $type;

            #[inline]
            fn number(&self) -> Option<$type> {
                Some(*self)
            }
        }
    )*};
}

number!(f64, i64, i8, i16, i32, u8, u16, u32);

impl<T: Number> Number for Option<T> {
    type Limit = T::Limit;

    #[inline]
    fn number(&self) -> Option<T::Limit> {
        self.as_ref().and_then(T::number)
    }
}

macro_rules! limit {
    ($($(#[$doc:meta])* $name:ident, $breaks:tt, $code:literal, $says:literal, $parameter:literal;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name<T: Number>(value: &T, limit: T::Limit) -> Check {
            match value.number() {
                Some(number) if number $breaks limit => {
                    Err(Broken::new($code, format!(concat!($says, " {}"), limit), $parameter, &limit))
                }
                _ => Ok(()),
            }
        }
    )*};
}

limit! {
    /// More than the limit.
    above, <=, "greater_than", "must be greater than", "above";
    /// No less than the limit.
    min, <, "greater_than_equal", "must be at least", "min";
    /// Less than the limit.
    below, >=, "less_than", "must be less than", "below";
    /// No more than the limit.
    max, >, "less_than_equal", "must be at most", "max";
}

/// A value that has a length: of a text the number of its characters, of a list that of its elements.
#[diagnostic::on_unimplemented(
    message = "`min_len` and `max_len` are for texts and lists, and this is `{Self}`"
)]
pub trait Length {
    /// The codes for too little and too much.
    const CODES: (&'static str, &'static str);

    /// The length, if there is a value.
    fn length(&self) -> Option<usize>;

    /// A length that is not exceeded and costs nothing to know, if there is a value.
    fn bound(&self) -> Option<usize>;

    /// What must be, e.g. `must be at most 3 characters long`, of a bound (`at most`) and a limit.
    fn says(bound: &str, limit: usize) -> String;
}

macro_rules! text_length {
    ($($type:ty),*) => {$(
        impl Length for $type {
            const CODES: (&'static str, &'static str) = ("string_too_short", "string_too_long");

            #[inline]
            fn length(&self) -> Option<usize> {
                Some(self.chars().count())
            }

            #[inline]
            fn bound(&self) -> Option<usize> {
                Some(self.len())
            }

            fn says(bound: &str, limit: usize) -> String {
                format!("must be {bound} {limit} {} long", if limit == 1 { "character" } else { "characters" })
            }
        }
    )*};
}

text_length!(String, Cow<'_, str>);

impl<T> Length for Vec<T> {
    const CODES: (&'static str, &'static str) = ("too_short", "too_long");

    #[inline]
    fn length(&self) -> Option<usize> {
        Some(self.len())
    }

    #[inline]
    fn bound(&self) -> Option<usize> {
        Some(self.len())
    }

    fn says(bound: &str, limit: usize) -> String {
        format!("must have {bound} {limit} {}", if limit == 1 { "element" } else { "elements" })
    }
}

impl<T: Length> Length for Option<T> {
    const CODES: (&'static str, &'static str) = T::CODES;

    #[inline]
    fn length(&self) -> Option<usize> {
        self.as_ref().and_then(T::length)
    }

    #[inline]
    fn bound(&self) -> Option<usize> {
        self.as_ref().and_then(T::bound)
    }

    fn says(bound: &str, limit: usize) -> String {
        T::says(bound, limit)
    }
}

/// At least so long.
#[inline]
pub fn min_len<T: Length>(value: &T, limit: usize) -> Check {
    match value.length() {
        Some(length) if length < limit => {
            Err(Broken::new(T::CODES.0, T::says("at least", limit), "min_length", &limit))
        }
        _ => Ok(()),
    }
}

/// At most so long.
#[inline]
pub fn max_len<T: Length>(value: &T, limit: usize) -> Check {
    if value.bound().is_none_or(|bound| bound <= limit) {
        return Ok(());
    }
    match value.length() {
        Some(length) if length > limit => {
            Err(Broken::new(T::CODES.1, T::says("at most", limit), "max_length", &limit))
        }
        _ => Ok(()),
    }
}

/// A text, or one that may be absent.
#[diagnostic::on_unimplemented(
    message = "`one_of`, `pattern` and `format` are for texts, and this is `{Self}`"
)]
pub trait Text {
    /// The text, if there is one.
    fn text(&self) -> Option<&str>;
}

impl Text for String {
    #[inline]
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl Text for Cow<'_, str> {
    #[inline]
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl<T: Text> Text for Option<T> {
    #[inline]
    fn text(&self) -> Option<&str> {
        self.as_ref().and_then(T::text)
    }
}

/// One of these.
#[inline]
pub fn one_of<T: Text>(value: &T, choices: &[&str]) -> Check {
    match value.text() {
        Some(text) if !choices.contains(&text) => Err(Broken::choice("literal_error", choices)),
        _ => Ok(()),
    }
}

/// A regular expression that was looked at when the plugin was compiled.
pub struct Pattern {
    text: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// `text` is known to be a regular expression.
    pub const fn new(text: &'static str) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    fn matches(&self, text: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| Regex::new(self.text).ok());
        compiled.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

/// Matched by the pattern.
#[inline]
pub fn pattern<T: Text>(value: &T, pattern: &Pattern) -> Check {
    match value.text() {
        Some(text) if !pattern.matches(text) => {
            let message = format!("must match the pattern {}", pattern.text);
            Err(Broken::new("string_pattern_mismatch", message, "pattern", &pattern.text))
        }
        _ => Ok(()),
    }
}

/// What a function of the plugin's own says of it: a code and a message if it is wrong.
#[inline]
pub fn check<T>(value: &T, function: impl FnOnce(&T) -> Result<(), (&'static str, &'static str)>) -> Check {
    function(value).map_err(|(code, message)| Broken::bare(code, message))
}

/// Notes that a value is none of a choice's texts.
#[cold]
pub fn no_choice(reader: &mut Reader<'_>, at: &At<'_>, choices: &[&str]) -> Stop {
    reader.note(Broken::choice("enum", choices).violation(at))
}

/// That a whole number does not fit into its field's type.
#[cold]
pub(crate) fn out_of_range(number: i64, least: &dyn Display, most: &dyn Display, at: &At<'_>) -> Violation {
    let broken = if number < 0 {
        Broken::new("greater_than_equal", format!("must be at least {least}"), "min", least)
    } else {
        Broken::new("less_than_equal", format!("must be at most {most}"), "max", most)
    };
    broken.violation(at)
}
