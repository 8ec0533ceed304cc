use crate::json;
use crate::{Example, Field, Out, Violation, Violations};

/// What a route takes and how it judges it.
///
/// Only [`PATH`](Route::PATH), [`TITLE`](Route::TITLE) and [`TOPICS`](Route::TOPICS) have to be given.
pub trait Route {
    /// An absolute path, e.g. `/v1/payments`; `{name}` matches one segment.
    const PATH: &'static str;
    /// What one record is called, e.g. `Payment`.
    const TITLE: &'static str;
    /// Where accepted records may go, the usual one first.
    const TOPICS: &'static [&'static str];
    /// One line for the API documentation.
    const SUMMARY: &'static str = "";
    /// Records that show and prove what the route does.
    const EXAMPLES: &'static [Example] = &[];

    /// Judges a record that has been read without fault. What is to become of it and what it measures is said
    /// to `out`; if nothing is, it is published as it came. Left out: the record's own rules are all there are.
    ///
    /// # Errors
    ///
    /// What is wrong with the record, which is then rejected.
    fn judge(&self, _out: &mut Out<'_>) -> Result<(), Violations> {
        Ok(())
    }

    /// Sees what is wrong with a record that is rejected, after it has been read or judged: for instruments
    /// that count the rejected ones.
    fn rejected(_violations: &[Violation], _out: &mut Out<'_>) {}
}

/// A record as it is read from the body. `#[derive(Record)]` makes one of a struct, for JSON; what is not
/// JSON implements this itself.
#[diagnostic::on_unimplemented(message = "`{Self}` is not a record", note = "add `#[derive(Record)]` to it")]
pub trait Record<'a>: Sized {
    /// How a request is cut into records.
    const INPUT: Input = Input::Json;
    /// The name under which the record's own identifier is given back. Empty: it is not.
    const ID_FIELD: &'static str = "";

    /// Reads it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    fn read(body: Body<'a>) -> Result<Self, Violations>;

    /// Says its identifier and its key, as far as they are known without judging it.
    fn identify(&self, _out: &mut Out<'_>) {}

    /// Its JSON Schema, as JSON text. Empty for what is not JSON.
    fn schema() -> String {
        String::new()
    }
}

/// How a request's body is cut into records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// JSON: a record, an array of them, a record a line, or CloudEvents.
    Json,
    /// Text of these content types, a record a line.
    Lines(&'static [&'static str]),
    /// Of these content types; the whole body is one record.
    Whole(&'static [&'static str]),
}

/// One record's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// JSON, or of a content type that is text.
    Text(&'a str),
    /// Of any other content type.
    Bytes(&'a [u8]),
}

impl<'a> Body<'a> {
    /// The body as it came.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Body::Text(text) => text.as_bytes(),
            Body::Bytes(bytes) => bytes,
        }
    }

    /// The body as text.
    ///
    /// # Errors
    ///
    /// `string_unicode` if it is none.
    pub fn text(self) -> Result<&'a str, Violations> {
        match self {
            Body::Text(text) => Ok(text),
            Body::Bytes(bytes) => std::str::from_utf8(bytes).map_err(|wrong| {
                Violation::new("", "string_unicode", format!("is not UTF-8: {wrong}")).into()
            }),
        }
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    #[inline]
    pub fn json<T: Field<'a>>(self) -> Result<T, Violations> {
        json::read(self.text()?)
    }
}
