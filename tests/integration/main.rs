//! The real gateway on port 0, driven over real sockets, its records read from its real log.

#[path = "../support/client.rs"]
mod client;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/usage.rs"]
mod usage;

mod admin;
mod answers;
mod console;
mod contract;
mod depart;
mod descriptor;
mod docs;
mod events;
mod hostile;
mod idempotency;
mod limits;
mod memory;
mod permission;
mod person;
mod policy;
mod swap;

mod harness;
