//! The console as a person sees it, in real Chromium. Run by `cargo test --test console`; needs Debian's `chromium`.
//!
//! `SLUICEGATE_SCREENSHOTS` names where the screenshots go; without it that is beside what is built. Those of the
//! README are taken so: `SLUICEGATE_SCREENSHOTS=docs cargo test --release --test console screenshots`.

mod browser;
#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../support/client.rs"]
mod client;
mod docs;
mod live;
mod picture;
#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../support/process.rs"]
mod process;
mod trial;
mod world;
