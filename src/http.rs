//! HTTP: the only room that knows it.
//!
//! The data port takes records (`ingest` is their way through the gateway), the admin port tells how things
//! are. Every refusal becomes an answer in one place, `answer`.

mod accept;
mod activity;
mod admin;
mod admission;
mod answer;
mod body;
mod connection;
mod data;
mod error;
mod header;
mod idempotency;
mod ingest;
mod length;
mod look;
mod message;
mod openapi;
mod origin;
mod readiness;
#[cfg(test)]
mod rig;
mod throttle;
mod violations;
mod wire;

pub use admin::{Admin, serve_admin};
pub use data::{Fittings, Gateway, serve_data};
pub use idempotency::{Config as IdempotencyConfig, Memory};
pub use openapi::{asyncapi, openapi};
pub use violations::{
    VIOLATIONS_KEPT_MAX as CONSOLE_VIOLATIONS_MAX, Violations, ViolationsConfig, ViolationsShown,
};

use crate::record;
use std::net::SocketAddr;
use std::time::Duration;

/// The data port.
/// The most that `violations_listed_max` may be: no more are kept.
pub const VIOLATIONS_KEPT_MAX: usize = crate::verdict::Rejection::LISTED_MAX;

#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    /// A body as it comes over the wire.
    pub body_bytes_max: usize,
    /// A body after its Content-Encoding is undone.
    pub decompressed_bytes_max: usize,
    pub records: record::Limits,
    /// A request's line and headers.
    pub header_bytes_max: usize,
    /// From a connection's start, or the end of the last answer, to the end of the next request's headers.
    pub header_timeout: Duration,
    /// From the end of the headers to the end of the body.
    pub body_timeout: Duration,
    /// From one bit of an answer that the client takes to the next.
    pub write_timeout: Duration,
    pub connections_max: usize,
    /// Requests being judged and delivered at a time, over all connections.
    pub in_flight_max: usize,
    /// Bytes of bodies held at a time, over all connections.
    pub body_budget_bytes: usize,
    /// Whether the API of the live plugins is shown to whoever asks.
    pub docs: bool,
    /// Violations that one answer lists in full: a record beyond has its first, and how many more there are.
    pub violations_listed_max: usize,
    /// Streams an HTTP/2 connection may have open.
    pub http2_streams_max: u32,
}

/// The admin port.
#[derive(Debug, Clone)]
pub struct AdminConfig {
    pub listen: SocketAddr,
    /// Host names that the admin port answers to, beside those of loopback and its own address.
    pub names: Vec<String>,
    pub connections_max: usize,
    /// What the console shows of rejected records.
    pub violations: ViolationsConfig,
}
