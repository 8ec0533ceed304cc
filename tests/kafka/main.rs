//! The promise of delivery against a real broker. Run by `cargo test --test kafka`; needs Java, Maven (which fetches
//! the broker once a machine) and `kcat`, an independent client that says what arrived.
//!
//! Faults in any order, and the gateway's own end in every state, are in `tests/faults`.

mod broker;
mod check;
#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../support/client.rs"]
mod client;
mod letters;
#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../e2e/load.rs"]
mod load;
mod oracle;
mod outage;
#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../support/process.rs"]
mod process;
#[allow(dead_code, reason = "other suites that share it need more of it")]
mod proxy;
mod refusal;
mod secure;
mod topic;
