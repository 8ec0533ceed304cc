//! Sluicegate: an ingestion gateway whose rules are WebAssembly components, swapped live.
//!
//! `ARCHITECTURE.md` is the map.
#![forbid(unsafe_code)]
#![warn(clippy::too_many_lines)]

/// What plugins return is many small pieces, made on one thread and freed on another: glibc's allocator costs a
/// batch of 1,000 records a fifth of its rate.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
