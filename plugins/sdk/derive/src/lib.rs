//! The derive of `sluicegate-sdk`: reading, rules, JSON Schema and identity from one struct.

mod attribute;
mod choice;
mod shape;
mod write;

use proc_macro::TokenStream;
use syn::{Data, DeriveInput, Error, parse_macro_input};

/// Makes a record, or a part of one, of a struct with named fields, or a choice of texts of an enum without fields.
///
/// On a field, `#[field(…)]` takes any of: `id` (the record's own identifier), `key` (its Kafka key), `rename = "…"`,
/// `default` (what `Default` says, if it is not there), `strict` (the value is not converted, nor are a list's elements:
/// as in Pydantic's strict mode, where only `ConfigDict(strict=True)` has them so), `measure = METER(field, …)` (the
/// field's number is measured, with these fields as the meter's attributes; nothing if it is absent) and the rules
/// `above`, `min`, `below`, `max` (numbers), `min_len`, `max_len` (texts and lists), `one_of("…", …)`, `pattern = "…"`
/// (a regular expression that the text has to hold somewhere: `^` and `$` are its ends), `format = "…"` (`email`,
/// `hostname`, `ipv4`, `ipv6`, `uri`, `uuid`) and `check = function`, which says of a value `Err((code, message))` if
/// it is wrong. Doc comments become descriptions.
///
/// On the struct, `#[record(…)]` takes `strict` (all of its fields are) and `count = METER(field, …)`, which counts the
/// record. Whatever is measured so is measured of each record that could be read; which verdicts an instrument takes is said
/// by its `counts`: those of accepted records, if it says nothing. Only the record that is a route's own is measured, not one
/// within it.
#[proc_macro_derive(Record, attributes(field, record))]
pub fn record(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let written = match &input.data {
        Data::Struct(data) => shape::Shape::parse(&input, data).map(|shape| write::write(&shape)),
        Data::Enum(data) => choice::write(&input, data),
        Data::Union(_) => {
            Err(Error::new_spanned(&input.ident, "a union cannot be a record: make it a struct"))
        }
    };
    written.unwrap_or_else(Error::into_compile_error).into()
}
