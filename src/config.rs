//! One file and what overrides it become each room's own Config, or all problems at once.

use crate::{http, plugin, shutdown, sink, telemetry};

/// Everything a gateway needs to start, already valid.
#[derive(Debug, Clone)]
pub struct Config {
    pub http: http::Config,
    pub admin: http::AdminConfig,
    pub plugins: plugin::Config,
    pub sink: sink::Config,
    pub telemetry: telemetry::Config,
    pub shutdown: shutdown::Config,
}
