//! What only a real process, a real disk and real faults can show. Run by `cargo test --test e2e`; needs root
//! for the mounts, and `strace`.
//!
//! `SLUICEGATE_KILLS`, `SLUICEGATE_CUTS` and `SLUICEGATE_SEED` make the campaigns longer or repeat one.

#[path = "../support/client.rs"]
mod client;
#[path = "../support/process.rs"]
mod process;

mod disk;
mod kill;
mod load;
mod mount;
mod power;
mod readme;
