//! The promise of delivery against a real broker. Run by `cargo test --test kafka`; needs Java, Maven (which fetches
//! the broker once a machine) and `kcat`, an independent client that says what arrived.
//!
//! `SLUICEGATE_SEED` repeats a campaign.

mod broker;
#[path = "../support/client.rs"]
mod client;
mod kill;
#[path = "../e2e/load.rs"]
mod load;
mod outage;
#[path = "../support/process.rs"]
mod process;
mod proxy;
mod refusal;
mod secure;
mod topic;
