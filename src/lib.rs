//! Sluicegate: an ingestion gateway whose rules are WebAssembly components, swapped live.
//!
//! `ARCHITECTURE.md` is the map.
#![forbid(unsafe_code)]

pub mod app;
pub mod cli;
pub mod config;
pub mod http;
pub mod pipeline;
pub mod plugin;
pub mod record;
pub mod shutdown;
pub mod sink;
pub mod telemetry;
pub mod verdict;
