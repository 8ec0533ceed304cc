//! What an operator does with records that wait and with records that were set aside: on the real binary.

#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../support/client.rs"]
mod client;
#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../support/process.rs"]
mod process;

mod dead_letter;
mod replay;
mod replay_usage;
mod rig;
mod spool;
