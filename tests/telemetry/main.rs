//! Telemetry as others see it: through the real OpenTelemetry Collector and a real Prometheus 3. Run by `cargo test
//! --test telemetry`; needs Go (which builds both, once a machine), Java and Maven for the broker, and curl.

#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../kafka/broker.rs"]
mod broker;
mod budget;
#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../support/client.rs"]
mod client;
mod collector;
mod dashboards;
#[path = "../support/deployed.rs"]
mod deployed;
mod outage;
mod panels;
mod part;
#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../support/process.rs"]
mod process;
mod prometheus;
#[allow(dead_code, reason = "other suites that share it need more of it")]
#[path = "../kafka/proxy.rs"]
mod proxy;
mod simulate;
mod swap;
mod trace;
