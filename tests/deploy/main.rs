//! What `deploy/` says of the gateway is what the gateway does: names, labels, ports, paths, keys, variables, times.

#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../support/client.rs"]
mod client;
#[path = "../support/deployed.rs"]
mod deployed;
#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../support/process.rs"]
mod process;

mod agree;
mod alert;
mod dashboard;
mod key;
mod metric;
mod promql;
