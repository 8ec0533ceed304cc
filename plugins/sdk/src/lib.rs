//! Write a Sluicegate plugin in Rust: a struct, its rules, its measurements, its examples.
//!
//! ```
//! use sluicegate_sdk::prelude::*;
//!
//! /// A card payment.
//! #[derive(Record)]
//! #[record(count = PAYMENTS(currency))]
//! struct Payment<'a> {
//!     #[field(id, key, min_len = 1)]
//!     payment_id: Cow<'a, str>,
//!     /// In the currency's major unit.
//!     #[field(above = 0, max = 1e6)]
//!     amount: f64,
//!     #[field(max_len = 3)]
//!     currency: Cow<'a, str>,
//! }
//!
//! static PAYMENTS: Meter<1> = counter("payments", ["currency"]).unit("{payment}");
//!
//! impl Route for Payment<'_> {
//!     const PATH: &'static str = "/v1/payments";
//!     const TITLE: &'static str = "Payment";
//!     const TOPICS: &'static [&'static str] = &["payments"];
//!     const EXAMPLES: &'static [Example] = &[
//!         Example::accept("plain", r#"{"payment_id": "P-1", "amount": 3, "currency": "EUR"}"#),
//!         Example::reject("free", r#"{"payment_id": "P-1", "amount": 0, "currency": "EUR"}"#, &["greater_than"]),
//!     ];
//! }
//!
//! plugin! { routes: [Payment], meters: [PAYMENTS] }
//! # fn main() {}
//! ```
//!
//! What one field cannot know by itself goes into [`Route::judge`], which may reject a record for many reasons at once,
//! measure it by a closure's or a function's result, split it, discard it.
//!
//! `plugin!` also makes a test of the examples, so `cargo test` proves them without any wasm;
//! [`test`] has what further tests need. Everything but the exports themselves compiles natively.

#![deny(unsafe_code)]

#[cfg(any(target_arch = "wasm32", test))]
#[allow(unsafe_code)]
mod arena;
mod at;
mod example;
mod field;
#[doc(hidden)]
pub mod guest;
mod host;
pub mod json;
pub mod lax;
mod ledger;
pub mod log;
mod meter;
mod out;
mod plugin;
mod route;
#[doc(hidden)]
pub mod rule;
mod same;
mod schema;
mod setting;
#[cfg(not(target_arch = "wasm32"))]
pub mod test;
mod violation;

/// What `wit-bindgen` makes of the contract in `wit/`.
#[allow(missing_docs, unsafe_code, clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "plugin",
        pub_export_macro: true,
        default_bindings_module: "sluicegate_sdk::bindings",
        export_macro_name: "export",
        additional_derives: [PartialEq],
    });
}

/// The contract's types, as `wit-bindgen` makes them.
pub use bindings::sluicegate::plugin::types as contract;

pub use at::At;
pub use example::Example;
pub use field::{Field, Slot};
pub use meter::{
    Attribute, AttributeRef, Counted, Instrument, Meter, Quantity, counter, exponential_histogram, gauge,
    histogram, up_down_counter,
};
pub use out::{Acceptance, Id, Key, Out};
pub use plugin::{Entry, Plugin};
pub use route::{Body, Input, Record, Route};
pub use schema::Schema;
pub use setting::{Declared, Setting, setting};
pub use sluicegate_sdk_derive::Record;
pub use violation::{Violation, Violations};

/// What nearly every plugin uses.
pub mod prelude {
    pub use std::borrow::Cow;

    pub use crate::lax::{Date, DateTime};
    pub use crate::{
        Acceptance, Body, Counted, Example, Input, Meter, Out, Record, Route, Setting, Violation, Violations,
        counter, exponential_histogram, gauge, histogram, plugin, setting, up_down_counter,
    };
}
